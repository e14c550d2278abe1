from __future__ import annotations

import pytest

from responder.http.charsets import decode_text


@pytest.mark.parametrize(
    ("charset", "raw"),
    [
        ("utf-8", "é".encode()),
        ("UTF8", "é".encode()),
        ("Latin-1", b"\xe9"),
        ("iso-8859-15", b"\xe9"),
        ("windows-1252", b"\xe9"),
        ("utf-16", "é".encode("utf-16")),
        ("utf-8-sig", b"\xef\xbb\xbf\xc3\xa9"),
    ],
)
def test_text_is_decoded_by_its_charset(charset: str, raw: bytes) -> None:
    assert decode_text(raw, charset) == "é"


@pytest.mark.parametrize(
    "charset",
    [
        *("", "klingon", "a" * 10_000, "utf-8\x00", "../ascii", "ütf-8"),
        *("punycode", "idna", "unicode_escape", "raw-unicode-escape", "utf-7", "UTF_7", "undefined"),
        *("base64", "zlib", "rot13"),
    ],
)
def test_what_is_no_charset_is_refused(charset: str) -> None:
    with pytest.raises(LookupError):
        decode_text(b"abc", charset)


def test_bytes_that_are_not_in_the_charset_are_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        decode_text(b"\xff", "utf-8")
