"""How a body is framed, in both directions. The only module that talks to h11.

The reader feeds an `Inbound` and takes pieces of content out of it; the writer asks an `Outbound` for the
bytes of a streamed response. h11 is the judge of everything that has state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import h11

from triosanic.exceptions import BadRequest, ServerError
from triosanic.http.guard import Head

Headers = Sequence[tuple[str, str]]


class Inbound(Protocol):
    """The framing of one request's body."""

    @property
    def complete(self) -> bool:
        """Whether the body has ended, by its framing."""

    @property
    def rest(self) -> bytes:
        """What was fed beyond the body's end."""

    @property
    def trailers(self) -> Headers:
        """The trailer fields, once the body has ended."""

    @property
    def missing(self) -> int:
        """Bytes of content that are known to be still to come; 0 where that is not known."""

    def feed(self, data: bytes) -> None:
        """Add what came from the wire."""

    def take(self) -> bytes:
        """Return the next piece of content; ``b""`` if it takes more bytes, or if the body has ended.

        Raises:
            BadRequest: The framing is broken.
        """


class LengthInbound:
    """A body of a declared length: it is counted, and not copied through h11."""

    __slots__ = ("missing", "rest")
    trailers: Final[Headers] = ()

    def __init__(self, length: int) -> None:
        self.missing = length
        self.rest = b""

    @property
    def complete(self) -> bool:
        """See `Inbound.complete`."""
        return self.missing == 0

    def feed(self, data: bytes) -> None:
        """See `Inbound.feed`."""
        self.rest = self.rest + data if self.rest else data

    def take(self) -> bytes:
        """See `Inbound.take`."""
        data, left = self.rest, self.missing
        piece, self.rest = (data, b"") if len(data) <= left else (data[:left], data[left:])
        self.missing -= len(piece)
        return piece


def machine_for(head: Head) -> h11.Connection:
    """Make the state machine of one exchange, which has read the request's head.

    Raises:
        BadRequest: h11 disagrees with the guard, which is then our defect; the request is refused.
    """
    machine = h11.Connection(h11.SERVER, max_incomplete_event_size=len(head.raw) + 65_536)
    try:
        machine.receive_data(head.raw.removeprefix(b"\r\n"))
        machine.next_event()
    except h11.RemoteProtocolError as exc:
        raise BadRequest("Malformed request") from exc
    return machine


class _Sized:
    """Stands for content in h11, which only asks for its length and passes it through."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size


class Outbound:
    """The framing of one streamed response: chunked, by its Content-Length, or until the connection's end."""

    __slots__ = ("_chunked", "_machine")

    def __init__(self, machine: h11.Connection) -> None:
        self._machine = machine
        self._chunked = False

    def head(self, status: int, reason: bytes, headers: Headers) -> bytes:
        """Return the response's head.

        Raises:
            ServerError: A header's name or value can't be sent.
        """
        try:
            response = h11.Response(status_code=status, reason=reason, headers=_encoded(headers))
            head = self._machine.send(response) or b""
        except h11.LocalProtocolError as exc:
            raise ServerError(f"the response's head can't be sent: {exc}") from exc
        self._chunked = b"\r\nTransfer-Encoding: chunked\r\n" in head  # h11 has decided so
        return head

    def data(self, items: list[bytes], size: int) -> list[bytes]:
        """Return ``items``, ``size`` bytes in all, as one framed piece."""
        if self._chunked:  # a chunk changes no state, and h11 would take 2 µs to say so
            return [b"%x\r\n" % size, *items, b"\r\n"]
        framed = self._machine.send_with_data_passthrough(h11.Data(data=_Sized(size)))  # type: ignore[arg-type]  # only its length is asked for
        parts: list[bytes] = []
        for part in framed or ():
            if isinstance(part, _Sized):
                parts += items
            else:
                parts.append(part)
        return parts

    def end(self) -> bytes:
        """Return what marks the end of the body; nothing where its length or the close does."""
        return self._machine.send(h11.EndOfMessage()) or b""


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("utf-8", "surrogateescape")) for name, value in headers]
