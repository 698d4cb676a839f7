"""The app that the cases are sent to, and what it saw of each connection."""

from collections import defaultdict
from dataclasses import dataclass, field

from triosanic import HTTPResponse, Request, Sanic
from triosanic.constants import HTTP_METHODS
from triosanic.response import raw, text


@dataclass(slots=True)
class Seen:
    """The requests that reached the app, as ``METHOD target``, by the client's port."""

    by_port: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))


def make_app(seen: Seen) -> Sanic:
    """Make an app that answers as ``http11probe.json`` asks: every path and method with 200."""
    app = Sanic("probed")
    # On a busy machine the cases that wait would be told 408 before the others have been played, and a body
    # that comes byte by byte would outlast its answer too long. That these deadlines are kept is tested with
    # a clock that jumps.
    for key in ("REQUEST_HEAD_TIMEOUT", "REQUEST_TIMEOUT", "BODY_MIN_RATE_GRACE", "LINGER_TIMEOUT"):
        app.config[key] = 600

    @app.on_request
    async def note(request: Request) -> None:
        if request.unseen:
            return  # its body was refused: this runs for the answer's sake, and no handler will
        seen.by_port[request.port].append(f"{request.method} {request.raw_url.decode()}")

    async def answer(request: Request, path: str = "") -> HTTPResponse:
        if request.method == "POST":
            return raw(request.body, content_type="text/plain")
        return text("OK")

    app.add_route(answer, "/", HTTP_METHODS, name="root")
    app.add_route(answer, "/<path:path>", HTTP_METHODS, name="any")

    @app.route("/echo", HTTP_METHODS)
    async def echo(request: Request) -> HTTPResponse:
        return text("".join(f"{name}: {value}\n" for name, value in request.headers.items()))

    @app.route("/host", HTTP_METHODS)
    async def host(request: Request) -> HTTPResponse:
        return text(request.url)

    @app.route("/cookie", HTTP_METHODS)
    async def cookie(request: Request) -> HTTPResponse:
        # There is no request.cookies yet: what is shown is that the field arrives whole.
        pairs = "; ".join(request.headers.getall("cookie", [])).split(";")
        return text("".join(f"{pair.strip()}\n" for pair in pairs if "=" in pair))

    return app
