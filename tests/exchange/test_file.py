from __future__ import annotations

import asyncio
import os
import tempfile
from datetime import UTC, datetime
from email.parser import BytesParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import Caller

import responder
from responder.exchange import emit
from responder.exchange import file as files
from responder.exchange.file import open_file
from responder.http.dates import format_http_date

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Answer

    from responder.types import Message

LETTERS = b"abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    path = tmp_path / "letters.txt"
    path.write_bytes(LETTERS)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


@pytest.fixture
def ask(call: Caller, letters: Path) -> Callable[..., Answer]:
    """Give a function that asks for the letters with these headers."""
    api = responder.API()

    @api.get("/")
    async def send(req: responder.Request, resp: responder.Response) -> None:
        resp.file(letters)

    def ask(headers: dict[str, str] | None = None, **scope: Any) -> Answer:
        fields = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        return call(api, headers=fields, **scope)

    return ask


def send_with(put: Callable[[responder.Response], object]) -> responder.API:
    api = responder.API()

    @api.get("/")
    async def send(req: responder.Request, resp: responder.Response) -> None:
        put(resp)

    return api


# Whole files


def test_a_file_is_sent_with_its_type_length_and_validators(ask: Callable[..., Answer]) -> None:
    answer = ask()
    assert (answer.status, answer.body) == (200, LETTERS)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-length"] == "26"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["last-modified"] == format_http_date(1_700_000_000)
    assert answer.headers["etag"].startswith('"')


def test_a_sync_view_sends_a_file_too(letters: Path) -> None:
    api = responder.API()

    @api.get("/")
    def send(req: responder.Request, resp: responder.Response) -> None:
        resp.file(str(letters))

    assert api.requests.get("/").content == LETTERS


def test_head_tells_the_length_and_sends_nothing(ask: Callable[..., Answer]) -> None:
    answer = ask(method="HEAD")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "26")


