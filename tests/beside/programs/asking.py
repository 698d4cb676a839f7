"""What a request offers to its handler (1.10)."""

from typing import Any

from tests.beside.framework import headers, response, run, show, top


class Own(top.Request):
    @property
    def shouted(self) -> str:
        return self.path.upper()


app = top.Sanic("beside", request_class=Own)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@app.route("/who/<name>", methods=METHODS, name="who")
async def who(request: Any, name: str) -> top.HTTPResponse:
    return show(
        method=lambda: request.method,
        path=lambda: request.path,
        raw_url=lambda: request.raw_url,
        query_string=lambda: request.query_string,
        version=lambda: request.version,
        request_line=lambda: request.request_line,
        host=lambda: request.host,
        scheme=lambda: request.scheme,
        url=lambda: request.url,
        server_name=lambda: request.server_name,
        server_port=lambda: request.server_port,
        server_path=lambda: request.server_path,
        ip=lambda: request.ip,
        remote_addr=lambda: request.remote_addr,
        client_ip=lambda: request.client_ip,
        name=lambda: request.name,
        endpoint=lambda: request.endpoint,
        uri_template=lambda: request.uri_template,
        match_info=lambda: dict(request.match_info),
        is_safe=lambda: request.is_safe,
        is_idempotent=lambda: request.is_idempotent,
        is_cacheable=lambda: request.is_cacheable,
        url_for=lambda: request.url_for("who", name="x"),
        content_type=lambda: request.content_type,
        body=lambda: request.body,
        responded=lambda: request.responded,
        shouted=lambda: request.shouted,
        current=lambda: top.Request.get_current() is request,
        id=lambda: type(request.id).__name__,
        representation=lambda: repr(request),
        connection=lambda: (
            request.conn_info.client_ip,
            request.conn_info.ssl,
            request.conn_info.server_name,
        ),
        lost=lambda: request.conn_info.lost,
        raw_headers=lambda: request.raw_headers.startswith(b"Host: "),
        head=lambda: request.head.startswith(request.method.encode()),
    )


@app.get("/args")
async def arguments(request: Any) -> top.HTTPResponse:
    return show(
        args=lambda: dict(request.args),
        query_args=lambda: request.query_args,
        first=lambda: request.args.get("a"),
        all=lambda: request.args.getlist("a"),
        missing=lambda: request.args.get("nope", "default"),
        missing_all=lambda: request.args.getlist("nope"),
        missing_item=lambda: request.args["nope"],
        blank=lambda: dict(request.get_args(keep_blank_values=True)),
        blank_pairs=lambda: request.get_query_args(keep_blank_values=True),
    )


@app.get("/args/strict")
async def strict_arguments(request: Any) -> top.HTTPResponse:
    return show(
        strict=lambda: dict(request.get_args(strict_parsing=True)),
        latin=lambda: dict(request.get_args(encoding="latin-1")),
    )


@app.get("/accept")
async def accept(request: Any) -> top.HTTPResponse:
    return show(
        accept=lambda: [str(one) for one in request.accept],
        match=lambda: str(request.accept.match("text/html", "application/json")),
        matched=lambda: bool(request.accept.match("text/html", "application/json")),
        mime=lambda: request.accept.match("text/html", "application/json").mime,
        exactly=lambda: request.accept.match("text/plain", accept_wildcards=False).mime,
        contains=lambda: "text/html" in request.accept,
        quality=lambda: [one.q for one in request.accept],
    )


@app.get("/credentials")
async def credentials(request: Any) -> top.HTTPResponse:
    return show(
        token=lambda: request.token,
        auth_type=lambda: request.credentials and request.credentials.auth_type,
        username=lambda: request.credentials and request.credentials.username,
        password=lambda: request.credentials and request.credentials.password,
    )


@app.get("/cookies")
async def cookies(request: Any) -> top.HTTPResponse:
    return show(
        cookies=lambda: dict(request.cookies),
        first=lambda: request.cookies.get("a"),
        all=lambda: request.cookies.getlist("a"),
        item=lambda: request.cookies["a"],
        attribute=lambda: request.cookies.a,
        missing=lambda: request.cookies.get("nope", "default"),
        missing_item=lambda: request.cookies["nope"],
        contains=lambda: "a" in request.cookies,
    )


@app.get("/headers")
async def fields(request: Any) -> top.HTTPResponse:
    return show(
        get=lambda: request.headers.get("x-a"),
        item=lambda: request.headers["X-A"],
        getone=lambda: request.headers.getone("x-a"),
        getall=lambda: request.headers.getall("x-a"),
        get_all=lambda: request.headers.get_all("x-a"),
        attribute=lambda: request.headers.x_a,
        missing=lambda: request.headers.get("nope"),
        missing_attribute=lambda: request.headers.x_nope,
        missing_item=lambda: request.headers["nope"],
        missing_all=lambda: request.headers.getall("nope"),
        names=lambda: sorted({name.lower() for name in request.headers}),
    )


@app.get("/id")
async def identity(request: Any) -> top.HTTPResponse:
    return show(kind=lambda: type(request.id).__name__, value=lambda: str(request.id))


@app.post("/json")
async def as_json(request: Any) -> top.HTTPResponse:
    return response.json({"read": request.json})


@app.post("/json/twice")
async def json_twice(request: Any) -> top.HTTPResponse:
    return show(
        same=lambda: request.json is request.json,
        own=lambda: request.load_json(loads=lambda body: ["own", len(body)]),
        afterwards=lambda: request.json,
    )


@app.post("/form")
async def form(request: Any) -> top.HTTPResponse:
    fields, files = request.form, request.files
    return show(
        form=lambda: dict(fields),
        first=lambda: fields.get("a"),
        all=lambda: fields.getlist("a"),
        blank=lambda: dict(request.get_form(keep_blank_values=True)),
        files={}.copy
        if not files
        else lambda: {name: list(map(tuple, several)) for name, several in files.items()},
        file=lambda: files.get("f") and (files.get("f").name, files.get("f").type, files.get("f").body),
    )


@app.get("/forwarded")
async def forwarded(request: Any) -> top.HTTPResponse:
    return show(
        forwarded=lambda: dict(request.forwarded),
        remote_addr=lambda: request.remote_addr,
        client_ip=lambda: request.client_ip,
        scheme=lambda: request.scheme,
        host=lambda: request.host,
        server_name=lambda: request.server_name,
        server_port=lambda: request.server_port,
        server_path=lambda: request.server_path,
        url_for=lambda: request.url_for("who", name="x"),
    )


@app.get("/parsers")
async def parsers(request: Any) -> top.HTTPResponse:
    """The functions of ``headers`` that programs call."""
    return show(
        content=lambda: headers.parse_content_header('form-data; name="a"; filename="b;c.txt"'),
        bare=lambda: headers.parse_content_header("text/html; Charset=utf-8"),
        host=lambda: headers.parse_host("example.com:80"),
        host_6=lambda: headers.parse_host("[::1]:80"),
        host_bad=lambda: headers.parse_host("bad host"),
        accept=lambda: [str(one) for one in headers.parse_accept("text/*;q=0.5, text/html, */*;q=0.1")],
        accept_none=lambda: [str(one) for one in headers.parse_accept(None)],
        accept_bad=lambda: headers.parse_accept("text"),
    )


if __name__ == "__main__":
    run(app)
