"""Sockets that listen, connections that are accepted, and the order in which all of it ends."""

from triosanic.server.listen import ListenError as ListenError
from triosanic.server.listen import listen as listen
from triosanic.server.serve import Server as Server
