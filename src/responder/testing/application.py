"""An application between its start-up and its shutdown, with the requests that are under way in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .exchange import Exchange
from .lifespan import Lifespan

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ..types import ASGIApp, Scope


class Application:
    """What a server is to an application: it runs the lifespan and hands over requests. It belongs to one loop."""

    def __init__(self, app: ASGIApp, *, raise_exceptions: bool) -> None:
        self._app = app
        self._raise_exceptions = raise_exceptions
        self._lifespan = Lifespan(app)
        self._exchanges: set[Exchange] = set()

    @property
    def state(self) -> dict[str, Any]:
        """What the start-up has put into `scope["state"]`, for the scope of each request."""
        return self._lifespan.state

    async def start(self) -> None:
        """Run the start-up. Raises what it raised, or `LifespanError`."""
        await self._lifespan.start()

    async def stop(self) -> BaseException | None:
        """Close the connections that are still open, run the shutdown, and give what went wrong in it."""
        await asyncio.gather(*(exchange.leave() for exchange in self._exchanges))
        return await self._lifespan.stop()

    def begin(self, scope: Scope, source: Callable[[], Coroutine[Any, Any, bytes]]) -> Exchange:
        """Call the application with one request; `source` gives the pieces of its body, and `b""` at the end."""
        exchange = Exchange(self._app, scope, source, raise_exceptions=self._raise_exceptions)
        self._exchanges.add(exchange)
        exchange.task.add_done_callback(lambda _: self._exchanges.discard(exchange))
        return exchange
