"""The request that a view holds: a reading of the ASGI scope, each part made when it is first asked for.

Values that a client can spoil (`url`, `params`, `cookies`, the body) raise a 4xx when they are read, not before: a view
that does not look at them neither pays nor fails.
"""

from __future__ import annotations

import asyncio
import codecs
from encodings.aliases import aliases
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from ..errors import DecodeError, MissingValue, UnsupportedMediaType
from ..http.cookies import parse_cookies
from ..http.headers import Headers, last_field
from ..http.negotiation import accepts, parse_media_type, preferred_media_type
from ..http.query import QueryParams, parse_query
from ..http.url import URL, parse_host
from ..media.guard import decode_guarded
from ..media.json import decode_json
from .body import Body
from .lazy import lazy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence

    from ..types import RawHeader, Receive, Scope

T = TypeVar("T")

# Python's own inventions: they take quadratic time, or give text that no charset can encode again.
_NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})
# Python keeps every name that it is asked for, so it is asked for those alone that name an encoding.
_CHARSETS = frozenset({*aliases, *aliases.values(), "koi8_t", "koi8_u", "utf_8_sig"})


class Cookies(dict[str, str]):
    """The cookies of a request; one that was not sent raises `MissingValue`, a `KeyError` that becomes a 400."""

    def __missing__(self, name: str) -> str:
        raise MissingValue("cookie", name)


class Address(NamedTuple):
    """The other end of the connection."""

    host: str
    port: int


