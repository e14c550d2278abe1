from __future__ import annotations

import gzip
import sys
import zlib
from typing import TYPE_CHECKING, Any

import brotli  # type: ignore[import-untyped]
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import responder
from responder import Compression, Limits
from responder.exchange import decompress
from responder.http.codings import load_codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.conftest import Answer, Caller

CODECS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstd.compress,
    "br": lambda content: bytes(brotli.compress(content, quality=5)),
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
CODINGS = list(CODECS)
LIMIT = 300_000


async def read(req: responder.Request, resp: responder.Response) -> None:
    resp.content = await req.content


async def stream(req: responder.Request, resp: responder.Response) -> None:
    resp.content = b"".join([chunk async for chunk in req.stream()])


async def parts(req: responder.Request, resp: responder.Response) -> None:
    resp.media = [(await part.read()).decode() async for part in req.parts()]


async def media(req: responder.Request, resp: responder.Response) -> None:
    resp.media = await req.media()


async def form(req: responder.Request, resp: responder.Response) -> None:
    resp.media = dict(await req.media())


async def text(req: responder.Request, resp: responder.Response) -> None:
    resp.text = await req.text


def content_sync(req: responder.Request, resp: responder.Response) -> None:
    resp.content = req.content_sync


def text_sync(req: responder.Request, resp: responder.Response) -> None:
    resp.text = req.text_sync


def media_sync(req: responder.Request, resp: responder.Response) -> None:
    resp.media = req.media_sync()


async def ignore(req: responder.Request, resp: responder.Response) -> None:
    resp.text = "not read"


READERS = [read, stream, media, text, content_sync, text_sync, media_sync]


def make(view: Any = read, *, limit: int = LIMIT, compression: Any = None) -> responder.API:
    wanted = Compression(requests=True) if compression is None else compression
    api = responder.API(compression=wanted, limits=Limits(body=limit))
    api.add_route("/", view)
    return api


def send(
    call: Caller, api: responder.API, body: bytes | Iterable[bytes], coding: str, *more: tuple[bytes, bytes]
) -> Answer:
    chunks = [body] if isinstance(body, bytes) else body
    headers = [(b"content-encoding", coding.encode("latin-1")), *more]
    return call(api, method="POST", body=chunks, headers=headers)


# Refused


@pytest.mark.parametrize("compression", [False, True, Compression()])
@pytest.mark.parametrize("view", READERS)
def test_a_compressed_body_is_refused_on_every_path(call: Caller, view: Any, *, compression: Any) -> None:
    json = (b"content-type", b"application/json")
    answer = send(call, make(view, compression=compression), gzip.compress(b"[]"), "gzip", json)
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "identity")
    assert answer.media["detail"] == "A body with that Content-Encoding is not read here. Send one of: identity."


@pytest.mark.parametrize("view", [parts, form])
def test_a_compressed_form_is_refused(call: Caller, view: Any) -> None:
    multipart = (b"content-type", b"multipart/form-data; boundary=x")
    answer = send(call, make(view, compression=False), gzip.compress(b"--x--"), "gzip", multipart)
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "identity")


def test_it_is_refused_as_often_as_it_is_read(call: Caller) -> None:
    async def twice(req: responder.Request, resp: responder.Response) -> None:
        for _ in range(2):
            with pytest.raises(responder.UnsupportedMediaType):
                await req.content
        resp.text = "refused"

    assert send(call, make(twice, compression=False), b"", "gzip").body == b"refused"


def test_a_body_that_nobody_reads_is_not_refused(call: Caller) -> None:
    assert send(call, make(ignore, compression=False), b"x", "gzip").body == b"not read"


@pytest.mark.parametrize("coding", ["identity", "", "IDENTITY", " identity , identity"])
def test_identity_is_no_coding(call: Caller, coding: str) -> None:
    assert send(call, make(compression=False), b"plain", coding).body == b"plain"


@pytest.mark.parametrize(
    "coding", ["gzip, gzip", "gzip,br", "compress", "gzip;q=1", "\xff", "gzip gzip", "*", "a," * 5000]
)
def test_another_coding_or_more_than_one_is_refused(call: Caller, coding: str) -> None:
    answer = send(call, make(), gzip.compress(gzip.compress(b"x")), coding)
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "zstd, br, gzip, deflate")


