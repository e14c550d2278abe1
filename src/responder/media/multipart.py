"""Multipart forms (RFC 7578): from bytes to parts, without reading anything by itself.

The boundary is scanned by the library; what stands here is what a service needs around that: limits with sentences
of their own, and the same answer however the bytes are cut. So the preamble is skipped before the library, which would
take a boundary in mid-line for one where a chunk begins with it, and the epilogue after it. Rejected: the library's own
`MultipartParser` (it reads from a file and writes to temporary ones), lenient parsing (header lines that continue take
quadratic time), and `filename*`, which RFC 7578 section 4.2 forbids.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    ParserError,
    ParserLimitReached,
    PushMultipartParser,
)

from ..errors import DecodeError
from ..http.negotiation import parse_media_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..config import Limits

HEADER_BYTES: Final = 4096
"""The length of one header line of a part, at most."""

MARGIN_BYTES: Final = 4096
"""What may stand before the first boundary, and arrive after the last (RFC 2046 section 5.1.1); nobody reads it."""

_SLACK: Final = 128  # The library counts spaces around a value, and the line's end where that is cut.
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PLAIN_ENCODINGS: Final = frozenset({"", "7bit", "8bit", "binary"})
_SINGLE: Final = ("content-disposition", "content-type", "content-transfer-encoding")


@dataclass(frozen=True, slots=True)
class PartHead:
    """What is said about a part before its content.

    - `name`: the field's name.
    - `filename`: the name of the file as it was sent, without directories; `None` for what is no file.
    - `content_type`: the media type without parameters, in lower case.
    - `charset`: the one that the part names itself.
    - `headers`: every header field, names in lower case.
    """

    name: str
    filename: str | None
    content_type: str
    charset: str | None
    headers: Mapping[str, str]


class _Parser(PushMultipartParser):  # type: ignore[misc] # the library has no types
    """The library's parser, which takes a bare line feed in a header for a break, or for a space, by how it is cut."""

    def _on_segment_headerline(self, line: bytes) -> None:
        if b"\n" in line:
            raise ParserError("Invalid line break in segment header")
        super()._on_segment_headerline(line)


