"""The shapes that cross file borders: ASGI messages, views and hooks.

ASGI messages stay plain dictionaries, as the servers hand them over; wrapping them would cost every request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

RawHeader: TypeAlias = tuple[bytes, bytes]
"""A header as ASGI carries it: the lower-case name and the value, both Latin-1 bytes."""

View: TypeAlias = Any
"""`view(req, resp, *, ...)`, sync or async, or a class or instance with `on_request` and `on_get`."""

Hook: TypeAlias = Callable[..., Any]
"""`hook(req, resp)`, sync or async; an around hook is a generator function of the same two."""

ErrorHandler: TypeAlias = Callable[..., Any]
"""`handler(req, resp, error)`, sync or async."""
