"""The pieces of a streamed response, from async and sync iterables alike, closed whatever happens."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable

    from .in_flight import Board

_END = object()


def open_chunks(chunks: Any, board: Board) -> AsyncGenerator[Any]:
    """Give the pieces of an iterable as a generator that can be closed: an async one's here, a sync one's from threads.

    PERF: an async generator is its own, which spares each of its pieces a second one (benchmarks/in_process.py, row
    stream of 64 chunks).
    """
    if not hasattr(chunks, "__aiter__"):
        return _iterate_in_threads(chunks, board)
    if hasattr(chunks, "__anext__") and hasattr(chunks, "aclose"):
        own: AsyncGenerator[Any] = chunks
        return own
    return _iterate(chunks)


async def _iterate(chunks: AsyncIterable[Any]) -> AsyncGenerator[Any]:
    async for chunk in chunks:
        yield chunk


async def _iterate_in_threads(chunks: Iterable[Any], board: Board) -> AsyncGenerator[Any]:
    source = _Source(chunks)
    try:
        while (chunk := await board.call(source.take)) is not _END:
            yield chunk
    finally:
        board.start(source.close, ())


class _Source:
    """A sync iterator that may be closed from another thread than the one that is inside it."""

    def __init__(self, chunks: Iterable[Any]) -> None:
        self._iterator = iter(chunks)
        self._lock = Lock()

    def take(self) -> Any:
        """Give the next piece, or `_END`."""
        with self._lock:
            return next(self._iterator, _END)

    def close(self) -> None:
        """Close the iterator, if it can be closed, once nobody is inside it."""
        with self._lock:
            if hasattr(self._iterator, "close"):
                self._iterator.close()
