"""Sanic's interface on Trio's structured concurrency."""

from triosanic.app import DefaultSanic as DefaultSanic
from triosanic.app import Sanic as Sanic
from triosanic.blueprints import Blueprint as Blueprint
from triosanic.config import Config as Config
from triosanic.constants import HTTPMethod as HTTPMethod
from triosanic.exceptions import BadRequest as BadRequest
from triosanic.exceptions import ExpectationFailed as ExpectationFailed
from triosanic.exceptions import FileNotFound as FileNotFound
from triosanic.exceptions import Forbidden as Forbidden
from triosanic.exceptions import HeaderNotFound as HeaderNotFound
from triosanic.exceptions import InternalServerError as InternalServerError
from triosanic.exceptions import InvalidHeader as InvalidHeader
from triosanic.exceptions import MethodNotAllowed as MethodNotAllowed
from triosanic.exceptions import NotFound as NotFound
from triosanic.exceptions import RangeNotSatisfiable as RangeNotSatisfiable
from triosanic.exceptions import SanicException as SanicException
from triosanic.exceptions import ServerError as ServerError
from triosanic.exceptions import ServiceUnavailable as ServiceUnavailable
from triosanic.exceptions import Unauthorized as Unauthorized
from triosanic.request import DefaultRequest as DefaultRequest
from triosanic.request import Request as Request
from triosanic.response import HTTPResponse as HTTPResponse
from triosanic.response import empty as empty
from triosanic.response import file as file
from triosanic.response import html as html
from triosanic.response import json as json
from triosanic.response import raw as raw
from triosanic.response import redirect as redirect
from triosanic.response import text as text
from triosanic.websocket import Websocket as Websocket

__version__ = "0.1.0"
