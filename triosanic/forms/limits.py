"""What a form may take of us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from triosanic.config import Config

# RFC 7578 knows three fields of a part's header; these are the bounds that `multipart` has as defaults.
MAX_PART_HEADERS: Final = 8
MAX_PART_HEADER_BYTES: Final = 4096
# Browsers send no preamble; this is room for the sentence that mail programs put there.
MAX_PREAMBLE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class FormLimits:
    """Bounds of a form. Those that have no key are above.

    Attributes:
        max_parts: Parts of a ``multipart/form-data`` form, fields and files (``REQUEST_MAX_FORM_PARTS``).
        max_fields: Fields of an ``application/x-www-form-urlencoded`` form (``REQUEST_MAX_FORM_FIELDS``).
            There may be more of them, since one costs a tenth of a part's time.
        max_field_bytes: Everything but files, together (``REQUEST_MAX_FORM_SIZE``).
    """

    max_parts: int = 128
    max_fields: int = 1000
    max_field_bytes: int = 1 << 20

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Return what ``config`` lets a form take."""
        return cls(
            max_parts=config.REQUEST_MAX_FORM_PARTS,
            max_fields=config.REQUEST_MAX_FORM_FIELDS,
            max_field_bytes=config.REQUEST_MAX_FORM_SIZE,
        )
