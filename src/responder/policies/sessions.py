"""Sessions: data of one client, in a signed cookie or in a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exchange.session import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ..config import Sessions
    from ..exchange.request import Request
    from ..exchange.response import Response


class SessionPolicy:
    """Opens and saves the sessions of one API."""

    def __init__(self, options: Sessions, secret_key: str | Sequence[str] | None, *, debug: bool) -> None:
        self.options = options
        self._secret_key = secret_key
        self._debug = debug

    @property
    def loader(self) -> Callable[[Request, Response], Awaitable[None]] | None:
        """The guard that loads a session from a store before anybody reads it; None where a cookie has it."""
        return None

    def open(self, req: Request) -> Session:
        """Give the session of a request."""
        return Session(None, b"", self._save, {})

    async def _save(self, session: Session, resp: Response) -> None: ...
