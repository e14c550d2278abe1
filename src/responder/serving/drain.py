"""How one server in this process starts, runs and ends: within the grace period, whatever the application does.

What the servers do on a stop, tried with an endless stream: granian, embedded or with workers of its own, closes its
port, waits for open connections without end and shuts the lifespan down after them; uvicorn does the same, unless given
a time, after which it cancels and prints a traceback for each request. So the order is made here:

1. the application is told to drain: it ends its streams and sockets itself;
2. the server stops to accept, and is waited for as long as the grace period;
3. the application's lifespan is shut down;
4. what is still there then is cancelled with the event loop, and what resists that ends with the process.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import parent_process
from typing import TYPE_CHECKING

from .console import complain
from .life import Lifespan, StartupFailed, share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..types import ASGIApp
    from .engines import Engine
    from .loader import Application

IMPATIENCE = 0.5
"""Seconds after which another Ctrl-C is another wish: `timeout` and some terminals deliver each signal twice."""

ENGINE_MARGIN = 0.3
"""Seconds beyond the grace period in which the server writes what the application ended just then."""

LIFESPAN_MARGIN = 0.6
"""Seconds beyond the grace period after which the lifespan's shutdown is given up."""

LAST_MARGIN = 0.9
"""Seconds beyond the grace period after which the process ends, whatever its tasks and threads do."""


class Stop:
    """The wish to end: SIGTERM, Ctrl-C or, in a worker process, the end of the supervisor."""

    def __init__(self, grace: float) -> None:
        self.grace = grace
        self._asked = asyncio.Event()
        self._since = 0.0
        self._last_resort = threading.Timer(grace + LAST_MARGIN, give_up, (grace,))
        self._last_resort.daemon = True

    def ask(self) -> None:
        """Ask to end within the grace period."""
        if not self._asked.is_set():
            self._asked.set()
            self._since = time.monotonic()
            self._last_resort.start()

    def insist(self) -> None:
        """Ask as Ctrl-C does: to end or, a second time, to end at once."""
        if self._asked.is_set() and time.monotonic() - self._since > IMPATIENCE:
            complain("Ended without waiting for open requests.")
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        self.ask()

    async def wait(self) -> None:
        """Wait until somebody asks."""
        await self._asked.wait()

    def remaining(self, margin: float) -> float:
        """Give the seconds that are left of the grace period and a margin; all of them while nobody has asked."""
        since = self._since if self._asked.is_set() else time.monotonic()
        return max(0.0, since + self.grace + margin - time.monotonic())

    def reach(self) -> None:
        """Note that everything ended in time."""
        self._last_resort.cancel()


def may_handle_signals() -> bool:
    """Tell whether this thread is the one that Python lets handle signals."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def signals(stop: Stop) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C ask `stop`, when this is the thread that may handle signals."""
    loop = asyncio.get_running_loop()
    handlers = {signal.SIGINT: stop.insist, signal.SIGTERM: stop.ask} if may_handle_signals() else {}
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, previous)


@contextmanager
def supervision(stop: Stop) -> Iterator[None]:
    """In a worker process: let SIGTERM and the end of the supervisor ask `stop`, and leave Ctrl-C to the supervisor."""
    parent = parent_process()
    if parent is None:
        raise RuntimeError("Only a process that multiprocessing started has a supervisor.")
    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop.add_signal_handler(signal.SIGTERM, stop.ask)

    def lose() -> None:
        loop.remove_reader(parent.sentinel)
        stop.ask()

    loop.add_reader(parent.sentinel, lose)
    try:
        yield
    finally:
        loop.remove_reader(parent.sentinel)


class Host:
    """One API on one server in one event loop, from its start to its end."""

    def __init__(
        self, api: Application, build: Callable[[ASGIApp], Engine], stop: Stop, announce: Callable[[], None]
    ) -> None:
        self.api = api
        self.build = build
        self.stop = stop
        self.announce = announce
        self.lifespan = Lifespan(api)

    async def run(self) -> None:
        """Serve until `stop` is asked, and return when all has ended.

        Raises `StartupFailed`, and what `build` or the server raises when it cannot start.
        """
        asked = asyncio.ensure_future(self.stop.wait())
        try:
            if await self._start(asked):
                await self._serve(asked)
        finally:
            asked.cancel()

    async def _start(self, asked: asyncio.Future[None]) -> bool:
        """Start the application; false when that was interrupted."""
        starting = asyncio.ensure_future(self.lifespan.startup())
        await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            return True
        starting.cancel()
        await self.lifespan.cancel()
        return False

    async def _serve(self, asked: asyncio.Future[None]) -> None:
        try:
            engine = self.build(share(self.api, self.lifespan.state))
            serving = asyncio.ensure_future(engine.serve(self.announce))
            await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
                raise StartupFailed("the server ended by itself")
            await self._drain(engine, serving)
        finally:
            await self._shut_down()
        engine.silence()
        # Granian completes futures that are cancelled with the loop, which is nobody's mistake.
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)

    async def _drain(self, engine: Engine, serving: asyncio.Future[None]) -> None:
        self.api.begin_drain(self.stop.grace)
        engine.stop()
        done, _ = await asyncio.wait({serving}, timeout=self.stop.remaining(ENGINE_MARGIN))
        if not done:
            complain(f"Requests were still open after {self.stop.grace:g} seconds and were given up.")

    async def _shut_down(self) -> None:
        ending = asyncio.ensure_future(self.lifespan.shutdown())
        done, _ = await asyncio.wait({ending}, timeout=self.stop.remaining(LIFESPAN_MARGIN))
        if not done:
            ending.cancel()
            await self.lifespan.cancel()
            complain(f"The application had not shut down after {self.stop.grace:g} seconds and was given up.")
        elif reason := ending.result():
            complain(f"Error: the application did not shut down cleanly: {reason}")


def run(
    api: Application,
    build: Callable[[ASGIApp], Engine],
    *,
    grace: float,
    announce: Callable[[], None],
    worker: bool = False,
) -> None:
    """Serve `api` on a new event loop until a signal ends it. Raises as `Host.run` does."""
    stop = Stop(grace)

    async def main() -> None:
        with supervision(stop) if worker else signals(stop):
            await Host(api, build, stop, announce).run()

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(main())
    finally:
        stop.reach()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Give uvloop's factory where it is installed, otherwise asyncio's."""
    if find_spec("uvloop") is None:
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415 - an extra, loaded on first use

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def leave() -> None:
    """End a process of our own whose server has ended, even when threads of the application go on."""
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        end_process()


def give_up(grace: float) -> None:
    """End the process because something in it ignored every way of asking."""
    complain(f"Tasks or threads were still busy after {grace:g} seconds and were given up.")
    end_process()


def end_process() -> None:
    """End the process with exit code 0, without waiting for anything."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
