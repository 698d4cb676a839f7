"""`app.amend`: what is added while the app serves."""

import pytest
import trio
from sanic_routing.exceptions import RouteExists

from triosanic import Blueprint, HTTPResponse, NotFound, Request, Sanic, ServerError, text
from triosanic.testing import running


async def test_late_additions_are_a_clear_error(app: Sanic) -> None:
    """Contract 1.2."""
    async with running(app) as client:
        with pytest.raises(ServerError, match=r"serves already.*or into `with app.amend\(\):`"):
            app.get("/late")(lambda request: text("late"))
        assert (await client.get("/late")).status_code == 404


@pytest.mark.parametrize("event", ["main_process_start", "before_server_start", "after_server_start"])
async def test_listeners_of_the_start_may_add(app: Sanic, event: str) -> None:
    """Sanic 25.12: as a program does that has to ask a database first."""
    told: list[str] = []
    bp = Blueprint("bp", url_prefix="/p")
    bp.get("/x")(lambda request: text("blueprint"))

    @app.listener(event)
    async def setup(app: Sanic) -> None:
        app.get("/late", name="late")(lambda request: text(app.url_for("late")))
        told.append(app.url_for("late"))
        app.blueprint(bp)
        app.on_response(lambda request, response: response.headers.add("x-late", "1"))
        app.exception(NotFound)(lambda request, exception: text("nothing", 404))
        app.before_server_stop(lambda app: told.append("stop"))

    async with running(app) as client:
        response = await client.get("/late")
        assert (response.text, response.headers["x-late"]) == ("/late", "1")
        assert (await client.get("/p/x")).text == "blueprint"
        assert (await client.get("/nowhere")).text == "nothing"
        with pytest.raises(ServerError, match="serves already"):
            bp.get("/later")(lambda request: text("later"))
    assert told == ["/late", "stop"]


async def test_what_is_added_to_the_error_handler_stays(app: Sanic) -> None:
    """Sanic 25.12 ``app.error_handler.add``: also where the plan is made again."""

    @app.before_server_start
    async def setup(app: Sanic) -> None:
        app.error_handler.add(NotFound, lambda request, exception: text("nothing", 404))
        app.get("/late", name="late")(lambda request: text("late"))

    async with running(app) as client:
        assert (await client.get("/nowhere")).text == "nothing"
        with app.amend():
            app.get("/later", name="later")(lambda request: text("later"))
        assert (await client.get("/nowhere")).text == "nothing"


async def test_listeners_of_a_start_may_add_listeners_of_the_next_step(app: Sanic) -> None:
    """Sanic 25.12."""
    told: list[str] = []

    @app.before_server_start
    async def setup(app: Sanic) -> None:
        app.after_server_start(lambda app: told.append("started"))

    async with running(app):
        assert told == ["started"]


async def test_what_a_listener_adds_wrongly_ends_the_start(app: Sanic) -> None:
    @app.before_server_start
    async def setup(app: Sanic) -> None:
        app.get("/late", name="hello")(lambda request: text("late"))

    with pytest.raises(ServerError, match=r"Duplicate route names detected: app\.hello"):
        async with running(app):
            pass


async def test_what_a_block_adds_is_served_after_it(app: Sanic) -> None:
    """Contract 1.2 ``app.amend()``."""
    bp = Blueprint("bp", url_prefix="/p")
    bp.get("/x")(lambda request: text("blueprint"))
    told: list[str] = []
    async with running(app) as client:
        with app.amend():
            app.get("/late")(lambda request: text("late"))
            app.blueprint(bp)
            app.on_response(lambda request, response: response.headers.add("x-late", "1"))
            app.exception(NotFound)(lambda request, exception: text("nothing", 404))
            app.before_server_stop(lambda app: told.append("stop"))
            app.add_signal(lambda: told.append("signal"), "a.b.c")
            assert (await client.get("/late")).status_code == 404
        assert (await client.get("/late")).text == "late"
        assert (await client.get("/p/x")).text == "blueprint"
        assert (await client.get("/")).headers["x-late"] == "1"
        assert (await client.get("/nowhere")).text == "nothing"
        await app.dispatch("a.b.c", inline=True)
        with pytest.raises(ServerError, match="serves already"):
            bp.get("/late")(print)
    assert told == ["signal", "stop"]


async def test_a_block_that_raises_adds_nothing(app: Sanic) -> None:
    async with running(app) as client:
        with pytest.raises(ZeroDivisionError), app.amend():
            app.get("/late")(lambda request: text("late"))
            raise ZeroDivisionError
        assert (await client.get("/late")).status_code == 404
        assert app.frozen


async def test_a_contradiction_adds_nothing(app: Sanic) -> None:
    async with running(app) as client:
        with pytest.raises(RouteExists), app.amend():
            app.get("/late", name="late")(lambda request: text("late"))
            app.get("/", name="again")(lambda request: text("again"))
        assert (await client.get("/late")).status_code == 404
        assert (await client.get("/")).text == "hello"
    assert [route.name for route in app.router.routes] == ["app.hello"]


async def test_what_follows_a_block_that_raised_is_served(app: Sanic) -> None:
    """There are as many records then as the block had."""
    async with running(app) as client:
        with pytest.raises(ServerError, match="Duplicate exception handler"), app.amend():
            app.get("/late")(lambda request: text("late"))
            app.exception(ZeroDivisionError)(print)
            app.specs.append(app.specs[-1])
        with app.amend():
            app.get("/one", name="one")(lambda request: text("one"))
            app.get("/two", name="two")(lambda request: text("two"))
            app.get("/three", name="three")(lambda request: text("three"))
        assert (await client.get("/late")).status_code == 404
        assert (await client.get("/three")).text == "three"


async def test_requests_under_way_are_finished_as_they_began(app: Sanic) -> None:
    gate = trio.Event()

    @app.get("/slow")
    async def slow(request: Request) -> HTTPResponse:
        await gate.wait()
        return text("slow")

    async with running(app) as client, trio.open_nursery() as nursery:

        async def ask() -> None:
            response = await client.get("/slow")
            assert (response.text, "x-late" in response.headers) == ("slow", False)

        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        with app.amend():
            app.on_response(lambda request, response: response.headers.add("x-late", "1"))
        gate.set()


async def test_blocks_nest_and_before_the_start_they_do_nothing(app: Sanic) -> None:
    with app.amend():
        app.get("/early")(lambda request: text("early"))
    async with running(app) as client:
        with app.amend():
            with app.amend():
                app.get("/inner", name="inner")(lambda request: text("inner"))
            app.get("/outer", name="outer")(lambda request: text("outer"))
        for path in ("early", "inner", "outer"):
            assert (await client.get(f"/{path}")).text == path


async def test_signals_of_the_server_may_be_added(app: Sanic) -> None:
    seen: list[str] = []
    async with running(app) as client:
        await client.get("/")
        with app.amend():
            app.signal("http.lifecycle.request")(lambda request: seen.append(request.path))
        await client.get("/")
    assert seen == ["/"]


async def test_a_route_that_is_added_may_be_the_first_that_compresses(app: Sanic) -> None:
    async with running(app) as client:
        with app.amend():
            app.add_route(lambda request: text("x" * 5000), "/long", name="long", compress=True)
        answer = await client.get("/long", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text == "x" * 5000
