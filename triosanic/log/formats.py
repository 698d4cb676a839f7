"""Formatters under which one call is one record: of a line and indented ones, or of one line of JSON."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Any, Final, TypeAlias

from triosanic.log.escaping import escape_controls, shown

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

# What a record of ``sanic.access`` tells of an exchange.
ACCESS_FIELDS: Final = ("host", "request", "status", "byte", "duration")
# What every record has, as the ones below; the last three come with formatting, and with Python 3.12.
_OWN: Final = frozenset(
    {*vars(logging.makeLogRecord({})), *ACCESS_FIELDS, "verbosity", "message", "asctime", "taskName"}
)
# A continuation line starts with it, so that none can pass for a record of its own.
_INDENT: Final = "    "
_RESET: Final = "\x1b[0m"
_COLORS: Final[Mapping[int, str]] = MappingProxyType(
    {
        logging.DEBUG: "\x1b[36m",  # cyan
        logging.INFO: "\x1b[32m",  # green
        logging.WARNING: "\x1b[33m",  # yellow
        logging.ERROR: "\x1b[31m",  # red
        logging.CRITICAL: "\x1b[1;31m",
    }
)


class LineFormatter(logging.Formatter):
    """Format a record as one line; a traceback follows it as indented lines.

    Args:
        args: Those of `logging.Formatter`.
        extra: Whether the fields that a call has added follow as well, each as an indented line.
        color: Whether the level's name is coloured, where it stands in brackets.
        options: Likewise those of `logging.Formatter`.
    """

    def __init__(self, *args: Any, extra: bool = False, color: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self._extra = extra
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        """Format the record, with its added fields, and with what its traceback says."""
        text = super().format(record)
        if not self._extra:
            return text
        return "\n".join([text, *(f"{_INDENT}{shown(k)}={shown(v)}" for k, v in extras_of(record))])

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Format the record without its traceback, as one line."""
        line = escape_controls(super().formatMessage(record))
        color = _COLORS.get(record.levelno) if self._color else None
        if color is None:
            return line
        # After the escaping, which would take it for a client's; a level's name is a program's.
        level = f"[{record.levelname}]"
        return line.replace(level, f"[{color}{record.levelname}{_RESET}]", 1)

    def formatException(self, ei: ExcInfo) -> str:
        """Format a traceback, indented: an exception's text may come from a client."""
        return _indent(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        """Format a stack, indented as a traceback is."""
        return _indent(super().formatStack(stack_info))


class JSONFormatter(logging.Formatter):
    r"""Format a record as one line of JSON, whatever is in it.

    The members are ``time`` (UTC, ISO 8601, with milliseconds), ``level``, ``logger``, ``process`` and
    ``message``; of an exchange ``host``, ``request``, ``status``, ``byte`` and ``duration``; ``exception``
    and ``stack`` with ``\n`` for their line ends; and the fields that a call has added. One of those that has
    the name of another member begins with ``extra_``; one that JSON has no form for is told by its ``str``.

    Args:
        extra: Whether added fields are members.
    """

    def __init__(self, *, extra: bool = True) -> None:
        super().__init__()
        self._extra = extra

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        members = self._members(record)
        if self._extra:
            add_extras(members, record, ("exception", "stack"))
        return json_line(members)

    def _members(self, record: logging.LogRecord) -> dict[str, Any]:
        moment = datetime.fromtimestamp(record.created, UTC)
        members: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        members |= access_fields_of(record)
        # Not `record.exc_text`, which another formatter may have left there in its own form.
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            members["stack"] = record.stack_info
        return members


def json_line(members: Mapping[str, Any]) -> str:
    """Write an object as one line of JSON in ASCII, whatever its values are."""
    return "{" + ",".join(f"{json.dumps(name)}:{_encode(value)}" for name, value in members.items()) + "}"


def access_fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Give those of `ACCESS_FIELDS` that a record has."""
    return {name: vars(record)[name] for name in ACCESS_FIELDS if name in vars(record)}


def add_extras(members: dict[str, Any], record: logging.LogRecord, reserved: Sequence[str]) -> None:
    """Add the fields that a call has added to its record, and let none take the place of another.

    Args:
        members: What the record has otherwise.
        record: The record.
        reserved: Names that ``members`` may have in other records.
    """
    for name, value in extras_of(record):
        while name in members or name in reserved:
            name = f"extra_{name}"
        members[name] = value


def extras_of(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """Give the fields that a call has added to its record by ``extra``."""
    return ((str(name), value) for name, value in vars(record).items() if name not in _OWN)


class VerbosityFilter(logging.Filter):
    """Let pass what is not more verbose than is asked for: ``logger.info(..., extra={"verbosity": 1})``.

    Args:
        verbosity: What ``app.run(verbosity=...)`` says; a call that says nothing has 0.

    Source: Sanic 25.12 ``log.VerbosityFilter``.
    """

    def __init__(self, name: str = "", verbosity: int = 0) -> None:
        super().__init__(name)
        self._verbosity = verbosity

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record passes."""
        wanted = vars(record).get("verbosity", 0)
        return not isinstance(wanted, int) or wanted <= self._verbosity


def _encode(value: object) -> str:
    """Write a value as JSON in ASCII, without a line end or anything else that moves a cursor."""
    try:
        return json.dumps(value, default=shown, allow_nan=False)
    except Exception:  # noqa: BLE001  # of a program's own class, or what JSON has no form for
        return json.dumps(shown(value))


def _indent(text: str) -> str:
    return "\n".join(_INDENT + escape_controls(line) for line in text.split("\n"))
