"""All cases of our own."""

from typing import Final

from tests.conformance.cases_bodies import BODIES
from tests.conformance.cases_heads import HEADS

CASES: Final = (*HEADS, *BODIES)
