"""Static files and folders, and the responses that are files (1.13, 1.11)."""

import os
from functools import partial
from pathlib import Path
from typing import Any

from tests.beside.framework import handlers, outcome, response, run, top

app = top.Sanic("beside")
FILES = Path(os.environ["FILES"])
PUBLIC = FILES / "public"

app.static("/s", PUBLIC, name="s")
app.static("/index", PUBLIC, index="index.html", name="index")
app.static("/indexes", PUBLIC, index=["none.html", "a.txt"], name="indexes")
app.static("/view", PUBLIC, directory_view=True, name="view")
app.static("/ranges", PUBLIC, use_content_range=True, name="ranges")
app.static("/unmodified", PUBLIC, use_modified_since=False, name="unmodified")
app.static("/large", PUBLIC, stream_large_files=5, name="large")
app.static(
    "/follow", PUBLIC, follow_external_symlink_files=True, follow_external_symlink_dirs=True, name="follow"
)
app.static("/one", PUBLIC / "a.txt", name="one")
app.static("/typed", PUBLIC / "b.html", content_type="text/x-own", name="typed")
app.static("/pattern", PUBLIC, pattern=r"/?.+\.txt", name="pattern")
app.static("/strict", PUBLIC / "a.txt", strict_slashes=True, name="strict")
app.static("/hosted", PUBLIC, host="one.example", name="hosted")
blueprint = top.Blueprint("shop", url_prefix="/shop")
blueprint.static("/s", PUBLIC, name="s")
app.blueprint(blueprint)
versioned = top.Blueprint("versioned", url_prefix="/versioned", version=1)
versioned.static("/s", PUBLIC, name="s")
app.blueprint(top.Blueprint.group(versioned, url_prefix="/group", version=2))
homed = top.Blueprint("homed", url_prefix="/homed", host="one.example")
homed.static("/s", PUBLIC, name="s")
app.blueprint(homed)


@app.get("/urls")
def urls(request: top.Request) -> top.HTTPResponse:
    wanted: dict[str, dict[str, Any]] = {
        "file": {"name": "s", "filename": "a.txt"},
        "slash": {"name": "s", "filename": "/a.txt"},
        "one": {"name": "one"},
        "blueprint": {"name": "shop.s", "filename": "a.txt"},
        "versioned": {"name": "versioned.s", "filename": "a.txt"},
        "external": {"name": "s", "filename": "a.txt", "_external": True, "_server": "http://x.example"},
        "unknown": {"name": "nobody", "filename": "a.txt"},
    }
    return response.text(
        "\n".join(
            f"{name}: {outcome(partial(app.url_for, 'static', **options))}"
            for name, options in wanted.items()
        )
    )


@app.get("/file/<how>")
async def file(request: top.Request, how: str) -> top.HTTPResponse:
    path = PUBLIC / "a.txt"
    options: dict[str, dict[str, Any]] = {
        "plain": {},
        "validated": {"request_headers": request.headers},
        "typed": {"status": 201, "mime_type": "x/y", "headers": {"A": "b"}},
        "named": {"filename": "plain.txt"},
        "named-umlaut": {"filename": "ä.txt"},
        "max-age": {"max_age": 60},
        "no-store": {"no_store": True},
        "unmodified": {"last_modified": None},
        "modified": {"last_modified": 1_500_000_000},
        "missing": {"location": PUBLIC / "missing"},
    }
    try:
        return await response.file(**{"location": path} | options[how])
    except FileNotFoundError:
        return response.text("no file", 404)


@app.get("/range")
async def part(request: top.Request) -> top.HTTPResponse:
    path = PUBLIC / "a.txt"
    return await response.file(path, _range=handlers.ContentRangeHandler(request, path.stat()))


@app.get("/stream")
async def stream(request: top.Request) -> Any:
    return await response.file_stream(PUBLIC / "a.txt", chunk_size=3, headers={"A": "b"}, filename="x.txt")


@app.get("/validate")
async def validate(request: top.Request) -> top.HTTPResponse:
    answer = await response.validate_file(request.headers, 1_600_000_000.5)
    return answer or response.text("to be sent")


if __name__ == "__main__":
    run(app)
