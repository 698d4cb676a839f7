"""Requests, and what came back, as values that can be compared."""

from __future__ import annotations

import base64
import http.client
import io
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

# What stands in a response and is neither the program's nor compared, with the reason.
LEFT_OUT: Final[Mapping[str, str]] = {
    "date": "Sanic sends none; RFC 9110 6.6.1 wants one",
    "etag": "Sanic's files have none",
    "connection": "of one hop: who closes, and who says so, is tested in tests/http",
    "keep-alive": "as above; Sanic has not sent it since 2021",
    "transfer-encoding": "of one hop: the bodies are compared as they are read",
}
CRLF: Final = "\r\n"
# The lines of `framework.show`.
SHOWN: Final = re.compile(r"(?:[^\s:]+: .*(?:\n|$))+")
# A start of a program takes a second; on a machine that does much else, many.
PATIENCE_S: Final = 30


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to both, and the paragraph of the contract it belongs to."""

    paragraph: str
    name: str
    raw: bytes
    # For WebSockets: what is sent once so many frames have come. What comes with the request, or before a
    # handler has been told of the frame before it, Sanic may lose.
    then: Sequence[tuple[int, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; of several fields with one name, all values."""

    status: int | str
    fields: Mapping[str, list[str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Makes the requests of a paragraph."""

    number: str

    def ask(  # the parts of a request
        self,
        target: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        host: str = "example.com:8000",
        **fields: str,
    ) -> Request:
        """Give a request after which the connection closes; ``x_a="1"`` is the field ``X-A``."""
        named = {name.strip("_").replace("_", "-").title(): value for name, value in fields.items()}
        length = {"Content-Length": str(len(body))} if body or method in {"POST", "PUT", "PATCH"} else {}
        closing = {"Connection": "close"} if "Upgrade" not in named else {}
        lines = [f"{k}: {v}" for k, v in ({"Host": host} | closing | length | named).items()]
        head = CRLF.join([f"{method} {target} HTTP/1.1", *lines, "", ""])
        said = [f"{k}: {v}" for k, v in named.items()] + ([repr(body)[2:-1]] if body else [])
        name = " | ".join(
            [f"{method} {target}", *([f"Host: {host}"] if host != "example.com:8000" else []), *said]
        )
        return Request(
            self.number, name if len(name) <= 160 else f"{name[:160]}…{len(name)}", head.encode() + body
        )

    def gets(self, *targets: str) -> Iterable[Request]:
        """Give a GET for each target."""
        return [self.ask(target) for target in targets]

    def post(self, target: str, body: bytes = b"", **fields: str) -> Request:
        """Give a POST."""
        return self.ask(target, method="POST", body=body, **fields)

    def raw(self, name: str, raw: bytes, then: Sequence[tuple[int, bytes]] = ()) -> Request:
        """Give bytes as they are."""
        return Request(self.number, name, raw, then)


class _Received:
    """What ``http.client`` takes for a socket."""

    def __init__(self, received: bytes) -> None:
        self.received = received

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.received)


def send(port: int, request: Request) -> Answer:
    """Send a request, and read until the connection ends."""
    received, then, reset = b"", list(request.then), False
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        try:
            connection.sendall(request.raw)
            while piece := connection.recv(65_536):
                received += piece
                while then and frames_in(received) >= then[0][0]:
                    connection.sendall(then.pop(0)[1])
        except ConnectionError:  # it closed with bytes unread: what had come before counts
            reset = True
        except TimeoutError:
            received = b""
    if reset and not received:
        return Answer("cut short", {}, b"")
    return parse(received.replace(str(port).encode(), b"PORT"), request.raw.partition(b" ")[0].decode())


def parse(received: bytes, method: str) -> Answer:
    """Take an answer apart; one that is none, or is cut short, has a word for its status."""
    if not received:
        return Answer("none", {}, b"")
    answer = http.client.HTTPResponse(cast("socket.socket", _Received(received)), method=method)
    try:
        answer.begin()
        body = received.partition(b"\r\n\r\n")[2] if answer.status == 101 else answer.read()
    except http.client.IncompleteRead:  # what came before is as the race between data and reset has it
        return Answer("cut short", {}, b"")
    except http.client.HTTPException:
        return Answer("malformed", {}, received)
    fields: dict[str, list[str]] = {}
    for name, value in answer.getheaders():
        if name.lower() not in LEFT_OUT:
            fields.setdefault(name.lower(), []).append(_ordered(value) if name.lower() == "allow" else value)
    return Answer(answer.status, fields, body)


def _ordered(methods: str) -> str:
    """Sanic sends the methods in the order of a set, which is another in each process."""
    return ", ".join(sorted(methods.split(", ")))


def differences(one: Answer, other: Answer) -> Mapping[str, tuple[object, object]]:
    """Give what differs, by what it is: the status, else fields by name, and the body or its lines by label.

    After another status the rest follows from it.
    """
    if one.status != other.status:
        return {"status": (one.status, other.status)}
    found: dict[str, tuple[object, object]] = {
        name: (one.fields.get(name), other.fields.get(name))
        for name in one.fields.keys() | other.fields.keys()
        if one.fields.get(name) != other.fields.get(name)
    }
    if one.body != other.body:
        found.pop("content-length", None)
        found |= _in_bodies(one.body, other.body)
    return found


def _in_bodies(one: bytes, other: bytes) -> dict[str, tuple[object, object]]:
    ones, others = _labelled(one), _labelled(other)
    if ones.keys() == others.keys():
        return {label: (ones[label], others[label]) for label in ones if ones[label] != others[label]}
    return {"body": (one, other)}


def _labelled(body: bytes) -> dict[str, str]:
    """Take a body apart: an error page in text, the lines of `framework.show`, or else the whole."""
    text = body.decode(errors="backslashreplace")
    if text.startswith("⚠️"):
        heading, _, message = text.partition("\n")
        return {"heading": heading, "message": message.lstrip("=")}
    if SHOWN.fullmatch(text):
        return dict(line.split(": ", 1) for line in text.split("\n"))
    return {"body": text}


def multipart(*parts: tuple[str, bytes]) -> bytes:
    """Give a body of parts, each of its head and its content, between boundaries ``BB``."""
    pieces = [f"--BB{CRLF}{head}{CRLF}{CRLF}".encode() + content + b"\r\n" for head, content in parts]
    return b"".join(pieces) + b"--BB--\r\n"


def basic(credentials: str) -> str:
    """Give the value of an ``Authorization`` field."""
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def frames_in(received: bytes) -> int:
    """Count the frames, all of them short, that have come after a head; -1 before its end."""
    at, count = received.find(b"\r\n\r\n") + 4, -1
    while 4 <= at <= len(received):
        count += 1
        at += 2 + received[at + 1] if at + 1 < len(received) else len(received)
    return count


def frame(opcode: int, payload: bytes) -> bytes:
    """Give a client's frame of a WebSocket, masked with zeros."""
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload
