"""``request.nursery``: child tasks that live as long as their request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any

import trio

from triosanic.http.faults import as_exception, is_failure
from triosanic.log import error_logger


class RequestNursery:
    """A nursery that belongs to a request; it exists once a handler has asked for it.

    After the handler has returned, the response waits for the children. A child that raises cancels the
    handler and the other children, and its exception is answered as if the handler had raised it.
    A client that leaves cancels them all, unless the route opted out.
    """

    __slots__ = ("_closed", "_fail", "_joined", "_nursery", "_opened", "_waiting", "cancel_scope")

    def __init__(
        self, spawn: Callable[[Callable[[], Awaitable[None]]], None], fail: Callable[[Exception], None]
    ) -> None:
        """Open the nursery in a task of its own.

        Args:
            spawn: Starts a task that outlives the request's handler.
            fail: Called with what a child has raised.
        """
        self._fail = fail
        self._nursery: trio.Nursery | None = None
        self._opened = trio.Event()
        self._joined = trio.Event()
        self._closed = trio.Event()
        self._waiting: list[Callable[[trio.Nursery], None]] = []
        self.cancel_scope = trio.CancelScope()
        spawn(self._run)

    def start_soon(self, async_fn: Callable[..., Awaitable[object]], *args: Any, name: object = None) -> None:
        """Start a child task; see `trio.Nursery.start_soon`.

        Raises:
            RuntimeError: The request has ended.
        """
        if self._closed.is_set():
            raise RuntimeError("the request has ended, and its nursery with it: use app.nursery")
        if self._nursery is not None:
            self._nursery.start_soon(async_fn, *args, name=name)
        else:
            context = copy_context()  # the caller's, as Trio's own nurseries do
            self._waiting.append(lambda nursery: context.run(nursery.start_soon, async_fn, *args, name=name))

    async def start(
        self, async_fn: Callable[..., Awaitable[object]], *args: Any, name: object = None
    ) -> Any:
        """Start a child task and wait until it is ready; see `trio.Nursery.start`. Checkpoint: always.

        Raises:
            RuntimeError: The request has ended.
        """
        if self._closed.is_set():
            raise RuntimeError("the request has ended, and its nursery with it: use app.nursery")
        await self._opened.wait()
        assert self._nursery is not None
        return await self._nursery.start(async_fn, *args, name=name)

    @property
    def child_tasks(self) -> frozenset[trio.lowlevel.Task]:
        """The children that run."""
        return frozenset() if self._nursery is None else self._nursery.child_tasks

    async def join(self) -> None:
        """Wait for the children: the request's handler has returned. Checkpoint: if there are any."""
        self._joined.set()
        await self._closed.wait()

    async def close(self) -> None:
        """Cancel the children and wait until they have ended: the handler has failed. Checkpoint: always."""
        self._fail = _log
        self.cancel_scope.cancel()
        await self._closed.wait()

    async def _run(self) -> None:
        try:
            with self.cancel_scope:
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    for start in self._waiting:
                        start(nursery)
                    self._waiting.clear()
                    self._opened.set()
                    await self._joined.wait()
        except Exception as exc:  # noqa: BLE001  # answered in the handler's place
            self._fail(exc)
        except BaseExceptionGroup as group:  # cancelled at the same time: what is Trio's own goes on
            own, rest = group.split(is_failure)
            if own is not None:
                self._fail(as_exception(own))
            if rest is not None:
                raise rest from None
        finally:
            self._nursery = None
            self._closed.set()


def _log(error: Exception) -> None:
    error_logger.error("a task of a request's nursery failed while it was cancelled", exc_info=error)
