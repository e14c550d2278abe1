from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.http.disposition import format_attachment
from responder.http.headers import ResponseHeaders


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ("my report (1).pdf", 'attachment; filename="my report (1).pdf"'),
        ("caf\u00e9.txt", "attachment; filename=\"cafe.txt\"; filename*=UTF-8''caf%C3%A9.txt"),
        ("\u20ac 5.csv", "attachment; filename=\"_ 5.csv\"; filename*=UTF-8''%E2%82%AC%205.csv"),
        ("\U0001f600.png", "attachment; filename=\"_.png\"; filename*=UTF-8''%F0%9F%98%80.png"),
        ('say "hi".txt', "attachment; filename=\"say _hi_.txt\"; filename*=UTF-8''say%20%22hi%22.txt"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
    ],
)
def test_a_name_is_written_for_old_and_for_new_clients(filename: str, expected: str) -> None:
    assert format_attachment(filename) == expected


@pytest.mark.parametrize("filename", ["../../etc/passwd", "/etc/passwd", "C:\\temp\\passwd"])
def test_only_the_last_segment_goes_out(filename: str) -> None:
    assert format_attachment(filename) == 'attachment; filename="passwd"'


@pytest.mark.parametrize("filename", ["", "/", "\r\n", "a/", "\x00"])
def test_without_a_name_it_is_an_attachment_all_the_same(filename: str) -> None:
    assert format_attachment(filename) == "attachment"


def test_line_breaks_cannot_end_the_header() -> None:
    assert format_attachment("a\r\nSet-Cookie: x=1") == 'attachment; filename="aSet-Cookie: x=1"'


def test_a_name_cannot_hide_what_it_is_or_take_long() -> None:
    assert "%E2%80%AE" not in format_attachment("annex\u202egpj.exe")
    assert len(format_attachment("a" + "\u0316\u0301" * 100_000)) < 3000


@given(st.text())
def test_every_name_travels_and_comes_back(filename: str) -> None:
    value = format_attachment(filename)
    ResponseHeaders()["content-disposition"] = value
    assert value.isascii()
    _, _, exact = value.partition("filename*=UTF-8''")
    plain = value.partition('filename="')[2].partition('"')[0]
    assert "/" not in unquote(exact)
    assert not set(plain) & set('"\\/')
