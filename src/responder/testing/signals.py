"""Waiting, on one event loop, until something has come true.

`asyncio.Condition` was rejected: it can only be told from a coroutine that holds its lock, and much of what happens
to an exchange is learnt in a plain callback.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

GRACE = 5.0
"""Seconds that an application has to end after it was told to, before its task is cancelled."""


class Signal:
    """Wakes the coroutines that wait for a predicate; belongs to the loop that they run on."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    async def until(self, predicate: Callable[[], object]) -> None:
        """Return as soon as `predicate()` is true; it is asked at once and after every `notify`."""
        while not predicate():
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)

    def notify(self) -> None:
        """Have every waiting coroutine ask its predicate again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


async def finish(task: asyncio.Task[None], seconds: float) -> None:
    """Wait for `task` to end, and cancel it when it has not after `seconds`.

    A cancellation of the caller cancels `task` at once. What `task` raised stays in it, and counts as seen.
    """
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
    await asyncio.wait({task}, timeout=seconds)
    if task.done() and not task.cancelled():
        task.exception()
