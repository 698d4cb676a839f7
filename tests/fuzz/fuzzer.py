"""Plays the conversations of seeds with a server in its own process, and judges what comes of them.

What must hold: the server lives and writes nothing to its log; each answer is to the letter (`answers`), no
client's bytes are the server's fault, and how bytes are cut does not decide what they are answered; others
are served meanwhile; and when all have left, nothing of them is left.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from itertools import count
from math import inf
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from typing import Any, Final

import trio
from trio import BrokenResourceError

from tests.fuzz.answers import Answer, Malformed, read_answers
from tests.fuzz.mutate import Case, End, make_case
from tests.http.wires import get, post
from tests.system.tools import Server, serving

PROGRAM: Final = Path(__file__).parent / "program.py"
# Short, so that a silent client's end is soon; long enough for a machine that does something else.
SETTINGS: Final = {
    "SANIC_REQUEST_HEAD_TIMEOUT": "1",
    "SANIC_REQUEST_TIMEOUT": "1",
    "SANIC_BODY_MIN_RATE_GRACE": "1",
    "SANIC_KEEP_ALIVE_TIMEOUT": "0.5",
    "SANIC_LINGER_TIMEOUT": "0.5",
    "SANIC_WRITE_TIMEOUT": "2",
    "SANIC_REQUEST_MAX_SIZE": "50000",
    "SANIC_ACCESS_LOG": "1",
    # All that the interpreter has comes from the C library, which can tell how much of it is in use.
    "PYTHONMALLOC": "malloc",
}
# What may be in use more than before: the timers keep up to 1,000 entries of connections that have ended, and
# the C library's threads some freed pieces each. Over 50,000 conversations it has been 60 KiB. The resident
# set says little: what has been freed in between what is in use stays in it, 4 MiB of it after as many.
GROWTH_BYTES: Final = 2**19
# However it was spoken to, the server closes within this.
_CLOSES_S: Final = 30.0
_DEAF_S: Final = 0.05


class Closed(Enum):
    """How the server has ended a connection."""

    IN_ORDER = auto()
    RESET = auto()
    UNKNOWN = auto()  # a reset that was told to who sent looks like an end to who reads


class Failed(Exception):
    """Something that must hold does not."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, and how to see it again."""

    seeds: Sequence[int]
    reason: str

    def __str__(self) -> str:
        first, last = self.seeds[0], self.seeds[-1]
        seeds = str(first) if first == last else f"{first}:{last + 1}"
        return f"make fuzz ARGS='--seeds {seeds}'  # {self.reason}"


@dataclass(slots=True)
class Fuzzer:
    """A server that is fuzzed.

    Attributes:
        nothing: What it holds when nobody is there.
        patience_s: How long it may take until it holds no more again.
        played: How many conversations have ended.
        statuses: How many answers had each status.
    """

    server: Server
    nothing: Mapping[str, int]
    patience_s: float = _CLOSES_S
    failures: list[Failure] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    played: int = 0
    _playing: set[int] = field(default_factory=set)

    async def play(self, seeds: Iterable[int], *, at_once: int = 64) -> None:
        """Play the conversations of seeds, so many at once; and see that nothing is left of them."""
        source = iter(seeds)
        async with trio.open_nursery() as watching:
            watching.start_soon(self._control)
            async with trio.open_nursery() as nursery:
                for _ in range(at_once):
                    nursery.start_soon(self._play_all, source)
            watching.cancel_scope.cancel()
        try:
            await self._check_nothing_is_left()
        except Failed as exc:
            self._fail(exc)

    async def _play_all(self, seeds: Iterable[int]) -> None:
        for seed in seeds:
            if self.server.process.poll() is not None:
                return
            self._playing.add(seed)
            try:
                await self._play_one(make_case(seed))
            except (Failed, Malformed, OSError) as exc:
                self._fail(exc, seed)
            self._playing.discard(seed)
            self.played += 1

    def _fail(self, error: Exception, *seeds: int) -> None:
        self.failures.append(Failure(seeds or sorted(self._playing) or (0,), str(error)))

    async def _play_one(self, case: Case) -> None:
        answers = await self._talk(case)
        for answer in answers:
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if case.end is End.SILENT and len(case.parts) > 1:
            whole = replace(case, parts=(case.data,))
            # Deadlines are the machine's: what is so in three tries is no matter of time.
            for _ in range(3):
                if _same(answers, again := await self._talk(whole)):
                    return
                answers = await self._talk(case)
            raise Failed(f"cut: {_told(answers)}; whole: {_told(again)}")

    async def _talk(self, case: Case) -> Sequence[Answer]:
        """Give the answers of one conversation."""
        data, closed = await converse(self.server.port, case)
        answers = read_answers(data, ended=closed is Closed.IN_ORDER)
        # Only this stream can fail once it has begun, because its request's body turns out bad.
        if case.end is End.SILENT and closed is Closed.RESET and b"/both" not in case.data:
            raise Failed(f"a reset for no reason, after {_told(answers)}")
        return answers

    async def _control(self) -> None:
        """Be another client, who is always answered rightly."""
        for number in count():
            try:
                await ask(self.server.port, post(b"%d" % number, "/echo"), b"%d" % number)
            except (Failed, Malformed) as exc:
                self._fail(Failed(f"another client: {exc}"))
                return
            await trio.sleep(0.02)

    async def _check_nothing_is_left(self) -> None:
        if self.server.process.poll() is not None:
            raise Failed(f"the server is gone: {self.server.process.returncode}")
        left: Mapping[str, int] = {}
        with trio.move_on_after(self.patience_s):
            while left != self.nothing:
                left = await stats(self.server.port)
        if left != self.nothing:
            raise Failed(f"left behind: {left}, and not {self.nothing}")
        _, _, log = self.server.output.partition(b"\n")
        if log:
            raise Failed(f"in the log: {log.decode()}")

    async def fill_caches(self) -> None:
        """Ask for as many paths as the router remembers, as long as they may be: 1.1 MiB, and no more."""
        for number in range(1024):
            await ask(self.server.port, get(f"/{number:0127}"))

    async def used_bytes(self) -> int:
        """Tell how much memory is in use in the server, when nobody else is there."""
        return int((await ask(self.server.port, get("/memory"))).body)


