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
from ...routing.route import find_folder

if TYPE_CHECKING:
    from collections.abc import Callable
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

_IN_MEMORY = ":memory:"
_PATIENCE = 2.0
"""Seconds to wait for another process that writes."""

_TIDY_EVERY = 60.0
"""Seconds after which a write also removes what has expired."""


def _locate(path: str) -> str:
    """Give the absolute path of a file. Raises `ConfigurationError` when its folder is not there."""
    if path == _IN_MEMORY:
        return path
    located = os.path.join(find_folder(), path)
    if not os.path.isdir(folder := os.path.dirname(located)):
        raise ConfigurationError(f"SQLiteStore({path!r}) needs the folder {folder!r}, which is not there.")
    return located


class SQLiteStore:
    """Keeps sessions in the table `responder_sessions` of a file, which is made on first use, for its owner alone.

    Its path is relative to the folder of the file that makes the store. `":memory:"` is no file, and for tests.
    A database that is locked, full or cannot be opened is a 503. Raises `ConfigurationError` for what is no path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise ConfigurationError(f"SQLiteStore takes the path of a file, not {path!r}.")
        self._path = _locate(os.fspath(path))
        self._lock = Lock()
        self._database: _Database | None = None

    async def read(self, id: str) -> bytes | None:  # noqa: A002 - what it is
        """Give the data of a session, or None when there is none or it has expired. Raises `ServiceUnavailable`."""

        def read(database: _Database) -> bytes | None:
            row = database.open().execute(_READ, (id, time())).fetchone()
            return None if row is None else bytes(row[0])

        return await self._run(read)

    async def write(self, id: str, data: bytes, max_age: int, *, create: bool) -> bool:  # noqa: A002 - what it is
        """Keep the data for `max_age` seconds: of a new session with `create`, else of one that is there.

        Raises `ServiceUnavailable`.
        """

        def write(database: _Database) -> bool:
            now = time()
            database.tidy(now)
            values = {"id": id, "data": data, "ends": now + max_age, "now": now}
            return database.open().execute(_CREATE if create else _REPLACE, values).rowcount == 1

        return await self._run(write)

    async def delete(self, id: str) -> None:  # noqa: A002 - what it is
        """End a session. Raises `ServiceUnavailable`."""
        await self._run(lambda database: database.open().execute(_DELETE, (id,)))

    async def close(self) -> None:
        """Close the file and end the thread; the next use begins again."""
        with self._lock:
            database, self._database = self._database, None
        if database is not None:
            await get_running_loop().run_in_executor(database.thread, database.close)
            database.thread.shutdown()

    async def _run(self, function: Callable[[_Database], T]) -> T:
        with self._lock:  # so that nothing is given to a thread after it was told to close
            if self._database is None:
                self._database = _Database(self._path)
            done = get_running_loop().run_in_executor(self._database.thread, _call, function, self._database)
        return await done


class _Database:
    """A thread and its connection, which no other thread may use. All methods are called on the thread."""

    def __init__(self, path: str) -> None:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - it loads when it is used

        self.thread = ThreadPoolExecutor(1, "responder-sessions")
        self._path = path
        self._connection: Connection | None = None
        self._tidied = 0.0

    def open(self) -> Connection:
        """Give the connection, opened at the first call that can."""
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

    def tidy(self, now: float) -> None:
        """Remove what has expired, now and then."""
        if not 0 <= now - self._tidied < _TIDY_EVERY:
            self.open().execute(_TIDY, (now,))
            self._tidied = now

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()


def _call(function: Callable[[_Database], T], database: _Database) -> T:
    from sqlite3 import DatabaseError  # noqa: PLC0415 - it loads when it is used

    try:
        return function(database)
    except (DatabaseError, OSError) as error:
        raise ServiceUnavailable("Sessions cannot be read or kept at the moment.") from error
