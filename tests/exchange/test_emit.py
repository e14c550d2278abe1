from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import responder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.conftest import Answer, Caller


def emit(call: Caller, put: Callable[[responder.Response], object], **scope: Any) -> Answer:
    """Give the answer to a request whose view does `put(resp)`."""

    async def view(req: responder.Request, resp: responder.Response) -> None:
        put(resp)

    api = responder.API()
    api.get("/")(view)
    api.post("/")(view)
    return call(api, **scope)


def put(**attributes: Any) -> Callable[[responder.Response], None]:
    """Give what sets these attributes of a response, in this order; `headers` are set one by one."""

    def assign(resp: responder.Response) -> None:
        for name, value in attributes.items():
            if name == "headers":
                resp.headers.update(value)
            else:
                setattr(resp, name, value)

    return assign


async def chunks(*pieces: bytes | str) -> AsyncIterator[bytes | str]:
    for piece in pieces:
        yield piece


def put_stream(*pieces: bytes | str, **attributes: Any) -> Callable[[responder.Response], None]:
    def assign(resp: responder.Response) -> None:
        put(**attributes)(resp)
        resp.stream(lambda: chunks(*pieces))

    return assign


# Content types


@pytest.mark.parametrize(
    ("assigned", "content_type", "body"),
    [
        ({"text": "caf\u00e9"}, "text/plain; charset=utf-8", "caf\u00e9".encode()),
        ({"text": ""}, "text/plain; charset=utf-8", b""),
        ({"html": "<p>"}, "text/html; charset=utf-8", b"<p>"),
        ({"content": b"\x00"}, "application/octet-stream", b"\x00"),
        ({"content": bytearray(b"ab")}, "application/octet-stream", b"ab"),
        ({"content": memoryview(b"ab")}, "application/octet-stream", b"ab"),
        ({"content": "text"}, "text/plain; charset=utf-8", b"text"),
        ({"media": {"a": 1}}, "application/json", b'{"a":1}'),
        ({"media": None}, "application/json", b"null"),
        ({"media": []}, "application/json", b"[]"),
        ({"media": ""}, "application/json", b'""'),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"x-a": "1"}], ids=["plain", "with a header"])
def test_a_body_has_its_content_type_and_length(
    call: Caller, assigned: dict[str, Any], content_type: str, body: bytes, headers: dict[str, str]
) -> None:
    answer = emit(call, put(**assigned, headers=headers) if headers else put(**assigned))
    vary = {"vary": "Accept"} if "media" in assigned else {}
    assert answer.headers == {"content-type": content_type, "content-length": str(len(body)), **headers, **vary}
    assert answer.body == body


@pytest.mark.parametrize("attribute", ["status_code", None])
def test_a_response_without_a_body_has_no_content_type(call: Caller, attribute: str | None) -> None:
    answer = emit(call, put(status_code=201) if attribute else put())
    assert (answer.fields, answer.body) == ([("content-length", "0")], b"")


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 100_000])
def test_the_length_is_that_of_the_body_whatever_its_size(call: Caller, size: int) -> None:
    answer = emit(call, put(content=b"x" * size))
    assert (answer.headers["content-length"], len(answer.body)) == (str(size), size)


def test_the_last_body_set_wins_whichever_attribute_set_it(call: Caller) -> None:
    def assign(resp: responder.Response) -> None:
        resp.stream(lambda: chunks(b"stream"))
        resp.media = {"a": 1}
        resp.html = "<p>"
        resp.text = "text"

    answer = emit(call, assign)
    assert (answer.headers["content-type"], answer.body) == ("text/plain; charset=utf-8", b"text")


def test_a_stream_set_last_wins_too(call: Caller) -> None:
    answer = emit(call, put_stream(b"stream", text="text"))
    assert (answer.body, answer.headers) == (b"stream", {"content-type": "application/octet-stream"})


@pytest.mark.parametrize("body", [{"text": "a,b"}, {"content": b"a,b"}])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_content_type_set_by_hand_replaces_that_of_the_body(
    call: Caller, body: dict[str, Any], *, is_first: bool
) -> None:
    header = {"headers": {"Content-Type": "text/csv; header=present"}}
    answer = emit(call, put(**header, **body) if is_first else put(**body, **header))
    assert [value for name, value in answer.fields if name == "content-type"] == ["text/csv; header=present"]


@pytest.mark.parametrize(
    ("mimetype", "content_type"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/csv; header=present", "text/csv; header=present"),
        ("image/png", "image/png"),
    ],
)
def test_a_mimetype_of_text_gets_its_charset(call: Caller, mimetype: str, content_type: str) -> None:
    assert emit(call, put(content=b"x", mimetype=mimetype)).headers["content-type"] == content_type


