"""A WebSocket's client for tests: over memory, on any clock, and with bytes where a test wants them.

It speaks wsproto, the handshake too, and does only what it is told: pings are answered while the test
receives, and not before, so that a test can play a peer that has fallen silent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, TypedDict, Unpack

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import RemoteProtocolError

from triosanic.exceptions import WebsocketClosed
from triosanic.headers import Header
from triosanic.testing.streams import MemoryStream

Headers = Mapping[str, str] | Iterable[tuple[str, str]]

_ABNORMAL: Final = 1006


class UpgradeRefused(Exception):
    """The server has answered with something else than an upgrade.

    Attributes:
        status: Its status.
        headers: Its fields.
        body: Its content.
    """

    def __init__(self, status: int, headers: Header, body: bytes) -> None:
        super().__init__(f"the server answered {status}: {body!r}")
        self.status = status
        self.headers = headers
        self.body = body


class TestWebsocket:
    """One WebSocket, from its client's side.

    Attributes:
        headers: The fields of the server's 101.
        subprotocol: The one that it has chosen.
        compressed: Whether it has accepted permessage-deflate.
        close_code: Of the Close that came; 1006: the connection has ended without; ``None``: it is open.
        close_reason: Of the same Close.
        pongs: The content of the pongs that came.
        pings: The content of the pings that came.
    """

    __test__ = False  # pytest: it is no test, whatever its name

    def __init__(self, stream: MemoryStream, connection: WSConnection) -> None:
        self._stream = stream
        self._connection = connection
        self._parts: list[str | bytes] = []
        self._messages: list[str | bytes] = []
        self.headers = Header()
        self.subprotocol: str | None = None
        self.compressed = False
        self.close_code: int | None = None
        self.close_reason = ""
        self.pongs: list[bytes] = []
        self.pings: list[bytes] = []

    async def send(self, message: str | bytes) -> None:
        """Send a message, which waits while the server does not take it.

        Raises:
            WebsocketClosed: A Close was sent, or has been received.
            trio.BrokenResourceError: The server has ended the connection.

        Checkpoint: always.
        """
        self._check_open()
        event = TextMessage(message) if isinstance(message, str) else BytesMessage(message)
        await self._send(event)

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are: frames that a client would not make. Checkpoint: always."""
        await self._stream.send_all(data)

    async def ping(self, payload: bytes = b"") -> None:
        """Send a ping; its pong is in `pongs` once a later receive has seen it. See `send` for errors."""
        self._check_open()
        await self._send(Ping(payload))

    async def receive(self) -> str | bytes:
        """Receive a message.

        Raises:
            WebsocketClosed: The server has closed; `close_code` says how.

        Checkpoint: always.
        """
        await trio.lowlevel.checkpoint()
        while not self._messages:
            if self.close_code is not None:
                raise WebsocketClosed(f"closed with {self.close_code} {self.close_reason}".rstrip())
            await self._receive_some()
        return self._messages.pop(0)

    async def wait_closed(self) -> int:
        """Receive until the server closes; give its code. Messages are dropped. Checkpoint: always."""
        await trio.lowlevel.checkpoint()
        while self.close_code is None:
            await self._receive_some()
        return self.close_code

    async def close(self, code: int = 1000, reason: str = "") -> int:
        """Close, wait until the server has answered, and give the code of its answer. Checkpoint: always."""
        if self._connection.state is ConnectionState.OPEN:
            await self._send(CloseConnection(code, reason))
        return await self.wait_closed()

    def abort(self) -> None:
        """Reset the connection: the client has vanished. Checkpoint: never."""
        self._stream.abort()

    async def aclose(self) -> None:
        """End the connection without a word. Checkpoint: always."""
        await self._stream.aclose()

    def _check_open(self) -> None:
        if self._connection.state is not ConnectionState.OPEN:
            raise WebsocketClosed(f"closed with {self.close_code} {self.close_reason}".rstrip())

    async def _send(self, event: Event) -> None:
        await self._stream.send_all(self._connection.send(event))

    async def _receive_some(self) -> None:
        if await self._take_all():  # what came together with the 101
            return
        try:
            data = await self._stream.receive_some()
        except trio.BrokenResourceError:
            data = b""
        self._connection.receive_data(data or None)
        await self._take_all()

    async def _take_all(self) -> bool:
        taken = False
        for event in self._connection.events():
            await self._take(event)
            taken = True
        return taken

    async def _take(self, event: Event) -> None:
        if isinstance(event, Message):
            self._parts.append(event.data)
            if event.message_finished:
                parts, self._parts = self._parts, []
                text = [part for part in parts if isinstance(part, str)]
                whole = "".join(text) if text else b"".join(map(bytes, parts))  # type: ignore[arg-type]  # no str
                self._messages.append(whole)
        elif isinstance(event, Ping):
            self.pings.append(bytes(event.payload))
            if self._connection.state is ConnectionState.OPEN:
                await self._answer(event.response())
        elif isinstance(event, Pong):
            self.pongs.append(bytes(event.payload))
        elif isinstance(event, CloseConnection) and self.close_code is None:
            self.close_code, self.close_reason = int(event.code), event.reason or ""
            if self._connection.state is ConnectionState.REMOTE_CLOSING:
                await self._answer(event.response())

    async def _answer(self, event: Event) -> None:
        with suppress(trio.BrokenResourceError):  # who has left needs no answer
            await self._send(event)


