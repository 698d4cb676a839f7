"""A server that is a process of its own: PORT says where it listens, SCENARIO what goes wrong."""

import os

import trio

from tests.misfortunes.peers import noting
from triosanic import Sanic
from triosanic.log import LOGGING_CONFIG_DEFAULTS
from triosanic.request import Request
from triosanic.response import BaseHTTPResponse, HTTPResponse, StreamingHTTPResponse, stream, text

# Each line begins with the logger's name, for the test to read.
FORMATTERS = {
    "generic": {"()": "triosanic.log.LineFormatter", "fmt": "%(name)s %(levelname)s %(message)s"},
    "access": {"format": "%(name)s %(status)s %(request)s"},
}
app = Sanic("unlucky", log_config={**LOGGING_CONFIG_DEFAULTS, "formatters": FORMATTERS})


@app.get("/alive")
async def alive(request: Request) -> HTTPResponse:
    return text("alive")


@app.post("/", stream=True)
async def upload(request: Request) -> HTTPResponse:
    saw: list[str] = []
    try:
        with noting(saw):
            return text(str(sum([len(piece) async for piece in request.stream])))
    finally:
        print("saw", *saw, flush=True)


@app.get("/shielded")
async def shielded(request: Request) -> HTTPResponse:
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()
    return text("never")


@app.get("/streamed")
async def streamed(request: Request) -> StreamingHTTPResponse:
    async def write(response: BaseHTTPResponse) -> None:
        await response.write("part")
        await trio.sleep_forever()

    return stream(write)


@app.get("/exit")
async def leave(request: Request) -> HTTPResponse:
    raise SystemExit(3)


@app.after_server_stop
async def close(app: Sanic) -> None:
    print("closed", flush=True)


async def fail() -> None:
    raise LookupError("boom")


async def fail_to_connect(*_: object) -> None:
    raise ConnectionRefusedError(111, "Connect call failed", "database")


async def fail_later(app: Sanic) -> None:
    app.nursery.start_soon(fail_to_connect)


async def hang(app: Sanic) -> None:
    print("http://127.0.0.1:0 is not there yet", flush=True)
    await trio.sleep_forever()


def main() -> None:
    """Serve until stopped."""
    app.config.ACCESS_LOG = True
    match os.environ.get("SCENARIO"):
        case "listener":
            app.before_server_start(fail_to_connect)
        case "nursery":
            app.after_server_start(fail_later)
        case "hang":
            app.before_server_start(hang)
        case "task":
            app.config.APP_TASK_FAILURE = "stop"
            app.add_task(fail)
    app.run(port=int(os.environ["PORT"]))


if __name__ == "__main__":
    main()
