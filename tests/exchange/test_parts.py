from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import tracemalloc
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exchange.wire import END, HEAD, KILO, MEGA, arrive, body

from responder.config import Limits
from responder.errors import ClientDisconnected, ContentTooLarge, DecodeError, InsufficientStorage
from responder.exchange import spool as spools
from responder.exchange.batches import BATCH, Batches
from responder.exchange.parts import Part, iterate_parts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable


def run_with(
    use: Callable[[Any], Awaitable[Any]],
    raw: Iterable[bytes] | bytes,
    size: int = 64 * KILO,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    run: Any = asyncio.to_thread,
) -> Any:
    """Give what `use(parts)` gives."""

    async def main() -> Any:
        return await use(iterate_parts(arrive(raw, size), "b", limits, run))

    return asyncio.run(main())


async def read_all(parts: Any) -> list[tuple[str, str | None, bytes]]:
    return [(part.name, part.filename, await part.read()) async for part in parts]


# Reading


@pytest.mark.parametrize("size", [1, 7, 64 * KILO])
def test_parts_come_one_after_the_other(size: int) -> None:
    raw = body(("a", b"1"), ("b", b"\xff\x00", "c.bin"), ("d", b""))
    assert run_with(read_all, raw, size) == [("a", None, b"1"), ("b", "c.bin", b"\xff\x00"), ("d", None, b"")]


def test_a_part_says_what_it_is() -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="a"; filename="/x/b.csv"\r\n'
    raw = head + b"Content-Type: text/csv; charset=latin-1\r\n\r\n\xe9\r\n" + END

    async def use(parts: Any) -> Any:
        part = await anext(parts)
        assert isinstance(part, Part)
        assert repr(part) == "<Part 'a' text/csv>"
        assert part.headers["content-type"] == "text/csv; charset=latin-1"
        return part.name, part.filename, part.content_type, part.charset, await part.text()

    assert run_with(use, raw) == ("a", "b.csv", "text/csv", "latin-1", "é")


@pytest.mark.parametrize("size", [1, 64 * KILO])
def test_a_part_is_given_in_pieces_as_they_come(size: int) -> None:
    async def use(parts: Any) -> Any:
        return [[chunk async for chunk in part] async for part in parts]

    pieces = run_with(use, body(("a", b"x" * 100), ("b", b"")), size)
    assert [b"".join(piece) for piece in pieces] == [b"x" * 100, b""]
    assert all(all(piece) for piece in pieces)


def test_a_piece_may_be_read_before_the_rest() -> None:
    async def use(parts: Any) -> Any:
        part = await anext(parts)
        return await anext(part), await part.read(), [chunk async for chunk in part]

    first, rest, nothing = run_with(use, body(("a", b"x" * 100)), 10)
    assert (first + rest, nothing) == (b"x" * 100, [])


@pytest.mark.parametrize("size", [1, 10, 64 * KILO])
def test_what_is_not_read_is_skipped(size: int) -> None:
    async def use(parts: Any) -> Any:
        names = []
        async for part in parts:
            names.append(part.name)
            if part.name == "half":
                await anext(part)
        return names

    raw = body(("none", b"x" * 100), ("half", b"x" * 100), ("empty", b""), ("last", b"x" * 100))
    assert run_with(use, raw, size) == ["none", "half", "empty", "last"]


def test_an_old_part_says_that_it_has_passed() -> None:
    async def use(parts: Any) -> None:
        first = await anext(parts)
        second = await anext(parts)
        for use in (first.read, first.text, first.__anext__, lambda: first.save("nowhere")):
            with pytest.raises(RuntimeError, match=r"The part 'a' has passed\. Read or save it before the next is"):
                await use()
        assert await second.read() == b"2"

    run_with(use, body(("a", b"1"), ("b", b"2")))


def test_a_part_that_was_read_says_so() -> None:
    async def use(parts: Any) -> None:
        async for part in parts:
            await part.read()
            for use in (part.read, part.text, lambda part=part: part.save("nowhere")):
                with pytest.raises(RuntimeError, match="The part 'a' has been read already"):
                    await use()

    run_with(use, body(("a", b"1")))


