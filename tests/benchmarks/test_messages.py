"""The frames of the benchmarks' client are those of RFC 6455, as another implementation reads them."""

from __future__ import annotations

from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import TextMessage

from benchmarks.apps.payloads import MESSAGE
from benchmarks.messages import masked, plain


def texts(side: ConnectionType, data: bytes) -> list[str]:
    connection = Connection(side)
    connection.receive_data(data)
    return [event.data for event in connection.events() if isinstance(event, TextMessage)]


def test_a_frame_of_the_client_is_masked() -> None:
    assert texts(ConnectionType.SERVER, masked(MESSAGE) + masked("end")) == [MESSAGE, "end"]
    assert MESSAGE.encode() not in masked(MESSAGE)


def test_a_frame_of_a_server_is_as_expected() -> None:
    assert texts(ConnectionType.CLIENT, plain(MESSAGE)) == [MESSAGE]
