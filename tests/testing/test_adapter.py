from __future__ import annotations

import asyncio
import gc
import gzip
import io
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest
import requests
from urllib3.exceptions import ProtocolError as BrokenConnection
from urllib3.util import Timeout

from responder import testing
from responder.errors import ConfigurationError
from responder.testing import signals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from responder.types import ASGIApp, Message, Receive, Scope, Send

DEADLINE = 20.0


class Recorder:
    """An application that keeps what it meets, answers with `answer`, and lives through a lifespan."""

    def __init__(self, *answer: Message) -> None:
        self.answer = answer or tuple(text(b"ok"))
        self.scopes: list[Scope] = []
        self.messages: list[Message] = []
        self.life: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.live(scope, receive, send)
            return
        self.scopes.append(scope)
        self.messages.append(await receive())
        while self.messages[-1].get("more_body"):
            self.messages.append(await receive())
        await self.respond(scope, send)

    async def respond(self, _scope: Scope, send: Send) -> None:
        for message in self.answer:
            await send(message)

    async def live(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["pool"] = "open"
        for phase in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{phase}"
            self.life.append(phase)
            await send({"type": f"lifespan.{phase}.complete"})

    @property
    def scope(self) -> Scope:
        return self.scopes[-1]

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.scope["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages)


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def text(content: bytes, *headers: tuple[bytes, bytes]) -> list[Message]:
    return [start(200, (b"content-length", str(len(content)).encode()), *headers), body(content)]


@pytest.fixture
def app() -> Recorder:
    return Recorder()


@pytest.fixture
def session(app: Recorder) -> Iterator[testing.Session]:
    with testing.session(app) as made:
        yield made


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "responder-testing"}


# URLs


@pytest.mark.parametrize("url", ["/hello", "hello", "http://;/hello", b"/hello"])
def test_a_url_is_a_path_of_the_api_or_absolute(app: Recorder, session: testing.Session, url: str) -> None:
    response = session.get(url)
    assert (response.url, response.request.url) == ("http://;/hello", "http://;/hello")
    assert (app.scope["path"], app.headers[b"host"], app.scope["server"]) == ("/hello", b";", (";", 80))


def test_the_root_needs_no_path(app: Recorder, session: testing.Session) -> None:
    assert session.get("http://;").url == "http://;/"
    assert session.get("").url == "http://;/"
    assert session.get("?a=1").url == "http://;/?a=1"


def test_an_absolute_url_stays_in_process_and_sets_the_host(app: Recorder, session: testing.Session) -> None:
    assert session.get("https://user:pass@Other.example:8443/x").text == "ok"
    assert (app.headers[b"host"], app.scope["scheme"]) == (b"other.example:8443", "https")
    assert app.scope["server"] == ("other.example", 8443)
    session.get("https://other.example:443/x")
    assert app.headers[b"host"] == b"other.example"
    session.get("http://[::1]:80/x")
    assert (app.headers[b"host"], app.scope["server"]) == (b"[::1]", ("::1", 80))


def test_a_host_header_of_the_caller_is_kept(app: Recorder, session: testing.Session) -> None:
    session.get("/", headers={"host": "evil.example"})
    assert [value for name, value in app.scope["headers"] if name == b"host"] == [b"evil.example"]


def test_a_base_url_may_have_a_host_and_a_path(app: Recorder) -> None:
    with testing.session(app, base_url="https://api.example/v1/") as session:
        assert session.get("/pets").url == "https://api.example/v1/pets"
        assert session.get("pets").url == "https://api.example/v1/pets"


def test_a_base_url_of_another_scheme_is_refused(app: Recorder) -> None:
    with pytest.raises(ConfigurationError, match="not 'ftp://x'"):
        testing.session(app, base_url="ftp://x")


@pytest.mark.parametrize("target", ["/int/1%0A", "/a%2Fb", "//double", "/%E2%82%AC", "/a;b", "/time:now"])
def test_the_raw_path_travels_as_it_was_written(app: Recorder, session: testing.Session, target: str) -> None:
    session.get(target)
    assert app.scope["raw_path"] == target.encode()


def test_the_path_is_decoded_once(app: Recorder, session: testing.Session) -> None:
    session.get("/a%2Fb%0A%E2%82%AC%FF%2520")
    assert app.scope["path"] == "/a/b\n\N{EURO SIGN}\N{REPLACEMENT CHARACTER}%20"


def test_the_query_stays_encoded(app: Recorder, session: testing.Session) -> None:
    session.get("/x?a=%2F", params={"b": "c d"})
    assert app.scope["query_string"] == b"a=%2F&b=c+d"


def test_the_caller_s_request_is_not_changed(session: testing.Session) -> None:
    request = requests.Request("GET", "/x")
    assert session.prepare_request(request).url == "http://;/x"
    assert request.url == "/x"


def test_the_scope_is_complete(app: Recorder, session: testing.Session) -> None:
    session.request("query", "/x?y", headers={"X-Name": "caf\xe9", "X-Raw": b"\xff"})
    scope = app.scope
    reporter = scope.pop("responder")
    assert callable(reporter)
    headers = dict(scope.pop("headers"))
    assert (headers[b"x-name"], headers[b"x-raw"]) == (b"caf\xe9", b"\xff")
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "QUERY",
        "scheme": "http",
        "path": "/x",
        "raw_path": b"/x",
        "query_string": b"y",
        "root_path": "",
        "client": ("127.0.0.1", 50000),
        "server": (";", 80),
        "state": {"pool": "open"},
    }


