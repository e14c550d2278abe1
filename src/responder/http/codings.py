"""Content codings (RFC 9110 section 8.4): which of them an answer gets, which a body has, and where they are worth it.

The codecs are others' work, of which two are extras; each is imported when the first service wants it.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from .negotiation import preferred_coding

if TYPE_CHECKING:
    from collections.abc import Sequence

_MODULES: Final = {
    "zstd": "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd",
    "br": "brotli",
    "gzip": "zlib",
    "deflate": "zlib",
}

_BROAD: Final = ("text/", "+json", "+xml", "+yaml", "+text", "font/ttf", "font/otf", "font/collection")
_SHRINKING: Final = frozenset(
    f"application/{name}"
    for name in (
        "cbor",
        "dns-json",
        "ecmascript",
        "graphql",
        "javascript",
        "json",
        "json-seq",
        "jsonl",
        "msgpack",
        "n-triples",
        "ndjson",
        "postscript",
        "rtf",
        "sql",
        "toml",
        "vnd.apple.mpegurl",
        "vnd.msgpack",
        "vnd.ms-fontobject",
        "wasm",
        "x-javascript",
        "x-msgpack",
        "x-ndjson",
        "x-sh",
        "x-tar",
        "x-www-form-urlencoded",
        "x-yaml",
        "xml",
        "yaml",
    )
) | frozenset({"image/bmp", "image/vnd.microsoft.icon", "image/x-icon", "image/x-ms-bmp", "model/obj"})

_EVENTS: Final = "text/event-stream"


@cache
def load_codec(coding: str) -> Any:
    """Give the module that writes and reads a coding, or None where it is not installed."""
    try:
        return import_module(_MODULES[coding])
    except ImportError:
        return None


def choose_coding(header: str | None, codings: Sequence[str]) -> str | None:
    """Give the coding that `Accept-Encoding` takes best, the earlier of two equal ones, or None for as it is.

    A client that refuses what is left (`identity;q=0`) gets it as it is all the same, which RFC 9110 section 12.5.3
    allows, and which is more use to it than a 406.
    """
    return None if header is None else preferred_coding(header.lower().replace("x-gzip", "gzip"), codings)


def parse_content_encoding(header: str) -> list[str]:
    """Read `Content-Encoding`: the codings in the order in which they were applied, in lower case; `identity` is none.

    `x-gzip` is `gzip` (section 8.4.1.3). What is no token stays as it is, and so names no coding.
    """
    codings = [coding.strip(" \t").lower() for coding in header.split(",")]
    return ["gzip" if coding == "x-gzip" else coding for coding in codings if coding not in {"", "identity"}]


def shrinks(media_type: str) -> bool:
    """Say whether content of this type becomes smaller; images, films, sound, archives and web fonts have been already.

    `text/event-stream` does not count, since its clients are to see each event at once and few of them decode it.
    """
    if media_type.startswith(_BROAD) or media_type.endswith(_BROAD):
        return media_type != _EVENTS
    return media_type in _SHRINKING
