"""Responses, and the functions that make them."""

from triosanic.response.convenience import empty as empty
from triosanic.response.convenience import html as html
from triosanic.response.convenience import json as json
from triosanic.response.convenience import raw as raw
from triosanic.response.convenience import redirect as redirect
from triosanic.response.convenience import stream as stream
from triosanic.response.convenience import text as text
from triosanic.response.types import BaseHTTPResponse as BaseHTTPResponse
from triosanic.response.types import HTTPResponse as HTTPResponse
from triosanic.response.types import JSONResponse as JSONResponse
from triosanic.response.types import StreamingHTTPResponse as StreamingHTTPResponse
