"""Rate limits: how often a client may ask, told to it in the fields of draft-ietf-httpapi-ratelimit-headers.

In one process a client has a bucket of as many requests as the rate names, which fills evenly (GCRA): one number for
each client, whatever the rate is. For several processes the counts are in Redis, where two windows slide. Rejected: a
list of the times of requests, which is as long as the rate is high, and windows that begin by the clock, at whose
edges twice as many requests pass.
"""

from __future__ import annotations

from asyncio import Semaphore, get_running_loop
from collections import OrderedDict
from hashlib import blake2b
from ipaddress import IPv6Address
from threading import Lock
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from ..errors import ConfigurationError, HTTPError, ServiceUnavailable

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncGenerator, Callable

    from ..config import RateLimit
    from ..exchange.request import Request
    from ..exchange.response import Response

NANOSECONDS: Final = 1_000_000_000

LONGEST_KEY: Final = 64
"""Characters of a key that are kept as they are; a longer one, which a client may have chosen, is kept as a hash."""

REDIS_CALLS: Final = 50
"""How many requests of one event loop ask Redis at a time, each on a connection; more wait."""

REDIS_SECONDS: Final = 2
"""How long Redis may take to answer, and to connect."""

REDIS_PORT: Final = 6379
_SCHEMES: Final = ("redis://", "rediss://", "redis+unix://")


class Count(NamedTuple):
    """Where a client stands: requests that remain, seconds until all are there again, seconds to wait if refused."""

    remaining: int
    reset: int
    wait: int | None


def make_rate_limit(
    rate: RateLimit, clock: Callable[[], int] | None = None
) -> tuple[Callable[[Request, Response], Any], Callable[[Request, Response], None]]:
    """Give the guard that counts, and the finisher that tells; `clock` gives nanoseconds that never run backwards.

    The guard answers 429 beyond the rate, and 503 while the store of counts is away. Raises `ConfigurationError` for a
    store that is not supported, or whose package is missing.
    """
    if rate.store is None:
        buckets = _Buckets(rate, clock or monotonic_ns)
        return _make_guard(rate, buckets), _make_finisher(rate, buckets)
    windows = _Windows(rate, rate.store)
    return _make_async_guard(rate, windows), _make_finisher(rate, windows)


def _make_guard(rate: RateLimit, buckets: _Buckets) -> Callable[[Request, Response], None]:
    def guard(req: Request, _resp: Response) -> None:
        if (counts := _counts(req)).get(buckets) is None and (key := _find_key(rate, req)) is not None:
            counts[buckets] = count = buckets.count(key)
            _refuse_excess(rate, count)

    return guard


def _make_async_guard(rate: RateLimit, windows: _Windows) -> Callable[[Request, Response], Any]:
    async def guard(req: Request, _resp: Response) -> None:
        if (counts := _counts(req)).get(windows) is None and (key := _find_key(rate, req)) is not None:
            counts[windows] = count = await windows.count(key)
            _refuse_excess(rate, count)

    return guard


def _make_finisher(rate: RateLimit, limiter: _Buckets | _Windows) -> Callable[[Request, Response], None]:
    policy = (b"ratelimit-policy", f'"{rate.name}";q={rate.requests};w={rate.seconds}'.encode("ascii"))
    name = rate.name.encode("ascii")

    def finish(req: Request, resp: Response) -> None:
        count = _counts(req).get(limiter)
        if count is not None and policy not in resp.policy_fields:
            field = (b"ratelimit", b'"%b";r=%d;t=%d' % (name, count.remaining, count.reset))
            resp.policy_fields += (policy, field)

    return finish


def _counts(req: Request) -> dict[_Buckets | _Windows, Count]:
    """Give what was counted for this request, once for each limit, however often that stands around its route."""
    counts: dict[_Buckets | _Windows, Count] = req.__dict__.setdefault("rates", {})
    return counts


def _refuse_excess(rate: RateLimit, count: Count) -> None:
    if count.wait is not None:
        raise HTTPError(
            429,
            f"More than {rate.requests} requests in {rate.seconds} seconds. Ask again in {count.wait} seconds.",
            {"Retry-After": str(count.wait)},
        )


# Who is counted


def _find_key(rate: RateLimit, req: Request) -> str | None:
    if rate.by is None:
        return _client_key(req)
    key: Any = rate.by(req)
    if key is None:
        return None
    if not isinstance(key, str):
        if hasattr(key, "close"):
            key.close()  # a coroutine, which warns when nobody awaits it
        raise TypeError(
            f"RateLimit(by=...) gave {key!r:.80}, of type {type(key).__name__}. It is a plain function that gives "
            "text, or None for a request that is not counted."
        )
    return _shorten(key)


def _client_key(req: Request) -> str:
    """Give the client's address; of IPv6 its network of 64 bits, since a single client has all of that."""
    client = req.client
    if client is None:
        return ""
    host = client.host
    if ":" not in host:
        return _shorten(host)
    try:
        address = IPv6Address(host)
    except ValueError:
        return _shorten(host)
    return str(address.ipv4_mapped or f"{int(address) >> 64:x}/64")


def _shorten(key: str) -> str:
    if len(key) <= LONGEST_KEY and key.isascii():
        return key
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


# Counts in this process


