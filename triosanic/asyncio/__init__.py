"""Handlers that use asyncio's libraries, as asyncpg: the extra ``triosanic[asyncio]``."""

from triosanic.asyncio.handler import CLEANUP_S as CLEANUP_S
from triosanic.asyncio.handler import aio_handler as aio_handler
