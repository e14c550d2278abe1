"""A `requests.Session` that calls an ASGI application in process; it opens no socket and reads no environment.

The application runs on an event loop in a background thread. The request body is taken from the caller's iterator in
the caller's own thread, whenever the application asks for more, so that a generator may use what belongs to a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import io
import queue
import re
import threading
import weakref
from concurrent.futures import wait
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.cookies import extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from ..errors import ConfigurationError
from . import signals
from .application import Application
from .body import EscapedError, LiveBody, RawResponse
from .exchange import BrokenResponse
from .loop import LoopClosed, LoopThread
from .scope import PORTS, build_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Self

    from ..types import ASGIApp, RawHeader, Scope
    from .exchange import Exchange

T = TypeVar("T")

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BLOCK = 2**16


class Session(requests.Session):
    """A `requests.Session` whose every request, to whatever host, is answered by one application.

    A URL without a scheme is a path under `base_url`. The lifespan starts with the first request, or with `with`, and
    ends with `close()`, after which the session may be used again. One that nobody closes ends with the process, or
    without its shutdown when it is collected.
    """

    def __init__(self, app: ASGIApp, *, raise_exceptions: bool = True, base_url: str = "http://;") -> None:
        super().__init__()
        if urlsplit(base_url).scheme not in PORTS:
            raise ConfigurationError(f"base_url is an http:// or https:// URL, not {base_url!r}.")
        self.base_url = base_url.rstrip("/")
        self.trust_env = False
        self._adapter = ApplicationAdapter(app, raise_exceptions=raise_exceptions)
        self.mount("http://", self._adapter)
        self.mount("https://", self._adapter)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare `request` as requests does, after its URL has been made absolute."""
        absolute = copy.copy(request)
        absolute.url = self._join(request.url)
        return super().prepare_request(absolute)

    def __enter__(self) -> Self:
        self._adapter.open()
        return self

    def _join(self, url: Any) -> str:
        text = url.decode() if isinstance(url, bytes) else str(url)
        if _ABSOLUTE.match(text):
            return text
        return f"{self.base_url}{text}" if text.startswith("/") else f"{self.base_url}/{text}"


