from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.errors import ResponderError
from responder.testing import ProtocolError
from responder.testing.messages import ResponseRules

if TYPE_CHECKING:
    from responder.types import Message


def start(status: Any = 200, *headers: Any) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(content: Any = b"", *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def check(*messages: Message, method: str = "GET") -> ResponseRules:
    rules = ResponseRules(method)
    for message in messages:
        rules.check(message)
    return rules


@pytest.mark.parametrize(
    ("method", "messages"),
    [
        (
            "GET",
            [
                start(),
                body(b"ab", more=True),
                body(),
            ],
        ),
        ("GET", [start(200, (b"content-length", b"4")), body(b"ab", more=True), body(b"cd")]),
        ("GET", [start(200, [b"content-length", b"0"]), {"type": "http.response.body"}]),
        ("GET", [{"type": "http.response.start", "status": 999}, body(b"x")]),
        ("HEAD", [start(200, (b"content-length", b"4")), body()]),
        ("GET", [start(304, (b"content-length", b"4")), body()]),
        ("GET", [start(204), body()]),
        ("GET", [start(200, (b"x-tab", b"a\tb \xff")), body()]),
    ],
)
def test_a_proper_response_passes(method: str, messages: list[Message]) -> None:
    assert check(*messages, method=method).status == messages[0]["status"]


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([body()], "before http.response.start"),
        ([start(), start()], "started a response twice; the first has status 200"),
        ([start(), body(), body()], "after the last one"),
        ([{"type": "http.response.trailers"}], "sent 'http.response.trailers'"),
        ([{}], "sent None"),
        ([start("200")], "not '200'"),
        ([start(status=True)], "not True"),
        ([start(99)], "not 99"),
        ([start(1000)], "not 1000"),
        ([start(200, (b"X-Name", b"x"))], "lower-case token"),
        ([start(200, (b"", b"x"))], "lower-case token"),
        ([start(200, (b"a b", b"x"))], "lower-case token"),
        ([start(200, ("name", b"x"))], "a pair of bytes"),
        ([start(200, (b"name", "x"))], "a pair of bytes"),
        ([start(200, (b"name",))], "a pair of bytes"),
        ([start(200, None)], "a pair of bytes"),
        ([start(200, (b"name", b"a\r\nset-cookie: b"))], "'name' has a control character"),
        ([start(200, (b"content-length", b"1"), (b"content-length", b"1"))], "one Content-Length"),
        ([start(304, (b"content-length", b"-1"))], "one Content-Length in digits"),
        ([start(200, (b"content-length", b"3")), body(b"ab")], "is 3, but 2 bytes"),
        ([start(200, (b"content-length", b"3")), body(b"abcd", more=True)], "is 3, but 4 bytes"),
        ([start(), body("text")], "is bytes, not str"),
        ([start(204), body(b"x")], "A 204 response to GET has no body; 1 bytes"),
        ([start(304), body(b"x")], "A 304 response to GET has no body"),
        ([start(101), body(b"x")], "A 101 response to GET has no body"),
    ],
)
def test_what_no_server_would_send_is_refused(messages: list[Message], complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        check(*messages)


def test_a_response_to_head_has_no_body() -> None:
    with pytest.raises(ProtocolError, match="A 200 response to HEAD has no body"):
        check(start(), body(b"x"), method="HEAD")


def test_a_broken_rule_is_a_failed_assertion() -> None:
    assert issubclass(ProtocolError, AssertionError)
    assert issubclass(ProtocolError, ResponderError)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["type", "status", "headers", "body"]), st.none() | st.integers() | st.text()))
def test_only_the_declared_error_comes_out_of_a_strange_message(message: Message) -> None:
    with pytest.raises(ProtocolError):
        check(message)


@settings(max_examples=100, deadline=None)
@given(st.none() | st.integers() | st.lists(st.one_of(st.binary(), st.none(), st.lists(st.binary() | st.text()))))
def test_strange_headers_are_refused_or_kept(headers: Any) -> None:
    message = {"type": "http.response.start", "status": 200, "headers": headers}
    try:
        rules = check(message)
    except ProtocolError:
        return
    assert rules.headers == [tuple(pair) for pair in headers]
