"""Sanic's import path for an uploaded file."""

from triosanic.forms import File as File