class Handshake(TypedDict, total=False):
    """What a client may say in its handshake.

    Attributes:
        subprotocols: Those that are offered.
        headers: Other fields, as ``cookie`` and ``origin``.
        compression: Whether permessage-deflate is offered.
        early: Bytes that are sent with the request, before its answer.
    """

    subprotocols: Sequence[str]
    headers: Headers
    compression: bool
    early: bytes


async def shake_hands(
    stream: MemoryStream, host: str, target: str, **options: Unpack[Handshake]
) -> TestWebsocket:
    """Ask for a WebSocket.

    Args:
        stream: The client's end of a connection.
        host: The Host field.
        target: The path, with its query.
        options: See `Handshake`.

    Raises:
        UpgradeRefused: The server has another answer.

    Checkpoint: always.
    """
    connection = WSConnection(ConnectionType.CLIENT)
    headers = options.get("headers", ())
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    request = Request(
        host=host,
        target=target,
        subprotocols=list(options.get("subprotocols", ())),
        extensions=[PerMessageDeflate()] if options.get("compression") else [],
        extra_headers=[(name.encode(), value.encode()) for name, value in pairs],
    )
    await stream.send_all(connection.send(request) + options.get("early", b""))
    ws = TestWebsocket(stream, connection)
    refused: RejectConnection | None = None
    body = b""
    while True:
        data = await stream.receive_some()
        try:
            connection.receive_data(data or None)
        except RemoteProtocolError as exc:
            raise UpgradeRefused(0, Header(), data) from exc
        for event in connection.events():
            match event:
                case AcceptConnection():
                    ws.headers = _header(event.extra_headers)
                    ws.subprotocol = event.subprotocol
                    ws.compressed = bool(event.extensions)
                    return ws
                case RejectConnection():
                    refused = event
                    if not event.has_body:
                        raise UpgradeRefused(event.status_code, _header(event.headers), b"")
                case RejectData():
                    body += event.data
                    if event.body_finished and refused is not None:
                        raise UpgradeRefused(refused.status_code, _header(refused.headers), body)
                case _:
                    raise UpgradeRefused(_ABNORMAL, Header(), b"")


def _header(pairs: Iterable[tuple[bytes, bytes]]) -> Header:
    return Header([(name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in pairs])


@asynccontextmanager
async def closing(ws: TestWebsocket) -> AsyncIterator[TestWebsocket]:
    """Close at the end of a block: in order if it ends in order, else the connection alone."""
    try:
        yield ws
        if ws.close_code is None:
            try:
                await ws.close()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return  # the test, or the server, has ended the connection
    finally:
        await ws.aclose()
