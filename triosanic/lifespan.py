"""The life of a server: what starts before what, and the order in which all of it ends.

The app calls `Lifespan.run`; it promises that every task has ended when it returns, that each wait of the
shutdown has a deadline, and that listeners which opened something get their turn to close it.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Final

import trio

from triosanic.http.wire import Wire
from triosanic.listeners import ListenerSpec
from triosanic.log import error_logger, logger
from triosanic.server import Server

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_POLL_S: Final = 0.01  # a shutdown that is longer by this is noticed by nobody
# How long what was cancelled may clean up before the process is killed: the close of a wire is among it,
# which takes up to LINGER_TIMEOUT, 2 s by default.
_CLEAN_UP_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Lifespan:
    """One run of a server.

    Attributes:
        app: The first argument of listeners; its ``config`` says what peers may take.
        listeners: What to call at each event.
        server: Accepts and serves.
        started: Set when requests are answered.
        stopping: Set when the shutdown begins; see `stop`.
        hurry: To be cancelled to end it at once.
        draining: Set when the requests under way have to end within the grace.
        emptied: Set when the last connection has ended.
        ended: Set when all is over.
    """

    app: Any
    listeners: Mapping[str, Sequence[ListenerSpec]]
    server: Server
    started: trio.Event = field(default_factory=trio.Event)
    stopping: trio.Event = field(default_factory=trio.Event)
    hurry: trio.CancelScope = field(default_factory=trio.CancelScope)
    draining: trio.Event = field(default_factory=trio.Event)
    emptied: trio.Event = field(default_factory=trio.Event)
    ended: trio.Event = field(default_factory=trio.Event)

    @property
    def grace_s(self) -> float:
        """Seconds that a shutdown waits for requests and tasks that are under way."""
        seconds: float = self.app.config.GRACEFUL_SHUTDOWN_TIMEOUT
        return seconds

    async def run(
        self,
        socks: Sequence[socket.socket],
        on_nurseries: Callable[[trio.Nursery, trio.Nursery], None],
        on_started: Callable[[], None],
        wires: trio.abc.ReceiveChannel[Wire] | None = None,
    ) -> None:
        """Serve on ``socks``, which are closed at the end, until `stopping` is set, or until cancelled.

        Args:
            socks: Listening, non-blocking sockets.
            on_nurseries: Called with the app's nursery and that of its services before anything else.
            on_started: Called when requests are answered.
            wires: Connections that something else accepts.

        Raises:
            BaseException: What a start listener or a task in the app's nursery raised.

        Checkpoint: always.
        """
        try:
            async with self._services() as services, trio.open_nursery() as nursery:
                on_nurseries(nursery, services)
                try:
                    with self.hurry:
                        await self._call("before_server_start", nursery)
                        await self._serve(socks, nursery, on_started, wires)
                finally:
                    self.emptied.set()
                    # When it is too late for anything else, closing what was opened still has its time.
                    with trio.CancelScope(deadline=trio.current_time() + self.grace_s, shield=True):
                        await self._call_all("after_server_stop", nursery)
                nursery.cancel_scope.cancel()
        finally:
            for sock in socks:
                sock.close()
            self.ended.set()

    @asynccontextmanager
    async def _services(self) -> AsyncIterator[trio.Nursery]:
        """Open a nursery that is cancelled when the block has ended, and not before, whoever is cancelled."""
        over = trio.Event()

        async def keep(*, task_status: trio.TaskStatus[trio.Nursery]) -> None:
            # The deadline of this shield is the end of the block.
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as services:
                    task_status.started(services)
                    await over.wait()
                    services.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            with trio.CancelScope(shield=True):  # cancelled in between, start() would wait for ever
                services: trio.Nursery = await nursery.start(keep)
            try:
                yield services
            finally:
                over.set()

    def stop(self) -> None:
        """Begin the shutdown; what has not started yet is stopped at once. Checkpoint: never."""
        self.stopping.set()
        if not self.started.is_set():
            self.hurry.cancel()

    async def _serve(
        self,
        socks: Sequence[socket.socket],
        app_nursery: trio.Nursery,
        on_started: Callable[[], None],
        wires: trio.abc.ReceiveChannel[Wire] | None,
    ) -> None:
        self.server.obey(self.app.config)  # listeners may have changed it
        async with self.server.running() as connections:
            async with trio.open_nursery() as accepting:
                for sock in socks:
                    accepting.start_soon(self.server.accept, sock, connections)
                if wires is not None:
                    accepting.start_soon(self.server.take, wires, connections)
                try:
                    await self._call("after_server_start", app_nursery)
                    self.started.set()
                    on_started()
                    await self.stopping.wait()
                finally:
                    accepting.cancel_scope.cancel()
                    with trio.CancelScope(deadline=trio.current_time() + self.grace_s, shield=True):
                        await self._call_all("before_server_stop", app_nursery)
                    self.draining.set()
            deadline = trio.current_time() + self.grace_s
            with trio.CancelScope(deadline=deadline) as scope:
                await self.server.drain()
            if scope.cancelled_caught and self.server.tasks():
                logger.warning("cut off at the end of the grace: connections: %d", len(self.server.tasks()))
        self.emptied.set()
        await self._drain_tasks(app_nursery, deadline)

    async def watch(self) -> None:
        """Kill the process if the shutdown goes on for longer than it may. Checkpoint: always.

        Only what shields itself from cancellation can hold it up: a handler, or a thread that one waits for.
        """
        await self.stopping.wait()
        for stage, seconds in (
            (self.draining, self.grace_s),
            (self.emptied, self.grace_s),
            (self.ended, 2 * self.grace_s),  # the app's tasks, and the closing listeners
        ):
            with trio.move_on_after(seconds + _CLEAN_UP_S):
                await stage.wait()
            if not stage.is_set():
                held_up_by = ", ".join(self.server.tasks()) or "a task or a listener"
                error_logger.error("the server is killed, because this cannot be cancelled: %s", held_up_by)
                _die(signal.SIGTERM)

    async def _drain_tasks(self, nursery: trio.Nursery, deadline: float) -> None:
        """Let the app's own tasks come to their end, until ``deadline``."""
        tasks = len(nursery.child_tasks)
        if tasks:
            logger.info("waiting for background tasks: %d; another Ctrl-C cancels them", tasks)
        with trio.CancelScope(deadline=deadline):
            while nursery.child_tasks:  # noqa: ASYNC110  # no event tells when a nursery's last child has ended
                await trio.sleep(_POLL_S)

    async def _call(self, event: str, nursery: trio.Nursery) -> None:
        for spec in self.listeners[event]:
            result = spec.listener(self.app, nursery) if spec.wants_nursery else spec.listener(self.app)
            if isawaitable(result):
                await result

    async def _call_all(self, event: str, nursery: trio.Nursery) -> None:
        """Call each, also after one has failed: the next one has something of its own to close."""
        for spec in self.listeners[event]:
            try:
                result = spec.listener(self.app, nursery) if spec.wants_nursery else spec.listener(self.app)
                if isawaitable(result):
                    await result
            except Exception:  # noqa: BLE001  # logged, and the next one still runs
                error_logger.exception("a listener of %s failed", event)


