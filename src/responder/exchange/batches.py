"""Bytes on their way to a disk: gathered into batches, of which a thread writes one while the next one arrives.

The loop waits until a thread has taken a batch, not until it is written: only when it comes to rest can the thread get
on, since one of the two runs Python at a time. Rejected: one call after the other, where the disk and the loop take
turns at standing still; and a thread for the whole of an upload, which slow clients would keep for themselves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Final, Self

from .pieces import keep

if TYPE_CHECKING:
    from collections.abc import Callable

    from .pieces import Pieces
    from .upload import Run

BATCH: Final = 512 * 1024
"""Bytes that go to the disk, or come from it, at once."""


class Batches:
    """Writes what is added, in order: `async with Batches(draft.write, run) as batches`.

    At most three batches are in memory. What `write` raises is raised by a later `add`, or at the end of the block.
    When the block fails nothing more is written, and nobody waits for a thread that is in the middle of it.
    """

    def __init__(self, write: Callable[..., object], run: Run) -> None:
        self._write = write
        self._run = run
        self._batch: Pieces = []
        self._size = 0
        self._waiting: deque[Pieces] = deque()
        self._calls: deque[asyncio.Future[None]] = deque()
        self._news = asyncio.Event()
        self._lock = Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None and self._batch:
                self._hand_over()
            while kind is None and self._calls:
                await self._calls[0]
                self._calls.popleft()
        finally:
            self._waiting.clear()
            for call in self._calls:
                if not call.cancel() and not call.cancelled():
                    call.exception()  # the block has failed for another reason, and asyncio logs what nobody sees

    async def add(self, piece: bytes) -> None:
        """Take the next bytes."""
        keep(self._batch, piece)
        self._size += len(piece)
        if self._size < BATCH:
            return
        self._hand_over()
        while self._waiting and not self._calls[-1].done():
            self._news.clear()
            await self._news.wait()
        while self._calls and self._calls[0].done():
            self._calls.popleft().result()

    def _hand_over(self) -> None:
        self._waiting.append(self._batch)
        self._batch, self._size = [], 0
        call = asyncio.ensure_future(self._run(self._write_next, asyncio.get_running_loop()))
        call.add_done_callback(lambda _: self._news.set())
        self._calls.append(call)

    def _write_next(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:  # which another thread has as long as it writes what came before
            try:
                batch = self._waiting.popleft()
            except IndexError:  # the block has failed meanwhile
                return
            loop.call_soon_threadsafe(self._news.set)
            self._write(*batch)
