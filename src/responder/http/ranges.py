"""Byte ranges (RFC 9110 section 14): which part of a representation a client asks for.

A range is a half-open interval `(start, end)`, as Python slices are. Ranges that overlap or touch become one, so that
no byte is sent twice, whatever a client lists.
"""

from __future__ import annotations

import re

# 19 digits hold every size that a file system knows, and keep `int()` cheap whatever is sent.
_RANGE = re.compile("([0-9]{0,19})-([0-9]{0,19})")


def parse_range(header: str, size: int, max_ranges: int = 16) -> list[tuple[int, int]] | None:
    """Read a `Range` header against a representation of `size` bytes (RFC 9110 section 14.2).

    Gives the satisfiable ranges, clipped to `size`, in the client's order, or in ascending order where some of them had
    to be joined (section 15.3.7.2). An empty list means that none is satisfiable: the answer is 416 with
    `format_unsatisfied_range(size)`. `None` means that the header is to be ignored and the answer is the whole
    representation: another unit, a malformed header, a number of more than 19 digits, more than `max_ranges` ranges, or
    a suffix of nothing, which no `Content-Range` can express.
    """
    unit, _, range_set = header.partition("=")
    if unit.strip(" \t").lower() != "bytes" or range_set.count(",") >= max_ranges:
        return None
    ranges = _parse_range_set(range_set, size)
    if ranges is None:
        return None
    joined = _join(ranges)
    return ranges if len(joined) == len(ranges) else joined


def _join(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _parse_range_set(range_set: str, size: int) -> list[tuple[int, int]] | None:
    named = [piece for piece in (piece.strip(" \t") for piece in range_set.split(",")) if piece]
    found = [_RANGE.fullmatch(piece) for piece in named]
    ranges = []
    for match in found:
        if match is None or (bounds := _read_bounds(match[1], match[2], size)) is None:
            return None
        if bounds[0] < bounds[1]:
            ranges.append(bounds)
    return ranges if named else None


def _read_bounds(first: str, last: str, size: int) -> tuple[int, int] | None:
    """Give the interval, an empty one when it is unsatisfiable, or `None` when it is to be ignored."""
    if first:
        end = size if not last else min(int(last) + 1, size)
        return None if last and int(last) < int(first) else (int(first), end)
    if not last:
        return None
    length = int(last)
    return None if length and not size else (max(size - length, 0), size)


def format_content_range(start: int, end: int, size: int) -> str:
    """Write the `Content-Range` of bytes `start` up to but without `end`: `"bytes 0-99/1234"` (RFC 9110 section 14.4).

    Raises `ValueError` for an interval that is empty or not inside `size`.
    """
    if not 0 <= start < end <= size:
        raise ValueError(f"Bytes {start} up to {end} are no part of {size} bytes; give 0 <= start < end <= size.")
    return f"bytes {start}-{end - 1}/{size}"


def format_unsatisfied_range(size: int) -> str:
    """Write the `Content-Range` of a 416: `"bytes */1234"` (RFC 9110 section 15.5.17)."""
    return f"bytes */{size}"
