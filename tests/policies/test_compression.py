from __future__ import annotations

import asyncio
import sys
import zlib
from typing import TYPE_CHECKING, Any

import brotli  # type: ignore[import-untyped]
import pytest
from backports import zstd

import responder
from responder import Compression
from responder.http.codings import load_codec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from tests.conftest import Answer, Caller

    from responder.types import Message

TEXT = "A line that comes again and again.\n" * 100
LARGE = TEXT * 1000


def decode(answer: Answer) -> bytes:
    coding = answer.headers.get("content-encoding")
    if coding == "zstd":
        return zstd.decompress(answer.body)
    if coding == "br":
        return bytes(brotli.decompress(answer.body))
    return answer.body if coding is None else zlib.decompress(answer.body, 31)


def make(prepare: Any, compression: Compression | None = None) -> responder.API:
    api = responder.API(compression=compression or True)

    async def view(req: responder.Request, resp: responder.Response) -> None:
        prepare(resp)

    api.add_route("/", view)
    return api


def text(resp: responder.Response) -> None:
    resp.text = TEXT


def taking(codings: bytes, *more: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"headers": [(b"accept-encoding", codings), *more]}


# What is compressed


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip"])
def test_an_answer_comes_in_the_coding_that_the_client_takes(call: Caller, coding: str) -> None:
    answer = call(make(text), **taking(coding.encode()))
    assert answer.headers["content-encoding"] == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) == len(answer.body) < 200
    assert decode(answer).decode() == TEXT


@pytest.mark.parametrize("headers", [[], [(b"accept-encoding", b"identity")], [(b"accept-encoding", b"gzip;q=0")]])
def test_a_client_that_takes_none_gets_it_as_it_is(call: Caller, headers: list[tuple[bytes, bytes]]) -> None:
    answer = call(make(text), headers=headers)
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.body.decode() == TEXT


def test_several_fields_are_one_list(call: Caller) -> None:
    answer = call(make(text), **taking(b"br;q=0", (b"accept-encoding", b"gzip;q=0.5, *")))
    assert answer.headers["content-encoding"] == "zstd"


def test_the_codings_are_those_of_the_service(call: Caller) -> None:
    api = make(text, Compression(codings=("gzip", "br")))
    assert call(api, **taking(b"zstd, br, gzip")).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in call(api, **taking(b"zstd")).headers


