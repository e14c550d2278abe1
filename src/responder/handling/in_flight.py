"""The in-flight table of one event loop: live requests, worker threads, work after responses.

A short request pays for one entry. Whatever costs more happens in a sweep, four times a second while there are entries:
a request found by two sweeps gets a watch that cancels its view when the client leaves. The drain reads the same table.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from contextvars import ContextVar
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from ..errors import ServiceUnavailable
from .deadlines import Watch
from .threads import WorkerPool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from ..config import Threads
    from ..exchange.request import Request

log = logging.getLogger("responder")

ON_THREAD: ContextVar[Request | None] = ContextVar("request on a worker thread", default=None)
"""The request whose sync stages this thread runs."""

SWEEP_SECONDS: Final = 0.25
DRAIN_SECONDS: Final = 10.0
"""How long a shutdown waits for what is in flight when the server names no grace period."""

FILE_THREADS: Final = 8
FILE_QUEUE: Final = 1000
"""The threads that read and write files, and how many calls may wait for one; more wait outside.

They are not those of sync views: a view that waits for its upload to be written would wait for a thread like its own.
"""

_POLL_SECONDS: Final = 0.02
_FULL_SECONDS: Final = 0.1


async def _close_with_loop(pool: WorkerPool) -> AsyncGenerator[None]:
    """Close the pool when its loop ends, lifespan or not: the last that a loop does is to close async generators."""
    try:
        yield
    finally:
        await pool.close(0)


class Board:
    """What one event loop has under way for one API."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: Threads) -> None:
        self.loop = loop
        self.live: dict[Request, asyncio.Task[Any] | None] = {}
        self.is_armed = False
        self.work: set[asyncio.Task[None]] = set()
        self._threads = threads
        self._pool: WorkerPool | None = None
        self._file_pool: WorkerPool | None = None
        self._guards: list[AsyncGenerator[None]] = []
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._seen: dict[Request, Watch] = {}
        self._swept = 0.0

    @property
    def pool(self) -> WorkerPool:
        """The worker threads, made at the first call that needs them."""
        if self._pool is None:
            self._pool = self._guarded(WorkerPool(self.loop, self._threads.workers, self._threads.queue))
        return self._pool

    @property
    def file_pool(self) -> WorkerPool:
        """The threads that wait for disks, made at the first call that needs them."""
        if self._file_pool is None:
            self._file_pool = self._guarded(WorkerPool(self.loop, FILE_THREADS, FILE_QUEUE, name="responder-file"))
        return self._file_pool

    def _guarded(self, pool: WorkerPool) -> WorkerPool:
        guard = _close_with_loop(pool)
        with suppress(StopIteration):
            guard.__anext__().send(None)
        self._guards.append(guard)
        return pool

    def arm(self) -> None:
        """Start sweeping; it ends by itself when a sweep finds the table empty."""
        self.is_armed = True
        self._timer = self.loop.call_later(SWEEP_SECONDS, self.sweep)

    def sweep(self) -> None:
        """Watch over the requests that were here at the last sweep already, and hold them to their limits of time."""
        now = self.loop.time()
        seen, self._seen = self._seen, {}
        for req, task in self.live.items():
            watch = seen.get(req)
            if watch is None:
                watch = Watch()
            else:
                req.watch(task)
                watch.add(req, task, now - self._swept)
            self._seen[req] = watch
        self._swept = now
        if self.live:
            self.arm()
        else:
            self.is_armed = False

    def start_all(self, tasks: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]]) -> None:
        """Start several functions, each with its arguments."""
        for function, args in tasks:
            self.start(function, args)

    def start(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Run `function(*args)` beside the requests; a drain waits for it."""
        task = self.loop.create_task(self._run(function, args))
        self.work.add(task)
        task.add_done_callback(self.work.discard)

    async def _run(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            result = await self.call(function, *args)
            if hasattr(result, "__await__"):
                await result
        except Exception:  # background work: nobody is left to whom it could be raised
            log.exception("Background function %s failed.", getattr(function, "__qualname__", repr(function)))

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call on a worker thread, where an async function only makes its coroutine; wait while the queue is full."""
        return await _submit(lambda: self.pool, function, args)

    async def call_for_file(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call what waits for a disk on a thread that is there for this; wait while the queue is full."""
        return await _submit(lambda: self.file_pool, function, args)

    def begin_drain(self, grace: float) -> None:
        """End what is in flight after `grace` seconds; `drain` then waits no longer either."""
        self._deadline = self.loop.time() + grace
        self.loop.call_later(grace, self._end_requests)

    async def drain(self) -> None:
        """Wait for requests and background work, cancel what outlasts the grace period, end the threads."""
        deadline = self.loop.time() + DRAIN_SECONDS if self._deadline is None else self._deadline
        while (self.live or self.work) and self.loop.time() < deadline:  # noqa: ASYNC110 - requests set no event
            await asyncio.sleep(_POLL_SECONDS)
        await self._cancel_rest()
        pools, self._pool, self._file_pool = (self._pool, self._file_pool), None, None
        for pool in filter(None, pools):
            await pool.close(max(deadline - self.loop.time(), _POLL_SECONDS))
        if self._timer is not None:
            self._timer.cancel()
            self.is_armed = False

    def _end_requests(self) -> set[asyncio.Task[Any]]:
        """Cancel every request but the one that asks; give their tasks."""
        ended = {
            req: task
            for req, task in self.live.items()
            if task is not None and task is not asyncio.current_task(self.loop)
        }
        if fresh := [req for req in ended if not req.is_ended]:
            log.warning("Ending %d requests that outlast the grace period.", len(fresh))
        for req, task in ended.items():
            req.end(task)
        return set(ended.values())

    async def _cancel_rest(self) -> None:
        rest: set[asyncio.Task[Any]] = self._end_requests() | self.work
        if self.work:
            log.warning("Ending %d background functions that outlast the grace period.", len(self.work))
        for task in self.work:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=1)


async def _submit(find_pool: Callable[[], WorkerPool], function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    while True:
        try:
            future = find_pool().submit(function, *args)
        except ServiceUnavailable:
            await asyncio.sleep(_FULL_SECONDS)
        else:
            return await future


class Boards(dict[int, Board]):
    """The boards of one API, each under the thread that runs its loop.

    PERF: a thread's number and a look whether its loop runs cost 0.04 us; `get_running_loop` costs 0.14 on Python 3.11,
    which asks the system for the process each time (benchmarks/in_process.py, row text).
    """

    def __init__(self, threads: Threads) -> None:
        super().__init__()
        self._threads = threads

    def current(self) -> Board:
        """Give the board of the running loop."""
        board = self.get(get_ident())
        return board if board is not None and board.loop.is_running() else self.open()

    def open(self) -> Board:
        """Give the running loop a board under this thread, and forget those of loops that have ended."""
        loop = asyncio.get_running_loop()
        known = next((board for board in self.values() if board.loop is loop), None)
        for thread, board in list(self.items()):
            if board is known or board.loop.is_closed():
                del self[thread]
        self[get_ident()] = board = known or Board(loop, self._threads)
        return board

    def find_request(self) -> Request | None:
        """Give the request that the caller serves, in a view or a hook; None in a task of its own.

        A search, because templates alone ask: to note it down would cost every request.
        """
        board = self.get(get_ident())
        if board is None or not board.loop.is_running():
            return ON_THREAD.get()
        task = asyncio.current_task(board.loop)
        return next((req for req, serving in board.live.items() if serving is task), None)

    def begin_drain(self, grace: float) -> None:
        """Let what the running loop has in flight end within `grace` seconds."""
        self.current().begin_drain(grace)

    async def drain(self) -> None:
        """Wait for what the running loop has in flight, then forget the loop."""
        await self.current().drain()
        del self[get_ident()]