def test_a_request_cannot_change_the_state_of_the_lifespan(app: Recorder, session: testing.Session) -> None:
    session.get("/")
    app.scope["state"]["pool"] = "broken"
    session.get("/")
    assert app.scope["state"] == {"pool": "open"}


def test_the_environment_is_not_read(app: Recorder, session: testing.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    assert session.get("https://other.example/").text == "ok"


# Request bodies


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        (b"bytes", b"bytes"),
        ("caf\xe9", b"caf\xc3\xa9"),
        (io.BytesIO(b"file"), b"file"),
        (io.StringIO("file"), b"file"),
        ({"a": "b c"}, b"a=b+c"),
        (iter([b"one", b"", "two"]), b"onetwo"),
    ],
)
def test_every_kind_of_body_arrives(app: Recorder, session: testing.Session, data: Any, sent: bytes) -> None:
    session.post("/", data=data)
    assert app.body == sent


def test_a_body_of_known_length_ends_with_its_last_piece(app: Recorder, session: testing.Session) -> None:
    session.post("/", data=bytes(2**16 + 1))
    assert [(len(message["body"]), message["more_body"]) for message in app.messages] == [(2**16, True), (1, False)]
    assert app.headers[b"content-length"] == b"65537"


def test_a_bytearray_is_a_body(app: Recorder, session: testing.Session) -> None:
    prepared = session.prepare_request(requests.Request("POST", "/", headers={"Transfer-Encoding": "chunked"}))
    prepared.body = bytearray(b"ab")  # type: ignore[assignment]
    session.send(prepared)
    assert app.body == b"ab"


def test_a_request_without_body_is_one_empty_message(app: Recorder, session: testing.Session) -> None:
    session.get("/")
    assert app.messages == [{"type": "http.request", "body": b"", "more_body": False}]


def test_files_are_multipart(app: Recorder, session: testing.Session) -> None:
    session.post("/", files={"photo": ("cat.png", b"\x89PNG", "image/png")})
    assert app.headers[b"content-type"].startswith(b"multipart/form-data; boundary=")
    assert b'filename="cat.png"' in app.body


def test_a_generator_is_taken_as_the_application_asks_in_the_caller_s_thread() -> None:
    happened: list[str] = []

    def pieces() -> Iterator[bytes]:
        assert threading.current_thread() is threading.main_thread()
        for name in ("one", "two"):
            happened.append(f"made {name}")
            yield name.encode()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["more_body"]:
            happened.append(f"took {message['body'].decode()}")
        for message in text(b"ok"):
            await send(message)

    with testing.session(only_http(app)) as session:
        session.post("/", data=pieces())
    assert happened == ["made one", "took one", "made two", "took two"]


def only_http(app: ASGIApp) -> ASGIApp:
    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        await app(scope, receive, send)

    return guarded


