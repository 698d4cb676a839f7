"""The server's loggers, and formatters under which one call is one record.

The names are Sanic's, because programs configure them. Importing this module configures nothing.
"""

import logging
import logging.config
import re
from types import TracebackType
from typing import Any, Final, TypeAlias

logger: Final = logging.getLogger("sanic.root")
error_logger: Final = logging.getLogger("sanic.error")
access_logger: Final = logging.getLogger("sanic.access")
server_logger: Final = logging.getLogger("sanic.server")
websockets_logger: Final = logging.getLogger("sanic.websockets")

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

# What a log must not hold as it is: C0, DEL and C1 move the cursor or end the line, U+2028 and U+2029 end
# it for some readers, the marks of writing direction make a line read otherwise than it is, and a stream
# cannot encode a lone surrogate.
_UNSAFE: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)

# A continuation line starts with it, so that none can pass for a record of its own.
_INDENT: Final = "    "

_DATE_FORMAT: Final = "[%Y-%m-%d %H:%M:%S %z]"


def escape_controls(text: str) -> str:
    r"""Write what could forge or hide a log line as an escape: ``\n``, ``\x1b``, ``\u202e``.

    Everything else, a backslash included, stays as it is; escaping twice is the same as once.

    Source: CVE-2020-7694, where a request's path wrote to the terminal of whoever read the log.
    """
    # Nearly every text is printable, and this test is ten times quicker than the search.
    if text.isprintable():
        return text
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class LineFormatter(logging.Formatter):
    """Format a record as one line; a traceback follows it as indented lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Format the record without its traceback, as one line."""
        return escape_controls(super().formatMessage(record))

    def formatException(self, ei: ExcInfo) -> str:
        """Format a traceback, indented: an exception's text may come from a client."""
        return _indent(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        """Format a stack, indented as a traceback is."""
        return _indent(super().formatStack(stack_info))


# A plain dict: programs copy it, change the copy, and pass that as log_config.
LOGGING_CONFIG_DEFAULTS: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {
        "sanic.root": {"level": "INFO", "handlers": ["console"]},
        "sanic.error": {"level": "INFO", "handlers": ["error_console"]},
        "sanic.access": {"level": "INFO", "handlers": ["access_console"]},
        "sanic.server": {"level": "INFO", "handlers": ["console"]},
        "sanic.websockets": {"level": "INFO", "handlers": ["console"]},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "generic", "stream": "ext://sys.stdout"},
        "error_console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "stream": "ext://sys.stderr",
        },
        "access_console": {
            "class": "logging.StreamHandler",
            "formatter": "access",
            "stream": "ext://sys.stdout",
        },
    },
    "formatters": {
        "generic": {
            "()": "triosanic.log.LineFormatter",
            "fmt": "%(asctime)s [%(process)d] [%(levelname)s] %(message)s",
            "datefmt": _DATE_FORMAT,
        },
        "access": {
            "()": "triosanic.log.LineFormatter",
            "fmt": "%(asctime)s - (%(name)s)[%(levelname)s][%(host)s]: "
            "%(request)s %(message)s %(status)s %(byte)s %(duration)s",
            "datefmt": _DATE_FORMAT,
            # A program may log to sanic.access without these.
            "defaults": {"host": "", "request": "", "status": "", "byte": "", "duration": ""},
        },
    },
}


def configure(config: dict[str, Any] | None = None) -> None:
    """Set up logging for the whole process.

    Args:
        config: A dictionary for ``logging.config.dictConfig``; ``None`` takes ``LOGGING_CONFIG_DEFAULTS``.

    Raises:
        ValueError: The dictionary is not of the form.
    """
    logging.config.dictConfig(LOGGING_CONFIG_DEFAULTS if config is None else config)


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


def _indent(text: str) -> str:
    return "\n".join(_INDENT + escape_controls(line) for line in text.split("\n"))
