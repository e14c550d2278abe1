"""Dates as HTTP writes them (RFC 9110 section 5.6.7).

Rejected: `strftime` and `strptime`, whose names of days and months follow the locale; `email.utils`, which costs an
import of the whole `email` package and reads far more than HTTP allows.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DAY = f"(?:{'|'.join(_DAYS)})"
_LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_CLOCK = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"

_IMF_FIXDATE = re.compile(f"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_CLOCK} GMT")
_RFC850_DATE = re.compile(f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_CLOCK} GMT")
_ASCTIME_DATE = re.compile(f"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_CLOCK} (?P<year>[0-9]{{4}})")


def format_http_date(moment: datetime | float) -> str:
    """Write a moment as an IMF-fixdate: `"Sun, 06 Nov 1994 08:49:37 GMT"` (RFC 9110 section 5.6.7).

    `moment` is an aware `datetime` or seconds since the epoch; fractions of a second are dropped.
    Raises `ValueError` for a naive `datetime` and for a moment outside the years 1 to 9999 in UTC.
    """
    try:
        utc = _read_datetime(moment) if isinstance(moment, datetime) else _EPOCH + timedelta(seconds=math.floor(moment))
    except OverflowError:
        raise ValueError(f"{moment!r} is outside the years 1 to 9999 that an HTTP date can name.") from None
    day, month = _DAYS[utc.weekday()], _MONTHS[utc.month - 1]
    return f"{day}, {utc.day:02} {month} {utc.year:04} {utc.hour:02}:{utc.minute:02}:{utc.second:02} GMT"


def _read_datetime(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"{moment!r} has no time zone; use datetime.now(UTC) or give it a tzinfo.")
    return moment.astimezone(UTC)


def parse_http_date(text: str) -> datetime | None:
    """Read an HTTP date as an aware `datetime` in UTC, or give `None` for anything else.

    The three formats of RFC 9110 section 5.6.7: IMF-fixdate, RFC 850 and asctime. They are case-sensitive there. The
    name of the day need not fit the date, and a leap second is read as the second before it.
    """
    text = text.strip(" \t")
    if found := _IMF_FIXDATE.fullmatch(text) or _ASCTIME_DATE.fullmatch(text):
        return _build_moment(found, int(found["year"]))
    if found := _RFC850_DATE.fullmatch(text):
        return _complete_year(found, datetime.now(UTC))
    return None


def _complete_year(found: re.Match[str], now: datetime) -> datetime | None:
    """Take the latest year of these two digits that is no more than 50 years after `now`."""
    latest = now.year + 50
    year = latest - (latest - int(found["year"])) % 100
    moment = _build_moment(found, year)
    if year == latest and moment is not None and _without_year(moment) > _without_year(now):
        return _build_moment(found, year - 100)
    return moment


def _without_year(moment: datetime) -> tuple[int, ...]:
    return (moment.month, moment.day, moment.hour, moment.minute, moment.second)


def _build_moment(found: re.Match[str], year: int) -> datetime | None:
    second = int(found["second"])
    if second == 60:
        second = 59
    month, day = _MONTH_NUMBERS[found["month"]], int(found["day"])
    try:
        return datetime(year, month, day, int(found["hour"]), int(found["minute"]), second, tzinfo=UTC)
    except ValueError:
        return None
