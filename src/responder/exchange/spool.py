"""What an upload is kept in: memory first, a temporary file when it grows, and a name of its own when it is saved.

Files have no name until they are complete (`O_TMPFILE`), so that a client that leaves, an error or `kill -9` leaves
nothing behind and nobody ever reads half a file. Where the system cannot do that, a temporary name stands in. Rejected:
`tempfile.SpooledTemporaryFile` (a file of its own for each of a thousand small uploads takes all descriptors of the
process; what it has written cannot be linked to a name) and `shutil.move` (it copies, and overwrites meanwhile).
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import tempfile
import threading
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ..errors import InsufficientStorage, ServiceUnavailable
from ..http.filenames import safe_filename, tag_filename
from .batches import BATCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from _typeshed import WriteableBuffer

OWN_FILES: Final = 16
"""Uploads of one form that have a temporary file of their own; further ones share one more."""

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_DESCRIPTOR: Final = frozenset({errno.EMFILE, errno.ENFILE})
_UNNAMED: Final = getattr(os, "O_TMPFILE", None)
_UNNAMED_UNKNOWN: Final = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL})
_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_EVERYBODY: Final = 0o666  # before the umask
_DESCRIPTORS: Final = Path("/proc/self/fd")
_READ_AHEAD: Final = 64 * 1024
_NUMBERED_NAMES: Final = 100  # Numbers only up to here: to try a million names for one upload takes too long.


@contextmanager
def refusing() -> Iterator[None]:
    """Raise `InsufficientStorage` for a full disk, and `ServiceUnavailable` for want of descriptors."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise InsufficientStorage from error
        if error.errno in _NO_DESCRIPTOR:
            raise ServiceUnavailable("The service is busy. Try again in a moment.") from error
        raise


class Handle:
    """A descriptor with several users: closed behind the last, which may be a thread in the middle of a write.

    To close it under that thread would have it write into whichever file gets the same number next.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._users = 0
        self._lock = threading.Lock()
        self.end = 0
        """Where the next bytes are written."""

    def __enter__(self) -> int:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self) -> int:
        """Keep the descriptor open until `release`, and give it. Raises `ValueError` when it is closed."""
        with self._lock:
            if self._descriptor < 0:
                raise ValueError("The file is closed.")
            self._users += 1
            return self._descriptor

    def release(self) -> None:
        """Take back one `acquire`."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
            descriptor, self._descriptor = self._descriptor, -1
        with suppress(OSError):
            os.close(descriptor)


class Slice(io.RawIOBase):
    """A stretch at the end of a file: read like a file of its own, written by `append` alone."""

    def __init__(self, handle: Handle, *, is_own: bool = True) -> None:
        super().__init__()
        self.handle = handle
        self.size = 0
        self.is_own = is_own
        self._start = handle.end
        self._position = 0
        handle.acquire()
        self._held = handle

    def append(self, *pieces: bytes | bytearray) -> None:
        """Write at the end, all of it. Only the last slice of a handle may grow."""
        rest: Sequence[bytes | bytearray | memoryview] = pieces
        with self.handle as descriptor:
            while rest:
                written = os.pwritev(descriptor, rest, self.handle.end)
                self.handle.end += written
                self.size += written
                rest = _skip(rest, written)

    def read_at(self, position: int, size: int) -> bytes:
        """Give up to `size` bytes, wherever reading stands."""
        with self.handle as descriptor:
            return os.pread(descriptor, max(0, min(size, self.size - position)), self._start + position)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer from where reading stands."""
        with memoryview(buffer).cast("B") as view:
            data = self.read_at(self._position, len(view))
            view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        """Give where reading stands."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position from 0 on."""
        position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if position < 0:
            raise ValueError(f"A file has no position {position}.")
        self._position = position
        return position

    def close(self) -> None:
        """Give the file up; once more does nothing."""
        super().close()
        held: Handle | None = self.__dict__.pop("_held", None)  # One step, because two threads may close.
        if held is not None:
            held.release()


def _skip(pieces: Sequence[bytes | bytearray | memoryview], size: int) -> Sequence[memoryview]:
    """Give what is left of the pieces after that many bytes, which are all of them but on a disk that gets full."""
    left = []
    for piece in pieces:
        if len(piece) > size:
            left.append(memoryview(piece)[size:])
        size = max(0, size - len(piece))
    return left


