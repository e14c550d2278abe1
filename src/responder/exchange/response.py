"""The response that a view fills: plain attributes, turned into messages by the emitter when all is done.

What is unset lives on the class, so that a new response costs one attribute. The body stays a value until it is
emitted, so that an after hook may still change `resp.media`; the last body set wins, whichever attribute set it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from .. import status_codes
from ..errors import EncodeError, HTTPError, Problem, UnsafeRedirect
from ..http.conditional import evaluate_preconditions, format_etag
from ..http.cookies import ResponseCookies
from ..http.dates import format_http_date
from ..http.headers import ResponseHeaders
from ..http.negotiation import parse_media_type
from ..http.url import encode_location, is_same_site
from ..media.guard import CODEC_ERRORS
from ..media.json import encode_json
from ..media.kind import Kind
from .file import File, open_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable
    from datetime import datetime
    from os import PathLike

    from ..http.cookies import CookieAttributes, CookieIdentity
    from ..media.formats import Formats
    from ..types import RawHeader
    from .request import Request
    from .session import Session

    Chunks = AsyncIterable[bytes | str] | Iterable[bytes | str]
    Streamed = TypeVar("Streamed", bound=Callable[[], Chunks] | Chunks)


TEXT = Kind(str.encode, (b"content-type", b"text/plain; charset=utf-8"))
HTML = Kind(str.encode, (b"content-type", b"text/html; charset=utf-8"))
MEDIA = Kind(encode_json, (b"content-type", b"application/json"))
"""The body is a value; how it is sent depends on the request, and on the formats of the API."""

PROBLEM = Kind(encode_json, (b"content-type", b"application/problem+json"))
"""The body is a problem document, which is JSON whatever the request asks for."""

BYTES = Kind(bytes, (b"content-type", b"application/octet-stream"))
STREAM = Kind(lambda _chunks: b"", BYTES.content_type)
"""The body is an iterable, which is sent as it yields."""

BODILESS = frozenset({204, 304})
"""Statuses whose responses have no body (RFC 9110 section 6.4.1)."""

DESCRIBING = frozenset({b"content-type", b"content-encoding", b"content-language", b"content-range"})
"""The header fields that tell of a body (RFC 9110 section 8), and leave with it."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@lru_cache(maxsize=64)
def _text_kind(media_type: str) -> Kind:
    return Kind(str.encode, (b"content-type", f"{media_type}; charset=utf-8".encode("ascii")))


def encode_body(kind: Kind, body: Any) -> bytes:
    """Give the bytes of a body. Raises `EncodeError` for a value that its format cannot carry."""
    try:
        return kind.encode(body)
    except CODEC_ERRORS as error:
        raise explain(kind, body, error) from error


def explain(kind: Kind, body: Any, error: Exception) -> EncodeError:
    """Give the error for a body that could not be encoded, with the place in it."""
    from ..media.values import explain_failure  # noqa: PLC0415 - only a mistake needs it

    return explain_failure(body, kind.encode, error)


