from __future__ import annotations

import errno
import io
import os
import resource
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.errors import InsufficientStorage, ServiceUnavailable
from responder.exchange import spool as spools
from responder.exchange.batches import BATCH
from responder.exchange.spool import OWN_FILES, Disk, Draft, Handle, Slice, Spool

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEMS = ["as it is", "no files without a name", "no /proc"]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have temporary files in a folder of the test's own, so that it can be seen to stay empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "saved"
    folder.mkdir()
    return folder


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if name == "no files without a name":
        monkeypatch.setattr(spools, "_UNNAMED", None)
    if name == "no /proc":
        monkeypatch.setattr(spools, "_DESCRIPTORS", Path("/proc/self/none"))
    return name


def on_disk(content: bytes) -> Spool:
    spool = Spool()
    spool.roll_over(Disk())
    spool.write(content)
    spool.rewind()
    return spool


def in_memory(content: bytes) -> Spool:
    spool = Spool()
    spool.write(content)
    spool.rewind()
    return spool


def in_shared_file(content: bytes) -> Spool:
    disk = Disk()
    others = [Spool() for _ in range(OWN_FILES + 2)]
    for other in others:
        other.write(b"other")
        other.roll_over(disk)
    spool = Spool()
    spool.roll_over(disk)
    spool.write(content)
    spool.rewind()
    for other in others:
        other.close()
    return spool


KINDS = [in_memory, on_disk, in_shared_file]


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# What is written is read


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_can_be_read(kind: Any) -> None:
    spool = kind(b"first line\nsecond line")
    assert spool.size == 22
    assert spool.file.tell() == 0
    assert spool.file.read(5) == b"first"
    assert spool.file.readline() == b" line\n"
    assert spool.file.read() == b"second line"
    assert spool.file.read(1) == b""
    spool.file.seek(-4, os.SEEK_END)
    assert spool.file.read() == b"line"
    spool.close()


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_is_one_for_libraries(kind: Any) -> None:
    spool = kind("é,1\r\n".encode())
    assert spool.file.readable()
    assert spool.file.seekable()
    assert io.TextIOWrapper(spool.file, "utf-8", newline="").read() == "é,1\r\n"


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_file_is_empty(kind: Any) -> None:
    spool = kind(b"")
    assert (spool.size, spool.file.read()) == (0, b"")
    spool.close()


def test_what_is_in_memory_goes_to_the_disk_first() -> None:
    spool = Spool()
    spool.write(b"memory ")
    where = [spool.is_in_memory]
    spool.roll_over(Disk())
    assert [*where, spool.is_in_memory] == [True, False]
    spool.write(b"disk")
    spool.rewind()
    assert (spool.size, spool.file.read()) == (11, b"memory disk")


def test_there_is_no_position_before_the_start() -> None:
    spool = on_disk(b"abc")
    with pytest.raises((ValueError, OSError)):
        spool.file.seek(-1)
    with pytest.raises((ValueError, OSError)):
        spool.file.seek(-4, os.SEEK_END)
    spool.file.seek(1_000_000)
    assert spool.file.read() == b""


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.binary(max_size=50), max_size=8),
    st.integers(0, 8),
    st.lists(st.tuples(st.integers(0, 300), st.integers(-1, 200)), max_size=6),
)
def test_reading_is_the_same_wherever_the_content_is(
    pieces: list[bytes], memory: int, reads: list[tuple[int, int]]
) -> None:
    spool, plain = Spool(), io.BytesIO(b"".join(pieces))
    disk = Disk()
    for index, piece in enumerate(pieces):
        if index == memory:
            spool.roll_over(disk)
        spool.write(piece)
    spool.rewind()
    for position, size in reads:
        spool.file.seek(position)
        plain.seek(position)
        assert spool.file.read(size) == plain.read(size)
    spool.close()


# Descriptors


def test_many_uploads_take_few_descriptors(system: str) -> None:
    before = open_descriptors()
    disk = Disk()
    uploads = [Spool() for _ in range(200)]
    for index, spool in enumerate(uploads):
        spool.write(b"%d" % index)
        spool.roll_over(disk)
        spool.write(b"!" * index)
    assert open_descriptors() - before == OWN_FILES + 1
    assert [spool.file.read() for spool in uploads] == [b"%d" % index + b"!" * index for index in range(200)]
    for spool in uploads:
        spool.close()
        spool.close()
    assert open_descriptors() == before


def test_a_temporary_file_has_no_name(temporary: Path, system: str) -> None:
    spool = on_disk(b"secret")
    assert list(temporary.iterdir()) == []
    spool.close()


def test_an_upload_that_is_forgotten_is_closed() -> None:
    before = open_descriptors()
    forgotten = [on_disk(b"1")]
    assert open_descriptors() == before + 1
    forgotten.clear()
    assert open_descriptors() == before


def test_a_descriptor_is_closed_behind_its_last_user() -> None:
    before = open_descriptors()
    spool = on_disk(b"1")
    handle = spool._slice.handle if spool._slice else None
    assert handle is not None
    with handle as descriptor:
        spool.close()
        assert os.fstat(descriptor).st_size == 1
    assert open_descriptors() == before
    with pytest.raises(ValueError, match="closed"):
        handle.acquire()