class _Buckets:
    """A bucket for each client, as the moment at which it is full again; a full one is forgotten.

    Times are nanoseconds times the number of requests, in which every rate is a whole number: the period.
    """

    def __init__(self, rate: RateLimit, clock: Callable[[], int]) -> None:
        self._requests = rate.requests
        self._period = rate.seconds * NANOSECONDS
        self._keys = rate.keys
        self._clock = clock
        self._full: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def count(self, key: str) -> Count:
        """Take one request of a client out of its bucket, if there is one."""
        now = self._clock() * self._requests
        with self._lock:
            before = max(self._full.pop(key, now), now)
            full = before + self._period
            lacking = full - now - self._period * self._requests
            if lacking > 0:
                full = before
            self._full[key] = full
            self._forget(now)
        remaining = self._requests + (now - full) // self._period
        return Count(remaining, self._seconds(full - now), self._seconds(lacking) if lacking > 0 else None)

    def _forget(self, now: int) -> None:
        """Drop the clients that were idle longest: two whose buckets are full, and whichever are too many."""
        for _ in range(2):
            oldest = next(iter(self._full))
            if self._full[oldest] > now and len(self._full) <= self._keys:
                break
            del self._full[oldest]

    def _seconds(self, time: int) -> int:
        return -(-time // (NANOSECONDS * self._requests))


# Counts in Redis


class _Windows:
    """Two windows for each client in Redis; how much of the earlier one counts is how much of it is still in sight."""

    def __init__(self, rate: RateLimit, url: str) -> None:
        if not url.startswith(_SCHEMES):
            raise ConfigurationError(f"RateLimit(store={url!r}) is no store; write a URL such as 'redis://localhost'.")
        self._requests = rate.requests
        self._seconds = rate.seconds
        self._prefix = f"{rate.name}/{rate.requests}/{rate.seconds}/"
        self._url = url
        self._stores: dict[AbstractEventLoop, _Store] = {}
        _Store(self._url)  # a mistake is told here, not at the first request

    async def count(self, key: str) -> Count:
        """Count a request of a client, unless it is too many. Raises `ServiceUnavailable` while Redis is away."""
        store = self._stores.get(get_running_loop()) or await self._open()
        is_counted, window = await store.count(self._prefix + key, self._requests, self._seconds)
        earlier, earlier_left, current, current_left = window
        remaining = max(0, self._requests - int(earlier * earlier_left / self._seconds) - current)
        reset = int(current_left if current else earlier_left) + 1
        return Count(remaining if is_counted else 0, reset, None if is_counted else self._find_wait(*window))

    def _find_wait(self, earlier: int, earlier_left: float, current: int, current_left: float) -> int:
        """Give the seconds until enough of the earlier window is out of sight, or until the current one is that."""
        room = self._requests - current
        if room > 0 and earlier > 0:
            wait = earlier_left - room * self._seconds / earlier
        else:
            wait = current_left - self._seconds
        return max(0, int(wait)) + 1

    async def _open(self) -> _Store:
        """Give the running loop its connections, and forget those of loops that have ended."""
        for loop in [loop for loop in self._stores if loop.is_closed()]:
            del self._stores[loop]
        store = self._stores[get_running_loop()] = _Store(self._url)
        await store.close_with_loop()
        return store


class _Store:
    """The connections of one event loop to Redis."""

    def __init__(self, url: str) -> None:
        try:
            from limits.aio.storage import RedisStorage  # noqa: PLC0415 - an extra
            from limits.errors import ConfigurationError as Refusal  # noqa: PLC0415 - an extra
            from limits.errors import StorageError  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ConfigurationError("RateLimit(store=...) needs: pip install 'responder[limits]'.") from error
        try:
            self._storage: Any = RedisStorage(
                f"async+{_with_port(url)}",
                wrap_exceptions=True,
                implementation="redispy",
                key_prefix="responder",
                socket_timeout=REDIS_SECONDS,
                socket_connect_timeout=REDIS_SECONDS,
            )
        except (Refusal, ValueError) as error:  # with the URL in it, and so with the password
            raise ConfigurationError(
                "RateLimit(store=...) takes a URL such as 'redis://localhost:6379/0', and needs: "
                "pip install 'responder[limits]'."
            ) from error
        self._failure = StorageError
        self._turn = Semaphore(REDIS_CALLS)
        self._closer = self._close_at_exit()

    async def count(self, key: str, requests: int, seconds: int) -> tuple[bool, tuple[int, float, int, float]]:
        """Count a request unless it is too many, and give both windows: requests, and seconds until it is gone."""
        async with self._turn:
            try:
                is_counted = await self._storage.acquire_sliding_window_entry(key, requests, seconds)
                return is_counted, await self._storage.get_sliding_window(key, seconds)
            except self._failure as error:
                raise ServiceUnavailable("The store of rate limits does not answer.") from error

    async def close_with_loop(self) -> None:
        """See to it that the connections end with the loop: the last that one does is to close async generators."""
        await anext(self._closer)

    async def _close_at_exit(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await self._storage.bridge.storage.aclose()


def _with_port(url: str) -> str:
    """Give the URL with the port of Redis, where it has none; `limits` does not take it without."""
    parts = urlsplit(url)
    if not parts.hostname or parts.netloc.rpartition("@")[2].rpartition("]")[2].count(":"):
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.netloc}:{REDIS_PORT}"))
