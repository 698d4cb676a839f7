"""A server with few descriptors: ``python -m tests.server.limited 40``. It writes its port, and warnings."""

import logging
import resource
import sys
from contextvars import Context
from functools import partial

import trio

from triosanic.http.exchange import Exchange
from triosanic.http.limits import Limits
from triosanic.server import Server, listen


class Hello:
    """Answers each request, but those for ``/wait``."""

    async def handle(self, exchange: Exchange) -> None:
        if exchange.head.target == "/wait":
            await trio.sleep_forever()
        await exchange.reply(200, (), b"hello", "text/plain")

    async def fail(self, exchange: Exchange, error: Exception) -> None:
        raise error


async def serve() -> None:
    server = Server(Hello(), Limits(), Context())
    (listener,) = await listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    async with server.running() as nursery:
        nursery.start_soon(partial(server.accept, listener, nursery))
        await trio.sleep_forever()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
    trio.run(serve)