class Disk:
    """The temporary files of one form."""

    def __init__(self) -> None:
        self._count = 0
        self._shared: Handle | None = None

    def open(self) -> Slice:
        """Give an empty slice: of a file of its own while there are few."""
        if self._count < OWN_FILES:
            self._count += 1
            return Slice(Handle(_open_temporary()))
        if self._shared is None:
            self._shared = Handle(_open_temporary())
        return Slice(self._shared, is_own=False)


class Spool:
    """The content of one upload: written first, then read and saved."""

    def __init__(self) -> None:
        self._memory = io.BytesIO()
        self._slice: Slice | None = None
        self._reader: io.BufferedReader | None = None
        self._is_linked = False
        self.size = 0
        """The bytes written so far."""
        self.is_closed = False

    @property
    def is_in_memory(self) -> bool:
        """Whether neither reading nor writing waits for a disk."""
        return self._slice is None

    @property
    def file(self) -> io.BytesIO | io.BufferedReader:
        """The content as a binary file; at position 0 when it is first asked for."""
        if self._slice is None:
            return self._memory
        if self._reader is None:
            self._reader = io.BufferedReader(self._slice, min(_READ_AHEAD, self.size) or 1)
        return self._reader

    def write(self, *pieces: bytes | bytearray) -> None:
        """Write at the end. Raises `InsufficientStorage` when the disk is full."""
        if self._slice is None:
            self._memory.writelines(pieces)
        else:
            with refusing():
                self._slice.append(*pieces)
        self.size += sum(map(len, pieces))

    def roll_over(self, disk: Disk) -> None:
        """Move what is in memory to the disk, where the rest goes too. Raises as `write` does."""
        content = self._memory.getvalue()
        with refusing():
            self._slice = disk.open()
            if self.is_closed:  # by the end of the request, while this thread was opening the file
                self._slice.close()
            self._slice.append(content)
        self._memory = io.BytesIO()

    def rewind(self) -> None:
        """Go back to the start: all is written."""
        self._memory.seek(0)

    def save(self, path: str | os.PathLike[str], filename: str) -> Path:
        """Save the content as `Draft` does, without copying where the system can. Reading stays where it is."""
        with refusing():
            return self._link(_as_path(path), filename) or self._copy(path, filename)

    def _link(self, path: Path, filename: str) -> Path | None:
        """Name the temporary file itself, once: under two names it would be one file, and change as one."""
        if self._slice is None or not self._slice.is_own or self._is_linked or not _can_link():
            return None
        with self._slice.handle as descriptor:
            try:
                saved = _give_name(path, filename, partial(_link_descriptor, descriptor))
            except OSError as error:
                if error.errno in {*_NO_ROOM, errno.EEXIST}:
                    raise
                return None  # Another file system, or one without links; copying tells what else may be wrong.
        self._is_linked = True
        return saved

    def _copy(self, path: str | os.PathLike[str], filename: str) -> Path:
        with closing(Draft(path, filename)) as draft:
            if self._slice is None:
                draft.write(self._memory.getvalue())
            else:
                for position in range(0, self.size, BATCH):
                    draft.write(self._slice.read_at(position, BATCH))
            return draft.publish()

    def close(self) -> None:
        """Let the content go; once more does nothing."""
        self.is_closed = True
        self._memory.close()
        if self._slice is not None:
            self._slice.close()