class Response:
    """What the service answers: `resp` in `view(req, resp)`."""

    is_simple = True
    """Whether the body goes out as it is: no HEAD, 204, condition, charset or stream that the emitter has to mind."""

    has_fields = False
    """Whether headers or cookies were touched."""

    req: Request
    status: int | None = None
    body: Any = None
    kind: Kind | None = None
    length: int | None = None
    tasks: tuple[tuple[Callable[..., Any], tuple[Any, ...]], ...] = ()
    policy_fields: tuple[RawHeader, ...] = ()
    """Header fields of the policies, beside those that were set; none of them tells of the body."""

    _encoding = "utf-8"
    _headers: ResponseHeaders | None = None
    _cookies: ResponseCookies | None = None
    _etag: str | None = None
    _last_modified: datetime | None = None

    def __repr__(self) -> str:
        return f"<Response {self.status_code}>"

    def reset(self, fields: Iterable[RawHeader]) -> None:
        """Forget everything that was set, and start again from these header fields, save those that tell of a body."""
        req = self.req
        self.__dict__.clear()
        self.req = req
        if fields:
            self.headers.raw.extend(field for field in fields if field[0] not in DESCRIBING)

    @property
    def status_code(self) -> int:
        """The status, 200 unless set. Raises `ValueError` for what is not 200 to 599."""
        return self.status or 200

    @status_code.setter
    def status_code(self, status: int) -> None:
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError(f"A response has a status code from 200 to 599, not {status!r}.")
        self.status = int(status)
        if status in BODILESS:
            self.is_simple = False

    # The body, one of these

    @property
    def text(self) -> str:
        """The body as text; setting it sends `text/plain`."""
        return self.content.decode(self.encoding)

    @text.setter
    def text(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"resp.text takes a str, not {_a(text)}. For bytes use resp.content, for data resp.media.")
        self.body = text
        self.kind = TEXT

    @property
    def html(self) -> str:
        """The body as text; setting it sends `text/html`."""
        return self.text

    @html.setter
    def html(self, html: str) -> None:
        if not isinstance(html, str):
            raise TypeError(f"resp.html takes a str, not {_a(html)}.")
        self.body = html
        self.kind = HTML

    @property
    def content(self) -> bytes:
        """The body as bytes; setting it sends `application/octet-stream`, or `text/plain` for a `str`."""
        kind = self.settled_kind
        if kind is None:
            return b""
        if kind.encode is str.encode:
            return str(self.body).encode(self._encoding)
        return encode_body(kind, self.body)

    @content.setter
    def content(self, content: bytes | bytearray | memoryview | str) -> None:
        if isinstance(content, str):
            self.text = content
            return
        if not isinstance(content, bytes | bytearray | memoryview):
            raise TypeError(f"resp.content takes bytes or a str, not {_a(content)}. For data use resp.media.")
        self.body = bytes(content)
        self.kind = BYTES

    @property
    def media(self) -> Any:
        """The body as the value that it was set to.

        It is sent as JSON, YAML, MessagePack or what else `api.formats` has, by the request's `Accept`; as JSON where
        nothing fits. A Content-Type that was set by hand decides instead.
        """
        return self.body

    @media.setter
    def media(self, value: Any) -> None:
        self.body = value
        self.kind = MEDIA

    @property
    def settled_kind(self) -> Kind | None:
        """How the body is sent to this client."""
        if self.kind is not MEDIA and self.kind is not PROBLEM:
            return self.kind
        formats: Formats = self.req.api.formats
        if self.kind is PROBLEM:
            return formats.problem
        if self._headers is not None and (declared := self._headers.get("content-type")):
            return formats.kind_of(declared)
        return formats.choose(self.req.fields.get(b"accept"))

    def stream(self, source: Streamed) -> Streamed:
        """Send what a generator yields, as it yields: `@resp.stream` on a generator function without parameters.

        Sync generators run on worker threads. Chunks are bytes or str; set `resp.mimetype` for their type. A generator
        is closed when the client leaves, so that its `finally` runs.
        """
        chunks = source() if callable(source) else source
        if not hasattr(chunks, "__aiter__") and not hasattr(chunks, "__iter__"):
            raise TypeError(f"resp.stream takes a generator function or an iterable, not {_a(chunks)}.")
        self.body = chunks
        self.kind = STREAM
        return source

    def file(self, path: str | PathLike[str], *, root: str | PathLike[str] | None = None) -> None:
        """Send a file, its media type by its name, with `ETag`, `Last-Modified` and ranges (RFC 9110 section 14).

        With `root`, `path` is relative to it, and neither `..` nor a link leads out of it: for names from a client.
        Raises a 404 for what is no regular file there.
        """
        from ..http.content_types import content_type_of  # noqa: PLC0415 - its table loads when a file is sent

        self.send_file(open_file(path, root), content_type_of(str(path)))

    def download(
        self, path: str | PathLike[str], filename: str | None = None, *, root: str | PathLike[str] | None = None
    ) -> None:
        """Send a file as `file` does, for the browser to save it, as `filename` or under its own name (RFC 6266)."""
        from ..http.disposition import format_attachment  # noqa: PLC0415 - Unicode's tables load when a name is written

        self.file(path, root=root)
        self.headers["content-disposition"] = format_attachment(str(path) if filename is None else filename)

    def send_file(self, file: File, content_type: str) -> None:
        """Send a file that is open; it is closed with the request."""
        self.req.endings = (*self.req.endings, file.close)
        self.body = file
        self.kind = Kind(File.read_all, (b"content-type", content_type.encode("ascii")))
        self.is_simple = False

    def render(self, template: str, /, **context: Any) -> None:
        """Send what a template makes of the context, as HTML unless its name ends otherwise: `render("page.html")`.

        Raises `TemplateError`, which names the template and the line.
        """
        self._set_rendered(template, self.req.api.templates.render(template, context, self.req))

    async def render_async(self, template: str, /, **context: Any) -> None:
        """Do the same in an async view, for templates that await."""
        self._set_rendered(template, await self.req.api.templates.render_async(template, context, self.req))

    def _set_rendered(self, template: str, text: str) -> None:
        self.body = text
        self.kind = _text_kind(self.req.api.templates.media_type_of(template))

    @property
    def encoding(self) -> str:
        """The charset of `text` and `html`, UTF-8 unless set. Raises `LookupError` for one that is unknown."""
        return self._encoding

    @encoding.setter
    def encoding(self, encoding: str) -> None:
        "".encode(encoding)
        self._encoding = encoding
        self.is_simple = False

    @property
    def mimetype(self) -> str:
        """The media type without parameters: `resp.mimetype = "text/csv"` after the body was set."""
        declared = self._headers.get("content-type") if self._headers is not None else None
        kind = self.settled_kind
        own = kind.content_type[1].decode("latin-1") if kind else ""
        return parse_media_type(declared or own)[0]

    @mimetype.setter
    def mimetype(self, mimetype: str) -> None:
        is_text = mimetype.startswith("text/") and ";" not in mimetype
        self.headers["content-type"] = f"{mimetype}; charset={self.encoding}" if is_text else mimetype

    # Headers

    @property
    def headers(self) -> ResponseHeaders:
        """The header fields: a case-insensitive mapping; `add` appends one more of a name.

        Raises `InvalidHeader` where HTTP cannot carry a name or a value. Content-Length is always what is sent.
        """
        if self._headers is None:
            self._headers = ResponseHeaders()
            self.has_fields = True
        return self._headers

    @property
    def cookies(self) -> ResponseCookies:
        """The cookies to set: `resp.cookies["hello"] = "world"`, with the safe defaults of `set_cookie`."""
        if self._cookies is None:
            self._cookies = ResponseCookies()
            self.has_fields = True
        return self._cookies

    @property
    def fields(self) -> list[RawHeader]:
        """Every header field and cookie that was set, as ASGI carries them."""
        fields = [] if self._headers is None else self._headers.raw
        return fields if self._cookies is None else fields + self._cookies.raw

    def set_cookie(self, key: str, value: str = "", **attributes: Unpack[CookieAttributes]) -> None:
        """Set a cookie: `expires`, `max_age`, `domain`, `path`, `secure`, `httponly`, `samesite`, `partitioned`.

        Defaults: for the session, path `/`, `HttpOnly`, `SameSite=Lax`. Raises `InvalidCookie` (RFC 6265bis).
        """
        self.cookies.set(key, value, **attributes)

    def delete_cookie(self, key: str, **attributes: Unpack[CookieIdentity]) -> None:
        """Make the browser forget a cookie; the attributes are those that it was set with, but for its age."""
        self.cookies.delete(key, **attributes)

    def cache_control(self, **directives: bool | int | str) -> None:
        """Set Cache-Control (RFC 9111 section 5.2.2): `resp.cache_control(public=True, max_age=60)`."""
        parts = []
        for name, value in directives.items():
            directive = name.replace("_", "-")
            if value is not False:
                parts.append(directive if value is True else f"{directive}={value}")
        self.headers["cache-control"] = ", ".join(parts)

    def vary(self, *names: str) -> None:
        """Add request header names on which the answer depends to `Vary` (RFC 9110 section 12.5.5)."""
        present = [name.strip() for name in self.headers.get("vary", "").split(",") if name.strip()]
        known = {name.lower() for name in present}
        present += [name for name in dict.fromkeys(names) if name.lower() not in known]
        self.headers["vary"] = ", ".join(present)

    @property
    def session(self) -> Session:
        """The data of this client, a dict: `resp.session["user"] = "kenneth"`; the same as `req.session`."""
        return self.req.session

    # Validators

    @property
    def etag(self) -> str | None:
        """The entity-tag: `resp.etag = "v42"`, `'W/"v42"'` for a weak one. A request that has it gets a 304.

        For a method that changes something, call `check_preconditions` before changing it.
        """
        return self._etag

    @etag.setter
    def etag(self, tag: str) -> None:
        self._etag = self.headers["etag"] = format_etag(tag)
        self.is_simple = False

    @property
    def last_modified(self) -> datetime | None:
        """When the representation changed last: an aware datetime. A request that is as new gets a 304."""
        return self._last_modified

    @last_modified.setter
    def last_modified(self, moment: datetime) -> None:
        self.headers["last-modified"] = format_http_date(moment)
        self._last_modified = moment
        self.is_simple = False

    @property
    def has_validators(self) -> bool:
        """Whether `etag` or `last_modified` was set."""
        return self._etag is not None or self._last_modified is not None

    def adopt_validators(self, file: File) -> None:
        """Take the entity-tag and the date of a file, where none were set."""
        if self._etag is None:
            self.etag = file.etag
        if self._last_modified is None:
            self.last_modified = file.last_modified

    def evaluate(self) -> int | None:
        """Give 304 or 412 when the request's conditions say so (RFC 9110 section 13.2.2), else None."""
        headers = self.req.headers
        return evaluate_preconditions(
            self.req.method,
            if_match=headers.get("if-match"),
            if_none_match=headers.get("if-none-match"),
            if_modified_since=headers.get("if-modified-since"),
            if_unmodified_since=headers.get("if-unmodified-since"),
            etag=self._etag,
            last_modified=self._last_modified,
        )

    def check_preconditions(self) -> None:
        """Raise a 412 when `If-Match` or its kin do not hold for the `etag` and `last_modified` set so far.

        Call it in a PUT, PATCH or DELETE before the change, so that two clients cannot overwrite each other.
        """
        if self.evaluate() == status_codes.HTTP_412:
            raise HTTPError(412, "The resource has changed since it was read.")

    # Whole answers

    def redirect(
        self,
        location: str,
        *,
        permanent: bool = False,
        status_code: int | None = None,
        allow_external: bool = False,
    ) -> None:
        """Send the client elsewhere: 307, or 308 when `permanent`; any redirect as `status_code`.

        A target on another site raises `UnsafeRedirect` unless `allow_external=True`, so that a target which a client
        chose cannot lead away. Raises `ValueError` for a location with control characters, or another status.
        """
        status = status_code or (308 if permanent else 307)
        if status not in REDIRECTS:
            raise ValueError(f"A redirect has one of the statuses {sorted(REDIRECTS)}, not {status}.")
        if not allow_external and not self._stays_on_site(location):
            raise UnsafeRedirect(
                f"{location[:200]!r} leads to another site. Where that is meant, pass allow_external=True."
            )
        self.headers["location"] = encode_location(location)
        self.status_code = status

    def _stays_on_site(self, location: str) -> bool:
        if is_same_site(location, scheme="http", host="", port=None):  # relative: no need of a Host header
            return True
        url = self.req.url
        return is_same_site(location, scheme=url.scheme, host=url.host, port=url.port)

    def created(self, media: Any = None, *, location: str | None = None) -> None:
        """Answer 201 (RFC 9110 section 15.3.2) with the new resource and where it is."""
        self.status_code = 201
        if media is not None:
            self.media = media
        if location is not None:
            self.headers["location"] = encode_location(location)

    def no_content(self) -> None:
        """Answer 204 (RFC 9110 section 15.3.5), without a body."""
        self.body = self.kind = None
        self.status_code = 204

    def problem(self, status: int, *, title: str | None = None, detail: str | None = None, **members: Any) -> None:
        """Answer with a problem document (RFC 9457); `type`, `instance` and members of your own as keywords."""
        self.set_problem(Problem(status, title=title, detail=detail, **members))

    def set_problem(self, error: HTTPError) -> None:
        """Answer with the problem document of an error, its status and its headers."""
        self.body = error.document()
        self.kind = PROBLEM
        self.status_code = error.status
        if error.headers:
            self.headers.update(error.headers)

    def background(self, function: Callable[..., Any], *args: Any) -> None:
        """Run `function(*args)` after the response is sent: a sync one on a worker thread, an async one as a task.

        It does not run when the request fails; what it raises is logged; a shutdown waits for it.
        """
        if not callable(function):
            raise TypeError(f"resp.background takes a function and its arguments, not {_a(function)}.")
        self.tasks = (*self.tasks, (function, args))


def _a(value: object) -> str:
    return f"{value!r:.80}, of type {type(value).__name__}"
