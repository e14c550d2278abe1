"""The pieces of a streamed response, from async and sync iterables alike, closed whatever happens."""

from __future__ import annotations

from contextlib import aclosing
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..exchange.emit import split_chunk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable

    from .in_flight import Board

_END = object()


def open_chunks(chunks: Any, board: Board, declared: int | None) -> AsyncGenerator[Any]:
    """Give the chunks of an iterable as a generator that can be closed: an async one's here, a sync one's from threads.

    With a `declared` number of bytes it raises `ValueError` instead of giving more, and when there were fewer.

    PERF: an async generator is its own, which spares each of its chunks a second one (benchmarks/in_process.py, row
    stream).
    """
    if not hasattr(chunks, "__aiter__"):
        opened = _iterate_in_threads(chunks, board)
    elif hasattr(chunks, "__anext__") and hasattr(chunks, "aclose"):
        opened = chunks
    else:
        opened = _iterate(chunks)
    return opened if declared is None else _measure(opened, declared)


async def _measure(chunks: AsyncGenerator[Any], declared: int) -> AsyncGenerator[bytes]:
    sent = 0
    async with aclosing(chunks):
        async for chunk in chunks:
            for piece in split_chunk(chunk):
                sent += len(piece)
                if sent > declared:
                    raise _wrong_length(f"{sent} bytes or more", declared)
                yield piece
    if sent != declared:
        raise _wrong_length(f"{sent} bytes", declared)


def _wrong_length(given: str, declared: int) -> ValueError:
    return ValueError(f"A stream gave {given}, and its Content-Length says {declared}.")


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
