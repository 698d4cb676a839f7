"""The app, its configuration, the names there are (1.1, 1.2, 1.3)."""

import os
from functools import partial
from types import SimpleNamespace
from typing import Any

from tests.beside.framework import config, constants, exceptions, outcome, response, run, show, top

os.environ |= {
    "SHOP_INT": "5",
    "SHOP_FLOAT": "1.5",
    "SHOP_YES": "yes",
    "SHOP_OFF": "off",
    "SHOP_TEXT": "hello",
    "SHOP_lower": "1",
    "SHOP_EXPONENT": "1e3",
    "SHOP_EMPTY": "",
    "SHOP_GROUPED": "1_000",
    "SHOP_HEX": "0x10",
    "SHOP_REQUEST_MAX_SIZE": "12345",
}
app = top.Sanic("beside", env_prefix="SHOP_", ctx=SimpleNamespace(own=1))
TRUE = "y yes yep yup t true on enable enabled 1"
FALSE = "n no f nope false off disable disabled 0"
NAMES = """
    BadRequest Blueprint Config DefaultRequest DefaultSanic ExpectationFailed FileNotFound Forbidden
    HTTPMethod HTTPResponse HeaderNotFound InternalServerError InvalidHeader MethodNotAllowed NotFound
    RangeNotSatisfiable Request Sanic SanicException ServerError ServiceUnavailable Unauthorized Websocket
    __version__ empty file html json raw redirect text
"""


@app.get("/names")
def names(request: top.Request) -> top.HTTPResponse:
    return response.json([name for name in NAMES.split() if not hasattr(top, name)])


@app.get("/names/exceptions")
def names_of_exceptions(request: top.Request) -> top.HTTPResponse:
    wanted = "InvalidUsage BadURL MethodNotSupported URLBuildError RequestTimeout PayloadTooLarge"
    more = "ContentRangeError HeaderExpectationFailed InvalidRangeType PyFileError LoadFileException"
    others = "InvalidSignal WebsocketClosed HTTPException RequestCancelled ServerKilled"
    return show(
        **{name: lambda name=name: hasattr(exceptions, name) for name in f"{wanted} {more} {others}".split()}
    )


@app.get("/names/gone")
def names_gone(request: top.Request) -> top.HTTPResponse:
    return show(
        stream=lambda: hasattr(response, "stream"),
        abort=lambda: hasattr(exceptions, "abort"),
        is_request_stream=lambda: hasattr(app, "is_request_stream"),
        unnamed=lambda: bool(top.Sanic.unregister_app(top.Sanic())),
        load_env=lambda: bool(top.Sanic.unregister_app(top.Sanic("other", load_env=False))),
        register_blueprint=lambda: hasattr(app, "register_blueprint"),
        from_object=lambda: hasattr(app.config, "from_object"),
        request_is_dict=lambda: request.__setitem__("own", 1),
        raw_args=lambda: request.raw_args,
    )


@app.get("/constants")
def constant(request: top.Request) -> top.HTTPResponse:
    return show(
        method=lambda: str(constants.HTTPMethod.GET),
        equal=lambda: constants.HTTPMethod.GET == "GET",
        equal_in_lower_case=lambda: "get".lower() == constants.HTTPMethod.GET,
        methods=lambda: [str(method) for method in constants.HTTP_METHODS],
        safe=lambda: sorted(map(str, constants.SAFE_HTTP_METHODS)),
        idempotent=lambda: sorted(map(str, constants.IDEMPOTENT_HTTP_METHODS)),
        cacheable=lambda: sorted(map(str, constants.CACHEABLE_HTTP_METHODS)),
        content_type=lambda: constants.DEFAULT_HTTP_CONTENT_TYPE,
    )


def set_unknown(target: Any) -> None:
    target.unknown = 1


@app.get("/app")
def attributes(request: top.Request) -> top.HTTPResponse:
    return show(
        name=lambda: app.name,
        shown=lambda: (str(app), repr(app)),
        same=lambda: request.app is app,
        ctx=lambda: app.ctx.own,
        get_app=lambda: top.Sanic.get_app("beside") is app,
        only_app=lambda: top.Sanic.get_app() is app,
        no_app=lambda: top.Sanic.get_app("nobody"),
        unknown=lambda: set_unknown(app),
        debug=lambda: app.debug,
        blueprints=lambda: dict(app.blueprints),
        websockets=lambda: app.websocket_enabled,
        asgi=lambda: app.asgi,
        reload_dirs=lambda: set(app.reload_dirs),
        tasks=lambda: [task.get_name() for task in app.tasks],
        running=lambda: app.state.is_running,
        started=lambda: app.state.is_started,
        stopping=lambda: app.state.is_stopping,
    )


@app.get("/app/names")
def names_of_apps(request: top.Request) -> top.HTTPResponse:
    def named(name: Any) -> str:
        made = top.Sanic(name, configure_logging=False)
        top.Sanic.unregister_app(made)
        return made.name

    return show(
        plain=lambda: named("shop"),
        underscore=lambda: named("_shop"),
        dash=lambda: named("my-shop"),
        dots=lambda: named("a.b"),
        digit=lambda: named("1shop"),
        space=lambda: named("a b"),
        empty=lambda: named(""),
        number=lambda: named(5),
        twice=lambda: named("beside"),
    )


@app.get("/app/late")
def late(request: top.Request) -> top.HTTPResponse:
    def handler(request: top.Request) -> top.HTTPResponse:
        return response.text("late")

    return show(route=lambda: bool(app.add_route(handler, "/late")))


