"""Attacks on a running service through bare sockets: what no client library would send, on both servers."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from tests.safety.service import DEADLINE, Service, chunked, request, reset, statuses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = """
import asyncio
import sys
import threading

from responder import API, Limits, Threads

api = API(limits=Limits(body=1000), threads=Threads(workers=2, queue=2))
gate = threading.Event()
streams = {"open": 0, "closed": 0}


@api.get("/hello")
async def hello(req, resp):
    resp.text = "hello"


@api.get("/stats")
async def stats(req, resp):
    (board,) = api.boards.values()
    resp.media = {"live": len(board.live), "threads": threading.active_count(), **streams}


@api.route("/echo/{kind}")
async def echo(req, resp, *, kind):
    readers = {"text": lambda: req.text, "media": lambda: req.media("json"), "url": read_url, "query": read_query}
    resp.media = await readers.get(kind, lambda: req.text)()


async def read_url():
    return "url"


async def read_query():
    return "query"


@api.route("/sync")
def sync(req, resp):
    resp.text = req.text_sync


@api.get("/number/{number:int}")
async def number(req, resp, *, number):
    resp.text = str(number)


@api.get("/directory/")
async def directory(req, resp):
    resp.text = "directory"


@api.get("/url")
async def url(req, resp):
    resp.media = {"url": req.full_url, "cookies": dict(req.cookies), "query": list(req.params)}


@api.get("/go")
async def go(req, resp):
    resp.redirect(req.params["to"])


@api.route("/nothing")
async def nothing(req, resp):
    resp.text = "not to be sent"
    resp.status_code = 204


@api.route("/tagged")
async def tagged(req, resp):
    resp.text = "tagged"
    resp.etag = "one"


@api.route("/held")
def held(req, resp):
    gate.wait(10)
    resp.text = "held"


@api.post("/release")
async def release(req, resp):
    gate.set()
    resp.text = "released"


@api.route("/mirror")
async def mirror(req, resp):
    resp.stream(req.stream())


@api.route("/endless/{kind}")
async def endless(req, resp, *, kind):
    @resp.stream
    async def pieces():
        streams["open"] += 1
        try:
            while True:
                yield b"x" * 1000
                if kind == "slow":
                    await asyncio.sleep(0.01)
        finally:
            streams["closed"] += 1


if __name__ == "__main__":
    api.run(port=0, server=sys.argv[1], grace=0.3)
"""


@pytest.fixture(scope="module", params=["granian", "uvicorn"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give one service for all attacks; at the end it must still be well, and must have had nothing to say."""
    one = Service(tmp_path_factory.mktemp("service"), request.param, APP)
    try:
        yield one
        one.wait_for(lambda numbers: numbers["live"] == 1)
        assert one.stats()["threads"] <= 4
        assert one.end() == 0
        # What uvicorn says of a response that is cut off in the middle; it knows no way to say so to the client.
        assert one.log().replace("ASGI callable returned without completing response.\n", "") == ""
    finally:
        one.close()


TARGETS = [
    *(
        b"",
        b"*",
        b"/",
        b"//",
        b"///",
        b"hello",
        b" /hello",
        b"/hello x",
        b"/\x00",
        b"/\x01",
        b"/\x7f",
        b"/\xff",
        b"/\xc3\xa9",
    ),
    *(
        b"/%",
        b"/%z",
        b"/%00",
        b"/%0d%0aX:%20y",
        b"/%ff",
        b"/%ed%a0%80",
        b"/%2f",
        b"/%2e%2e/",
        b"/..",
        b"/\\",
        b"/;",
        b"/#",
    ),
    *(
        b"http://",
        b"http://evil.example",
        b"http://evil.example/hello",
        b"ftp://x/",
        b"evil.example:443",
        b"://",
        b"?",
        b"/?",
    ),
    *(
        b"/number/-1",
        b"/number/99999999999999999999",
        b"/number/%D9%A1",
        b"/number/" + b"9" * 20000,
        b"/" + b"a/" * 20000,
    ),
    *(
        b"/url?%",
        b"/url?%ff",
        b"/url?a=%ed%a0%80",
        b"/url?" + b"a&" * 2000,
        b"/url?" + b"a" * 30000,
        b"/url?\x00",
        b"/url?\xff",
    ),
]


