"""Sanic's import path for the cookies that a request brings."""

from triosanic.cookies.received import parse_cookie as parse_cookie