def test_an_empty_file_is_an_empty_body(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    answer = call(send_with(lambda resp: resp.file(tmp_path / "empty")), headers=[(b"range", b"bytes=0-")])
    assert (answer.status, answer.body, answer.headers["content-range"]) == (416, b"", "bytes */0")
    answer = call(send_with(lambda resp: resp.file(tmp_path / "empty")))
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")


@pytest.mark.parametrize("size", [files.PIECE - 1, files.PIECE, files.PIECE + 1, 3 * files.PIECE])
def test_a_large_file_comes_in_pieces(call: Caller, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "large").write_bytes(content)
    answer = call(send_with(lambda resp: resp.file(tmp_path / "large")))
    assert answer.body == content
    assert answer.headers["content-length"] == str(size)


@pytest.mark.parametrize("size", [10, files.PIECE + 1])
def test_what_the_system_has_not_cached_is_read_on_a_thread(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    content = os.urandom(size)
    (tmp_path / "cold").write_bytes(content)
    monkeypatch.setattr(files, "_WITHOUT_WAITING", 0)
    assert call(send_with(lambda resp: resp.file(tmp_path / "cold"))).body == content


def test_a_system_that_refuses_to_read_without_waiting_is_believed(
    call: Caller, letters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError

    monkeypatch.setattr(os, "preadv", refuse)
    assert call(send_with(lambda resp: resp.file(letters))).body == LETTERS


def test_a_file_that_shrinks_meanwhile_cuts_the_response_off(tmp_path: Path) -> None:
    path = tmp_path / "shrinking"
    path.write_bytes(b"x" * (files.PIECE * 2))

    def put(resp: responder.Response) -> None:
        resp.file(path)
        os.truncate(path, files.PIECE)

    with send_with(put).session() as session, pytest.raises(ValueError, match="Content-Length says 524288"):
        session.get("/")


def test_a_small_file_that_shrinks_meanwhile_cuts_the_response_off(tmp_path: Path) -> None:
    path = tmp_path / "shrinking"
    path.write_bytes(b"x" * 100)

    def put(resp: responder.Response) -> None:
        resp.file(path)
        os.truncate(path, 50)

    with send_with(put).session() as session, pytest.raises(ValueError, match="Content-Length says 100"):
        session.get("/")


def test_a_status_of_the_views_own_is_sent_without_ranges_and_conditions(call: Caller, letters: Path) -> None:
    def put(resp: responder.Response) -> None:
        resp.file(letters)
        resp.status_code = 404

    answer = call(send_with(put), headers=[(b"range", b"bytes=0-1"), (b"if-none-match", b"*")])
    assert (answer.status, answer.body) == (404, LETTERS)


def test_the_body_that_is_set_last_wins(call: Caller, letters: Path) -> None:
    def put(resp: responder.Response) -> None:
        resp.file(letters)
        resp.text = "text"

    answer = call(send_with(put))
    assert (answer.body, "etag" in answer.headers) == (b"text", False)


def test_a_type_and_validators_of_the_views_own_stay(call: Caller, letters: Path) -> None:
    def put(resp: responder.Response) -> None:
        resp.etag = "mine"
        resp.last_modified = datetime.fromtimestamp(0, UTC)
        resp.file(letters)
        resp.mimetype = "text/csv"

    answer = call(send_with(put))
    assert answer.headers["etag"] == '"mine"'
    assert answer.headers["last-modified"] == format_http_date(0)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


def test_an_after_hook_may_read_the_content(letters: Path) -> None:
    seen = []
    api = send_with(lambda resp: resp.file(letters))

    @api.after_request
    async def look(req: responder.Request, resp: responder.Response) -> None:
        seen.append(resp.content)

    assert api.requests.get("/").content == LETTERS
    assert seen == [LETTERS]


def test_the_file_is_closed_with_the_request(letters: Path) -> None:
    descriptors = Path("/proc/self/fd")
    with send_with(lambda resp: resp.file(letters)).session() as session:
        session.get("/")
        opened = len(list(descriptors.iterdir()))
        for _ in range(5):
            session.get("/")
        assert len(list(descriptors.iterdir())) == opened


def test_closing_twice_does_nothing(letters: Path) -> None:
    file = open_file(letters)
    file.close()
    file.close()


# What is not there


def test_a_file_that_is_missing_is_a_404(session: Any, api: responder.API, tmp_path: Path) -> None:
    @api.get("/{name:path}")
    async def send(req: responder.Request, resp: responder.Response, *, name: str) -> None:
        resp.file(name, root=tmp_path)

    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("missing", "fifo", "folder", "", "a%00b", "x" * 300, "x/" * 3000, "missing/../x"):
        assert session.get("/" + name).status_code == 404, name


def test_half_of_a_surrogate_pair_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(responder.HTTPError):
        open_file("\ud800", tmp_path)


@pytest.mark.parametrize("name", ["../secret", "inside/../../secret", "/etc/passwd", "link", "folder/secret"])
def test_nothing_leads_out_of_the_root(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    (root / "inside").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    with pytest.raises(responder.HTTPError, match="404"):
        open_file(name, root)


def test_links_inside_the_root_are_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "real").write_text("inside")
    (root / "link").symlink_to("real")
    (tmp_path / "alias").symlink_to(root)
    assert open_file("link", tmp_path / "alias").read_all() == b"inside"


def test_a_folder_whose_name_starts_alike_is_outside(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "rooted").mkdir()
    (tmp_path / "rooted" / "file").touch()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "rooted" / "file")
    with pytest.raises(responder.HTTPError):
        open_file("link", tmp_path / "root")


def test_where_the_system_does_not_tell_the_path_it_is_resolved(
    tmp_path: Path, letters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise OSError

    file = open_file(letters.name, tmp_path)
    expected = file.real_path
    monkeypatch.setattr(os, "readlink", refuse)
    assert file.real_path == expected


# Conditions


def test_a_client_that_has_the_file_gets_a_304(ask: Callable[..., Answer]) -> None:
    first = ask()
    for headers in (
        {"If-None-Match": first.headers["etag"]},
        {"If-None-Match": "*"},
        {"If-Modified-Since": first.headers["last-modified"]},
    ):
        answer = ask(headers)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["etag"] == first.headers["etag"]
        assert "content-length" not in answer.headers


def test_a_condition_that_does_not_hold_is_a_412(ask: Callable[..., Answer]) -> None:
    assert ask({"If-Match": '"other"'}).status == 412
    assert ask({"If-Unmodified-Since": format_http_date(1_600_000_000)}).status == 412


def test_conditions_that_hold_give_the_file(ask: Callable[..., Answer]) -> None:
    first = ask()
    for headers in (
        {"If-Match": first.headers["etag"]},
        {"If-Unmodified-Since": first.headers["last-modified"]},
        {"If-None-Match": '"other"'},
        {"If-Modified-Since": format_http_date(1_600_000_000)},
        {"If-Modified-Since": "yesterday"},
    ):
        assert ask(headers).status == 200


def test_another_content_is_another_tag(ask: Callable[..., Answer], letters: Path) -> None:
    first = ask()
    letters.write_bytes(LETTERS[::-1])
    assert ask().headers["etag"] != first.headers["etag"]


# Ranges


@pytest.mark.parametrize(
    ("asked", "expected", "content_range"),
    [
        ("bytes=0-0", b"a", "bytes 0-0/26"),
        ("bytes=5-9", b"fghij", "bytes 5-9/26"),
        ("bytes=20-", b"uvwxyz", "bytes 20-25/26"),
        ("bytes=-3", b"xyz", "bytes 23-25/26"),
        ("bytes=0-99999999999", LETTERS, "bytes 0-25/26"),
        ("bytes=0-4,3-9", b"abcdefghij", "bytes 0-9/26"),
    ],
)
def test_one_range_is_a_206(ask: Callable[..., Answer], asked: str, expected: bytes, content_range: str) -> None:
    answer = ask({"Range": asked})
    assert (answer.status, answer.body) == (206, expected)
    assert answer.headers["content-range"] == content_range
    assert answer.headers["content-length"] == str(len(expected))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def read_parts(answer: Answer) -> list[tuple[str | None, str | None, bytes]]:
    """Read a multipart/byteranges body with a parser that is not ours."""
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    message: Any = BytesParser().parsebytes(head + answer.body)
    return [
        (part["content-type"], part["content-range"], part.get_payload(decode=True)) for part in message.get_payload()
    ]


def test_several_ranges_are_the_parts_of_one_body(ask: Callable[..., Answer]) -> None:
    answer = ask({"Range": "bytes=20-,0-4"})
    assert answer.status == 206
    assert answer.headers["content-length"] == str(len(answer.body))
    assert "content-range" not in answer.headers
    assert read_parts(answer) == [
        ("text/plain; charset=utf-8", "bytes 20-25/26", b"uvwxyz"),
        ("text/plain; charset=utf-8", "bytes 0-4/26", b"abcde"),
    ]


@pytest.mark.parametrize("asked", ["bytes=26-", "bytes=100-200", "bytes=-0"])
def test_a_range_beyond_the_end_is_a_416_that_tells_the_size(ask: Callable[..., Answer], asked: str) -> None:
    answer = ask({"Range": asked})
    assert (answer.status, answer.body) == (416, b"")
    assert answer.headers["content-range"] == "bytes */26"


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=5-1",
        "bytes=--3",
        "bytes=a-b",
        "items=0-1",
        "bytes",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 34, 2)),
    ],
)
def test_ranges_that_mean_nothing_or_are_too_many_give_the_whole(ask: Callable[..., Answer], asked: str) -> None:
    answer = ask({"Range": asked})
    assert (answer.status, answer.body) == (200, LETTERS)


