"""Sessions in Redis: for any number of machines.

A connection belongs to the event loop that opened it, so each running loop has a client of its own. That client lives
in an async generator, because a loop that ends closes those that it has begun (`loop.shutdown_asyncgens`): no socket
is left open, whoever made the loop. Rejected: one client for all, which fails on the second loop.
"""

from __future__ import annotations

from asyncio import Event, get_running_loop
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from ...errors import ConfigurationError, ServiceUnavailable

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from redis.asyncio import BlockingConnectionPool, Redis

_PATIENCE = 2.0
"""Seconds for a connection, an answer, or a connection that another request has."""

_CONNECTIONS = 50
"""Connections of one loop at most; further requests wait for one."""

_LONGEST = 10 * 366 * 24 * 60 * 60
"""Seconds that Redis is asked to keep anything; it refuses numbers near the end of its clock."""


class _Lease:
    """The client of one event loop, and how many commands use it."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self.users = 0
        self.is_idle = Event()

    async def run(self, command: Callable[[Redis], Awaitable[Any]]) -> Any:
        """Run a command; the client is not closed meanwhile, since that would leave its socket behind."""
        self.users += 1
        try:
            return await command(self.client)
        finally:
            self.users -= 1
            self.is_idle.set()

    async def end(self) -> None:
        """Wait for the commands that run, and close the client."""
        while self.users:
            self.is_idle.clear()
            await self.is_idle.wait()
        await self.client.aclose()


class _Life(NamedTuple):
    """A lease, and the generator that ends it."""

    lease: _Lease
    generator: AsyncGenerator[_Lease, None]


class RedisStore:
    """Keeps sessions in Redis, or what speaks as it does: `RedisStore("redis://localhost:6379/0")`.

    `prefix` begins the names of their keys. While Redis cannot be reached a session is a 503, with no restart
    needed when it is back. Raises `ConfigurationError` for a URL that is none, and without the `redis` package.
    """

    def __init__(self, url: str, prefix: str = "responder:session:") -> None:
        self._prefix = prefix
        self._make_pool = _prepare(url)
        self._lives: WeakKeyDictionary[AbstractEventLoop, _Life] = WeakKeyDictionary()
        self._make_pool()

    async def read(self, id: str) -> bytes | None:  # noqa: A002 - what it is
        """Give the data of a session, or None when there is none or it has expired. Raises `ServiceUnavailable`."""
        data: bytes | None = await self._ask(lambda client: client.get(self._prefix + id))
        return data

    async def write(self, id: str, data: bytes, max_age: int, *, create: bool) -> bool:  # noqa: A002 - what it is
        """Keep the data for `max_age` seconds: of a new session with `create`, else of one that is there.

        Raises `ServiceUnavailable`.
        """
        ends = min(max_age, _LONGEST)
        done = await self._ask(lambda client: client.set(self._prefix + id, data, ex=ends, nx=create, xx=not create))
        return bool(done)

    async def delete(self, id: str) -> None:  # noqa: A002 - what it is
        """End a session. Raises `ServiceUnavailable`."""
        await self._ask(lambda client: client.delete(self._prefix + id))

    async def close(self) -> None:
        """Close the connections of the running loop; those of another are closed when that ends."""
        life = self._lives.pop(get_running_loop(), None)
        if life is not None:
            await life.generator.aclose()

    async def _ask(self, command: Callable[[Redis], Awaitable[Any]]) -> Any:
        from redis.exceptions import RedisError  # noqa: PLC0415 - it is loaded by now

        lease = await self._find_lease()
        try:
            return await lease.run(command)
        except (RedisError, OSError) as error:
            raise ServiceUnavailable("Sessions cannot be read or kept at the moment.") from error

    async def _find_lease(self) -> _Lease:
        loop = get_running_loop()
        life = self._lives.get(loop)
        if life is None:
            for other in [other for other in self._lives if other.is_closed()]:
                del self._lives[other]  # a lock in its client may keep it from going by itself
            generator = self._live()
            life = self._lives[loop] = _Life(await anext(generator), generator)
        return life.lease

    async def _live(self) -> AsyncGenerator[_Lease, None]:
        from redis.asyncio import Redis  # noqa: PLC0415 - it is loaded by now

        lease = _Lease(Redis.from_pool(self._make_pool()))
        try:
            yield lease
        finally:
            await lease.end()


def _prepare(url: str) -> Callable[[], BlockingConnectionPool]:
    """Give what makes a pool of connections, none of them open yet."""
    try:
        from redis.asyncio import BlockingConnectionPool  # noqa: PLC0415 - an extra, which loads when it is used
        from redis.asyncio.retry import Retry  # noqa: PLC0415 - the same
        from redis.backoff import NoBackoff  # noqa: PLC0415 - the same
    except ModuleNotFoundError as error:
        raise ConfigurationError("RedisStore needs the redis package: pip install 'responder[redis]'.") from error

    def make_pool() -> BlockingConnectionPool:
        try:
            return BlockingConnectionPool.from_url(
                url,
                max_connections=_CONNECTIONS,
                timeout=_PATIENCE,
                socket_timeout=_PATIENCE,
                socket_connect_timeout=_PATIENCE,
                # Once more and at once, for a connection that Redis has closed since it was used last.
                retry=Retry(NoBackoff(), 1),
            )
        except (ValueError, AttributeError, TypeError) as error:
            raise ConfigurationError("RedisStore takes a URL such as 'redis://localhost:6379/0'.") from error

    return make_pool
