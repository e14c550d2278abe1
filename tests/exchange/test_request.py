from __future__ import annotations

import asyncio
import encodings
from encodings.aliases import aliases
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import responder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Answer, Caller

HOST = (b"host", b"example.com")


def ask(call: Caller, read: Callable[[responder.Request], Any], **scope: Any) -> Answer:
    """Give the answer of a view that sends what `read(req)` gives, on any path."""

    async def view(req: responder.Request, resp: responder.Response) -> None:
        value = read(req)
        resp.media = await value if hasattr(value, "__await__") else value

    limits = scope.pop("limits", None)
    api = responder.API(limits=limits)
    api.add_route("/{rest:path}", view)
    api.options("/{rest:path}")(view)
    return call(api, **scope)


def with_fields(*fields: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [HOST, *fields]


# What was asked for


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "QUERY"])
def test_the_method_is_as_it_came(call: Caller, method: str) -> None:
    assert ask(call, lambda req: req.method, method=method).media == method


def test_the_url_is_a_value(call: Caller) -> None:
    scope: dict[str, Any] = {"raw_path": b"/a%20b", "query_string": b"q=1&r=%20", "scheme": "https"}
    headers = [(b"host", b"Example.COM:8443")]

    def read(req: responder.Request) -> Any:
        return [req.url.scheme, req.url.host, req.url.port, req.url.path, req.url.query, req.full_url]

    assert ask(call, read, headers=headers, **scope).media == [
        "https",
        "example.com",
        8443,
        "/a%20b",
        "q=1&r=%20",
        "https://example.com:8443/a%20b?q=1&r=%20",
    ]


def test_the_url_of_a_server_without_raw_path_is_of_the_path(call: Caller) -> None:
    assert ask(call, lambda req: req.url.path, raw_path=None, path="/a/b").media == "/a/b"


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [b"a.example", b"b.example"],
        [b"a.example", b"a.example"],
        [b""],
        [b"a b"],
        [b"a.example:"],
        [b"a.example:99999"],
        [b"a.example:\xb2"],
        [b"user@a.example"],
        [b"a.example/x"],
        [b"caf\xc3\xa9.example"],
        [b"[::1"],
        [b"[nonsense]"],
        [b"a" * 5000],
        [b"a.example\x00"],
    ],
)
def test_a_host_that_is_missing_doubled_or_malformed_is_a_400(call: Caller, hosts: list[bytes]) -> None:
    answer = ask(call, lambda req: req.full_url, headers=[(b"host", host) for host in hosts], host=None)
    assert answer.status == 400
    assert "Host" in answer.media["detail"]


@pytest.mark.parametrize("version", ["1.0", "2"])
def test_a_host_may_be_missing_beside_http_1_1(call: Caller, version: str) -> None:
    assert ask(call, lambda req: req.method, host=None, http_version=version).media == "GET"


def test_a_good_host_makes_no_bad_one_good(api: responder.API, call: Caller) -> None:
    api.get("/")(lambda req, resp: "good")
    asked: list[tuple[bytes | None, str, int]] = [
        (b"a.example", "1.1", 200),
        (b"a.example", "1.1", 200),
        (b"", "1.1", 400),
        (b"a b", "1.1", 400),
        (None, "1.1", 400),
        (None, "1.0", 200),
        (b"", "1.1", 400),
        (None, "1.1", 400),
        (b"a.example", "1.1", 200),
    ]
    assert [call(api, host=host, http_version=version).status for host, version, _ in asked] == [
        status for _, _, status in asked
    ]
    twice = [(b"host", b"a.example"), (b"host", b"a.example")]
    assert call(api, headers=twice).status == 400


def test_a_header_that_comes_twice_is_no_second_host(call: Caller) -> None:
    assert ask(call, lambda req: req.method, headers=[(b"x-a", b"1"), (b"x-a", b"2")]).media == "GET"


def test_headers_are_case_insensitive_and_may_be_several(call: Caller) -> None:
    headers = with_fields((b"x-a", b"1"), (b"X-A", b"2"), (b"x-latin", b"caf\xe9"))

    def read(req: responder.Request) -> Any:
        return [req.headers["X-a"], req.headers.get_list("x-A"), req.headers["x-latin"], req.headers.get("x-none")]

    assert ask(call, read, headers=headers).media == ["1, 2", ["1", "2"], "caf\u00e9", None]


def test_query_parameters_give_the_last_value_or_all(call: Caller) -> None:
    def read(req: responder.Request) -> Any:
        return [req.params["q"], req.params.get_list("q"), req.params.get("none")]

    assert ask(call, read, query_string=b"q=1&q=caf%C3%A9+x&empty").media == ["caf\u00e9 x", ["1", "caf\u00e9 x"], None]


