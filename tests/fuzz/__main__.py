"""Fuzz a server for as long as is asked: ``python -m tests.fuzz --minutes 10``.

``--seeds 7`` plays one conversation and shows it; ``--seeds 0:5000`` plays those. Each failure is a line that
plays it again.
"""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import count, islice
from typing import Final

import trio

from tests.fuzz.fuzzer import GROWTH_BYTES, Fuzzer, converse, fuzzing
from tests.fuzz.mutate import make_case

KIB: Final = 2**10
_ROUND: Final = 2000
# Until what is made once has been made.
_WARM_ROUNDS: Final = 3


async def fuzz(seeds: Iterator[int], seconds: float, at_once: int) -> bool:
    """Play rounds until the seeds or the time is over; tell whether all went well."""
    end = time.monotonic() + seconds
    async with fuzzing() as fuzzer:
        sizes: list[int] = []
        await fuzzer.fill_caches()
        while (some := list(islice(seeds, _ROUND))) and time.monotonic() < end:
            await fuzzer.play(some, at_once=at_once)
            if fuzzer.failures:
                break
            sizes.append(await fuzzer.used_bytes())
            print(f"{fuzzer.played} played, {sizes[-1] // KIB} KiB in use, up to seed {some[-1]}", flush=True)
        print("answers:", dict(sorted(fuzzer.statuses.items())))
        for failure in fuzzer.failures:
            print(failure)
        grown = sizes[-1] - sizes[_WARM_ROUNDS - 1] if len(sizes) > _WARM_ROUNDS else 0
        if grown > GROWTH_BYTES:
            print(f"the server has grown by {grown // KIB} KiB since round {_WARM_ROUNDS}: {sizes}")
    return not fuzzer.failures and grown <= GROWTH_BYTES


async def show(fuzzer: Fuzzer, seed: int) -> None:
    """Print what is sent, and what comes back."""
    case = make_case(seed)
    print(case)
    print(await converse(fuzzer.server.port, case))


async def show_one(seed: int) -> bool:
    """Play one conversation, with all that is said."""
    async with fuzzing() as fuzzer:
        await show(fuzzer, seed)
        await fuzzer.play([seed])
        print(*fuzzer.failures, sep="\n")
    return not fuzzer.failures


def main() -> None:
    """Read the arguments, and play."""
    parser = ArgumentParser(prog="make fuzz ARGS=")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seeds", help="one, or FIRST:END, or FIRST: until the time is over")
    parser.add_argument("--at-once", type=int, default=64)
    given = parser.parse_args()
    first, colon, end = (given.seeds or f"{time.time_ns() // 10**6 * 1000}:").partition(":")
    if not colon:
        good = trio.run(show_one, int(first))
    elif end:
        good = trio.run(fuzz, iter(range(int(first), int(end))), float("inf"), given.at_once)
    else:
        good = trio.run(fuzz, count(int(first)), given.minutes * 60, given.at_once)
    sys.exit(not good)


if __name__ == "__main__":
    main()