def test_an_upload_that_is_closed_while_its_file_is_opened_is_closed() -> None:
    before = open_descriptors()
    spool = Spool()

    class Slow(Disk):
        def open(self) -> Slice:
            spool.is_closed = True
            return super().open()

    with pytest.raises(ValueError, match="closed"):
        spool.roll_over(Slow())
    assert open_descriptors() == before


def test_two_threads_may_close_at_once() -> None:
    before = open_descriptors()
    for _ in range(50):
        spool = on_disk(b"1")
        threads = [threading.Thread(target=spool.close) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert open_descriptors() == before


def test_a_slice_of_a_file_that_is_closed_cannot_be_opened() -> None:
    handle = Handle(os.open(os.devnull, os.O_RDWR))
    Slice(handle).close()
    with pytest.raises(ValueError, match="closed"):
        Slice(handle)


# Saving


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_is_saved_under_a_name(folder: Path, temporary: Path, system: str, kind: Any) -> None:
    content = os.urandom(3 * BATCH + 1)
    spool = kind(content)
    spool.file.read(10)
    saved = spool.save(folder / "name", "ignored.txt")
    assert saved == folder / "name"
    assert saved.read_bytes() == content
    assert spool.file.read(10) == content[10:20]
    spool.close()
    assert [path.name for path in folder.iterdir()] == ["name"]
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_there_is_replaced(folder: Path, system: str, kind: Any) -> None:
    (folder / "name").write_bytes(b"old content")
    with (folder / "name").open("rb") as reader:
        kind(b"new").save(str(folder / "name"), "")
        assert reader.read() == b"old content"
    assert (folder / "name").read_bytes() == b"new"
    assert [path.name for path in folder.iterdir()] == ["name"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_gets_a_file_of_the_uploads_name_and_nothing_in_it_is_replaced(
    folder: Path, system: str, kind: Any
) -> None:
    (folder / "photo-1.jpg").symlink_to("nowhere")
    saved = [kind(b"%d" % index).save(folder, "../photo.jpg") for index in range(3)]
    assert saved == [folder / "photo.jpg", folder / "photo-2.jpg", folder / "photo-3.jpg"]
    assert [path.read_bytes() for path in saved] == [b"0", b"1", b"2"]
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_saving_twice_gives_two_files(folder: Path, system: str, kind: Any) -> None:
    spool = kind(b"content")
    first, second = spool.save(folder / "a", ""), spool.save(folder / "b", "")
    with first.open("r+b") as file:
        file.write(b"CHANGED")
    assert second.read_bytes() == b"content"
    spool.save(folder / "a", "")
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("kind", KINDS)
def test_permissions_are_what_the_umask_allows(folder: Path, system: str, kind: Any) -> None:
    for mask in (0o022, 0o077, 0o002):
        with umask(mask):
            saved = kind(b"1").save(folder, "name")
        assert S_IMODE(saved.stat().st_mode) == 0o666 & ~mask


def test_a_large_upload_is_named_and_not_copied(folder: Path) -> None:
    spool = on_disk(b"content")
    handle = spool._slice.handle if spool._slice else None
    assert handle is not None
    saved = spool.save(folder, "name")
    with handle as descriptor:
        assert os.path.samestat(saved.stat(), os.fstat(descriptor))
    assert spool.file.read() == b"content"


def test_an_upload_is_copied_where_it_cannot_be_linked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def refuse_temporary(source: Path, target: Path, **options: Any) -> None:
        if source == Path(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        link(source, target, **options)

    spool = on_disk(b"content")
    with spool._slice.handle if spool._slice else pytest.fail("it is on the disk") as descriptor:
        pass
    monkeypatch.setattr(os, "link", refuse_temporary)
    assert spool.save(folder, "name").read_bytes() == b"content"
    assert [path.name for path in folder.iterdir()] == ["name"]


@pytest.mark.parametrize("error", [errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL])
def test_a_file_system_without_unnamed_files_is_believed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    real = os.open

    def refuse_unnamed(path: Any, flags: int, *mode: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(error, os.strerror(error))
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse_unnamed)
    assert on_disk(b"content").save(folder, "name").read_bytes() == b"content"
    assert [path.name for path in folder.iterdir()] == ["name"]


def test_a_relative_path_is_taken(folder: Path, system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for kind in KINDS:
        assert kind(b"1").save("name", "") == Path("name")
        assert kind(b"1").save(".", "other").parent == Path()
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_cannot_be_written_says_so(folder: Path, system: str, kind: Any) -> None:
    with pytest.raises(FileNotFoundError):
        kind(b"1").save(folder / "missing" / "name", "")
    (folder / "file").touch()
    with pytest.raises(NotADirectoryError):
        kind(b"1").save(folder / "file" / "name", "")


def test_many_uploads_of_one_name_get_names_at_last(folder: Path) -> None:
    (folder / "a").touch()
    for number in range(1, 100):
        (folder / f"a-{number}").touch()
    saved = in_memory(b"1").save(folder, "a")
    assert len(saved.name) == len("a-") + 16


def test_a_folder_where_every_name_is_taken_ends_the_search(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "same")
    for name in ("a", *(f"a-{number}" for number in range(1, 100)), "a-same"):
        (folder / name).touch()
    for kind in KINDS:
        with pytest.raises(FileExistsError, match="Every name that was tried"):
            kind(b"1").save(folder, "a")
    assert len(list(folder.iterdir())) == 101


def test_threads_that_save_one_name_get_a_file_each(folder: Path, system: str) -> None:
    saved: list[Path] = []
    threads = [threading.Thread(target=lambda: saved.append(in_memory(b"1").save(folder, "a.txt"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(saved)) == len(list(folder.iterdir())) == 20


# Nothing stays behind


@pytest.mark.parametrize("replaced", [False, True])
def test_a_rename_that_fails_leaves_nothing(
    folder: Path, system: str, monkeypatch: pytest.MonkeyPatch, *, replaced: bool
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    (folder / "name").write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", refuse)
    spool = on_disk(b"1")
    if not replaced and system == "as it is":
        assert spool.save(folder, "new") == folder / "new"
        return
    with pytest.raises(PermissionError):
        spool.save(folder / "name" if replaced else folder, "new")
    assert [path.name for path in folder.iterdir()] == ["name"]
    assert (folder / "name").read_bytes() == b"old"


def test_a_draft_that_is_not_published_leaves_nothing(folder: Path, system: str) -> None:
    before = open_descriptors()
    draft = Draft(folder / "name", "")
    draft.write(b"half")
    draft.close()
    forgotten = Draft(folder / "name", "")
    del forgotten
    assert list(folder.iterdir()) == []
    assert open_descriptors() == before


def test_a_draft_is_not_seen_before_it_is_complete(folder: Path, system: str) -> None:
    draft = Draft(folder / "name", "")
    draft.write(b"half")
    assert not (folder / "name").exists()
    assert draft.publish() == folder / "name"
    draft.close()
    assert [path.name for path in folder.iterdir()] == ["name"]


def test_a_process_that_is_killed_leaves_nothing(folder: Path, temporary: Path) -> None:
    program = """
        import os, signal, sys, tempfile
        from pathlib import Path
        from responder.exchange.spool import Disk, Draft, Spool
        tempfile.tempdir, folder = sys.argv[1], sys.argv[2]
        spool = Spool()
        spool.roll_over(Disk())
        spool.write(b"x" * 1_000_000)
        draft = Draft(Path(folder) / "name", "")
        draft.write(b"x" * 1_000_000)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(program), str(temporary), str(folder)]
    assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL  # noqa: S603 - our own program
    assert [*folder.iterdir(), *temporary.iterdir()] == []


# Full disks


class FullDisk(Disk):
    """A disk whose every file is full, as the kernel has one."""

    def open(self) -> Slice:
        return Slice(Handle(os.open("/dev/full", os.O_RDWR)))


def test_a_full_disk_is_a_507() -> None:
    before = open_descriptors()
    spool = Spool()
    spool.write(b"1")
    with pytest.raises(InsufficientStorage) as caught:
        spool.roll_over(FullDisk())
    assert caught.value.status == 507
    assert isinstance(caught.value.__cause__, OSError)
    spool.close()
    assert open_descriptors() == before


def test_a_disk_that_becomes_full_is_a_507() -> None:
    spool = Spool()
    spool.roll_over(FullDisk())
    with pytest.raises(InsufficientStorage):
        spool.write(b"1")


def test_a_file_that_may_not_grow_is_a_507_and_leaves_nothing(folder: Path, system: str) -> None:
    spool = in_memory(b"x" * 20_000)
    with file_size_limit(10_000), pytest.raises(InsufficientStorage):
        spool.save(folder, "name")
    assert list(folder.iterdir()) == []
    assert spool.save(folder, "name").stat().st_size == 20_000


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_without_room_for_a_name_is_a_507(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: Any, error: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    spool = kind(b"1")
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(InsufficientStorage):
        spool.save(folder, "name")
    assert list(folder.iterdir()) == []


def test_no_folder_for_temporary_files_is_a_507(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    with pytest.raises(InsufficientStorage):
        on_disk(b"1")


def test_a_want_of_descriptors_is_a_503(folder: Path) -> None:
    spool = Spool()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(ServiceUnavailable):
            spool.roll_over(Disk())
        with pytest.raises(ServiceUnavailable):
            Draft(folder, "name")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_another_error_of_the_disk_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    spool = on_disk(b"1")
    monkeypatch.setattr(os, "pwritev", fail)
    with pytest.raises(OSError, match="Input/output"):
        spool.write(b"1")


def test_a_write_of_the_system_may_be_partial(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwritev", lambda descriptor, pieces, position: real(descriptor, pieces[0][:3], position))
    spool = on_disk(b"0123456789")
    assert (spool.size, spool.file.read()) == (10, b"0123456789")
