"""Sanic's package of the types that annotations need."""
