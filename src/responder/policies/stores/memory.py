"""Sessions in the memory of this process: for tests, and for a service that is one process.

How many there are is bounded, since a client that keeps no cookies begins one with every request.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from threading import Lock
from time import monotonic
from typing import NamedTuple

from ...errors import ConfigurationError


class _Entry(NamedTuple):
    ends: float
    data: bytes


class MemoryStore:
    """Keeps up to `sessions` sessions, which end with the process. Raises `ConfigurationError` for less than 1.

    With one more, those that have expired are forgotten, and then the one that was written least recently.
    """

    def __init__(self, sessions: int = 10_000) -> None:
        if isinstance(sessions, bool) or not isinstance(sessions, int) or sessions < 1:
            raise ConfigurationError(f"MemoryStore(sessions={sessions!r}) must be a whole number of 1 or more.")
        self._most = sessions
        self._lock = Lock()  # event loops in several threads may share a store
        self._entries: dict[str, _Entry] = {}
        self._ends: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._entries)

    async def read(self, id: str) -> bytes | None:  # noqa: A002 - what it is
        """Give the data of a session, or None when there is none or it has expired."""
        entry = self._find(id)
        return None if entry is None else entry.data

    async def write(self, id: str, data: bytes, max_age: int, *, create: bool) -> bool:  # noqa: A002 - what it is
        """Keep the data for `max_age` seconds: of a new session with `create`, else of one that is there."""
        with self._lock:
            if (self._find(id) is None) is not create:
                return False
            self._entries.pop(id, None)  # so that what was written last stands last
            self._make_room()
            ends = monotonic() + max_age
            self._entries[id] = _Entry(ends, data)
            heappush(self._ends, (ends, id))
            return True

    async def delete(self, id: str) -> None:  # noqa: A002 - what it is
        """End a session."""
        with self._lock:
            self._entries.pop(id, None)

    async def close(self) -> None:
        """Do nothing: the sessions last as long as the store."""

    def _find(self, id: str) -> _Entry | None:  # noqa: A002 - what it is
        entry = self._entries.get(id)
        return entry if entry is not None and monotonic() < entry.ends else None

    def _make_room(self) -> None:
        """Forget what has expired, and one more where that leaves no room. Costs little, however many there are."""
        now = monotonic()
        while self._ends and self._ends[0][0] <= now:
            _, id = heappop(self._ends)  # noqa: A001 - what it is
            if id in self._entries and self._find(id) is None:
                del self._entries[id]
        if len(self._entries) >= self._most:
            del self._entries[next(iter(self._entries))]
        if len(self._ends) > 2 * self._most:  # the ends of what was written again or deleted are in it as well
            self._ends = [(entry.ends, name) for name, entry in self._entries.items()]
            heapify(self._ends)
