"""Mutated conversations over real sockets, the same in each run; `make fuzz` plays others for longer."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest
import trio

from tests.fuzz.answers import Answer, Malformed, read_answers
from tests.fuzz.corpus import GOOD, HOSTILE, ROUTES
from tests.fuzz.fuzzer import GROWTH_BYTES, Failed, Fuzzer, ask, fuzzing
from tests.fuzz.mutate import End, make_case
from tests.http.wires import get, post

SEEDS = 2000
HEAD = b"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n"
WHOLE = HEAD + b"content-length: 2\r\n\r\nok"


async def test_what_must_hold_for_whatever_is_sent() -> None:
    """`fuzzer`; and what has been played twice has let the server grow once."""
    async with fuzzing() as fuzzer:
        await fuzzer.fill_caches()
        await fuzzer.play(range(SEEDS))
        before = await fuzzer.used_bytes()
        await fuzzer.play(range(SEEDS // 2))
        assert not fuzzer.failures, "\n".join(map(str, fuzzer.failures))
        assert await fuzzer.used_bytes() - before <= GROWTH_BYTES
        assert fuzzer.played == SEEDS + SEEDS // 2
        # Nothing would be found by bytes that are all refused, or all taken.
        assert {200, 204, 400, 405, 408, 413, 414, 417, 431, 501, 505} <= fuzzer.statuses.keys()
        assert fuzzer.statuses[200] > 500


async def test_routes_answer_what_they_are_for() -> None:
    """A corpus of paths that nothing serves would find little."""
    async with fuzzing() as fuzzer:
        port = fuzzer.server.port
        for path in ROUTES:
            if path != "/nothing":
                await ask(port, post(b"a\nb", path))
        assert (await ask(port, post(b"a\nb", "/both"))).body == b"a\nb"
        assert (await ask(port, post(b"a\nb", "/count"))).body == b"3"
        assert (await ask(port, post(b"a\nb", "/lines"))).body == b"2"
        for path in ("/down", "/whole"):
            assert len((await ask(port, get(path))).body) == 3 << 16


@pytest.mark.parametrize(
    "said",
    [
        WHOLE[:-1],
        WHOLE + b"x",
        WHOLE + b"\r\n",
        WHOLE[:20],
        WHOLE.replace(b" 200 ", b" 500 "),
        WHOLE.replace(b" 200 ", b" 503 "),
        WHOLE.replace(b"1.1", b"1.0"),
        WHOLE.replace(b"\r\n", b"\n"),
        WHOLE.replace(b"keep-alive", b"close") + WHOLE,
        WHOLE.replace(b"content-length: 2", b"a: b"),
        WHOLE.replace(b"content-length: 2", b"content-length: 2\r\nContent-Length: 2"),
        WHOLE.replace(b"content-length: 2", b"content-length: 2\r\ntransfer-encoding: chunked"),
        WHOLE.replace(b"content-length", b"content length"),
        WHOLE.replace(b"connection: keep-alive\r\n", b""),
        HEAD + b"x-method: HEAD\r\ncontent-length: 2\r\n\r\nok",
        HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + b"x",
        HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n+2\r\nok\r\n0\r\n\r\n",
        HEAD.replace(b"200", b"204") + b"\r\nok",
        b"HTTP/1.1 100 Continue\r\n" + WHOLE,
    ],
    ids=ascii,
)
def test_answers_that_are_none_are_seen(said: bytes) -> None:
    """A judge that can't say no would hide a defect."""
    with pytest.raises(Malformed):
        read_answers(said, ended=True)


@pytest.mark.parametrize(
    ("said", "statuses"),
    [
        (b"", []),
        (WHOLE, [200]),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE * 2, [200, 200]),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + WHOLE, [200, 200]),
        (HEAD + b"x-method: HEAD\r\ncontent-length: 2\r\n\r\n" + WHOLE, [200, 200]),
        (HEAD.replace(b"keep-alive", b"close") + b"\r\nuntil the end", [200]),
        (HEAD.replace(b"200", b"204") + b"\r\n" + WHOLE, [204, 200]),
    ],
    ids=ascii,
)
def test_answers_are_read(said: bytes, statuses: Sequence[int]) -> None:
    """As above: it would also hide one if it read nothing."""
    assert [answer.status for answer in read_answers(said, ended=True)] == statuses
    assert all(answer.whole for answer in read_answers(said, ended=True))


async def test_a_server_that_errs_is_seen() -> None:
    """As above, of the whole."""
    async with fuzzing() as fuzzer:
        with pytest.raises(Failed):
            await ask(fuzzer.server.port, get("/nothing"))
        leaking = Fuzzer(fuzzer.server, {**fuzzer.nothing, "tasks": 0}, patience_s=0.1)
        await leaking.play([1])
        fuzzer.server.output += b"a warning\n"
        await fuzzer.play([1])
        fuzzer.server.process.kill()
        await fuzzer.server.process.wait()
        dead = Fuzzer(fuzzer.server, fuzzer.nothing)
        await dead.play([1])
    for one, reason in ((leaking, "left behind"), (fuzzer, "a warning"), (dead, "the server is gone")):
        assert reason in str(one.failures[-1])


async def test_memory_that_is_kept_is_seen() -> None:
    """As above, of memory: what has been read ahead of 20 clients, and not of those who have left."""
    async with fuzzing() as fuzzer:
        before = await fuzzer.used_bytes()
        async with AsyncExitStack() as stack:
            for _ in range(20):
                stream = await trio.open_tcp_stream("127.0.0.1", fuzzer.server.port)
                await stack.enter_async_context(stream)
                await stream.send_all(get("/waits") + b"x" * 40_000)
            with trio.fail_after(30):
                while await fuzzer.used_bytes() - before <= GROWTH_BYTES:  # noqa: ASYNC110  # a process
                    await trio.sleep(0.02)
        with trio.fail_after(30):
            while await fuzzer.used_bytes() - before > GROWTH_BYTES:  # noqa: ASYNC110  # as above
                await trio.sleep(0.02)


def test_a_seed_is_the_same_in_every_run() -> None:
    """Else a line that plays a failure again would not."""
    assert [make_case(seed) for seed in range(50)] == [make_case(seed) for seed in range(50)]
    assert {make_case(seed).end for seed in range(50)} == set(End)
    assert len({make_case(seed).data for seed in range(500)}) > 400
    assert len(GOOD) > 100
    assert len(HOSTILE) > 400
    assert Answer(200, {"connection": "close"}, b"", whole=True).closes
