"""What a peer may take of us: every bound of a connection, in one frozen record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from triosanic.config import Config


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a connection. Times in seconds (``_s``), sizes in bytes.

    The defaults and what happens past each are the table in ``docs/configuration.md``.
    """

    head_timeout_s: float = 10.0
    request_timeout_s: float = 60.0
    first_byte_timeout_s: float = 30.0
    body_min_rate: float = 240.0  # bytes a second, as Kestrel's default
    body_min_rate_grace_s: float = 5.0
    max_ratio: float = 100.0
    response_timeout_s: float = 60.0
    write_timeout_s: float = 60.0
    keep_alive_timeout_s: float = 120.0
    linger_timeout_s: float = 2.0
    linger_bytes: int = 1 << 20
    max_url_bytes: int = 8192
    max_head_bytes: int = 16384
    max_headers: int = 100
    max_trailer_bytes: int = 8192
    read_ahead_bytes: int = 65536
    high_water_bytes: int = 65536
    response_buffer_bytes: int = 16 << 20
    keep_alive: bool = True
    cancel_half_closed: bool = True
    access_log: bool = False

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Return what ``config`` lets a peer take."""
        return cls(
            head_timeout_s=config.REQUEST_HEAD_TIMEOUT,
            request_timeout_s=config.REQUEST_TIMEOUT,
            body_min_rate=config.BODY_MIN_RATE,
            body_min_rate_grace_s=config.BODY_MIN_RATE_GRACE,
            max_ratio=config.REQUEST_MAX_RATIO,
            response_timeout_s=config.RESPONSE_TIMEOUT,
            write_timeout_s=config.WRITE_TIMEOUT,
            keep_alive_timeout_s=config.KEEP_ALIVE_TIMEOUT,
            linger_timeout_s=config.LINGER_TIMEOUT,
            linger_bytes=config.LINGER_SIZE,
            max_url_bytes=config.REQUEST_MAX_URL_SIZE,
            max_head_bytes=config.REQUEST_MAX_HEADER_SIZE,
            max_headers=config.REQUEST_MAX_HEADERS,
            max_trailer_bytes=config.REQUEST_MAX_TRAILER_SIZE,
            # A head that is longer than the buffer could never be read to its end.
            read_ahead_bytes=max(config.REQUEST_BUFFER_SIZE, config.REQUEST_MAX_HEADER_SIZE + 4),
            # Who awaits waits above it, and must never meet the bound of those who do not.
            high_water_bytes=min(config.RESPONSE_HIGH_WATER, config.RESPONSE_BUFFER_LIMIT),
            response_buffer_bytes=config.RESPONSE_BUFFER_LIMIT,
            keep_alive=config.KEEP_ALIVE,
            cancel_half_closed=config.HALF_CLOSED_CLIENTS == "cancel",
            access_log=config.ACCESS_LOG,
        )

    @property
    def head_deadline_s(self) -> float:
        """Seconds from a head's first byte to its end: never longer than ``REQUEST_TIMEOUT``."""
        return min(self.head_timeout_s, self.request_timeout_s)

    @property
    def first_byte_deadline_s(self) -> float:
        """Seconds that a new connection may stay silent."""
        return min(self.first_byte_timeout_s, self.request_timeout_s)
