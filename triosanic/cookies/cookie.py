"""A cookie that a response sets: the value of a Set-Cookie field, of which every part is checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypedDict

from triosanic.exceptions import ServerError

# Source: Sanic 25.12; RFC 6265 §4.1.1 has the same without the colon.
_PLAIN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z:]"
_is_plain: Final = re.compile(f"{_PLAIN}+").fullmatch
# What stands for itself inside quotes; any other character below U+0100 is written as a backslash and its
# number in octal, a control character and a semicolon too.
_QUOTABLE: Final = re.compile(f"{_PLAIN}|[ ()/<=>?@\\[\\]{{}}]").fullmatch
_ESCAPES: Final = MappingProxyType(
    {code: f"\\{code:03o}" for code in range(256) if _QUOTABLE(chr(code)) is None}
)
# RFC 6265 §4.1.1, path-value: visible ASCII and the space, but no semicolon.
_is_attribute: Final = re.compile(r"[ -:<-~]*").fullmatch
_is_domain: Final = re.compile(r"\.?[0-9A-Za-z_]([0-9A-Za-z._\-]{0,252})").fullmatch
_is_number: Final = re.compile(r"-?[0-9]{1,18}").fullmatch
_FIRST_YEAR: Final = 1601  # RFC 6265 §5.1.1

# Names of attributes: a cookie of this name could be taken for one. Each with the attribute of `Cookie` that
# ``cookie["max-age"]`` stands for.
_ATTRIBUTES: Final = MappingProxyType(
    {
        "path": "path",
        "comment": "comment",
        "domain": "domain",
        "max-age": "max_age",
        "expires": "expires",
        "samesite": "samesite",
        "secure": "secure",
        "httponly": "httponly",
        "partitioned": "partitioned",
    }
)
_SAME_SITE: Final = ("Strict", "Lax", "None")


def _refusal(kind: type[Exception], message: str, value: object, wanted: str = "") -> Exception:
    """Make an error in Sanic's words, with what they leave open as its note."""
    error = kind(message)
    error.add_note(f"it is {value!r}{f'; wanted: {wanted}' if wanted else ''}")
    return error


def _read_key(value: object) -> str:
    if not isinstance(value, str) or not _is_plain(value):
        raise _refusal(KeyError, "Cookie key contains illegal characters", value, "letters, digits, signs")
    if value.lower() in _ATTRIBUTES:
        raise _refusal(KeyError, "Cookie name is a reserved word", value, "no attribute's name")
    return value


def _read_value(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"the value of a cookie must be a string, not {value!r}: use str() or json.dumps()")
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as exc:
        raise ValueError(f"the value of a cookie must be text that UTF-8 can hold, not {value!r}") from exc
    return value


def _read_text(name: str) -> Callable[[object], str | None]:
    def read(value: object) -> str | None:
        if value is not None and (not isinstance(value, str) or not _is_attribute(value)):
            rule = "printable ASCII without a semicolon (quote it with urllib.parse.quote)"
            raise ValueError(f"the {name} of a cookie must be {rule}, not {value!r}")
        return value or None

    return read


def _read_domain(value: object) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _is_domain(value):
        raise ValueError(f"the domain of a cookie must be a host's name, in punycode, not {value!r}")
    return value