class Request:
    """What the client asked for: `req` in `view(req, resp)`."""

    path_params: Mapping[str, Any] = MappingProxyType({})
    """The values of the path's parameters by name, converted."""

    # Where the pipeline keeps what it has to know about this request.
    loop: asyncio.AbstractEventLoop | None = None
    watcher: asyncio.Task[None] | None = None
    is_ended = False
    part = 0
    view: Any = None
    kept: Sequence[RawHeader] = ()
    entered: tuple[Any, ...] = ()

    scope: Scope
    receive: Receive
    api: Any

    def __repr__(self) -> str:
        return f"<Request {self.method!r} {self.scope['path']!r}>"

    @property
    def method(self) -> str:
        """The method as it came: `"GET"`."""
        method: str = self.scope["method"]
        return method

    @lazy
    def headers(self) -> Headers:
        """The header fields: a case-insensitive mapping; `get_list` gives several of one name."""
        return Headers(self.scope["headers"])

    @lazy
    def url(self) -> URL:
        """The address: `scheme`, `host`, `port`, `path`, `query`. A missing, doubled or malformed Host is a 400."""
        hosts = self.headers.get_list("host")
        if len(hosts) != 1:
            raise DecodeError("A request carries exactly one Host header.")  # RFC 9112 section 3.2
        host, port = decode_guarded(
            "The Host header", lambda raw: parse_host(raw.decode("latin-1")), hosts[0].encode("latin-1")
        )
        query = self.scope["query_string"].decode("latin-1")
        return URL(scheme=self.scope["scheme"], host=host, port=port, path=self._raw_path, query=query)

    @property
    def _raw_path(self) -> str:
        raw: bytes | None = self.scope.get("raw_path")
        return self.scope["path"] if raw is None else raw.decode("latin-1")

    @property
    def full_url(self) -> str:
        """The address as text."""
        return str(self.url)

    @lazy
    def params(self) -> QueryParams:
        """The query: `req.params["q"]` is the last value, `get_list` gives all. Malformed, or too many pairs: 400."""
        return parse_query(self.scope["query_string"], self.api.limits.query_pairs)

    @lazy
    def cookies(self) -> Cookies:
        """The cookies by name (RFC 6265bis); of two with one name the first, which is the more specific."""
        return Cookies(parse_cookies(self.headers.get("cookie", ""), self.api.limits.cookies))

    @property
    def client(self) -> Address | None:
        """The address of the peer, or None when the server knows none (a Unix socket)."""
        client = self.scope.get("client")
        return Address(client[0], int(client[1])) if client else None

    @property
    def is_secure(self) -> bool:
        """Whether the request came by TLS."""
        return self.scope["scheme"] in {"https", "wss"}

    @lazy
    def _content_type(self) -> tuple[str, dict[str, str]]:
        declared = last_field(self.scope["headers"], b"content-type") or b""
        return parse_media_type(declared.decode("latin-1"))

    @property
    def mimetype(self) -> str:
        """The media type of the body without its parameters, in lower case; empty when none was sent."""
        return self._content_type[0]

    @property
    def is_json(self) -> bool:
        """Whether the body is declared as JSON: `application/json`, or a type that ends in `+json`."""
        if last_field(self.scope["headers"], b"content-type") == b"application/json":
            return True
        mimetype = self.mimetype
        return mimetype == "application/json" or mimetype.endswith("+json")

    @lazy
    def encoding(self) -> str:
        """The declared charset of the body, else UTF-8. Assign to read the text in another one."""
        return self._content_type[1].get("charset", "utf-8")

    @lazy
    def state(self) -> SimpleNamespace:
        """A place for what hooks hand to views: `req.state.user = user`."""
        return SimpleNamespace()

    @property
    def last_event_id(self) -> str | None:
        """The id of the last server-sent event that the client saw."""
        return self.headers.get("last-event-id")

    def accepts(self, media_type: str) -> bool:
        """Say whether the client takes `media_type` (RFC 9110 section 12.5.1)."""
        return accepts(self.headers.get("accept"), media_type)

    def preferred_media_type(self, media_types: Sequence[str]) -> str | None:
        """Give the one of `media_types` that the client likes best, or None when it takes none of them."""
        return preferred_media_type(self.headers.get("accept"), media_types)

    # The body

    @lazy
    def _body(self) -> Body:
        return Body(self.scope, self.receive, self.api.limits.body)

    @property
    async def content(self) -> bytes:
        """The body: `await req.content`. Larger than `Limits.body`: 413."""
        return await self._body.read()

    @property
    async def text(self) -> str:
        """The body as text in `req.encoding`: `await req.text`. Bytes that do not decode: 400."""
        return self._decode_text(await self._body.read())

    @overload
    async def media(self, form: type[T]) -> T: ...
    @overload
    async def media(self, form: Any = None) -> Any: ...
    async def media(self, form: Any = None) -> Any:
        """Give the body as a value: `await req.media()` by its Content-Type, `media("json")` whatever that says.

        `media(Model)` reads JSON into a dataclass, a msgspec Struct, a TypedDict, `list[int]`.
        Malformed: 400. Of a type that is not read here: 415. It does not fit the model: 422.
        """
        return self._decode_media(await self._body.read(), form)

    def stream(self) -> AsyncIterator[bytes]:
        """Give the body piece by piece, as it arrives: `async for chunk in req.stream()`."""
        return self._body.stream()

    @property
    def content_sync(self) -> bytes:
        """`content` for a sync view: waits for the body on the worker thread."""
        return self._wait(self._body.read())

    @property
    def text_sync(self) -> str:
        """`text` for a sync view."""
        return self._decode_text(self.content_sync)

    @overload
    def media_sync(self, form: type[T]) -> T: ...
    @overload
    def media_sync(self, form: Any = None) -> Any: ...
    def media_sync(self, form: Any = None) -> Any:
        """Give what `media` gives, in a sync view."""
        return self._decode_media(self.content_sync, form)

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self.loop is None or _is_loop_thread(self.loop):
            coroutine.close()
            raise RuntimeError(
                "Waiting for the body here would stop the event loop. In an async view write `await req.content`, "
                "`await req.text` or `await req.media()`; in a sync view leave out `block=False`."
            )
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def _decode_text(self, content: bytes) -> str:
        return decode_guarded("The body", self._decode, content)

    def _decode(self, content: bytes) -> str:
        name = self.encoding.lower().replace("-", "_")
        if name not in _CHARSETS or codecs.lookup(name).name in _NO_CHARSETS:
            raise LookupError(f"unknown encoding: {self.encoding}")
        return content.decode(name)

    def _decode_media(self, content: bytes, form: Any) -> Any:
        if form != "json" and not self.is_json:
            raise UnsupportedMediaType(
                f"A body of type {self.mimetype or 'unknown'} is not read here. Send application/json."
            )
        model = Any if form is None or form == "json" else form
        return decode_json(content, model, depth=self.api.limits.depth)

    # The connection

    async def disconnected(self) -> bool:
        """Say whether the client has left. From the first call on, its leaving also cancels the task that asked."""
        if not self._body.is_disconnected:
            self.watch(asyncio.current_task())
            await asyncio.sleep(0)
        return self._body.is_disconnected

    def watch(self, task: asyncio.Task[Any] | None) -> None:
        """End `task` when the client leaves. Does nothing while the body is being received: its reader notices."""
        if self._body.can_watch:
            self.watcher = asyncio.ensure_future(self._body.watch(lambda: self.end(task)))

    def end(self, task: asyncio.Task[Any] | None) -> None:
        """Cancel the request, once: the client is gone, or the server ends. A second time would cut clean-up off."""
        if task is not None and not self.is_ended:
            task.cancel()
        self.is_ended = True


def _is_loop_thread(loop: asyncio.AbstractEventLoop) -> bool:
    return asyncio._get_running_loop() is loop  # noqa: SLF001 - the documented getter raises where no loop runs
