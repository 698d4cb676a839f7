"""The packages that only tests need: everything here takes them from this module."""

try:
    import httpcore as httpcore
    import httpx as httpx
except ModuleNotFoundError as exc:
    raise ImportError("triosanic.testing needs httpx: pip install triosanic[test]") from exc
