"""WebSockets: what handlers get, and what they can do with many of them."""

from triosanic.exceptions import WebsocketClosed as WebsocketClosed
from triosanic.websocket.broadcast import Broadcast as Broadcast
from triosanic.websocket.broadcast import Slow as Slow
from triosanic.websocket.conversation import State as State
from triosanic.websocket.handshake import UpgradeRequired as UpgradeRequired
from triosanic.websocket.pings import PongWaiter as PongWaiter
from triosanic.websocket.serve import WebsocketHandler as WebsocketHandler
from triosanic.websocket.serve import websocket_options as websocket_options
from triosanic.websocket.socket import Websocket as Websocket

# Sanic's names until 21.9. The last was also passed as `app.run(protocol=...)`, where it has no effect.
ConnectionClosed = WebsocketClosed
WebSocketConnection = WebSocketCommonProtocol = WebSocketProtocol = Websocket
