"""Compression of answers, by what `Accept-Encoding` takes (RFC 9110 section 12.5.3).

It is the last to see a response. A body in memory is compressed whole, so that its length is known; a stream chunk by
chunk, each flushed, so that the client sees it when it is there; a large file piece by piece. Rejected: a cache of
what was compressed (build step and CDN do that better), and `deflate`, which clients read in two ways.
"""

from __future__ import annotations

from contextlib import aclosing
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from ..exchange.emit import declared_length, split_chunk
from ..exchange.file import File, Parts
from ..exchange.response import BODILESS, MEDIA, STREAM, encode_body
from ..handling.streaming import open_chunks
from ..http.codings import choose_coding, load_codec, shrinks
from ..http.negotiation import parse_media_type
from ..media.kind import Kind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from typing import TypeAlias

    from ..config import Compression
    from ..exchange.request import Request
    from ..exchange.response import Response

    Encode: TypeAlias = "Callable[[bytes, Mode], bytes]"

INLINE: Final = 64 * 1024
"""Bytes that are compressed on the event loop, which takes up to a millisecond; more goes to a worker thread."""

# Levels at which a processor keeps up with a network; a window of 1 MiB, which bounds the memory of a stream.
_ZSTD_LEVEL: Final = 3
_BROTLI_QUALITY: Final = 4
_GZIP_LEVEL: Final = 6
_WINDOW_LOG: Final = 20
_GZIP_BITS: Final = 31

_SETTLED: Final = frozenset(
    {b"content-encoding", b"content-range", b"content-digest", b"repr-digest", b"digest", b"content-md5"}
)
"""Fields of a response that say what its bytes are (RFC 9110 section 8, RFC 9530)."""

_READING: Final = frozenset({"GET", "HEAD"})


class Mode(Enum):
    """What becomes of the bytes that an encoder still has."""

    KEEP = 0
    FLUSH = 1
    FINISH = 2


def make_compressor(compression: Compression) -> Callable[[Request, Response], Awaitable[None]]:
    """Give the finisher that compresses what gets smaller, and adds `Vary` to all that might have been compressed."""
    codings = [coding for coding in compression.codings if load_codec(coding) is not None]

    async def compress(req: Request, resp: Response) -> None:
        if not _may_shrink(resp):
            return
        if not await _is_large(req, resp, compression.minimum):
            return
        resp.vary("Accept-Encoding")
        coding = None if _wants_as_it_is(req) else choose_coding(req.headers.get("accept-encoding"), codings)
        if coding is None:
            return
        if _is_answered_by_condition(req, resp) or await _compress(req, resp, coding):
            _weaken(resp)

    return compress


def _may_shrink(resp: Response) -> bool:
    kind = resp.settled_kind
    if kind is None or resp.status == 206 or resp.status in BODILESS:
        return False
    content_type = kind.content_type[1]
    for name, value in resp.fields if resp.has_fields else ():
        if name in _SETTLED or (name == b"cache-control" and b"no-transform" in value.lower()):
            return False
        if name == b"content-type":
            content_type = value
    return shrinks(parse_media_type(content_type.decode("latin-1"))[0])


async def _is_large(req: Request, resp: Response, minimum: int) -> bool:
    """Say whether the body is large enough, as a stream may be; one in memory is bytes from here on."""
    if resp.kind is STREAM:
        return True
    if type(resp.body) is File:
        return resp.body.size >= minimum
    kind: Kind = resp.settled_kind or MEDIA
    if kind.inline_bytes is not None:
        content = await req.api.boards.current().call(encode_body, kind, resp.body)
    else:
        content = resp.content
    if len(content) < minimum:
        return False  # PERF: as it was, since to encode it again costs less than fields for the emitter to mind
    if resp.kind is MEDIA and "content-type" not in resp.headers:
        resp.vary("Accept")
    resp.body, resp.kind = content, Kind(bytes, kind.content_type)
    return True


def _wants_as_it_is(req: Request) -> bool:
    """Say whether the client needs these very bytes: a range of them, or those that a strong entity-tag names."""
    fields = req.fields
    if b"range" in fields or b"if-match" in fields:
        return True
    return b"cache-control" in fields and "no-transform" in req.headers["cache-control"].lower()


def _is_answered_by_condition(req: Request, resp: Response) -> bool:
    """Say whether a 304 or 412 is on its way, for which nothing needs to be compressed."""
    if type(resp.body) is File:
        resp.adopt_validators(resp.body)
    is_read = req.method in _READING and resp.status_code < 300
    return is_read and resp.has_validators and resp.evaluate() is not None


