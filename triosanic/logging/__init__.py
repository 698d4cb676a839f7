"""Sanic's import paths for the log, of which formatters are named in ``log_config``; see `triosanic.log`."""
