"""Bodies that a client has compressed: unpacked as they arrive where the service wants that, else refused.

A small body may unpack to a huge one, so that each step is bounded: a slice of the input gives pieces of limited size,
and the first piece beyond `Limits.body` ends it. Rejected: more than one coding in turn, which nobody sends and which
multiplies what a byte can become.
"""

from __future__ import annotations

from asyncio import sleep
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..errors import ContentTooLarge, DecodeError, UnsupportedMediaType
from ..http.codings import load_codec, parse_content_encoding
from .body import Body
from .pieces import keep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from typing import TypeAlias

    from ..types import Receive
    from .pieces import Pieces
    from .request import Request

    Decoder: TypeAlias = "_Inflater | _Zstd | _Brotli"

SLICE: Final = 64 * 1024
"""Bytes that go into a decoder, and about as many as come out of it, at once."""

MEMBERS: Final = 1000
"""How many gzip members or zstd frames may follow each other: an empty one of 9 bytes costs 4 us."""

_OTHERS_TURN: Final = 16
"""After how many slices and pieces others come to run, about a millisecond."""

_WINDOW_LOG: Final = 23
"""A zstd window of 8 MiB, which is what RFC 9659 allows senders at most; the format itself goes to gigabytes."""

_GZIP_BITS: Final = 31
_ZLIB_BITS: Final = 15


def make_body(req: Request) -> Body:
    """Give the body of a request that has a `Content-Encoding`. To read it raises a 415 unless it can be decoded."""
    declared, receive, limit = req.fields.get(b"content-length"), req.receive, req.limits.body
    codings = parse_content_encoding(req.headers["content-encoding"])
    if not codings:
        return Body(declared, receive, limit)
    readable = _readable(req)
    if len(codings) == 1 and codings[0] in readable:
        return _CompressedBody(declared, receive, limit, codings[0])
    return _RefusedBody(declared, receive, limit, partial(_refusal, readable))


def _readable(req: Request) -> Sequence[str]:
    compression = req.api.safety.compression
    if compression is None or not compression.requests:
        return ()
    codings = [coding for coding in compression.codings if _can_decode(coding)]
    return [*codings, "deflate"] if "gzip" in codings else codings


def _can_decode(coding: str) -> bool:
    codec = load_codec(coding)
    return codec is not None and (coding != "br" or hasattr(codec.Decompressor, "can_accept_more_data"))


def _refusal(readable: Sequence[str]) -> UnsupportedMediaType:
    listed = ", ".join(readable) or "identity"
    error = UnsupportedMediaType(f"A body with that Content-Encoding is not read here. Send one of: {listed}.")
    error.headers["Accept-Encoding"] = listed  # RFC 9110 section 12.5.3
    return error


class _RefusedBody(Body):
    """A body that nobody here can read, which matters to who reads it."""

    def __init__(
        self, declared: bytes | None, receive: Receive, limit: int, refuse: Callable[[], UnsupportedMediaType]
    ) -> None:
        super().__init__(declared, receive, limit)
        self._failure = refuse


class _CompressedBody(Body):
    """Reads as `Body` does, and gives what it unpacks; `limit` holds for the bytes on both sides."""

    def __init__(self, declared: bytes | None, receive: Receive, limit: int, coding: str) -> None:
        super().__init__(declared, receive, limit)
        self._coding = coding
        self._decoder: Decoder = _DECODERS[coding](load_codec(coding))
        self._unpacked = 0

    async def read(self) -> bytes:
        if self._content is None:
            pieces: Pieces = []
            async for piece in self.stream():
                keep(pieces, piece)
            self._content = b"".join(pieces)
        return self._content

    async def stream(self) -> AsyncIterator[bytes]:
        if self._content is not None:
            yield self._content
            return
        steps = 0
        async for chunk in super().stream():
            for start in range(0, len(chunk), SLICE):
                for piece in self._unpack(chunk[start : start + SLICE]):
                    if piece:
                        yield piece
                    steps += 1
                    if not steps % _OTHERS_TURN:
                        await sleep(0)
        if not self._decoder.is_finished:
            raise self._fail(DecodeError, f"The {self._coding} body ended early.")

    def _unpack(self, data: bytes) -> Iterator[bytes]:
        decoder = self._decoder
        try:
            for piece in decoder.feed(data):
                self._unpacked += len(piece)
                if self._unpacked > self.limit:
                    raise self._fail(ContentTooLarge, self.limit, "The unpacked body")
                yield piece
        except decoder.errors as error:
            raise self._fail(DecodeError, f"The {self._coding} body is malformed.") from error


class _Excess(ValueError):
    """More than one compressed body, or more members than are read."""


class _Members:
    """What follows each other in one body: a single member, or up to `MEMBERS` of them."""

    def __init__(self, make: Callable[[], Any], most: int, error: type[Exception]) -> None:
        self.errors = (error, _Excess)
        self._make = make
        self._left = most - 1
        self._member: Any = make()

    @property
    def is_finished(self) -> bool:
        """Whether the last member has come to its end."""
        finished: bool = self._member.eof
        return finished

    def _begin_another(self) -> None:
        if self._left == 0:
            raise _Excess
        self._left -= 1
        self._member = self._make()


class _Inflater(_Members):
    """Members of gzip (RFC 1952), or one stream of zlib (RFC 1950), which is what `deflate` means."""

    def __init__(self, codec: Any, bits: int, most: int) -> None:
        super().__init__(lambda: codec.decompressobj(bits), most, codec.error)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give what a slice of input unpacks to, in pieces."""
        piece = b""
        # A full piece may have been cut off inside a match, which goes on without more input.
        while data or len(piece) == SLICE:
            if self._member.eof:
                if not data:
                    return
                self._begin_another()
            piece = self._member.decompress(data, SLICE)
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            yield piece


class _Zstd(_Members):
    """Frames of Zstandard (RFC 8878), skippable ones among them."""

    def __init__(self, codec: Any) -> None:
        options = {codec.DecompressionParameter.window_log_max: _WINDOW_LOG}
        super().__init__(lambda: codec.ZstdDecompressor(options=options), MEMBERS, codec.ZstdError)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give what a slice of input unpacks to, in pieces."""
        while data:
            if self._member.eof:
                self._begin_another()
            yield self._member.decompress(data, SLICE)
            while not self._member.eof and not self._member.needs_input:
                yield self._member.decompress(b"", SLICE)
            data = self._member.unused_data if self._member.eof else b""


class _Brotli:
    """A brotli stream (RFC 7932), whose window is 16 MiB at most."""

    def __init__(self, codec: Any) -> None:
        self.errors = (codec.error, _Excess)
        self._decoder = codec.Decompressor()

    @property
    def is_finished(self) -> bool:
        """Whether the stream has come to its end."""
        finished: bool = self._decoder.is_finished()
        return finished

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give what a slice of input unpacks to, in pieces."""
        if self.is_finished:
            raise _Excess
        piece = self._decoder.process(data, output_buffer_limit=SLICE)
        yield piece
        # A full piece is not all of it, although the decoder takes more input by then.
        while not self.is_finished and (len(piece) >= SLICE or not self._decoder.can_accept_more_data()):
            piece = self._decoder.process(b"", output_buffer_limit=SLICE)
            yield piece


_DECODERS: Final[dict[str, Callable[[Any], Decoder]]] = {
    "zstd": _Zstd,
    "br": _Brotli,
    "gzip": lambda codec: _Inflater(codec, _GZIP_BITS, MEMBERS),
    "deflate": lambda codec: _Inflater(codec, _ZLIB_BITS, 1),
}
