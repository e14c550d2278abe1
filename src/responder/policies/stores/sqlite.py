"""Sessions in a SQLite file: for all processes of one machine, and through restarts.

One thread has the connection, so that no event loop waits for the disk and no two threads meet in SQLite.
"""

from __future__ import annotations

import os
from asyncio import get_running_loop
from threading import Lock
from time import time
from typing import TYPE_CHECKING, TypeVar

from ...errors import ConfigurationError, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor
    from sqlite3 import Connection

T = TypeVar("T")

_TABLE = """
CREATE TABLE IF NOT EXISTS responder_sessions (
    id TEXT PRIMARY KEY, data BLOB NOT NULL, ends REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS responder_sessions_ends ON responder_sessions (ends);
"""
_READ = "SELECT data FROM responder_sessions WHERE id = ? AND ends > ?"
_CREATE = """
INSERT INTO responder_sessions (id, data, ends) VALUES (:id, :data, :ends)
ON CONFLICT (id) DO UPDATE SET data = excluded.data, ends = excluded.ends WHERE ends <= :now
"""
_REPLACE = "UPDATE responder_sessions SET data = :data, ends = :ends WHERE id = :id AND ends > :now"
_DELETE = "DELETE FROM responder_sessions WHERE id = ?"
_TIDY = "DELETE FROM responder_sessions WHERE ends <= ?"

_PATIENCE = 2.0
"""Seconds to wait for another process that writes."""

_TIDY_EVERY = 60.0
"""Seconds after which a write also removes what has expired."""


class SQLiteStore:
    """Keeps sessions in the table `responder_sessions` of a file, which is made on first use, for its owner alone.

    A database that is locked, full or cannot be opened is a 503. Raises `ConfigurationError` for what is no path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise ConfigurationError(f"SQLiteStore takes the path of a file, not {path!r}.")
        self._path = os.fspath(path)
        self._lock = Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._connection: Connection | None = None
        self._tidied = 0.0

    async def read(self, id: str) -> bytes | None:  # noqa: A002 - what it is
        """Give the data of a session, or None when there is none or it has expired. Raises `ServiceUnavailable`."""

        def read(connection: Connection) -> bytes | None:
            row = connection.execute(_READ, (id, time())).fetchone()
            return None if row is None else bytes(row[0])

        return await self._run(read)

    async def write(self, id: str, data: bytes, max_age: int, *, create: bool) -> bool:  # noqa: A002 - what it is
        """Keep the data for `max_age` seconds: of a new session with `create`, else of one that is there.

        Raises `ServiceUnavailable`.
        """

        def write(connection: Connection) -> bool:
            now = time()
            self._tidy(connection, now)
            values = {"id": id, "data": data, "ends": now + max_age, "now": now}
            return connection.execute(_CREATE if create else _REPLACE, values).rowcount == 1

        return await self._run(write)

    async def delete(self, id: str) -> None:  # noqa: A002 - what it is
        """End a session. Raises `ServiceUnavailable`."""
        await self._run(lambda connection: connection.execute(_DELETE, (id,)))

    async def close(self) -> None:
        """Close the file and end the thread; the next use begins again."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            await get_running_loop().run_in_executor(thread, self._close)
            thread.shutdown()

    async def _run(self, function: Callable[[Connection], T]) -> T:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - it loads when it is used

        with self._lock:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, "responder-sessions")
            done = get_running_loop().run_in_executor(self._thread, self._call, function)
        return await done

    # On the thread

    def _call(self, function: Callable[[Connection], T]) -> T:
        from sqlite3 import OperationalError  # noqa: PLC0415 - it loads when it is used

        try:
            return function(self._open())
        except (OperationalError, OSError) as error:
            raise ServiceUnavailable("Sessions cannot be read or kept at the moment.") from error

    def _open(self) -> Connection:
        if self._connection is None:
            from sqlite3 import connect  # noqa: PLC0415 - it loads when it is used

            if self._path != ":memory:":
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = connect(self._path, timeout=_PATIENCE, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(_TABLE)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _tidy(self, connection: Connection, now: float) -> None:
        if not 0 <= now - self._tidied < _TIDY_EVERY:
            connection.execute(_TIDY, (now,))
            self._tidied = now

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