@asynccontextmanager
async def fuzzing() -> AsyncIterator[Fuzzer]:
    """Start a server, and give what fuzzes it."""
    async with serving(PROGRAM, SETTINGS) as server:
        await stats(server.port)
        yield Fuzzer(server, await stats(server.port))


async def converse(port: int, case: Case) -> tuple[bytes, Closed]:
    """Play a case; give what came, and how the server has closed.

    Raises:
        Failed: It does not close.
    """
    got = bytearray()
    closed = Closed.UNKNOWN
    stream = await trio.open_tcp_stream("127.0.0.1", port)

    async def read() -> None:
        nonlocal closed
        try:
            async for piece in stream:
                got.extend(piece)
            closed = Closed.IN_ORDER
        except BrokenResourceError:
            closed = Closed.RESET

    try:
        with trio.move_on_after(_CLOSES_S) as scope:
            async with trio.open_nursery() as nursery:
                if case.end is not End.DEAF:
                    nursery.start_soon(read)
                sent = await _deliver(stream, case)
                if case.end in {End.DEAF, End.RST}:
                    nursery.cancel_scope.cancel()
        if scope.cancelled_caught:
            raise Failed(f"the connection is open after {_CLOSES_S} s, with {bytes(got[-100:])!r}")
    finally:
        if case.end in {End.DEAF, End.RST}:
            stream.socket.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
        await trio.aclose_forcefully(stream)
    return bytes(got), closed if sent else Closed.UNKNOWN


async def _deliver(stream: trio.SocketStream, case: Case) -> bool:
    """Send all of a case; tell whether the server has let us."""
    try:
        for part in case.parts:
            with trio.move_on_after(_DEAF_S if case.end is End.DEAF else inf):
                await stream.send_all(part)
            await trio.sleep(case.pause_s)
        if case.end is End.DEAF:
            await trio.sleep(_DEAF_S)
        if case.end is End.FIN:
            await stream.send_eof()
    except BrokenResourceError:
        return False
    return True


async def ask(port: int, request: bytes, body: bytes | None = None) -> Answer:
    """Ask something over a connection of its own; it must be answered with 200, and with ``body`` if given.

    Raises:
        Failed: It is not.
    """
    data = b""
    try:
        with trio.fail_after(_CLOSES_S):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(request)
                while not (answers := read_answers(data, ended=False)) or not answers[0].whole:
                    data += (piece := await stream.receive_some())
                    if not piece:
                        raise Failed(f"closed after {data!r}")
    except (OSError, BrokenResourceError, trio.TooSlowError) as exc:
        raise Failed(f"no answer: {exc!r}") from exc
    if answers[0].status != 200 or body not in {None, answers[0].body}:
        raise Failed(f"the wrong answer: {data!r}")
    return answers[0]


async def stats(port: int) -> Mapping[str, int]:
    """Give what the server holds, as it says itself."""
    found: Any = json.loads((await ask(port, get("/stats"))).body)
    return dict(found)


def _same(cut: Sequence[Answer], whole: Sequence[Answer]) -> bool:
    """Whether the answers are the same, but for a last one that closes.

    That may name another of two faults; and where a body has not come yet, it closes where it need not if it
    has.
    """
    short, long = sorted((cut, whole), key=len)
    if len(short) < len(long) and not (short and short[-1].closes):
        return False
    return all(
        (one.status, one.body) == (other.status, other.body)
        for one, other in zip(short[:-1], long, strict=False)
    )


def _told(answers: Sequence[Answer]) -> str:
    return ", ".join(f"{answer.status} {answer.body[:40]!r}" for answer in answers) or "nothing"
