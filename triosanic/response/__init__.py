"""Responses, and the functions that make them."""

from triosanic.response.conditional import validate as validate
from triosanic.response.conditional import validate_file as validate_file
from triosanic.response.convenience import empty as empty
from triosanic.response.convenience import html as html
from triosanic.response.convenience import json as json
from triosanic.response.convenience import raw as raw
from triosanic.response.convenience import redirect as redirect
from triosanic.response.convenience import stream as stream
from triosanic.response.convenience import text as text
from triosanic.response.events import EventStreamResponse as EventStreamResponse
from triosanic.response.events import EventWriter as EventWriter
from triosanic.response.events import ServerSentEvent as ServerSentEvent
from triosanic.response.events import sse as sse
from triosanic.response.files import FileResponse as FileResponse
from triosanic.response.files import file as file
from triosanic.response.files import file_stream as file_stream
from triosanic.response.files import guess_content_type as guess_content_type
from triosanic.response.types import BaseHTTPResponse as BaseHTTPResponse
from triosanic.response.types import HTTPResponse as HTTPResponse
from triosanic.response.types import JSONResponse as JSONResponse
from triosanic.response.types import ResponseStream as ResponseStream
from triosanic.response.types import StreamingHTTPResponse as StreamingHTTPResponse
