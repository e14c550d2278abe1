from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.errors import DecodeError
from responder.exchange.form import decode_form
from responder.http.query import encode_query

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
    assert decode_form(raw, 1000, "utf-8").multi_items() == fields


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
    assert decode_form(raw, 10, charset).multi_items() == [("a", "é")]


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
        decode_form(raw, 10, charset)
    assert caught.value.detail == f"The form cannot be decoded: {reason}."


def test_as_many_fields_as_the_limit_are_taken() -> None:
    assert decode_form(b"a&b&c", 3, "utf-8").multi_items() == [("a", ""), ("b", ""), ("c", "")]


@pytest.mark.parametrize("raw", [b"a&b&c&d", b"&&&", b"&" * 1_000_000])
def test_one_more_is_refused_with_the_limit(raw: bytes) -> None:
    with pytest.raises(DecodeError, match="The form has more than the 3 fields"):
        decode_form(raw, 3, "utf-8")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(texts, texts), max_size=8))
def test_what_is_encoded_parses_back(fields: list[tuple[str, str]]) -> None:
    assert decode_form(encode_query(fields).encode(), 8, "utf-8").multi_items() == fields


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(["utf-8", "latin-1", "utf-16", "shift_jis", "utf-7", "cp037", ""]))
def test_any_bytes_parse_or_are_refused(raw: bytes, charset: str) -> None:
    try:
        form = decode_form(raw, 5, charset)
    except DecodeError:
        return
    assert len(form.multi_items()) <= 5
