"""Header fields: the mapping, the rules for names and values, and the fields that need parsing.

Every parser takes time in proportion to its text, whatever the text is.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv6Address
from types import MappingProxyType
from typing import Final

from multidict import CIMultiDict

from triosanic.exceptions import InvalidHeader

# RFC 9110 §5.6.2.
_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_is_token: Final = re.compile(_TOKEN).fullmatch

# RFC 9110 §5.5: visible ASCII and the upper half of Latin-1, with spaces and tabs in between only.
_is_value: Final = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?").fullmatch

# Browsers write a quote inside a quoted value as %22 or as \", and leave a backslash alone. So \" is a quote
# inside, unless what follows it can only follow the end: a value that ends in a backslash.
_QUOTED: Final = r'"([^"]*(?:(?<=\\)"(?!;\s|\s*\Z)[^"]*)*)"'
_PARAM: Final = re.compile(rf";[ \t]*({_TOKEN})=(?:({_TOKEN})|{_QUOTED})")

# Pieces of a list; a comma or semicolon inside quotes does not part them. A quote that is never closed runs
# to the end: were it an error, each quote in turn would be tried to the end, which takes quadratic time.
_COMMA_PIECES: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.?)*(?:"|\Z))+', re.DOTALL)
_SEMICOLON_PIECES: Final = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.?)*(?:"|\Z))+', re.DOTALL)

# Browsers send up to ten. An entry costs 7 µs, and a head full of them would hold up everybody for 30 ms.
_MAX_ACCEPT_ENTRIES: Final = 100

# RFC 9110 §12.4.2, but with any number of digits, and ".2" as old Java clients write it.
_is_weight: Final = re.compile(r"0?\.[0-9]+|0\.?|1(?:\.0*)?").fullmatch

_split_host: Final = re.compile(
    r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~\-]{1,253})(?::([0-9]{1,5}))?"
).fullmatch
_MAX_PORT: Final = 65_535

_CREDENTIAL_PREFIXES: Final = ("Basic", "Bearer", "Token")


class Header(CIMultiDict[str]):
    """Header fields by name, whatever its case, with every value of a field that came several times.

    ``headers["accept"]`` and ``headers.getone("accept")`` give the first value, ``getall`` every one;
    ``headers.accept_language`` gives all of them joined by commas, and ``""`` if there is none.

    Source: Sanic 25.12 ``Header``.
    """

    def __getattr__(self, name: str) -> str:
        # Python asks for special names, which a field must not answer, to copy or to pickle.
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        # `from_` is From, which is a word of Python's. A response's fields may be any objects, as cookies.
        return ",".join(map(str, self.getall(name.rstrip("_").replace("_", "-"), [])))

    def get_all(self, key: str) -> list[str]:
        """Give every value of a field, none if it is not there."""
        return self.getall(key, [])


def check_header_name(name: str) -> None:
    """Refuse what cannot be the name of a field.

    Raises:
        ValueError: The name is not a token.

    Source: RFC 9110 §5.1.
    """
    if _is_token(name) is None:
        raise ValueError(
            f"the name of a header must be a token (letters, digits, !#$%&'*+-.^_`|~), not {name!r}"
        )


def check_header_value(value: str) -> None:
    """Refuse what cannot be the value of a field, above all a line break: it would start another field.

    Raises:
        ValueError: It has a control character other than a tab, one outside Latin-1, or a space or tab
            at its start or end.

    Source: RFC 9110 §5.5; CVE-2018-1000164, CVE-2020-7695.
    """
    # Nearly every value takes the short way: printable ASCII is what the rule allows, but for the ends.
    if value.isascii() and value.isprintable() and value.strip(" ") == value:
        return
    if _is_value(value) is None:
        raise ValueError(
            "the value of a header must be Latin-1 without control characters and without spaces "
            f"at its ends, not {value!r}"
        )


def parse_content_header(value: str) -> tuple[str, dict[str, str]]:
    """Split a ``Content-Type`` or ``Content-Disposition`` into its value and parameters.

    ``form-data; name=upload; filename="a.txt"`` gives
    ``("form-data", {"name": "upload", "filename": "a.txt"})``. What is not a parameter is left out; of two
    with the same name the later counts. ``%22`` and ``%0D%0A``, as browsers write them, become ``"`` and
    a line break.

    Source: Sanic 25.12 ``headers.parse_content_header``; HTML's multipart/form-data encoding.
    """
    head, params = split_content_header(value)
    return head, dict(params)


def split_content_header(value: str) -> tuple[str, list[tuple[str, str]]]:
    """Do what `parse_content_header` does, and keep every parameter of those with the same name."""
    head, semicolon, _ = value.partition(";")
    params: list[tuple[str, str]] = []
    if semicolon:
        for found in _PARAM.finditer(value, len(head)):
            name, token, quoted = found.groups()
            text = token if token is not None else quoted.replace('\\"', '"')
            params.append((name.lower(), text.replace("%22", '"').replace("%0D%0A", "\n")))
    return head.strip().lower(), params


@dataclass(frozen=True, eq=False)
class MediaType:
    """A media type or range of them, as ``Accept`` has them.

    It equals a string, or another one, of the same type and subtype, whatever the parameters.

    Args:
        type: What stands before the slash, in lower case; may be ``*``.
        subtype: What stands after it; may be ``*``.
        params: The parameters, ``q`` included where it is given.

    Source: Sanic 23.3 ``headers.MediaType``.
    """

    type: str
    subtype: str
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def mime(self) -> str:
        """Type and subtype, as ``text/html``."""
        return f"{self.type}/{self.subtype}"

    @cached_property
    def q(self) -> float:
        """How much the client wants it: 0 (not at all) to 1."""
        return float(self.params.get("q", "1"))

    @cached_property
    def wildcards(self) -> int:
        """How many of type and subtype are ``*``."""
        return (self.type == "*") + (self.subtype == "*")

    @cached_property
    def details(self) -> frozenset[str]:
        """Names of the parameters that belong to the type: all but ``q``."""
        return frozenset(self.params) - {"q"}

    @property
    def has_wildcard(self) -> bool:
        """Whether it stands for more than one media type."""
        return self.wildcards > 0

    def match(self, other: "str | MediaType") -> "MediaType | None":
        """Give this media type if ``other`` fits it, else ``None``.

        A ``*`` on either side fits anything. Parameters that ``other`` has must be here, and the same.
        """
        if isinstance(other, str):
            parsed = parse_media_type(other)
            if parsed is None:
                return None
            other = parsed
        fits = (
            (self.type == other.type or "*" in {self.type, other.type})
            and (self.subtype == other.subtype or "*" in {self.subtype, other.subtype})
            and all(self.params.get(name) == text for name, text in other.params.items())
        )
        return self if fits else None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MediaType):
            return self.mime == other.mime
        if isinstance(other, str):
            if ";" in other:
                raise ValueError("Use match() to compare with parameters")
            return self.mime == other
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.mime)

    def __str__(self) -> str:
        return self.mime + "".join(f";{name}={_requote(text)}" for name, text in self.params.items())

    __repr__ = __str__


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Matched:
    """What ``AcceptList.match`` found: true if it did, and equal to the string that was asked for.

    Args:
        mime: The one of the arguments that the client likes best, or ``""``.
        header: The entry of ``Accept`` that it fits, or ``None``.
    """

    mime: str
    header: MediaType | None

    def __bool__(self) -> bool:
        return self.header is not None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Matched):
            return self.mime == other.mime and self.header == other.header
        if isinstance(other, str):
            return self.mime == other
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.mime)

    def __str__(self) -> str:
        return self.mime

    def __repr__(self) -> str:
        return f"<{self.mime} matched {self.header}>" if self else "<no match>"


class AcceptList(list[MediaType]):
    """The media types of an ``Accept`` field, what the client likes best first.

    ``"text/html" in accept`` says whether the client names it; ``accept.match("text/html")`` whether it
    takes it, be it by a wildcard.
    """

    def match(self, *mimes: str, accept_wildcards: bool = True) -> Matched:
        """Find the one of ``mimes`` that the client likes best; among equals, the first.

        For each the entry counts that names it most exactly, so that ``*/*, text/html;q=0`` takes anything
        but HTML.

        Args:
            mimes: Media types to choose from; a ``*`` in one stands for whatever the client names.
            accept_wildcards: Whether entries with a ``*`` count.

        Source: Sanic 23.3 ``AcceptList.match``; precedence and the meaning of ``q=0``: RFC 9110 §12.5.1
        and §12.4.2, which Sanic does not follow.
        """
        entries = [entry for entry in self if accept_wildcards or not entry.has_wildcard]
        best = Matched("", None)
        for mime in mimes:
            entry = _entry_for(mime, entries)
            if entry is not None and entry.q > (best.header.q if best.header else 0):
                best = Matched(mime, entry)
        return best

    def __str__(self) -> str:
        return ", ".join(map(str, self))


def parse_media_type(text: str) -> MediaType | None:
    """Parse ``type/subtype;name=value``; give ``None`` if there is no slash.

    Raises:
        ValueError: A part is empty, a parameter has no value, or ``q`` is not a number from 0 to 1.
    """
    mime, *raw_params = _SEMICOLON_PIECES.findall(text) or [""]
    type_, slash, subtype = mime.strip().lower().partition("/")
    if not slash:
        return None
    if not type_ or not subtype:
        raise ValueError(f"a media type is type/subtype, not {text!r}")
    params: dict[str, str] = {}
    for raw in filter(str.strip, raw_params):
        name, equals, value = raw.strip().partition("=")
        if not equals:
            raise ValueError(f"a parameter of a media type is name=value, not {raw!r}")
        params[name.rstrip().lower()] = _unquote(value.strip())
    if "q" in params and _is_weight(params["q"]) is None:
        raise ValueError(f"q must be a number from 0 to 1, not {params['q']!r}")
    return MediaType(type_, subtype, MappingProxyType(params))


def parse_accept(accept: str | None) -> AcceptList:
    """Parse an ``Accept`` field; without one a client takes anything, with an empty one nothing.

    Entries without a slash are left out, as the ``*`` of old Java clients.

    Raises:
        InvalidHeader: An entry is not of the form, none is left, or there are more than 100.

    Source: RFC 9110 §12.5.1; Sanic 23.3 ``headers.parse_accept``.
    """
    if accept == "":
        return AcceptList()
    text = "*/*" if accept is None else accept
    refusal = InvalidHeader(f"Invalid header value in Accept: {accept}")
    if text.count(",") >= _MAX_ACCEPT_ENTRIES:
        raise refusal
    try:
        parsed = [parse_media_type(piece) for piece in _COMMA_PIECES.findall(text)]
    except ValueError as error:
        raise refusal from error
    entries = [entry for entry in parsed if entry is not None]
    if not entries:
        raise refusal
    entries.sort(key=lambda entry: (-entry.q, -len(entry.details), entry.wildcards))
    return AcceptList(entries)


