"""The pieces of a streamed response, from async and sync iterables alike, closed whatever happens.

The chunks that a generator gives without waiting go out together, since a server takes longer over a message than over
what is in it: 64 chunks of 1 KB leave granian six times as fast as one (benchmarks/over_http.py, row stream). None is
held back while the generator waits. Rejected: a task that reads ahead, because what a generator does belongs to the
task of its request, with its context, its limits of time, and its cancellation when the client leaves.
"""

from __future__ import annotations

from asyncio import CancelledError, ensure_future
from contextlib import aclosing
from threading import Lock
from time import monotonic
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any, Final

from ..errors import ClientDisconnected
from ..exchange.emit import split_chunk, to_bytes
from ..exchange.file import PIECE

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable

    from ..exchange.request import Request
    from ..types import Send
    from .in_flight import Board

UNSENT: Final = (OSError, RuntimeError)
"""What `send` raises when the client has left: the first in ASGI's words, the second in uvloop's."""

TOGETHER: Final = 64
"""How many chunks go out together at most."""

TOGETHER_BYTES: Final = 64 * 1024
"""From how many bytes on they go out."""

ENOUGH: Final = object()
"""What the driver of a generator gives when it has gathered as much as goes out together."""

ENDED: Final = object()
"""What stands for the end of an iterator."""

_ROUND = ((False,) * 7 + (True,)) * (TOGETHER // 8)  # PERF: a look at the clock costs a quarter of a chunk (row stream)


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


class Turn:
    """A millisecond in which a generator does not wait: after it what is held goes out, and others come to run."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin anew."""
        self.end = monotonic() + 0.001


def drive(chunks: AsyncGenerator[Any], held: list[bytes], turn: Turn) -> Any:
    """Take the chunks of an async generator and put them into `held`, as bytes.

    A plain generator, of which each step goes as far as nothing has to be waited for. It gives `ENOUGH`, or what the
    async generator waits for, which is for a `Wait`.
    """
    advance: Any = chunks.__anext__
    hold = held.append
    try:
        while True:
            size = 0
            for is_look in _ROUND:
                chunk = yield from advance()
                if type(chunk) is not bytes:
                    chunk = to_bytes(chunk)
                if chunk:
                    hold(chunk)
                size += len(chunk)
                if size >= TOGETHER_BYTES or (is_look and monotonic() > turn.end):
                    break
            yield ENOUGH
    except StopAsyncIteration:
        return


class Wait:
    """The next step of a driver that waits for `awaited`: awaiting it gives what the driver gives, or `ENDED`.

    What a task throws, a cancellation or the failure of what it waits for, goes to the driver. A turn begins after it.
    """

    def __init__(self, driver: Any, awaited: Any, turn: Turn) -> None:
        self._driver = driver
        self._first = [awaited]
        self._turn = turn

    def __await__(self) -> Any:
        return self

    def __next__(self) -> Any:
        if self._first:
            return self._first.pop()
        self._turn.begin()
        raise StopIteration(next(self._driver, ENDED))

    def throw(self, error: BaseException) -> Any:
        """Raise an error where the driver waits, and give its next step all the same."""
        self._turn.begin()
        try:
            state = self._driver.throw(error)
        except StopIteration:
            state = ENDED
        finally:
            del error  # which leads back here by its traceback
        raise StopIteration(state)


class Sender:
    """Sends what is `held` of a stream, on a task of its own while the generator waits.

    That is not to wait for the client as well: it may have set itself a limit of time. `pieces` is how many messages
    were begun; `serving` is the task of the request, which is cancelled when sending fails while the generator waits.
    Its coroutines raise `ClientDisconnected`.
    """

    pieces = 0
    sending: Any = None
    """What sends while the generator waits."""

    _is_settling = False
    _is_lost = False
    _cancellations = 0

    def __init__(self, req: Request, send: Send, serving: Task[Any] | None) -> None:
        self.held: list[bytes] = []
        self._req = req
        self._send = send
        self._serving = serving
        self._cancelling = 0 if serving is None else serving.cancelling()

    def begin(self) -> None:
        """Send what is held while the generator waits."""
        if self.sending is not None:
            if not self.sending.done():
                return
            if _has_failed(self.sending):
                if self._is_lost:  # and the generator goes on all the same
                    self._cancel()
                return
        self.sending = ensure_future(self.send_held())
        self.sending.add_done_callback(self._check)

    def _check(self, sending: Task[None]) -> None:
        """Wake the request when what it does not wait for has failed."""
        if _has_failed(sending) and sending is self.sending and not self._is_settling:
            self._is_lost = True
            self.held.clear()
            if not self._req.is_ended:  # a second cancellation would cut clean-up off
                self._cancel()

    def _cancel(self) -> None:
        if self._serving is not None and self._serving.cancel():
            self._cancellations += 1
            self._req.is_cut_off = True

    def explain(self, error: BaseException) -> BaseException:
        """Give what a stream failed of: with a cancellation that came from here, what sending has raised."""
        if self._cancellations and self._serving is not None:
            for _ in range(self._cancellations):
                self._serving.uncancel()
            self._cancellations = 0
            is_ours = self._serving.cancelling() <= self._cancelling  # else something else has cancelled it too
            if is_ours and self.sending is not None and isinstance(error, CancelledError):
                error = error if self.sending.cancelled() else self.sending.exception() or error
                self.sending = None
        return error

    async def send_held(self, *, is_end: bool = False) -> None:
        """Send what is held, in messages that are not large; with `is_end` the last one says so, if need be empty."""
        while self.held or is_end:
            joined = b"".join(self.held)
            self.held.clear()
            pieces = (joined,) if len(joined) <= PIECE else split_chunk(joined)
            for piece in pieces:
                more_body = not is_end or piece is not pieces[-1]
                self.pieces += 1
                self._req.sending = self.pieces
                try:
                    await self._send({"type": "http.response.body", "body": piece, "more_body": more_body})
                except UNSENT as error:
                    raise ClientDisconnected("The client disconnected before its response was sent.") from error
            self._req.sending = -1
            if is_end:
                return

    async def settle(self) -> None:
        """Wait until what was begun is sent."""
        self._is_settling = True
        try:
            await self.sending
        finally:  # which keeps the error, which keeps this
            self.sending, self._is_settling = None, False

    def stop(self) -> None:
        """Send no more, and let go of the task, which keeps the error that ends it, which leads back here."""
        self._serving = None
        if self.sending is not None:
            self.sending.cancel()
            self.sending = None


def _has_failed(sending: Task[None]) -> bool:
    return sending.done() and (sending.cancelled() or sending.exception() is not None)
