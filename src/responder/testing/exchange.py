"""One request and its response, on the event loop where the application runs; both clients are built on it.

The response is never gathered: one piece at a time waits for the reader, so that an endless stream can be read piece
by piece and an application meets the back-pressure of a real connection.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..errors import ResponderError
from . import signals
from .messages import ProtocolError, ResponseRules
from .scope import declared_length

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from ..types import ASGIApp, Message, RawHeader, Scope

_INTERNAL_ERROR = b"Internal Server Error"


class BrokenResponse(ResponderError):
    """The exchange ended early, where a server would close the connection in the middle of it."""


class Exchange:
    """One call of the application. Everything here belongs to one event loop; make it in a coroutine.

    `source` gives the next piece of the request body, and `b""` at its end. `scope` gets the key `"responder"`: a
    callable by which the application hands over an exception that it turns into a response.
    """

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        source: Callable[[], Coroutine[Any, Any, bytes]],
        *,
        raise_exceptions: bool,
    ) -> None:
        self._app = app
        self._scope = scope
        self._source = source
        self._raise_exceptions = raise_exceptions
        self._signal = signals.Signal()
        self._rules = ResponseRules(scope["method"])
        self._unsent = declared_length(scope["headers"])
        self._pull: asyncio.Task[bytes] | None = None
        self._uploaded = False
        self._chunk = b""
        self._complete = False
        self._left = False
        self._trouble = False
        self._failure: BaseException | None = None
        self._shown = False
        scope["responder"] = self._report
        self.task = asyncio.create_task(self._run())
        self.task.add_done_callback(self._end)

    async def head(self) -> tuple[int, list[RawHeader]]:
        """Give status and headers as soon as the application has sent them.

        Raises what the application did not handle, when that is wanted, and `ProtocolError`. An application that
        failed before its response started gives a plain 500.
        """
        try:
            await self._signal.until(lambda: self._rules.status or self._is_over())
            await self._raise_failure()
        except asyncio.CancelledError:
            await self.leave()
            raise
        if self._rules.status:
            return self._rules.status, self._rules.headers
        if self._left:
            raise BrokenResponse("The client was closed before the response started.")
        self._complete = True
        self._chunk = b"" if self._scope["method"] == "HEAD" else _INTERNAL_ERROR
        length = str(len(_INTERNAL_ERROR)).encode()
        return 500, [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", length)]

    async def read(self) -> bytes:
        """Give the next piece of the response body, and `b""` when it is complete and the application has ended.

        Raises what the application did not handle, when that is wanted, else `BrokenResponse`.
        """
        await self._signal.until(lambda: self._chunk or self._is_over())
        if self._chunk:
            chunk, self._chunk = self._chunk, b""
            self._signal.notify()
            return chunk
        await self._raise_failure()
        if not self._complete:
            raise BrokenResponse("The application failed before its response was complete.")
        return b""

    async def close(self) -> None:
        """Leave, as a client that closes its connection. Raises what the application did not handle, unless seen."""
        await self.leave()
        if not self._shown:
            await self._raise_failure()

    async def leave(self) -> None:
        """Send `http.disconnect` and wait for the application to end; cancel it when it does not."""
        self._left = True
        self._chunk = b""
        self._signal.notify()
        await signals.finish(self.task, signals.GRACE)

    async def _run(self) -> None:
        await self._app(self._scope, self._receive, self._send)

    def _end(self, task: asyncio.Task[None]) -> None:
        if self._pull is not None:
            self._pull.cancel()
        if task.cancelled():
            if not self._left:
                self._fail(ProtocolError("The application let a cancellation out, which servers print as an error."))
        elif (error := task.exception()) is not None:
            self._report(error)
        elif not (self._complete or self._left or self._trouble):
            self._fail(ProtocolError("The application ended without completing its response."))
        self._signal.notify()

    def _report(self, error: BaseException) -> None:
        self._trouble = True
        if self._raise_exceptions:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
        self._signal.notify()

    async def _raise_failure(self) -> None:
        if self._failure is None:
            return
        await signals.finish(self.task, signals.GRACE)
        self._shown = True
        raise self._failure

    async def _receive(self) -> Message:
        while not (self._left or self._complete):
            if self._pull is None and not self._uploaded:
                self._pull = asyncio.create_task(self._source())
                self._pull.add_done_callback(lambda _: self._signal.notify())
            await self._signal.until(self._has_news)
            if self._pull is not None and self._pull.done():
                return self._take(self._pull)
        return {"type": "http.disconnect"}

    def _has_news(self) -> bool:
        pulled = not self._uploaded if self._pull is None else self._pull.done()
        return pulled or self._left or self._complete

    def _take(self, pull: asyncio.Task[bytes]) -> Message:
        self._pull = None
        error = pull.exception()
        if error is not None:
            self._uploaded = self._left = True
            self._fail(error)
            return {"type": "http.disconnect"}
        chunk = pull.result()[: self._unsent]
        if self._unsent and not chunk:
            self._uploaded = True
            self._fail(BrokenResponse(f"The request ended {self._unsent} bytes short of its Content-Length."))
            return {"type": "http.disconnect"}
        if self._unsent is not None:
            self._unsent -= len(chunk)
        self._uploaded = self._unsent == 0 or not chunk
        return {"type": "http.request", "body": chunk, "more_body": not self._uploaded}

    async def _send(self, message: Message) -> None:
        try:
            self._rules.check(message)
        except ProtocolError as error:
            self._fail(error)
            raise
        await self._write(message.get("body", b""))
        self._complete = message["type"] == "http.response.body" and not message.get("more_body", False)
        self._signal.notify()

    async def _write(self, chunk: bytes) -> None:
        await self._signal.until(lambda: not (chunk and self._chunk) or self._left or self._failure is not None)
        if chunk and not self._left and self._failure is None:
            self._chunk = chunk
        else:
            # A server's send gives other tasks a turn; without one, a loop that sends to nobody would stop the world.
            await asyncio.sleep(0)

    def _is_over(self) -> bool:
        return self._failure is not None or self.task.done()