def test_an_upload_and_its_response_may_overlap() -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        while (message := await receive())["more_body"]:
            await send(body(message["body"].upper(), more=True))
        await send(body(b""))

    def pieces() -> Iterator[bytes]:
        for number in range(3):
            heard.append(f"up {number}")
            yield f"piece {number}".encode()

    heard: list[str] = []
    with testing.session(only_http(echo)) as session:
        response = session.post("/", data=pieces(), stream=True)
        heard.extend(piece.decode() for piece in response.iter_content(None))
    assert heard[-1] == "PIECE 2"
    assert len(heard) == 6


def test_an_upload_nobody_asks_for_is_not_taken() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        for message in [start(413), body(b"")]:
            await send(message)

    def pieces() -> Iterator[bytes]:
        asked.append("asked")
        yield b""

    asked: list[str] = []
    with testing.session(only_http(refuse)) as session:
        assert session.post("/", data=pieces()).status_code == 413
    assert asked == []


def test_a_piece_that_comes_after_the_application_ended_is_dropped() -> None:
    begun, over = threading.Event(), threading.Event()

    async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda _: over.set())
        watch = asyncio.ensure_future(receive())
        await asyncio.to_thread(begun.wait, DEADLINE)
        await send(start())
        await send(body(b"enough"))
        await watch

    def pieces() -> Iterator[bytes]:
        begun.set()
        assert over.wait(DEADLINE)
        yield b"late"

    with testing.session(only_http(hasty)) as session:
        assert session.post("/", data=pieces()).text == "enough"


def test_an_error_of_the_upload_is_raised_and_the_application_told() -> None:
    seen: list[str] = []

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        seen.append(message["type"])

    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise OSError("the disk is gone")

    with testing.session(only_http(read)) as session, pytest.raises(OSError, match="the disk is gone"):
        session.post("/", data=pieces())
    assert seen == ["http.disconnect"]


def test_a_body_short_of_its_content_length_breaks_the_connection(app: Recorder, session: testing.Session) -> None:
    prepared = session.prepare_request(requests.Request("POST", "/", data=b"abc"))
    prepared.headers["Content-Length"] = "5"
    with pytest.raises(requests.ConnectionError, match="2 bytes short"):
        session.send(prepared)
    assert [message["type"] for message in app.messages] == ["http.request", "http.disconnect"]


# Responses


def test_a_response_is_what_requests_gives_anywhere(app: Recorder, session: testing.Session) -> None:
    app.answer = tuple(text(b"caf\xe9", (b"content-type", b"text/plain; charset=latin-1"), (b"x-name", b"\xe9")))
    response = session.get("/")
    assert (response.status_code, response.reason, response.text) == (200, "OK", "caf\xe9")
    assert (response.headers["X-Name"], response.encoding) == ("\xe9", "latin-1")
    assert response.request.method == "GET"
    assert response.elapsed.total_seconds() > 0


def test_a_compressed_body_is_decoded(app: Recorder, session: testing.Session) -> None:
    app.answer = tuple(text(gzip.compress(b"x" * 100_000), (b"content-encoding", b"gzip")))
    assert session.get("/").content == b"x" * 100_000
    with session.get("/", stream=True) as response:
        assert b"".join(response.iter_content(100)) == b"x" * 100_000


def test_the_raw_body_is_a_file(app: Recorder, session: testing.Session) -> None:
    app.answer = (start(), body(b"abc", more=True), body(b"defg", more=True), body(b""))
    with session.get("/", stream=True) as response:
        assert response.raw.read(2) == b"ab"
        assert response.raw.read(3) == b"cde"
        assert response.raw.read() == b"fg"
        assert response.raw.read() == b""
        assert list(response.raw.stream()) == []


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_response_without_body_is_empty(app: Recorder, session: testing.Session, method: str) -> None:
    app.answer = (start(200 if method == "HEAD" else 304, (b"content-length", b"1000")), body(b""))
    response = session.request(method, "/")
    assert (response.content, response.headers["content-length"]) == (b"", "1000")


