"""How a route takes the bodies of its requests, where it differs from the configuration."""

from dataclasses import dataclass, fields
from typing import Any

from triosanic.config import check_override


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyRules:
    """What the decorator of a route says of bodies; ``None`` leaves it to the configuration.

    Args:
        request_max_size: Bound of a body in bytes; a route that streams has none without it.
        body_min_rate: Bytes a second that a client must send; 0: any.
        body_min_rate_grace: Seconds before that rate counts.
        decompress: Whether bodies in gzip or deflate are inflated.

    Raises:
        ValueError: A value breaks the rule of the configuration's key.
    """

    request_max_size: int | None = None
    body_min_rate: float | None = None
    body_min_rate_grace: float | None = None
    decompress: bool = False

    def __post_init__(self) -> None:
        check_override("request_max_size", self.request_max_size, "REQUEST_MAX_SIZE")
        check_override("body_min_rate", self.body_min_rate, "BODY_MIN_RATE")
        check_override("body_min_rate_grace", self.body_min_rate_grace, "BODY_MIN_RATE_GRACE")
        if not isinstance(self.decompress, bool):
            raise ValueError(  # noqa: TRY004  # as for every other value that breaks its rule
                f"decompress must be True, for gzip and deflate, or False, not {self.decompress!r}"
            )

    @property
    def paced(self) -> bool:
        """Whether the rate of a body is not that of the configuration."""
        return self.body_min_rate is not None or self.body_min_rate_grace is not None


def take_body_rules(options: dict[str, Any]) -> BodyRules | None:
    """Take out of a decorator's options those about bodies; ``None``: there are none.

    Raises:
        ValueError: See `BodyRules`.
    """
    said = {field.name: options.pop(field.name) for field in fields(BodyRules) if field.name in options}
    return BodyRules(**said) if said else None