@pytest.fixture
def _without_extras(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    load_codec.cache_clear()
    for name in ("brotli", "backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    yield
    load_codec.cache_clear()


@pytest.mark.usefixtures("_without_extras")
def test_codings_that_are_not_installed_are_left_out(call: Caller) -> None:
    assert call(make(text), **taking(b"zstd, br, gzip;q=0.1")).headers["content-encoding"] == "gzip"


def test_a_small_answer_stays(call: Caller) -> None:
    api = make(text, Compression(minimum=len(TEXT) + 1))
    answer = call(api, **taking(b"gzip"))
    assert answer.body.decode() == TEXT
    assert {"content-encoding", "vary"}.isdisjoint(answer.headers)
    assert "content-encoding" in call(make(text, Compression(minimum=len(TEXT))), **taking(b"gzip")).headers


def test_what_does_not_get_smaller_stays(call: Caller) -> None:
    def prepare(resp: responder.Response) -> None:
        resp.text = "abc"
        resp.etag = "v1"

    answer = call(make(prepare, Compression(minimum=1)), **taking(b"gzip"))
    assert (answer.body, answer.headers["etag"]) == (b"abc", '"v1"')
    assert "content-encoding" not in answer.headers


def test_a_large_answer_is_compressed_as_well(call: Caller) -> None:
    def prepare(resp: responder.Response) -> None:
        resp.html = LARGE

    answer = call(make(prepare), **taking(b"zstd"))
    assert decode(answer).decode() == LARGE
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("form", [b"application/json", b"application/yaml", b"application/msgpack"])
def test_media_in_any_format_is_compressed(call: Caller, form: bytes) -> None:
    def prepare(resp: responder.Response) -> None:
        resp.media = [TEXT] * 10

    api = make(prepare)
    answer = call(api, **taking(b"gzip", (b"accept", form)))
    plain = call(api, headers=[(b"accept", form)])
    assert answer.headers["content-type"] == plain.headers["content-type"] == form.decode()
    assert answer.headers["vary"] == plain.headers["vary"] == "Accept, Accept-Encoding"
    assert decode(answer) == plain.body


def test_a_media_type_set_by_hand_stays(call: Caller) -> None:
    def prepare(resp: responder.Response) -> None:
        resp.media = [TEXT]
        resp.headers["content-type"] = "application/vnd.lines+json"

    answer = call(make(prepare), **taking(b"br"))
    assert (answer.headers["content-type"], answer.headers["vary"]) == ("application/vnd.lines+json", "Accept-Encoding")
    assert decode(answer).startswith(b'["A line')


def test_another_charset_stays(call: Caller) -> None:
    def prepare(resp: responder.Response) -> None:
        resp.text = "é" * 2000
        resp.encoding = "latin-1"

    answer = call(make(prepare), **taking(b"br"))
    assert answer.headers["content-type"] == "text/plain; charset=latin-1"
    assert decode(answer) == b"\xe9" * 2000


def test_errors_are_compressed(call: Caller) -> None:
    api = responder.API(compression=True)

    async def fail(req: responder.Request, resp: responder.Response) -> None:
        responder.abort(409, TEXT)

    api.add_route("/", fail)
    answer = call(api, **taking(b"gzip"))
    assert (answer.status, answer.headers["content-type"]) == (409, "application/problem+json")
    assert b"again and again" in decode(answer)


def test_what_cannot_be_encoded_is_a_500(call: Caller, caplog: pytest.LogCaptureFixture) -> None:
    def prepare(resp: responder.Response) -> None:
        resp.media = object()

    answer = call(make(prepare), **taking(b"gzip"))
    assert answer.status == 500
    assert "content-encoding" not in answer.headers
    assert "EncodeError" in caplog.text


def test_an_answer_without_a_body_stays(call: Caller) -> None:
    for prepare in (lambda resp: None, lambda resp: resp.no_content()):
        answer = call(make(prepare), **taking(b"gzip"))
        assert answer.body == b""
        assert {"content-encoding", "vary"}.isdisjoint(answer.headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-encoding", "br"),
        ("content-encoding", "identity"),
        ("content-range", "bytes 0-1/2"),
        ("content-type", "image/png"),
        ("content-type", "text/event-stream"),
        ("content-type", "nonsense"),
        ("cache-control", "private, No-Transform"),
        ("content-digest", "sha-256=:abc:"),
    ],
)
def test_what_says_that_its_bytes_are_to_stay_stays(call: Caller, name: str, value: str) -> None:
    def prepare(resp: responder.Response) -> None:
        resp.text = TEXT
        resp.headers[name] = value

    answer = call(make(prepare), **taking(b"gzip"))
    assert answer.body.decode() == TEXT
    assert "vary" not in answer.headers
    assert answer.headers[name] == value


def test_a_part_of_something_stays(call: Caller) -> None:
    def prepare(resp: responder.Response) -> None:
        resp.text = TEXT
        resp.status_code = 206

    assert call(make(prepare), **taking(b"gzip")).body.decode() == TEXT


@pytest.mark.parametrize("field", [(b"range", b"bytes=0-1"), (b"cache-control", b"no-cache, no-transform")])
def test_a_client_may_ask_for_the_bytes_themselves(call: Caller, field: tuple[bytes, bytes]) -> None:
    answer = call(make(text), **taking(b"gzip", field))
    assert (answer.body.decode(), answer.headers["vary"]) == (TEXT, "Accept-Encoding")


def test_other_directives_of_a_request_change_nothing(call: Caller) -> None:
    assert "content-encoding" in call(make(text), **taking(b"gzip", (b"cache-control", b"no-cache"))).headers


@pytest.mark.parametrize("coding", [b"gzip", b"identity"])
def test_head_has_the_headers_of_get(call: Caller, coding: bytes) -> None:
    api = make(text)
    get, head = (call(api, method=method, **taking(coding)) for method in ("GET", "HEAD"))
    assert (head.fields, head.body) == (get.fields, b"")


# Validators


def tagged(resp: responder.Response) -> None:
    resp.text = TEXT
    resp.etag = "v1"


def test_a_strong_entity_tag_becomes_weak(call: Caller) -> None:
    api = make(tagged)
    assert call(api, **taking(b"gzip")).headers["etag"] == 'W/"v1"'
    assert call(api).headers["etag"] == '"v1"'


@pytest.mark.parametrize(("tag", "sent"), [('"v1"', 'W/"v1"'), ('W/"v1"', 'W/"v1"')])
def test_an_entity_tag_among_the_headers_too(call: Caller, tag: str, sent: str) -> None:
    def prepare(resp: responder.Response) -> None:
        resp.text = TEXT
        resp.headers["etag"] = tag

    assert call(make(prepare), **taking(b"gzip")).headers["etag"] == sent


@pytest.mark.parametrize("known", [b'"v1"', b'W/"v1"', b"*"])
def test_what_the_client_has_is_not_sent_again(call: Caller, known: bytes) -> None:
    answer = call(make(tagged), **taking(b"gzip", (b"if-none-match", known)))
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", 'W/"v1"')
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in answer.headers


def test_a_condition_on_the_very_bytes_is_answered_with_them(call: Caller) -> None:
    answer = call(make(tagged), **taking(b"gzip", (b"if-match", b'"v1"')))
    assert (answer.status, answer.body.decode(), answer.headers["etag"]) == (200, TEXT, '"v1"')


# Streams


class Stream:
    """A stream that notes what it did, and a server's side that notes what it got."""

    def __init__(self, *, is_async: bool) -> None:
        self.steps: list[str] = []
        self._make = self.yield_async if is_async else self.yield_sync

    def yield_sync(self) -> Iterator[str]:
        try:
            for part in ("one", "two"):
                self.steps.append(f"gives {part}")
                yield part
        finally:
            self.steps.append("closed")

    async def yield_async(self) -> AsyncIterator[str]:
        try:
            for part in ("one", "two"):
                self.steps.append(f"gives {part}")
                yield part
                await asyncio.sleep(0)
        finally:
            self.steps.append("closed")

    def prepare(self, resp: responder.Response) -> None:
        resp.stream(self._make)
        resp.mimetype = "text/plain"


def decoder(coding: str) -> Callable[[bytes], bytes]:
    if coding == "zstd":
        return zstd.ZstdDecompressor().decompress
    if coding == "br":
        decompressor = brotli.Decompressor()
        return lambda data: bytes(decompressor.process(data))
    return zlib.decompressobj(31).decompress


def exchange(api: responder.API, coding: str, note: Callable[[bytes], None]) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "scheme": "http"}

    async def receive() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        note(message.get("body", b""))

    async def scene() -> None:
        await api(scope | {"headers": [(b"accept-encoding", coding.encode())]}, receive, send)
        await asyncio.wait_for(api.boards.drain(), 5)

    asyncio.run(scene())


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("coding", ["zstd", "br", "gzip"])
def test_each_chunk_of_a_stream_arrives_when_it_is_there(coding: str, *, is_async: bool) -> None:
    stream = Stream(is_async=is_async)
    read = decoder(coding)

    def note(data: bytes) -> None:
        if data and (seen := read(data).decode()):
            stream.steps.append(f"sees {seen}")

    exchange(make(stream.prepare), coding, note)
    assert [step for step in stream.steps if step.startswith("sees")] == ["sees one", "sees two"]
    if is_async:  # a thread goes on meanwhile
        assert stream.steps == ["gives one", "sees one", "gives two", "sees two", "closed"]


