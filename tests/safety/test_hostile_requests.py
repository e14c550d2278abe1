"""Whole requests made up by hypothesis, in process: nothing that a client sends is a failure of the service."""

from __future__ import annotations

import dataclasses
import logging
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import responder
from responder import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Answer, Caller

TOKEN = re.compile(r"[a-z0-9!#$%&'*+\-.^_`|~]+")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclasses.dataclass
class Pet:
    name: str
    age: int = 0


class Failed(Exception):
    """What a view raises with the client's text in it."""


def make_api() -> responder.API:
    """Give an API with a view of every kind that takes something of the client's."""
    api = responder.API(limits=Limits(body=2000, query_pairs=20, cookies=20, depth=20))
    for converter in ("int", "float", "str", "path", "uuid"):
        api.add_route(f"/{converter}/{{value:{converter}}}", show_value, name=converter)
    for view in (
        tell_all,
        read_text,
        read_sync,
        read_json,
        read_pet,
        read_media,
        redirect,
        fail,
        tagged,
        mirror,
        empty,
    ):
        api.add_route(f"/{view.__name__}", view)
    api.add_route("/resource/", Resource)
    api.get("/only/get")(empty)
    api.exception_handler(Failed)(handle)
    api.after_request(note)
    return api


async def show_value(req: responder.Request, resp: responder.Response, *, value: Any) -> None:
    resp.text = str(value)


async def tell_all(req: responder.Request, resp: responder.Response) -> None:
    resp.media = {
        "url": [req.method, req.full_url, req.client, req.is_secure],
        "headers": [dict(req.headers), dict(req.cookies), req.last_event_id],
        "query": {name: req.params.get_list(name) for name in req.params},
        "type": [req.mimetype, req.is_json, req.encoding],
        "accept": [req.accepts("text/html"), req.preferred_media_type(["text/html", "application/json"])],
    }


async def read_text(req: responder.Request, resp: responder.Response) -> str:
    return await req.text


def read_sync(req: responder.Request, resp: responder.Response) -> str:
    return req.text_sync


async def read_json(req: responder.Request, resp: responder.Response) -> None:
    resp.media = await req.media("json")


async def read_pet(req: responder.Request, resp: responder.Response) -> None:
    resp.media = await req.media(Pet)


async def read_media(req: responder.Request, resp: responder.Response) -> None:
    resp.media = [await req.media()]


async def redirect(req: responder.Request, resp: responder.Response) -> None:
    resp.redirect(req.params.get("to", "/"))


async def fail(req: responder.Request, resp: responder.Response) -> None:
    raise Failed(req.scope["query_string"].decode("latin-1"))


async def handle(req: responder.Request, resp: responder.Response, error: Failed) -> None:
    resp.status_code = 409
    resp.html = str(error)


async def tagged(req: responder.Request, resp: responder.Response) -> None:
    resp.text = "tagged"
    resp.etag = "one"


async def mirror(req: responder.Request, resp: responder.Response) -> None:
    content = await req.content
    resp.stream(iter([content]))


async def empty(req: responder.Request, resp: responder.Response) -> None:
    resp.text = "not to be sent"
    resp.status_code = 204


async def note(req: responder.Request, resp: responder.Response) -> None:
    resp.headers["X-Status"] = resp.status_code


class Resource:
    def on_request(self, req: responder.Request, resp: responder.Response) -> None:
        resp.headers["X-Seen"] = 1

    async def on_post(self, req: responder.Request, resp: responder.Response) -> bytes:
        return await req.content


API = make_api()

