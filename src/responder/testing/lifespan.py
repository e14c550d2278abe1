"""The lifespan of an application, driven as a server drives it: start-up and shutdown in one task of their own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..errors import ResponderError
from . import signals
from .messages import ProtocolError

if TYPE_CHECKING:
    from ..types import ASGIApp, Message


class LifespanError(ResponderError):
    """Start-up or shutdown of the application failed; the message is the one that the application sent."""


class Lifespan:
    """One run of the lifespan protocol (ASGI lifespan 2.0); `state` is what the application keeps for its requests.

    An application that raises before it answers does not know the protocol, which is its right. The exception behind
    a failure is raised as itself when the application hands it to `scope["responder"]`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._signal = signals.Signal()
        self._task: asyncio.Task[None] | None = None
        self._asked = 0
        self._stopping = False
        self._answers: set[str] = set()
        self._failure: BaseException | None = None

    async def start(self) -> None:
        """Run the start-up. Raises what it raised, or `LifespanError` with the application's own message."""
        self._task = task = asyncio.create_task(self._run())
        task.add_done_callback(lambda _: self._signal.notify())
        try:
            await self._signal.until(lambda: self._answers or task.done())
        except asyncio.CancelledError:
            await signals.finish(task, 0)
            raise
        if "lifespan.startup.complete" in self._answers:
            return
        await signals.finish(task, signals.GRACE)
        if self._failure is None and not task.cancelled() and not isinstance(task.exception(), Exception):
            self._failure = task.exception()
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> BaseException | None:
        """Run the shutdown, and give what went wrong in it, or at any time since the start-up."""
        task = self._task
        if task is None or "lifespan.startup.complete" not in self._answers:
            return None
        self._stopping = True
        self._signal.notify()
        ends = {"lifespan.shutdown.complete", "lifespan.shutdown.failed"}
        try:
            await self._signal.until(lambda: self._answers & ends or task.done())
        finally:
            await signals.finish(task, signals.GRACE)
        if self._failure is None and not task.cancelled():
            self._failure = task.exception()
        return self._failure

    async def _run(self) -> None:
        await self._app(
            {
                "type": "lifespan",
                "asgi": {"version": "3.0", "spec_version": "2.0"},
                "state": self.state,
                "responder": self._report,
            },
            self._receive,
            self._send,
        )

    def _report(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error

    async def _receive(self) -> Message:
        self._asked += 1
        if self._asked == 1:
            return {"type": "lifespan.startup"}
        await self._signal.until(lambda: self._stopping and self._asked >= 2)
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = str(message.get("type"))
        phase = "shutdown" if self._stopping else "startup"
        if kind not in {f"lifespan.{phase}.complete", f"lifespan.{phase}.failed"} or kind in self._answers:
            self._report(ProtocolError(f"The application sent {kind!r} during its {phase}."))
            self._answers.add(f"lifespan.{phase}.failed")
        elif kind.endswith("failed"):
            self._report(LifespanError(f"The {phase} of the application failed: {message.get('message', '')}"))
        self._answers.add(kind)
        self._signal.notify()