def _weaken(resp: Response) -> None:
    """Make a strong entity-tag weak: it names the bytes of the other representation (RFC 9110 section 8.8.1)."""
    tag = resp.headers.get("etag")
    if tag is None or tag.startswith("W/"):
        return
    if resp.etag is None:
        resp.headers["etag"] = f"W/{tag}"
    else:
        resp.etag = f"W/{tag}"


async def _compress(req: Request, resp: Response, coding: str) -> bool:
    """Compress the body, and say whether that was worth it."""
    encode = _ENCODERS[coding](load_codec(coding))
    if resp.kind is STREAM:
        length = declared_length(resp)
        resp.body = _compress_chunks(req, resp.body, encode, Mode.FLUSH, length)
    elif type(resp.body) is File and resp.body.size > INLINE:
        _stream_file(req, resp, resp.body, encode)
    else:
        content = await _read(req, resp)
        compressed = await _encode(req, encode, content, Mode.FINISH)
        if len(compressed) >= len(content):
            return False
        resp.body, resp.kind = compressed, Kind(bytes, (resp.settled_kind or MEDIA).content_type)
    if "content-length" in resp.headers:
        del resp.headers["content-length"]
    resp.headers["content-encoding"] = coding
    return True


async def _read(req: Request, resp: Response) -> bytes:
    if type(resp.body) is not File:
        return resp.content
    content: bytes | None = resp.body.read_cached(0, resp.body.size)
    return await req.call_for_file(resp.body.read_all) if content is None else content


def _stream_file(req: Request, resp: Response, file: File, encode: Encode) -> None:
    pieces = Parts(file, [(0, file.size)], b"").iterate(req.call_for_file)
    resp.headers.setdefault("content-type", (resp.settled_kind or STREAM).content_type[1].decode("ascii"))
    resp.kind = STREAM
    resp.body = _compress_chunks(req, pieces, encode, Mode.KEEP, file.size)


async def _compress_chunks(
    req: Request, source: Any, encode: Encode, mode: Mode, declared: int | None
) -> AsyncGenerator[bytes]:
    """Give the chunks of a stream compressed; `source` is closed whatever happens.

    A stream that gives other than the `declared` number of bytes raises, and so has no end that a client accepts.
    """
    async with aclosing(open_chunks(source, req.api.boards.current(), declared)) as chunks:
        async for chunk in chunks:
            for piece in split_chunk(chunk):
                yield await _encode(req, encode, piece, mode)
    yield encode(b"", Mode.FINISH)


async def _encode(req: Request, encode: Encode, data: bytes, mode: Mode) -> bytes:
    if len(data) <= INLINE:
        return encode(data, mode)
    compressed: bytes = await req.api.boards.current().call(encode, data, mode)
    return compressed


def _zstd(codec: Any) -> Encode:
    parameter = codec.CompressionParameter
    options = {parameter.compression_level: _ZSTD_LEVEL, parameter.window_log: _WINDOW_LOG}
    encoder = codec.ZstdCompressor(options=options)
    modes = {Mode.KEEP: encoder.CONTINUE, Mode.FLUSH: encoder.FLUSH_BLOCK, Mode.FINISH: encoder.FLUSH_FRAME}
    return lambda data, mode: bytes(encoder.compress(data, modes[mode]))


def _brotli(codec: Any) -> Encode:
    encoder = codec.Compressor(quality=_BROTLI_QUALITY, lgwin=_WINDOW_LOG)
    ends = {Mode.KEEP: lambda: b"", Mode.FLUSH: encoder.flush, Mode.FINISH: encoder.finish}
    return lambda data, mode: bytes(encoder.process(data) + ends[mode]())


def _gzip(codec: Any) -> Encode:
    encoder = codec.compressobj(_GZIP_LEVEL, codec.DEFLATED, _GZIP_BITS)
    modes = {Mode.KEEP: codec.Z_NO_FLUSH, Mode.FLUSH: codec.Z_SYNC_FLUSH, Mode.FINISH: codec.Z_FINISH}
    return lambda data, mode: bytes(encoder.compress(data) + encoder.flush(modes[mode]))


_ENCODERS: Final[dict[str, Callable[[Any], Encode]]] = {"zstd": _zstd, "br": _brotli, "gzip": _gzip}
