"""Sanic's import path for what is known of a connection."""

from triosanic.request.connection import ConnInfo as ConnInfo
