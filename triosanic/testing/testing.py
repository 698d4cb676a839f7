"""Sanic-testing's module of clients, from which programs import them."""

from triosanic.testing.awaited import SanicASGITestClient as SanicASGITestClient
from triosanic.testing.plain import HOST as HOST
from triosanic.testing.plain import PORT as PORT
from triosanic.testing.plain import SanicTestClient as SanicTestClient
