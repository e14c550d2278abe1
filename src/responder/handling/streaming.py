"""The pieces of a streamed response, from async and sync iterables alike, closed whatever happens.

The chunks that a generator gives without waiting go out together, since a server takes longer over a message than over
what is in it: 64 chunks of 1 KB leave granian six times as fast as one (benchmarks/over_http.py, row stream). None is
held back while the generator waits. Rejected: a task that reads ahead, because what a generator does belongs to the
task of its request, with its context, its limits of time, and its cancellation when the client leaves.
"""

from __future__ import annotations

from asyncio import CancelledError, sleep
from contextlib import aclosing
from threading import Lock
from types import AsyncGeneratorType, coroutine
from typing import TYPE_CHECKING, Any, Final

from ..exchange.emit import split_chunk, to_bytes
from ..exchange.file import PIECE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Sequence

    from .in_flight import Board

TOGETHER: Final = 64
"""How many chunks go out together at most; then others come to run, whether the server waits for its client or not."""

TOGETHER_BYTES: Final = 64 * 1024
"""From how many bytes on they go out."""

ENOUGH: Final = object()
"""What the driver of a generator gives when it has gathered as much as goes out together."""

ENDED: Final = object()
"""What stands for the end of an iterator."""

_ROUND = range(TOGETHER)


def open_chunks(chunks: Any, board: Board, declared: int | None) -> AsyncGenerator[Any]:
    """Give the chunks of an iterable as a generator that can be closed: an async one's here, a sync one's from threads.

    With a `declared` number of bytes it raises `ValueError` instead of giving more, and when there were fewer.

    PERF: an async generator is its own, which spares each of its chunks a second one (benchmarks/in_process.py, row
    stream).
    """
    opened: AsyncGenerator[Any]
    if type(chunks) is AsyncGeneratorType:
        opened = chunks
    else:
        opened = _iterate(chunks) if hasattr(chunks, "__aiter__") else _iterate_in_threads(chunks, board)
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
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        if hasattr(chunks, "aclose"):
            await chunks.aclose()


async def _iterate_in_threads(chunks: Iterable[Any], board: Board) -> AsyncGenerator[Any]:
    source = _Source(chunks)
    try:
        while (chunk := await board.call(source.take)) is not ENDED:
            yield chunk
    finally:
        board.start(source.close, ())


class _Source:
    """A sync iterator that may be closed from another thread than the one that is inside it."""

    def __init__(self, chunks: Iterable[Any]) -> None:
        self._iterator = iter(chunks)
        self._lock = Lock()

    def take(self) -> Any:
        """Give the next piece, or `ENDED`."""
        with self._lock:
            return next(self._iterator, ENDED)

    def close(self) -> None:
        """Close the iterator, if it can be closed, once nobody is inside it."""
        with self._lock:
            if hasattr(self._iterator, "close"):
                self._iterator.close()


def drive(chunks: AsyncGenerator[Any], held: list[bytes]) -> Any:
    """Take the chunks of an async generator and put them into `held`, as bytes.

    A plain generator, of which each step goes as far as nothing has to be waited for. It gives `ENOUGH`, or what the
    async generator waits for, which `go_on` waits for.
    """
    advance: Any = chunks.__anext__
    hold = held.append
    try:
        while True:
            size = 0
            for _ in _ROUND:
                chunk = yield from advance()
                if type(chunk) is not bytes:
                    chunk = to_bytes(chunk)
                if chunk:
                    hold(chunk)
                size += len(chunk)
                if size >= TOGETHER_BYTES:
                    break
            yield ENOUGH
    except StopAsyncIteration:
        return


async def go_on(driver: Any, awaited: Any) -> Any:
    """Wait for what the driver gave last, then give what it gives next, or `ENDED`."""
    if awaited is ENOUGH:
        await sleep(0)
        return next(driver, ENDED)
    try:
        await _wait(awaited)
    except CancelledError as error:  # which is for the generator: it may have a limit of time, or clean up
        return _throw(driver, error)
    return next(driver, ENDED)


@coroutine
def _wait(awaited: Any) -> Generator[Any, Any, None]:
    _mark(awaited, is_awaited=True)
    yield awaited


def put_off(awaited: Any) -> None:
    """Let others await what the driver gave, before `go_on` does."""
    _mark(awaited, is_awaited=False)


def _mark(awaited: Any, *, is_awaited: bool) -> None:
    # By this mark a future tells its task that it comes from `await`; nobody else can await it until the task has it.
    if hasattr(awaited, "_asyncio_future_blocking"):
        awaited._asyncio_future_blocking = is_awaited  # noqa: SLF001 - the protocol between futures and tasks


def _throw(driver: Any, error: BaseException) -> Any:
    try:
        return driver.throw(error)
    except StopIteration:
        return ENDED


def take(held: list[bytes]) -> Sequence[bytes]:
    """Empty the list. Gives what was in it as pieces that are not large: a single one, perhaps empty, or several."""
    joined = b"".join(held)
    held.clear()
    return (joined,) if len(joined) <= PIECE else split_chunk(joined)


async def close(driver: Any, chunks: AsyncGenerator[Any]) -> None:
    """Close the generator that was driven, where it waits or where it has given a chunk."""
    if (step := driver.gi_yieldfrom) is not None:
        await _end(step)
    await chunks.aclose()


@coroutine
def _end(step: Any) -> Generator[Any, Any, None]:
    """Cancel a step that waits, and wait until it has cleaned up. Raises `CancelledError` when that was cancelled."""
    error: CancelledError | None = CancelledError()
    is_cancelled = False
    try:
        while True:
            awaited = step.send(None) if error is None else step.throw(error)
            error = None
            try:
                yield awaited
            except CancelledError as another:
                error, is_cancelled = another, True
    except (StopIteration, StopAsyncIteration):
        return
    except CancelledError:
        if is_cancelled:
            raise