def test_the_number_of_ranges_is_a_limit(call: Caller, letters: Path) -> None:
    api = responder.API(limits=responder.Limits(ranges=1))

    @api.get("/")
    async def send(req: responder.Request, resp: responder.Response) -> None:
        resp.file(letters)

    assert call(api, headers=[(b"range", b"bytes=0-1,5-6")]).status == 200
    assert call(api, headers=[(b"range", b"bytes=0-1")]).status == 206


def test_head_knows_no_ranges(ask: Callable[..., Answer]) -> None:
    answer = ask({"Range": "bytes=0-1"}, method="HEAD")
    assert (answer.status, answer.headers["content-length"]) == (200, "26")


def test_if_range_asks_for_the_range_of_the_same_file_alone(ask: Callable[..., Answer]) -> None:
    first = ask()
    for same in (first.headers["etag"], first.headers["last-modified"]):
        assert ask({"Range": "bytes=0-1", "If-Range": same}).status == 206
    for other in ('"other"', f"W/{first.headers['etag']}", format_http_date(0), "nonsense"):
        assert ask({"Range": "bytes=0-1", "If-Range": other}).status == 200


def test_a_condition_comes_before_the_range(ask: Callable[..., Answer]) -> None:
    etag = ask().headers["etag"]
    assert ask({"Range": "bytes=0-1", "If-None-Match": etag}).status == 304


