"""Workloads that ask for files, and the files."""

from __future__ import annotations

import os
from typing import Final

from benchmarks.apps.payloads import BIG_FILE, BLOCK, FILES, SMALL_FILE, SMALL_FILES
from benchmarks.bulk import MIB
from benchmarks.client import BenchmarkError, Connection, get
from benchmarks.measure import Meter, Sample, Scale
from benchmarks.memory import KIB_PER_MIB
from benchmarks.process import Server

SMALL_BYTES: Final = 2_048
WARM_UP_FILE: Final = "warm-up.bin"
# One for all, so that all answers have heads of the same size.
MTIME: Final = 1_700_000_000


def write_served_files(big_bytes: int) -> None:
    """Write what the servers have on their disk; what is there already stays."""
    FILES.mkdir(exist_ok=True)
    _write(BIG_FILE, big_bytes)
    _write(WARM_UP_FILE, MIB)
    for number in range(SMALL_FILES):
        _write(SMALL_FILE.format(number), SMALL_BYTES)


def _write(name: str, size: int) -> None:
    path = FILES / name
    if not path.exists() or path.stat().st_size != size:
        with path.open("wb") as file:
            for at in range(0, size, len(BLOCK)):
                file.write(BLOCK[: size - at])
        os.utime(path, (MTIME, MTIME))


def small_file_requests() -> tuple[bytes, ...]:
    """Return a request for each of the small files."""
    return tuple(get(f"/files/{SMALL_FILE.format(number)}") for number in range(SMALL_FILES))


def big_file(server: Server, scale: Scale) -> list[Sample]:
    """Read a file over one connection; how much the server's peak grows beyond that of a file of a MiB."""
    _read_file(server, WARM_UP_FILE, MIB)
    before = server.peak_kib(anew=True)
    meter = Meter(server)
    _read_file(server, BIG_FILE, scale.bulk_bytes)
    usage = meter.usage(scale.bulk_bytes // MIB)
    growth = (server.peak_kib() - before) / KIB_PER_MIB
    return [
        Sample("file", scale.bulk_bytes / MIB / usage.wall_s, usage=usage),
        Sample("file-growth", growth),
    ]


def _read_file(server: Server, name: str, size: int) -> None:
    with Connection(server.address) as connection:
        total = connection.measure_body(get(f"/files/{name}"), bytearray(MIB))
    if total != size:
        raise BenchmarkError(f"{total} bytes came, not {size}")