def owns_signals() -> bool:
    """Whether this task is `trio.run`'s main one, in the main thread: then signals are ours to handle."""
    nursery = trio.lowlevel.current_task().parent_nursery
    return (
        nursery is not None
        and nursery.parent_task is trio.lowlevel.current_root_task()
        and threading.current_thread() is threading.main_thread()
    )


async def obey_signals(
    lifespans: Sequence[Lifespan], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Stop at the first SIGINT or SIGTERM, hurry at the second, die at the third. Checkpoint: always."""
    with trio.open_signal_receiver(*_SIGNALS) as signals:
        async with trio.open_nursery() as nursery:
            for lifespan in lifespans:
                nursery.start_soon(lifespan.watch)
            task_status.started()
            await _obey(signals, lifespans)


async def _obey(signals: AsyncIterator[int], lifespans: Sequence[Lifespan]) -> None:
    number = await anext(signals)
    logger.info("%s: stopping; once more to hurry", signal.Signals(number).name)
    for lifespan in lifespans:
        lifespan.stop()
    await anext(signals)
    for lifespan in lifespans:
        lifespan.hurry.cancel()
    _die(await anext(signals))


def _die(number: int) -> None:
    """Let a signal do what it does where nobody handles it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


@contextmanager
def single_errors() -> Iterator[None]:
    """Raise what a nursery of ours wraps into a group of one as what it is."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from error.__cause__