@pytest.mark.parametrize(
    "method", [b"GET", b"HEAD", b"OPTIONS", b"POST", b"get", b"BREW", b"__class__", b"TRACE", b"CONNECT"]
)
def test_no_request_line_breaks_the_service(service: Service, method: bytes) -> None:
    for target in TARGETS:
        received = service.ask(target, method=method)
        assert all(status < 500 for status in statuses(received)), (target, received)
        if method == b"HEAD" and b"\r\n\r\n" in received and received.startswith(b"HTTP/1.1 404"):
            assert received.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "fields",
    [
        [b"Host: example.com", b"Host: evil.example"],
        [b""],
        [b"Host:"],
        [b"Host: \xff"],
        [b"Host: a b"],
        [b"Host: user@evil.example"],
        [b"Host: a:99999"],
        [b"Host: " + b"a" * 5000],
        [b"Host: a\\evil.example"],
    ],
)
def test_a_strange_host_is_refused_where_it_is_read(service: Service, fields: list[bytes]) -> None:
    lines = [field for field in fields if field]
    for target in (b"/url", b"/go?to=http://evil.example/"):
        received = service.exchange(request(b"GET", target, b"Connection: close", *lines, host=b""))
        assert statuses(received) == [400]
    assert statuses(service.exchange(request(b"GET", b"/hello", b"Connection: close", *lines, host=b""))) in (
        [200],
        [400],
    )


@pytest.mark.parametrize(
    "field",
    [
        b"Cookie: " + b"a=b;" * 5000,
        b'Cookie: \xff=\xff; =; ;;; a; "',
        b"Accept: " + b"text/html;q=\xb2," * 1000,
        b"Accept: " + b";" * 9000,
        b"If-None-Match: " + b'"' * 9000,
        b"If-Modified-Since: Sun, 06 Nov 0000 99:99:99 GMT",
        b"Content-Type: " + b"a;b=\xff;" * 1000,
        b"X: a\x00b",
        b"X: a\rb",
        b": no name",
        b" folded",
        b"X\xff: 1",
        b"\r\n".join(b"X-%d: y" % number for number in range(5000)),
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short",
        b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: \xff",
        b"Expect: the-unexpected",
    ],
)
def test_no_header_breaks_the_service(service: Service, field: bytes) -> None:
    for target in (b"/url", b"/tagged", b"/lost", b"/sync", b"/echo/text"):
        received = service.exchange(request(b"GET", target, b"Connection: close", field))
        assert all(status < 500 for status in statuses(received)), received


@pytest.mark.parametrize("target", [b"/echo/text", b"/echo/media", b"/sync", b"/hello", b"/lost"])
def test_no_framing_of_a_body_breaks_the_service(service: Service, target: bytes) -> None:
    before = service.log()
    for body in (
        b"zz\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\nzz\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"ffffffffffffffffff\r\nhello",
        b"5\r\nhe",
        b"5;" + b"x" * 20000 + b"\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nHost: evil.example\r\n\r\n",
        b"200\r\n" + b"x" * 512 + b"\r\n200\r\n" + b"x" * 512 + b"\r\n0\r\n\r\n",
    ):
        received = service.exchange(chunked(target, body), is_whole=False)
        assert all(status < 500 for status in statuses(received)), received
    for length in (b"-1", b"+5", b"5, 5", b"99999999999999999999", b"1001", b"10", b"x"):
        received = service.exchange(request(b"POST", target, b"Content-Length: " + length) + b"hello", is_whole=False)
        assert all(status < 500 for status in statuses(received)), received
    assert service.log() == before


def test_a_body_that_breaks_off_under_a_stream_cuts_it_off_without_a_traceback(service: Service) -> None:
    for rest in (b"zz\r\n", b"5\r\nhe", b"400\r\n" + b"x" * 1024 + b"\r\n"):
        with service.connect() as client, suppress(ConnectionError):
            client.sendall(chunked(b"/mirror", b"5\r\nhello\r\n"))
            received = b""
            while b"hello" not in received:
                received += client.recv(65536)
            client.sendall(rest)
            client.shutdown(socket.SHUT_WR)
            while chunk := client.recv(65536):
                received += chunk
        assert statuses(received)[0] == 200
        assert not received.endswith(b"0\r\n\r\n")
    assert "Traceback" not in service.log()


@pytest.mark.parametrize("body", [b"[" * 900, b'"\\ud800"', b"\xff", b"1e999", b"9" * 900, b"NaN", b'{"a":' * 150, b""])
def test_no_json_breaks_the_service(service: Service, body: bytes) -> None:
    answer = service.ask(b"/echo/media", b"Content-Type: application/json; charset=\xff", method=b"POST", body=body)
    assert statuses(answer)[0] in {200, 400, 422}


@pytest.mark.parametrize(
    "target",
    [
        *(b"//evil.example", b"/%5cevil.example", b"%5c%5cevil.example", b"http:evil.example", b"https:/evil.example"),
        *(b"http://evil.example", b"http://example.com@evil.example", b"http://example.com%5c@evil.example"),
        *(
            b"javascript:alert(1)",
            b"/%09/evil.example",
            b"%0a//evil.example",
            b"/.//evil.example",
            b"%20//evil.example",
        ),
        *(b"/x%0d%0aSet-Cookie:%20a=b", b"/%00"),
    ],
)
def test_a_redirect_never_leaves_the_site(service: Service, target: bytes) -> None:
    answer = service.ask(b"/go?to=" + target)
    assert statuses(answer) == [400]
    assert b"location:" not in answer.lower()
    assert b"set-cookie:" not in answer.lower()