def test_the_end_stays_the_end() -> None:
    async def use(parts: Any) -> Any:
        await read_all(parts)
        return await anext(parts, None), await anext(parts, None)

    assert run_with(use, body(("a", b"1"))) == (None, None)


# Ending early


def test_the_part_at_which_a_loop_is_left_can_still_be_read() -> None:
    async def main() -> bytes:
        raw = body(("a", b"x" * 1000), ("b", b"2"))
        async for part in iterate_parts(arrive(raw, 10), "b", Limits(), asyncio.to_thread):
            if part.name == "a":
                break
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        return await part.read()

    assert asyncio.run(main()) == b"x" * 1000


def test_closing_ends_the_part_the_iteration_and_the_body() -> None:
    closed = []

    async def chunks() -> AsyncGenerator[bytes]:
        try:
            yield body(("a", b"1"), ("b", b"2"))
        finally:
            closed.append(True)

    async def main() -> None:
        parts = iterate_parts(chunks(), "b", Limits(), asyncio.to_thread)
        async with aclosing(cast("Any", parts)):
            part = await anext(parts)
        with pytest.raises(RuntimeError, match="has passed"):
            await part.read()
        assert [part async for part in parts] == []

    asyncio.run(main())
    assert closed == [True]


def test_a_body_that_cannot_be_closed_is_left() -> None:
    class Chunks:
        def __aiter__(self) -> Chunks:
            return self

        async def __anext__(self) -> bytes:
            return body(("a", b"1"))

    async def main() -> None:
        parts: Any = iterate_parts(Chunks(), "b", Limits(), asyncio.to_thread)
        await anext(parts)
        await parts.aclose()

    asyncio.run(main())


def test_what_the_body_raises_passes_through() -> None:
    async def chunks() -> AsyncGenerator[bytes]:
        yield body(("a", b"x" * 100))[:80]
        raise ClientDisconnected

    async def main() -> None:
        async for part in iterate_parts(chunks(), "b", Limits(), asyncio.to_thread):
            await part.read()

    with pytest.raises(ClientDisconnected):
        asyncio.run(main())


# Refusals and limits


@pytest.mark.parametrize("boundary", [None, "", "x" * 71])
def test_a_boundary_that_is_none_is_refused_before_anything_is_read(boundary: str | None) -> None:
    async def main() -> None:
        chunks = arrive(b"")
        async with aclosing(chunks):
            iterate_parts(chunks, boundary, Limits(), asyncio.to_thread)

    with pytest.raises(DecodeError):
        asyncio.run(main())


@pytest.mark.parametrize("size", [1, 64 * KILO])
@pytest.mark.parametrize("cut", [3, 5, 10, 20, 60])
def test_a_body_that_ends_early_is_refused(size: int, cut: int) -> None:
    with pytest.raises(DecodeError):
        run_with(read_all, body(("a", b"1"))[:-cut], size)


def test_an_error_is_given_again() -> None:
    async def use(parts: Any) -> None:
        for _ in range(3):
            with pytest.raises(DecodeError, match="Unexpected byte"):
                await anext(parts)

    run_with(use, [b"--bxyz", b"more"])


@pytest.mark.parametrize("size", [1, 3, 64 * KILO])
def test_a_field_has_a_size(size: int) -> None:
    limits = Limits(field_size=10)
    assert run_with(read_all, body(("a", b"x" * 10)), size, limits) == [("a", None, b"x" * 10)]
    with pytest.raises(ContentTooLarge) as caught:
        run_with(read_all, body(("a", b"x" * 11)), size, limits)
    assert caught.value.detail == "The field 'a' is larger than the 10 bytes that this service takes."


def test_a_long_name_is_shown_in_short() -> None:
    with pytest.raises(ContentTooLarge) as caught:
        run_with(read_all, body(("a" * 3000, b"xx")), limits=Limits(field_size=1))
    assert len(caught.value.detail or "") < 150


