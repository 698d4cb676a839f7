"""Sanic's import path for what loads apps; there are no workers here."""