ROUTES = sorted({route.path.replace("{", "").replace("}", "").encode() for route in API.routes})
PIECES = [
    *(
        b"/",
        b"//",
        b"\\",
        b"..",
        b".",
        b"%2f",
        b"%2e",
        b"%00",
        b"%0d%0a",
        b"%",
        b"%zz",
        b"%ff",
        b"%ed%a0%80",
        b";",
        b"#",
        b"?",
    ),
    *(
        b"int/",
        b"float/",
        b"uuid/",
        b"path/",
        b"str/",
        b"1",
        b"-1",
        b"1e5",
        b"9" * 30,
        b"evil.example",
        b"http://",
        b"\xc3\xa9",
    ),
    b"123e4567-e89b-12d3-a456-426614174000",
]
paths = st.one_of(
    st.sampled_from(ROUTES),
    st.tuples(st.sampled_from(ROUTES), st.sampled_from(PIECES)).map(b"".join),
    st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join),
    st.binary(max_size=30),
)
methods = st.one_of(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "QUERY", "get", "BREW", "__class__", ""]),
    st.text(max_size=8),
)
SNIPPETS = [
    *(
        b"http://example.com/",
        b"//evil.example",
        b"/\\evil.example",
        b"\t//evil.example",
        b"text/html",
        b"application/json",
    ),
    *(
        b"*/*",
        b";q=",
        b"; charset=",
        b"utf-16",
        b"utf-7",
        b"idna",
        b"hex",
        b"charmap",
        b'"',
        b'"one"',
        b"W/",
        b"bytes=0-",
        b",",
        b"=",
        b";",
    ),
    *(
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"\xff",
        b"\xc2\x85",
        b"a",
        b"example.com",
        b":80",
        b"[::1]",
        b"@",
        b" ",
        b"0",
        b"9" * 30,
    ),
]
values = st.one_of(st.lists(st.sampled_from(SNIPPETS), max_size=6).map(b"".join), st.binary(max_size=20))
names = st.sampled_from(
    [
        *(b"host", b"cookie", b"accept", b"content-type", b"content-length", b"transfer-encoding", b"if-none-match"),
        *(
            b"if-match",
            b"if-modified-since",
            b"if-unmodified-since",
            b"range",
            b"if-range",
            b"last-event-id",
            b"x",
            b"\xff",
        ),
    ]
)
headers = st.one_of(
    st.lists(st.tuples(names, values), max_size=6),
    st.lists(st.tuples(names, values), max_size=6).map(lambda fields: [(b"host", b"example.com"), *fields]),
)
queries = st.one_of(values.map(lambda value: b"to=" + value), st.binary(max_size=20), st.just(b"a&" * 30))
JSON = [
    b"{",
    b"[",
    b"]",
    b"}",
    b'"name"',
    b":",
    b",",
    b"1e999",
    b"9" * 30,
    b'"\\ud800"',
    b"null",
    b"\xff",
    b"\xef\xbb\xbf",
    b"[" * 30,
    b"-0",
]
bodies = st.one_of(
    st.lists(st.lists(st.sampled_from(JSON), max_size=8).map(b"".join), max_size=3),
    st.lists(st.binary(max_size=20), max_size=4),
    st.just([b"x" * 1000, b"x" * 1001]),
)


FOREIGN = re.compile(r"[\\/]{2}|[a-z]+:(?!//example\.com(?::80)?(?:[/?#]|$))", re.IGNORECASE)


def check(answer: Answer, method: str, *, is_for_example: bool) -> None:
    """Hold an answer to what every answer keeps, whatever was asked."""
    assert answer.status < 500
    for name, value in answer.fields:
        assert TOKEN.fullmatch(name), answer.fields
        assert not CONTROL.search(value), answer.fields
    lengths = [value for name, value in answer.fields if name == "content-length"]
    assert len(lengths) <= 1
    if method == "HEAD" or answer.status in {204, 304}:
        assert answer.body == b""
    elif lengths:
        assert int(lengths[0]) == len(answer.body)
    location = answer.headers.get("location", "/")
    assert not location.startswith(("//", "/\\", "\\"))
    assert not is_for_example or not FOREIGN.match(location)
    assert answer.status != 405 or "allow" in answer.headers
    assert b"Traceback" not in answer.body


class Kept(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(scope="module")
def log() -> Iterator[list[logging.LogRecord]]:
    """Give what is logged, which must be nothing."""
    kept = Kept()
    logging.getLogger("responder").addHandler(kept)
    yield kept.records
    logging.getLogger("responder").removeHandler(kept)


class Asked(NamedTuple):
    """A request as a server hands it over."""

    path: bytes
    method: str
    fields: list[tuple[bytes, bytes]]
    query: bytes
    body: list[bytes]

    @property
    def is_for_example(self) -> bool:
        """Whether it names the one host that `check` knows."""
        return [value for name, value in self.fields if name == b"host"] == [b"example.com"]


@given(asked=st.builds(Asked, paths, methods, headers, queries, bodies))
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_request_is_a_failure_of_the_service(call: Caller, log: list[logging.LogRecord], asked: Asked) -> None:
    answer = call(
        API,
        asked.path,
        method=asked.method,
        headers=asked.fields,
        query_string=asked.query,
        body=asked.body,
    )
    check(answer, asked.method, is_for_example=asked.is_for_example)
    assert log == []


@given(fields=headers, messages=st.lists(st.sampled_from(["piece", "end", "leave", "break"]), max_size=4))
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("view", ["read_text", "read_sync", "read_json", "mirror", "resource/", "empty"])
def test_no_way_in_which_a_body_arrives_is_a_failure(
    call: Caller, log: list[logging.LogRecord], view: str, fields: list[tuple[bytes, bytes]], messages: list[str]
) -> None:
    meanings: dict[str, Any] = {
        "piece": {"type": "http.request", "body": b"[1]", "more_body": True},
        "end": {"type": "http.request", "body": b"[1]"},
        "leave": {"type": "http.disconnect"},
        "break": RuntimeError("a chunk that is malformed"),
    }
    arriving = [meanings[message] for message in messages]
    answer = call(API, b"/" + view.encode(), method="POST", headers=fields, arriving=arriving)
    check(answer, "POST", is_for_example=False)
    assert log == []
