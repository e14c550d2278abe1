"""A file as the body of a response: opened once, and read without stopping the event loop.

Everything about it (size, entity-tag, date) is that of the one descriptor that is read, so that a file which is
replaced meanwhile does not mix with the old one.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, Final

from ..errors import HTTPError
from ..http.conditional import format_etag
from ..http.ranges import format_content_range

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

PIECE: Final = 256 * 1024
"""Bytes of a file that are in memory at once for one response."""

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY  # a FIFO must not be waited for
_WITHOUT_WAITING: Final = getattr(os, "RWF_NOWAIT", 0)


class File:
    """A regular file that is open for reading: `size` in bytes, `etag` and `last_modified` as validators."""

    def __init__(self, path: str, descriptor: int, status: os.stat_result) -> None:
        self.path = path
        self.size = status.st_size
        self.etag = format_etag(f"{status.st_mtime_ns:x}-{status.st_size:x}")
        self._modified = status.st_mtime
        self._descriptor = descriptor

    @property
    def last_modified(self) -> datetime:
        """When the file changed last."""
        return datetime.fromtimestamp(self._modified, UTC)

    def read(self, start: int, end: int) -> bytes:
        """Give the bytes from `start` up to `end`; it may wait for the disk. Fewer when the file has shrunk."""
        pieces = []
        while start < end and (piece := os.pread(self._descriptor, end - start, start)):
            pieces.append(piece)
            start += len(piece)
        return b"".join(pieces)

    def read_cached(self, start: int, end: int) -> bytes | None:
        """Give the same at once, or None when it is not in the system's cache, or the system cannot tell.

        PERF: a hop to a thread and back takes as long as reading 1 MiB from the cache (benchmarks/in_process.py, row
        file 1 MB). The first and the last byte stand for what is between them.
        """
        try:
            for position in (start, end - 1) if _WITHOUT_WAITING else ():
                os.preadv(self._descriptor, [bytearray(1)], position, _WITHOUT_WAITING)
        except OSError:  # not cached, or a file system that does not know the flag
            return None
        return self.read(start, end) if _WITHOUT_WAITING else None

    def read_all(self) -> bytes:
        """Give the whole content."""
        return self.read(0, self.size)

    @property
    def real_path(self) -> str:
        """The path without links, as the system has it of the descriptor, where it tells (Linux)."""
        try:
            return os.readlink(f"/proc/self/fd/{self._descriptor}")
        except OSError:
            return os.path.realpath(self.path)

    def is_in_place(self) -> bool:
        """Say whether the path still leads to this file, so that somebody else may open it by its name."""
        try:
            status = os.stat(self.path)
        except OSError:
            return False
        return os.path.samestat(status, os.fstat(self._descriptor))

    def close(self) -> None:
        """Close the file; once more does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)

    __del__ = close  # for a view on a thread that opens it after its request was given up


def open_file(path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> File:
    """Open a regular file. With a `root`, `path` is relative to it, and neither `..` nor a link leads out of it.

    Raises `HTTPError` (404) for what is missing, no regular file, not readable, or outside the root; the answer tells
    none of these from the others.
    """
    if root is not None:
        return open_below(os.fspath(path), os.path.realpath(root))
    return _open(os.path.abspath(path))


def open_below(path: str, root: str) -> File:
    """Open a regular file below a folder that is given by its real path. Raises as `open_file` does."""
    if ".." in path.split("/"):
        raise HTTPError(404)
    file = _open(os.path.join(root, path))
    if os.path.commonpath([root, file.real_path]) != root:
        file.close()
        raise HTTPError(404)
    return file


def _open(path: str) -> File:
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:  # ValueError: NUL, or half of a surrogate pair
        raise HTTPError(404) from error
    status = os.fstat(descriptor)
    if not S_ISREG(status.st_mode):
        os.close(descriptor)
        raise HTTPError(404)
    return File(path, descriptor, status)


class Parts:
    """The ranges of a file as a `multipart/byteranges` body (RFC 9110 section 14.6), or one of them as it is."""

    def __init__(self, file: File, ranges: Sequence[tuple[int, int]], content_type: bytes) -> None:
        self.file = file
        self.ranges = ranges
        self.heads = [b""] * len(ranges)
        self.tail = b""
        self.content_type = content_type
        if len(ranges) > 1:
            self._separate(content_type)

    def _separate(self, content_type: bytes) -> None:
        boundary = os.urandom(16).hex().encode("ascii")
        self.heads = [
            b"\r\n--%b\r\nContent-Type: %b\r\nContent-Range: %b\r\n\r\n"
            % (boundary, content_type, format_content_range(start, end, self.file.size).encode("ascii"))
            for start, end in self.ranges
        ]
        self.heads[0] = self.heads[0].removeprefix(b"\r\n")
        self.tail = b"\r\n--%b--\r\n" % boundary
        self.content_type = b"multipart/byteranges; boundary=" + boundary

    @property
    def length(self) -> int:
        """How many bytes it is."""
        return sum(end - start for start, end in self.ranges) + sum(map(len, self.heads)) + len(self.tail)

    async def iterate(self, run: Callable[..., Awaitable[Any]]) -> AsyncGenerator[bytes]:
        """Give the body piece by piece; `run(function, *args)` waits for the disk elsewhere."""
        for head, (start, end) in zip(self.heads, self.ranges, strict=True):
            if head:
                yield head
            for position in range(start, end, PIECE):
                span = position, min(position + PIECE, end)
                piece = self.file.read_cached(*span)
                yield await run(self.file.read, *span) if piece is None else piece
        if self.tail:
            yield self.tail
