from __future__ import annotations

import asyncio
import csv
import io
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from responder.errors import InsufficientStorage
from responder.exchange.spool import Disk, Spool
from responder.exchange.upload import UploadFile
from responder.media.multipart import PartHead

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = b"first\nsecond\n"


class Runner:
    """Runs on a thread, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, function: Callable[..., Any], *args: Any) -> Any:
        self.count += 1
        return await asyncio.to_thread(function, *args)


def make(content: bytes = CONTENT, *, disk: bool = False, filename: str | None = "a.txt") -> UploadFile:
    spool = Spool()
    spool.write(content)
    if disk:
        spool.roll_over(Disk())
    spool.rewind()
    return UploadFile(PartHead("field", filename, "text/plain", None, {"x-tag": "1"}), spool, Runner())


both = pytest.mark.parametrize("disk", [False, True], ids=["memory", "disk"])


@both
def test_an_upload_says_what_it_is(*, disk: bool) -> None:
    upload = make(disk=disk)
    assert (upload.filename, upload.content_type, upload.size) == ("a.txt", "text/plain", 13)
    assert upload.headers == {"x-tag": "1"}
    assert upload.is_in_memory is not disk
    assert repr(upload) == "<UploadFile 'a.txt' text/plain 13 bytes>"
    assert upload.describe() == {"filename": "a.txt", "content_type": "text/plain", "size": 13}


@both
def test_it_is_read_whole_or_in_pieces(*, disk: bool) -> None:
    async def read() -> list[bytes]:
        upload = make(disk=disk)
        pieces = [await upload.read(), await upload.read()]
        await upload.seek(2)
        return [*pieces, await upload.read(3), await upload.read(0), await upload.read(-1)]

    assert asyncio.run(read()) == [CONTENT, b"", b"rst", b"", b"\nsecond\n"]


@both
def test_sync_views_read_without_awaiting(*, disk: bool) -> None:
    upload = make(disk=disk)
    assert upload.read_sync(5) == b"first"
    upload.seek_sync(0)
    assert upload.read_sync() == CONTENT


@both
def test_libraries_get_a_file_at_its_start(*, disk: bool) -> None:
    upload = make(b"a,b\r\n1,2\r\n", disk=disk)
    assert list(csv.reader(io.TextIOWrapper(upload.file, "utf-8"))) == [["a", "b"], ["1", "2"]]


def test_only_what_is_on_the_disk_is_read_on_a_thread() -> None:
    for disk, hops in ((False, 0), (True, 1)):
        upload = make(disk=disk)
        asyncio.run(upload.read())
        assert isinstance(upload._run, Runner)
        assert upload._run.count == hops


@both
def test_it_is_saved_as_a_whole_wherever_reading_stands(tmp_path: Path, *, disk: bool) -> None:
    async def save() -> list[Path]:
        upload = make(disk=disk)
        await upload.read(3)
        saved = [await upload.save(tmp_path), await upload.save(str(tmp_path / "b.txt"))]
        assert await upload.read(2) == b"st"
        return saved

    saved = asyncio.run(save())
    assert saved == [tmp_path / "a.txt", tmp_path / "b.txt"]
    assert [path.read_bytes() for path in saved] == [CONTENT, CONTENT]


@both
def test_a_path_that_ends_in_a_slash_is_a_directory_that_exists(tmp_path: Path, *, disk: bool) -> None:
    upload = make(disk=disk)
    with pytest.raises(FileNotFoundError, match="There is no such directory"):
        upload.save_sync(f"{tmp_path}/missing/")
    assert not list(tmp_path.iterdir())
    assert upload.save_sync(f"{tmp_path}/").parent == tmp_path


@both
def test_sync_views_save_without_awaiting(tmp_path: Path, *, disk: bool) -> None:
    assert make(disk=disk).save_sync(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("filename", [None, "", "..", "/"])
def test_an_upload_without_a_name_gets_one(tmp_path: Path, filename: str | None) -> None:
    assert make(filename=filename).save_sync(tmp_path) == tmp_path / "upload"


def test_a_name_of_the_client_does_not_leave_the_folder(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    for filename in ("../a", "..\\b", "/c", "con", "\x00d", "x" * 300):
        assert make(filename=filename).save_sync(tmp_path / "inside").parent == tmp_path / "inside"
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


@both
def test_what_is_closed_says_so(tmp_path: Path, *, disk: bool) -> None:
    upload = make(disk=disk)
    upload.close()
    upload.close()
    uses: list[Callable[[], object]] = [
        lambda: upload.file,
        lambda: asyncio.run(upload.read()),
        lambda: asyncio.run(upload.seek(0)),
        lambda: asyncio.run(upload.save(tmp_path)),
        upload.read_sync,
        lambda: upload.seek_sync(0),
        lambda: upload.save_sync(tmp_path),
    ]
    for use in uses:
        with pytest.raises(ValueError, match=r"The upload 'a.txt' is closed. Read or save it before the request ends"):
            use()
    assert list(tmp_path.iterdir()) == []


@both
def test_a_file_that_a_library_closes_is_closed(*, disk: bool) -> None:
    upload = make(disk=disk)
    upload.file.close()
    with pytest.raises(ValueError, match="is closed"):
        upload.read_sync()


def test_closing_does_not_wait_for_a_thread_that_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    upload = make(disk=True)
    reading, closed, real = threading.Event(), threading.Event(), os.pread

    def read_slowly(*args: int) -> bytes:
        reading.set()
        closed.wait()
        return real(*args)

    monkeypatch.setattr(os, "pread", read_slowly)

    def read() -> None:
        with suppress(ValueError):
            upload.read_sync()

    thread = threading.Thread(target=read)
    thread.start()
    reading.wait()
    upload.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 1
    closed.set()
    thread.join()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_full_disk_is_a_507(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def open_full(path: Any, flags: int, *mode: int) -> int:
        return real("/dev/full", os.O_RDWR) if flags & os.O_TMPFILE == os.O_TMPFILE else real(path, flags, *mode)

    monkeypatch.setattr(os, "open", open_full)
    with pytest.raises(InsufficientStorage):
        asyncio.run(make().save(tmp_path))
    assert list(tmp_path.iterdir()) == []