@given(
    asked=st.text(alphabet="bytes=0123456789-, ")
    | st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))).map(
        lambda pairs: "bytes=" + ",".join(f"{a}-{b}" for a, b in pairs)
    )
)
@settings(max_examples=60, deadline=None)
def test_any_range_is_answered_with_what_the_headers_say(asked: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=".txt") as named:
        named.write(LETTERS)
        named.flush()
        answer = Caller()(send_with(lambda resp: resp.file(named.name)), headers=[(b"range", asked.encode())])
    assert answer.status in {200, 206, 416}
    assert answer.headers["content-length"] == str(len(answer.body))


# Downloads


def test_a_download_is_saved_under_the_files_own_name(call: Caller, letters: Path) -> None:
    answer = call(send_with(lambda resp: resp.download(letters)))
    assert answer.headers["content-disposition"] == 'attachment; filename="letters.txt"'
    assert answer.body == LETTERS


def test_a_download_may_have_another_name(call: Caller, letters: Path) -> None:
    answer = call(send_with(lambda resp: resp.download(letters.name, "\u00e9t\u00e9.csv", root=letters.parent)))
    assert (
        answer.headers["content-disposition"] == "attachment; filename=\"ete.csv\"; filename*=UTF-8''%C3%A9t%C3%A9.csv"
    )
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


# Servers that send files by name


def exchange(api: responder.API, **headers: str) -> list[Message]:
    """Give the messages to a server that offers `http.response.pathsend`."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "scheme": "http"}
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(api(scope | {"headers": fields, "extensions": {"http.response.pathsend": {}}}, receive, send))
    return sent


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(b"x" * (emit._SMALL_FILE + 1))
    return path


def test_a_server_that_offers_it_gets_the_name(large: Path) -> None:
    start, body = exchange(send_with(lambda resp: resp.file(large)))
    assert body == {"type": "http.response.pathsend", "path": str(large)}
    assert dict(start["headers"])[b"content-length"] == b"65537"


def test_small_files_and_ranges_are_read_all_the_same(large: Path, letters: Path) -> None:
    assert exchange(send_with(lambda resp: resp.file(letters)))[1]["body"] == LETTERS
    assert exchange(send_with(lambda resp: resp.file(large)), range="bytes=0-9")[1]["body"] == b"x" * 10


def test_a_file_that_background_work_may_remove_is_not_sent_by_name(large: Path) -> None:
    def put(resp: responder.Response) -> None:
        resp.file(large)
        resp.background(large.unlink)

    assert [message["type"] for message in exchange(send_with(put))[1:]] == ["http.response.body"] * 2


@pytest.mark.parametrize("replace", [True, False])
def test_a_file_that_is_no_longer_there_is_not_sent_by_name(large: Path, *, replace: bool) -> None:
    def put(resp: responder.Response) -> None:
        resp.file(large)
        large.unlink()
        if replace:
            large.write_bytes(b"other")

    assert exchange(send_with(put))[1]["body"] == b"x" * 65537
