"""Sanic's import path for what ``Authorization`` says."""

from triosanic.request.credentials import Credentials as Credentials
