from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.http.negotiation import (
    MediaRange,
    accepts,
    parse_accept,
    parse_media_type,
    preferred_media_type,
    prefers_html,
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"

tokens = st.from_regex(re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII), fullmatch=True)
words = st.lists(
    st.sampled_from(['"', "\\", ";", ",", "=", "q", "q=", "0.5", " ", "*", "/", "text/html", "*/*", "\xe9", "\n", "a"]),
)
headers = st.text() | words.map("".join)


def quote(content: str) -> str:
    escaped = content.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/html", ("text/html", {})),
        (" Text/HTML ", ("text/html", {})),
        ("text/html; charset=utf-8", ("text/html", {"charset": "utf-8"})),
        ('text/html;Charset="UTF-8"', ("text/html", {"charset": "UTF-8"})),
        ("text/html ; a=1;;b=2 ; ", ("text/html", {"a": "1", "b": "2"})),
        ('multipart/form-data; boundary="a;b, c"', ("multipart/form-data", {"boundary": "a;b, c"})),
        (r'a/b; c="d\"e\\f"; g=h', ("a/b", {"c": 'd"e\\f', "g": "h"})),
        ('a/b; c=""', ("a/b", {"c": ""})),
        ("a/b; c=1; C=2", ("a/b", {"c": "1"})),
        ("application/vnd.api+json", ("application/vnd.api+json", {})),
    ],
)
def test_a_media_type_is_read(value: str, expected: tuple[str, dict[str, str]]) -> None:
    assert parse_media_type(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "text", "/", "text/", "/html", "text/html/x", "te xt/html", "text /html", "text/html,", "téxt/html"),
        *('"text/html"', ";text/html", ';"text/html"', "text/html\n"),
    ],
)
def test_what_is_no_media_type_is_empty(value: str) -> None:
    assert parse_media_type(value) == ("", {})


@pytest.mark.parametrize(
    "parameter",
    [
        *("c", "c=", "=d", "c =d", "c= d", "c=d e", "c=a/b", "ç=d", "c=é"),
        *('c="d', 'c="d"e', 'c="\n"', 'c="\x00"', 'c="d\\', 'c="→"'),
    ],
)
def test_a_malformed_parameter_is_passed_over(parameter: str) -> None:
    assert parse_media_type(f"a/b;x=1;{parameter}") == ("a/b", {"x": "1"})


def test_a_malformed_parameter_does_not_hide_the_next() -> None:
    assert parse_media_type('a/b; bad; c="d"e; x=1') == ("a/b", {"x": "1"})


@given(tokens, tokens, st.dictionaries(tokens.map(str.lower), tokens | st.text('\t !#$ab;,=\\"\xe9')))
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_again(main_type: str, subtype: str, parameters: dict[str, str]) -> None:
    written = f"{main_type}/{subtype}" + "".join(f"; {name}={quote(content)}" for name, content in parameters.items())
    assert parse_media_type(written) == (f"{main_type}/{subtype}".lower(), parameters)


@given(headers)
@settings(max_examples=200, deadline=None)
def test_no_content_type_raises(value: str) -> None:
    media_type, parameters = parse_media_type(value)
    assert media_type or not parameters
    assert all(name == name.lower() for name in parameters)


def test_accept_is_read_in_the_order_of_the_client() -> None:
    assert parse_accept('text/*;q=0.3, Text/HTML;Level="1" ,*/*;q=0') == [
        MediaRange("text", "*", {}, 0.3),
        MediaRange("text", "html", {"level": "1"}, 1.0),
        MediaRange("*", "*", {}, 0.0),
    ]


def test_q_may_stand_anywhere_and_in_any_case() -> None:
    assert parse_accept("a/b;Q=0.5;c=d") == [MediaRange("a", "b", {"c": "d"}, 0.5)]


def test_the_first_q_counts() -> None:
    assert parse_accept("a/b;q=0.5;q=0.1;q=bad") == [MediaRange("a", "b", {}, 0.5)]


@pytest.mark.parametrize(
    ("written", "quality"),
    [("0", 0.0), ("0.", 0.0), ("0.25", 0.25), ("1", 1.0), ("1.000", 1.0), (".2", 0.2), ("0.30000000000000004", 0.3)],
)
def test_a_quality_is_read(written: str, quality: float) -> None:
    assert parse_accept(f"a/b;q={written}")[0].quality == pytest.approx(quality)


@pytest.mark.parametrize(
    "written",
    ["", "2", "1.1", "-1", "+1", "nan", "inf", "1e-3", ".", "0.5 0.6", "high", "\u0660", "²", '"', "0." + "0" * 50],
)
def test_a_range_of_a_bad_quality_is_passed_over(written: str) -> None:
    assert MediaRange("c", "d", {}, 1.0) in parse_accept(f"c/d, a/b;q={written}")
    assert all(media_range.type == "c" for media_range in parse_accept(f"c/d, a/b;q={written}"))


def test_spaces_around_the_equals_sign_of_q_are_malformed() -> None:
    assert parse_accept("a/b; q = 0.5") == []


@pytest.mark.parametrize(
    "header", ["", " ", ",", ", ,", "text", "*/html", "text/", "text/html text/plain", '"text/html"']
)
def test_malformed_ranges_are_passed_over(header: str) -> None:
    assert parse_accept(header) == []


def test_a_malformed_parameter_leaves_its_range() -> None:
    assert parse_accept("text/html;level;q=0.5;x=") == [MediaRange("text", "html", {}, 0.5)]


