"""The life of an API on a server: what runs before the first request and after the last (ASGI lifespan)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..routing.route import check_callable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from ..types import Receive, Scope, Send

EVENTS = ("startup", "shutdown")


class Lifespan:
    """Start-up and shutdown functions, and the context manager given as `lifespan=`.

    Start-up: functions in the order of declaration, then the context manager. Shutdown: the drain first, so that
    nothing that a request needs ends under it, then the context manager, then functions in the order of declaration.
    """

    def __init__(self, manager: Callable[[Any], AbstractAsyncContextManager[Any]] | None) -> None:
        if manager is not None:
            check_callable("lifespan", manager)
        self._manager = manager
        self._events: dict[str, list[Callable[[], Any]]] = {event: [] for event in EVENTS}

    def add(self, event: str, function: Callable[[], Any]) -> None:
        """Keep a function for an event. Raises `ConfigurationError` for an event that there is not."""
        if event not in self._events:
            raise ConfigurationError(f"There is no event {event!r}. Known: {', '.join(EVENTS)}.")
        check_callable("An event handler", function)
        self._events[event].append(function)

    async def serve(
        self, api: Any, scope: Scope, receive: Receive, send: Send, drain: Callable[[], Awaitable[None]]
    ) -> None:
        """Speak the lifespan protocol: one start-up, one shutdown. A failure is told to the server in one line."""
        await receive()
        stack = AsyncExitStack()
        try:
            await self._start(api, stack)
        except Exception as error:  # noqa: BLE001 - whatever start-up raises stops the server
            await _fail(scope, send, "startup", error)
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await drain()
            await stack.aclose()
        except Exception as error:  # noqa: BLE001 - the server is told, and ends all the same
            await _fail(scope, send, "shutdown", error)
            return
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self, api: Any, stack: AsyncExitStack) -> None:
        for function in self._events["startup"]:
            await _call(function)
        for function in reversed(self._events["shutdown"]):
            stack.push_async_callback(_call, function)
        if self._manager is not None:
            state = await stack.enter_async_context(self._manager(api))
            vars(api.state).update(state if isinstance(state, Mapping) else {})


async def _call(function: Callable[[], Any]) -> None:
    result = function()
    if hasattr(result, "__await__"):
        await result


async def _fail(scope: Scope, send: Send, event: str, error: Exception) -> None:
    if tell := scope.get("responder"):
        tell(error)
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    await send({"type": f"lifespan.{event}.failed", "message": f"The {event} failed at {_place(error)}: {reason}"})


def _place(error: Exception) -> str:
    """Give the file and line that raised the error."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}" if traceback else "an unknown place"
