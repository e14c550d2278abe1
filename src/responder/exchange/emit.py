"""The emitter: the one place where a response becomes ASGI messages.

Servers send what they are told, so the truth about length, status and body is made here: Content-Length is what is
sent, HEAD, 204 and 304 have no body, a condition that holds becomes a 304.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .response import BODILESS, STREAM, TEXT

if TYPE_CHECKING:
    from ..types import Message, RawHeader
    from .request import Request
    from .response import Response

# PERF: formatting the length of a small body costs 0.12 us, looking it up 0.03 (benchmarks/in_process.py, row text).
_LENGTHS: tuple[RawHeader, ...] = tuple((b"content-length", b"%d" % size) for size in range(1024))
_KNOWN = len(_LENGTHS)

_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"upgrade", b"trailer"})
# RFC 9110 section 15.4.5: what a 304 repeats; the rest describes a body that is not there.
_REPEATED = frozenset({b"cache-control", b"content-location", b"date", b"etag", b"expires", b"vary", b"last-modified"})


def render(req: Request, resp: Response) -> tuple[Message, Message | None]:
    """Give the two messages of a response, its start and its body; no body yet when that is a stream.

    Raises whatever encoding `resp.media` raises.
    """
    kind = resp.kind
    if kind is None or not resp.is_plain or req.scope["method"] == "HEAD":
        return _render_fully(req, resp)
    body = kind.encode(resp.body)
    size = len(body)
    length = _LENGTHS[size] if size < _KNOWN else (b"content-length", b"%d" % size)
    return (
        {"type": "http.response.start", "status": resp.status or 200, "headers": [kind.content_type, length]},
        {"type": "http.response.body", "body": body},
    )


def declared_length(resp: Response) -> int | None:
    """Give the Content-Length that a view declared for its stream."""
    declared = [value for name, value in resp.fields if name == b"content-length"]
    return int(declared[-1]) if declared and declared[-1].isdigit() else None


def _render_fully(req: Request, resp: Response) -> tuple[Message, Message | None]:
    status, body = _status(req, resp), resp.content
    is_stream = resp.kind is STREAM
    if status in BODILESS:
        headers, body, is_stream = _bodiless_fields(resp, status), b"", False
    elif status == 412 and resp.status != 412:
        headers, body, is_stream = [_LENGTHS[0]], b"", False
    else:
        headers = _own_fields(resp, keep_length=is_stream)
        if not is_stream:
            headers.append((b"content-length", b"%d" % len(body)))
        if req.scope["method"] == "HEAD":
            body, is_stream = b"", False
    start = {"type": "http.response.start", "status": status, "headers": headers}
    return start, None if is_stream else {"type": "http.response.body", "body": body}


def _status(req: Request, resp: Response) -> int:
    """Give the status, or 304 or 412 when the request's conditions are about what a GET or HEAD would send."""
    status = resp.status or 200
    if 200 <= status < 300 and resp.has_validators and req.scope["method"] in {"GET", "HEAD"}:
        return resp.evaluate() or status
    return status


def _own_fields(resp: Response, *, keep_length: bool) -> list[RawHeader]:
    """Give the fields of a response with a body: the content type, unless one was set by hand, and what was set."""
    own: list[RawHeader] = [] if resp.kind is None else [_content_type(resp)]
    for field in resp.fields:
        name = field[0]
        if name == b"content-type":
            own = [kept for kept in own if kept[0] != name]
        if name not in _FRAMING or (keep_length and name == b"content-length"):
            own.append(field)
    return own


def _content_type(resp: Response) -> RawHeader:
    name, value = (resp.kind or TEXT).content_type
    if resp.encoding != "utf-8":
        value = value.replace(b"charset=utf-8", b"charset=" + resp.encoding.encode("ascii"))
    return name, value


def _bodiless_fields(resp: Response, status: int) -> list[RawHeader]:
    """Give the fields of a 204 or 304: nothing that speaks of a body."""
    if status == 204:
        return [field for field in resp.fields if field[0] not in _FRAMING and field[0] != b"content-type"]
    return [field for field in resp.fields if field[0] in _REPEATED or field[0] == b"set-cookie"]


def encode_chunk(chunk: Any) -> bytes:
    """Give the bytes of one streamed piece: bytes as they are, text as UTF-8."""
    if isinstance(chunk, str):
        return chunk.encode()
    if not isinstance(chunk, bytes | bytearray | memoryview):
        raise TypeError(f"A stream yields bytes or str, not {type(chunk).__name__}.")
    return bytes(chunk)
