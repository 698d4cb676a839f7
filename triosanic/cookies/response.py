"""Sanic's import path for the cookies that a response sets."""

from triosanic.cookies.cookie import Cookie as Cookie
from triosanic.cookies.jar import CookieJar as CookieJar
