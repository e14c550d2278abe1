from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from responder.http.filenames import safe_filename, tag_filename

RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$) *(\.|$)", re.IGNORECASE)
PIECES = [
    "a",
    "é",
    "e",
    "\u0301",
    ".",
    "..",
    "/",
    "\\",
    " ",
    "con",
    "NUL",
    ".txt",
    "\x00",
    "\u202e",
    "\ud800",
    "😀",
    "\u200d",
]
hostile = st.one_of(st.text(st.characters()), st.lists(st.sampled_from(PIECES)).map("".join))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.jpg", "photo.jpg"),
        ("archive.tar.gz", "archive.tar.gz"),
        ("O'Brien & sons (1), final.pdf", "O'Brien & sons (1), final.pdf"),
        ("Übergröße.pdf", "Übergröße.pdf"),
        ("履歴書.docx", "履歴書.docx"),
        ("سيرة.pdf", "سيرة.pdf"),
        ("👩‍👩‍👧 ❤️.png", "👩‍👩‍👧 ❤️.png"),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿.png", "🏴󠁧󠁢󠁥󠁮󠁧󠁿.png"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("a\u00a0b\u3000c.txt", "a b c.txt"),
        # Directories
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("C:\\fakepath\\photo.jpg", "photo.jpg"),
        ("/etc/cron.d/", "cron.d"),
        ("folder/..", "folder"),
        ("C:", "C_"),
        # What is not seen
        ("a\x00b\r\n\x1b[31m.txt", "ab[31m.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066a\u2069\u200f\ufeff.txt", "a.txt"),
        ("a\u2028b\u2029.txt", "ab.txt"),
        ("half\ud83d.txt", "half.txt"),
        # Dots and spaces
        (".bashrc", "bashrc"),
        ("...hidden.txt", "hidden.txt"),
        (" a.txt. . ", "a.txt"),
        (". .a", "a"),
        # Windows
        ('a<b>c:d"e|f?g*.txt', "a_b_c_d_e_f_g_.txt"),
        ("file.txt:stream", "file.txt_stream"),
        ("CON", "_CON"),
        ("nul.tar.gz", "_nul.tar.gz"),
        ("com1.txt", "_com1.txt"),
        ("LPT\u00b9 .txt", "_LPT\u00b9 .txt"),
        (".aux", "_aux"),
        ("c\u202eon", "_con"),
        ("console.txt", "console.txt"),
        ("com10.txt", "com10.txt"),
        # Nothing left
        ("", "upload"),
        (".", "upload"),
        ("..", "upload"),
        ("/", "upload"),
        ("\x00\u202e", "upload"),
        (" . ", "upload"),
    ],
)
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_filename(name) == safe


@pytest.mark.parametrize("letter", ["a", "é", "履", "😀"])
def test_a_long_name_is_cut_and_keeps_its_extension(letter: str) -> None:
    safe = safe_filename(letter * 300 + ".jpeg")
    assert safe.endswith(letter + ".jpeg")
    assert 255 - len(letter.encode()) < len(safe.encode()) <= 255


def test_an_extension_of_many_bytes_is_cut_like_the_rest() -> None:
    assert safe_filename("a." + "b" * 300) == "a." + "b" * 253
    assert safe_filename("." + "b" * 300) == "b" * 255


def test_a_name_that_becomes_reserved_by_being_cut_is_safe_too() -> None:
    assert safe_filename("con" + " " * 300 + "x.txt") == "_con" + " " * 247 + ".txt"


def test_a_name_of_a_million_characters_is_cut_at_both_ends() -> None:
    assert safe_filename("a" * 1_000_000 + ".png") == "a" * 251 + ".png"
    assert safe_filename("a" + "\u0301\u0323" * 1_000_000) != ""


@settings(max_examples=300, deadline=None)
@given(hostile)
@example("con" + " " * 300 + ".txt")
@example("\u0344" * 300)
def test_any_text_becomes_a_name_that_any_directory_takes(name: str) -> None:
    safe = safe_filename(name)
    assert 1 <= len(safe.encode()) <= 255
    assert not set(safe) & set('/\\<>:"|?*')
    assert safe == safe.strip(" .")
    assert not RESERVED.match(safe)
    assert unicodedata.is_normalized("NFC", safe)
    assert not [char for char in safe if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not set(safe) & set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert safe_filename(safe) == safe


@pytest.mark.parametrize(
    ("name", "tagged"),
    [
        ("photo.jpg", "photo-1.jpg"),
        ("archive.tar.gz", "archive.tar-1.gz"),
        ("upload", "upload-1"),
        ("a" * 251 + ".jpg", "a" * 249 + "-1.jpg"),
        ("é" * 125 + ".jpg", "é" * 124 + "-1.jpg"),
    ],
)
def test_a_tag_stands_before_the_extension(name: str, tagged: str) -> None:
    assert tag_filename(name, "1") == tagged


@settings(max_examples=100, deadline=None)
@given(hostile, st.text("0123456789abcdef", min_size=1, max_size=16))
def test_a_tagged_name_is_safe_too(name: str, tag: str) -> None:
    tagged = tag_filename(safe_filename(name), tag)
    assert safe_filename(tagged) == tagged