class MultipartParser:
    """Takes the bytes of one body as they come. After an error it raises that error again.

    Raises `DecodeError` for a boundary that is missing, longer than 70 characters, or has others than RFC 2046 allows.
    """

    def __init__(self, boundary: str | None, limits: Limits) -> None:
        self._limits = limits
        boundary = _check_boundary(boundary)
        self._opening = f"--{boundary}".encode("ascii")
        self._preamble: bytearray | None = bytearray()
        self._epilogue: int | None = None
        self._parts = 0
        self._is_inside = False
        self._failure: str | None = None
        self._parser = _Parser(
            boundary,
            max_header_size=HEADER_BYTES + _SLACK,
            max_header_count=limits.part_headers,
            strict=True,
        )

    def feed(self, chunk: bytes) -> Iterator[PartHead | bytes | None]:
        """Give what the chunk completes: the head of a part, pieces of its content, `None` at its end.

        It is to be exhausted before the next chunk. Raises `DecodeError` for what is malformed or beyond the limits.
        """
        if self._failure is not None:
            self._raise_again()
        try:
            if self._epilogue is not None:
                self._skip_epilogue(chunk)
                return
            if self._preamble is not None:
                chunk = self._skip_preamble(self._preamble, chunk)
            for event in self._parser.parse(chunk) if chunk else ():
                self._is_inside = event is not None
                yield self._open_part(event) if isinstance(event, MultipartSegment) else event
            if not self._is_inside and self._has_ended():
                self._epilogue = 0
        except DecodeError as error:
            self._remember(error)
            raise
        except MultipartError as error:
            error.__traceback__ = None  # as below
            raise self._remember(self._describe(error)) from error

    def close(self) -> None:
        """Say that the body has ended. Raises `DecodeError` when its last boundary is missing."""
        self._raise_again()
        if self._epilogue is None:
            self._failure = "The multipart body ended before its closing boundary."
            self._raise_again()

    def _remember(self, failure: DecodeError) -> DecodeError:
        self._failure = failure.detail
        return failure

    def _raise_again(self) -> None:
        """Raise the failure anew: an error that is kept leads by its traceback back to this parser."""
        if self._failure is not None:
            raise DecodeError(self._failure)

    def _skip_preamble(self, preamble: bytearray, chunk: bytes) -> bytes:
        """Give the bytes from the first boundary on; none while it has not come."""
        preamble += chunk
        line_end = -2 if preamble.startswith(self._opening) else preamble.find(b"\r\n" + self._opening)
        is_found = line_end != -1
        start = line_end + 2 if is_found else len(preamble) - len(self._opening)
        if start > MARGIN_BYTES:
            raise DecodeError(f"No boundary is within the first {MARGIN_BYTES} bytes of the multipart body.")
        if not is_found:
            return b""
        self._preamble = None
        return bytes(preamble[start:])

    def _skip_epilogue(self, chunk: bytes) -> None:
        self._epilogue = (self._epilogue or 0) + len(chunk)
        if self._epilogue > MARGIN_BYTES:
            raise DecodeError(f"More than {MARGIN_BYTES} bytes follow the closing boundary of the multipart body.")

    def _has_ended(self) -> bool:
        """Say whether the last boundary has come. The parser tells that only when it is closed, so a copy is closed."""
        twin = copy(self._parser)
        try:
            twin.close()
        except MultipartError as error:
            error.__traceback__ = None  # by which the library's frame, and so the request, would hold itself
            return False
        return True

    def _open_part(self, segment: MultipartSegment) -> PartHead:
        self._parts += 1
        if self._parts > self._limits.parts:
            raise DecodeError(
                f"The multipart body has more than the {self._limits.parts} parts that this service takes."
            )
        headers = _read_headers(segment.headerlist)
        filename = None if segment.filename is None else _without_directories(segment.filename)
        content_type, parameters = parse_media_type(headers.get("content-type", ""))
        return PartHead(
            name=segment.name or "",
            filename=filename,
            content_type=content_type or ("text/plain" if filename is None else "application/octet-stream"),
            charset=parameters.get("charset"),
            headers=headers,
        )

    def _describe(self, error: MultipartError) -> DecodeError:
        if isinstance(error, ParserLimitReached):
            count = self._limits.part_headers
            return DecodeError(f"A part has more than {count} header lines, or one of more than {HEADER_BYTES} bytes.")
        if len(error.args) > 1:  # The library adds the error of the codec.
            return DecodeError("A header line of a part is not valid UTF-8.")
        return DecodeError(f"The multipart body is malformed: {error}.")


def _check_boundary(boundary: str | None) -> str:
    if not boundary:
        raise DecodeError("The Content-Type names no boundary; send `multipart/form-data; boundary=...`.")
    if not _BOUNDARY.fullmatch(boundary):
        raise DecodeError("A boundary has 1 to 70 characters: letters, digits, and those of RFC 2046 section 5.1.1.")
    return boundary


def _read_headers(fields: list[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for written, value in fields:
        name = written.lower()
        if len(name) + len(value.encode()) + 2 > HEADER_BYTES:
            raise DecodeError(f"A header line of a part is longer than {HEADER_BYTES} bytes.")
        if _CONTROL.search(value):
            raise DecodeError(f"The header {written} of a part has a control character.")
        if name in headers and name in _SINGLE:
            raise DecodeError(f"The header {written} of a part comes twice.")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    encoding = headers.get("content-transfer-encoding", "").strip().lower()
    if encoding not in _PLAIN_ENCODINGS:
        raise DecodeError(
            "A part has a Content-Transfer-Encoding, which RFC 7578 has ended. Send its bytes as they are."
        )
    return headers


def _without_directories(filename: str) -> str:
    name = re.split(r"[/\\]", filename)[-1]
    return "" if name in {".", ".."} else name
