from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal, TypedDict, Unpack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.errors import InvalidHeader
from responder.http.conditional import (
    evaluate_preconditions,
    format_etag,
    if_range_matches,
    match_strongly,
    match_weakly,
    parse_etags,
)

OLD = "Sun, 06 Nov 1994 08:49:36 GMT"
SAME = "Sun, 06 Nov 1994 08:49:37 GMT"
NEW = "Sun, 06 Nov 1994 08:49:38 GMT"
MODIFIED = datetime(1994, 11, 6, 8, 49, 37, 123456, tzinfo=UTC)
NAIVE = datetime(1994, 11, 6)  # noqa: DTZ001 - the naive one is the point

tags = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"'))
headers = st.text() | st.lists(st.sampled_from(['"', "W/", "a", ",", " ", "*", "\\", "\xe9", '"x"'])).map("".join)


class Conditions(TypedDict, total=False):
    if_match: str | None
    if_none_match: str | None
    if_modified_since: str | None
    if_unmodified_since: str | None
    etag: str | None
    last_modified: datetime | None


def evaluate(method: str = "GET", **given_: Unpack[Conditions]) -> Literal[304, 412] | None:
    return evaluate_preconditions(
        method,
        if_match=given_.get("if_match"),
        if_none_match=given_.get("if_none_match"),
        if_modified_since=given_.get("if_modified_since"),
        if_unmodified_since=given_.get("if_unmodified_since"),
        etag=given_.get("etag", '"a"'),
        last_modified=given_.get("last_modified", MODIFIED),
    )


def test_a_bare_tag_is_quoted() -> None:
    assert format_etag("abc") == '"abc"'
    assert format_etag("abc", weak=True) == 'W/"abc"'


@pytest.mark.parametrize("tag", ['"abc"', 'W/"abc"', '""', 'W/""'])
def test_an_entity_tag_stays_as_it_is(tag: str) -> None:
    assert format_etag(tag) == tag


def test_weak_makes_a_strong_entity_tag_weak_and_a_weak_one_no_weaker() -> None:
    assert format_etag('"abc"', weak=True) == 'W/"abc"'
    assert format_etag('W/"abc"', weak=True) == 'W/"abc"'


@pytest.mark.parametrize("tag", ["a b", 'a"b', '"', '"abc', 'w/"abc"', "a\n", '"a"\n', "a\r\nb", "é", '"é"', "\x7f"])
def test_a_tag_that_http_cannot_carry_is_refused(tag: str) -> None:
    with pytest.raises(InvalidHeader, match="cannot be an entity-tag"):
        format_etag(tag)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('"a"', ['"a"']),
        ('"a", W/"b",""', ['"a"', 'W/"b"', '""']),
        (' , "a" ,\t, "b" ,', ['"a"', '"b"']),
        ('"a,b", "c"', ['"a,b"', '"c"']),
        ('"\\", "x"', ['"\\"', '"x"']),
        ('"\xe9"', ['"\xe9"']),
        ("*", ["*"]),
        (" * ", ["*"]),
        ('"*"', ['"*"']),
    ],
)
def test_entity_tags_are_read_as_written(header: str, expected: list[str]) -> None:
    assert parse_etags(header) == expected


@pytest.mark.parametrize(
    "header", ["", " ", ",", "a", '"a', 'a"', '"a" "b"', '"a", b', 'b, "a"', 'w/"a"', 'W/ "a"', '*, "a"', '"a b"', "**"]
)
def test_a_malformed_list_is_none(header: str) -> None:
    assert parse_etags(header) is None


def test_hostile_lists_are_read_in_one_pass() -> None:
    assert parse_etags('"' * 1_000_001) is None
    assert parse_etags('"a' + "," * 1_000_000) is None
    assert parse_etags('"a"' + ", " * 500_000 + "x") is None


@given(headers)
@settings(max_examples=300, deadline=None)
def test_no_list_raises(header: str) -> None:
    for tag in parse_etags(header) or ():
        assert tag in header


@given(st.lists(st.tuples(tags, st.booleans()), min_size=1))
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_again(pairs: list[tuple[str, bool]]) -> None:
    written = [format_etag(f'"{tag}"', weak=weak) for tag, weak in pairs]
    assert parse_etags(", ".join(written)) == written


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_formatting_gives_an_entity_tag_or_refuses(tag: str) -> None:
    try:
        written = format_etag(tag)
    except InvalidHeader:
        return
    assert parse_etags(written) == [written]


@pytest.mark.parametrize(
    ("one", "other", "strongly", "weakly"),
    [
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
    ],
)
def test_comparison_is_that_of_the_table_in_the_rfc(one: str, other: str, *, strongly: bool, weakly: bool) -> None:
    assert match_strongly(one, other) is match_strongly(other, one) is strongly
    assert match_weakly(one, other) is match_weakly(other, one) is weakly


def test_without_conditions_the_request_goes_on() -> None:
    assert evaluate() is None


@pytest.mark.parametrize("if_match", ["*", '"a"', '"b", "a"'])
def test_if_match_that_holds_goes_on(if_match: str) -> None:
    assert evaluate("PUT", if_match=if_match) is None


@pytest.mark.parametrize("if_match", ['"b"', 'W/"a"', "a", "", '"a", oops'])
def test_if_match_that_does_not_hold_is_412(if_match: str) -> None:
    assert evaluate("PUT", if_match=if_match) == 412


def test_if_match_is_strong_on_both_sides() -> None:
    assert evaluate("PUT", if_match='W/"a"', etag='W/"a"') == 412


