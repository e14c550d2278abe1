from __future__ import annotations

import asyncio
import os
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exchange.wire import END, HEAD, KILO, MEGA, arrive, body

from responder.config import Limits
from responder.errors import ClientDisconnected, ContentTooLarge, DecodeError, InsufficientStorage, MissingValue
from responder.exchange import form as forms
from responder.exchange.batches import BATCH
from responder.exchange.form import FILES_IN_MEMORY, FormData, fit_model, read_form
from responder.exchange.parts import iterate_parts
from responder.exchange.spool import OWN_FILES
from responder.exchange.upload import UploadFile
from responder.http.query import QueryParams

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable


class Reader:
    """Reads forms, and notes what it ran on threads and what it was given to keep."""

    def __init__(self, **limits: int) -> None:
        self.limits = Limits(**limits)
        self.hops: list[str] = []
        self.kept: list[UploadFile] = []

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        self.hops.append(getattr(function, "__name__", ""))
        return await asyncio.to_thread(function, *args)

    async def read(self, raw: Iterable[bytes] | bytes, size: int = 64 * KILO) -> FormData:
        parts = iterate_parts(arrive(raw, size), "b", self.limits, self.run)
        return await read_form(parts, self.limits, self.run, self.kept.append)

    def __call__(self, raw: Iterable[bytes] | bytes, size: int = 64 * KILO) -> FormData:
        return asyncio.run(self.read(raw, size))

    def close(self) -> None:
        for upload in self.kept:
            upload.close()


def file(form: FormData, name: str) -> UploadFile:
    upload = form[name]
    assert isinstance(upload, UploadFile)
    return upload


# What a form is


def test_a_form_is_a_mapping_with_every_value() -> None:
    form = FormData([("a", "1"), ("b", "2"), ("a", "3")])
    assert form["a"] == "3"
    assert form.get_list("a") == ["1", "3"]
    assert form.multi_items() == [("a", "1"), ("b", "2"), ("a", "3")]
    assert form == QueryParams([("a", "1"), ("a", "3"), ("b", "2")])
    assert repr(FormData([("a", "1")])) == "FormData([('a', '1')])"


def test_a_field_that_is_missing_is_a_400() -> None:
    with pytest.raises(MissingValue) as caught:
        FormData()["name"]
    assert (caught.value.status, caught.value.detail) == (400, "The form field 'name' is missing.")


def test_a_form_fills_a_model() -> None:
    assert fit_model(FormData([("a", "1"), ("b", "2"), ("a", "3")]), dict[str, int]) == {"a": 3, "b": 2}


# Reading


@pytest.mark.parametrize("size", [1, 64 * KILO])
def test_fields_are_text_and_files_are_uploads(size: int) -> None:
    form = Reader()(body(("title", "é".encode()), ("file", b"\xff", "a.bin"), ("title", b"")), size)
    assert list(form) == ["title", "file"]
    assert form.get_list("title") == ["é", ""]
    upload = file(form, "file")
    assert (upload.filename, upload.size, upload.read_sync()) == ("a.bin", 1, b"\xff")


def test_text_is_decoded_by_the_charset_of_its_part() -> None:
    raw = (
        b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=latin-1\r\n\r\n\xe9\r\n'
    )
    assert Reader()(raw + END)["a"] == "é"


@pytest.mark.parametrize("charset", ["utf-8", "utf-7", "klingon", "x" * 3000])
def test_text_that_does_not_decode_is_refused(charset: str) -> None:
    raw = b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: a/b; charset=%b\r\n\r\n\xff\r\n'
    with pytest.raises(DecodeError, match="The field 'a' cannot be decoded"):
        Reader()(raw % charset.encode() + END)


def test_a_file_input_that_was_left_empty_is_absent() -> None:
    reader = Reader()
    form = reader(body(("empty", b"", ""), ("named", b"", "a.txt"), ("nameless", b"1", "")))
    assert list(form) == ["named", "nameless"]
    assert (file(form, "named").size, file(form, "nameless").filename) == (0, "")


def test_an_upload_is_kept_before_its_content_comes() -> None:
    reader = Reader()

    async def chunks() -> AsyncGenerator[bytes]:
        yield HEAD % (b"a", b'; filename="a"')
        yield b"x"
        assert [upload.filename for upload in reader.kept] == ["a"]
        raise ClientDisconnected

    async def main() -> None:
        await read_form(
            iterate_parts(chunks(), "b", reader.limits, reader.run), reader.limits, reader.run, reader.kept.append
        )

    with pytest.raises(ClientDisconnected):
        asyncio.run(main())


# Memory and disk


def test_small_files_stay_in_memory() -> None:
    reader = Reader()
    form = reader(body(("a", b"x" * FILES_IN_MEMORY, "a")))
    assert reader.hops == []
    assert file(form, "a").read_sync() == b"x" * FILES_IN_MEMORY


@pytest.mark.parametrize("size", [1000, 64 * KILO, 3 * MEGA])
def test_a_file_that_grows_too_large_goes_to_the_disk(size: int) -> None:
    content = os.urandom(FILES_IN_MEMORY + 1)
    reader = Reader()
    form = reader(body(("a", content, "a"), ("b", b"text"), ("c", b"small", "c")), size)
    assert reader.hops[0] == "roll_over"
    assert file(form, "a").read_sync() == content
    assert file(form, "c").read_sync() == b"small"
    reader.close()


