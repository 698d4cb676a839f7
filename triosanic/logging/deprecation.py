"""Sanic's import path for warnings of what will go."""

from triosanic.log import deprecation as deprecation
