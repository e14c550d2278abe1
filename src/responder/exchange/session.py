"""The session of one request: a dict, whatever keeps it.

What has changed is found by comparing its encoded form with the one that was loaded, so that a change deep inside
counts as well. Rejected: a dict that notes every call, which misses `session["cart"].append(1)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from ..types import RawHeader
    from .response import Response

    Save: TypeAlias = Callable[["Session", Response], Awaitable[None]]


VARY: Final[tuple[RawHeader, ...]] = ((b"vary", b"Cookie"),)
"""What the answer depends on. PERF: beside another `Vary`, since to join them takes 8 us (row session written)."""


class Session(dict[str, Any]):
    """Data that belongs to one client: `resp.session["user"] = "kenneth"`, read from `req.session` next time.

    Keys are text, values what JSON carries. `rotate()` gives it a new id, `clear()` ends it.
    """

    __slots__ = ("_save", "id", "is_ended", "is_rotated", "loaded")

    def __init__(self, id: str | None, loaded: bytes, save: Save, data: dict[str, Any]) -> None:  # noqa: A002 - what it is
        super().__init__(data)
        self.id = id
        """The id under which a store has it; None for a new one, and for one in a cookie."""
        self.loaded = loaded
        """Its encoded form as it came, empty when it is new."""
        self.is_rotated = False
        self.is_ended = False
        self._save = save

    def rotate(self) -> None:
        """Give it a new id and end the old one: at a log-in, so that an id planted before is worth nothing."""
        self.is_rotated = True

    def clear(self) -> None:
        """End it: the cookie goes, and what a store has. What is set after this begins another, with a new id."""
        super().clear()
        self.is_ended = True

    async def save(self, resp: Response) -> None:
        """Write it down, if it has changed, and say so in the response."""
        await self._save(self, resp)
