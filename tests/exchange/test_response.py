from __future__ import annotations

import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

import responder

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import Session
    from tests.conftest import Answer, Caller


def emit(call: Caller, put: Callable[[responder.Response], Any], **scope: Any) -> Answer:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        put(resp)

    api = responder.API()
    api.route("/")(view)
    return call(api, **scope)


def look(call: Caller, read: Callable[[responder.Response], Any]) -> Any:
    """Give what `read(resp)` gives in a view, or raise what it raises."""
    seen: list[Any] = []

    async def view(req: responder.Request, resp: responder.Response) -> None:
        try:
            seen.append(read(resp))
        except Exception as error:  # noqa: BLE001 - it is handed to the test, which expects it
            seen.append(error)

    api = responder.API()
    api.route("/")(view)
    call(api)
    if isinstance(seen[0], Exception):
        raise seen[0]
    return seen[0]


def assign(resp: responder.Response, **attributes: Any) -> responder.Response:
    for name, value in attributes.items():
        setattr(resp, name, value)
    return resp


# Status


@pytest.mark.parametrize("status", [200, 201, 299, 418, 599, HTTPStatus.ACCEPTED])
def test_a_status_is_sent_as_a_plain_number(call: Caller, status: int) -> None:
    answer = emit(call, lambda resp: assign(resp, status_code=status))
    assert answer.status == status
    assert type(answer.status) is int


@pytest.mark.parametrize("status", [0, 99, 100, 101, 199, 600, 1000, -200, True, "200", 200.0, None])
def test_a_status_that_no_response_ends_with_is_refused_where_it_is_set(call: Caller, status: Any) -> None:
    with pytest.raises(ValueError, match="status code from 200 to 599"):
        look(call, lambda resp: assign(resp, status_code=status))


def test_a_status_that_was_not_set_is_200(call: Caller) -> None:
    assert look(call, lambda resp: [resp.status_code, repr(resp)]) == [200, "<Response 200>"]


# Bodies


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("text", b"bytes", "resp.text takes a str, not b'bytes', of type bytes. For bytes use resp.content"),
        ("text", None, "not None, of type NoneType"),
        ("html", 7, "resp.html takes a str, not 7, of type int"),
        ("content", {"a": 1}, "For data use resp.media"),
    ],
)
def test_a_body_of_the_wrong_type_is_refused_where_it_is_set(
    call: Caller, attribute: str, value: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        look(call, lambda resp: assign(resp, **{attribute: value}))


@pytest.mark.parametrize("source", [7, lambda: 7, None])
def test_a_stream_is_an_iterable_or_a_function_that_gives_one(call: Caller, source: Any) -> None:
    with pytest.raises(TypeError, match="takes a generator function or an iterable"):
        look(call, lambda resp: resp.stream(source))


def test_a_stream_may_be_any_iterable(call: Caller) -> None:
    pieces: list[str | bytes] = ["a", b"b"]
    assert emit(call, lambda resp: resp.stream(pieces)).body == b"ab"


def test_what_was_set_may_be_read_back(call: Caller) -> None:
    def read(resp: responder.Response) -> list[Any]:
        before = [resp.content, resp.text, resp.media, resp.mimetype]
        resp.media = {"a": 1}
        as_media = [resp.media, resp.content, resp.text, resp.mimetype]
        resp.html = "caf\u00e9"
        resp.encoding = "latin-1"
        return [*before, *as_media, resp.html, resp.content, resp.mimetype, resp.encoding]

    assert look(call, read) == [
        *[b"", "", None, ""],
        *[{"a": 1}, b'{"a":1}', '{"a":1}', "application/json"],
        *["caf\u00e9", b"caf\xe9", "text/html", "latin-1"],
    ]


def test_a_mimetype_set_by_hand_is_read_back(call: Caller) -> None:
    assert look(call, lambda resp: assign(resp, text="a", mimetype="text/csv").mimetype) == "text/csv"


def test_an_unknown_encoding_is_refused_where_it_is_set(call: Caller) -> None:
    with pytest.raises(LookupError, match="nonsense"):
        look(call, lambda resp: assign(resp, encoding="nonsense"))


def test_an_after_hook_may_change_the_media_of_a_view(call: Caller) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.media = {"a": 1}

    async def hook(req: responder.Request, resp: responder.Response) -> None:
        resp.media["b"] = 2

    api = responder.API()
    api.after_request(hook)
    api.get("/")(view)
    answer = call(api)
    assert (answer.media, answer.headers["content-length"]) == ({"a": 1, "b": 2}, str(len(answer.body)))


# Headers and cookies


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nSet-Cookie: b=c"),
        ("X-A", "\x00"),
        ("X-A", "\u20ac"),
        ("X A", "a"),
        ("X-A:", "a"),
        ("", "a"),
        ("X\n", "a"),
    ],
)
def test_a_header_that_http_cannot_carry_is_refused_where_it_is_set(call: Caller, name: str, value: str) -> None:
    with pytest.raises(responder.InvalidHeader):
        look(call, lambda resp: resp.headers.update({name: value}))