@pytest.mark.parametrize("query", [b"q=%ff", b"%C3%28=1", b"q=\xff", b"q=%ED%A0%80"])
def test_a_query_that_is_not_utf_8_is_a_400(call: Caller, query: bytes) -> None:
    answer = ask(call, lambda req: dict(req.params), query_string=query)
    assert answer.status == 400
    assert "UTF-8" in answer.media["detail"]


def test_query_pairs_have_a_limit(call: Caller) -> None:
    limits = responder.Limits(query_pairs=2)
    assert ask(call, lambda req: dict(req.params), query_string=b"a=1&b=2", limits=limits).status == 200
    answer = ask(call, lambda req: dict(req.params), query_string=b"a=1&b=2&c=3", limits=limits)
    assert answer.status == 400
    assert "2" in answer.media["detail"]


def test_cookies_are_read_by_name_and_the_first_wins(call: Caller) -> None:
    headers = with_fields((b"cookie", b"a=1; b=caf\xe9; a=2"), (b"cookie", b"c=3"))
    assert ask(call, lambda req: req.cookies, headers=headers).media == {"a": "1", "b": "caf\u00e9", "c": "3"}


def test_a_request_without_cookies_has_none(call: Caller) -> None:
    assert ask(call, lambda req: req.cookies).media == {}


def test_strange_cookies_hide_no_others(call: Caller) -> None:
    headers = with_fields((b"cookie", b'; =x; \x01=2; json={"a":1}; "q"="1"; good=yes; \xff'))
    assert ask(call, lambda req: req.cookies["good"], headers=headers).media == "yes"


def test_cookies_have_a_limit(call: Caller) -> None:
    limits = responder.Limits(cookies=2)
    headers = with_fields((b"cookie", b"a=1; b=2"))
    assert ask(call, lambda req: req.cookies, headers=headers, limits=limits).status == 200
    headers = with_fields((b"cookie", b"a=1; b=2"), (b"cookie", b"c=3"))
    assert ask(call, lambda req: req.cookies, headers=headers, limits=limits).status == 400


@pytest.mark.parametrize(
    ("client", "seen"),
    [(("127.0.0.1", 5000), ["127.0.0.1", 5000]), (("::1", "5000"), ["::1", 5000]), (None, None)],
)
def test_the_client_is_an_address(call: Caller, client: Any, seen: Any) -> None:
    assert ask(call, lambda req: list(req.client) if req.client else None, client=client).media == seen


def test_the_client_is_named_by_part(call: Caller) -> None:
    assert ask(call, lambda req: [req.client.host, req.client.port] if req.client else None).media == [
        "127.0.0.1",
        50000,
    ]


@pytest.mark.parametrize(("scheme", "is_secure"), [("http", False), ("https", True), ("wss", True)])
def test_a_request_by_tls_is_secure(call: Caller, scheme: str, *, is_secure: bool) -> None:
    assert ask(call, lambda req: req.is_secure, scheme=scheme).media is is_secure


@pytest.mark.parametrize(
    ("value", "mimetype", "is_json"),
    [
        (None, "", False),
        (b"", "", False),
        (b"application/json", "application/json", True),
        (b"Application/JSON; charset=utf-8", "application/json", True),
        (b"application/problem+json", "application/problem+json", True),
        (b"text/plain", "text/plain", False),
        (b"nonsense", "", False),
        (b"application/json, text/plain", "", False),
    ],
)
def test_the_media_type_of_the_body(call: Caller, value: bytes | None, mimetype: str, *, is_json: bool) -> None:
    headers = with_fields(*([] if value is None else [(b"content-type", value)]))
    assert ask(call, lambda req: [req.mimetype, req.is_json], headers=headers).media == [mimetype, is_json]


def test_state_is_a_place_for_what_hooks_hand_on(call: Caller) -> None:
    async def hook(req: responder.Request, resp: responder.Response) -> None:
        req.state.user = "kenneth"

    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.text = req.state.user

    api = responder.API()
    api.before_request(hook)
    api.get("/")(view)
    assert call(api).body == b"kenneth"


def test_the_api_and_the_path_parameters_are_there(call: Caller) -> None:
    assert ask(call, lambda req: [req.api.debug, dict(req.path_params)], raw_path=b"/x/y").media == [
        False,
        {"rest": "x/y"},
    ]


def test_the_last_event_id_is_that_of_the_header(call: Caller) -> None:
    headers = with_fields((b"last-event-id", b"42"))
    assert ask(call, lambda req: req.last_event_id, headers=headers).media == "42"
    assert ask(call, lambda req: req.last_event_id).media is None


