"""Clients for tests: the whole server over memory, on any clock. Needs the extra ``triosanic[test]``."""

from triosanic.testing.awaited import SanicASGITestClient as SanicASGITestClient
from triosanic.testing.client import Client as Client
from triosanic.testing.client import open_raw as open_raw
from triosanic.testing.client import running as running
from triosanic.testing.events import EventParser as EventParser
from triosanic.testing.events import EventStream as EventStream
from triosanic.testing.events import ReceivedEvent as ReceivedEvent
from triosanic.testing.manager import TestManager as TestManager
from triosanic.testing.network import Network as Network
from triosanic.testing.plain import HOST as HOST
from triosanic.testing.plain import PORT as PORT
from triosanic.testing.plain import Response as Response
from triosanic.testing.plain import SanicTestClient as SanicTestClient
from triosanic.testing.raw import RawConnection as RawConnection
from triosanic.testing.reusable import ReusableClient as ReusableClient
from triosanic.testing.streams import MemoryStream as MemoryStream
from triosanic.testing.streams import memory_pair as memory_pair
from triosanic.testing.websocket import TestWebsocket as TestWebsocket
from triosanic.testing.websocket import UpgradeRefused as UpgradeRefused
