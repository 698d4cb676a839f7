"""Middleware with a client: its order, and what a response from it does."""

import pytest
import trio
from trio.testing import MockClock

from triosanic import Blueprint, HTTPResponse, NotFound, Request, Sanic, Unauthorized, text
from triosanic.exceptions import SanicException
from triosanic.testing import open_raw, running


@pytest.fixture
def seen() -> list[str]:
    """What ran, in order."""
    return []


def before(
    app: Sanic | Blueprint, seen: list[str], name: str, answer: str | None = None, priority: int = 0
) -> None:
    @app.on_request(priority=priority)
    async def middleware(request: Request) -> HTTPResponse | None:
        await trio.lowlevel.checkpoint()
        seen.append(name)
        return None if answer is None else text(answer)


def after(
    app: Sanic | Blueprint, seen: list[str], name: str, answer: str | None = None, priority: int = 0
) -> None:
    @app.on_response(priority=priority)
    def middleware(request: Request, response: HTTPResponse) -> HTTPResponse | None:
        seen.append(f"{name} {response.body.decode()}".strip())
        return None if answer is None else text(answer)


async def get(app: Sanic, path: str = "/") -> tuple[int, str]:
    async with running(app) as client:
        response = await client.get(path, headers={"accept": "text/plain"})
        return response.status_code, response.text


async def test_requests_in_order_and_responses_in_reverse(app: Sanic, seen: list[str]) -> None:
    """Contract 1.6: declared order, response reversed; higher priority earlier, and last for responses."""
    for add in (before, after):
        add(app, seen, "first")
        add(app, seen, "second")
        add(app, seen, "urgent", priority=1)
    assert await get(app) == (200, "hello")
    assert seen == ["urgent", "first", "second", "second hello", "first hello", "urgent hello"]


async def test_a_response_to_the_request_skips_the_rest(app: Sanic, seen: list[str]) -> None:
    """Contract 1.6: the handler is skipped; the response middleware is not."""
    before(app, seen, "first", answer="early")
    before(app, seen, "second")
    after(app, seen, "after")
    assert await get(app) == (200, "early")
    assert seen == ["first", "after early"]


async def test_a_response_to_the_response_replaces_it_and_skips_the_rest(app: Sanic, seen: list[str]) -> None:
    """Contract 1.6."""
    after(app, seen, "skipped")
    after(app, seen, "replaces", answer="other")
    assert await get(app) == (200, "other")
    assert seen == ["replaces hello"]


async def test_a_blueprints_is_in_the_order_of_its_declaration(app: Sanic, seen: list[str]) -> None:
    """Contract 1.6; Sanic 25.12: wherever between the app's the blueprint is mounted."""
    bp = Blueprint("bp", url_prefix="/bp")
    bp.get("/x")(lambda request: text("x"))
    before(app, seen, "app 1")
    before(bp, seen, "blueprint 1")
    before(app, seen, "app 2")
    before(bp, seen, "blueprint 2")
    app.blueprint(bp)
    await get(app, "/bp/x")
    assert seen == ["app 1", "blueprint 1", "app 2", "blueprint 2"]


@pytest.mark.parametrize("value", [False, "", {}, 0], ids=repr)
async def test_what_is_false_is_no_response(app: Sanic, value: object) -> None:
    """Sanic 25.12: as in ``return request.ctx.user and forbidden()``."""
    app.on_request(lambda request: value)
    app.on_response(lambda request, response: value)
    assert await get(app) == (200, "hello")
    assert (await get(app, "/nowhere"))[0] == 404


async def test_what_is_no_response_is_an_error(app: Sanic, seen: list[str]) -> None:
    """Contract 1.6: the response middleware runs once, not again for the error that it has made."""

    def wrong(request: Request, response: HTTPResponse) -> str:
        seen.append("wrong")
        return "no response"

    app.on_response(wrong)
    status, body = await get(app)
    assert status == 500
    assert "Invalid response type str" in body
    assert seen == ["wrong"]


