from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

import responder

if TYPE_CHECKING:
    from tests.conftest import Answer, Caller

MOMENT = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
BEFORE, SAME, LATER = (
    b"Mon, 06 May 2024 07:08:08 GMT",
    b"Mon, 06 May 2024 07:08:09 GMT",
    b"Mon, 06 May 2024 07:08:10 GMT",
)


def make_api(**validators: Any) -> responder.API:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        for name, value in validators.items():
            setattr(resp, name, value)
        if req.method in {"PUT", "DELETE"}:
            resp.check_preconditions()
        resp.media = {"a": 1}
        resp.headers["X-A"] = "1"
        resp.cookies["c"] = "d"

    api = responder.API()
    api.route("/")(view)
    return api


def ask(call: Caller, fields: dict[bytes, bytes], *, method: str = "GET", **validators: Any) -> Answer:
    return call(make_api(**validators), method=method, headers=[(b"host", b"example.com"), *fields.items()])


@pytest.mark.parametrize(
    ("tag", "sent"), [("v42", '"v42"'), ('"v42"', '"v42"'), ('W/"v42"', 'W/"v42"'), ("", '""'), ("a'b", '"a\'b"')]
)
def test_an_etag_is_sent_quoted(call: Caller, tag: str, sent: str) -> None:
    assert ask(call, {}, etag=tag).headers["etag"] == sent


@pytest.mark.parametrize("tag", ["a b", "\r\n", "\u20ac", '"open', 'a"b'])
def test_an_etag_that_cannot_be_sent_is_refused_where_it_is_set(
    call: Caller, caplog: pytest.LogCaptureFixture, tag: str
) -> None:
    assert ask(call, {}, etag=tag).status == 400
    (record,) = caplog.records
    assert "InvalidHeader" in record.getMessage()
    assert record.exc_info is None


def test_last_modified_is_sent_as_an_http_date(call: Caller) -> None:
    assert ask(call, {}, last_modified=MOMENT).headers["last-modified"] == SAME.decode()


def test_a_naive_moment_is_refused_where_it_is_set(call: Caller, caplog: pytest.LogCaptureFixture) -> None:
    assert ask(call, {}, last_modified=MOMENT.replace(tzinfo=None)).status == 500
    assert "ValueError" in caplog.text


def test_validators_may_be_read_back(call: Caller) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        before = [resp.etag, resp.last_modified]
        resp.etag, resp.last_modified = "v1", MOMENT
        resp.media = [*before, resp.etag, resp.last_modified]

    api = responder.API()
    api.get("/")(view)
    assert call(api).media == [None, None, '"v1"', "2024-05-06T07:08:09Z"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 200),
        ({b"if-none-match": b'"v1"'}, 304),
        ({b"if-none-match": b'W/"v1"'}, 304),
        ({b"if-none-match": b'"v0", "v1"'}, 304),
        ({b"if-none-match": b"*"}, 304),
        ({b"if-none-match": b'"v2"'}, 200),
        ({b"if-none-match": b"nonsense"}, 200),
        ({b"if-none-match": b'"v2"', b"if-modified-since": LATER}, 200),
        ({b"if-modified-since": SAME}, 304),
        ({b"if-modified-since": LATER}, 304),
        ({b"if-modified-since": BEFORE}, 200),
        ({b"if-modified-since": b"yesterday"}, 200),
        ({b"if-match": b'"v1"'}, 200),
        ({b"if-match": b"*"}, 200),
        ({b"if-match": b'"v2"'}, 412),
        ({b"if-match": b'W/"v1"'}, 412),
        ({b"if-unmodified-since": SAME}, 200),
        ({b"if-unmodified-since": BEFORE}, 412),
        ({b"if-unmodified-since": b"\xff"}, 200),
    ],
)
def test_conditions_of_a_reading_request_decide(
    call: Caller, fields: dict[bytes, bytes], status: int, method: str
) -> None:
    answer = ask(call, fields, method=method, etag="v1", last_modified=MOMENT)
    assert answer.status == status
    assert bool(answer.body) is (status == 200 and method == "GET")


def test_a_304_has_what_a_cache_needs_and_nothing_of_the_body(call: Caller) -> None:
    answer = ask(call, {b"if-none-match": b'"v1"'}, etag="v1", last_modified=MOMENT)
    assert [name for name, _ in answer.fields] == ["etag", "last-modified", "x-a", "vary", "set-cookie"]


def test_a_412_keeps_the_headers_that_were_set(call: Caller) -> None:
    answer = ask(call, {b"if-match": b'"v2"'}, etag="v1")
    assert (answer.status, answer.body) == (412, b"")
    assert (answer.headers["x-a"], answer.headers["content-length"]) == ("1", "0")
    assert "content-type" not in answer.headers


def test_without_validators_conditions_mean_nothing(call: Caller) -> None:
    fields = {b"if-none-match": b"*", b"if-match": b'"v1"', b"if-modified-since": LATER}
    assert ask(call, fields).status == 200


@pytest.mark.parametrize("status", [201, 404])
def test_a_condition_is_about_what_a_success_would_send(call: Caller, status: int) -> None:
    answer = ask(call, {b"if-none-match": b'"v1"'}, etag="v1", status_code=status)
    assert answer.status == (304 if status == 201 else 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 200),
        ({b"if-match": b'"v1"'}, 200),
        ({b"if-match": b'"v0"'}, 412),
        ({b"if-none-match": b"*"}, 412),
        ({b"if-none-match": b'"v1"'}, 412),
        ({b"if-unmodified-since": BEFORE}, 412),
        ({b"if-modified-since": LATER}, 200),
    ],
)
def test_a_change_is_refused_before_it_is_made(
    call: Caller, fields: dict[bytes, bytes], status: int, method: str
) -> None:
    answer = ask(call, fields, method=method, etag="v1", last_modified=MOMENT)
    assert answer.status == status
    if status == 412:
        assert answer.media["detail"] == "The resource has changed since it was read."


def test_a_change_that_is_not_checked_is_not_refused_after_it_was_made(call: Caller) -> None:
    assert ask(call, {b"if-match": b'"v0"'}, method="POST", etag="v1").status == 200


def test_checking_in_a_reading_view_leaves_the_304_to_the_end(call: Caller) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.etag = "v1"
        resp.check_preconditions()
        resp.text = "body"

    api = responder.API()
    api.get("/")(view)
    host = (b"host", b"example.com")
    assert call(api, headers=[host, (b"if-none-match", b'"v1"')]).status == 304
    assert call(api, headers=[host, (b"if-match", b'"v0"')]).media["status"] == 412


def test_conditions_on_several_lines_are_one_list(call: Caller) -> None:
    headers = [(b"host", b"example.com"), (b"if-none-match", b'"v0"'), (b"if-none-match", b'"v1"')]
    assert call(make_api(etag="v1"), headers=headers).status == 304


def test_a_stream_that_the_client_has_already_is_not_started(call: Caller) -> None:
    started: list[bool] = []

    async def pieces() -> Any:
        started.append(True)
        yield b"x"

    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.etag = "v1"
        resp.stream(pieces)

    api = responder.API()
    api.get("/")(view)
    assert call(api, headers=[(b"host", b"example.com"), (b"if-none-match", b'"v1"')]).status == 304
    assert started == []
