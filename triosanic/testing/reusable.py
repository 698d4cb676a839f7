"""The client of tests that are not async, for several calls to one app that goes on between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial, partialmethod
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, Self, TypeVar, cast

import trio

from triosanic.request import Request
from triosanic.testing.awaited import SanicASGITestClient
from triosanic.testing.collecting import PlainApp, debugging
from triosanic.testing.extra import httpx
from triosanic.testing.plain import HOST, PORT, TIMEOUT_S, Response, refuse_async

T = TypeVar("T")

_NOT_RUNNING: Final = "the app does not run: make calls within `with client`"


class ReusableClient:
    """Sends requests from code that is not async to an app that runs from the first to the last of them.

    ``with ReusableClient(app) as client`` starts and stops it, and so do `run` and `stop`. It runs in
    a thread of its own, with the machine's clock. Cookies are kept from call to call.

    Args:
        app: Must not serve already.
        host: The host of URLs.
        port: Their port; ``None`` takes `PORT`.
        loop: sanic-testing's event loop; there is none.
        server_kwargs: sanic-testing's arguments of the server; nothing listens, so they do nothing.
        client_kwargs: Arguments of `Client`.

    Source: sanic-testing 24.6 ``ReusableClient``, without WebSockets.
    """

    __slots__ = ("_client", "_options", "_run", "_stopping", "app", "host", "port")

    def __init__(  # noqa: PLR0917  # sanic-testing's arguments
        self,
        app: PlainApp,
        host: str = HOST,
        port: int | None = None,
        loop: object = None,  # noqa: ARG002  # as above
        server_kwargs: Mapping[str, object] | None = None,  # noqa: ARG002  # as above
        client_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.app = app
        self.host = host
        self.port = PORT if port is None else port
        self._options = {"timeout": TIMEOUT_S, **(client_kwargs or {})}
        self._run: _Run | None = None

    def run(self) -> None:
        """Start the app, with its listeners.

        Raises:
            RuntimeError: It runs already, or this is async code.
            BaseException: What a start listener raised.
        """
        refuse_async("ReusableClient")
        if self._run is not None:
            raise RuntimeError("the app runs already: stop it first")
        self._run = _Run(self._serve)

    def stop(self) -> None:
        """Stop the app, with its listeners; do nothing if it does not run.

        Raises:
            BaseException: What a task in ``app.nursery`` raised.
        """
        run, self._run = self._run, None
        if run is not None:
            run.end(self._stopping.set)

    def request(
        self,
        uri: str = "/",
        gather_request: bool = True,
        debug: bool = False,
        *,
        http_method: str = "GET",
        server_kwargs: Mapping[str, object] | None = None,  # noqa: ARG002  # nothing listens
        host: str | None = None,
        port: int | None = None,
        allow_none: bool = False,
        raw_cookies: bool = False,  # noqa: ARG002  # they are always there
        **options: Any,
    ) -> tuple[Request | None, Response | None]:
        """Send one request; return it as its handler saw it, and the response.

        Args:
            uri: A path, or a whole ``http://`` URL.
            gather_request: Whether to return the request too; otherwise there is ``None`` in its place.
            debug: Whether the app's ``debug`` is on meanwhile.
            http_method: The method.
            server_kwargs: Does nothing.
            host: The URL's host, where ``uri`` is a path.
            port: Likewise.
            allow_none: Whether to return ``None`` rather than raise if no response comes.
            raw_cookies: sanic-testing's; `Response.raw_cookies` needs no asking.
            options: See `SanicASGITestClient.request`.

        Raises:
            httpx.HTTPError: No response came.
            RuntimeError: The app does not run.
            BaseException: What a task in ``app.nursery`` raised.
        """
        if self._run is None:
            raise RuntimeError(_NOT_RUNNING)
        url = httpx.URL(f"http://{host or self.host}:{port or self.port}/").join(uri)
        call = partial(self._client.request, http_method, str(url), gather_request, **options)
        with debugging(self.app, debug):
            try:
                return self._run.call(call)
            except httpx.HTTPError:
                if not allow_none:
                    raise
                return None, None

    get = partialmethod(request, http_method="GET")
    post = partialmethod(request, http_method="POST")
    put = partialmethod(request, http_method="PUT")
    patch = partialmethod(request, http_method="PATCH")
    delete = partialmethod(request, http_method="DELETE")
    options = partialmethod(request, http_method="OPTIONS")
    head = partialmethod(request, http_method="HEAD")

    def __enter__(self) -> Self:
        self.run()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _serve(self, run: _Run) -> None:
        async with SanicASGITestClient(self.app, **self._options) as client, trio.open_nursery() as nursery:
            self._client = client
            self._stopping = trio.Event()
            run.started(nursery)
            await self._stopping.wait()


class _Run:
    """A run of Trio's in a thread of its own, so that a thread may have several, or be in none.

    Args:
        main: What runs; calls `started`.

    Raises:
        BaseException: What it ended with before that.
    """

    def __init__(self, main: Callable[[_Run], Awaitable[None]]) -> None:
        self._said: SimpleQueue[_Result] = SimpleQueue()
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        # A test that leaves it running shall not keep the process.
        Thread(target=self._run, args=(main,), name="ReusableClient", daemon=True).start()
        self._hear()

    def _run(self, main: Callable[[_Run], Awaitable[None]]) -> None:
        error: BaseException | None = None
        try:
            trio.run(main, self)
        except BaseException as exc:  # noqa: BLE001  # raised again by `_hear`, in the thread that waits
            error = exc
        self._said.put(_Result(error=error, ends=True))

    def started(self, nursery: trio.Nursery) -> None:
        """Let calls be made, in this nursery."""
        self._token = trio.lowlevel.current_trio_token()
        self._nursery = nursery
        self._said.put(_Result())

    def call(self, async_fn: Callable[[], Awaitable[T]]) -> T:
        """Run an async function there; return or raise as it does, or raise what the run ends with."""
        self._soon(self._start, async_fn)
        return cast(T, self._hear())

    def _start(self, async_fn: Callable[[], Awaitable[object]]) -> None:
        assert self._nursery is not None
        with suppress(RuntimeError):  # it is closed, and the run ends: that is heard next
            self._nursery.start_soon(self._answer, async_fn)

    async def _answer(self, async_fn: Callable[[], Awaitable[object]]) -> None:
        try:
            self._said.put(_Result(await async_fn()))
        except Exception as error:  # noqa: BLE001  # raised again by `_hear`
            self._said.put(_Result(error=error))

    def end(self, stop: Callable[[], None]) -> None:
        """Call a function there which ends the run, and wait for that; raise what it ends with."""
        if self._token is not None:
            self._soon(stop)
            self._hear()

    def _soon(self, function: Callable[..., object], *args: Any) -> None:
        if self._token is None:
            raise RuntimeError(_NOT_RUNNING)
        with suppress(trio.RunFinishedError):  # what it has ended with is heard next
            self._token.run_sync_soon(function, *args)

    def _hear(self) -> object:
        said = self._said.get()
        if said.ends:
            self._token = None
        if said.error is not None:
            raise said.error
        return said.value


@dataclass(frozen=True, slots=True)
class _Result:
    """What a thread tells the one that waits for it."""

    value: object = None
    error: BaseException | None = None
    ends: bool = False
