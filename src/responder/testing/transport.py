"""An `httpx2.AsyncClient` that calls an ASGI application on the caller's own event loop.

httpx2's own `ASGITransport` was rejected: it gathers the whole response first, so that an endless stream never comes
back, it never tells the application that its client left, and it runs no lifespan.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx2

from .application import Application
from .exchange import BrokenResponse
from .scope import PORTS, build_scope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from typing import Self

    from ..types import ASGIApp, Scope
    from .exchange import Exchange

T = TypeVar("T")


class AsyncClient(httpx2.AsyncClient):
    """An `httpx2.AsyncClient` whose every request, to whatever host, is answered by one application.

    `async with` runs the lifespan. Options beyond the first three are httpx2's; unlike there, `timeout` is `None`.
    """

    def __init__(
        self, app: ASGIApp, *, raise_exceptions: bool = True, base_url: str = "http://;", **options: Any
    ) -> None:
        transport = ApplicationTransport(app, raise_exceptions=raise_exceptions)
        options.setdefault("timeout", None)
        super().__init__(transport=transport, base_url=base_url, trust_env=False, **options)


class ApplicationTransport(httpx2.AsyncBaseTransport):
    """The transport under `AsyncClient`: the response is given when it starts, and its body streams live."""

    def __init__(self, app: ASGIApp, *, raise_exceptions: bool = True) -> None:
        self._app = app
        self._raise_exceptions = raise_exceptions
        self._running: Application | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def aclose(self) -> None:
        """Run the shutdown of the application. Raises what the shutdown raised."""
        running, self._running = self._running, None
        failure = await running.stop() if running is not None else None
        if failure is not None:
            raise failure

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer `request`. Raises `httpx2.ReadTimeout` when the application is slower than the read timeout."""
        running = await self._open()
        exchange = running.begin(_scope(request, running.state), _source(request))
        seconds = request.extensions.get("timeout", {}).get("read")
        status, headers = await _within(seconds, exchange.head())
        return httpx2.Response(status, headers=headers, stream=_LiveStream(exchange, seconds))

    async def _open(self) -> Application:
        async with self._lock:
            if self._running is None:
                running = Application(self._app, raise_exceptions=self._raise_exceptions)
                await running.start()
                self._running = running
            return self._running


class _LiveStream(httpx2.AsyncByteStream):
    """The body of one response, piece by piece as the application sends it."""

    def __init__(self, exchange: Exchange, seconds: float | None) -> None:
        self._exchange = exchange
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await _within(self._seconds, self._exchange.read()):
            yield chunk

    async def aclose(self) -> None:
        await self._exchange.close()


async def _within(seconds: float | None, coroutine: Coroutine[Any, Any, T]) -> T:
    try:
        async with asyncio.timeout(seconds) as deadline:
            return await coroutine
    except TimeoutError:
        if not deadline.expired():
            raise
        raise httpx2.ReadTimeout(f"Nothing of the response within {seconds} s.") from None
    except BrokenResponse as error:
        raise httpx2.ReadError(str(error)) from error


def _source(request: httpx2.Request) -> Callable[[], Coroutine[Any, Any, bytes]]:
    # `AsyncClient` has refused a stream that is not async before any transport sees it.
    pieces = cast("httpx2.AsyncByteStream", request.stream).__aiter__()

    async def pull() -> bytes:
        async for piece in pieces:
            if piece:
                return piece
        return b""

    return pull


def _scope(request: httpx2.Request, state: dict[str, Any]) -> Scope:
    url = request.url
    return build_scope(
        method=request.method,
        scheme=url.scheme,
        server=(url.host, url.port or PORTS[url.scheme]),
        target=url.raw_path,
        headers=request.headers.raw,
        state=state,
    )
