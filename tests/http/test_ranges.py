from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.http.ranges import format_content_range, format_unsatisfied_range, parse_range

sizes = st.integers(0, 1000)
headers = st.text() | st.from_regex(re.compile(r"bytes=[0-9]{0,4}-[0-9]{0,4}(,[0-9]{0,4}-[0-9]{0,4}){0,4}", re.ASCII))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-99", [(0, 100)]),
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-", [(500, 1000)]),
        ("bytes=0-", [(0, 1000)]),
        ("bytes=-1", [(999, 1000)]),
        ("bytes=-1000", [(0, 1000)]),
        ("bytes=999-999", [(999, 1000)]),
    ],
)
def test_one_range_is_a_half_open_interval(header: str, expected: list[tuple[int, int]]) -> None:
    assert parse_range(header, 1000) == expected


def test_ranges_keep_the_order_of_the_client() -> None:
    assert parse_range("bytes=500-600,0-99,-10", 1000) == [(500, 601), (0, 100), (990, 1000)]


@pytest.mark.parametrize("header", ["bytes=10-5000", "bytes=10-9999999999999999999"])
def test_an_end_beyond_the_size_is_clipped(header: str) -> None:
    assert parse_range(header, 1000) == [(10, 1000)]


def test_a_suffix_longer_than_the_whole_is_the_whole() -> None:
    assert parse_range("bytes=-5000", 1000) == [(0, 1000)]


@pytest.mark.parametrize("header", ["BYTES=0-9", "Bytes=0-9", "bytes= 0-9", "bytes=0-9 ", "bytes=, ,0-9,\t,"])
def test_case_of_the_unit_and_empty_members_mean_nothing(header: str) -> None:
    assert parse_range(header, 1000) == [(0, 10)]


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=2000-3000,5000-"])
def test_nothing_satisfiable_is_an_empty_list(header: str) -> None:
    assert parse_range(header, 1000) == []


def test_unsatisfiable_ranges_beside_a_good_one_are_dropped() -> None:
    assert parse_range("bytes=5000-,0-9,-0", 1000) == [(0, 10)]


def test_an_empty_representation_satisfies_no_position() -> None:
    assert parse_range("bytes=0-", 0) == []


def test_a_suffix_of_an_empty_representation_is_ignored() -> None:
    assert parse_range("bytes=-5", 0) is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=5",
        "bytes=a-b",
        "bytes=9-5",
        "bytes=0-9,9-5",
        "bytes=0-9,x",
        "bytes=0--9",
        "bytes=+0-9",
        "bytes=0-9-10",
        "bytes=0 - 9",
        "bytes=1_0-20",
        "bytes=0x0-0x9",
        "bytes=0-9\n",
        "bytes=\u0660-\u0669",
        "bytes=²-³",
        "bytes 0-9",
        "items=0-9",
        "seconds=1-2",
        "by\xa0tes=0-9",
    ],
)
def test_what_is_malformed_or_of_another_unit_is_ignored(header: str) -> None:
    assert parse_range(header, 1000) is None


def test_a_number_of_more_than_nineteen_digits_is_ignored() -> None:
    assert parse_range(f"bytes=0-{'9' * 20}", 1000) is None
    assert parse_range(f"bytes=0-{'9' * 100_000}", 1000) is None


def test_one_range_too_many_ignores_them_all() -> None:
    header = "bytes=" + ",".join(f"{n * 10}-{n * 10}" for n in range(16))
    assert len(parse_range(header, 1000) or ()) == 16
    assert parse_range(header + ",500-500", 1000) is None


def test_the_number_of_ranges_can_be_set() -> None:
    assert parse_range("bytes=0-0,2-2", 10, max_ranges=2) == [(0, 1), (2, 3)]
    assert parse_range("bytes=0-0,2-2", 10, max_ranges=1) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9,9-20", [(0, 21)]),
        ("bytes=0-,0-", [(0, 1000)]),
        ("bytes=50-60,0-100", [(0, 101)]),
        ("bytes=5-9,-1000", [(0, 1000)]),
        ("bytes=500-600,0-9,5-20", [(0, 21), (500, 601)]),
        ("bytes=0-9,10-19", [(0, 20)]),
    ],
)
def test_ranges_that_overlap_or_touch_become_one(header: str, expected: list[tuple[int, int]]) -> None:
    assert parse_range(header, 1000) == expected


def test_a_flood_of_commas_or_ranges_is_ignored() -> None:
    assert parse_range("bytes=" + "," * 1_000_000, 1000) is None
    assert parse_range("bytes=" + "0-," * 300_000, 1000) is None


@given(headers, sizes)
@settings(max_examples=300, deadline=None)
def test_no_text_raises_and_every_interval_lies_inside(header: str, size: int) -> None:
    ranges = parse_range(header, size)
    for start, end in ranges or ():
        assert 0 <= start < end <= size
    assert all(end < start for (_, end), (start, _) in pairwise(sorted(ranges or ())))


@given(st.integers(1, 10**18), st.data())
@settings(max_examples=100, deadline=None)
def test_an_interval_that_is_asked_for_is_given(size: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(start + 1, size))
    assert parse_range(f"bytes={start}-{end - 1}", size) == [(start, end)]
    assert format_content_range(start, end, size) == f"bytes {start}-{end - 1}/{size}"


def test_content_range_names_the_last_byte() -> None:
    assert format_content_range(0, 100, 1234) == "bytes 0-99/1234"


@pytest.mark.parametrize(("start", "end"), [(0, 0), (5, 4), (-1, 5), (0, 11), (10, 11)])
def test_an_interval_outside_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="are no part of 10 bytes"):
        format_content_range(start, end, 10)


def test_content_range_of_a_416_names_the_size() -> None:
    assert format_unsatisfied_range(1234) == "bytes */1234"
