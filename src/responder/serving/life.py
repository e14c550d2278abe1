"""The server's side of the ASGI lifespan.

Granian and uvicorn each have one, and each ends differently: granian goes on without an application that raises at
start-up, uvicorn prints a traceback, neither can be interrupted while an application starts, and
neither says when it has. With this one the reason of a failure is a sentence and a stop has a deadline.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..errors import ResponderError
from .console import flatten

if TYPE_CHECKING:
    from ..types import ASGIApp, Message, Receive, Scope, Send


CANCEL_SECONDS = 0.2
"""How long an application that is cancelled may take to clean up."""


class StartupFailed(ResponderError):
    """The application did not start; the message is the reason, on one line."""


class Lifespan:
    """One run of an application, from its start-up to its shutdown; `state` is what it shares with every request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._answer: asyncio.Future[Message] | None = None
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Start the application. Raises `StartupFailed`."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        self._task = asyncio.create_task(self._run(scope))
        answer = await self._tell("startup", self._task)
        if answer["type"] != "lifespan.startup.complete":
            raise StartupFailed(flatten(answer.get("message") or "the application gave no reason"))

    async def shutdown(self) -> str:
        """Shut the application down; give what went wrong, or `""`."""
        if self._task is None:
            return ""
        answer = await self._tell("shutdown", self._task)
        return flatten(answer.get("message") or "")

    async def cancel(self) -> None:
        """End an application that is still starting, or that does not shut down."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CANCEL_SECONDS)

    async def _tell(self, what: str, task: asyncio.Task[None]) -> Message:
        self._answer = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait({"type": f"lifespan.{what}"})
        waited: set[asyncio.Future[Any]] = {self._answer, task}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if self._answer.done():
            return self._answer.result()
        error = None if task.cancelled() else task.exception()
        return {"type": "lifespan.ended", "message": "" if error is None else f"{type(error).__name__}: {error}"}

    async def _run(self, scope: Scope) -> None:
        await self.app(scope, self._inbox.get, self._send)

    async def _send(self, message: Message) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(message)


def share(app: ASGIApp, state: dict[str, Any]) -> ASGIApp:
    """Give `app` with the lifespan's state in every scope; `app` itself, at no cost, when there is no state."""
    if not state:
        return app

    def call(scope: Scope, receive: Receive, send: Send) -> Any:
        scope["state"] = dict(state)
        return app(scope, receive, send)

    return call
