from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.errors import ConfigurationError, DecodeError, Problem
from responder.http.query import encode_query
from responder.media.form import fit_fields, parse_form


def in_turn(pairs: list[tuple[str, str]]) -> list[str]:
    return [text for pair in pairs for text in pair]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (b"", []),
        (b"name=Fido&age=3", [("name", "Fido"), ("age", "3")]),
        (b"a=1&a=2", [("a", "1"), ("a", "2")]),
        (b"a=b+c%2B", [("a", "b c+")]),
        (b"note=%0D%0A", [("note", "\r\n")]),
        (b"&&a&=b", [("a", ""), ("", "b")]),
    ],
)
def test_a_form_parses_as_the_url_standard_says(raw: bytes, fields: list[tuple[str, str]]) -> None:
    assert parse_form(raw, max_fields=1000) == in_turn(fields)


@pytest.mark.parametrize(
    ("charset", "raw"),
    [
        ("UTF-8", b"a=%C3%A9"),
        ("utf8", b"a=\xc3\xa9"),
        ("iso-8859-1", b"a=%E9"),
        ("windows-1252", b"a=\xe9"),
        ("utf-16-le", b"a%00=%E9%00"),
    ],
)
def test_the_charset_of_the_body_counts(charset: str, raw: bytes) -> None:
    assert parse_form(raw, max_fields=10, charset=charset) == ["a", "é"]


@pytest.mark.parametrize(
    ("charset", "raw", "reason"),
    [
        ("utf-8", b"a=%ff", "byte 2 is not valid UTF-8"),
        ("utf-8", b"a=\xff", "byte 2 is not valid UTF-8"),
        ("ascii", b"a=%C3", "byte 0 is not valid ASCII"),
        ("klingon", b"a=1", "unknown encoding: klingon"),
        ("punycode", b"a=1", "unknown encoding: punycode"),
    ],
)
def test_what_does_not_decode_is_refused(charset: str, raw: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_form(raw, max_fields=10, charset=charset)
    assert caught.value.detail == f"The form cannot be decoded: {reason}."


def test_as_many_fields_as_the_limit_are_taken() -> None:
    assert parse_form(b"a&b&c", max_fields=3) == ["a", "", "b", "", "c", ""]


@pytest.mark.parametrize("raw", [b"a&b&c&d", b"&&&", b"&" * 1_000_000])
def test_one_more_is_refused_with_the_limit(raw: bytes) -> None:
    with pytest.raises(DecodeError, match="The form has more than the 3 fields"):
        parse_form(raw, max_fields=3)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(texts, texts), max_size=8))
def test_what_is_encoded_parses_back(fields: list[tuple[str, str]]) -> None:
    assert parse_form(encode_query(fields).encode(), max_fields=8) == in_turn(fields)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(["utf-8", "latin-1", "utf-16", "shift_jis", "utf-7", "cp037", ""]))
def test_any_bytes_parse_or_are_refused(raw: bytes, charset: str) -> None:
    try:
        fields = parse_form(raw, max_fields=5, charset=charset)
    except DecodeError:
        return
    assert len(fields) <= 10


# As a model


@dataclass
class Pet:
    name: str
    age: int | None = None
    born: date | None = None
    is_tame: bool = False
    tags: list[str] = field(default_factory=list)
    sizes: tuple[int, ...] = ()
    photo: Any = None


def fit(**fields: list[Any]) -> Any:
    return fit_fields(fields, Pet)


def test_text_becomes_what_the_model_has() -> None:
    assert fit(name=["Fido"], age=["3"], born=["2020-01-31"]) == Pet("Fido", 3, date(2020, 1, 31))


def test_a_list_takes_every_value_and_anything_else_the_last() -> None:
    pet = fit(name=["a", "b"], tags=["x", "y"], sizes=["1", "2"])
    assert pet == Pet("b", tags=["x", "y"], sizes=(1, 2))


def test_what_was_left_empty_is_left_out_unless_it_may_be_empty() -> None:
    assert fit(name=[""], age=[""], born=["", ""], tags=[""]) == Pet("", tags=[""])


@pytest.mark.parametrize("sent", ["on", "true", "1"])
def test_a_box_that_is_ticked_is_true(sent: str) -> None:
    assert fit(name=["a"], is_tame=[sent]).is_tame is True
    assert fit(name=["on"]).name == "on"


def test_a_file_stays_what_it_is() -> None:
    photo = object()
    assert fit(name=["a"], photo=[photo], unknown=["1"]).photo is photo


@pytest.mark.parametrize("fields", [{}, {"name": ["a"], "age": ["old"]}, {"name": [object()]}])
def test_what_does_not_fit_is_a_422(fields: dict[str, list[Any]]) -> None:
    with pytest.raises(Problem) as caught:
        fit_fields(fields, Pet)
    assert caught.value.status == 422


def test_a_form_may_be_a_plain_dictionary() -> None:
    assert fit_fields({"a": ["1", "2"]}, dict[str, str]) == {"a": "2"}


def test_a_model_that_no_form_fills_says_so() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read from a form"):
        fit_fields({}, 7)
