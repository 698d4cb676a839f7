"""The configuration: every key with its default and rule, and what it is read from."""

import os
import re
import runpy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Final, Self, TypeAlias

from triosanic.constants import LocalCertCreator
from triosanic.exceptions import LoadFileException, PyFileError
from triosanic.helpers import Default, _default, import_string
from triosanic.log import error_logger

SANIC_PREFIX: Final = "SANIC_"

_TRUE: Final = frozenset({"y", "yes", "yep", "yup", "t", "true", "on", "enable", "enabled", "1"})
_FALSE: Final = frozenset({"n", "no", "f", "nope", "false", "off", "disable", "disabled", "0"})

_ENV_REFERENCE: Final = re.compile(r"\$\{(.+?)\}")
# RFC 9110 §5.6.2; RFC 7239 §4 in quotes, which need no escapes.
_is_token: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_is_secret: Final = re.compile(r"[ !#-\[\]-~]*").fullmatch
_is_server_name: Final = re.compile(
    r"(?:(?:(?:https?|wss?):)?//)?(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~\-]+)(?::[0-9]{1,5})?(?:/[!-~]*)?"
).fullmatch
_DOTTED_NAME: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a key's value must be.

    Args:
        text: The rule in words, to follow "must be".
        accepts: Whether a value keeps it.
    """

    text: str
    accepts: Callable[[object], bool]


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: object, least: int = 0) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= least


def _flag(value: object) -> bool:
    # The environment has 1 and 0 for it, which are cast to int first.
    return isinstance(value, int) and value in {0, 1}


def _text(value: object) -> bool:
    return isinstance(value, str)


def _or_none(rule: Rule) -> Rule:
    return Rule(f"{rule.text}, or None", lambda value: value is None or rule.accepts(value))


def _or_default(rule: Rule) -> Rule:
    return Rule(rule.text, lambda value: isinstance(value, Default) or rule.accepts(value))


def _one_of(*choices: str) -> Rule:
    return Rule(f"one of {', '.join(map(repr, choices))}", lambda value: _text(value) and value in choices)


_SECONDS: Final = Rule("a number of seconds, 0 or more (inf for no limit)", _number)
_RATE: Final = Rule("a number of bytes a second, 0 or more", _number)
_RATIO: Final = Rule("a ratio, 1 or more (inf for no limit)", lambda value: _number(value, 1))
_BYTES: Final = Rule("a whole number of bytes, 0 or more", lambda value: _whole(value, 0))
_BUFFER: Final = Rule("a whole number of bytes, 1 or more", lambda value: _whole(value, 1))
_COUNT: Final = Rule("a whole number, 0 or more", lambda value: _whole(value, 0))
_POSITIVE: Final = Rule("a whole number, 1 or more", lambda value: _whole(value, 1))
_PORT: Final = Rule("a port, 0 to 65535", lambda value: _whole(value, 0) and value in range(1 << 16))
_FLAG: Final = Rule("True or False", _flag)
_TEXT: Final = Rule("a string", _text)
_FIELD: Final = Rule(
    "a string, the name of a header", lambda value: isinstance(value, str) and _is_token(value) is not None
)
_OPTIONAL_FIELD: Final = Rule(
    "a string, the name of a header, or None",
    lambda value: value is None or value == "" or _FIELD.accepts(value),
)
_SECRET: Final = Rule(
    "a string of printable ASCII without quotes and backslashes, or None",
    lambda value: value is None or (isinstance(value, str) and _is_secret(value) is not None),
)
_SERVER_NAME: Final = Rule(
    "a string, a host as 'example.com', 'example.com:8443' or 'https://example.com'",
    lambda value: value == "" or (isinstance(value, str) and _is_server_name(value) is not None),
)
_PATH: Final = Rule("a path", lambda value: isinstance(value, str | PathLike))
_CERT_CREATOR: Final = Rule(
    f"one of {', '.join(map(repr, map(str, LocalCertCreator)))}, in either case",
    lambda value: isinstance(value, str) and value.upper() in set(LocalCertCreator),
)
_MAPPING: Final = Rule("a mapping", lambda value: isinstance(value, Mapping))

# Key: its default and its rule. One without a default, SERVER_NAME, is absent until it is set.
_KEYS: Final[Mapping[str, tuple[object, Rule]]] = MappingProxyType(
    {
        "ACCESS_LOG": (False, _FLAG),
        "APP_TASK_FAILURE": ("log", _one_of("log", "stop")),
        "AUTO_EXTEND": (True, _FLAG),
        "AUTO_RELOAD": (False, _FLAG),
        # The minimum of Kestrel, with its grace.
        "BODY_MIN_RATE": (240, _RATE),
        "BODY_MIN_RATE_GRACE": (5.0, _SECONDS),
        "DEPRECATION_FILTER": ("once", _one_of("default", "error", "ignore", "always", "module", "once")),
        "EVENT_AUTOREGISTER": (False, _FLAG),
        "FALLBACK_ERROR_FORMAT": ("auto", _one_of("auto", "html", "json", "text")),
        "FORWARDED_FOR_HEADER": ("X-Forwarded-For", _FIELD),
        "FORWARDED_SECRET": (None, _SECRET),
        "GRACEFUL_SHUTDOWN_TIMEOUT": (15.0, _SECONDS),
        "GRACEFUL_TCP_CLOSE_TIMEOUT": (5.0, _SECONDS),
        "HALF_CLOSED_CLIENTS": ("cancel", _one_of("cancel", "finish")),
        "INSPECTOR": (False, _FLAG),
        "INSPECTOR_API_KEY": ("", _TEXT),
        "INSPECTOR_HOST": ("localhost", _TEXT),
        "INSPECTOR_PORT": (6457, _PORT),
        "INSPECTOR_TLS_CERT": (_default, _or_default(_PATH)),
        "INSPECTOR_TLS_KEY": (_default, _or_default(_PATH)),
        "KEEP_ALIVE": (True, _FLAG),
        "KEEP_ALIVE_TIMEOUT": (120, _SECONDS),
        "LINGER_SIZE": (1 << 20, _BYTES),
        "LINGER_TIMEOUT": (2.0, _SECONDS),
        "LOCALHOST": ("localhost", _TEXT),
        "LOCAL_CERT_CREATOR": (LocalCertCreator.AUTO, _CERT_CREATOR),
        "LOCAL_TLS_CERT": (_default, _or_default(_PATH)),
        "LOCAL_TLS_KEY": (_default, _or_default(_PATH)),
        "LOG_EXTRA": (_default, _or_default(_FLAG)),
        "LOG_FORMAT": ("text", _one_of("text", "json")),
        "MAX_CONNECTIONS": (None, _or_none(_POSITIVE)),
        "MOTD": (True, _FLAG),
        "MOTD_DISPLAY": (MappingProxyType({}), _MAPPING),
        "NOISY_EXCEPTIONS": (False, _FLAG),
        "NO_COLOR": (False, _FLAG),
        "PROXIES_COUNT": (None, _or_none(_COUNT)),
        "REAL_IP_HEADER": (None, _OPTIONAL_FIELD),
        "REQUEST_BUFFER_SIZE": (65_536, _BUFFER),
        "REQUEST_HEAD_TIMEOUT": (10.0, _SECONDS),
        "REQUEST_ID_HEADER": ("X-Request-ID", _FIELD),
        "REQUEST_MAX_FORM_FIELDS": (1000, _COUNT),
        "REQUEST_MAX_FORM_PARTS": (128, _COUNT),
        "REQUEST_MAX_FORM_SIZE": (1 << 20, _BYTES),
        "REQUEST_MAX_HEADERS": (100, _COUNT),
        "REQUEST_MAX_HEADER_SIZE": (16_384, _BUFFER),
        # What is said compresses by 8 to 30, zeros by 1000.
        "REQUEST_MAX_RATIO": (100, _RATIO),
        "REQUEST_MAX_SIZE": (100_000_000, _BYTES),
        "REQUEST_MAX_TRAILER_SIZE": (8192, _BYTES),
        "REQUEST_MAX_URL_SIZE": (8192, _BUFFER),
        "REQUEST_TIMEOUT": (60, _SECONDS),
        "RESPONSE_BUFFER_LIMIT": (16 << 20, _BUFFER),
        "RESPONSE_COMPRESSION": (False, _FLAG),
        # What is shorter leaves in one packet either way.
        "RESPONSE_COMPRESSION_MIN_SIZE": (1024, _BYTES),
        "RESPONSE_HIGH_WATER": (65_536, _BUFFER),
        "RESPONSE_TIMEOUT": (60, _SECONDS),
        "SERVER_NAME": (_default, _SERVER_NAME),
        "TLS_CERT_PASSWORD": ("", _TEXT),
        "TLS_HANDSHAKE_TIMEOUT": (10.0, _SECONDS),
        "TOUCHUP": (_default, _or_default(_FLAG)),
        "USE_UVLOOP": (_default, _or_default(_FLAG)),
        "WEBSOCKET_CLOSE_TIMEOUT": (10.0, _SECONDS),
        "WEBSOCKET_COMPRESSION": (False, _FLAG),
        # Bandit's bound, beyond the first 64 KiB of a message.
        "WEBSOCKET_MAX_RATIO": (25, _RATIO),
        "WEBSOCKET_MAX_SIZE": (1 << 20, _BUFFER),
        "WEBSOCKET_PING_INTERVAL": (20, _or_none(_SECONDS)),
        "WEBSOCKET_PING_TIMEOUT": (20, _or_none(_SECONDS)),
        "WRITE_TIMEOUT": (60, _SECONDS),
    }
)

DEFAULT_CONFIG: Final[Mapping[str, object]] = MappingProxyType(
    {key: default for key, (default, _) in _KEYS.items() if key != "SERVER_NAME"}
)


class DetailedConverter(ABC):
    """A converter of environment variables that wants to know more than the value.

    Source: Sanic 24.12 ``config.DetailedConverter``.
    """

    @abstractmethod
    def __call__(self, full_key: str, config_key: str, value: str, defaults: Mapping[str, object]) -> object:
        """Convert a value.

        Args:
            full_key: Name of the variable.
            config_key: The same without the prefix.
            value: Its text.
            defaults: What the configuration starts from.

        Raises:
            ValueError: The value is not for this converter; the next one is asked.
        """


Converter: TypeAlias = Callable[[str], object] | DetailedConverter


def str_to_bool(val: str) -> bool:
    """Read a truth value, such as ``yes``, ``off`` or ``1``, whatever its case.

    Raises:
        ValueError: It is none.
    """
    lowered = val.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    error = ValueError(f"Invalid truth value {val}")
    error.add_note(f"a truth value is one of {', '.join(sorted(_TRUE | _FALSE))}")
    raise error


class Config(dict[str, Any]):
    """The settings of an app: a dict whose keys are attributes too.

    A key that this server reads is checked whenever it is set; any other key takes any value. A subclass may
    have settings as attributes: they are its defaults.

    Args:
        defaults: Settings that replace the defaults below.
        env_prefix: Environment variables with it are loaded, and count more than everything above;
            ``None`` or ``""`` loads none.
        keep_alive: ``KEEP_ALIVE``, if it is not ``None``.
        converters: What to cast environment variables with, before int, float, bool and str are tried.

    Raises:
        ValueError: A value breaks the rule of its key.

    Source: Sanic 25.12 ``config.Config``.
    """

    # The dict is its own __dict__, so that reading a setting is a plain attribute access.
    __slots__ = ("__dict__", "__weakref__", "_converters", "_defaults")

    _converters: list[Converter]
    _defaults: dict[str, object]

    ACCESS_LOG: bool
    APP_TASK_FAILURE: str
    AUTO_EXTEND: bool
    AUTO_RELOAD: bool
    BODY_MIN_RATE: float
    BODY_MIN_RATE_GRACE: float
    DEPRECATION_FILTER: str
    EVENT_AUTOREGISTER: bool
    FALLBACK_ERROR_FORMAT: str
    FORWARDED_FOR_HEADER: str
    FORWARDED_SECRET: str | None
    GRACEFUL_SHUTDOWN_TIMEOUT: float
    GRACEFUL_TCP_CLOSE_TIMEOUT: float
    HALF_CLOSED_CLIENTS: str
    INSPECTOR: bool
    INSPECTOR_API_KEY: str
    INSPECTOR_HOST: str
    INSPECTOR_PORT: int
    INSPECTOR_TLS_CERT: str | PathLike[str] | Default
    INSPECTOR_TLS_KEY: str | PathLike[str] | Default
    KEEP_ALIVE: bool
    KEEP_ALIVE_TIMEOUT: float
    LINGER_SIZE: int
    LINGER_TIMEOUT: float
    LOCALHOST: str
    LOCAL_CERT_CREATOR: str
    LOCAL_TLS_CERT: str | PathLike[str] | Default
    LOCAL_TLS_KEY: str | PathLike[str] | Default
    LOG_EXTRA: bool | Default
    LOG_FORMAT: str
    MAX_CONNECTIONS: int | None
    MOTD: bool
    MOTD_DISPLAY: dict[str, str]
    NOISY_EXCEPTIONS: bool
    NO_COLOR: bool
    PROXIES_COUNT: int | None
    REAL_IP_HEADER: str | None
    REQUEST_BUFFER_SIZE: int
    REQUEST_HEAD_TIMEOUT: float
    REQUEST_ID_HEADER: str
    REQUEST_MAX_FORM_FIELDS: int
    REQUEST_MAX_FORM_PARTS: int
    REQUEST_MAX_FORM_SIZE: int
    REQUEST_MAX_HEADERS: int
    REQUEST_MAX_HEADER_SIZE: int
    REQUEST_MAX_RATIO: float
    REQUEST_MAX_SIZE: int
    REQUEST_MAX_TRAILER_SIZE: int
    REQUEST_MAX_URL_SIZE: int
    REQUEST_TIMEOUT: float
    RESPONSE_BUFFER_LIMIT: int
    RESPONSE_COMPRESSION: bool
    RESPONSE_COMPRESSION_MIN_SIZE: int
    RESPONSE_HIGH_WATER: int
    RESPONSE_TIMEOUT: float
    SERVER_NAME: str
    TLS_CERT_PASSWORD: str
    TLS_HANDSHAKE_TIMEOUT: float
    TOUCHUP: bool | Default
    USE_UVLOOP: bool | Default
    WEBSOCKET_CLOSE_TIMEOUT: float
    WEBSOCKET_COMPRESSION: bool
    WEBSOCKET_MAX_RATIO: float
    WEBSOCKET_MAX_SIZE: int
    WEBSOCKET_PING_INTERVAL: float | None
    WEBSOCKET_PING_TIMEOUT: float | None
    WRITE_TIMEOUT: float

    def __new__(cls, *_: object, **__: object) -> Self:
        """Make it so that a copy, which no ``__init__`` makes, has its keys as attributes too."""
        config = super().__new__(cls)
        object.__setattr__(config, "__dict__", config)
        return config

    def __init__(
        self,
        defaults: Mapping[str, object] | None = None,
        env_prefix: str | None = SANIC_PREFIX,
        keep_alive: bool | None = None,
        *,
        converters: Iterable[Converter] | None = None,
    ) -> None:
        own = {key: getattr(type(self), key) for key in _KEYS if hasattr(type(self), key)}
        self._defaults = {**DEFAULT_CONFIG, "MOTD_DISPLAY": {}, **own, **(defaults or {})}
        self._converters = [int, float, str_to_bool, str]
        self.register_type(*(converters or ()))
        self.update(self._defaults)
        # Sanic programs add to it in place: to this one, not to what it was made from.
        self.MOTD_DISPLAY = dict(self.MOTD_DISPLAY)
        if keep_alive is not None:
            self.KEEP_ALIVE = keep_alive
        if env_prefix:
            self.load_environment_vars(env_prefix)

    def __setitem__(self, key: str, value: object) -> None:
        if hasattr(Config, key):
            raise ValueError(f"config.{key} is a method and cannot be a key; write keys in upper case")
        if key in _KEYS and not (rule := _KEYS[key][1]).accepts(value):
            raise ValueError(f"config.{key} must be {rule.text}, not {value!r}")
        super().__setitem__(key, value)

    # A dict's own ways of setting keys pass __setitem__ by; these are those of a mapping, which call it.
    update = MutableMapping.update
    setdefault = MutableMapping.setdefault

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc]  # a dict's | makes a plain dict
        self.update(other)
        return self

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"Config has no {name!r}")

    def __setattr__(self, name: str, value: object) -> None:
        if name in Config.__slots__:
            object.__setattr__(self, name, value)
        else:
            self[name] = value

    def __repr__(self) -> str:
        # Some values are secrets, and a repr ends up in logs.
        changed = [key for key, value in self.items() if value != DEFAULT_CONFIG.get(key, _default)]
        return f"<Config: {len(self)} keys, not at their defaults: {', '.join(sorted(changed)) or 'none'}>"

    def load(self, config: str | bytes | PathLike[str] | Mapping[str, object] | object) -> None:
        """Take over the settings of a file, a mapping, a class, an object or a module.

        Only keys in upper case count.

        Args:
            config: A path to a file of Python, in which ``${NAME}`` stands for an environment variable; or
                a dotted name, ``"package.module.Class"``; or what has the settings as items or attributes.

        Raises:
            LoadFileException: The path names an environment variable that is not set.
            OSError: The file cannot be read.
            PyFileError: The file failed while it ran.
            ImportError: There is nothing of that dotted name.
            ValueError: A value breaks the rule of its key.

        Source: Sanic 25.12 ``config.Config.update_config``.
        """
        if isinstance(config, str | bytes | PathLike):
            config = load_module_from_file_location(config)
        if isinstance(config, Mapping):
            settings = dict(config)
        else:
            settings = {name: getattr(config, name) for name in dir(config) if name.isupper()}
        self.update({key: value for key, value in settings.items() if key.isupper()})

    update_config = load
    # The names of 2017.
    from_object = load
    from_pyfile = load

    def from_envvar(self, variable_name: str) -> None:
        """Take over the settings of the file that an environment variable names; see `load`.

        Raises:
            LoadFileException: The variable is not set.

        Source: Sanic 0.5 ``config.Config.from_envvar``.
        """
        self.load(f"${{{variable_name}}}")

    def load_environment_vars(self, prefix: str = SANIC_PREFIX) -> None:
        """Take over every environment variable that starts with ``prefix`` and goes on in upper case.

        Each is cast by the first converter that takes it and whose result keeps the rule of the key.

        Raises:
            ValueError: No converter's result keeps the rule.

        Source: Sanic 25.12 ``config.Config.load_environment_vars``.
        """
        for name, text in os.environ.items():
            key = name.removeprefix(prefix)
            if name.startswith(prefix) and key.isupper():
                self._load_variable(name, key, text)

    def register_type(self, *converters: Converter) -> None:
        """Add converters of environment variables; the one added last is asked first.

        Args:
            converters: Each takes the text, and raises ``ValueError`` if it is not for it.

        Source: Sanic 25.12 ``config.Config.register_type``.
        """
        for converter in converters:
            if converter in self._converters:
                name = getattr(converter, "__name__", type(converter).__name__)
                error_logger.warning("Configuration value converter '%s' has already been registered", name)
            else:
                self._converters.insert(0, converter)

    def _load_variable(self, name: str, key: str, text: str) -> None:
        reason: ValueError | None = None
        for converter in self._converters:
            try:
                if isinstance(converter, DetailedConverter):
                    self[key] = converter(name, key, text, self._defaults)
                else:
                    self[key] = converter(text)
            except ValueError as error:
                reason = error
            else:
                return
        raise ValueError(f"the environment variable {name} is of no use: {reason}") from reason


def check_override(name: str, value: object, key: str) -> None:
    """Check what a route says instead of the configuration; ``None`` says nothing.

    Raises:
        ValueError: It breaks the rule of ``key``.
    """
    rule = _KEYS[key][1]
    if value is not None and not rule.accepts(value):
        raise ValueError(f"{name} must be {rule.text}, or None for config.{key}, not {value!r}")


def load_module_from_file_location(location: str | bytes | PathLike[str], encoding: str = "utf8") -> object:
    """Import a dotted name, or run a file of Python.

    Args:
        location: ``"package.module.Class"``, or a path; ``${NAME}`` in it stands for an environment variable.
        encoding: That of ``location``, if it is bytes.

    Returns:
        The module that the file made; or what the dotted name stands for.

    Raises:
        LoadFileException: The path names an environment variable that is not set.
        OSError: The file cannot be read.
        PyFileError: The file failed while it ran.
        ImportError: There is nothing of that dotted name.

    Source: Sanic 25.12 ``utils.load_module_from_file_location``.
    """
    name = location.decode(encoding) if isinstance(location, bytes) else os.fspath(location)
    if _DOTTED_NAME.fullmatch(name) and not name.endswith(".py") and not Path(name).is_file():
        return import_string(name)
    path = _expand(name)
    # A file that cannot be read is told apart here from one that fails while it runs.
    with path.open("rb"):
        pass
    module = ModuleType("config")
    try:
        vars(module).update(runpy.run_path(str(path), run_name="config"))
    except Exception as error:
        raise PyFileError(path) from error
    return module


def _expand(name: str) -> Path:
    """Put environment variables in place of ``${NAME}``."""
    missing = sorted({key for key in _ENV_REFERENCE.findall(name) if key not in os.environ})
    if missing:
        raise LoadFileException(f"The following environment variables are not set: {', '.join(missing)}")
    return Path(_ENV_REFERENCE.sub(lambda found: os.environ[found[1]], name))
