"""All cases of our own."""

from typing import Final

from tests.conformance.cases_bodies import BODIES
from tests.conformance.cases_heads import HEADS
from tests.conformance.cases_rare import RARE

CASES: Final = (*HEADS, *BODIES, *RARE)
