"""HTTP over the memory network: httpx above, httpcore's HTTP/1.1 in the middle, our streams below."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from typing import Any, Final, Self

import trio

from triosanic.testing.extra import httpcore, httpx
from triosanic.testing.leaving import ClientResponse, Kept
from triosanic.testing.network import Connects
from triosanic.testing.streams import MemoryStream

Errors = Mapping[type[Exception], type[Exception]]

_READ_ERRORS: Final[Errors] = {
    trio.TooSlowError: httpcore.ReadTimeout,
    trio.BrokenResourceError: httpcore.ReadError,
    trio.ClosedResourceError: httpcore.ReadError,
}
_WRITE_ERRORS: Final[Errors] = {
    trio.TooSlowError: httpcore.WriteTimeout,
    trio.BrokenResourceError: httpcore.WriteError,
    trio.ClosedResourceError: httpcore.WriteError,
}
_CONNECT_ERRORS: Final[Errors] = {
    trio.TooSlowError: httpcore.ConnectTimeout,
    ConnectionRefusedError: httpcore.ConnectError,
}
# Both libraries give an error the same name.
_HTTP_ERRORS: Final[Errors] = {
    getattr(httpcore, name): getattr(httpx, name)
    for name in (
        "ConnectError",
        "ConnectTimeout",
        "LocalProtocolError",
        "PoolTimeout",
        "ReadError",
        "ReadTimeout",
        "RemoteProtocolError",
        "UnsupportedProtocol",
        "WriteError",
        "WriteTimeout",
    )
}


class Transport(httpx.AsyncBaseTransport):
    """Sends httpx's requests over a network in memory, whatever host their URL names.

    Connections are kept and used again until the server closes them: a client's own expiry would count the
    machine's seconds, and not those of the test's clock.

    Args:
        network: Connects to the app.
        response_class: What requests are answered with.
    """

    def __init__(self, network: Connects, response_class: type[httpx.Response] = ClientResponse) -> None:
        self._response_class = response_class
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=None, keepalive_expiry=None, network_backend=_Backend(network)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`."""
        assert isinstance(request.stream, httpx.AsyncByteStream)
        content = aiter(request.stream)
        try:
            with _translated(_HTTP_ERRORS):
                response = await self._pool.handle_async_request(_for_httpcore(request, content))
        finally:
            if isinstance(content, AsyncGenerator):  # the server may have answered before it had it all
                await content.aclose()
        return self._response_class(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection. Checkpoint: if there are any."""
        await self._pool.aclose()


def _for_httpcore(request: httpx.Request, content: AsyncIterator[bytes]) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=content,
        extensions=request.extensions,
    )


class _Body(httpx.AsyncByteStream):
    """A response's body, as it comes."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response
        self._pieces = Kept(response.aiter_stream(), self.aclose)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        with _translated(_HTTP_ERRORS):
            return await anext(self._pieces)

    async def aclose(self) -> None:
        with _translated(_HTTP_ERRORS):
            await self._response.aclose()
        await self._pieces.run_out()


class _Backend(httpcore.AsyncNetworkBackend):
    """The memory network, as httpcore wants one."""

    def __init__(self, network: Connects) -> None:
        self._network = network

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002  # whatever its name, it is the app
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's
        local_address: str | None = None,  # noqa: ARG002  # nobody passes one
        socket_options: Iterable[object] | None = None,  # noqa: ARG002  # nobody passes any
    ) -> httpcore.AsyncNetworkStream:
        with _translated(_CONNECT_ERRORS), trio.fail_after(_seconds(timeout)):
            return _NetworkStream(await self._network.connect(port))


class _NetworkStream(httpcore.AsyncNetworkStream):
    """A memory stream, as httpcore wants one."""

    def __init__(self, stream: MemoryStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # httpcore's
        with _translated(_READ_ERRORS), trio.fail_after(_seconds(timeout)):
            return await self._stream.receive_some(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  # httpcore's
        with _translated(_WRITE_ERRORS), trio.fail_after(_seconds(timeout)):
            await self._stream.send_all(buffer)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,  # noqa: ARG002  # it can't be of use
        server_hostname: str | None = None,  # noqa: ARG002  # as above
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  # as above
    ) -> httpcore.AsyncNetworkStream:
        await self.aclose()
        raise httpcore.ConnectError("there is no TLS in memory: use an http:// URL")

    def get_extra_info(self, info: str) -> Any:
        if info == "client_addr":
            return self._stream.address
        # Asked for before a kept connection is used again: readable then means that the server closed it.
        return self._stream.readable if info == "is_readable" else None


def _seconds(timeout: float | None) -> float:
    return inf if timeout is None else timeout


@contextmanager
def _translated(errors: Errors) -> Iterator[None]:
    """Raise an error of one library as the other's."""
    try:
        yield
    except tuple(errors) as exc:
        kind = next(kind for kind in type(exc).__mro__ if kind in errors)
        raise errors[kind](str(exc)) from exc