@pytest.mark.parametrize("target", [b"//evil.example/directory", b"/\\evil.example/", b"//directory", b"/.//directory"])
def test_mending_a_slash_never_leaves_the_site(service: Service, target: bytes) -> None:
    assert b"location:" not in service.ask(target).lower()
    assert b"\r\nlocation: /directory/?to=//evil.example\r\n" in service.ask(b"/directory?to=//evil.example").lower()


def test_a_body_that_is_refused_under_a_stream_is_no_failure_of_the_service(service: Service) -> None:
    for raw in (chunked(b"/mirror", b"zz\r\n"), request(b"POST", b"/mirror", b"Content-Length: 1001")):
        with service.connect() as client, suppress(ConnectionError):
            client.sendall(raw)
            assert statuses(client.recv(65536)) in ([200], [400])


def test_responses_stay_in_step_with_pipelined_requests(service: Service) -> None:
    strange = [
        request(b"HEAD", b"/hello"),
        request(b"GET", b"/nothing"),
        request(b"GET", b"/tagged", b'If-None-Match: "one"'),
        request(b"HEAD", b"/lost"),
        request(b"OPTIONS", b"/hello"),
        request(b"POST", b"/hello", body=b"GET /hello HTTP/1.1\r\n\r\n"),
        request(b"POST", b"/nothing", body=b"unread"),
        chunked(b"/lost", b"5\r\nhello\r\n0\r\n\r\n"),
        request(b"HEAD", b"/endless/slow"),
    ]
    for number, one in enumerate(strange, 1):
        received = service.exchange(one, request(b"GET", b"/number/%d" % number, b"Connection: close"))
        assert len(statuses(received)) == 2, received
        assert received.endswith(b"\r\n\r\n%d" % number)


def test_a_client_that_leaves_at_any_moment_leaves_nothing_behind(service: Service) -> None:
    for target in (b"/echo/text", b"/sync", b"/mirror", b"/endless/slow", b"/endless/fast", b"/lost", b"/nothing"):
        for whole in (request(b"POST", target, body=b"0123456789"), chunked(target, b"5\r\nhello\r\n0\r\n\r\n")):
            head = whole.index(b"\r\n\r\n") + 4
            for cut in (8, head, head + 4, len(whole)):
                for leave in (reset, socket.socket.close):
                    client = service.connect()
                    client.sendall(whole[:cut])
                    leave(client)
    service.wait_for(lambda numbers: numbers["live"] == 1 and numbers["open"] == numbers["closed"])


@pytest.mark.parametrize("kind", [b"fast", b"slow"])
def test_a_stream_ends_with_its_client_and_holds_nobody_up(service: Service, kind: bytes) -> None:
    opened = service.stats()["open"]
    client = service.connect()
    client.sendall(request(b"POST", b"/endless/" + kind, body=b"that nobody reads"))
    assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert statuses(service.ask(b"/hello")) == [200]
    reset(client)
    service.wait_for(lambda numbers: numbers["closed"] == numbers["open"] > opened)


def test_calls_beyond_the_queue_are_refused_and_the_others_are_served(service: Service) -> None:
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(service.ask(b"/held"))) for _ in range(12)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + DEADLINE
    while len(answers) < 8 and time.monotonic() < end:
        time.sleep(0.01)
    assert statuses(service.ask(b"/hello")) == [200]
    refused = list(answers)
    assert statuses(service.ask(b"/release", method=b"POST", body=b"x")) == [200]
    for thread in threads:
        thread.join()
    assert [(statuses(answer), b"retry-after:" in answer.lower()) for answer in refused] == [([503], True)] * 8
    assert sorted(status for answer in answers for status in statuses(answer)) == [200] * 4 + [503] * 8


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_a_signal_ends_a_service_that_is_attacked(tmp_path: Path, server: str) -> None:
    service = Service(tmp_path, server, APP)
    clients: list[socket.socket] = []
    try:
        for raw in (
            request(b"GET", b"/endless/fast"),
            request(b"GET", b"/endless/slow"),
            request(b"POST", b"/sync", b"Content-Length: 10") + b"slow",
            request(b"POST", b"/echo/text", b"Content-Length: 10") + b"slow",
            chunked(b"/mirror", b"5\r\nhello\r\n"),
            b"GET /hel",
            b"",
        ):
            clients.append(service.connect())
            clients[-1].sendall(raw)
        service.wait_for(lambda numbers: numbers["live"] >= 6)
        assert service.end() == 0
        assert "Traceback" not in service.log()
        assert all(line.isprintable() for line in service.log().splitlines())
    finally:
        for client in clients:
            client.close()
        service.close()


def json_of(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_an_answer_holds_nothing_of_the_inside(service: Service) -> None:
    answer = service.ask(b"/lost/%3Cscript%3E", b"Accept: text/html")
    assert b"script" not in answer.partition(b"\r\n\r\n")[2]
    assert json_of(service.ask(b"/lost")) == {"status": 404, "title": "Not Found"}
