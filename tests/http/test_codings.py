from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.http.codings import choose_coding, load_codec, parse_content_encoding, shrinks

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = ("zstd", "br", "gzip")


@pytest.fixture
def _fresh() -> Iterator[None]:
    load_codec.cache_clear()
    yield
    load_codec.cache_clear()


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, None),
        ("", None),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate", "gzip"),
        ("deflate", None),
        ("*", "zstd"),
        ("*;q=0", None),
        ("zstd;q=0, *", "br"),
        ("gzip, *;q=0", "gzip"),
        ("br;q=0.5, gzip;q=0.6", "gzip"),
        ("br;q=0.5, gzip;q=0.5", "br"),
        ("gzip;q=0", None),
        ("identity", None),
        ("identity;q=0", None),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("identity;q=0.5, gzip;q=0.4", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity, *;q=0.5", None),
        ("GZIP;Q=0.5", "gzip"),
        ("x-gzip", "gzip"),
        (" gzip ; q=1.0 ", "gzip"),
        ("gzip;q=2", None),
        ("gzip;q=-1", None),
        ("gzip;q=nan", None),
        ("gzip;q=1e9", None),
        ("gzip;q=0, gzip", None),
        (",,,gzip,,", "gzip"),
        ("gzip\x00", None),
        ("a," * 100_000 + "gzip", None),
    ],
)
def test_the_client_chooses_and_the_server_among_equals(header: str | None, coding: str | None) -> None:
    assert choose_coding(header, ALL) == coding


def test_what_is_not_offered_is_not_chosen() -> None:
    assert choose_coding("zstd, gzip;q=0.1", ("gzip",)) == "gzip"
    assert choose_coding("*", ()) is None


@given(st.text())
def test_any_header_chooses_something_that_is_offered_or_nothing(header: str) -> None:
    assert choose_coding(header, ALL) in {*ALL, None}


@pytest.mark.parametrize(
    ("header", "codings"),
    [
        ("gzip", ["gzip"]),
        ("X-GZIP", ["gzip"]),
        ("identity", []),
        ("", []),
        (" , identity,", []),
        ("identity, gzip", ["gzip"]),
        ("gzip,br", ["gzip", "br"]),
        ("gzip;q=1", ["gzip;q=1"]),
        ("g\xadzip", ["g\xadzip"]),
    ],
)
def test_a_content_encoding_is_read(header: str, codings: list[str]) -> None:
    assert parse_content_encoding(header) == codings


@given(st.text())
def test_any_content_encoding_can_be_read(header: str) -> None:
    assert {"identity", ""}.isdisjoint(parse_content_encoding(header))


@pytest.mark.parametrize(
    "media_type",
    [
        "text/html",
        "text/csv",
        "application/json",
        "application/problem+json",
        "application/yaml",
        "application/msgpack",
        "application/wasm",
        "application/javascript",
        "application/atom+xml",
        "image/svg+xml",
        "image/x-icon",
        "font/ttf",
    ],
)
def test_text_and_its_like_shrink(media_type: str) -> None:
    assert shrinks(media_type)


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "image/png",
        "image/jpeg",
        "image/webp",
        "video/mp4",
        "audio/mpeg",
        "application/zip",
        "application/gzip",
        "application/pdf",
        "application/octet-stream",
        "font/woff2",
        "font/woff",
        "multipart/byteranges",
        "text/event-stream",
    ],
)
def test_what_is_compressed_already_does_not(media_type: str) -> None:
    assert not shrinks(media_type)


@pytest.mark.parametrize("coding", [*ALL, "deflate"])
def test_a_codec_is_loaded(coding: str) -> None:
    assert load_codec(coding)


@pytest.mark.usefixtures("_fresh")
def test_a_codec_that_is_not_installed_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)
    assert load_codec("br") is None