def test_the_client_says_what_it_takes(call: Caller) -> None:
    headers = with_fields((b"accept", b"text/html;q=0.5, application/json"))

    def read(req: responder.Request) -> Any:
        kinds = ["text/html", "application/json", "image/png"]
        return [[req.accepts(kind) for kind in kinds], req.preferred_media_type(kinds)]

    assert ask(call, read, headers=headers).media == [[True, True, False], "application/json"]


def test_a_request_shows_its_method_and_path_in_one_printable_line(call: Caller) -> None:
    assert ask(call, repr, raw_path=b"/a%0Ab", path="/a\nb").media == "<Request 'GET' '/a\\nb'>"


def test_an_editor_may_look_at_what_is_computed_late() -> None:
    assert "case-insensitive" in str(responder.Request.headers.__doc__)
    assert "last value" in str(responder.Request.params.__doc__)


# The body as text and media


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        (b"", "caf\u00e9".encode(), "caf\u00e9"),
        (b"text/plain; charset=iso-8859-1", b"caf\xe9", "caf\u00e9"),
        (b'text/plain; charset="utf-16"', "caf\u00e9".encode("utf-16"), "caf\u00e9"),
        (b"text/plain; CHARSET=UTF8", "\u20ac".encode(), "\u20ac"),
    ],
)
def test_text_is_in_the_declared_charset_or_utf_8(call: Caller, content_type: bytes, body: bytes, text: str) -> None:
    headers = with_fields((b"content-type", content_type))
    assert ask(call, lambda req: req.text, method="POST", headers=headers, body=[body]).media == text


def test_the_charset_may_be_set_by_the_view(call: Caller) -> None:
    def read(req: responder.Request) -> Any:
        req.encoding = "latin-1"
        return req.text

    assert ask(call, read, method="POST", body=[b"\xe9"]).media == "\u00e9"


@pytest.mark.parametrize(
    ("charset", "body", "detail"),
    [
        ("utf-8", b"ab\xff", "The body cannot be decoded: byte 2 is not valid UTF-8."),
        ("nonsense", b"x", "The body cannot be decoded: unknown encoding: nonsense."),
        ("rot13", b"x", None),
        ("base64", b"eA==", None),
        ("zlib", b"x", None),
        ("utf-16", b"\x00\xd8\x00", None),
        ('""', b"x", None),
        ("x" * 5000, b"x", None),
    ],
)
def test_text_that_does_not_decode_is_a_400(call: Caller, charset: str, body: bytes, detail: str | None) -> None:
    headers = with_fields((b"content-type", f"text/plain; charset={charset}".encode()))
    answer = ask(call, lambda req: req.text, method="POST", headers=headers, body=[body])
    assert answer.status == 400
    assert answer.media["detail"].startswith(detail or "The body cannot be decoded: ")


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("punycode", b"-" + b"b" * 50),
        ("PunyCode", b"x"),
        ("idna", b"xn--caf-dma"),
        ("unicode_escape", rb"\ud800"),
        ("raw-unicode-escape", rb"\ud800"),
        ("utf-7", b"+2AA-"),
        ("U7", b"+2AA-"),
        ("undefined", b"x"),
    ],
)
def test_what_only_python_calls_a_charset_is_none(call: Caller, charset: str, body: bytes) -> None:
    headers = with_fields((b"content-type", f"text/plain; charset={charset}".encode()))
    answer = ask(call, lambda req: req.text, method="POST", headers=headers, body=[body])
    assert answer.status == 400
    assert "unknown encoding" in answer.media["detail"]


@pytest.mark.parametrize("encoding", sorted({*aliases.values(), "idna", "punycode", "undefined", "unicode_escape"}))
def test_no_encoding_of_python_makes_text_that_cannot_be_sent_again(call: Caller, encoding: str) -> None:
    async def echo(req: responder.Request, resp: responder.Response) -> None:
        resp.text = await req.text

    api = responder.API()
    api.post("/")(echo)
    headers = with_fields((b"content-type", f"text/plain; charset={encoding}".encode()))
    for body in (b"hello", rb"\ud800\udfff \x", b"+2AA-", b"\x00\xd8", b"\xed\xa0\x80", b"\xff\xfe\x00\xd8", b"\x1b$B"):
        assert call(api, method="POST", headers=headers, body=[body]).status in {200, 400}


def test_charsets_that_clients_make_up_leave_nothing_behind(call: Caller) -> None:
    kept: dict[str, object] = vars(encodings)["_cache"]
    before = set(kept)
    for number in range(20):
        headers = with_fields((b"content-type", b"text/plain; charset=made-up-%d" % number))
        assert ask(call, lambda req: req.text, method="POST", headers=headers, body=[b"x"]).status == 400
    assert set(kept) == before


