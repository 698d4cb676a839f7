"""Workloads that move a lot over one connection."""

from __future__ import annotations

import time
from typing import Final

from benchmarks.client import BenchmarkError, ChunkCounter, Connection, get, post_head
from benchmarks.measure import Meter, Sample, Scale
from benchmarks.process import Server

MIB: Final = 2**20
BODY: Final = bytes(MIB)
CHUNK_BYTES: Final = 65_536
CHUNKS: Final = (b"%x\r\n" % CHUNK_BYTES + bytes(CHUNK_BYTES) + b"\r\n") * (MIB // CHUNK_BYTES)
LAST_CHUNK: Final = b"0\r\n\r\n"

PAUSED_PIECES: Final = 20
PAUSE_S: Final = 0.02
STAMP_BYTES: Final = 64


def upload(server: Server, scale: Scale) -> list[Sample]:
    """Send a body of known length to a handler that counts it."""
    head = post_head("/count", f"Content-Length: {scale.bulk_bytes}")
    return [_upload(server, scale, "up", head=head, mebibyte=BODY, end=b"")]


def upload_chunked(server: Server, scale: Scale) -> list[Sample]:
    """Send the same in chunks of 64 KiB."""
    head = post_head("/count", "Transfer-Encoding: chunked")
    return [_upload(server, scale, "up-chunked", head=head, mebibyte=CHUNKS, end=LAST_CHUNK)]


def _upload(server: Server, scale: Scale, metric: str, *, head: bytes, mebibyte: bytes, end: bytes) -> Sample:
    with Connection(server.address) as connection:
        meter = Meter(server)
        connection.socket.sendall(head)
        for _ in range(scale.bulk_bytes // MIB):
            connection.socket.sendall(mebibyte)
        _, answer = connection.exchange(end)
        usage = meter.usage(scale.bulk_bytes // MIB)
    if answer != str(scale.bulk_bytes).encode():
        raise BenchmarkError(f"the handler counted {answer!r} of {scale.bulk_bytes} bytes")
    return Sample(metric, scale.bulk_bytes / MIB / usage.wall_s, usage=usage)


def download(server: Server, scale: Scale) -> list[Sample]:
    """Read a streamed response of pieces of 64 KiB, checking its framing and its size on the way."""
    with Connection(server.address) as connection:
        meter = Meter(server)
        total = connection.measure_body(get(f"/down?size={scale.bulk_bytes}"), bytearray(MIB))
        usage = meter.usage(scale.bulk_bytes // MIB)
    if total != scale.bulk_bytes:
        raise BenchmarkError(f"{total} bytes came, not {scale.bulk_bytes}")
    return [Sample("down", scale.bulk_bytes / MIB / usage.wall_s, usage=usage)]


def small_pieces(server: Server, scale: Scale) -> list[Sample]:
    """Read a streamed response of many small pieces; its framing is checked after the clock has stopped.

    Checking 200,000 chunks on the way would make the load generator the slower of the two.
    """
    # 64 bytes, their size and two line ends make 70; the head takes less than the rest.
    buffer = bytearray(scale.pieces * 72 + 65_536)
    view = memoryview(buffer)
    at = 0
    with Connection(server.address) as connection:
        meter = Meter(server)
        connection.socket.sendall(get(f"/pieces?n={scale.pieces}"))
        while not buffer.endswith(LAST_CHUNK, max(0, at - len(LAST_CHUNK)), at):
            received = connection.socket.recv_into(view[at:])
            if not received:
                raise BenchmarkError(f"the response ended after {at} bytes")
            at += received
        usage = meter.usage(scale.pieces)
    counter = ChunkCounter()
    counter.feed(buffer, buffer.index(b"\r\n\r\n") + 4, at)
    if counter.total != scale.pieces * STAMP_BYTES or not counter.done:
        raise BenchmarkError(f"{counter.total} bytes came, not {scale.pieces * STAMP_BYTES}")
    return [Sample("pieces", usage.wall_s, usage=usage)]


def first_piece(server: Server, scale: Scale) -> list[Sample]:
    """Count the pieces that a handler had made, pausing before each, when the first one arrived here."""
    del scale
    with Connection(server.address) as connection:
        connection.socket.sendall(get(f"/paused?n={PAUSED_PIECES}&pause={PAUSE_S}"))
        _, data = connection.read_head()
        while not _stamps(data):
            data += connection.some()
        arrived_ns = time.monotonic_ns()
        while not data.endswith(LAST_CHUNK):
            data += connection.some()
    made_ns = _stamps(data)
    if len(made_ns) != PAUSED_PIECES:
        raise BenchmarkError(f"{len(made_ns)} pieces came, not {PAUSED_PIECES}")
    return [Sample("first-piece", sum(at < arrived_ns for at in made_ns))]


def _stamps(chunked: bytes) -> list[int]:
    """Return the times in those pieces, told from chunk sizes by their length, that have come whole."""
    return [int(line) for line in chunked.split(b"\n")[:-1] if len(line) == STAMP_BYTES - 1]
