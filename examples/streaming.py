"""The programs of Sanic's page on streaming, as one: only the import's name is another.

Run it:

    python examples/streaming.py
    curl http://127.0.0.1:8000/
    curl -T - -X POST http://127.0.0.1:8000/stream

``/db`` is there when ``DATABASE_URL`` names a PostgreSQL database.
asyncpg needs an asyncio loop, so that handler wears one decorator more than on the page.
PORT chooses another port than 8000.
"""
# mypy: allow-untyped-defs, allow-untyped-calls
# The page's code has no annotations, and stays as it is.

import os

from triosanic import Sanic
from triosanic.blueprints import Blueprint
from triosanic.response import stream, text
from triosanic.views import CompositionView

DATABASE_URL = os.environ.get("DATABASE_URL")

bp = Blueprint("blueprint_request_stream")
app = Sanic("request_stream", is_request_stream=True)


@app.route("/")
async def test(request):
    async def sample_streaming_fn(response):
        response.write("foo,")
        response.write("bar")

    return stream(sample_streaming_fn, content_type="text/csv")


@app.stream("/stream")
async def handler(request):
    async def streaming(response):
        while True:
            body = await request.stream.get()
            if body is None:
                break
            body = body.decode("utf-8").replace("1", "A")
            response.write(body)

    return stream(streaming)


@app.get("/get")
async def get(request):
    return text("OK")


@bp.stream("/bp_stream")
async def bp_handler(request):
    result = ""
    while True:
        body = await request.stream.get()
        if body is None:
            break
        result += body.decode("utf-8").replace("1", "A")
    return text(result)


async def post_handler(request):
    result = ""
    while True:
        body = await request.stream.get()
        if body is None:
            break
        result += body.decode("utf-8")
    return text(result)


app.blueprint(bp)
view = CompositionView()
view.add(["POST"], post_handler, stream=True)
app.add_route(view, "/composition_view")


if DATABASE_URL:
    import asyncpg

    from triosanic.asyncio import aio_handler

    @app.route("/db")
    @aio_handler
    async def index(request):
        async def stream_from_db(response):
            conn = await asyncpg.connect(DATABASE_URL)
            try:
                async with conn.transaction():
                    async for record in conn.cursor("SELECT generate_series(0, 10)"):
                        response.write(record[0])
            finally:
                await conn.close()

        return stream(stream_from_db)


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
