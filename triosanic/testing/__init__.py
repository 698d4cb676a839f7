"""Clients for tests: the whole server over memory, on any clock. Needs the extra ``triosanic[test]``."""

from triosanic.testing.client import Client as Client
from triosanic.testing.client import open_raw as open_raw
from triosanic.testing.client import running as running
from triosanic.testing.network import Network as Network
from triosanic.testing.plain import Response as Response
from triosanic.testing.plain import SanicTestClient as SanicTestClient
from triosanic.testing.raw import RawConnection as RawConnection
from triosanic.testing.streams import MemoryStream as MemoryStream
from triosanic.testing.streams import memory_pair as memory_pair
