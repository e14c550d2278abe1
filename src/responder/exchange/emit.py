"""The emitter: the one place where a response becomes ASGI messages.

Servers send what they are told, so the truth about length, status and body is made here: Content-Length is what is
sent, HEAD, 204 and 304 have no body, a condition that holds becomes a 304.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .response import BODILESS, DESCRIBING, STREAM

if TYPE_CHECKING:
    from ..types import Message, RawHeader
    from .request import Request
    from .response import Kind, Response

# PERF: formatting the length of a small body costs 0.12 us, looking it up 0.03 (benchmarks/in_process.py, row text).
_LENGTHS: tuple[RawHeader, ...] = tuple((b"content-length", b"%d" % size) for size in range(1024))
_KNOWN = len(_LENGTHS)

_READING = frozenset({"GET", "HEAD"})
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"upgrade", b"trailer"})
_ABOUT_BODY = _FRAMING | DESCRIBING
_MINDED = _FRAMING | {b"content-type"}


def render(req: Request, resp: Response) -> tuple[Message, Message | None]:
    """Give the two messages of a response, its start and its body; no body yet when that is a stream.

    Raises whatever encoding `resp.media` raises.
    """
    kind = resp.kind
    if kind is None or not resp.is_simple:
        return render_fully(req, resp)
    encode, content_type = kind
    body = encode(resp.body)
    size = len(body)
    length = _LENGTHS[size] if size < _KNOWN else (b"content-length", b"%d" % size)
    if resp.has_fields:
        fields = resp.fields
        if not _MINDED.isdisjoint(dict(fields)):
            return render_fully(req, resp)
        headers = [content_type, *fields, length]
    else:
        headers = [content_type, length]
    return (
        {"type": "http.response.start", "status": resp.status or 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


def render_fully(req: Request, resp: Response) -> tuple[Message, Message | None]:
    """Do the same for any response: one with headers, without a body, for HEAD, conditional, streamed."""
    method: str = req.scope["method"]
    status = resp.status or 200
    if resp.has_validators and status < 300 and method in _READING:
        status = resp.evaluate() or status
    content = resp.content
    body: bytes | None = content
    length = len(content) if resp.kind is not STREAM else declared_length(resp)
    if status in BODILESS or (status == 412 and resp.status != 412):
        headers, body = _without(resp.fields, _ABOUT_BODY), b""
        length = None if status in BODILESS else 0
    else:
        headers = _own_fields(resp)
        if method == "HEAD":
            body = b""
        elif resp.kind is STREAM:
            body = None
    if length is not None:
        headers.append((b"content-length", b"%d" % length))
    start = {"type": "http.response.start", "status": status, "headers": headers}
    return start, None if body is None else {"type": "http.response.body", "body": body}


def declared_length(resp: Response) -> int | None:
    """Give the Content-Length that a view declared for its stream, or None for what is no length."""
    declared = [value for name, value in resp.fields if name == b"content-length"]
    return int(declared[-1]) if declared and declared[-1].isdigit() and len(declared[-1]) < 19 else None


def _own_fields(resp: Response) -> list[RawHeader]:
    """Give the fields of a response with a body: the content type, unless one was set by hand, and what was set."""
    fields = _without(resp.fields, _FRAMING)
    if resp.kind is None or any(name == b"content-type" for name, _ in fields):
        return fields
    return [_content_type(resp.kind, resp.encoding), *fields]


def _without(fields: list[RawHeader], dropped: frozenset[bytes]) -> list[RawHeader]:
    return [field for field in fields if field[0] not in dropped]


def _content_type(kind: Kind, encoding: str) -> RawHeader:
    if encoding == "utf-8":
        return kind.content_type
    name, value = kind.content_type
    return name, value.replace(b"charset=utf-8", b"charset=" + encoding.encode("ascii"))


def encode_chunk(chunk: Any) -> bytes:
    """Give the bytes of one streamed piece: bytes as they are, text as UTF-8."""
    if isinstance(chunk, str):
        return chunk.encode()
    if not isinstance(chunk, bytes | bytearray | memoryview):
        raise TypeError(f"A stream yields bytes or str, not {type(chunk).__name__}.")
    return bytes(chunk)