def test_if_match_without_a_known_etag_holds_only_for_the_star() -> None:
    assert evaluate("PUT", if_match='"a"', etag=None) == 412
    assert evaluate("PUT", if_match="*", etag=None, last_modified=None) is None


@pytest.mark.parametrize(("date", "status"), [(OLD, 412), (SAME, None), (NEW, None), ("yesterday", None)])
def test_if_unmodified_since_compares_whole_seconds(date: str, status: int | None) -> None:
    assert evaluate("PUT", if_unmodified_since=date) == status


def test_if_unmodified_since_is_ignored_beside_if_match() -> None:
    assert evaluate("PUT", if_match='"a"', if_unmodified_since=OLD) is None


def test_dates_are_ignored_without_a_modification_date() -> None:
    assert evaluate("PUT", if_unmodified_since=OLD, last_modified=None) is None
    assert evaluate("GET", if_modified_since=NEW, last_modified=None) is None


@pytest.mark.parametrize("if_none_match", ["*", '"a"', 'W/"a"', '"b", "a"'])
def test_if_none_match_that_matches_is_304_for_reading_and_412_for_the_rest(if_none_match: str) -> None:
    assert evaluate("GET", if_none_match=if_none_match) == 304
    assert evaluate("HEAD", if_none_match=if_none_match) == 304
    assert evaluate("PUT", if_none_match=if_none_match) == 412
    assert evaluate("get", if_none_match=if_none_match) == 412


def test_if_none_match_of_other_tags_goes_on() -> None:
    assert evaluate("GET", if_none_match='"b"') is None
    assert evaluate("PUT", if_none_match='"b"') is None
    assert evaluate("GET", if_none_match='"a"', etag=None) is None


def test_an_unreadable_if_none_match_never_lets_a_write_through() -> None:
    assert evaluate("GET", if_none_match="a") is None
    assert evaluate("PUT", if_none_match="a") == 412


@pytest.mark.parametrize(("date", "status"), [(OLD, None), (SAME, 304), (NEW, 304), ("yesterday", None), ("", None)])
def test_if_modified_since_compares_whole_seconds(date: str, status: int | None) -> None:
    assert evaluate("GET", if_modified_since=date) == status
    assert evaluate("HEAD", if_modified_since=date) == status


def test_if_modified_since_is_for_reading_only() -> None:
    assert evaluate("POST", if_modified_since=NEW) is None


def test_if_modified_since_is_ignored_beside_if_none_match() -> None:
    assert evaluate("GET", if_none_match='"b"', if_modified_since=NEW) is None
    assert evaluate("GET", if_none_match="unreadable", if_modified_since=NEW) is None


def test_if_match_is_judged_before_if_none_match() -> None:
    assert evaluate("GET", if_match='"b"', if_none_match='"a"') == 412
    assert evaluate("GET", if_match='"a"', if_none_match='"a"') == 304
    assert evaluate("GET", if_unmodified_since=OLD, if_none_match='"a"') == 412


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT"])
def test_methods_without_a_representation_ignore_conditions(method: str) -> None:
    assert evaluate(method, if_match='"b"', if_none_match="*") is None


def test_a_modification_date_in_another_zone_is_the_same_moment() -> None:
    elsewhere = MODIFIED.astimezone(timezone(timedelta(hours=-8)))
    assert evaluate("GET", if_modified_since=SAME, last_modified=elsewhere) == 304


def test_a_naive_modification_date_is_refused_with_advice() -> None:
    with pytest.raises(ValueError, match=r"no time zone; use datetime\.now"):
        evaluate("GET", if_modified_since=SAME, last_modified=NAIVE)
    with pytest.raises(ValueError, match=r"no time zone; use datetime\.now"):
        if_range_matches(SAME, etag=None, last_modified=NAIVE)


dates = st.none() | st.sampled_from([OLD, SAME, NEW]) | st.text()


@given(st.sampled_from(["GET", "PUT"]), st.none() | headers, st.none() | headers, dates, dates)
@settings(max_examples=200, deadline=None)
def test_no_conditions_raise(
    method: str, if_match: str | None, if_none_match: str | None, since: str | None, until: str | None
) -> None:
    status = evaluate(
        method, if_match=if_match, if_none_match=if_none_match, if_modified_since=since, if_unmodified_since=until
    )
    assert status in {None, 304, 412}


@pytest.mark.parametrize(
    ("if_range", "expected"),
    [
        ('"a"', True),
        (' "a"\t', True),
        ('"b"', False),
        ('W/"a"', False),
        ("a", False),
        ('"a", "b"', False),
        ('"a",', False),
        ("*", False),
        ("", False),
        (SAME, True),
        (OLD, False),
        (NEW, False),
    ],
)
def test_if_range_needs_the_very_same_validator(if_range: str, *, expected: bool) -> None:
    assert if_range_matches(if_range, etag='"a"', last_modified=MODIFIED) is expected


def test_if_range_never_matches_a_weak_tag_or_an_unknown_validator() -> None:
    assert not if_range_matches('W/"a"', etag='W/"a"', last_modified=None)
    assert not if_range_matches('"a"', etag=None, last_modified=None)
    assert not if_range_matches(SAME, etag=None, last_modified=None)


@given(headers | st.from_regex(re.compile("[A-Z][a-z]{2}, [0-9]{2} Nov [0-9]{4} [0-9:]{8} GMT", re.ASCII)))
@settings(max_examples=200, deadline=None)
def test_no_if_range_raises(if_range: str) -> None:
    assert if_range_matches(if_range, etag='"a"', last_modified=MODIFIED) in {True, False}
