"""What a server said, read as strictly as the server reads: whatever is not to the letter is a defect."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_LINE: Final = re.compile(r"HTTP/1\.1 ([1-5][0-9]{2}) [A-Za-z' \-]*")
_FIELD: Final = re.compile(rf"({_TOKEN}): ([!-~](?:[\t -~]*[!-~])?)")
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODILESS: Final = frozenset({204, 304})
# What a client's bytes may come to: nothing that is the server's fault.
ALLOWED: Final = frozenset({200, 204, 400, 404, 405, 408, 413, 414, 417, 431, 501, 505})


class Malformed(Exception):
    """Bytes that are no answer to a client's bytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A final response.

    Attributes:
        whole: Whether it ended as its framing says.
        by_close: Whether that is the connection's end.
        closes: Whether it says that it is the last.
    """

    status: int
    fields: Mapping[str, str]
    body: bytes
    whole: bool
    by_close: bool = False

    @property
    def closes(self) -> bool:
        return self.fields["connection"] == "close"


def read_answers(data: bytes, *, ended: bool) -> Sequence[Answer]:
    """Read all that came on a connection; ``ended``: which the server has closed in order.

    Raises:
        Malformed: It is not a sequence of responses of which only the last may be cut short, and that only
            where the connection was reset.
    """
    answers: list[Answer] = []
    at = 0
    while at < len(data):
        while data.startswith(_CONTINUE, at):
            at += len(_CONTINUE)
        if answers and answers[-1].closes:
            raise Malformed(f"more follows what says that it is the last: {data[at : at + 100]!r}")
        if at == len(data) or (not ended and _CONTINUE.startswith(data[at:])):
            break
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            if ended:
                raise Malformed(f"half a head: {data[at : at + 100]!r}")
            break
        status, fields = _read_head(data[at:end])
        answer, at = _read_body(data, end + 4, status, fields, ended)
        answers.append(answer)
        if not answer.whole:
            if ended:
                raise Malformed(f"cut short, and closed as if it were not: {answer!r:.300}")
            break
    return answers


def _read_head(head: bytes) -> tuple[int, Mapping[str, str]]:
    line, *rest = head.decode("latin-1").split("\r\n")
    match = _LINE.fullmatch(line)
    found = [_FIELD.fullmatch(field) for field in rest]
    if match is None or not all(found):
        raise Malformed(f"a head that is none: {head[:300]!r}")
    fields = {field[1].lower(): field[2] for field in found if field}
    status = int(match[1])
    if len(fields) != len(found):
        raise Malformed(f"a field twice: {head[:300]!r}")
    if status not in ALLOWED:
        raise Malformed(f"{status}: {head[:300]!r}")
    if fields.get("connection") not in {"close", "keep-alive"}:
        raise Malformed(f"no word about the connection: {head[:300]!r}")
    if {"content-length", "transfer-encoding"} <= fields.keys():
        raise Malformed(f"two framings: {head[:300]!r}")
    return status, fields


def _read_body(
    data: bytes, at: int, status: int, fields: Mapping[str, str], ended: bool
) -> tuple[Answer, int]:
    if status in _BODILESS or fields.get("x-method") == "HEAD":
        return Answer(status, fields, b"", whole=True), at
    if "transfer-encoding" in fields:
        if fields["transfer-encoding"] != "chunked":
            raise Malformed(f"an unknown coding: {fields}")
        body, at, whole = _read_chunks(data, at)
        return Answer(status, fields, body, whole), at
    if "content-length" in fields:
        length = int(fields["content-length"])
        return Answer(status, fields, data[at : at + length], len(data) >= at + length), at + length
    if fields["connection"] != "close":
        raise Malformed(f"no framing: {fields}")
    return Answer(status, fields, data[at:], ended, by_close=True), len(data)


def _read_chunks(data: bytes, at: int) -> tuple[bytes, int, bool]:
    """Give the content, where it ends, and whether it does."""
    pieces: list[bytes] = []
    while (end := data.find(b"\r\n", at, at + 20)) >= 0:
        if re.fullmatch(rb"[0-9a-f]{1,16}", data[at:end]) is None:
            raise Malformed(f"no chunk: {data[at : at + 40]!r}")
        size = int(data[at:end], 16)
        at = end + 2 + size
        pieces.append(data[end + 2 : at])
        if len(data) >= at + 2 and data[at : at + 2] != b"\r\n":
            raise Malformed(f"a chunk without end: {data[at : at + 40]!r}")
        at += 2
        if not size:
            return b"".join(pieces), at, len(data) >= at
    return b"".join(pieces), at, False
