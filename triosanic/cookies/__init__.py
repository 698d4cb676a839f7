"""Cookies: what a request brings, and what a response sets."""

from triosanic.cookies.cookie import Cookie as Cookie
from triosanic.cookies.cookie import CookieOptions as CookieOptions
from triosanic.cookies.jar import CookieJar as CookieJar
from triosanic.cookies.received import parse_cookie as parse_cookie
