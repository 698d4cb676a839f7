"""Sanic's import path for the loggers."""

from triosanic.log import access_logger as access_logger
from triosanic.log import error_logger as error_logger
from triosanic.log import logger as logger
from triosanic.log import server_logger as server_logger
from triosanic.log import websockets_logger as websockets_logger
