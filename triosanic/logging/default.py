"""Sanic's import path for the configuration of the log."""

from triosanic.log import LOGGING_CONFIG_DEFAULTS as LOGGING_CONFIG_DEFAULTS
