"""The server's loggers, and formatters under which one call is one record.

The names are Sanic's, because programs configure them. Importing this module configures nothing.
"""

from triosanic.log.colors import Colors as Colors
from triosanic.log.escaping import escape_controls as escape_controls
from triosanic.log.escaping import shown as shown
from triosanic.log.formats import ACCESS_FIELDS as ACCESS_FIELDS
from triosanic.log.formats import ExcInfo as ExcInfo
from triosanic.log.formats import JSONFormatter as JSONFormatter
from triosanic.log.formats import LineFormatter as LineFormatter
from triosanic.log.formats import VerbosityFilter as VerbosityFilter
from triosanic.log.formats import access_fields_of as access_fields_of
from triosanic.log.formats import add_extras as add_extras
from triosanic.log.formats import json_line as json_line
from triosanic.log.loggers import access_logger as access_logger
from triosanic.log.loggers import deprecation as deprecation
from triosanic.log.loggers import error_logger as error_logger
from triosanic.log.loggers import log_access as log_access
from triosanic.log.loggers import logger as logger
from triosanic.log.loggers import server_logger as server_logger
from triosanic.log.loggers import websockets_logger as websockets_logger
from triosanic.log.setup import ACCESS_DEFAULTS as ACCESS_DEFAULTS
from triosanic.log.setup import ACCESS_FORMAT as ACCESS_FORMAT
from triosanic.log.setup import DATE_FORMAT as DATE_FORMAT
from triosanic.log.setup import GENERIC_FORMAT as GENERIC_FORMAT
from triosanic.log.setup import LOGGING_CONFIG_DEFAULTS as LOGGING_CONFIG_DEFAULTS
from triosanic.log.setup import LogStyle as LogStyle
from triosanic.log.setup import configure as configure

# Its name in Sanic of 2017.
log = logger
