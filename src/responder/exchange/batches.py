"""Bytes on their way to a disk: gathered into batches, of which a thread writes one while the next one arrives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from .upload import Run

BATCH: Final = 512 * 1024
"""Bytes that go to the disk, or come from it, at once."""


class Batches:
    """Writes what is added, in order: `async with Batches(draft.write, run) as batches`.

    At most two batches are in memory. What `write` raises is raised by a later `add`, or at the end of the block. When
    the block fails nothing more is written, and nobody waits for a thread that is in the middle of it.
    """

    def __init__(self, write: Callable[[bytearray], object], run: Run) -> None:
        self._write = write
        self._run = run
        self._batch = bytearray()
        self._writing: asyncio.Future[Any] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self._start()
            await self._settle()
        elif self._writing is not None and not self._writing.cancel() and not self._writing.cancelled():
            self._writing.exception()  # the block has failed for another reason, and asyncio logs what nobody sees

    async def add(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._batch += piece
        if len(self._batch) >= BATCH:
            await self._start()

    async def _start(self) -> None:
        await self._settle()
        self._writing = asyncio.ensure_future(self._run(self._write, self._batch))
        self._batch = bytearray()
        await asyncio.sleep(0)  # in which the thread gets it, whether or not more has arrived already

    async def _settle(self) -> None:
        if self._writing is not None:
            await self._writing
            self._writing = None
