"""The emitter: the one place where a response becomes ASGI messages.

Servers send what they are told, so the truth about length, status and body is made here: Content-Length is what is
sent, HEAD, 204 and 304 have no body, a condition that holds becomes a 304, and a range a 206.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..http.conditional import if_range_matches
from ..http.ranges import format_content_range, format_unsatisfied_range, parse_range
from ..media.formats import JSON_ONLY
from ..media.guard import CODEC_ERRORS
from ..media.kind import Kind
from .file import PIECE, File, Parts
from .response import BODILESS, DESCRIBING, MEDIA, PROBLEM, STREAM, encode_body, explain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from typing import TypeAlias

    from ..types import Message, RawHeader
    from .request import Request
    from .response import Response

    Rendered: TypeAlias = tuple[Message, Message | None]

# PERF: formatting the length of a small body costs 0.12 us, looking it up 0.03 (benchmarks/in_process.py, row text).
_LENGTHS: tuple[RawHeader, ...] = tuple((b"content-length", b"%d" % size) for size in range(1024))
_KNOWN = len(_LENGTHS)

LARGE: Final = 4 * 1024 * 1024
"""Bytes from which on a body is sent in pieces."""

_READING = frozenset({"GET", "HEAD"})
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"upgrade", b"trailer"})
_ABOUT_BODY = _FRAMING | DESCRIBING
_MINDED = _FRAMING | {b"vary"}

_VARY: Final[RawHeader] = (b"vary", b"Accept")
_SMALL_FILE: Final = 64 * 1024
"""Bytes up to which a file is read and sent as one message, which is quicker than to hand the server its name."""


def render(req: Request, resp: Response) -> Rendered | None:  # noqa: C901 - PERF: flat, as the pipeline is
    """Give the two messages of a response, its start and its body; no body yet when that is sent piece by piece.

    None when there is more to wait for: a session to save, or a body that takes so long that a thread is to encode it.
    Raises `EncodeError` for what `resp.media` cannot carry.
    """
    if req.opened is not None:
        return None
    kind = resp.kind
    if kind is None or not resp.is_simple:
        return None if takes_long(resp) else render_fully(req, resp)
    body: bytes | None
    if kind is MEDIA:
        # PERF: looked at here, since a call for each of the three costs 0.2 us (benchmarks/in_process.py, row JSON).
        accept = req.fields.get(b"accept", b"*/*")
        formats = req.api.formats
        kind = formats.json if accept in JSON_ONLY else formats.choose(accept)
        if kind.inline_bytes is not None and takes_long(resp):
            return None
        try:
            body = kind.encode(resp.body)
        except CODEC_ERRORS as error:
            raise explain(kind, resp.body, error) from error
        headers = [kind.content_type, _VARY]
    elif kind is PROBLEM:
        kind = req.api.formats.problem
        body = encode_body(kind, resp.body)
        headers = [kind.content_type]
    else:
        body = None if kind is STREAM else kind.encode(resp.body)
        headers = [kind.content_type]
    if resp.has_fields:
        fields = resp.fields
        names = dict(fields)
        is_typed = b"content-type" in names
        if (is_typed and resp.kind is MEDIA) or not _MINDED.isdisjoint(names):
            return None if takes_long(resp) else render_fully(req, resp)
        headers = fields.copy() if is_typed else headers + fields
    if resp.policy_fields:
        headers += resp.policy_fields
    if body is None:
        return {"type": "http.response.start", "status": resp.status or 200, "headers": headers}, None
    size = len(body)
    headers.append(_LENGTHS[size] if size < _KNOWN else (b"content-length", b"%d" % size))
    return (
        {"type": "http.response.start", "status": resp.status or 200, "headers": headers},
        {"type": "http.response.body", "body": body} if size < LARGE else _in_pieces(resp, body),
    )


def render_fully(req: Request, resp: Response) -> Rendered:
    """Do the same for any response: one with headers, without a body, for HEAD, conditional, streamed, a file."""
    method: str = req.scope["method"]
    status = resp.status or 200
    if type(resp.body) is File:
        resp.adopt_validators(resp.body)
    if resp.has_validators and status < 300 and method in _READING:
        status = resp.evaluate() or status
    if resp.kind is MEDIA and status != 204 and "content-type" not in resp.headers:
        resp.vary("Accept")
    if status in BODILESS or (status == 412 and resp.status != 412):
        return _render_bodiless(resp, status)
    if type(resp.body) is File:
        return _render_file(req, resp, resp.body, status)
    headers = _own_fields(resp)
    if resp.kind is STREAM:
        resp.length = length = declared_length(resp)
        content = None
    else:
        content = resp.content
        length = len(content)
    if length is not None:
        headers.append((b"content-length", b"%d" % length))
    start = _start(resp, status, headers)
    if method != "HEAD" and content is not None and len(content) >= LARGE:
        return start, _in_pieces(resp, content)
    return start, _body(b"" if method == "HEAD" else content)


def takes_long(resp: Response) -> bool:
    """Say whether `resp.media` is too large for the event loop: by its size as JSON, which costs little."""
    kind = resp.settled_kind if resp.kind is MEDIA else None
    if kind is None or kind.inline_bytes is None:
        return False
    try:
        return len(resp.req.api.formats.json.encode(resp.body)) > kind.inline_bytes
    except CODEC_ERRORS:
        return False  # as the real encoder will say, with the place


def encode_media(resp: Response) -> None:
    """Make bytes of `resp.media`. Raises `EncodeError`."""
    kind = resp.settled_kind or MEDIA
    if "content-type" not in resp.headers:
        resp.vary("Accept")
    resp.body = encode_body(kind, resp.body)
    resp.kind = Kind(bytes, kind.content_type)


def encode_early(resp: Response) -> None:
    """Find out whether the body can be encoded, before anything is done that a failure would have to take back.

    Raises what encoding raises.
    """
    if resp.kind is MEDIA and resp.status not in BODILESS:
        encode_media(resp)
    elif resp.kind is not STREAM and type(resp.body) is not File:
        _ = resp.content


def _in_pieces(resp: Response, content: bytes) -> Message | None:
    """Send a large body as a stream, so that one can see whether the client takes anything of it."""
    resp.length = len(content)
    resp.body = _slice(content)
    return None


async def _slice(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), PIECE):
        yield content[start : start + PIECE]


def _start(resp: Response, status: int, headers: list[RawHeader]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": [*headers, *resp.policy_fields]}


def _body(content: bytes | None) -> Message | None:
    return None if content is None else {"type": "http.response.body", "body": content}


def _render_bodiless(resp: Response, status: int, *more: RawHeader) -> Rendered:
    length = [] if status in BODILESS else [(b"content-length", b"0")]
    return _start(resp, status, [*_without(resp.fields, _ABOUT_BODY), *more, *length]), _body(b"")


# Files


def _render_file(req: Request, resp: Response, file: File, status: int) -> Rendered:
    """Send a file: as a whole, by name where the server takes names, or those ranges that were asked for."""
    ranges = _ranges(req, resp, file) if status == 200 and req.scope["method"] == "GET" else None
    if ranges == []:
        return _render_bodiless(resp, 416, (b"content-range", format_unsatisfied_range(file.size).encode("ascii")))
    headers = [*_own_fields(resp), (b"accept-ranges", b"bytes")]
    parts = Parts(file, ranges or [(0, file.size)], dict(headers)[b"content-type"])
    if ranges is not None:
        status = 206
        headers = [field for field in headers if field[0] != b"content-type"]
        headers.append((b"content-type", parts.content_type))
        if len(ranges) == 1:
            headers.append((b"content-range", format_content_range(*ranges[0], file.size).encode("ascii")))
    resp.length = parts.length
    start = _start(resp, status, [*headers, (b"content-length", b"%d" % parts.length)])
    if req.scope["method"] == "HEAD":
        return start, _body(b"")
    if ranges is None and (message := _whole_file(req, resp, file)):
        return start, message
    resp.body = parts.iterate(req.call_for_file)
    return start, None


def _ranges(req: Request, resp: Response, file: File) -> list[tuple[int, int]] | None:
    """Give the ranges that are asked for and may be given (RFC 9110 section 14.2), or None for the whole."""
    asked = req.fields.get(b"range")
    if asked is None:
        return None
    condition = req.headers.get("if-range")
    if condition is not None and not if_range_matches(condition, etag=resp.etag, last_modified=resp.last_modified):
        return None
    return parse_range(asked.decode("latin-1"), file.size, req.limits.ranges)


def _whole_file(req: Request, resp: Response, file: File) -> Message | None:
    """Give the one message for a whole file, if one will do."""
    if file.size <= _SMALL_FILE:
        content = file.read_cached(0, file.size) if file.size else b""
        return _body(content if content is None or len(content) == file.size else None)
    # The server opens the file some time after this, so that background work must not be able to remove it.
    if "http.response.pathsend" in req.scope.get("extensions", ()) and not resp.tasks and file.is_in_place():
        return {"type": "http.response.pathsend", "path": file.path}
    return None


# Parts of a response


def declared_length(resp: Response) -> int | None:
    """Give the Content-Length that a view declared for its stream, or None for what is no length."""
    declared = [value for name, value in resp.fields if name == b"content-length"]
    return int(declared[-1]) if declared and declared[-1].isdigit() and len(declared[-1]) < 19 else None


def _own_fields(resp: Response) -> list[RawHeader]:
    """Give the fields of a response with a body: the content type, unless one was set by hand, and what was set."""
    fields = _without(resp.fields, _FRAMING)
    kind = resp.settled_kind
    if kind is None or any(name == b"content-type" for name, _ in fields):
        return fields
    return [_content_type(kind, resp.encoding), *fields]


def _without(fields: list[RawHeader], dropped: frozenset[bytes]) -> list[RawHeader]:
    return [field for field in fields if field[0] not in dropped]


def _content_type(kind: Kind, encoding: str) -> RawHeader:
    if encoding == "utf-8":
        return kind.content_type
    name, value = kind.content_type
    return name, value.replace(b"charset=utf-8", b"charset=" + encoding.encode("ascii"))


def to_bytes(chunk: Any) -> bytes:
    """Give a chunk of a stream as bytes: text as UTF-8. Raises `TypeError` for what is neither text nor bytes."""
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)
    raise TypeError(f"A stream yields bytes or str, not {type(chunk).__name__}.")


def split_chunk(chunk: Any) -> Sequence[bytes]:
    """Give the pieces in which a chunk of a stream is sent, none of them large. Raises what `to_bytes` raises."""
    content = to_bytes(chunk)
    size = len(content)
    if size <= PIECE:
        return (content,) if content else ()
    return [content[start : start + PIECE] for start in range(0, size, PIECE)]