@pytest.mark.parametrize(("first", "last"), [("gzip", "gzip"), ("br", "gzip")])
def test_codings_in_two_fields_are_two(call: Caller, first: str, last: str) -> None:
    assert send(call, make(), b"", first, (b"content-encoding", last.encode())).status == 415


def test_a_coding_hidden_behind_identity_is_seen(call: Caller) -> None:
    answer = send(call, make(), gzip.compress(b"x"), "gzip", (b"content-encoding", b"identity"))
    assert answer.body == b"x"


def test_only_the_codings_of_the_service_are_read(call: Caller) -> None:
    api = make(compression=Compression(codings=("br",), requests=True))
    assert send(call, api, brotli.compress(b"x"), "br").body == b"x"
    assert send(call, api, gzip.compress(b"x"), "gzip").headers["accept-encoding"] == "br"


@pytest.fixture
def _fresh() -> Iterator[None]:
    load_codec.cache_clear()
    yield
    load_codec.cache_clear()


@pytest.mark.usefixtures("_fresh")
def test_codings_that_are_not_installed_are_refused(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)
    answer = send(call, make(), b"", "br")
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "zstd, gzip, deflate")


def test_a_brotli_that_cannot_be_bounded_is_not_used(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brotli.Decompressor", object)
    assert send(call, make(), brotli.compress(b"x"), "br").status == 415


# Unpacked


@pytest.mark.parametrize("coding", [*CODINGS, "x-gzip", "GZip"])
@pytest.mark.parametrize("view", READERS)
def test_every_path_gives_what_was_compressed(call: Caller, view: Any, coding: str) -> None:
    name = "gzip" if "ip" in coding else coding
    answer = send(call, make(view), CODECS[name](b"[1]"), coding, (b"content-type", b"application/json"))
    assert answer.body == b"[1]"


@pytest.mark.parametrize("coding", CODINGS)
def test_a_compressed_form_is_read(call: Caller, coding: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue\r\n--x--\r\n'
    multipart = (b"content-type", b"multipart/form-data; boundary=x")
    assert send(call, make(parts), CODECS[coding](body), coding, multipart).media == ["value"]
    assert send(call, make(form), CODECS[coding](body), coding, multipart).media == {"a": "value"}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("view", [read, stream])
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_it_may_come_in_pieces(call: Caller, view: Any, coding: str, step: int) -> None:
    content = b"".join(b"%d," % number for number in range(300 if step < 100 else 40_000))
    body = CODECS[coding](content)
    pieces = [body[start : start + step] for start in range(0, len(body), step)]
    assert send(call, make(view), pieces, coding).body == content


@pytest.mark.parametrize("coding", CODINGS)
def test_an_empty_content_may_be_compressed(call: Caller, coding: str) -> None:
    answer = send(call, make(), CODECS[coding](b""), coding)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_members_follow_each_other(call: Caller, coding: str) -> None:
    members = [CODECS[coding](part) for part in (b"one ", b"", b"two")]
    for body in ([b"".join(members)], members):
        assert send(call, make(), body, coding).body == b"one two"


def test_the_body_is_unpacked_once_and_kept(call: Caller) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.media = [await req.media("json"), await req.text, [chunk.decode() async for chunk in req.stream()]]

    assert send(call, make(view), zlib.compress(b"1"), "deflate").media == [1, "1", ["1"]]


def test_after_a_stream_it_is_gone(call: Caller, caplog: pytest.LogCaptureFixture) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        await stream(req, resp)
        await req.content

    assert send(call, make(view), zlib.compress(b"1"), "deflate").status == 500


# Hostile


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("view", [read, stream, content_sync])
@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT * 100])
def test_what_unpacks_to_too_much_is_refused(call: Caller, view: Any, coding: str, size: int) -> None:
    answer = send(call, make(view), CODECS[coding](bytes(size)), coding)
    assert answer.status == 413
    assert answer.media["detail"] == f"The unpacked body is larger than the {LIMIT} bytes that this service takes."


@pytest.mark.parametrize("coding", CODINGS)
def test_exactly_as_much_as_allowed_is_taken(call: Caller, coding: str) -> None:
    assert len(send(call, make(), CODECS[coding](bytes(LIMIT)), coding).body) == LIMIT


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [64 * 1024, 64 * 1024 + 1, 2 * 64 * 1024, 2 * 64 * 1024 + 258])
def test_nothing_is_lost_at_the_edges_of_pieces(call: Caller, coding: str, size: int) -> None:
    assert len(send(call, make(), CODECS[coding](bytes(size)), coding).body) == size


