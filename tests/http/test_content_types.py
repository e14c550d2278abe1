from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.http.content_types import content_type_of
from responder.http.headers import ResponseHeaders


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app.js", "text/javascript; charset=utf-8"),
        ("app.mjs", "text/javascript; charset=utf-8"),
        ("site.css", "text/css; charset=utf-8"),
        ("index.html", "text/html; charset=utf-8"),
        ("folder.d/notes.TXT", "text/plain; charset=utf-8"),
        ("logo.svg", "image/svg+xml; charset=utf-8"),
        ("logo.PNG", "image/png"),
        ("photo.webp", "image/webp"),
        ("font.woff2", "font/woff2"),
        ("data.json", "application/json"),
        ("app.js.map", "application/json"),
        ("site.webmanifest", "application/manifest+json; charset=utf-8"),
        ("module.wasm", "application/wasm"),
        ("film.mp4", "video/mp4"),
        ("archive.tar.gz", "application/gzip"),
        ("openapi.yml", "application/yaml"),
    ],
)
def test_the_extension_says_the_type(name: str, expected: str) -> None:
    assert content_type_of(name) == expected


@pytest.mark.parametrize("name", ["", "README", ".html", "folder/.css", "a.unknown", "a.html/", "html"])
def test_what_has_no_known_extension_is_bytes(name: str) -> None:
    assert content_type_of(name) == "application/octet-stream"


@given(st.text())
def test_every_name_gives_a_value_that_travels(name: str) -> None:
    ResponseHeaders()["content-type"] = content_type_of(name)
