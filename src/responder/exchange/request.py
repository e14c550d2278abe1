"""The request that a view holds: a reading of the ASGI scope, each part made when it is first asked for.

Values that a client can spoil (`url`, `params`, `cookies`, the body) raise a 4xx when they are read, not before: a view
that does not look at them neither pays nor fails.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError as FutureCancelledError
from contextlib import suppress
from functools import cache
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from ..errors import ConfigurationError, DecodeError, MissingValue, ServiceUnavailable, UnsupportedMediaType
from ..http.charsets import decode_text
from ..http.cookies import parse_cookies
from ..http.headers import Headers
from ..http.negotiation import accepts, parse_media_type, preferred_media_type
from ..http.query import QueryParams, parse_query
from ..http.url import URL, is_usual_host, parse_host
from ..media.formats import FORM, MULTIPART
from ..media.guard import decode_guarded
from .body import Body
from .lazy import lazy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
    from concurrent.futures import Future

    from ..config import Limits
    from ..errors import HTTPError
    from ..media.formats import Format, Formats
    from ..types import RawHeader, Receive, Scope
    from .form import FormData
    from .parts import Part
    from .session import Session
    from .upload import UploadFile

T = TypeVar("T")


class Cookies(dict[str, str]):
    """The cookies of a request; one that was not sent raises `MissingValue`, a `KeyError` that becomes a 400."""

    def __missing__(self, name: str) -> str:
        raise MissingValue("cookie", name)


class Address(NamedTuple):
    """The other end of the connection; the port is 0 where a proxy does not tell it."""

    host: str
    port: int


class Origin(NamedTuple):
    """Where a request comes from. `host` is None where the `Host` header says it."""

    client: Address | None
    scheme: str
    host: bytes | None = None


def direct_origin(scope: Scope) -> Origin:
    """Give what the server says."""
    client = scope.get("client")
    # Granian has an empty address for a Unix socket, uvicorn none.
    return Origin(Address(client[0], int(client[1])) if client and client[0] else None, scope["scheme"])


def read_host(scope: Scope) -> bytes:
    """Give the `Host` header. Raises `DecodeError` unless there is exactly one (RFC 9112 section 3.2)."""
    hosts: list[bytes] = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) != 1:
        raise DecodeError("A request carries exactly one Host header.")
    return hosts[0]


class Request:
    """What the client asked for: `req` in `view(req, resp)`."""

    path_params: Mapping[str, Any] = MappingProxyType({})
    """The values of the path's parameters by name, converted."""

    # Where the pipeline keeps what it has to know about this request.
    loop: asyncio.AbstractEventLoop | None = None
    endings: tuple[Callable[[], object], ...] = ()
    is_ended = False
    is_cut_off = False
    """Whether its task was cancelled because sending has failed."""

    part = 0
    view: Any = None
    kept: Sequence[RawHeader] = ()
    entered: tuple[Any, ...] = ()
    sending = 0
    """The number of the message that is being sent; 0 before the response begins, -1 between its pieces."""

    expired: HTTPError | None = None
    """What the client is told when the request has been ended for its slowness."""

    opened: Session | None = None
    """The session, once it was asked for."""
    _form: FormData | None = None
    _reader: Future[Any] | None = None

    scope: Scope
    receive: Receive
    api: Any
    limits: Limits
    """What the client may send here."""

    def __repr__(self) -> str:
        return f"<Request {self.method!r} {self.scope['path']!r}>"

    @property
    def method(self) -> str:
        """The method as it came: `"GET"`."""
        method: str = self.scope["method"]
        return method

    @lazy
    def fields(self) -> dict[bytes, bytes]:
        """The header fields as bytes, of repeated ones the last: for a look that is not worth an index."""
        return dict(self.scope["headers"])

    @lazy
    def headers(self) -> Headers:
        """The header fields: a case-insensitive mapping; `get_list` gives several of one name."""
        return Headers(self.scope["headers"])

    @lazy
    def url(self) -> URL:
        """The address: `scheme`, `host`, `port`, `path`, `query`. A missing, doubled or malformed Host is a 400."""
        told = self.origin.host
        host, port = _parse_host(read_host(self.scope) if told is None else told)
        query = self.scope["query_string"].decode("latin-1")
        return URL(scheme=self.origin.scheme, host=host, port=port, path=self._raw_path, query=query)

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
        return parse_query(self.scope["query_string"], self.limits.query_pairs)

    @lazy
    def cookies(self) -> Cookies:
        """The cookies by name (RFC 6265bis); of two with one name the first, which is the more specific."""
        return Cookies(parse_cookies(self.headers.get("cookie", ""), self.limits.cookies))

    @lazy
    def origin(self) -> Origin:
        """Where the request comes from: as the server says, or a proxy that `API(proxies=...)` trusts."""
        resolve: Callable[[Scope], Origin] = self.api.resolve_origin
        return resolve(self.scope)

    @property
    def client(self) -> Address | None:
        """The address of the peer, or None when the server knows none (a Unix socket); behind a proxy the client's."""
        return self.origin.client

    @property
    def is_secure(self) -> bool:
        """Whether the request came by TLS."""
        return self.origin.scheme in {"https", "wss"}

    @property
    def session(self) -> Session:
        """The data of this client, a dict: the same as `resp.session`. Not touched: it costs nothing.

        Raises `RuntimeError` in a stream, when the cookie can no longer be sent.
        """
        if self.opened is None:
            if self.sending:
                raise RuntimeError("The response is on its way, so the session cannot be opened. Read it in the view.")
            self.opened = self.api.sessions.open(self)
        return self.opened

    @lazy
    def csp_nonce(self) -> str:
        """The nonce of this response in `Content-Security-Policy`: `<script nonce="{{ request.csp_nonce }}">`."""
        from secrets import token_urlsafe  # noqa: PLC0415 - few services use it

        return token_urlsafe(16)

    @lazy
    def _content_type(self) -> tuple[str, dict[str, str]]:
        return parse_media_type(self.fields.get(b"content-type", b"").decode("latin-1"))

    @property
    def mimetype(self) -> str:
        """The media type of the body without its parameters, in lower case; empty when none was sent."""
        return self._content_type[0]

    @property
    def is_json(self) -> bool:
        """Whether the body is declared as JSON: `application/json`, or a type that ends in `+json`."""
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
        fields = self.fields
        if b"content-encoding" in fields:
            from .decompress import make_body  # noqa: PLC0415 - few clients compress

            return make_body(self)
        return Body(fields.get(b"content-length"), self.receive, self.limits.body)

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
        """Give the body as a value: `await req.media()` by its Content-Type, `media("yaml")` whatever that says.

        JSON, YAML, MessagePack, and what else `api.formats` has; a form is a `FormData`, its files are `UploadFile`s.
        `media(Model)` reads the same into a dataclass, a msgspec Struct, a TypedDict, `list[int]`.
        Malformed: 400. Larger than `Limits`: 413. Of a type that is not read here: 415. It does not fit the model: 422.
        """
        found = None
        if not isinstance(form, str):
            # PERF: the exact bytes first, which spares parsing them (benchmarks/in_process.py, row JSON echo).
            found = self.api.formats.by_content_type.get(self.fields.get(b"content-type"))
        found = found or self._find_format(form)
        if found is MULTIPART:
            return self._fit_form(await self._read_multipart(), form)
        content = await self._body.read()
        if found.inline_bytes is not None and len(content) > found.inline_bytes:
            return await self.api.boards.current().call(self._decode_media, content, found, form)
        return self._decode_media(content, found, form)

    def parts(self) -> AsyncIterator[Part]:
        """Give the parts of a multipart form as they arrive: `async for part in req.parts()`; none is kept.

        Each may be read or saved while it is the current one. Raises what `media` raises.
        """
        if self.mimetype != "multipart/form-data":
            raise UnsupportedMediaType(f"A body of type {self._shown_type} has no parts. Send multipart/form-data.")
        from .parts import iterate_parts  # noqa: PLC0415 - the parser loads when it is used

        boundary = self._content_type[1].get("boundary")
        parts = iterate_parts(self._body.stream(), boundary, self.limits, self.call_for_file)
        self.endings = (*self.endings, parts.forget)
        return parts

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
        found = self._find_format(form)
        if found is MULTIPART:
            return self._fit_form(self._wait(self._read_multipart()), form)
        return self._decode_media(self.content_sync, found, form)

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self.loop is None or _is_loop_thread(self.loop):
            coroutine.close()
            raise RuntimeError(
                "Waiting for the body here would stop the event loop. In an async view write `await req.content`, "
                "`await req.text` or `await req.media()`; in a sync view leave out `block=False`."
            )
        self._reader = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            if self.expired is not None:  # before there was a reader to cancel
                self._reader.cancel()
                raise FutureCancelledError
            result: T = self._reader.result()
            return result
        finally:
            self._reader = None  # which leads back here, by its context and by the traceback of its error

    def _decode_text(self, content: bytes) -> str:
        return decode_guarded("The body", lambda raw: decode_text(raw, self.encoding), content)

    @property
    def _shown_type(self) -> str:
        return self.mimetype or "unknown"

    def _find_format(self, form: Any) -> Format:
        """Give the format of the body, or the one that was named."""
        formats: Formats = self.api.formats
        if isinstance(form, str):
            if form not in formats:
                raise ConfigurationError(f"media({form!r}): there is no such format. Known: {', '.join(formats)}.")
            return formats[form]
        found = formats.find(self.mimetype)
        if found is None:
            readable = ", ".join(form.media_types[0] for form in formats.values())
            raise UnsupportedMediaType(f"A body of type {self._shown_type} is not read here. Send one of: {readable}.")
        return found

    def _decode_media(self, content: bytes, found: Format, form: Any) -> Any:
        charset = self.encoding if b";" in self.fields.get(b"content-type", b"") else "utf-8"
        if found is FORM:
            data = _form_reader()(content, self.limits.form_fields, charset)
            return data if form is None else self._fit_form(data, form)
        if found.is_text and charset.lower() not in {"utf-8", "utf8"}:
            content = decode_guarded("The body", lambda raw: decode_text(raw, charset).encode(), content)
        model = Any if form is None or isinstance(form, str) else form
        return found.read(content, model, self.limits)

    async def _read_multipart(self) -> FormData:
        """Read the parts once, and keep what they hold: the files are gone from the wire then."""
        if self._form is None:
            from .form import read_form  # noqa: PLC0415 - forms load when one comes

            self._form = await read_form(self.parts(), self.limits, self.call_for_file, self._keep)
        return self._form

    def _fit_form(self, data: FormData, form: Any) -> Any:
        if form is None or isinstance(form, str):
            return data
        from .form import fit_model  # noqa: PLC0415 - the same

        return fit_model(data, form)

    def _keep(self, upload: UploadFile) -> None:
        self.endings = (*self.endings, lambda: self._dispose(upload))

    def _dispose(self, upload: UploadFile) -> None:
        """Close an upload, on a thread when it is on a disk, which may take long to give up a large file."""
        if not upload.is_in_memory:
            with suppress(ServiceUnavailable):
                self.api.boards.current().file_pool.submit(upload.close)
                return
        upload.close()

    async def call_for_file(self, function: Callable[..., T], *args: Any) -> T:
        """Call what waits for a disk on a thread that is there for this."""
        result: T = await self.api.boards.current().call_for_file(function, *args)
        return result

    def run_endings(self) -> None:
        """Let go of what the request holds, once: what refers back to it would keep it until a collection."""
        endings, self.endings = self.endings, ()
        for end in endings:
            end()

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
            watcher = asyncio.ensure_future(self._body.watch(lambda: self.end(task)))
            self.endings = (*self.endings, watcher.cancel)

    def expire(self, task: asyncio.Task[Any] | None, error: HTTPError) -> None:
        """Cancel what serves the request, which then answers with `error`."""
        if task is not None:
            self.expired = error
            if self._reader is not None:
                self._reader.cancel()
            task.cancel()

    def detach(self) -> Request:
        """Give a request with the same data, for who goes on where a thread still has this one."""
        twin = Request()
        vars(twin).update(vars(self))
        self.endings = ()
        return twin

    @property
    def received(self) -> int | None:
        """How many bytes of the body have come, while somebody waits for more; else None."""
        body: Body | None = self.__dict__.get("_body")
        return None if body is None or not body.is_awaited else body.received

    def end(self, task: asyncio.Task[Any] | None) -> None:
        """Cancel the request, once: the client is gone, or the server ends. A second time would cut clean-up off."""
        if task is not None and not (self.is_ended or self.is_cut_off):
            task.cancel()
        self.is_ended = True


@cache
def _form_reader() -> Callable[[bytes, int, str], FormData]:
    """Forms load when one comes. PERF: and an import in a function costs 1 us each time (row form)."""
    from .form import decode_form  # noqa: PLC0415 - as said

    return decode_form


def check_host(scope: Scope) -> bytes | None:
    """Give the `Host` header. Raises `DecodeError` for a missing, malformed or doubled one (RFC 9112 section 3.2).

    Before and after HTTP/1.1 it may be missing, which gives None.
    """
    if scope.get("http_version") != "1.1" and b"host" not in dict(scope["headers"]):
        return None
    host = read_host(scope)
    if not is_usual_host(host):
        _parse_host(host)
    return host


def _parse_host(host: bytes) -> tuple[str, int | None]:
    return decode_guarded("The Host header", lambda raw: parse_host(raw.decode("latin-1")), host)


def _is_loop_thread(loop: asyncio.AbstractEventLoop) -> bool:
    return asyncio._get_running_loop() is loop  # noqa: SLF001 - the documented getter raises where no loop runs
