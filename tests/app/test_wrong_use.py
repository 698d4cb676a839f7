"""What a program does by mistake is refused at its line, with the name of the argument and the value."""

from collections.abc import Callable
from typing import Any

import pytest

from triosanic import Blueprint, Request, Sanic, redirect
from triosanic.testing import running

WRONG: Any = 5


@pytest.mark.parametrize(
    ("use", "sentence"),
    [
        (lambda app: Sanic("other", error_handler=WRONG), "error_handler must be ErrorHandler, not 5"),
        (lambda app: Sanic("other", request_class=WRONG), "request_class must be a class of Request, not 5"),
        (lambda app: Blueprint("shop", url_prefix=WRONG), "url_prefix must be str, not 5"),
        (lambda app: app.blueprint(Blueprint("shop"), url_prefix=WRONG), "url_prefix must be str, not 5"),
        (lambda app: app.on_request(print, priority="high"), "priority must be int, not 'high'"),
        (lambda app: app.before_server_start(print, priority="high"), "priority must be int, not 'high'"),
        (lambda app: app.add_task(WRONG), "a task must be an async function or a coroutine, not 5"),
        (lambda app: app.exception("NotFound"), "exceptions must be classes of exceptions, not 'NotFound'"),
        (lambda app: redirect(WRONG), r"redirect\(\) takes a URL as str, not int"),
    ],
    ids=["handler", "class", "prefix", "mount", "middleware", "listener", "task", "exception", "redirect"],
)
def test_a_wrong_argument_is_named(app: Sanic, use: Callable[[Sanic], object], sentence: str) -> None:
    with pytest.raises(TypeError, match=f"^{sentence}$"):
        use(app)


async def test_the_log_says_that_a_middleware_gave_no_response(
    app: Sanic, caplog: pytest.LogCaptureFixture
) -> None:
    app.on_request(lambda request: "stop")
    async with running(app) as client:
        assert (await client.get("/")).status_code == 500
    assert "the handler of /, or a middleware of requests, must return a response" in caplog.text
    assert "it is stop" in caplog.text


async def test_the_log_says_that_an_await_is_missing(app: Sanic, caplog: pytest.LogCaptureFixture) -> None:
    class Answer:
        def __await__(self) -> Any:
            yield

        def __repr__(self) -> str:
            return "an answer"

    @app.get("/twice")
    async def twice(request: Request) -> Any:
        return Answer()

    async with running(app) as client:
        assert (await client.get("/twice")).status_code == 500
    assert "it is an answer: await it" in caplog.text


@pytest.mark.parametrize(("load_env", "found"), [(True, "sanic"), (False, None), ("MINE_", "mine")])
def test_the_environment_by_the_argument_of_2017(
    monkeypatch: pytest.MonkeyPatch, load_env: bool | str, found: str | None
) -> None:
    """Contract 2: ``Sanic(name, load_env=...)``, which is ``env_prefix`` today."""
    monkeypatch.setattr(Sanic, "test_mode", True)
    monkeypatch.setenv("SANIC_WHOSE", "sanic")
    monkeypatch.setenv("MINE_WHOSE", "mine")
    assert Sanic("app", load_env=load_env).config.get("WHOSE") == found
