"""A file that a client sent in a form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from io import BufferedReader, BytesIO
    from pathlib import Path

    from ..media.multipart import PartHead
    from .spool import Spool

Run: TypeAlias = Callable[..., Awaitable[Any]]
"""`await run(function, *args)` calls what waits for a disk on a thread."""


class UploadFile:
    """One file of a form: `await upload.read()`, `await upload.save("uploads")`. It is there until the request ends.

    Small files are in memory, others in a temporary file without a name. In a sync view use `read_sync`, `seek_sync`
    and `save_sync`, or hand `file` to a library.
    """

    def __init__(self, head: PartHead, spool: Spool, run: Run) -> None:
        self._head = head
        self._spool = spool
        self._run = run

    @property
    def filename(self) -> str:
        """The name that the client gave, without directories. It may be empty, and is no path to open."""
        return self._head.filename or ""

    @property
    def content_type(self) -> str:
        """The media type that the client says it has, without parameters; nothing has looked inside."""
        return self._head.content_type

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields of the part, names in lower case."""
        return self._head.headers

    @property
    def size(self) -> int:
        """The length in bytes."""
        return self._spool.size

    @property
    def is_in_memory(self) -> bool:
        """Whether the content is in memory, so that nothing waits for a disk."""
        return self._spool.is_in_memory

    @property
    def file(self) -> BytesIO | BufferedReader:
        """The content as a binary file for a library: `Image.open(upload.file)`. It may wait for the disk."""
        return self._open_file()

    def _open_file(self) -> BytesIO | BufferedReader:
        file = self._spool.file
        if self._spool.is_closed or file.closed:
            raise ValueError(
                f"The upload {self.filename!r} is closed. Read or save it before the request ends, and before "
                "anything closes its `file`."
            )
        return file

    async def read(self, size: int = -1) -> bytes:
        """Give the next `size` bytes, or all that are left; none at the end."""
        file = self._open_file()
        if self._spool.is_in_memory:
            return file.read(size)
        content: bytes = await self._run(file.read, size)
        return content

    async def seek(self, position: int) -> None:
        """Continue reading at a position, in bytes from the start."""
        self._open_file().seek(position)

    async def save(self, path: str | os.PathLike[str]) -> Path:
        """Save the whole file and give its path.

        `path` is the name to save it under, which replaces a file that is there. When it is a directory that exists,
        the file goes into it under `safe_filename(upload.filename)`, or `name-1.ext` and so on where that is taken.
        It appears complete or not at all. Raises `InsufficientStorage` (507) when the disk is full, `OSError` for a
        path that cannot be written.
        """
        self._open_file()
        saved: Path = await self._run(self._spool.save, path, self.filename)
        return saved

    def read_sync(self, size: int = -1) -> bytes:
        """`read` for a sync view."""
        return self._open_file().read(size)

    def seek_sync(self, position: int) -> None:
        """`seek` for a sync view."""
        self._open_file().seek(position)

    def save_sync(self, path: str | os.PathLike[str]) -> Path:
        """`save` for a sync view."""
        self._open_file()
        return self._spool.save(path, self.filename)

    def describe(self) -> dict[str, str | int]:
        """Give what stands for the file in `resp.media`: its name, type and size."""
        return {"filename": self.filename, "content_type": self.content_type, "size": self.size}

    def close(self) -> None:
        """Let the content go; the end of the request does. Once more does nothing."""
        self._spool.close()

    def __repr__(self) -> str:
        return f"<UploadFile {self.filename!r} {self.content_type} {self.size} bytes>"