@pytest.mark.parametrize("is_async", [True, False])
def test_a_stream_is_closed_when_the_client_leaves(*, is_async: bool) -> None:
    stream = Stream(is_async=is_async)

    def leave(data: bytes) -> None:
        if data:
            raise OSError

    exchange(make(stream.prepare), "gzip", leave)
    assert stream.steps[0] == "gives one"
    assert stream.steps[-1] == "closed"


def yielding(*chunks: Any, length: int | None = None) -> Any:
    def prepare(resp: responder.Response) -> None:
        async def generate() -> AsyncIterator[Any]:
            for chunk in chunks:
                yield chunk

        resp.stream(generate)
        resp.mimetype = "text/plain"
        if length is not None:
            resp.headers["content-length"] = length

    return prepare


@pytest.mark.parametrize("coding", [b"zstd", b"br", b"gzip"])
def test_chunks_of_any_size_make_one_body(call: Caller, coding: bytes) -> None:
    answer = call(make(yielding(b"", LARGE.encode(), "", "é")), **taking(coding))
    assert decode(answer).decode() == LARGE + "é"


def test_the_declared_length_of_a_stream_is_not_that_of_its_coding(call: Caller) -> None:
    answer = call(make(yielding("abc", length=3)), **taking(b"gzip"))
    assert "content-length" not in answer.headers
    assert decode(answer) == b"abc"


@pytest.mark.parametrize("chunks", [("abcd",), ("ab",), (7,)])
def test_a_stream_that_breaks_off_has_no_end(chunks: Any, caplog: pytest.LogCaptureFixture) -> None:
    sent = bytearray()
    exchange(make(yielding(*chunks, length=3)), "gzip", sent.extend)
    unpacked = zlib.decompressobj(31)
    unpacked.decompress(bytes(sent))
    assert not unpacked.eof
    assert caplog.records


def test_a_stream_without_a_media_type_stays(call: Caller) -> None:
    def prepare(resp: responder.Response) -> None:
        resp.stream([TEXT])

    assert call(make(prepare), **taking(b"gzip")).body.decode() == TEXT


def test_head_does_not_run_a_stream(call: Caller) -> None:
    stream = Stream(is_async=True)
    answer = call(make(stream.prepare), method="HEAD", **taking(b"gzip"))
    assert (answer.headers["content-encoding"], answer.body, stream.steps) == ("gzip", b"", [])


