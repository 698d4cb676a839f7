"""Sanic's import path for the range that a request asks for."""

from triosanic.response.ranges import ContentRangeHandler as ContentRangeHandler