@pytest.mark.parametrize("coding", CODINGS)
def test_the_compressed_bytes_are_limited_too(call: Caller, coding: str) -> None:
    body = CODECS[coding](b"x")
    assert send(call, make(limit=5), body + bytes(10), coding).status == 413
    assert send(call, make(limit=5), b"", coding, (b"content-length", b"6")).status == 413


@pytest.mark.parametrize("coding", CODINGS)
def test_no_piece_is_much_larger_than_a_slice(coding: str) -> None:
    body = CODECS[coding](bytes(10_000_000))
    pieces = list(decompress._DECODERS[coding](load_codec(coding)).feed(body))
    assert sum(map(len, pieces)) == 10_000_000
    assert max(map(len, pieces)) <= 2 * decompress.SLICE


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_that_is_cut_off_is_refused_wherever_that_is(call: Caller, coding: str) -> None:
    body = CODECS[coding](b"some content of the body")
    api = make()
    answers = [send(call, api, body[:length], coding) for length in range(len(body))]
    assert {answer.status for answer in answers} == {400}
    assert answers[-1].media["detail"] == f"The {coding} body ended early."


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("rest", [b"x", b"\x00", b"\x1f\x8b", b"rest of the body"])
def test_bytes_behind_the_end_are_refused(call: Caller, coding: str, rest: bytes) -> None:
    for content in (b"content", bytes(LIMIT)):
        body = CODECS[coding](content)
        for chunks in ([body + rest], [body, rest]):
            assert send(call, make(), chunks, coding).status == 400


@pytest.mark.parametrize("coding", ["br", "deflate"])
def test_a_second_stream_is_refused(call: Caller, coding: str) -> None:
    body = CODECS[coding](b"content")
    for chunks in ([body + body], [body, body]):
        assert send(call, make(), chunks, coding).status == 400


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_no_end_of_members_is_refused(call: Caller, coding: str) -> None:
    member = CODECS[coding](b"")
    api = make()
    assert send(call, api, member * decompress.MEMBERS, coding).status == 200
    assert send(call, api, member * (decompress.MEMBERS + 1), coding).status == 400


def test_a_huge_window_is_refused(call: Caller) -> None:
    def compress(window_log: int) -> bytes:
        parameter = zstd.CompressionParameter
        compressor = zstd.ZstdCompressor(options={parameter.window_log: window_log, parameter.content_size_flag: 0})
        return compressor.compress(b"content") + compressor.flush()

    assert send(call, make(), compress(23), "zstd").body == b"content"
    assert send(call, make(), compress(27), "zstd").status == 400


def test_a_dictionary_that_is_not_there_is_refused(call: Caller) -> None:
    compressor = zlib.compressobj(zdict=b"content")
    assert send(call, make(), compressor.compress(b"content") + compressor.flush(), "deflate").status == 400


@pytest.mark.parametrize("coding", CODINGS)
def test_a_failure_stays_one(call: Caller, coding: str) -> None:
    async def twice(req: responder.Request, resp: responder.Response) -> None:
        for _ in range(2):
            with pytest.raises(responder.HTTPError):
                await req.content
        resp.text = "refused"

    for body in (b"no codec writes this", b"", CODECS[coding](bytes(LIMIT + 1))):
        assert send(call, make(twice), body, coding).body == b"refused"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(coding=st.sampled_from(CODINGS), body=st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused(call: Caller, coding: str, body: bytes) -> None:
    assert send(call, make(), body, coding).status in {200, 400, 413}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    coding=st.sampled_from(CODINGS),
    content=st.binary(max_size=300),
    place=st.integers(0, 1000),
    change=st.integers(1, 255),
)
def test_a_changed_byte_is_read_or_refused(call: Caller, coding: str, content: bytes, place: int, change: int) -> None:
    body = bytearray(CODECS[coding](content))
    body[place % len(body)] ^= change
    assert send(call, make(), bytes(body), coding).status in {200, 400, 413}


@pytest.mark.parametrize("coding", ["gzip", "%00", "\xff"])
def test_a_get_with_a_coding_and_no_body_is_served(call: Caller, coding: str) -> None:
    answer = call(make(ignore), headers=[(b"content-encoding", coding.encode("latin-1"))])
    assert answer.status == 200