@pytest.mark.parametrize("charset", ["", "utf-7", "klingon", "utf-16"])
def test_text_that_does_not_decode_is_refused(charset: str) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="a"\r\n'
    raw = head + b'Content-Type: text/plain; charset="%b"\r\n\r\n\xffa\xff\r\n'

    async def use(parts: Any) -> None:
        async for part in parts:
            await part.text()

    with pytest.raises(DecodeError, match="The field 'a' cannot be decoded"):
        run_with(use, raw % charset.encode() + END)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.integers(1, 20), st.booleans())
def test_any_bytes_are_parts_or_refused(raw: bytes, size: int, read: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    async def use(parts: Any) -> None:
        async for part in parts:
            if read:
                await part.text()

    for whole in (raw, body(("a", raw)), HEAD % (b"a", b"") + raw):
        try:
            run_with(use, whole, size)
        except (DecodeError, ContentTooLarge):
            continue


# Saving


async def save_all(parts: Any, path: Path) -> list[Path]:
    return [await part.save(path) async for part in parts]


@pytest.mark.parametrize("size", [1000, 64 * KILO, 2 * MEGA])
def test_a_part_goes_straight_to_a_file(tmp_path: Path, size: int) -> None:
    content = os.urandom(MEGA)
    raw = body(("a", content, "../a.bin"), ("b", b"", "a.bin"), ("c", b"text"))
    saved = run_with(lambda parts: save_all(parts, tmp_path), raw, size)
    assert saved == [tmp_path / "a.bin", tmp_path / "a-1.bin", tmp_path / "upload"]
    assert [path.read_bytes() for path in saved] == [content, b"", b"text"]


def test_a_part_is_saved_under_a_name(tmp_path: Path) -> None:
    saved = run_with(lambda parts: save_all(parts, tmp_path / "name"), body(("a", b"1"), ("b", b"2")))
    assert saved == [tmp_path / "name"] * 2
    assert (tmp_path / "name").read_bytes() == b"2"


def test_the_rest_of_a_part_is_saved_when_some_was_read(tmp_path: Path) -> None:
    async def use(parts: Any) -> tuple[bytes, Path]:
        part = await anext(parts)
        return await anext(part), await part.save(tmp_path)

    first, saved = run_with(use, body(("a", b"x" * 100)), 10)
    assert first + saved.read_bytes() == b"x" * 100


def test_writes_are_gathered_into_batches(tmp_path: Path) -> None:
    hops = []

    async def count(function: Callable[..., Any], *args: Any) -> Any:
        hops.append(getattr(function, "__name__", ""))
        return await asyncio.to_thread(function, *args)

    run_with(lambda parts: save_all(parts, tmp_path), body(("a", b"x" * 4 * BATCH)), KILO, run=count)
    assert hops == ["Draft", *["_write_next"] * 4, "publish"]


@pytest.mark.parametrize("has_unnamed_files", [True, False])
@pytest.mark.parametrize("error", [ClientDisconnected, DecodeError("x"), asyncio.CancelledError])
def test_a_save_that_breaks_off_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any, *, has_unnamed_files: bool
) -> None:
    if not has_unnamed_files:
        monkeypatch.setattr(spools, "_UNNAMED", None)
    before = len(list(Path("/proc/self/fd").iterdir()))
    seen = []

    def count_files() -> int:
        return len(list(tmp_path.iterdir()))

    async def chunks() -> AsyncGenerator[bytes]:
        yield HEAD % (b"a", b"") + b"x" * MEGA
        seen.append(count_files())
        raise error

    async def main() -> None:
        async for part in iterate_parts(chunks(), "b", Limits(), asyncio.to_thread):
            await part.save(tmp_path)

    with pytest.raises(type(error) if isinstance(error, Exception) else error):
        asyncio.run(main())
    assert seen == [0 if has_unnamed_files else 1]
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_save_that_is_cancelled_in_the_middle_of_a_write_leaves_nothing(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    async def main() -> None:
        writing, go_on = asyncio.Event(), asyncio.Event()

        async def run(function: Callable[..., Any], *args: Any) -> Any:
            if getattr(function, "__name__", "") == "_write_next":
                writing.set()
                await go_on.wait()
            return await asyncio.to_thread(function, *args)

        parts: Any = iterate_parts(arrive(body(("a", b"x" * MEGA))), "b", Limits(), run)
        task = asyncio.ensure_future(save_all(parts, tmp_path))
        await writing.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await parts.aclose()

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_full_disk_is_a_507(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def open_full(path: Any, flags: int, *mode: int) -> int:
        return real("/dev/full", os.O_RDWR) if flags & os.O_TMPFILE == os.O_TMPFILE else real(path, flags, *mode)

    monkeypatch.setattr(os, "open", open_full)
    with pytest.raises(InsufficientStorage):
        run_with(lambda parts: save_all(parts, tmp_path), body(("a", b"1")))
    assert list(tmp_path.iterdir()) == []


# Memory


async def look(parts: Any) -> int:
    return sum([len(chunk) async for part in parts async for chunk in part])


async def skip(parts: Any) -> int:
    return len([part async for part in parts]) * 64 * MEGA


async def save(parts: Any) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return sum([(await part.save(folder)).stat().st_size async for part in parts])


@pytest.mark.parametrize("use", [look, skip, save])
def test_a_large_upload_takes_little_memory(use: Callable[[Any], Awaitable[int]]) -> None:
    def produce() -> Iterable[bytes]:
        yield HEAD % (b"a", b'; filename="film"')
        for _ in range(1024):
            yield bytes(64 * KILO)
        yield b"\r\n" + END

    run_with(use, body(("warm", b"up")))
    tracemalloc.start()
    try:
        assert run_with(use, produce()) == 64 * MEGA
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * MEGA


def test_a_part_is_one_of_its_class() -> None:
    async def use(parts: Any) -> None:
        assert isinstance(await anext(parts), Part)

    run_with(use, body(("a", b"1")))


def test_a_write_that_failed_unseen_is_not_logged_when_the_body_breaks_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield body(("a", b"x" * 2 * BATCH, "a"))[: 2 * BATCH]
        await asyncio.sleep(0.01)
        raise DecodeError("The body broke off.")

    async def run(function: Callable[..., Any], *args: Any) -> Any:
        try:
            return function(*args)
        finally:
            for _ in range(9):  # so that the loop goes on before it hears of the failure
                await asyncio.sleep(0)

    def write(*_: object) -> None:
        raise InsufficientStorage

    monkeypatch.setattr(spools.Draft, "write", write)

    async def main() -> None:
        async for part in iterate_parts(broken(), "b", Limits(), run):
            await part.save(tmp_path)

    with pytest.raises(DecodeError):
        asyncio.run(main())
    gc.collect()
    assert caplog.text == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_the_end_of_a_save_that_fails_leaves_no_call_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, *, is_cancelled: bool
) -> None:
    written: list[int] = []

    def write(*pieces: object) -> None:
        written.append(len(pieces))
        raise InsufficientStorage

    async def run(function: Callable[..., Any], *args: Any) -> Any:
        for _ in range(9):
            await asyncio.sleep(0)
        if is_cancelled and getattr(function, "__name__", "") == "_write_next":
            await asyncio.Event().wait()
        return function(*args)

    monkeypatch.setattr(spools.Draft, "write", write)

    async def main() -> None:
        async with Batches(spools.Draft(tmp_path / "name", "").write, run) as batches:
            batches._calls.append(asyncio.ensure_future(run(write)))
            await batches.add(b"x")

    async def scene() -> None:
        task = asyncio.ensure_future(main())
        await asyncio.sleep(0)
        if is_cancelled:
            task.cancel()
        with pytest.raises(asyncio.CancelledError if is_cancelled else InsufficientStorage):
            await task
        for _ in range(20):
            await asyncio.sleep(0)

    asyncio.run(scene())
    gc.collect()
    assert caplog.text == ""
    assert len(written) <= 1 + (not is_cancelled)