@pytest.mark.parametrize(("name", "value"), [("a b", "x"), ("a", "x;y"), ("a", "\r\n"), ("", "x"), ("a", "\u20ac")])
def test_a_cookie_that_http_cannot_carry_is_refused_where_it_is_set(call: Caller, name: str, value: str) -> None:
    with pytest.raises(responder.InvalidCookie):
        look(call, lambda resp: resp.set_cookie(name, value))


def test_cookies_go_out_and_come_in(api: responder.API, session: Session) -> None:
    async def set_cookies(req: responder.Request, resp: responder.Response) -> None:
        resp.cookies["hello"] = "world"
        resp.set_cookie("other", "1")
        resp.text = "set"

    async def show_cookies(req: responder.Request, resp: responder.Response) -> None:
        resp.media = req.cookies

    async def drop_cookies(req: responder.Request, resp: responder.Response) -> None:
        resp.delete_cookie("hello")

    api.get("/set")(set_cookies)
    api.get("/show")(show_cookies)
    api.get("/drop")(drop_cookies)
    session.get("/set")
    assert session.get("/show").json() == {"hello": "world", "other": "1"}
    session.get("/drop")
    assert session.get("/show").json() == {"other": "1"}


def test_cache_control_is_written_from_keywords(call: Caller) -> None:
    answer = emit(call, lambda resp: resp.cache_control(public=True, max_age=60, no_store=False, stale_if_error=0))
    assert answer.headers["cache-control"] == "public, max-age=60, stale-if-error=0"


def test_vary_gathers_names_once(call: Caller) -> None:
    def put(resp: responder.Response) -> None:
        resp.vary("Accept", "Accept")
        resp.vary("accept", "Cookie")

    assert emit(call, put).headers["vary"] == "Accept, Cookie"


# Whole answers


def test_created_gives_the_new_resource_and_where_it_is(call: Caller) -> None:
    answer = emit(call, lambda resp: resp.created({"id": 7}, location="/pets/caf\u00e9"))
    assert (answer.status, answer.headers["location"], answer.media) == (201, "/pets/caf%C3%A9", {"id": 7})


def test_created_needs_neither(call: Caller) -> None:
    answer = emit(call, lambda resp: resp.created())
    assert (answer.status, answer.fields, answer.body) == (201, [("content-length", "0")], b"")


def test_no_content_forgets_the_body(call: Caller) -> None:
    def put(resp: responder.Response) -> None:
        resp.text = "text"
        resp.no_content()

    answer = emit(call, put)
    assert (answer.status, answer.fields, answer.body) == (204, [], b"")


def test_a_problem_is_an_rfc_9457_document(call: Caller) -> None:
    answer = emit(
        call,
        lambda resp: resp.problem(409, title="Out of credit", detail="30 are missing.", type="/credit", balance=30),
    )
    assert (answer.status, answer.headers["content-type"]) == (409, "application/problem+json")
    assert answer.media == {
        "status": 409,
        "title": "Out of credit",
        "detail": "30 are missing.",
        "type": "/credit",
        "balance": 30,
    }


def test_the_headers_of_an_error_go_onto_the_response(call: Caller) -> None:
    answer = emit(call, lambda _resp: responder.abort(401, headers={"WWW-Authenticate": "Basic"}))
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Basic")


# Background


def test_background_functions_run_after_the_response_is_sent() -> None:
    steps: list[str] = []
    api = responder.API()

    async def finish() -> None:
        steps.append("async")

    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.background(steps.append, "sync")
        resp.background(finish)
        resp.text = "sent"

    async def after(req: responder.Request, resp: responder.Response) -> None:
        steps.append("after hook")

    api.get("/")(view)
    api.after_request(after)
    with api.session() as session:
        assert session.get("/").text == "sent"
    assert steps[0] == "after hook"
    assert sorted(steps[1:]) == ["async", "sync"]


def test_a_sync_background_function_runs_on_another_thread() -> None:
    threads: list[int] = []
    loops: list[int] = []
    api = responder.API()

    async def view(req: responder.Request, resp: responder.Response) -> None:
        loops.append(threading.get_ident())
        resp.background(lambda: threads.append(threading.get_ident()))

    api.get("/")(view)
    with api.session() as session:
        session.get("/")
    assert len(threads) == 1
    assert threads != loops


def test_background_functions_of_a_failed_request_do_not_run() -> None:
    ran: list[str] = []
    api = responder.API()

    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.background(ran.append, "x")
        responder.abort(409)

    api.get("/")(view)
    with api.session() as session:
        assert session.get("/").status_code == 409
    assert ran == []


def test_what_is_no_function_does_not_run_in_the_background(call: Caller) -> None:
    function: Any = "function"
    with pytest.raises(TypeError, match="takes a function and its arguments"):
        look(call, lambda resp: resp.background(function))


def test_a_partitioned_cookie_is_deleted_by_the_attributes_that_it_was_set_with(call: Caller) -> None:
    api = responder.API()

    @api.route("/")
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.delete_cookie("visit", secure=True, samesite="none", partitioned=True)

    line = call(api).headers["set-cookie"]
    assert line.startswith("visit=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; Secure; HttpOnly")
    assert line.endswith("SameSite=None; Partitioned")
