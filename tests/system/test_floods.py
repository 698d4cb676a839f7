"""Clients that send or ask without end: the server stays as small as it was, and others do not wait."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

import pytest
import trio

from tests.fuzz.corpus import ROUTES
from tests.fuzz.fuzzer import ask
from tests.http.wires import chunked, get, post
from tests.system.floods import (
    FLOOD_S,
    GROWTH_BYTES,
    IDLE,
    KIB,
    Flood,
    Flooded,
    assert_nobody_waits,
    assert_nothing_is_left,
    flooded,
    many,
    waits_during,
)

pytestmark = pytest.mark.system

CHUNKED: Final = "Transfer-Encoding: chunked"


HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
# What a connection holds at most while its client sends more than is taken: a piece that waits, one that was
# read ahead, and what makes the connection.
STALLED: Final = 192 * KIB

ENDLESS: Final = "Content-Length: 99999999999"


def up(path: str, framing: str) -> bytes:
    """Begin an upload."""
    return get(path, framing, method="POST")


FLOODS: Final = {
    "requests whose answers nobody reads": Flood(many(get()), many(get())),
    "requests whose answers are read": Flood(b"", many(get()), reads=True),
    "streams that nobody reads": Flood(many(get("/down"))),
    "large requests": Flood(b"", many(get("/", *[f"x{n}: {'v' * 130}" for n in range(98)])), reads=True),
    "a header without end": Flood(HEAD + b"a: ", many(b"a")),
    "headers without end": Flood(HEAD, many(b"a: b\r\n")),
    "a target without end": Flood(b"GET /", many(b"a")),
    "a method without end": Flood(b"", many(b"G")),
    "empty lines": Flood(b"", many(b"\r\n")),
    "zeros": Flood(b"", many(b"\0")),
    "a body that is counted": Flood(up("/count", ENDLESS), many(b"x")),
    "tiny chunks that are counted": Flood(up("/count", CHUNKED), many(b"1\r\nx\r\n")),
    "tiny chunks that are echoed": Flood(up("/both", CHUNKED), many(b"1\r\nx\r\n"), reads=True),
    "tiny chunks, echoed to nobody": Flood(up("/both", CHUNKED), many(b"1\r\nx\r\n")),
    "chunks in tiny packets": Flood(up("/count", CHUNKED), b"1\r\nx\r\n"),
    "a chunk without end": Flood(up("/count", CHUNKED) + b"ffffffffffffffff\r\n", many(b"x")),
    "a chunk size without end": Flood(up("/count", CHUNKED), many(b"0")),
    "a chunk extension without end": Flood(up("/count", CHUNKED) + b"1;", many(b"a")),
    "chunk extensions": Flood(up("/count", CHUNKED), many(b"1;a=b\r\nx\r\n")),
    "a trailer without end": Flood(up("/count", CHUNKED) + b"0\r\na: ", many(b"a")),
    "trailers without end": Flood(up("/count", CHUNKED) + b"0\r\n", many(b"a: b\r\n")),
    "a line without end": Flood(up("/lines", CHUNKED) + b"fffffffff\r\n", many(b"x")),
    "a body that nobody reads": Flood(up("/ignored", ENDLESS), many(b"x")),
    "chunks that nobody reads": Flood(up("/ignored", CHUNKED), many(b"1\r\nx\r\n")),
    "a body too large": Flood(up("/echo", ENDLESS), many(b"x")),
    "a body that stalls": Flood(up("/stalls", ENDLESS), many(b"x")),
    "a stream of 262 MB that nobody reads": Flood(get("/much/down/4000")),
    "a stream of 262 MB that is read": Flood(get("/much/down/4000"), reads=True),
    "HEAD of streams": Flood(b"", many(get("/much/down/4000", method="HEAD"), 64 * KIB), reads=True),
    "204 to bodies": Flood(b"", many(post(b"x" * 100, "/nothing")), reads=True),
    "expectations": Flood(
        get("/count", "Expect: 100-continue", "Content-Length: 5", method="POST"), clients=50
    ),
    "half heads": Flood(HEAD, b"a", clients=50, pause_s=0.05),
    "one byte each": Flood(b"G", clients=150, client_bytes=IDLE),
    "clients that ask and wait": Flood(get("/waits"), clients=150, client_bytes=IDLE),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flooded]:
    """A server that has done once all that it can."""
    with flooded(tmp_path_factory.mktemp("floods"), _warm_up) as server:
        yield server


async def _warm_up(port: int) -> None:
    for path in ROUTES:
        if path == "/nothing":
            continue
        for _ in range(3):
            await ask(port, post(b"x\n" * 200_000, path))
            await ask(port, chunked(*[b"x\n" * 5000] * 40, path=path))


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_flood_takes_no_memory_and_nobody_waits_for_it(flood: Flood, server: Flooded) -> None:
    """Design: bounded memory and time for every peer."""
    before = server.settle()
    await assert_nobody_waits(server, flood.run, FLOOD_S)
    assert server.peak_bytes() - before <= GROWTH_BYTES + flood.clients * flood.client_bytes
    await assert_nothing_is_left(server)


async def test_12_mb_of_tiny_chunks_are_counted(server: Flooded) -> None:
    """CVE-2025-69229: a byte a chunk, to the end."""
    pieces = [many(b"1\r\nx\r\n", 120_000)] * 100
    counted: list[bytes] = []

    async def upload(port: int) -> None:
        body = b"".join(pieces)
        # Two million chunks are seconds of work, for which a handler here is given but three.
        answer = await ask(port, up("/much/count", CHUNKED) + body + b"0\r\n\r\n")
        counted.append(answer.body)

    before = server.settle()
    await assert_nobody_waits(server, upload, 30)
    assert server.peak_bytes() - before <= GROWTH_BYTES
    assert set(counted) == {b"2000000"}


async def test_all_floods_at_once_take_what_their_clients_may(server: Flooded) -> None:
    """As above, of memory: each client has its bound, and others are still answered."""
    clients = 3

    async def flood_all(port: int) -> None:
        async with trio.open_nursery() as nursery:
            for flood in FLOODS.values():
                nursery.start_soon(replace(flood, clients=clients).run, port)

    before = server.settle()
    assert len(await waits_during(server, flood_all, 4)) > 2
    assert server.peak_bytes() - before <= GROWTH_BYTES + clients * len(FLOODS) * STALLED
    await assert_nothing_is_left(server)


async def test_2000_connections_take_what_they_may(server: Flooded) -> None:
    """As above, of memory: each has sent one byte."""
    before = server.settle()
    async with AsyncExitStack() as stack:
        for _ in range(2000):
            stream = await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", server.port))
            await stream.send_all(b"G")
        await ask(server.port, get())
        assert server.peak_bytes() - before <= GROWTH_BYTES + 2000 * IDLE
    await assert_nothing_is_left(server)


async def test_lines_without_end_let_nobody_wait(server: Flooded) -> None:
    """As above, of time: a million empty lines come in a MiB."""
    flood = Flood(up("/lines", CHUNKED) + b"fffffffff\r\n", many(b"\n"))
    await assert_nobody_waits(server, flood.run, FLOOD_S)