def test_lines_arrive_as_they_are_sent() -> None:
    asked = threading.Event()

    async def feed(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-type", b"text/event-stream")))
        await send(body(b"data: 1\n\n", more=True))
        assert asked.is_set() is False
        await receive()
        message = await receive()
        assert message["type"] == "http.disconnect"
        left.append("left")

    left: list[str] = []
    with testing.session(only_http(feed)) as session:
        with session.get("/", stream=True) as response:
            assert next(response.iter_lines()) == b"data: 1"
        assert left == ["left"]


def test_an_endless_stream_ends_when_the_response_is_closed() -> None:
    sent = 0

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await receive()
        await send(start())
        while sent < 10 or (await receive())["type"] != "http.disconnect":
            await send(body(b"tick\n", more=True))
            sent += 1

    with testing.session(only_http(endless)) as session:
        response = session.get("/", stream=True)
        lines = response.iter_lines(chunk_size=None)
        assert [next(lines) for _ in range(3)] == [b"tick"] * 3
        assert sent < 10
        response.close()
        response.close()
        assert sent == 10


def test_an_application_that_ignores_the_disconnect_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "GRACE", 0.05)
    ended: list[str] = []

    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        try:
            while True:
                await send(body(b"tick", more=True))
        finally:
            ended.append("cancelled")

    with testing.session(only_http(stubborn)) as session:
        with session.get("/", stream=True) as response:
            assert next(response.iter_content(4)) == b"tick"
        assert ended == ["cancelled"]


def test_a_forgotten_response_is_left() -> None:
    left = threading.Event()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    with testing.session(only_http(wait)) as session:
        session.get("/", stream=True)
        gc.collect()
        assert left.wait(DEADLINE)


def test_an_open_stream_ends_with_its_session(app: Recorder) -> None:
    session = testing.session(app)
    app.answer = (start(), body(b"one", more=True), body(b"two", more=True), body(b""))
    response = session.get("/", stream=True)
    session.close()
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="closed"):
        response.content  # noqa: B018 - reading is what fails
    response.close()
    assert app.life == ["startup", "shutdown"]


# Cookies and redirects


