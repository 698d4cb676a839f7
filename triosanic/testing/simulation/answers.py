"""A strict reader of responses, which shares nothing with the server that wrote them.

A client feeds it what comes and takes answers out of it. Where RFC 9112 lets a recipient be lenient, it is
not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEAD: Final = re.compile(
    rb"HTTP/1\.1 ([1-5][0-9]{2}) [\t -~\x80-\xff]*\r\n((?:"
    + _TOKEN
    + rb":[ \t]*(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?\r\n)*)\r\n"
)
_SIZE: Final = re.compile(rb"([0-9a-f]{1,16})\r\n")
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_HEAD_BYTES: Final = 65_536  # no answer has a longer head; what goes on after it is no head
_LINE_BYTES: Final = 18
_CONTINUE: Final = 100
SWITCHING: Final = 101
_ACCEPT: Final = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 1.3: to the key of `asks.UPGRADE`
_NO_CONTENT: Final = frozenset({204, 304})

Headers = tuple[tuple[str, str], ...]


class Malformed(Exception):
    """What the server sent is no answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One final response.

    Attributes:
        status: The status code.
        headers: Fields, with names in lower case.
        body: The content.
        closes: Whether the connection ends with it.
        continued: Whether ``100 Continue`` came before it.
    """

    status: int
    headers: Headers
    body: bytes
    closes: bool
    continued: bool

    def __getitem__(self, name: str) -> str:
        """Return the value of the field ``name``; ``KeyError`` unless there is exactly one."""
        values = [value for field, value in self.headers if field == name]
        if len(values) != 1:
            raise KeyError(f"{name}: {len(values)} times among {self.headers}")
        return values[0]


class _Framing(Enum):
    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()


class AnswerReader:
    """Reads the answers of one connection.

    Attributes:
        continued: Whether ``100 Continue`` has come for the answer that is next.
        body: Content of the answer that has not ended yet.
        status: Its status; 0 before its head.
    """

    __slots__ = ("_data", "_framing", "_headers", "_last_chunk", "_left", "body", "continued", "status")

    def __init__(self) -> None:
        self._data = b""
        self._headers: Headers = ()
        self._framing = _Framing.LENGTH
        self._left = 0
        self._last_chunk = False
        self.continued = False
        self.body = b""
        self.status = 0

    @property
    def pending(self) -> bool:
        """Whether a part of an answer is there."""
        return bool(self._data) or self.status != 0

    def feed(self, data: bytes) -> None:
        """Add what came from the server."""
        self._data = self._data + data if self._data else data

    def take(
        self, method: str, *, http11: bool, expects: bool, upgrades: bool = False
    ) -> Answer | None:
        """Return the next answer, or ``None`` if it is not whole yet.

        Args:
            method: Of its request.
            http11: Whether the request was of HTTP/1.1.
            expects: Whether it has asked for ``100 Continue``.
            upgrades: Whether it has asked for a WebSocket: then all that follows the 101 is its content.

        Raises:
            Malformed: It is no answer to such a request.
        """
        while self.status == 0:
            if not self._read_head(method, http11=http11, expects=expects, upgrades=upgrades):
                return None
        if self._framing is _Framing.LENGTH:
            done = self._read_length()
        elif self._framing is _Framing.CHUNKED:
            done = self._read_chunks()
        else:
            self.body, self._data, done = self.body + self._data, b"", False
        return self._done() if done else None

    def end(self) -> Answer | None:
        """The server has ended its side: return an answer that ends with it, or ``None``."""
        return self._done() if self.status and self._framing is _Framing.CLOSE else None

    def _done(self) -> Answer:
        closes = self._framing is _Framing.CLOSE or ("connection", "close") in self._headers
        answer = Answer(self.status, self._headers, self.body, closes, self.continued)
        self.status, self.body, self.continued, self._last_chunk = 0, b"", False, False
        return answer

    def _read_head(self, method: str, *, http11: bool, expects: bool, upgrades: bool) -> bool:
        end = self._data.find(b"\r\n\r\n", 0, _HEAD_BYTES)
        if end < 0:
            if len(self._data) >= _HEAD_BYTES:
                raise Malformed(f"a head without end: {self._data[:200]!r}")
            return False
        match = _HEAD.fullmatch(self._data, 0, end + 4)
        if match is None:
            raise Malformed(f"no head of a response: {self._data[: end + 4]!r}")
        self._data = self._data[end + 4 :]
        lines = match[2].decode("latin-1").split("\r\n")[:-1]
        fields = (line.partition(":") for line in lines)
        headers = tuple((name.lower(), value.strip(" \t")) for name, _, value in fields)
        status = int(match[1])
        if status == SWITCHING and upgrades and ("sec-websocket-accept", _ACCEPT) in headers:
            self.status, self._headers, self._framing = status, headers, _Framing.CLOSE
            return True
        if status < 200:  # noqa: PLR2004  # RFC 9110 15.2: interim
            if status != _CONTINUE or not expects or self.continued or headers:
                raise Malformed(f"an interim response that was not asked for: {match[0]!r}")
            self.continued = True
            return True
        self.status, self._headers = status, headers
        self._frame(method, http11=http11)
        return True

    def _frame(self, method: str, *, http11: bool) -> None:
        """RFC 9112 6.3, without what a recipient may mend."""
        lengths = [value for name, value in self._headers if name == "content-length"]
        codings = [value for name, value in self._headers if name == "transfer-encoding"]
        bodiless = method == "HEAD" or self.status in _NO_CONTENT
        if len(lengths) + len(codings) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
            raise Malformed(f"framing is not clear: {self._headers}")
        if codings and (codings != ["chunked"] or not http11 or bodiless):
            raise Malformed(f"transfer-encoding {codings} to {method}, status {self.status}, http11 {http11}")
        if lengths and self.status == 204:  # noqa: PLR2004  # RFC 9110 8.6
            raise Malformed("a content-length in a 204")
        if len([name for name, _ in self._headers if name == "connection"]) > 1:
            raise Malformed(f"more than one connection field: {self._headers}")
        if bodiless or lengths:
            self._framing, self._left = _Framing.LENGTH, 0 if bodiless else int(lengths[0])
        else:
            self._framing, self._left = (_Framing.CHUNKED if codings else _Framing.CLOSE), 0

    def _read_length(self) -> bool:
        piece, self._data = self._data[: self._left], self._data[self._left :]
        self._left -= len(piece)
        self.body += piece
        return self._left == 0

    def _read_chunks(self) -> bool:
        """RFC 9112 7.1, without extensions and trailers: ``_left`` counts the CRLF after the data too."""
        while True:
            if self._left > 2:  # noqa: PLR2004  # data, and its CRLF
                piece = self._data[: self._left - 2]
                self._data = self._data[len(piece) :]
                self._left -= len(piece)
                self.body += piece
            if 0 < self._left <= 2:  # noqa: PLR2004  # its CRLF
                if len(self._data) < 2:  # noqa: PLR2004  # as above
                    return False
                if self._data[:2] != b"\r\n":
                    raise Malformed(f"a chunk does not end where its size says: {self._data[:20]!r}")
                self._data, self._left = self._data[2:], 0
                if self._last_chunk:
                    return True
            if self._left or not self._read_size():
                return False

    def _read_size(self) -> bool:
        match = _SIZE.match(self._data)
        if match is None:
            if len(self._data) > _LINE_BYTES or not re.fullmatch(rb"[0-9a-f]{0,16}\r?", self._data):
                raise Malformed(f"no size of a chunk: {self._data[:20]!r}")
            return False
        self._data = self._data[match.end() :]
        self._left = int(match[1], 16) + 2
        self._last_chunk = self._left == 2  # noqa: PLR2004  # a size of 0, and its CRLF
        return True
