"""The worker threads on which sync views run, one pool for each event loop.

Calls go to the threads through one `SimpleQueue`. Finished work comes back in batches: a thread appends its outcome to
a deque, and the first that finds no flush scheduled schedules one, which settles everything it finds. Under load one
wake-up of the loop serves many calls.

Every counter is touched on the loop's thread alone, so that none needs a lock. Threads come and go by the same rule:
the loop starts one when more calls are pending than ever since its last look at idle threads, and ends one by putting
`None` into the queue. Rejected: `run_in_executor` and anyio's `to_thread` (a wake-up of the loop for each call, no
bound on the queue), and threads that end by themselves after a time-out (the loop may count on one that has just left).
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, TypeVarTuple

from ..errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

_Call: TypeAlias = "tuple[asyncio.Future[Any], contextvars.Context, Callable[..., Any], tuple[Any, ...]]"
_Outcome: TypeAlias = "tuple[asyncio.Future[Any], Any, Exception | None]"

IDLE_SECONDS: Final = 30.0
"""How long a thread that is not needed stays, at least; at most twice as long."""


class WorkerPool:
    """Runs calls on at most `workers` threads; `queue` more may wait, and one beyond that is refused.

    Every method is called on the thread of `loop`. Threads are named `responder-worker-1` and so on, after `name`; they
    are daemons, so that a view that never returns cannot keep the process alive. A pool that is no longer used is
    closed by `close`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        workers: int,
        queue: int,
        *,
        idle_seconds: float = IDLE_SECONDS,
        name: str = "responder-worker",
    ) -> None:
        self._loop = loop
        self._workers = workers
        self._limit = workers + queue
        self._idle_seconds = idle_seconds
        self._name = name
        self._work: SimpleQueue[_Call | None] = SimpleQueue()
        self._done: deque[_Outcome] = deque()
        self._flushing = False
        self._abandoned: set[asyncio.Future[Any]] = set()
        self._most_abandoned = workers
        self._pending = 0
        self._peak = 0  # the most calls pending at once since the last look at idle threads
        self._serving = 0  # threads that take calls
        self._alive = 0  # threads that have not reported their end: those that serve, and those on their way out
        self._started = 0
        self._idle_timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._changed = asyncio.Event()

    def abandon(self, future: asyncio.Future[Any]) -> None:
        """Let another thread take the place of the one that runs a call which nobody waits for, until that ends.

        As many as `workers` may be replaced at a time.
        """
        if len(self._abandoned) < self._most_abandoned and not self._closing:
            self._abandoned.add(future)
            self._workers += 1
            self._limit += 1
            if self._pending > self._serving:
                self._start_thread()

    def _take_back(self, future: asyncio.Future[Any]) -> None:
        """End a thread, now that one which was replaced is free again."""
        self._abandoned.discard(future)
        self._workers -= 1
        self._limit = max(0, self._limit - 1)
        if self._serving > self._workers:
            self._end_threads(1)

    @property
    def abandoned(self) -> int:
        """How many calls run on although nobody waits for them."""
        return len(self._abandoned)

    @property
    def pending(self) -> int:
        """How many calls are running or waiting."""
        return self._pending

    @property
    def threads(self) -> int:
        """How many threads there are."""
        return self._alive

    def submit(self, function: Callable[[*Arguments], Result], *args: *Arguments) -> asyncio.Future[Result]:
        """Run `function(*args)` on a thread, in a copy of the current context, and give the future of its result.

        A call whose future is cancelled before a thread takes it is not run. What the function raises is raised where
        the future is awaited; what is no `Exception` (`sys.exit()`), and `StopIteration`, arrive as the cause of a
        `RuntimeError`, because they would stop the loop or cannot travel through a future.
        Raises `ServiceUnavailable` when as many calls wait as may, when the pool is closed, or when the system
        gives no thread.
        """
        pending = self._pending + 1
        if pending > self._limit:
            raise self._refusal()
        if pending > self._peak:
            if self._serving < self._workers:
                self._start_thread()
            self._peak = pending
        self._pending = pending
        future: asyncio.Future[Result] = self._loop.create_future()
        self._work.put((future, contextvars.copy_context(), function, args))
        return future

    async def close(self, grace: float) -> int:
        """Refuse new calls, give those that are pending `grace` seconds to end, and join the threads.

        Calls that still wait then are refused with `ServiceUnavailable`. A call that still runs cannot be stopped: its
        thread is left to it, and ends with it. Gives the number of those calls.
        """
        self._closing = True
        self._limit = 0
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        self._end_threads(self._serving)
        try:
            async with asyncio.timeout(grace):
                while self._pending:
                    await self._next_change()
        except TimeoutError:
            self._refuse_waiting()
        while self._alive > self._pending:
            await self._next_change()
        return self._pending

    def _refusal(self) -> ServiceUnavailable:
        if self._closing:
            return ServiceUnavailable("The service is shutting down.")
        return ServiceUnavailable("The service is busy. Try again in a moment.")

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name=f"{self._name}-{self._started + 1}", daemon=True)
        try:
            # An empty context, because from Python 3.14 a thread may keep the one that it was started in.
            contextvars.Context().run(thread.start)
        except RuntimeError as error:
            if not self._serving:
                raise ServiceUnavailable("The service is busy. Try again in a moment.") from error
            return
        self._started += 1
        self._alive += 1
        self._serving += 1
        if self._idle_timer is None:
            self._idle_timer = self._loop.call_later(self._idle_seconds, self._end_idle_threads)

    def _end_idle_threads(self) -> None:
        self._end_threads(max(0, self._serving - self._peak))
        self._peak = self._pending
        self._idle_timer = self._loop.call_later(self._idle_seconds, self._end_idle_threads) if self._serving else None

    def _end_threads(self, count: int) -> None:
        for _ in range(count):
            self._work.put(None)
        self._serving -= count

    def _refuse_waiting(self) -> None:
        """Take every waiting call back; the threads that were to end behind them are told again."""
        with suppress(Empty):
            while True:
                call = self._work.get_nowait()
                if call is not None:
                    self._done.append((call[0], None, self._refusal()))
        for _ in range(self._alive):
            self._work.put(None)
        self._flush()

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _flush(self) -> None:
        """Settle every future whose call has ended."""
        self._flushing = False  # before the deque is emptied: a thread that appends from here on schedules anew
        done = self._done
        while done:
            future, value, error = done.popleft()
            self._pending -= 1
            if future.done():
                if future in self._abandoned:
                    self._take_back(future)
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
        if self._closing:
            self._changed.set()

    def _thread_ended(self, thread: threading.Thread) -> None:
        thread.join()  # It has nothing left to do: this waits for some instructions.
        self._alive -= 1
        self._changed.set()

    def _serve(self) -> None:
        """Be a thread: run calls until told to end, or until the loop is found closed."""
        try:
            while not self._loop.is_closed():
                try:
                    self._run_calls()
                    break
                except Empty:
                    continue
            self._loop.call_soon_threadsafe(self._thread_ended, threading.current_thread())
        except RuntimeError:  # The loop was closed meanwhile, so that nobody waits for anything any more.
            self._abandon()

    def _run_calls(self) -> None:
        """Run calls until a `None` is taken; raises `Empty` when the queue stays empty for a while."""
        take, finish, wake = self._work.get, self._done.append, self._loop.call_soon_threadsafe
        while (call := take(True, self._idle_seconds)) is not None:  # noqa: FBT003 - `block=True` costs more
            future, context, function, args = call
            try:
                outcome: _Outcome = (future, None if future.done() else context.run(function, *args), None)
            except BaseException as error:  # noqa: BLE001 - whatever a view raises goes to whoever awaits it
                outcome = (future, None, _portable(error))
            finish(outcome)
            # A thread that waits must not keep the last request alive.
            del call, future, context, function, args, outcome
            if not self._flushing:
                self._flushing = True
                wake(self._flush)

    def _abandon(self) -> None:
        """Drop what waits, and wake the next thread, which finds the loop closed in its turn."""
        with suppress(Empty):
            while True:
                self._work.get_nowait()
        self._done.clear()
        self._work.put(None)


def _portable(error: BaseException) -> Exception:
    """Give the exception that stands for `error` in a future.

    The frame of the worker leaves its traceback: it would show, and hold, the call that the thread runs next.
    """
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    substitute = RuntimeError(
        f"A function on a worker thread raised {type(error).__name__}, which cannot leave the thread as it is. "
        "Raise an ordinary exception there, or answer with abort(status)."
    )
    substitute.__cause__ = error
    return substitute