async def test_it_is_not_run_for_checks_only(app: Sanic, seen: list[str]) -> None:
    """Sanic 25.12 ``apply``."""
    app.middleware("request", apply=False)(lambda request: seen.append("decorated"))
    app.middleware(lambda request: seen.append("given"), "request", False)
    with pytest.raises(ValueError, match="Required parameter"):
        app.middleware(lambda: None, "request", False)
    await get(app)
    assert seen == []


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/fails", 500)])
async def test_it_runs_for_errors_too(app: Sanic, seen: list[str], path: str, status: int) -> None:
    """Contract 1.6: once, also where nothing was found."""
    app.get("/fails")(lambda request: 1 / 0)
    before(app, seen, "before")
    app.on_response(lambda request, response: seen.append(f"after {response.status}"))
    assert (await get(app, path))[0] == status
    assert seen == ["before", f"after {status}"]


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("Content-Length: 9", b"", 413),
        ("Content-Length: 3\r\nExpect: wat", b"", 417),
        ("Content-Length: 3", b"a", 408),
    ],
    ids=["too large", "expectation", "timeout"],
)
async def test_it_runs_for_a_body_that_is_refused(
    app: Sanic, autojump_clock: MockClock, head: str, body: bytes, status: int
) -> None:
    """Contract 1.6: for errors, if it had not run; a blueprint's too."""
    seen: list[str] = []
    bp = Blueprint("bp")
    bp.post("/upload")(lambda request: text("never"))
    before(app, seen, "app")
    before(bp, seen, "blueprint")
    app.on_response(lambda request, response: seen.append(f"after {response.status}"))
    app.blueprint(bp)
    app.config.REQUEST_MAX_SIZE = 8
    async with open_raw(app) as conn:
        await conn.send(f"POST /upload HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode() + body)
        assert (await conn.head()).startswith(f"HTTP/1.1 {status} ".encode())
    assert seen == ["app", "blueprint", f"after {status}"]


async def test_a_failing_request_middleware_is_answered(app: Sanic) -> None:
    app.on_request(lambda request: 1 / 0)
    app.exception(ZeroDivisionError)(lambda request, exception: text("divided", 418))
    assert await get(app) == (418, "divided")
    assert await get(app, "/nowhere") == (418, "divided")  # Sanic 25.12: in the place of the 404


async def test_what_a_request_middleware_raises_is_answered_whatever_the_path(app: Sanic) -> None:
    """Source: Sanic 25.12: who is not let in learns nothing of which paths there are."""

    @app.on_request
    def let_nobody_in(request: Request) -> None:
        raise Unauthorized("nobody")

    app.exception(NotFound)(lambda request, exception: text("nothing there", 404))
    assert (await get(app, "/nowhere"))[0] == 401
    app.exception(Unauthorized)(lambda request, exception: text("go away", 403))
    assert await get(app, "/nowhere") == (403, "go away")


async def test_a_failing_response_middleware_is_logged_and_the_response_sent(
    app: Sanic, seen: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Contract 1.6."""
    after(app, seen, "runs")
    app.on_response(lambda request, response: 1 / 0)
    assert await get(app) == (200, "hello")
    assert seen == ["runs hello"]
    assert "a response middleware failed; the response is sent all the same" in caplog.messages


async def test_a_blueprints_is_for_its_routes(app: Sanic, seen: list[str]) -> None:
    """Contract 1.5."""
    bp = Blueprint("bp", url_prefix="/bp")
    bp.get("/x")(lambda request: text("x"))
    before(bp, seen, "blueprint")
    before(app, seen, "app")
    app.blueprint(bp)
    await get(app)
    assert seen == ["app"]
    seen.clear()
    await get(app, "/bp/x")
    assert sorted(seen) == ["app", "blueprint"]


async def test_named_middleware_is_for_the_routes_it_names(app: Sanic, seen: list[str]) -> None:
    """Contract 1.6 ``register_named_middleware``."""
    app.get("/other", name="other")(lambda request: text("other"))
    app.register_named_middleware(lambda request: seen.append("named"), ["app.other"], priority=1)
    app.register_named_middleware(
        lambda request, response: seen.append("named after"), ["app.other"], "response"
    )
    before(app, seen, "app")
    await get(app)
    assert seen == ["app"]
    seen.clear()
    await get(app, "/other")
    assert seen == ["named", "app", "named after"]


async def test_it_sees_streamed_responses_before_they_leave(app: Sanic) -> None:
    """Contract 2: it may still change headers."""

    @app.get("/stream")
    async def stream(request: Request) -> None:
        response = await request.respond()
        await response.send("streamed")

    app.on_response(lambda request, response: response.headers.add("x-seen", "1"))
    async with running(app) as client:
        response = await client.get("/stream")
        assert (response.text, response.headers["x-seen"]) == ("streamed", "1")


@pytest.mark.parametrize("status", [405, 400])
async def test_a_405_says_what_is_allowed_whoever_answers(app: Sanic, status: int) -> None:
    """RFC 9110 15.5.6; another status is another answer."""
    app.exception(SanicException)(lambda request, exception: text("no", status))
    async with running(app) as client:
        response = await client.post("/")
    assert (response.status_code, response.headers.get("allow")) == (status, "GET" if status == 405 else None)
