"""The compressors: what comes out is what went in, whole at each flush, and bounded in memory."""

import subprocess
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compression.decoded import CODINGS, Decoder, decode
from triosanic.compression import SLICE_BYTES, available_codings, compressor_of

every = pytest.mark.parametrize("coding", CODINGS)


def test_all_are_installed_here_and_the_cheapest_is_preferred() -> None:
    """Of each coding's time for a MiB: 4, 11 and 13 ms; docs/compression.md."""
    assert available_codings() == CODINGS


def test_gzip_needs_nothing_that_is_not_pythons() -> None:
    """brotli and zstd are extras; in a process of its own, where they can't be imported."""
    code = (
        "import sys\n"
        "for name in ('brotli', 'backports.zstd', 'compression.zstd'): sys.modules[name] = None\n"
        "from triosanic.compression import available_codings\n"
        "assert available_codings() == ('gzip',), available_codings()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@every
@given(pieces=st.lists(st.binary(max_size=200) | st.sampled_from([b"", b"a" * 3000]), max_size=12))
def test_any_split_gives_the_content(coding: str, pieces: list[bytes]) -> None:
    compressor = compressor_of(coding)
    data = b"".join([*map(compressor.compress, pieces), compressor.finish()])
    assert decode(coding, data) == b"".join(pieces)


@every
@given(pieces=st.lists(st.binary(min_size=1, max_size=200), max_size=12))
def test_after_a_flush_all_can_be_read(coding: str, pieces: list[bytes]) -> None:
    compressor, decoder = compressor_of(coding), Decoder(coding)
    for piece in pieces:
        assert decoder.feed(compressor.compress(piece) + compressor.flush()) == piece
        assert not decoder.ended
    assert decoder.feed(compressor.finish()) == b""
    assert decoder.ended


@every
def test_the_same_content_gives_the_same_bytes(coding: str) -> None:
    """Else a cache, and a HEAD beside a GET, would see another length each time."""
    first, second = compressor_of(coding), compressor_of(coding)
    assert first.compress(b"a" * 99) + first.finish() == second.compress(b"a" * 99) + second.finish()


@every
def test_what_a_compressor_holds_back_is_bounded(coding: str) -> None:
    """Of content that does not shrink; a stream that never pauses is never flushed."""
    compressor = compressor_of(coding)
    noise = Random(0)
    held = 0
    for _ in range(100):
        held += SLICE_BYTES - len(compressor.compress(noise.randbytes(SLICE_BYTES)))
        assert held <= 512 << 10


def test_no_other_coding_is_made() -> None:
    with pytest.raises(KeyError):
        compressor_of("deflate")