def test_a_cookie_of_the_application_comes_back(app: Recorder, session: testing.Session) -> None:
    app.answer = tuple(text(b"ok", (b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2; HttpOnly")))
    response = session.get("/")
    assert dict(response.cookies) == {"a": "1", "b": "2"}
    session.cookies.set("c", "3")
    session.get("/x")
    assert set(app.headers[b"cookie"].split(b"; ")) == {b"a=1", b"b=2", b"c=3"}


def test_cookies_of_two_hosts_are_kept_apart(app: Recorder, session: testing.Session) -> None:
    app.answer = tuple(text(b"ok", (b"set-cookie", b"a=1")))
    session.get("http://one.example/")
    session.get("http://two.example/")
    assert b"cookie" not in app.headers


class Redirecting(Recorder):
    async def respond(self, scope: Scope, send: Send) -> None:
        location = {"/old": b"new?x=1", "/new": b"/last", "/away": b"https://other.example/x"}.get(scope["path"])
        if location is not None:
            await send(start(307, (b"location", location), (b"set-cookie", b"seen=" + scope["path"][1:].encode())))
            await send(body(b"moved"))
        else:
            await super().respond(scope, send)


def test_redirects_are_followed_inside_the_process() -> None:
    app = Redirecting()
    with testing.session(app) as session:
        response = session.post("/old", data=b"again")
        assert [hop.url for hop in [*response.history, response]] == [
            "http://;/old",
            "http://;/new?x=1",
            "http://;/last",
        ]
        assert (app.body, app.headers[b"cookie"]) == (b"again" * 3, b"seen=new")
        assert session.get("/away").url == "https://other.example/x"
        assert app.headers[b"host"] == b"other.example"
        assert session.get("/old", allow_redirects=False).next is not None


# Exceptions


def failing(error: BaseException, *before: Message, report: bool = False) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        if not report:
            raise error
        try:
            raise error
        except type(error) as caught:
            scope["responder"](caught)
        for message in [start(500), body(b"sorry")]:
            await send(message)

    return only_http(app)


ERRORS = [ValueError("boom"), OSError("boom"), TimeoutError("boom"), SystemExit("boom"), RuntimeError("boom")]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("report", [False, True])
def test_an_exception_comes_out_as_itself(error: BaseException, report: bool) -> None:  # noqa: FBT001 - a parameter
    with testing.session(failing(error, report=report)) as session:
        with pytest.raises(type(error)) as caught:
            session.get("/")
        assert caught.value is error
        assert "app" in [entry.name for entry in caught.traceback]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_an_exception_in_mid_stream_comes_out_as_itself_after_what_was_sent(error: BaseException) -> None:
    with testing.session(failing(error, start(), body(b"one", more=True))) as session:
        with session.get("/", stream=True) as response, pytest.raises(type(error)) as caught:  # noqa: PT012 - in steps
            assert response.raw.read1() == b"one"
            response.raw.read()
        assert caught.value is error
        with pytest.raises(type(error)):
            session.get("/")


def test_the_first_failure_is_the_one_that_comes_out() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        scope["responder"](ValueError("the cause"))
        await send(start(500))

    with testing.session(only_http(app)) as session, pytest.raises(ValueError, match="the cause"):
        session.get("/")


def test_an_exception_after_the_response_comes_out_too() -> None:
    with (
        testing.session(failing(ValueError("late"), start(), body(b"ok"))) as session,
        pytest.raises(ValueError, match="late"),
    ):
        session.get("/")


def test_an_exception_in_mid_redirect_comes_out_as_itself() -> None:
    app = failing(RuntimeError("boom"), start(302, (b"location", b"/x")), body(b"moved", more=True))
    with testing.session(app) as session, pytest.raises(RuntimeError, match="boom"):
        session.get("/")


def test_an_exception_at_the_disconnect_comes_out_of_close() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        while (await receive())["type"] == "http.request":
            pass
        raise ValueError("while cleaning up")

    with testing.session(only_http(app)) as session:
        response = session.get("/", stream=True)
        with pytest.raises(ValueError, match="while cleaning up"):
            response.close()


def test_exceptions_become_responses_when_they_are_not_wanted() -> None:
    with testing.session(failing(ValueError("boom"), report=True), raise_exceptions=False) as session:
        response = session.get("/")
        assert (response.status_code, response.text) == (500, "sorry")
    with testing.session(failing(ValueError("boom")), raise_exceptions=False) as session:
        response = session.get("/")
        assert (response.status_code, response.text) == (500, "Internal Server Error")
        assert session.head("/").content == b""


def test_an_unwanted_exception_in_mid_stream_breaks_the_connection() -> None:
    app = failing(ValueError("boom"), start(), body(b"one", more=True))
    with testing.session(app, raise_exceptions=False) as session:
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="before its response was complete"):
            session.get("/")
        with session.get("/", stream=True) as response, pytest.raises(BrokenConnection):
            response.raw.read()


def test_a_broken_rule_is_raised_whatever_is_wanted() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-length", b"5")))
        await send(body(b"four"))

    complaint = pytest.raises(testing.ProtocolError, match="Content-Length is 5, but 4 bytes")
    with testing.session(only_http(app), raise_exceptions=False) as session, complaint:
        session.get("/")


# Time


def silent(*before: Message) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        while (await receive())["type"] != "http.disconnect":
            pass

    return only_http(app)


@pytest.mark.parametrize("timeout", [0.05, (1, 0.05), Timeout(read=0.05)])
def test_a_view_slower_than_the_timeout_is_left(timeout: Any) -> None:
    with testing.session(silent()) as session, pytest.raises(requests.ReadTimeout, match=r"No response within 0.05 s"):
        session.get("/", timeout=timeout)


def test_a_body_slower_than_the_timeout_is_left() -> None:
    app = silent(start(), body(b"one", more=True))
    with testing.session(app) as session, pytest.raises(requests.ConnectionError, match=r"within 0.05 s"):
        session.get("/", timeout=0.05)


# Life


def test_the_lifespan_runs_once_for_many_requests(app: Recorder) -> None:
    session = testing.session(app)
    assert app.life == []
    session.get("/")
    session.get("/")
    assert app.life == ["startup"]
    session.close()
    session.close()
    assert app.life == ["startup", "shutdown"]


def test_with_runs_the_lifespan_without_a_request(app: Recorder) -> None:
    with testing.session(app) as session:
        assert isinstance(session, testing.Session)
        assert app.life == ["startup"]
    assert app.life == ["startup", "shutdown"]


def test_a_closed_session_may_be_used_again(app: Recorder) -> None:
    session = testing.session(app)
    for _ in range(2):
        with session:
            assert session.get("/").text == "ok"
    assert app.life == ["startup", "shutdown"] * 2


def test_a_failed_start_up_is_raised_and_leaves_no_thread() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["responder"](error)
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    error = OSError("no database")
    before = threads()
    session = testing.session(app)
    for _ in range(2):
        with pytest.raises(OSError, match="no database") as caught:
            session.get("/")
        assert caught.value is error
    assert threads() == before


def test_a_failed_shutdown_is_raised_by_close_and_leaves_no_thread() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "queue not empty"})

    before = threads()
    with pytest.raises(testing.LifespanError, match="shutdown of the application failed: queue not empty"):
        testing.session(app).__enter__().close()
    assert threads() == before


