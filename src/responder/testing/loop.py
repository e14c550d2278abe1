"""An event loop in a background thread, for a caller that is not async.

One thread per session, not one for all: a view that blocks its loop, or leaves tasks behind, then harms no other test.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ResponderError
from . import signals

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class LoopClosed(ResponderError):
    """The session was closed while a request was under way."""


class LoopThread:
    """A running event loop. The thread holds the loop and nothing else, so that it keeps no session alive."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stopping = threading.Event()
        self._tasks: set[asyncio.Task[Any]] = set()  # held here, since asyncio only knows them weakly
        # Re-entrant, because the collector may close a forgotten response while this thread submits something.
        self._lock = threading.RLock()
        self._loop.set_exception_handler(_quiet_after(self._stopping))
        self._thread = threading.Thread(
            target=_serve, args=(self._loop, self._stopping), name="responder-testing", daemon=True
        )
        self._thread.start()

    def is_current(self) -> bool:
        """Tell whether the caller runs on this very loop."""
        return threading.current_thread() is self._thread

    def refuse_to_wait_here(self) -> None:
        """Raise `RuntimeError` when the caller runs on this very loop, where it would wait for itself."""
        if self.is_current():
            raise RuntimeError("A view cannot wait for the session whose event loop it runs on.")

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[asyncio.Task[T]]:
        """Run `coroutine` on the loop; the future gives its task when it is done, and cancels it when cancelled.

        The task, and not its result, because asyncio replaces some exceptions on their way to another thread.
        Raises `LoopClosed` when the loop has ended.
        """
        settled: Future[asyncio.Task[T]] = Future()
        with self._lock:
            if self._stopping.is_set():
                coroutine.close()
                raise LoopClosed("The session was closed; there is no response any more.")
            self._loop.call_soon_threadsafe(self._begin, coroutine, settled)
        return settled

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run `coroutine` on the loop and give its result, or raise its very exception."""
        return self.submit(coroutine).result().result()

    def call(self, callback: Callable[..., object], *args: object) -> None:
        """Call `callback` on the loop, soon; nothing happens when the loop has ended."""
        with self._lock, contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args)

    def close(self) -> None:
        """Wait for the work that tasks have handed to the loop's own threads, then stop."""
        with contextlib.suppress(LoopClosed):
            self.run(self._loop.shutdown_default_executor())
        self.stop()

    def stop(self) -> None:
        """Cancel what still runs, end the thread and close the loop; harmless when that has happened already."""
        with self._lock:
            self._stopping.set()
        self.call(self._loop.stop)
        if not self.is_current():
            self._thread.join()

    def _begin(self, coroutine: Coroutine[Any, Any, T], settled: Future[asyncio.Task[T]]) -> None:
        def settle(task: asyncio.Task[T]) -> None:
            if settled.set_running_or_notify_cancel():
                settled.set_result(task)

        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        settled.add_done_callback(lambda _: self.call(task.cancel))
        task.add_done_callback(settle)


def _serve(loop: asyncio.AbstractEventLoop, stopping: threading.Event) -> None:
    try:
        while not stopping.is_set():
            # A view that exits the process raises through its loop; its task keeps the exception for the caller.
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                loop.run_forever()
        loop.run_until_complete(_wind_down())
    finally:
        loop.close()


async def _wind_down() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=signals.GRACE)
    await asyncio.get_running_loop().shutdown_asyncgens()


def _quiet_after(stopping: threading.Event) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Give an exception handler that is silent once the session is gone: a lifespan nobody closed ends with it."""

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not stopping.is_set():
            loop.default_exception_handler(context)

    return handle
