"""Compression of responses: what is compressed, in which coding, and the compressors. Without I/O."""

from triosanic.compression.codings import SLICE_BYTES as SLICE_BYTES
from triosanic.compression.codings import Compressor as Compressor
from triosanic.compression.codings import available_codings as available_codings
from triosanic.compression.codings import compressor_of as compressor_of
from triosanic.compression.rules import Compression as Compression
