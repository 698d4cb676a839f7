"""HTTP over the memory network: httpx above, httpcore's HTTP/1.1 in the middle, our streams below."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from types import TracebackType
from typing import Any, Final, Self

import trio

from triosanic.testing.extra import httpcore, httpx
from triosanic.testing.network import Network
from triosanic.testing.streams import MemoryStream

# The exceptions of one library and those of the other have the same names.
_ERRORS: Final[Mapping[type[Exception], type[httpx.TransportError]]] = {
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


@contextmanager
def _translate(errors: Mapping[type[Exception], type[Exception]]) -> Iterator[None]:
    try:
        yield
    except tuple(errors) as exc:
        kind = next(kind for kind in type(exc).__mro__ if kind in errors)
        raise errors[kind](str(exc)) from exc


class _NetworkStream(httpcore.AsyncNetworkStream):
    """A memory stream, as httpcore wants one."""

    def __init__(self, stream: MemoryStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # httpcore's
        with (
            _translate({trio.TooSlowError: httpcore.ReadTimeout, **dict.fromkeys(_BROKEN, httpcore.ReadError)}),
            trio.fail_after(inf if timeout is None else timeout),
        ):
            return await self._stream.receive_some(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  # httpcore's
        with (
            _translate({trio.TooSlowError: httpcore.WriteTimeout, **dict.fromkeys(_BROKEN, httpcore.WriteError)}),
            trio.fail_after(inf if timeout is None else timeout),
        ):
            await self._stream.send_all(buffer)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's
    ) -> httpcore.AsyncNetworkStream:
        await self.aclose()
        raise httpcore.ConnectError("the memory network speaks http:// only")

    def get_extra_info(self, info: str) -> Any:
        # httpcore asks before it uses a kept connection again: what is readable then is the server's close.
        return self._stream.readable if info == "is_readable" else None