def _read_max_age(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and _is_number(value):
        return int(value)
    raise _refusal(ValueError, "Cookie max-age must be an integer", value, "a whole number of seconds")


def _read_expires(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise _refusal(
            TypeError, "Cookie 'expires' property must be a datetime", value, "without a zone: UTC"
        )
    try:
        year = _in_utc(value).year
    except OverflowError:
        year = 0
    if year < _FIRST_YEAR:
        raise ValueError(
            f"Cookie 'expires' property must be from 1601 to 9999 in UTC, not {value!r}: "
            "browsers pass over others (max_age=0 deletes a cookie)"
        )
    return value


def _read_same_site(value: object) -> str | None:
    if value is None:
        return None
    name = value.title() if isinstance(value, str) else ""
    if name not in _SAME_SITE:
        raise _refusal(TypeError, "Cookie 'samesite' property must be one of: strict,lax,none", value)
    return name


_READERS: Final[Mapping[str, Callable[[object], object]]] = MappingProxyType(
    {
        "key": _read_key,
        "value": _read_value,
        "path": _read_text("path"),
        "domain": _read_domain,
        "secure": bool,
        "max_age": _read_max_age,
        "expires": _read_expires,
        "httponly": bool,
        "samesite": _read_same_site,
        "partitioned": bool,
        "comment": _read_text("comment"),
    }
)


class CookieOptions(TypedDict, total=False):
    """The attributes of a cookie; see `Cookie`."""

    path: str | None
    domain: str | None
    secure: bool
    max_age: int | None
    expires: datetime | None
    httponly: bool
    samesite: str | None
    partitioned: bool
    comment: str | None
    host_prefix: bool
    secure_prefix: bool


class Cookie:
    """A cookie that a response sets. ``str(cookie)`` is the value of its Set-Cookie field.

    Its attributes can be changed until the response leaves, as ``cookie.httponly = True`` or
    ``cookie["httponly"] = True``; whatever is set is checked, so that nothing can end the field or add to it.

    Args:
        key: The name: letters, digits and ``!#$%&'*+-.^_`|~:``.
        value: The value, any text; it is quoted if it has to be.
        path: The paths that it is sent to; ``None``: those beside the request's.
        domain: The host that it is sent to, with the hosts below it; ``None``: only the one that set it.
        secure: Whether it is sent over TLS only.
        max_age: Seconds to keep it; 0 deletes it, ``None``: as ``expires`` says.
        expires: Until when to keep it, in UTC or with a zone; ``None``: as long as the browser runs.
        httponly: Whether scripts in the page cannot read it.
        samesite: ``"Strict"``, ``"Lax"`` or ``"None"``: whether other sites' requests carry it.
        partitioned: Whether it belongs to this site as it stands within another one.
        comment: A comment, which browsers ignore.
        host_prefix: Whether ``__Host-`` is put before the name: browsers then take it from this host alone.
        secure_prefix: Whether ``__Secure-`` is put before the name.

    Raises:
        KeyError: The name is none that a cookie can have.
        TypeError, ValueError: Another argument breaks its rule.
        ServerError: Its prefix or partition needs other arguments.

    Source: Sanic 25.12 ``Cookie``; RFC 6265 §4.1.1; CVE-2026-35536.
    """

    HOST_PREFIX: ClassVar[str] = "__Host-"
    SECURE_PREFIX: ClassVar[str] = "__Secure-"

    __slots__ = tuple(_READERS)

    key: str
    value: str
    path: str | None
    domain: str | None
    secure: bool
    max_age: int | None
    expires: datetime | None
    httponly: bool
    samesite: str | None
    partitioned: bool
    comment: str | None

    def __init__(
        self,
        key: str,
        value: str,
        *,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = True,
        max_age: int | None = None,
        expires: datetime | None = None,
        httponly: bool = False,
        samesite: str | None = "Lax",
        partitioned: bool = False,
        comment: str | None = None,
        host_prefix: bool = False,
        secure_prefix: bool = False,
    ) -> None:
        self.key = key  # checked by itself first: a prefix would hide that it is the name of an attribute
        self.key = self.make_key(key, host_prefix, secure_prefix)
        self.value = value
        self.path = path
        self.domain = domain
        self.secure = secure
        self.max_age = max_age
        self.expires = expires
        self.httponly = httponly
        self.samesite = samesite
        self.partitioned = partitioned
        self.comment = comment
        _check_prefix(self, host_prefix, secure_prefix)

    @classmethod
    def make_key(cls, key: str, host_prefix: bool = False, secure_prefix: bool = False) -> str:
        """Put a prefix before a name.

        Raises:
            ServerError: Both are asked for.
        """
        if host_prefix and secure_prefix:
            raise ServerError(
                "Both host_prefix and secure_prefix were requested. A cookie should have only one prefix."
            )
        return f"{cls.HOST_PREFIX if host_prefix else cls.SECURE_PREFIX if secure_prefix else ''}{key}"

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, _READERS[name](value) if name in _READERS else value)

    def __getitem__(self, attribute: str) -> Any:
        return getattr(self, _ATTRIBUTES[attribute.lower()])

    def __setitem__(self, attribute: str, value: object) -> None:
        if attribute.lower() not in _ATTRIBUTES:
            raise KeyError(f"a cookie has {', '.join(_ATTRIBUTES)}, not {attribute!r}")
        setattr(self, _ATTRIBUTES[attribute.lower()], value)

    def __repr__(self) -> str:
        # Its value may be a secret, and a repr ends up in logs.
        return f"<Cookie {self.key}>"

    def __str__(self) -> str:
        pieces = [f"{self.key}={_quote(self.value)}"]
        pieces += [
            f"{name}={value}"
            for name, value in (
                ("Path", self.path),
                ("Comment", self.comment),
                ("Domain", self.domain),
                ("Max-Age", self.max_age),
                ("Expires", None if self.expires is None else _show_date(self.expires)),
                ("SameSite", self.samesite),
            )
            if value is not None
        ]
        flags = (("Secure", self.secure), ("HttpOnly", self.httponly), ("Partitioned", self.partitioned))
        return "; ".join(pieces + [name for name, wanted in flags if wanted])


def _check_prefix(cookie: Cookie, host_prefix: bool, secure_prefix: bool) -> None:
    """RFC 6265bis 4.1.3: browsers drop a cookie whose prefix promises what it does not keep."""
    if host_prefix and not cookie.secure:
        raise ServerError("Cannot set host_prefix on a cookie without secure=True")
    if secure_prefix and not cookie.secure:
        raise ServerError("Cannot set secure_prefix on a cookie without secure=True")
    if host_prefix and cookie.path != "/":
        raise ServerError("Cannot set host_prefix on a cookie unless path='/'")
    if host_prefix and cookie.domain:
        raise ServerError("Cannot set host_prefix on a cookie with a defined domain")
    if cookie.partitioned and not cookie.secure:
        raise ServerError("Cannot create a partitioned cookie without secure=True")


def _quote(value: str) -> str:
    return value if _is_plain(value) else f'"{value.translate(_ESCAPES)}"'


def _show_date(moment: datetime) -> str:
    """RFC 9110 §5.6.7; Sanic writes the older form of it, in the zone that the datetime happens to have."""
    return format_datetime(_in_utc(moment), usegmt=True)


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