def test_a_session_nobody_closes_is_collected_with_its_thread() -> None:
    class Owner(Recorder):
        def __init__(self) -> None:
            super().__init__()
            self.requests = testing.session(self)

    before = threads()
    owner = Owner()
    assert owner.requests.get("/").text == "ok"
    assert len(threads()) == len(before) + 1
    alive = weakref.ref(owner)
    del owner
    deadline = time.monotonic() + DEADLINE
    while alive() is not None and time.monotonic() < deadline:
        gc.collect()  # the loop may still hold the last handle that it ran
    assert alive() is None
    assert threads() == before


def test_a_session_that_lives_until_the_end_of_the_process_runs_its_shutdown(app: Recorder) -> None:
    session = testing.session(app)
    session.get("/")
    running = session._adapter.open()
    running._finalizer()
    assert app.life == ["startup", "shutdown"]
    session.close()


def test_a_session_that_was_just_closed_ends_quietly_with_the_process(app: Recorder) -> None:
    session = testing.session(app)
    running = session._adapter.open()
    session.close()
    running.end()
    session._adapter.end()
    assert app.life == ["startup", "shutdown"]


def test_requests_from_many_threads_run_side_by_side() -> None:
    meeting = threading.Barrier(3)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(meeting.wait, DEADLINE)
        for message in text(scope["raw_path"]):
            await send(message)

    results: list[str] = []
    with testing.session(only_http(app)) as session:
        workers = [threading.Thread(target=lambda n=n: results.append(session.get(f"/{n}").text)) for n in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(DEADLINE)
    assert sorted(results) == ["/0", "/1", "/2"]


@pytest.mark.parametrize("path", ["/get", "/close"])
def test_a_view_that_waits_for_its_own_session_is_told(path: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/get":
            made.get("/again")
        made.close()

    made = testing.session(only_http(app))
    with made, pytest.raises(RuntimeError, match="cannot wait for the session"):
        made.get(path)


def test_closing_ends_a_request_that_waits_in_another_thread() -> None:
    begun = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    def ask() -> None:
        try:
            session.get("/")
        except requests.ConnectionError as error:
            failures.append(str(error))

    failures: list[str] = []
    session = testing.session(only_http(app))
    session.__enter__()
    worker = threading.Thread(target=ask)
    worker.start()
    assert begun.wait(DEADLINE)
    session.close()
    worker.join(DEADLINE)
    assert failures == ["The client was closed before the response started."]


def test_a_request_whose_loop_is_gone_has_no_response() -> None:
    begun = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.Event().wait()

    def ask() -> None:
        try:
            session.get("/")
        except requests.ConnectionError as error:
            failures.append(str(error))

    failures: list[str] = []
    session = testing.session(only_http(app))
    running = session._adapter.open()
    worker = threading.Thread(target=ask)
    worker.start()
    assert begun.wait(DEADLINE)
    running.loop.stop()
    worker.join(DEADLINE)
    running.end()
    running._finalizer()
    assert failures == ["The session was closed before the response was complete."]
