"""A request, as a client prepared it, made into the scope of the ASGI HTTP specification 2.3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..types import RawHeader, Scope

CLIENT = ("127.0.0.1", 50000)
"""The address from which every test request seems to come."""

PORTS = {"http": 80, "https": 443}


def build_scope(  # noqa: PLR0913 - these are the parts of a request line, and each client library splits them its own way
    *,
    method: str,
    scheme: str,
    server: tuple[str, int],
    target: bytes,
    headers: Iterable[RawHeader],
    state: dict[str, Any],
) -> Scope:
    """Give the scope of one request; `target` is path and query as they travel, percent-encoded.

    `path` is decoded as the servers decode it, with U+FFFD for what is not UTF-8; `raw_path` keeps every byte.
    `state` is copied, as the specification asks, so that a request cannot change the state of the lifespan.
    """
    raw_path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in headers],
        "client": CLIENT,
        "server": server,
        "state": state.copy(),
    }


def declared_length(headers: Iterable[RawHeader]) -> int | None:
    """Give the body's length in bytes as a request declares it; `None` when it is chunked, absent or unreadable."""
    length = None
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length" and value.isdigit():
            length = int(value)
    return length
