"""Blueprints and groups of them (1.5)."""

from typing import Any

from tests.beside.framework import exceptions, outcome, response, run, top

app = top.Sanic("beside")
Blueprint = top.Blueprint


def tell(request: top.Request, **matched: Any) -> top.HTTPResponse:
    passed = getattr(request.ctx, "passed", [])
    return response.text(f"{request.name} {request.route and request.route.path} {matched} {passed}")


plain = Blueprint("plain", url_prefix="/plain")
plain.add_route(tell, "/", name="root")
plain.add_route(tell, "/item/<number:int>", name="item")


@plain.on_request
def before(request: top.Request) -> None:
    request.ctx.passed = ["plain"]


@plain.on_response
def after(request: top.Request, response: top.HTTPResponse) -> None:
    response.headers["X-Plain"] = "after"


@plain.get("/fails")
def fails(request: top.Request) -> None:
    raise ValueError("plain")


@plain.exception(ValueError)
def failed(request: top.Request, exception: Exception) -> top.HTTPResponse:
    return response.text(f"plain's own: {exception}", 418)


bare = Blueprint("bare")
bare.add_route(tell, "/bare", name="bare")


@bare.get("/bare/fails")
def bare_fails(request: top.Request) -> None:
    raise ValueError("bare")


@bare.get("/bare/missing")
def bare_missing(request: top.Request) -> None:
    raise exceptions.NotFound("bare")


hosted = Blueprint("hosted", url_prefix="/hosted", host="one.example")
hosted.add_route(tell, "/x", name="x")
strict = Blueprint("strict", url_prefix="/strict", strict_slashes=True)
strict.add_route(tell, "/x", name="x")
strict.add_route(tell, "/loose", name="loose", strict_slashes=False)
versioned = Blueprint("versioned", url_prefix="/versioned", version=1)
versioned.add_route(tell, "/x", name="x")
versioned.add_route(tell, "/two", name="two", version=2)
parameter = Blueprint("parameter", url_prefix="/parameter/<shop>")
parameter.add_route(tell, "/x/<number:int>", name="x")
copied = plain.copy("copied", url_prefix="/copied", version=4)
moved = Blueprint("moved", url_prefix="/moved")
moved.add_route(tell, "/x", name="x")
reversioned = Blueprint("reversioned", url_prefix="/reversioned", version=1)
reversioned.add_route(tell, "/x", name="x")

inner_one = Blueprint("inner_one", url_prefix="/one")
inner_one.add_route(tell, "/x", name="x")
inner_two = Blueprint("inner_two", url_prefix="/two", version=3)
inner_two.add_route(tell, "/x", name="x")
inner = Blueprint.group(inner_one, inner_two, url_prefix="/inner")
alone = Blueprint("alone", url_prefix="/alone")
alone.add_route(tell, "/x", name="x")
outer = Blueprint.group(inner, alone, url_prefix="/outer", version=2, version_prefix="/api/v")


@outer.on_request
def before_group(request: top.Request) -> None:
    request.ctx.passed = [*getattr(request.ctx, "passed", []), "outer"]


@alone.on_request
def before_alone(request: top.Request) -> None:
    request.ctx.passed = [*getattr(request.ctx, "passed", []), "alone"]


@outer.exception(KeyError)
def missing_in_group(request: top.Request, exception: KeyError) -> top.HTTPResponse:
    return response.text("outer's own", 418)


@alone.get("/fails")
def alone_fails(request: top.Request) -> None:
    raise KeyError


prefixed = Blueprint("prefixed", url_prefix="/prefixed")
prefixed.add_route(tell, "/x", name="x")

for blueprint in (plain, bare, hosted, strict, versioned, parameter, copied, outer):
    app.blueprint(blueprint)
app.blueprint(moved, url_prefix="/elsewhere")
app.blueprint(reversioned, version=9)
app.blueprint(Blueprint.group(prefixed, name_prefix="grouped"))


@app.get("/facts")
def facts(request: top.Request) -> top.HTTPResponse:
    facts = {
        "registered": lambda: sorted(app.blueprints),
        "length": lambda: len(outer),
        "first": lambda: outer[0] is inner,
        "prefix": lambda: outer.url_prefix,
        "names": lambda: [getattr(member, "name", None) for member in inner],
        "is_registered": lambda: plain.registered,
        "attribute": lambda: setattr(plain, "unknown", 1),
        "twice": lambda: app.blueprint(Blueprint("plain")),
        "bad_name": lambda: Blueprint("a b"),
        "dotted_name": lambda: Blueprint("a.b"),
        "url": lambda: app.url_for("plain.item", number=3),
        "url_version": lambda: app.url_for("versioned.x"),
        "url_group": lambda: app.url_for("inner_two.x"),
        "url_parameter": lambda: app.url_for("parameter.x", shop="s", number=1),
        "url_within": lambda: request.url_for("plain.root"),
    }
    return response.text("\n".join(f"{name}: {outcome(fact)}" for name, fact in facts.items()))


if __name__ == "__main__":
    run(app)
