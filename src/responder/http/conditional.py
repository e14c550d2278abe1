"""Conditional requests (RFC 9110 section 13): entity-tags, preconditions and `If-Range`.

An entity-tag is kept as it travels, quotes and `W/` included, so that comparing two is comparing two strings.
Rejected: reading bare words as tags, as some servers do; a list that cannot be read is a condition that does not hold.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from ..errors import InvalidHeader
from .dates import parse_http_date

if TYPE_CHECKING:
    from datetime import datetime

_TAG = re.compile("[!#-~]*")
_ENTITY_TAG = re.compile('(?:W/)?"[!#-~]*"')
# One member of a list as others may send it, obs-text included, with the commas that follow it.
_MEMBER = re.compile('((?:W/)?"[!#-~\x80-\xff]*+")[ \t]*+(?:,[ \t,]*+|\\Z)')


def format_etag(tag: str, *, weak: bool = False) -> str:
    """Write an entity-tag: `abc` becomes `"abc"`, or `W/"abc"` when `weak` (RFC 9110 section 8.8.3).

    What is an entity-tag already stays as it is, except that `weak` makes a strong one weak.
    Raises `InvalidHeader` for spaces, quotes, control characters and whatever is not ASCII.
    """
    if not _ENTITY_TAG.fullmatch(tag):
        if not _TAG.fullmatch(tag):
            raise InvalidHeader(f"{tag!r} cannot be an entity-tag; use visible ASCII without spaces and quotes.")
        tag = f'"{tag}"'
    return f"W/{tag}" if weak and not tag.startswith("W/") else tag


def parse_etags(header: str) -> list[str] | None:
    """Read `If-Match` or `If-None-Match`: the entity-tags as written, `["*"]` for `*`, `None` when malformed."""
    header = header.strip(" \t,")
    if header == "*":
        return ["*"]
    tags = []
    position = 0
    while position < len(header):
        member = _MEMBER.match(header, position)
        if member is None:
            return None
        tags.append(member[1])
        position = member.end()
    return tags or None


def match_strongly(one: str, other: str) -> bool:
    """Compare two entity-tags byte for byte; a weak one matches nothing (RFC 9110 section 8.8.3.2)."""
    return one == other and not one.startswith("W/")


def match_weakly(one: str, other: str) -> bool:
    """Compare two entity-tags without regard to `W/` (RFC 9110 section 8.8.3.2)."""
    return one.removeprefix("W/") == other.removeprefix("W/")


def evaluate_preconditions(  # noqa: PLR0913 - four headers against two validators, each named
    method: str,
    *,
    if_match: str | None,
    if_none_match: str | None,
    if_modified_since: str | None,
    if_unmodified_since: str | None,
    etag: str | None,
    last_modified: datetime | None,
) -> Literal[304, 412] | None:
    """Say which status answers a conditional request, or `None` to go on (RFC 9110 section 13.2.2).

    Call it for a representation that exists, since `*` matches it. `etag` and `last_modified` are its validators, as
    far as they are known; dates are compared in whole seconds. A date that cannot be read is ignored, a list of
    entity-tags that cannot be read does not hold: 412, but the whole answer for a GET with `If-None-Match`.
    Raises `ValueError` when `last_modified` has no time zone.
    """
    if method in {"CONNECT", "OPTIONS", "TRACE"}:
        return None
    if if_match is not None:
        if not _matches(if_match, etag):
            return 412
    elif _is_modified_since(if_unmodified_since, last_modified):
        return 412
    reading = method in {"GET", "HEAD"}
    if if_none_match is not None:
        return _evaluate_if_none_match(if_none_match, etag, reading=reading)
    return 304 if reading and _is_modified_since(if_modified_since, last_modified) is False else None


def _matches(if_match: str, etag: str | None) -> bool:
    tags = parse_etags(if_match) or []
    return tags == ["*"] or (etag is not None and any(match_strongly(tag, etag) for tag in tags))


def _evaluate_if_none_match(if_none_match: str, etag: str | None, *, reading: bool) -> Literal[304, 412] | None:
    tags = parse_etags(if_none_match)
    if tags is None:
        return None if reading else 412
    if tags == ["*"] or (etag is not None and any(match_weakly(tag, etag) for tag in tags)):
        return 304 if reading else 412
    return None


def _is_modified_since(date: str | None, last_modified: datetime | None) -> bool | None:
    """Compare a date with the validator; `None` when either is not known."""
    since = None if date is None else parse_http_date(date)
    if since is None or last_modified is None:
        return None
    return _drop_fraction(last_modified) > since


def _drop_fraction(last_modified: datetime) -> datetime:
    if last_modified.utcoffset() is None:
        raise ValueError(
            f"last_modified {last_modified!r} has no time zone; use datetime.now(UTC) or give it a tzinfo."
        )
    return last_modified.replace(microsecond=0)


def if_range_matches(if_range: str, *, etag: str | None, last_modified: datetime | None) -> bool:
    """Say whether `If-Range` allows a partial answer (RFC 9110 section 13.1.5).

    An entity-tag must match strongly, a date must be exactly that of `last_modified`, in whole seconds. Anything else
    does not match, and the answer is then the whole representation.
    Raises `ValueError` when `last_modified` has no time zone.
    """
    date = parse_http_date(if_range)
    if date is not None:
        return last_modified is not None and _drop_fraction(last_modified) == date
    tag = if_range.strip(" \t")
    return etag is not None and _MEMBER.fullmatch(tag) is not None and match_strongly(tag, etag)
