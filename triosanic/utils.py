"""Sanic's import path for what reads configuration."""

from triosanic.config import load_module_from_file_location as load_module_from_file_location
from triosanic.config import str_to_bool as str_to_bool
from triosanic.helpers import import_string as import_string
