"""The media type of a file, by its name.

The table is Python's own, without the files of the system, so that a service answers the same on every machine; what
that table lacks, or has under an outdated name, stands here.
"""

from __future__ import annotations

import mimetypes
from functools import cache
from typing import Final

OCTETS: Final = "application/octet-stream"

_NEWER: Final = {
    ".avif": "image/avif",
    ".cjs": "text/javascript",
    ".flac": "audio/flac",
    ".gz": "application/gzip",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".jsonld": "application/ld+json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".msgpack": "application/msgpack",
    ".otf": "font/otf",
    ".toml": "application/toml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_TEXTUAL: Final = frozenset({"application/manifest+json", "application/xml", "image/svg+xml"})


@cache
def _table() -> dict[str, str]:
    return mimetypes.MimeTypes().types_map[True] | _NEWER


def content_type_of(name: str) -> str:
    """Give the Content-Type for a file of this name; texts are said to be UTF-8. Unknown: `application/octet-stream`.

    The last extension counts: `archive.tar.gz` is `application/gzip`.
    """
    stem, dot, extension = name.rpartition("/")[2].rpartition(".")
    media_type = _table().get(f".{extension.lower()}", OCTETS) if dot and stem else OCTETS
    is_text = media_type.startswith("text/") or media_type in _TEXTUAL
    return f"{media_type}; charset=utf-8" if is_text else media_type
