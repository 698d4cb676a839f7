"""How logging is set up for a process that serves."""

import logging.config
import sys
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from triosanic.log.colors import colors_wanted
from triosanic.log.formats import ACCESS_FIELDS

DATE_FORMAT: Final = "[%Y-%m-%d %H:%M:%S %z]"
GENERIC_FORMAT: Final = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
ACCESS_FORMAT: Final = (
    "%(asctime)s - (%(name)s)[%(levelname)s][%(host)s]: "
    "%(request)s %(message)s %(status)s %(byte)s %(duration)s"
)
# A program may log to sanic.access without these.
ACCESS_DEFAULTS: Final = dict.fromkeys(ACCESS_FIELDS, "")

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
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "filters": ["verbosity"],
            "stream": "ext://sys.stdout",
        },
        "error_console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "filters": ["verbosity"],
            "stream": "ext://sys.stderr",
        },
        "access_console": {
            "class": "logging.StreamHandler",
            "formatter": "access",
            "stream": "ext://sys.stdout",
        },
    },
    "filters": {"verbosity": {"()": "triosanic.log.VerbosityFilter", "verbosity": 0}},
    "formatters": {
        "generic": {
            "()": "triosanic.log.LineFormatter",
            "fmt": GENERIC_FORMAT,
            "datefmt": DATE_FORMAT,
        },
        "access": {
            "()": "triosanic.log.LineFormatter",
            "fmt": ACCESS_FORMAT,
            "datefmt": DATE_FORMAT,
            "defaults": ACCESS_DEFAULTS,
        },
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStyle:
    """How the log looks, where the program brings no configuration of its own.

    Args:
        json_lines: Whether each record is one line of JSON.
        extra: Whether the fields that a call has added are told; ``None``: in JSON, and with ``debug``.
        color: Whether a terminal gets colours, unless the environment's ``NO_COLOR`` says otherwise.
        debug: Whether what is told on the level DEBUG is.
        verbosity: See `VerbosityFilter`.
    """

    json_lines: bool = False
    extra: bool | None = None
    color: bool = True
    debug: bool = False
    verbosity: int = 0


def styled(style: LogStyle) -> dict[str, Any]:
    """Give ``LOGGING_CONFIG_DEFAULTS`` as a style wants them."""
    config = deepcopy(LOGGING_CONFIG_DEFAULTS)
    config["filters"]["verbosity"]["verbosity"] = style.verbosity
    if style.debug:
        for logger in config["loggers"].values():
            logger["level"] = "DEBUG"
    if style.json_lines:
        formatter = {"()": "triosanic.log.JSONFormatter", "extra": style.extra is not False}
        config["formatters"] = {name: dict(formatter) for name in config["formatters"]}
        return config
    for formatter in config["formatters"].values():
        formatter["extra"] = style.debug if style.extra is None else style.extra
    if style.color and colors_wanted():
        _color(config)
    return config


def configure(config: dict[str, Any] | None = None, style: LogStyle = LogStyle()) -> None:
    """Set up logging for the whole process.

    Args:
        config: A dictionary for ``logging.config.dictConfig``; ``None`` takes ``LOGGING_CONFIG_DEFAULTS``.
        style: How those look.

    Raises:
        ValueError: The dictionary is not of the form.
    """
    logging.config.dictConfig(styled(style) if config is None else config)


def _color(config: dict[str, Any]) -> None:
    """Let the handlers that write to a terminal have formatters with colours."""
    for handler in config["handlers"].values():
        name = handler["formatter"]
        stream = sys.stderr if handler["stream"] == "ext://sys.stderr" else sys.stdout
        if stream is not None and stream.isatty():
            config["formatters"][f"{name}_color"] = {**config["formatters"][name], "color": True}
            handler["formatter"] = f"{name}_color"
