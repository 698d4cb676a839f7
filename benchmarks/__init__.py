"""Compares triosanic with its peers; run as ``python -m benchmarks``, explained in README.md."""
