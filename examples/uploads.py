"""Take files of any size, with fields around them, and write them to disk as they arrive.

Run it, and open http://127.0.0.1:8000/, or:

    python examples/uploads.py
    curl -F title=Trip -F film=@film.mkv -F note=long http://127.0.0.1:8000/uploads

One piece of an upload is in memory at a time: a slow disk holds the client back, and nobody else.
An upload counts whole or not at all. It is written to a folder of its own, which gets its final name when the
last part has come; a client that leaves, a form that is cut short, or a full disk leave nothing behind.

The client's names for files are told in the answer, and are not part of any path.
Uploads are kept in the folder that ``UPLOADS_FOLDER`` names, or else in one that is removed at the end.
PORT chooses another port than 8000.
"""

import os
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import trio

from triosanic import Request, Sanic
from triosanic.exceptions import NotFound, SanicException
from triosanic.forms import Part
from triosanic.response import HTTPResponse, html, json

# How long removing what is left of an upload may take, as it runs to its end though the client has gone.
CLEANUP_S: Final = 30

PAGE: Final = """<!doctype html>
<meta charset="utf-8">
<title>Uploads</title>
<form action="/uploads" method="post" enctype="multipart/form-data">
  <p><input name="title" placeholder="Title"> <input name="file" type="file" multiple>
  <p><button>Upload</button> <progress value="0"></progress> <output></output>
</form>
<script>
const form = document.querySelector("form")
form.onsubmit = async event => {
  event.preventDefault()
  const url = "/uploads/" + crypto.randomUUID(), bar = form.querySelector("progress")
  const timer = setInterval(async () => {
    const answer = await fetch(url)
    if (!answer.ok) return
    const {received, total} = await answer.json()
    bar.max = total || 1
    bar.value = received
  }, 500)
  const answer = await fetch(url, {method: "POST", body: new FormData(form)})
  clearInterval(timer)
  bar.max = bar.value = 1
  form.querySelector("output").textContent = await answer.text()
}
</script>
"""


class UploadExists(SanicException):
    """409: there is an upload of that name, or one under way."""

    status_code = 409
    quiet = True


@dataclass
class Progress:
    """How far an upload is: bytes of files, and of the whole body if the client has told its length."""

    received: int
    total: int | None


app = Sanic("uploads")


@app.before_server_start
async def open_folder(app: Sanic) -> None:
    app.ctx.resources = ExitStack()
    folder = os.environ.get("UPLOADS_FOLDER") or app.ctx.resources.enter_context(
        tempfile.TemporaryDirectory()
    )
    app.ctx.folder = Path(folder)
    app.ctx.progress = {}


@app.after_server_stop
async def close_folder(app: Sanic) -> None:
    app.ctx.resources.close()


@app.get("/")
async def page(request: Request) -> HTTPResponse:
    return html(PAGE)


@app.get("/uploads/<upload:uuid>")
async def progress(request: Request, upload: UUID) -> HTTPResponse:
    found = request.app.ctx.progress.get(upload)
    if found is None:
        raise NotFound("No such upload is under way.")
    return json({"received": found.received, "total": found.total})


@app.post("/uploads", stream=True, name="new")
@app.post("/uploads/<upload:uuid>", stream=True, name="named")
async def take(request: Request, upload: UUID | None = None) -> HTTPResponse:
    upload = upload or uuid4()
    under_way: dict[UUID, Progress] = request.app.ctx.progress
    folder: Path = request.app.ctx.folder
    final, partial = folder / str(upload), folder / f"{upload}.partial"
    if upload in under_way:
        raise UploadExists("An upload of that name is under way.")
    length = request.headers.get("content-length")
    # Before anything is awaited: another of that name may be beginning just now.
    under_way[upload] = Progress(0, None if length is None else int(length))
    try:
        if await trio.Path(final).exists():
            raise UploadExists("There is an upload of that name.")
        await trio.Path(partial).mkdir()
        answer = await store(request, partial, under_way[upload])
        await trio.Path(partial).rename(final)
    finally:
        await remove(partial)
        del under_way[upload]
    return json({"upload": str(upload), **answer}, status=201)


async def store(request: Request, folder: Path, progress: Progress) -> dict[str, Any]:
    """Write the files of a form into a folder, and tell what they and the fields are."""
    fields: dict[str, list[str]] = {}
    files = []
    async for part in request.parts():
        if part.filename is None:
            fields.setdefault(part.name, []).append(await part.text())
        elif part.filename:  # it is empty where no file was chosen
            stored = str(uuid4())
            size = await write(part, folder / stored, progress)
            files.append({"field": part.name, "name": part.filename, "stored": stored, "size": size})
    return {"fields": fields, "files": files}


async def write(part: Part, path: Path, progress: Progress) -> int:
    before = progress.received
    async with await trio.open_file(path, "xb") as file:
        async for piece in part:
            await file.write(piece)
            progress.received += len(piece)
    return progress.received - before


async def remove(folder: Path) -> None:
    """Remove what is left of an upload that did not come to its end; nothing is left of one that did."""
    with trio.CancelScope(shield=True, deadline=trio.current_time() + CLEANUP_S):
        await trio.to_thread.run_sync(
            lambda: shutil.rmtree(folder, ignore_errors=True), abandon_on_cancel=True
        )


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
