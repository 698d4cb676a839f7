"""A program whose environment asks for JSON lines writes nothing else, whatever clients send."""

import json
import signal
from pathlib import Path
from typing import Final

import pytest
import trio

from tests.system.tools import serving

pytestmark = pytest.mark.system

PROGRAM: Final = """\
import os

from triosanic import Sanic, text

app = Sanic("logging")


@app.get("/<path:path>")
async def fails(request, path):
    raise ValueError(request.headers["x-text"] + chr(10) + '{"forged": true}')


app.run(port=int(os.environ["PORT"]), access_log=True)
"""
REQUEST: Final = (
    b'GET /"}%0a{"forged":true} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'
    b'X-Text: "},\x85\xe2\x80\xa8{\r\n\r\n'
)


async def test_every_line_is_a_record(tmp_path: Path) -> None:
    """CVE-2020-7694."""
    source = tmp_path / "program.py"
    source.write_text(PROGRAM)
    async with serving(source, {"SANIC_LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1"}) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        async with stream:
            await stream.send_all(REQUEST)
            assert (b"".join([piece async for piece in stream])).startswith(b"HTTP/1.1 500 ")
        assert await server.stop(signal.SIGTERM) == 0
        records = [json.loads(line) for line in server.output.splitlines()]
    assert all({"time", "level", "logger", "process", "message"} <= record.keys() for record in records)
    assert not any("forged" in record for record in records)
    [access] = [record for record in records if record["logger"] == "sanic.access"]
    assert access["status"] == 500
    [failed] = [record for record in records if "exception" in record]
    assert failed["exception"].endswith('\n{"forged": true}')