@app.get("/tasks")
async def tasks(request: top.Request) -> top.HTTPResponse:
    async def work() -> None:
        app.ctx.worked = True

    named = app.add_task(work(), name="work")
    return show(
        name=lambda: getattr(named, "get_name", lambda: None)(),
        found=lambda: app.get_task("work") is not None,
        missing=lambda: app.get_task("nothing", raise_exception=False),
        missing_raises=lambda: app.get_task("nothing"),
        purge=lambda: app.purge_tasks(),
    )


@app.get("/config")
def configuration(request: top.Request) -> top.HTTPResponse:
    names = "INT FLOAT YES OFF TEXT lower EXPONENT EMPTY GROUPED HEX REQUEST_MAX_SIZE"
    return show(**{name: lambda name=name: app.config[name] for name in names.split()})


@app.get("/config/defaults")
def defaults(request: top.Request) -> top.HTTPResponse:
    own = top.Config(env_prefix="NOTHING_")
    names = """
        ACCESS_LOG AUTO_EXTEND AUTO_RELOAD EVENT_AUTOREGISTER DEPRECATION_FILTER FORWARDED_FOR_HEADER
        FORWARDED_SECRET GRACEFUL_SHUTDOWN_TIMEOUT GRACEFUL_TCP_CLOSE_TIMEOUT INSPECTOR INSPECTOR_HOST
        INSPECTOR_PORT INSPECTOR_API_KEY KEEP_ALIVE KEEP_ALIVE_TIMEOUT LOCALHOST MOTD MOTD_DISPLAY NO_COLOR
        NOISY_EXCEPTIONS PROXIES_COUNT REAL_IP_HEADER REQUEST_BUFFER_SIZE REQUEST_MAX_HEADER_SIZE
        REQUEST_ID_HEADER REQUEST_MAX_SIZE REQUEST_TIMEOUT RESPONSE_TIMEOUT TLS_CERT_PASSWORD
        WEBSOCKET_MAX_SIZE
        WEBSOCKET_PING_INTERVAL WEBSOCKET_PING_TIMEOUT FALLBACK_ERROR_FORMAT SERVER_NAME
    """
    return show(**{name: lambda name=name: getattr(own, name) for name in names.split()})


@app.get("/config/use")
def use_of_config(request: top.Request) -> top.HTTPResponse:
    own: Any = top.Config({"ZED": 1}, env_prefix="NOTHING_")

    def assigned(name: str, value: object) -> object:
        setattr(own, name, value)
        return getattr(own, name)

    return show(
        defaults=lambda: own.ZED,
        missing=lambda: own.NOPE,
        missing_item=lambda: own["NOPE"],
        get=lambda: own.get("NOPE", "default"),
        is_dict=lambda: isinstance(own, dict),
        copy=lambda: type(own.copy()).__name__,
        merged=lambda: (own | {"A": 1})["A"],
        update=lambda: (own.update({"A": 1, "b": 2}, C=3), own.A, own.get("b"), own.C),
        update_config=lambda: (own.update_config({"D": 4, "d": 5}), own.D, own.get("d")),
        load=lambda: (own.load(SimpleNamespace(E=6, e=7)), own.E, own.get("e")),
        load_missing=lambda: own.load("/nothing/here.py"),
        keep_alive=lambda: top.Config(keep_alive=False).KEEP_ALIVE,
        formats=lambda: assigned("FALLBACK_ERROR_FORMAT", "json"),
        bad_format=lambda: assigned("FALLBACK_ERROR_FORMAT", "bad"),
        own=lambda: assigned("OWN", 1),
        negative_proxies=lambda: assigned("PROXIES_COUNT", -1),
    )


@app.get("/config/converters")
def converters(request: top.Request) -> top.HTTPResponse:
    def listed(value: str) -> list[str]:
        if "," not in value:
            raise ValueError
        return value.split(",")

    os.environ["LISTED_A"] = "x,y"
    os.environ["LISTED_B"] = "7"
    made = top.Config(env_prefix="LISTED_", converters=[listed])
    return show(
        own=lambda: made.A,
        other=lambda: made.B,
        registered=lambda: made.register_type(listed),
        true=lambda: [config.str_to_bool(word) for word in TRUE.split()],
        false=lambda: [config.str_to_bool(word) for word in FALSE.split()],
        neither=lambda: config.str_to_bool("maybe"),
    )


@app.get("/url_for")
def url_for(request: top.Request) -> top.HTTPResponse:
    return show(
        plain=lambda: app.url_for("item", number=5),
        query=lambda: app.url_for("item", number=5, page=2, tag=["a", "b"]),
        anchor=lambda: app.url_for("item", number=5, _anchor="top"),
        external=lambda: app.url_for(
            "item", number=5, _external=True, _server="shop.example", _scheme="https"
        ),
        server=lambda: app.url_for("item", number=5, _external=True, _server="http://shop.example:99"),
        missing=lambda: app.url_for("item"),
        unmatched=lambda: app.url_for("item", number="x"),
        unknown=lambda: app.url_for("nobody"),
        external_without=lambda: app.url_for("item", number=5, _scheme="https"),
        text=lambda: app.url_for("word", word="a-b"),
        space=lambda: app.url_for("word", word="a b"),
    )


@app.get("/item/<number:int>", name="item")
def item(request: top.Request, number: int) -> top.HTTPResponse:
    return response.text(f"{number} {request.name} {request.endpoint}")


@app.get("/word/<word>", name="word")
def word(request: top.Request, word: str) -> top.HTTPResponse:
    return response.text(word)


@app.get("/outcomes")
def outcomes(request: top.Request) -> top.HTTPResponse:
    """Runs that both refuse."""
    refused: list[dict[str, Any]] = [
        {"fast": True, "workers": 2},
        {"single_process": True, "workers": 2},
        {"single_process": True, "auto_reload": True},
        {"loop": object()},
    ]
    return response.json([outcome(partial(app.prepare, **options)) for options in refused])


if __name__ == "__main__":
    run(app)