def test_a_stream_has_the_mimetype_that_was_set(call: Caller) -> None:
    assert emit(call, put_stream(b"x", mimetype="text/csv")).headers["content-type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize("attribute", ["text", "html"])
@pytest.mark.parametrize("is_first", [True, False])
def test_text_goes_out_in_the_encoding_that_was_set(call: Caller, attribute: str, *, is_first: bool) -> None:
    encoding, body = {"encoding": "iso-8859-1"}, {attribute: "caf\u00e9"}
    answer = emit(call, put(**encoding, **body) if is_first else put(**body, **encoding))
    assert (answer.body, answer.headers["content-length"]) == (b"caf\xe9", "4")
    assert answer.headers["content-type"].endswith("; charset=iso-8859-1")


def test_json_is_utf_8_whatever_the_encoding(call: Caller) -> None:
    answer = emit(call, put(encoding="utf-16", media=["\u00e9"]))
    assert (answer.body, answer.headers["content-type"]) == ('["\u00e9"]'.encode(), "application/json")


# Framing


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "1000"},
        {"content-length": 0},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "close"},
        {"Keep-Alive": "timeout=5"},
        {"Upgrade": "websocket"},
        {"Trailer": "x-a"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_framing_set_by_hand_gives_way_to_the_truth(call: Caller, headers: dict[str, Any], method: str) -> None:
    answer = emit(call, put(text="hello", headers=headers), method=method)
    assert answer.fields == [("content-type", "text/plain; charset=utf-8"), ("content-length", "5")]


def test_several_lengths_set_by_hand_go_too(call: Caller) -> None:
    def assign(resp: responder.Response) -> None:
        resp.text = "hello"
        resp.headers.add("content-length", "1")
        resp.headers.add("content-length", "2")

    assert [value for name, value in emit(call, assign).fields if name == "content-length"] == ["5"]


def test_a_stream_has_the_length_that_its_view_declares(call: Caller) -> None:
    answer = emit(call, put_stream(b"he", "llo", headers={"Content-Length": "5"}))
    assert (answer.headers["content-length"], answer.body) == ("5", b"hello")


@pytest.mark.parametrize("length", ["abc", "-1", "5.0", "9" * 5000, "5, 5"])
def test_a_length_of_a_stream_that_is_none_is_left_out(call: Caller, length: str) -> None:
    answer = emit(call, put_stream(b"hello", headers={"Content-Length": length}))
    assert "content-length" not in answer.headers
    assert answer.body == b"hello"


def test_a_stream_without_a_length_declares_none(call: Caller) -> None:
    assert emit(call, put_stream(b"a")).headers == {"content-type": "application/octet-stream"}


@pytest.mark.parametrize("piece", ["\u00e9", b"\xc3\xa9", bytearray(b"\xc3\xa9"), memoryview(b"\xc3\xa9")])
def test_a_piece_of_a_stream_is_bytes_or_text(call: Caller, piece: Any) -> None:
    assert emit(call, put_stream(piece)).body == b"\xc3\xa9"


# Responses without a body


@pytest.mark.parametrize("body", [{}, {"text": "hello"}, {"media": {"a": 1}}, {"media": None}, {"content": b"x"}])
def test_head_has_the_headers_of_get_and_no_body(call: Caller, body: dict[str, Any]) -> None:
    got, headed = emit(call, put(**body)), emit(call, put(**body), method="HEAD")
    assert headed.fields == got.fields
    assert headed.body == b""


def test_head_of_a_stream_does_not_start_it(call: Caller) -> None:
    started: list[bool] = []

    def pieces() -> Any:
        started.append(True)
        yield b""

    answer = emit(call, lambda resp: resp.stream(pieces), method="HEAD")
    assert (answer.status, answer.body, started) == (200, b"", [])


@pytest.mark.parametrize(
    ("path", "status"), [(b"/failing", 500), (b"/aborting", 409), (b"/nowhere", 404), (b"/post", 405)]
)
@pytest.mark.parametrize("accept", [b"*/*", b"text/html"])
def test_head_of_a_failure_has_no_body_either(call: Caller, path: bytes, status: int, accept: bytes) -> None:
    async def fail(req: responder.Request, resp: responder.Response) -> None:
        raise KeyError

    async def abort(req: responder.Request, resp: responder.Response) -> None:
        responder.abort(409)

    api = responder.API()
    api.get("/failing")(fail)
    api.get("/aborting")(abort)
    api.post("/post")(fail)
    headers = [(b"host", b"example.com"), (b"accept", accept)]
    headed = call(api, path, method="HEAD", headers=headers)
    assert (headed.status, headed.body) == (status, b"")
    if status != 405:
        assert headed.fields == call(api, path, headers=headers).fields


@pytest.mark.parametrize("piece", [7, None, ["a"]])
def test_a_piece_of_a_stream_that_is_neither_bytes_nor_text_is_a_mistake(api: responder.API, piece: Any) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.stream([piece])

    api.get("/")(view)
    with api.session() as session, pytest.raises(TypeError, match="A stream yields bytes or str, not"):
        session.get("/")


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("body", [{"text": "hello"}, {"media": {"a": 1}}, {"content": b"x"}])
@pytest.mark.parametrize("headers", [{}, {"Content-Length": "5", "Content-Type": "text/plain"}])
def test_a_status_without_a_body_sends_none(
    call: Caller, status: int, *, is_first: bool, body: dict[str, Any], headers: dict[str, str]
) -> None:
    code = {"status_code": status}
    ordered = {**code, **body} if is_first else {**body, **code}
    answer = emit(call, put(**ordered, headers=headers) if headers else put(**ordered))
    varies = status == 304 and "media" in body and not headers
    assert (answer.status, answer.fields, answer.body) == (status, [("vary", "Accept")] if varies else [], b"")


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_sends_no_stream(call: Caller, status: int) -> None:
    answer = emit(call, put_stream(b"x", status_code=status))
    assert (answer.status, answer.fields, answer.body) == (status, [], b"")


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_keeps_what_does_not_tell_of_one(call: Caller, status: int) -> None:
    headers = {
        "X-A": "1",
        "Cache-Control": "no-cache",
        "Access-Control-Allow-Origin": "*",
        "Content-Security-Policy": "default-src 'self'",
        "Content-Encoding": "gzip",
        "Content-Language": "en",
    }

    def assign(resp: responder.Response) -> None:
        put(status_code=status, headers=headers)(resp)
        resp.cookies["a"] = "b"

    names = [name for name, _ in emit(call, assign).fields]
    assert names == ["x-a", "cache-control", "access-control-allow-origin", "content-security-policy", "set-cookie"]


# Several of one name


def test_headers_of_one_name_stay_apart(call: Caller) -> None:
    def assign(resp: responder.Response) -> None:
        resp.headers["Link"] = "</a>"
        resp.headers.add("Link", "</b>")
        resp.text = "x"

    assert [value for name, value in emit(call, assign).fields if name == "link"] == ["</a>", "</b>"]


def test_each_cookie_is_a_field_of_its_own(call: Caller) -> None:
    def assign(resp: responder.Response) -> None:
        resp.cookies["a"] = "1"
        resp.set_cookie("b", "2", path="/x", httponly=False, samesite="strict")
        resp.headers.add("Set-Cookie", "c=3")
        resp.delete_cookie("d")
        resp.text = "x"

    cookies = [value for name, value in emit(call, assign).fields if name == "set-cookie"]
    assert len(cookies) == 4
    assert cookies[0] == "c=3"
    assert cookies[1] == "a=1; Path=/; HttpOnly; SameSite=Lax"
    assert cookies[2] == "b=2; Path=/x; SameSite=Strict"
    assert cookies[3].startswith("d=; ")
    assert "Max-Age=0" in cookies[3]


# What cannot be sent


@pytest.mark.parametrize(
    "attributes",
    [
        {"media": object()},
        {"media": {"a": {1j}}},
        {"text": "\ud800"},
        {"html": "\ud800"},
        {"media": "\ud800"},
        {"encoding": "ascii", "text": "caf\u00e9"},
    ],
)
def test_a_body_that_cannot_be_encoded_is_a_clean_500(call: Caller, attributes: dict[str, Any]) -> None:
    answer = emit(call, put(**attributes))
    assert (answer.status, answer.media) == (500, {"status": 500, "title": "Internal Server Error"})


def test_what_a_hook_told_of_a_body_leaves_with_it(call: Caller) -> None:
    async def hook(req: responder.Request, resp: responder.Response) -> None:
        resp.mimetype = "text/csv"
        resp.headers["Content-Encoding"] = "x-own"
        resp.headers["X-A"] = "1"

    async def fail(req: responder.Request, resp: responder.Response) -> None:
        responder.abort(409)

    api = responder.API()
    api.before_request(hook)
    api.get("/")(fail)
    answer = call(api)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-a"] == "1"
    assert "content-encoding" not in answer.headers
