"""Sanic's formatters, by the names that programs have in their ``log_config``.

Each takes no arguments, and writes one record as one line, whatever a client put into it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from triosanic.log import (
    ACCESS_DEFAULTS,
    ACCESS_FIELDS,
    ACCESS_FORMAT,
    DATE_FORMAT,
    GENERIC_FORMAT,
    LineFormatter,
    access_fields_of,
    add_extras,
    json_line,
)

_Style = Literal["%", "{", "$"]


class LegacyFormatter(LineFormatter):
    """Format a record as a line of text, as the default configuration does.

    Args:
        fmt: See `logging.Formatter`; ``None`` takes the default configuration's.
        datefmt: Likewise.
        style: Likewise.
        validate: Likewise.
        defaults: Likewise.
    """

    FORMAT: ClassVar[str] = GENERIC_FORMAT
    DEFAULTS: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: _Style = "%",
        validate: bool = True,
        *,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        values = self.DEFAULTS if defaults is None else defaults
        super().__init__(fmt or self.FORMAT, datefmt or DATE_FORMAT, style, validate, defaults=values)


class LegacyAccessFormatter(LegacyFormatter):
    """Format a record of ``sanic.access`` as a line of text; see `LegacyFormatter`."""

    FORMAT: ClassVar[str] = ACCESS_FORMAT
    DEFAULTS: ClassVar[Mapping[str, Any]] = ACCESS_DEFAULTS


# Sanic's differ in colours and columns; here there is one form, which no terminal is asked for.
AutoFormatter = ProdFormatter = DebugFormatter = LegacyFormatter
AutoAccessFormatter = ProdAccessFormatter = DebugAccessFormatter = LegacyAccessFormatter


class JSONFormatter(logging.Formatter):
    """Format a record as a line of JSON: Sanic's fields, and what the call was given as ``extra``.

    A value that JSON has no form for is written as its text. ``triosanic.log.JSONFormatter``, which
    ``LOG_FORMAT`` chooses, has names of its own.

    Args:
        fmt: Has no effect.
        datefmt: See `logging.Formatter`.
        others: Have no effect.

    Source: Sanic 25.12 ``logging.formatter.JSONFormatter``.
    """

    def __init__(
        self,
        fmt: str | None = None,  # noqa: ARG002  # as above; `dictConfig` passes it
        datefmt: str | None = None,
        *others: object,  # noqa: ARG002  # likewise
    ) -> None:
        super().__init__(datefmt=datefmt or "%Y-%m-%d %H:%M:%S %z")

    def format(self, record: logging.LogRecord) -> str:
        """Format the record as one line; JSON escapes what would end or hide it."""
        return json_line(self.to_dict(record))

    def to_dict(self, record: logging.LogRecord) -> dict[str, Any]:
        """Give the fields; a subclass may give others."""
        fields = self._heading(record) | {
            name: getattr(record, name)
            for name in ("name", "levelno", "pathname", "module", "filename", "lineno")
        }
        fields |= access_fields_of(record)
        add_extras(fields, record, ("exc_info", "stack_info"))
        if record.exc_info:
            fields["exc_info"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack_info"] = record.stack_info
        return fields

    def _heading(self, record: logging.LogRecord) -> dict[str, Any]:
        timestamp = self.formatTime(record, self.datefmt)
        return {"timestamp": timestamp, "level": record.levelname, "message": record.getMessage()}


class JSONAccessFormatter(JSONFormatter):
    """Format a record of ``sanic.access`` as a line of JSON with the fields of the exchange.

    Source: Sanic 25.12 ``logging.formatter.JSONAccessFormatter``.
    """

    def to_dict(self, record: logging.LogRecord) -> dict[str, Any]:
        """Give the fields, ``None`` for those that a program's own record has not."""
        return self._heading(record) | {name: getattr(record, name, None) for name in ACCESS_FIELDS}