# Files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.txt").write_text(TEXT)
    (tmp_path / "large.txt").write_text(LARGE)
    (tmp_path / "tiny.txt").write_text("tiny")
    (tmp_path / "image.png").write_text(TEXT)
    (tmp_path / "built.js").write_text(TEXT)
    (tmp_path / "built.js.br").write_bytes(brotli.compress(TEXT.encode()))
    return tmp_path


@pytest.fixture
def files(folder: Path) -> responder.API:
    return responder.API(static_dir=folder, compression=True)


@pytest.mark.parametrize(("name", "content"), [(b"small", TEXT), (b"large", LARGE)])
@pytest.mark.parametrize("coding", [b"zstd", b"br", b"gzip"])
def test_files_are_compressed(call: Caller, files: responder.API, name: bytes, content: str, coding: bytes) -> None:
    answer = call(files, b"/static/%b.txt" % name, **taking(coding))
    assert decode(answer).decode() == content
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["etag"].startswith("W/")
    assert "accept-ranges" not in answer.headers


@pytest.mark.parametrize("name", [b"small", b"large"])
def test_head_of_a_file_has_the_headers_of_get(call: Caller, files: responder.API, name: bytes) -> None:
    get, head = (call(files, b"/static/%b.txt" % name, method=method, **taking(b"br")) for method in ("GET", "HEAD"))
    assert (head.fields, head.body) == (get.fields, b"")


@pytest.mark.parametrize("path", [b"/static/tiny.txt", b"/static/image.png"])
def test_files_that_gain_nothing_stay(call: Caller, files: responder.API, path: bytes) -> None:
    answer = call(files, path, **taking(b"gzip"))
    assert answer.headers["accept-ranges"] == "bytes"
    assert {"content-encoding", "vary"}.isdisjoint(answer.headers)


def test_a_range_is_one_of_the_file_itself(call: Caller, files: responder.API) -> None:
    answer = call(files, b"/static/large.txt", **taking(b"gzip", (b"range", b"bytes=2-5")))
    assert (answer.status, answer.body, answer.headers["vary"]) == (206, b"line", "Accept-Encoding")


def test_a_file_that_the_client_has_is_not_sent_again(call: Caller, files: responder.API) -> None:
    tag = call(files, b"/static/large.txt", **taking(b"gzip")).headers["etag"].encode()
    answer = call(files, b"/static/large.txt", **taking(b"gzip", (b"if-none-match", tag)))
    assert (answer.status, answer.headers["etag"].encode()) == (304, tag)


def test_what_was_compressed_beforehand_is_sent(call: Caller, files: responder.API) -> None:
    beforehand = call(files, b"/static/built.js", **taking(b"gzip, br"))
    assert beforehand.headers["content-encoding"] == "br"
    otherwise = call(files, b"/static/built.js", **taking(b"gzip"))
    assert otherwise.headers["content-encoding"] == "gzip"
    assert beforehand.headers["vary"] == otherwise.headers["vary"] == "Accept-Encoding"
    assert decode(beforehand) == decode(otherwise) == TEXT.encode()


@pytest.mark.parametrize("name", ["small", "large"])
def test_a_file_that_is_not_in_memory_is_read_on_a_thread(
    call: Caller, files: responder.API, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("responder.exchange.file.File.read_cached", lambda *_: None)
    answer = call(files, f"/static/{name}.txt".encode(), **taking(b"gzip"))
    assert decode(answer).decode() == (TEXT if name == "small" else LARGE)


def test_a_view_may_send_a_file_with_a_media_type_of_its_own(call: Caller, folder: Path) -> None:
    def prepare(resp: responder.Response) -> None:
        resp.file(folder / "large.txt")
        resp.mimetype = "text/csv"

    answer = call(make(prepare), **taking(b"gzip"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert decode(answer).decode() == LARGE


def test_a_file_that_shrinks_meanwhile_has_no_end(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    def prepare(resp: responder.Response) -> None:
        resp.file(folder / "large.txt")
        (folder / "large.txt").write_text("less")

    sent = bytearray()
    exchange(make(prepare), "gzip", sent.extend)
    unpacked = zlib.decompressobj(31)
    unpacked.decompress(bytes(sent))
    assert not unpacked.eof
    assert "Content-Length says" in caplog.text


def test_without_compression_nothing_is_compressed(call: Caller) -> None:
    api = responder.API()

    async def view(req: responder.Request, resp: responder.Response) -> None:
        text(resp)

    api.add_route("/", view)
    answer = call(api, **taking(b"gzip"))
    assert {"content-encoding", "vary"}.isdisjoint(answer.headers)