def test_media_is_read_by_its_content_type(call: Caller) -> None:
    headers = with_fields((b"content-type", b"application/vnd.pet+json; v=1"))
    assert ask(call, lambda req: req.media(), method="POST", headers=headers, body=[b'{"a":1}']).media == {"a": 1}


def test_media_may_be_named_whatever_the_content_type_says(call: Caller) -> None:
    headers = with_fields((b"content-type", b"text/plain"))
    assert ask(call, lambda req: req.media("json"), method="POST", headers=headers, body=[b"[1]"]).media == [1]


@pytest.mark.parametrize(
    ("content_type", "shown"), [(None, "unknown"), (b"text/plain", "text/plain"), (b"\xff", "unknown")]
)
def test_media_of_another_type_is_a_415(call: Caller, content_type: bytes | None, shown: str) -> None:
    headers = with_fields(*([] if content_type is None else [(b"content-type", content_type)]))
    answer = ask(call, lambda req: req.media(), method="POST", headers=headers, body=[b"{}"])
    assert (answer.status, answer.media["title"]) == (415, "Unsupported Media Type")
    assert shown in answer.media["detail"]


def test_media_is_read_into_a_model(call: Caller) -> None:
    headers = with_fields((b"content-type", b"application/json"))
    assert ask(call, lambda req: req.media(list[int]), method="POST", headers=headers, body=[b"[1]"]).media == [1]
    refused = ask(call, lambda req: req.media(list[int]), method="POST", headers=headers, body=[b'["a"]'])
    assert (refused.status, refused.media["title"]) == (422, "Unprocessable Content")


def test_json_has_a_limit_of_depth(call: Caller) -> None:
    headers = with_fields((b"content-type", b"application/json"))
    limits = responder.Limits(depth=3)
    deep = [b"[" * 4 + b"]" * 4]
    answer = ask(call, lambda req: req.media(), method="POST", headers=headers, body=deep, limits=limits)
    assert answer.status == 400
    assert "deeper than 3 levels" in answer.media["detail"]


# Whatever a client sends


def test_a_request_is_cancelled_once_so_that_its_clean_up_is_not() -> None:
    async def scene() -> int:
        req = responder.Request()
        task = asyncio.ensure_future(asyncio.Event().wait())
        for _ in range(3):
            req.end(task)
        times = task.cancelling()
        await asyncio.wait([task])
        return times

    assert asyncio.run(scene()) == 1


def look_at_everything(req: responder.Request) -> list[str]:
    """Read each part of a request; give the names of those that are refused with a 400."""
    refused = []
    for name in ("full_url", "params", "cookies", "client", "is_secure", "mimetype", "is_json", "encoding", "headers"):
        try:
            str(getattr(req, name))
        except responder.DecodeError:
            refused.append(name)
    req.preferred_media_type(["text/html", "application/json"])
    req.accepts("text/html")
    repr(req.last_event_id)
    return refused


NAMES = st.sampled_from(
    [
        b"host",
        b"cookie",
        b"content-type",
        b"content-length",
        b"accept",
        b"if-none-match",
        b"if-modified-since",
        b"range",
    ]
)
VALUES = st.binary(max_size=20) | st.lists(
    st.sampled_from([b"a", b"=", b";", b",", b'"', b"\\", b"q=", b"*", b"/", b"W/", b"[", b":", b"\xff", b"\x00", b" "])
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(
    fields=st.lists(st.tuples(NAMES | st.binary(max_size=5), VALUES), max_size=5),
    query=st.binary(max_size=20),
    body=st.binary(max_size=20),
)
@example(fields=[(b"content-type", b"text/plain; charset=\x00")], query=b"", body=b"x")
@example(fields=[(b"content-length", b"\xb2")], query=b"%", body=b"x")
def test_no_header_query_or_body_is_ever_a_5xx(
    call: Caller, fields: list[tuple[bytes, bytes]], query: bytes, body: bytes
) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        refused = look_at_everything(req)
        resp.etag = "v1"
        resp.text = await req.text + repr(refused)

    api = responder.API()
    api.route("/", methods=["GET", "POST"])(view)
    for method in ("GET", "POST"):
        answer = call(api, method=method, headers=fields, query_string=query, body=[body])
        assert answer.status < 500


def test_a_refusal_shows_nothing_of_the_inside(call: Caller) -> None:
    headers = with_fields((b"content-type", b"application/json"))
    answer = ask(call, lambda req: req.media(), method="POST", headers=headers, body=[b"{"])
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.media) == {"status", "title", "detail"}
    assert ".py" not in answer.body.decode()
