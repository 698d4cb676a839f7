"""The loggers, whose names are Sanic's because programs configure them."""

import logging
import warnings
from contextlib import suppress
from typing import Final

from triosanic.log.escaping import escape_controls


class _Guarded(logging.Logger):
    """A logger whose handlers may fail: a full disk must not end a connection, nor the server."""

    def handle(self, record: logging.LogRecord) -> None:
        """Give a record to the handlers; what they raise is told on stderr, as logging's own do."""
        try:
            record.getMessage()
        except Exception:  # noqa: BLE001  # of a `__str__` or `__repr__`, which is the program's
            record.msg, record.args = f"{record.msg} (what belongs in it cannot be shown)", None
        try:
            super().handle(record)
        except Exception:  # noqa: BLE001  # of filters and handlers, which are the program's
            with suppress(Exception):  # stderr can be closed: then nobody is left to tell
                logging.Handler().handleError(record)


def _guarded(name: str) -> logging.Logger:
    """Return a logger of the standard class as a guarded one, also if a program has got it before."""
    found = logging.getLogger(name)
    if type(found) is logging.Logger:
        found.__class__ = _Guarded
    return found


logger: Final = _guarded("sanic.root")
error_logger: Final = _guarded("sanic.error")
access_logger: Final = _guarded("sanic.access")
server_logger: Final = _guarded("sanic.server")
websockets_logger: Final = _guarded("sanic.websockets")


def log_access(*, host: str, request: str, status: int, sent_bytes: int, duration_s: float) -> None:
    """Log one finished exchange to ``sanic.access``.

    The texts are escaped here, and not only by our formatter, because programs bring their own.

    Args:
        host: Address and port of the client.
        request: Method and URL as the client sent them.
        status: Status of the response.
        sent_bytes: Bytes of the response's body.
        duration_s: Seconds from the request's first byte to the response's last.

    Source: Sanic 25.12: the record has ``status``, ``byte``, ``host``, ``request`` and ``duration``.
    """
    if not access_logger.isEnabledFor(logging.INFO):
        return
    access_logger.info(
        "",
        extra={
            "host": escape_controls(host),
            "request": escape_controls(request),
            "status": status,
            "byte": sent_bytes,
            "duration": f"{duration_s * 1000:.1f}ms",
        },
    )


def deprecation(message: str, version: float) -> None:
    """Warn the caller of the function that calls this of what goes out of use.

    Args:
        message: What, and what to use instead.
        version: The version that will not have it any more.

    Source: Sanic 25.12 ``log.deprecation``.
    """
    warnings.warn(f"[DEPRECATION v{version}] {message}", DeprecationWarning, stacklevel=3)