class Draft:
    """A file on its way to its name: nobody sees it before `publish`, and nothing of it stays without that.

    `path` is the name to give, which replaces a file that is there; or a directory that exists, in which the file gets
    its own `filename`, made safe, and with a number where that is taken. Permissions are what the umask allows.
    Raises `OSError` for a path that cannot be written, `InsufficientStorage` when the disk is full.
    """

    _temporary: Path | None = None

    def __init__(self, path: str | os.PathLike[str], filename: str) -> None:
        self._path = _as_path(path)
        self._filename = filename
        directory = self._path if self._path.is_dir() else self._path.parent
        with refusing():
            descriptor = _open_unnamed(directory) if _can_link() else None
            if descriptor is None:
                temporary = directory / _temporary_name()
                descriptor = os.open(temporary, _CREATE, _EVERYBODY)
                self._temporary = temporary
        self._slice = Slice(Handle(descriptor))

    def write(self, *pieces: bytes | bytearray) -> None:
        """Write at the end."""
        with refusing():
            self._slice.append(*pieces)

    def publish(self) -> Path:
        """Give the file its name and close it. Gives the path that it has."""
        with refusing(), self._slice.handle as descriptor:
            rename = partial(_move, self._temporary) if self._temporary else partial(_link_descriptor, descriptor)
            saved = _give_name(self._path, self._filename, rename)
        self._temporary = None
        self.close()
        return saved

    def close(self) -> None:
        """Throw the file away unless it has its name."""
        self._slice.close()
        self._remove()

    def _remove(self) -> None:
        if self._temporary is not None:
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    __del__ = _remove


def _as_path(path: str | os.PathLike[str]) -> Path:
    """Give a path. Raises `FileNotFoundError` for one that ends in a slash, as a directory does, and is none."""
    if os.fspath(path).endswith(os.sep) and not os.path.isdir(path):
        raise FileNotFoundError(errno.ENOENT, "There is no such directory to save the upload in", os.fspath(path))
    return Path(path)


class _Target(NamedTuple):
    path: Path
    may_replace: bool


def _open_temporary() -> int:
    """Open a file without a name where temporary files are."""
    try:
        directory = Path(tempfile.gettempdir())
    except FileNotFoundError as error:  # No directory takes a file: none is there, or the disk is full.
        raise InsufficientStorage from error
    descriptor = _open_unnamed(directory)
    if descriptor is not None:
        return descriptor
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())


def _open_unnamed(directory: Path) -> int | None:
    """Open a file without a name, or give None where the system has none.

    Its permissions are those of the file that it may become; nobody else can open it while it has no name.
    """
    if _UNNAMED is None:
        return None
    try:
        return os.open(directory, _UNNAMED | os.O_RDWR | os.O_CLOEXEC, _EVERYBODY)
    except OSError as error:
        if error.errno in _UNNAMED_UNKNOWN:
            return None
        raise


def _can_link() -> bool:
    return _DESCRIPTORS.is_dir()


def _give_name(path: Path, filename: str, rename: Callable[[_Target], None]) -> Path:
    """Rename to one name after the other until one is not taken; gives it."""
    for target in _targets(path, filename):
        with suppress(FileExistsError):
            rename(target)
            return target.path
    raise FileExistsError(errno.EEXIST, "Every name that was tried for the upload is taken", os.fspath(path))


def _targets(path: Path, filename: str) -> Iterable[_Target]:
    if not path.is_dir():
        return [_Target(path, may_replace=True)]
    return (_Target(path / name, may_replace=False) for name in _names(safe_filename(filename)))


def _names(name: str) -> Iterator[str]:
    yield name
    for number in range(1, _NUMBERED_NAMES):
        yield tag_filename(name, str(number))
    for _ in range(_NUMBERED_NAMES):
        yield tag_filename(name, secrets.token_hex(8))


def _link_descriptor(descriptor: int, target: _Target) -> None:
    """Give a file without a name one."""
    source = _DESCRIPTORS / str(descriptor)
    # With a `dir_fd`, because Python follows the link only then; the path is absolute, so that it has no other effect.
    link = partial(os.link, source, src_dir_fd=descriptor, follow_symlinks=True)
    try:
        link(target.path)
    except FileExistsError:
        if not target.may_replace:
            raise
        temporary = target.path.with_name(_temporary_name())
        link(temporary)
        try:
            temporary.replace(target.path)
        except OSError:
            temporary.unlink()
            raise


def _move(temporary: Path, target: _Target) -> None:
    """Give a file another name; where it may replace nothing, the name is taken first, so that nobody else can."""
    if not target.may_replace:
        os.close(os.open(target.path, _CREATE, _EVERYBODY))
    try:
        temporary.replace(target.path)
    except OSError:
        if not target.may_replace:
            target.path.unlink()
        raise


def _temporary_name() -> str:
    return f".upload-{secrets.token_hex(8)}"