def test_a_quoted_comma_separates_nothing() -> None:
    assert parse_accept('a/b;c="d,e/f;q=0.1", g/h') == [
        MediaRange("a", "b", {"c": "d,e/f;q=0.1"}, 1.0),
        MediaRange("g", "h", {}, 1.0),
    ]


def test_at_most_a_hundred_ranges_are_read() -> None:
    header = "a/b," * 100 + "text/html"
    assert len(parse_accept(header)) == 100
    assert not accepts(header, "text/html")
    assert len(parse_accept('a/b;c="d",' * 200)) == 100


def test_hostile_headers_are_read_in_one_pass() -> None:
    hostile = ('"' * 300_001, '"\\' * 300_000, ';a="\\"' * 100_000, "," * 1_000_000, ';a="' * 100_001, "a/b;" * 100_000)
    for text in hostile:
        assert len(parse_accept("x/y" + text)) <= 100
        assert parse_media_type("x/y;" + text)[0] == "x/y"


@given(headers)
@settings(max_examples=300, deadline=None)
def test_no_accept_raises(header: str) -> None:
    for media_range in parse_accept(header):
        assert 0 <= media_range.quality <= 1
    assert accepts(header, "text/html") in {True, False}
    assert preferred_media_type(header, ["text/html", "application/json"]) in {None, "text/html", "application/json"}
    assert prefers_html(header) in {True, False}


@pytest.mark.parametrize("header", [None, "", " ", "*/*", "*", "garbage", ",;,"])
def test_without_a_readable_accept_everything_is_accepted(header: str | None) -> None:
    assert accepts(header, "application/json")
    assert preferred_media_type(header, ["application/yaml", "application/json"]) == "application/yaml"


@pytest.mark.parametrize(
    ("header", "media_type", "expected"),
    [
        ("text/html", "text/html", True),
        ("text/html", "Text/HTML; charset=utf-8", True),
        ("text/html", "text/plain", False),
        ("text/*", "text/plain", True),
        ("text/*", "application/json", False),
        ("text/html;q=0", "text/html", False),
        ("text/html;q=0, */*", "text/html", False),
        ("*/*, text/html;q=0", "text/html", False),
        ("text/*;q=0, text/html", "text/html", True),
        ("*/*;q=0, text/*", "application/json", False),
        ("text/html;level=1", "text/html", False),
        ("text/html;level=1", "text/html;level=1", True),
        ("text/html;level=1", "text/html;level=2", False),
        ("text/html;level=1;q=0, text/html", "text/html;level=1", False),
        ("application/json;charset=UTF-8", "application/json", True),
        ("application/json;charset=UTF-8", "application/json;charset=utf-8", True),
        ("application/json;charset=latin-1", "application/json;charset=utf-8", False),
        ("application/json", "no media type", False),
    ],
)
def test_the_most_specific_range_decides(header: str, media_type: str, *, expected: bool) -> None:
    assert accepts(header, media_type) is expected


@pytest.mark.parametrize(
    ("media_type", "quality"),
    [
        ("text/html;level=1", 1.0),
        ("text/html", 0.7),
        ("text/plain", 0.3),
        ("image/jpeg", 0.5),
        ("text/html;level=2", 0.4),
        ("text/html;level=3", 0.7),
    ],
)
def test_qualities_are_those_of_the_table_in_the_rfc(media_type: str, quality: float) -> None:
    header = "text/*;q=0.3, text/html;q=0.7, text/html;level=1, text/html;level=2;q=0.4, */*;q=0.5"
    probe = f"{header}, x/above;q={quality + 0.01:.2f}" if quality < 1 else header
    assert preferred_media_type(f"{header}, x/below;q={quality - 0.01:.2f}", ["x/below", media_type]) == media_type
    assert preferred_media_type(probe, [media_type, "x/above"]) == ("x/above" if quality < 1 else media_type)


def test_a_tolerated_charset_makes_a_range_no_more_specific() -> None:
    assert preferred_media_type("a/b;q=0.9, a/b;charset=utf-8;q=0.1, c/d;q=0.5", ["c/d", "a/b"]) == "a/b"


def test_quality_goes_before_the_order_of_the_candidates() -> None:
    assert preferred_media_type("a/b;q=0.5, c/d", ["a/b", "c/d"]) == "c/d"


def test_equal_quality_leaves_the_choice_to_the_order_of_the_candidates() -> None:
    assert preferred_media_type("c/d, a/b", ["a/b", "c/d"]) == "a/b"
    assert preferred_media_type(BROWSER, ["application/json", "application/yaml"]) == "application/json"


def test_a_wildcard_of_old_java_is_understood() -> None:
    assert preferred_media_type(JAVA, ["application/json"]) == "application/json"


def test_nothing_acceptable_is_none() -> None:
    assert preferred_media_type("text/html", ["application/json"]) is None
    assert preferred_media_type("*/*;q=0", ["application/json"]) is None
    assert preferred_media_type(None, []) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("text/html;charset=utf-8", True),
        ("text/html, application/json", True),
        ("text/html, application/json;q=0.9, application/problem+json;q=0.9", True),
        (JAVA, True),
        ("text/html;q=0.9, application/json", False),
        ("text/html;q=0.9, application/problem+json", False),
        ("text/html;q=0.5, */*", False),
        ("text/html;q=0", False),
        ("text/*", False),
        ("*/*", False),
        ("application/json", False),
        ("application/xhtml+xml", False),
        ("", False),
        (None, False),
        ("garbage", False),
    ],
)
def test_error_pages_are_html_only_for_who_names_it(header: str | None, *, expected: bool) -> None:
    assert prefers_html(header) is expected
