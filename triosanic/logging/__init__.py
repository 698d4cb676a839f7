"""Formatters for ``log_config``, under Sanic's import paths; the loggers are in `triosanic.log`."""
