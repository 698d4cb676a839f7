"""Sanic's import path for who answers for folders."""

from triosanic.static import DirectoryHandler as DirectoryHandler