def test_the_memory_is_for_all_files_together() -> None:
    half = b"x" * (FILES_IN_MEMORY // 2)
    reader = Reader()
    form = reader(body(*[(name, half, name) for name in "abc"], ("d", b"", "d")))
    assert [file(form, name)._spool.is_in_memory for name in "abcd"] == [True, True, False, True]
    assert [file(form, name).size for name in "abcd"] == [len(half)] * 3 + [0]
    reader.close()


def test_writes_are_gathered_into_batches() -> None:
    reader = Reader()
    reader(body(("a", b"x" * (FILES_IN_MEMORY + 4 * BATCH), "a")), KILO)
    assert reader.hops[0] == "roll_over"
    assert 4 <= len(reader.hops) - 1 <= 5
    reader.close()


def test_many_files_take_few_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "FILES_IN_MEMORY", 100)
    before = len(list(Path("/proc/self/fd").iterdir()))
    reader = Reader()
    form = reader(body(*[(f"f{index}", b"%d" % index * 200, "f") for index in range(500)]))
    assert len(list(Path("/proc/self/fd").iterdir())) - before == OWN_FILES + 1
    assert all(file(form, f"f{index}").read_sync() == b"%d" % index * 200 for index in range(500))
    reader.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_large_form_takes_little_memory() -> None:
    def produce() -> Iterable[bytes]:
        for _ in range(4):
            yield HEAD % (b"a", b'; filename="film"')
            for _ in range(128):
                yield bytes(64 * KILO)
            yield b"\r\n"
        yield END

    Reader()(body(("warm", b"up", "a")))
    reader = Reader()
    tracemalloc.start()
    try:
        form = reader(produce())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(upload.size for upload in reader.kept) == 32 * MEGA
    assert len(form.get_list("a")) == 4
    assert peak < 4 * MEGA
    reader.close()


# Limits, however the bytes come


SIZES = [1, 50, 10_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_fields_are_counted_and_files_are_not_among_them(size: int) -> None:
    raw = body(("a", b"1"), ("f", b"1", "f"), ("f", b"1", "f"), ("b", b"2"))
    assert len(Reader(form_fields=2)(raw, size).multi_items()) == 4
    with pytest.raises(DecodeError, match="The form has more than the 1 fields"):
        Reader(form_fields=1)(raw, size)


@pytest.mark.parametrize("size", SIZES)
def test_parts_are_counted(size: int) -> None:
    raw = body(("a", b"1"), ("f", b"", ""), ("b", b"2"))
    with pytest.raises(DecodeError, match="more than the 2 parts"):
        Reader(parts=2)(raw, size)


@pytest.mark.parametrize("size", SIZES)
def test_a_field_has_a_size_and_a_file_has_none(size: int) -> None:
    assert Reader(field_size=5)(body(("a", b"12345"), ("f", b"x" * 100, "f")), size)["a"] == "12345"
    with pytest.raises(ContentTooLarge, match="The field 'a' is larger than the 5 bytes"):
        Reader(field_size=5)(body(("a", b"123456")), size)


@pytest.mark.parametrize("size", SIZES)
def test_all_text_together_has_a_size(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "TEXT_BYTES", 20)
    raw = body(*[("a", b"12345")] * 4, ("f", b"x" * 100, "f"))
    assert len(Reader(field_size=5)(raw, size).get_list("a")) == 4
    with pytest.raises(ContentTooLarge, match="The text of the form is larger than the 20 bytes"):
        Reader(field_size=5)(body(*[("a", b"12345")] * 5), size)


def test_text_is_bounded_by_the_body_or_by_a_single_field_that_may_be_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "TEXT_BYTES", 20)
    raw = body(("a", b"x" * 30))
    assert Reader(field_size=30)(raw)["a"] == "x" * 30
    with pytest.raises(ContentTooLarge, match="The text of the form is larger than the 29 bytes"):
        Reader(field_size=30, body=29)(raw)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.integers(1, 20))
def test_any_bytes_are_a_form_or_refused(raw: bytes, size: int) -> None:
    for whole in (raw, body(("a", raw)), body(("a", raw, "f")), HEAD % (b"a", b"") + raw):
        try:
            Reader()(whole, size)
        except DecodeError:
            continue


# Nothing stays behind


def test_a_full_disk_is_a_507(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def open_full(path: Any, flags: int, *mode: int) -> int:
        return real("/dev/full", os.O_RDWR) if flags & os.O_TMPFILE == os.O_TMPFILE else real(path, flags, *mode)

    monkeypatch.setattr(os, "open", open_full)
    before = len(list(Path("/proc/self/fd").iterdir()))
    reader = Reader()
    with pytest.raises(InsufficientStorage):
        reader(body(("a", b"x" * 2 * MEGA, "a")))
    reader.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("step", ["roll_over", "_write_next"])
def test_a_form_that_is_cancelled_while_a_thread_works_is_closed(step: str) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    reader = Reader()

    async def main() -> None:
        working, go_on = asyncio.Event(), asyncio.Event()
        finished: list[asyncio.Task[Any]] = []

        async def run(function: Callable[..., Any], *args: Any) -> Any:
            async def work() -> Any:
                if getattr(function, "__name__", "") == step:
                    working.set()
                    await go_on.wait()
                return await asyncio.to_thread(function, *args)

            finished.append(asyncio.ensure_future(work()))
            return await asyncio.shield(finished[-1])

        parts = iterate_parts(arrive(body(("a", b"x" * 2 * MEGA, "a")), 64 * KILO), "b", reader.limits, run)
        task = asyncio.ensure_future(read_form(parts, reader.limits, run, reader.kept.append))
        await working.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        reader.close()
        go_on.set()
        await asyncio.gather(*finished, return_exceptions=True)

    asyncio.run(main())
    assert len(list(Path("/proc/self/fd").iterdir())) == before
