from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.http import dates
from responder.http.dates import format_http_date, parse_http_date

MOMENT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)

aware = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))


def complete(text: str, now: datetime) -> datetime | None:
    found = dates._RFC850_DATE.fullmatch(text)
    assert found is not None
    return dates._complete_year(found, now)


def test_a_moment_is_written_as_imf_fixdate() -> None:
    assert format_http_date(MOMENT) == "Sun, 06 Nov 1994 08:49:37 GMT"


def test_seconds_since_the_epoch_are_a_moment() -> None:
    assert format_http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert format_http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"


def test_fractions_of_a_second_are_dropped() -> None:
    assert format_http_date(1.999999999) == format_http_date(1)
    assert format_http_date(MOMENT.replace(microsecond=999999)) == format_http_date(MOMENT)


def test_seconds_before_the_epoch_round_down() -> None:
    assert format_http_date(-0.5) == "Wed, 31 Dec 1969 23:59:59 GMT"


def test_another_time_zone_is_converted() -> None:
    assert format_http_date(MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))) == format_http_date(MOMENT)


def test_a_naive_datetime_is_refused_with_advice() -> None:
    with pytest.raises(ValueError, match=r"no time zone; use datetime\.now"):
        format_http_date(datetime(1994, 11, 6))  # noqa: DTZ001 - the naive one is the point


@pytest.mark.parametrize(
    "moment",
    [
        1e300,
        -1e300,
        float("inf"),
        10**30,
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-1))),
    ],
)
def test_a_moment_beyond_four_digit_years_is_refused(moment: datetime | float) -> None:
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        format_http_date(moment)


def test_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        format_http_date(float("nan"))


def test_early_years_have_four_digits() -> None:
    assert format_http_date(datetime(1, 1, 1, tzinfo=UTC)) == "Mon, 01 Jan 0001 00:00:00 GMT"


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994",
        "  Sun, 06 Nov 1994 08:49:37 GMT\t",
    ],
)
def test_the_three_formats_are_read(text: str) -> None:
    assert parse_http_date(text) == MOMENT


def test_what_is_read_is_aware() -> None:
    moment = parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT")
    assert moment is not None
    assert moment.tzinfo is UTC


def test_the_name_of_the_day_need_not_fit() -> None:
    assert parse_http_date("Mon, 06 Nov 1994 08:49:37 GMT") == MOMENT


def test_a_leap_second_is_the_second_before_it() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT; length=12",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov \u0661\u0669\u0669\u0664 08:49:37 GMT",
        "Sun, 06 Nov ²⁰²⁰ 08:49:37 GMT",
        "Sunday, 29-Feb-95 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "1994-11-06T08:49:37Z",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert parse_http_date(text) is None


@pytest.mark.parametrize(
    ("text", "now", "year"),
    [
        ("Sunday, 06-Nov-94 08:49:37 GMT", 2026, 1994),
        ("Sunday, 06-Nov-26 08:49:37 GMT", 2026, 2026),
        ("Sunday, 06-Nov-75 08:49:37 GMT", 2026, 2075),
        ("Sunday, 06-Nov-77 08:49:37 GMT", 2026, 1977),
        ("Sunday, 06-Nov-01 08:49:37 GMT", 2099, 2101),
    ],
)
def test_two_digits_are_the_latest_year_within_fifty_years(text: str, now: int, year: int) -> None:
    assert complete(text, datetime(now, 6, 1, tzinfo=UTC)) == MOMENT.replace(year=year)


def test_fifty_years_are_counted_to_the_second() -> None:
    now = datetime(2026, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert complete("Friday, 06-Nov-76 08:49:37 GMT", now) == now.replace(year=2076)
    assert complete("Friday, 06-Nov-76 08:49:38 GMT", now) == now.replace(year=1976, second=38)


@given(aware)
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_again(moment: datetime) -> None:
    assert parse_http_date(format_http_date(moment)) == moment


@given(aware.filter(lambda moment: moment.year > 999))
@settings(max_examples=50, deadline=None)
def test_asctime_is_read_again(moment: datetime) -> None:
    assert parse_http_date(moment.ctime()) == moment


@given(st.integers(-(10**10), 10**11))
@settings(max_examples=100, deadline=None)
def test_dates_are_those_of_the_standard_library(seconds: int) -> None:
    assert format_http_date(seconds) == formatdate(seconds, usegmt=True)


@given(
    st.text()
    | st.from_regex(re.compile("[A-Z][a-z]{2,8},? [0-9]{2}[ -][A-Z][a-z]{2}[ -][0-9]{2,4} [0-9:]{8} GMT", re.ASCII)),
)
@settings(max_examples=200, deadline=None)
def test_no_text_raises(text: str) -> None:
    moment = parse_http_date(text)
    assert moment is None or moment.tzinfo is UTC
