"""The body of a request: one reader over `receive()`, shared with the watch for a client that leaves.

ASGI allows one `receive()` at a time. A short request calls it only for its body; for a long one the watch holds it,
and the reader takes the body from what the watch has met. The watch keeps as much as a reader may take, because behind
a body that nobody reads stands the word that the client has left.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..errors import ClientDisconnected, ContentTooLarge, DecodeError
from .pieces import keep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ..types import Message, Receive
    from .pieces import Pieces

Failure = TypeVar("Failure", bound=Exception)

DISCONNECT: Message = {"type": "http.disconnect"}

BROKEN: Final = (OSError, RuntimeError, ValueError)
"""What `receive` raises when the client has left or, in granian's words, a chunk is malformed."""

KEPT_BYTES: Final = 16 * 1024 * 1024
"""What the watch keeps of a body that nobody reads, at most. Where `Limits.body` allows more, the rest waits."""

STREAMED_BYTES: Final = 256 * 1024
"""What it keeps of a body that is being read: a reader that is slower than the client makes the client wait."""


class Body:
    """Reads the body once, in order, within `limit` bytes, and remembers how reading ended."""

    is_disconnected = False
    is_started = False
    received = 0
    _declared: int | None = None
    _is_complete = False
    is_awaited = False
    _content: bytes | None = None
    _failure: Callable[[], Exception] | None = None
    _kept: _Kept | None = None

    def __init__(self, declared: bytes | None, receive: Receive, limit: int) -> None:
        self._receive = receive
        self.limit = limit
        # What is no number counts as nothing: what arrives is counted all the same.
        if declared is not None and declared.isdigit() and len(declared) < 19:
            self._declared = length = int(declared)
            if length > limit:
                self._fail(ContentTooLarge, limit)

    async def read(self) -> bytes:
        """Give the whole body; the second call gives the same bytes.

        Raises `ContentTooLarge` (413), `DecodeError` (400) for a body that breaks off, `ClientDisconnected`.
        """
        if self._content is None:
            self._start()
            pieces: Pieces = []
            # PERF: as in `stream`, but a generator for it would cost most bodies 0.6 us (row JSON echo).
            while self._content is None:
                self.is_awaited = True
                try:
                    message = await self._receive()
                except BROKEN as error:
                    raise self._break_off() from error
                finally:
                    self.is_awaited = False
                chunk = self._take(message)
                if self._is_complete and not pieces:
                    self._content = chunk
                else:
                    keep(pieces, chunk)
                    if self._is_complete:
                        self._content = b"".join(pieces)
        return self._content

    async def stream(self) -> AsyncIterator[bytes]:
        """Give the body as it arrives. A body that was read before comes from memory, in one piece."""
        if self._content is not None:
            yield self._content
            return
        self._start()
        while not self._is_complete:
            self.is_awaited = True
            try:
                message = await self._receive()
            except BROKEN as error:
                raise self._break_off() from error
            finally:
                self.is_awaited = False
            if chunk := self._take(message):
                yield chunk

    def _start(self) -> None:
        if self._failure is not None:
            raise self._failure()
        if self.is_started:
            raise RuntimeError(
                "The body was streamed, or another task reads it. To use it twice, await `req.content` first."
            )
        self.is_started = True

    def _take(self, message: Message) -> bytes:
        """Give the piece of body in a message, once it is within what was declared and allowed."""
        if message["type"] == "http.disconnect":
            self.is_disconnected = True
            raise self._fail(ClientDisconnected, "The client disconnected before its body had arrived.")
        chunk: bytes = message.get("body", b"")
        self.received = received = self.received + len(chunk)
        if received > self.limit:
            raise self._fail(ContentTooLarge, self.limit)
        # PERF: with all that was declared here, nobody waits for the empty end that granian sends after it.
        if received == self._declared:
            self._is_complete = True
        elif not message.get("more_body", False):
            self._is_complete = True
            if self._declared is not None and received < self._declared:
                raise self._fail(DecodeError, f"The body ended after {received} of {self._declared} bytes.")
        return chunk

    def _break_off(self) -> DecodeError:
        return self._fail(DecodeError, "The body broke off, or its chunks are malformed.")

    def _fail(self, kind: Callable[..., Failure], *args: Any) -> Failure:
        """Give the error, and remember how it is made: the error itself leads by its traceback back to this body."""
        self._failure = partial(kind, *args)
        return kind(*args)

    @property
    def can_watch(self) -> bool:
        """Whether a watch may start: nobody is inside `receive()` and no watch has started before."""
        return self._kept is None and not self.is_awaited

    async def watch(self, when_gone: Callable[[], object]) -> None:
        """Wait until the client leaves, keep the body messages met on the way, then call `when_gone`."""
        receive, self._kept = self._receive, _Kept(self)
        self._receive = self._kept.take
        message: Message = {}
        while message.get("type") != "http.disconnect":
            try:
                message = await receive()
            except BROKEN:
                message = DISCONNECT
            await self._kept.put(message)
        self.is_disconnected = True
        when_gone()


class _Kept:
    """What the watch has met and the reader has not taken, as one message: one for each byte takes too much memory."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._content = bytearray()
        self._last: Message = {}
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()

    async def put(self, message: Message) -> None:
        """Keep a message. What is beyond the limit is dropped: its reader is refused for what is kept already."""
        if message["type"] != "http.disconnect" and len(self._content) <= self._body.limit:
            while len(self._content) > (STREAMED_BYTES if self._body.is_started else KEPT_BYTES):
                self._taken.clear()
                await self._taken.wait()
            self._content += message.get("body", b"")
        self._last = message
        self._arrived.set()

    async def take(self) -> Message:
        """Give all that is there, once something is; from its leaving on, that the client has left."""
        await self._arrived.wait()
        if self._last["type"] == "http.disconnect":
            return self._last
        self._arrived.clear()
        content = bytes(self._content)
        self._content.clear()
        self._taken.set()
        return {**self._last, "body": content}