class ApplicationAdapter(BaseAdapter):
    """The transport under `Session`: a prepared request in, a response that is still arriving out."""

    def __init__(self, app: ASGIApp, *, raise_exceptions: bool) -> None:
        super().__init__()
        self._app = app
        self._raise_exceptions = raise_exceptions
        self._lock = threading.Lock()
        self._running: _Running | None = None

    def open(self) -> _Running:
        """Start the loop and the lifespan unless they run. Raises what the start-up raised."""
        with self._lock:
            if self._running is None:
                self._running = _Running(self, Application(self._app, raise_exceptions=self._raise_exceptions))
            return self._running

    def close(self) -> None:
        """Run the shutdown and end the loop. Raises what the shutdown raised."""
        with self._lock:
            if self._running is not None:
                self._running.loop.refuse_to_wait_here()
            running, self._running = self._running, None
        if running is not None:
            running.close()

    def end(self) -> None:
        """Do what `close` does, but quietly and within a few seconds: the interpreter is about to exit."""
        running, self._running = self._running, None
        if running is not None:
            running.end()

    def send(  # noqa: PLR0913, PLR0917 - requests' signature
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002, ARG002 - requests' signature; every response streams
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002, ARG002 - requests' signature; there is no TLS
        cert: Any = None,  # noqa: ARG002 - the same
        proxies: Any = None,  # noqa: ARG002 - the same
    ) -> requests.Response:
        """Answer `request`. Raises `requests.ReadTimeout` when the application is slower than `timeout`."""
        running = self.open()
        running.loop.refuse_to_wait_here()
        call = _Call(running.loop, _chunks(request.body), _read_timeout(timeout))
        scope = _scope(request, running.application.state)
        try:
            status, headers = call.begin(running.application, scope)
        except _NoAnswer:
            raise requests.ReadTimeout(f"No response within {call.timeout} s.", request=request) from None
        except (BrokenResponse, LoopClosed) as error:
            raise requests.ConnectionError(error, request=request) from error
        body = LiveBody(call.read, call.leave)
        return self._response(request, RawResponse(body, status, headers, method=scope["method"], url=str(request.url)))

    def _response(self, request: requests.PreparedRequest, raw: RawResponse) -> requests.Response:
        response = requests.Response()
        response.status_code = raw.status
        response.headers = CaseInsensitiveDict(raw.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw = raw
        response.reason = str(raw.reason)
        response.url = str(request.url)
        response.request = request
        response.connection = cast("Any", self)
        extract_cookies_to_jar(response.cookies, request, raw)  # type: ignore[no-untyped-call]
        return response


class _Running:
    """A loop thread with the application that runs on it, from start-up to shutdown."""

    def __init__(self, adapter: ApplicationAdapter, application: Application) -> None:
        self.loop = LoopThread()
        self.application = application
        self._finalizer = weakref.finalize(adapter, _abandon, weakref.ref(adapter), self.loop)
        try:
            self.loop.run(application.start())
        except BaseException:
            self._finalizer.detach()
            self.loop.stop()
            raise

    def close(self) -> None:
        self._finalizer.detach()
        try:
            failure = self.loop.run(self.application.stop())
        finally:
            self.loop.close()
        if failure is not None:
            raise failure

    def end(self) -> None:
        with contextlib.suppress(LoopClosed):
            wait({self.loop.submit(self.application.stop())}, timeout=signals.GRACE)
        self.loop.stop()


def _abandon(adapter: weakref.ref[ApplicationAdapter], loop: LoopThread) -> None:
    alive = adapter()
    if alive is not None:
        alive.end()
    loop.stop()


class _NoAnswer(Exception):
    """The time that the caller gives to one read has passed."""


class _Call:
    """One request in the caller's thread, which serves the upload while it waits for the response."""

    def __init__(self, loop: LoopThread, chunks: Iterator[bytes], timeout: float | None) -> None:
        self.timeout = timeout
        self._loop = loop
        self._chunks = chunks
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._exchange: Exchange

    def begin(self, application: Application, scope: Scope) -> tuple[int, list[RawHeader]]:
        """Call the application and give status and headers of its response."""

        async def begin() -> tuple[int, list[RawHeader]]:
            self._exchange = application.begin(scope, self._next_chunk)
            return await self._exchange.head()

        return self._wait(begin(), self.timeout)

    def read(self) -> bytes:
        """Give the next piece of the body, with every failure in the form that urllib3 lets pass or translates."""
        try:
            return self._wait(self._exchange.read(), self.timeout)
        except _NoAnswer:
            message = f"Nothing more of the response within {self.timeout} s."
            raise ReadTimeoutError(cast("Any", None), cast("Any", None), message) from None
        except (BrokenResponse, LoopClosed) as error:
            raise ProtocolError(str(error)) from error
        except BaseException as error:  # noqa: BLE001 - `RawResponse` takes it out again and raises it
            raise EscapedError(error) from None

    def leave(self, *, wait: bool) -> None:
        """Tell the application that its client left; with `wait`, return when it has ended, or raise what it raised."""
        with contextlib.suppress(LoopClosed):
            if wait and not self._loop.is_current():
                self._wait(self._exchange.close(), None)
            else:
                self._loop.submit(self._exchange.leave())

    def _wait(self, coroutine: Coroutine[Any, Any, T], timeout: float | None) -> T:
        future = self._loop.submit(coroutine)
        future.add_done_callback(lambda _: self._inbox.put(None))
        try:
            while not future.done():
                self._serve_upload(timeout)
        finally:
            future.cancel()
        if future.cancelled() or future.result().cancelled():
            raise LoopClosed("The session was closed before the response was complete.")
        return future.result().result()

    def _serve_upload(self, timeout: float | None) -> None:
        try:
            feed = self._inbox.get(timeout=timeout)
        except queue.Empty:
            raise _NoAnswer from None
        if feed is not None:
            feed()

    async def _next_chunk(self) -> bytes:
        wanted: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._inbox.put(partial(self._feed, wanted))
        return await wanted

    def _feed(self, wanted: asyncio.Future[bytes]) -> None:
        self._loop.call(_give, wanted, next(self._chunks, b""))


def _give(wanted: asyncio.Future[bytes], chunk: bytes) -> None:
    if not wanted.done():
        wanted.set_result(chunk)


def _scope(request: requests.PreparedRequest, state: dict[str, Any]) -> Scope:
    url = urlsplit(str(request.url))
    default = PORTS[url.scheme]
    headers = [(_encode(name), _encode(value)) for name, value in request.headers.items()]
    if "Host" not in request.headers:
        host = url.netloc.rpartition("@")[2].removesuffix(f":{default}")
        headers.insert(0, (b"host", host.encode("latin-1")))
    return build_scope(
        method=str(request.method),
        scheme=url.scheme,
        server=(url.hostname or "", url.port or default),
        target=request.path_url.encode(),
        headers=headers,
        state=state,
    )


def _encode(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def _chunks(body: Any) -> Iterator[bytes]:
    """Give the pieces of a prepared body; text travels as UTF-8, as `requests` counted it for Content-Length."""
    if body is None:
        return iter(())
    if isinstance(body, str):
        body = body.encode()
    if isinstance(body, (bytes, bytearray)):
        body = io.BytesIO(body)
    pieces = iter(partial(body.read, _BLOCK), None) if hasattr(body, "read") else iter(body)
    texts = (piece.encode() if isinstance(piece, str) else piece for piece in pieces)
    return takewhile(bool, texts) if hasattr(body, "read") else filter(None, texts)


def _read_timeout(timeout: Any) -> float | None:
    if isinstance(timeout, tuple):
        _, timeout = timeout
    seconds: float | None = getattr(timeout, "read_timeout", timeout)
    return seconds