def parse_credentials(
    header: str | None, prefixes: Iterable[str] = _CREDENTIAL_PREFIXES
) -> tuple[str | None, str | None]:
    """Split an ``Authorization`` field into its scheme and what follows.

    Args:
        header: The field's value; ``None`` gives ``(None, None)``.
        prefixes: The schemes to look for, whatever their case; a field with another one, or none, is given
            whole, with ``None`` for its scheme.

    Source: RFC 9110 §11.4; Sanic 25.12 ``headers.parse_credentials``.
    """
    if header is None:
        return None, None
    scheme, _, rest = header.strip().partition(" ")
    for prefix in prefixes:
        if prefix.lower() == scheme.lower():
            return prefix, rest.strip()
    return None, header


def parse_host(host: str) -> tuple[str | None, int | None]:
    """Split ``host:port``; what is missing is ``None``, and both are if it is not of the form.

    The host comes in lower case, an IPv6 address with its brackets.

    Source: RFC 9110 §4.2.3; Sanic 25.12 ``headers.parse_host``.
    """
    found = _split_host(host)
    if found is None:
        return None, None
    name, digits = found.groups()
    port = None if digits is None else int(digits)
    if port is not None and port > _MAX_PORT:
        return None, None
    if name[0] == "[":
        try:
            IPv6Address(name[1:-1])
        except ValueError:
            return None, None
    return name.lower(), port


def _entry_for(mime: str, entries: Iterable[MediaType]) -> MediaType | None:
    """Find the entry that decides about ``mime``: the most exact, or for a wildcard the best liked."""
    wanted = parse_media_type(mime)
    if wanted is None:
        return None
    fitting = [entry for entry in entries if entry.match(wanted)]
    if wanted.has_wildcard:
        return next(iter(fitting), None)
    # Parameters that were not asked for make an entry less fitting, not more.
    return min(fitting, key=lambda entry: (entry.wildcards, len(entry.details)), default=None)


def _unquote(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text


def _requote(text: str) -> str:
    if _is_token(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
