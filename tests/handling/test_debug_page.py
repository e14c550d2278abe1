from __future__ import annotations

import sys
import uuid
from collections import namedtuple
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.handling.debug_page import _Redactor, is_sensitive, render_debug_page

SECRET_KEY = "module level signing key"


@pytest.fixture(params=["tracerite", "plain"])
def drawn_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Draw with tracerite, then as though it were not installed."""
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "tracerite", None)
    return str(request.param)


def render(error: BaseException, path: str = "/pets", headers: dict[str, str] | None = None) -> str:
    page = render_debug_page(error, method="GET", path=path, headers=headers or {})
    page.encode("utf-8")
    return page


def render_raised(function: Any, *args: Any, headers: dict[str, str] | None = None) -> str:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - the page takes any
        function(*args)
    return render(caught.value, headers=headers)


def fail(reason: str) -> NoReturn:
    raise ValueError(reason)


def describe(value: object) -> str:
    return _Redactor().describe("value", value)


def clean(text: str) -> str:
    return _Redactor().clean_text(text)


def test_the_page_shows_error_request_source_and_headers(drawn_by: str) -> None:
    page = render_raised(fail, "no such pet", headers={"Accept": "text/html"})
    assert page.startswith("<!doctype html>")
    assert "<title>ValueError</title>" in page
    assert "no such pet" in page
    assert "GET /pets" in page
    assert "raise ValueError(reason)" in page
    assert "<th>Accept</th><td>text/html</td>" in page


def test_the_page_loads_nothing_runs_nothing_and_is_not_indexed(drawn_by: str) -> None:
    page = render_raised(fail, "no such pet")
    assert '<meta name="robots" content="noindex">' in page
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
    assert "<script" not in page
    assert "http:" not in page
    assert "https:" not in page


def test_everything_of_the_client_is_escaped(drawn_by: str) -> None:
    attack = "<script>alert('\"&')</script>"
    with pytest.raises(ValueError, match="script") as caught:
        fail(attack)
    caught.value.add_note(attack)
    page = render_debug_page(caught.value, method=attack, path=f"/{attack}?q={attack}", headers={attack: attack})
    assert "<script" not in page
    assert "</script" not in page
    assert page.count("&lt;script") >= 5


def test_the_name_of_a_class_is_escaped(drawn_by: str) -> None:
    error = type("<script>", (ValueError,), {})("reason")
    assert "<script" not in render(error)


def test_surrogates_of_the_client_do_not_break_the_encoding(drawn_by: str) -> None:
    page = render(ValueError("\ud800"), "/\udcff", {"X": "\udc80"})
    assert "\\udcff" in page


@pytest.mark.parametrize(
    "name", ["Authorization", "Cookie", "Proxy-Authorization", "Set-Cookie", "X-Api-Key", "apikey", "X-Session-Id"]
)
def test_a_secret_header_is_not_shown(name: str) -> None:
    page = render(ValueError("reason"), headers={name: "Bearer a1b2c3d4e5", "Accept": "*/*"})
    assert "a1b2c3d4e5" not in page
    assert f"<th>{name}</th><td>[redacted]</td>" in page
    assert "<td>*/*</td>" in page


@pytest.mark.parametrize(
    "name",
    ["password", "DB_PASSWD", "secret_key", "csrfToken", "api_key", "api-key", "apikey", "credentials", "private_key"],
)
def test_names_that_tell_of_a_secret(name: str) -> None:
    assert is_sensitive(name)


@pytest.mark.parametrize("name", ["pet", "accept", "key", "passenger", ""])
def test_names_that_tell_of_none(name: str) -> None:
    assert not is_sensitive(name)


def test_the_value_of_a_secret_header_is_struck_out_of_the_message(drawn_by: str) -> None:
    page = render_raised(fail, "bad value a1b2c3d4e5", headers={"Authorization": "Bearer a1b2c3d4e5"})
    assert "a1b2c3d4e5" not in page
    assert "bad value [redacted]" in page


def test_secret_variables_are_not_shown_nor_struck_values_elsewhere(drawn_by: str) -> None:
    def view(password: str, form: dict[str, Any]) -> None:
        fail(f"{password} is wrong, and so is {form['inner']['api_key']}")

    page = render_raised(view, "hunter2", {"inner": {"api_key": b"k-123456"}})
    assert "hunter2" not in page
    assert "k-123456" not in page


def test_secrets_within_secret_containers_are_struck_out(drawn_by: str) -> None:
    def view(session: dict[str, Any]) -> None:
        fail("seen: first-entry second-entry third-entry")

    deep = {"d": [[["too deep to be learnt"]]]}
    page = render_raised(view, {"a": ["first-entry"], "b": {"second-entry"}, "c": ("third-entry", 3, None)} | deep)
    assert "seen: [redacted] [redacted] [redacted]" in page


def test_the_secret_of_a_module_is_struck_out(drawn_by: str) -> None:
    page = render_raised(fail, "signed with " + SECRET_KEY)
    assert "signed with [redacted]" in page


def test_literals_of_secrets_are_taken_out_of_source_lines(drawn_by: str) -> None:
    def view() -> None:
        {"password": "in a dict", "colour": "green"}[fail("reason")]

    page = render_raised(view)
    assert "in a dict" not in page
    assert "green" in page


def test_tracerite_shows_the_variables_of_a_line_redacted() -> None:
    def view(pet: str, token: str, options: dict[str, Any], handler: object) -> None:
        fail(str((pet, token, options, handler, sys))[:0])

    page = render_raised(view, "spaniel", "t0ken-value", {"password": "x", "size": 3}, describe)
    assert "&#39;spaniel&#39;" in page or "'spaniel'" in page
    assert "t0ken-value" not in page
    assert "{'password': [redacted], 'size': 3}" in page
    assert "<span class=var>handler</span>" not in page


class Account:
    def __init__(self) -> None:
        self.secret_key = "of an object"

    def __repr__(self) -> str:
        return f"Account({self.secret_key})"


def test_the_repr_of_an_object_is_not_shown() -> None:
    def view(account: Account) -> None:
        fail(str(account)[:0])

    page = render_raised(view, Account())
    assert "of an object" not in page
    assert "Account object&gt;" in page or "Account object>" in page


Point = namedtuple("Point", "x y")  # noqa: PYI024 - a subclass of tuple is what is described


@pytest.mark.parametrize(
    ("value", "description"),
    [
        (None, "None"),
        (True, "True"),
        (3, "3"),
        (2.5, "2.5"),
        pytest.param(1 << 20_000, "<int of 20001 bits>", id="huge"),
        ("text", "'text'"),
        (b"text", "b'text'"),
        ("x" * 300, "'" + "x" * 199 + "…"),
        ("password=x", "[redacted]"),
        (b'{"token": 1}', "[redacted]"),
        ([1, "a"], "[1, 'a']"),
        (Point(1, 2), "(1, 2)"),
        ({1}, "{1}"),
        ([], "[]"),
        (list(range(12)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, and 2 more]"),
        ({"a": {"b": {"c": {"d": 1}}}}, "{'a': {'b': {'c': {1 items}}}}"),
        ({"a": {"password": "x"}, 2: 3}, "{'a': {'password': [redacted]}, 2: 3}"),
        ([(b"cookie", b"a=b"), ("accept", "*/*")], "[('cookie', [redacted]), ('accept', '*/*')]"),
        ({"token=x": 1}, "{'token=[redacted]': [redacted]}"),
        (uuid.UUID(int=1), "UUID('00000000-0000-0000-0000-000000000001')"),
        (Exception("x"), "<builtins.Exception object>"),
    ],
)
def test_how_values_are_described(value: object, description: str) -> None:
    assert describe(value) == description


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("/pets?token=abc&page=2", "/pets?token=[redacted]&page=2"),
        ("{'password': 'x y', 'size': 3}", "{'password': [redacted], 'size': 3}"),
        ('{"api_key":"a\\"b"}', '{"api_key":[redacted]}'),
        ("secret_key = abc, size = 3", "secret_key = [redacted], size = 3"),
        ("Authorization: Bearer abc def", "Authorization: [redacted]"),
        ("Cookie: a=b; c=d\nnext", "Cookie: [redacted]\nnext"),
        ("('authorization', 'x')", "('authorization', [redacted])"),
        (repr("{'password': \"it's\"}")[1:-1], "{\\'password\\': [redacted]}"),
        ("token: Bearer abc", "token: [redacted]"),
        ("the session is over", "the session is over"),
    ],
)
def test_how_text_is_cleaned(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize("unit", ["password", "password='", 'secret=\\"', "token: ", "cookie='\\", "secret" + "x" * 40])
def test_hostile_text_is_cleaned_and_bounded(unit: str) -> None:
    assert len(clean(unit * 200_000)) <= 40_000


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_cleaned(text: str) -> None:
    assert "unguessable" not in clean(f"password='unguessable' {text}")
    assert "<script" not in render(ValueError("<script" + text), text, {text: text})


def test_no_more_than_some_hundred_secrets_are_kept() -> None:
    redactor = _Redactor()
    redactor.learn_from_headers({f"X-Token-{number}": f"value-{number:06}" for number in range(5000)})
    assert len(redactor._secrets) == 500


class Broken(Exception):
    message = 3

    def __str__(self) -> str:
        raise RuntimeError("no text either")


def test_an_exception_whose_text_fails_still_has_a_page(drawn_by: str) -> None:
    assert "&lt;exception str() failed&gt;" in render(Broken())


def raise_from(error: BaseException, cause: BaseException) -> NoReturn:
    raise error from cause


def test_the_cause_and_the_notes_are_shown(drawn_by: str) -> None:
    with pytest.raises(ValueError, match="the cause") as caught:
        fail("the cause")
    caught.value.add_note("a note, password=x1y2z3")
    page = render_raised(raise_from, ValueError("the error"), caught.value)
    assert "the cause" in page
    assert "a note, password=[redacted]" in page


def test_a_circle_of_causes_has_an_end(drawn_by: str) -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    page = render_raised(raise_from, first, second)
    assert "first" in page


def test_a_long_chain_has_an_end(drawn_by: str) -> None:
    outer = ValueError("outer")
    inner: BaseException = outer
    for number in range(3000):
        inner.__context__ = ValueError(number)
        inner = inner.__context__
    assert "outer" in render(outer)


def test_exception_groups_show_their_members(drawn_by: str) -> None:
    members: list[Exception] = []
    for reason in ("first reason", "second reason"):
        with pytest.raises(ValueError, match=reason) as caught:
            fail(reason)
        members.append(caught.value)

    def view(reason: str) -> None:
        raise ExceptionGroup(reason, members)

    page = render_raised(view, "token=x1y2z3")
    assert "first reason" in page
    assert "second reason" in page
    assert "x1y2z3" not in page


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_is_no_exception_has_a_page(drawn_by: str, kind: type[BaseException]) -> None:
    assert kind.__name__ in render(kind("reason"))
    assert kind.__name__ in render(BaseExceptionGroup("several", [kind("reason")]))


def test_an_endless_recursion_has_a_page(drawn_by: str) -> None:
    def view(depth: int) -> int:
        return view(depth + 1)

    assert "RecursionError" in render_raised(view, 0)
