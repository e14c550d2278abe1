"""The shapes that cross file borders: ASGI messages, views and hooks.

ASGI messages stay plain dictionaries, as the servers hand them over; wrapping them would cost every request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol, TypeAlias

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


class Store(Protocol):
    """Where sessions are kept: `API(sessions=Sessions(store=...))`. Data are bytes, ids are opaque text.

    A store raises `ServiceUnavailable`, a 503, while it cannot be reached.
    """

    async def read(self, id: str) -> bytes | None:  # noqa: A002 - what it is
        """Give the data of a session, or None when there is none or it has expired."""

    async def write(self, id: str, data: bytes, max_age: int, *, create: bool) -> bool:  # noqa: A002 - what it is
        """Keep the data for `max_age` seconds from now, and say whether it was done.

        With `create` the session is new; without, it is only replaced: one that was ended meanwhile stays ended.
        """

    async def delete(self, id: str) -> None:  # noqa: A002 - what it is
        """End a session; one that is not there is none to end."""

    async def close(self) -> None:
        """Give connections up, at shutdown."""
