from __future__ import annotations

import asyncio
import gc
import sqlite3
import stat
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import uuid4

import pytest

from responder import ConfigurationError, ServiceUnavailable
from responder.policies.stores import MemoryStore, RedisStore, SQLiteStore
from responder.policies.stores import memory as memory_module
from responder.policies.stores import sqlite as sqlite_module

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    from responder.types import Store

T = TypeVar("T")


class Kept(NamedTuple):
    """A store, and what lets its clock run ahead by so many seconds."""

    store: Store
    advance: Callable[[int], Awaitable[None]]

    def run(self, work: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
        """Do some work on an event loop that ends with it."""

        async def run() -> T:
            try:
                return await work(self.store)
            finally:
                await self.store.close()

        return asyncio.run(run())


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    async def advance(self, seconds: int) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(memory_module, "monotonic", clock)
    monkeypatch.setattr(sqlite_module, "time", clock)
    return clock


@pytest.fixture(params=["memory", "sqlite", "redis"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Kept:
    if request.param == "memory":
        return Kept(MemoryStore(), clock.advance)
    if request.param == "sqlite":
        return Kept(SQLiteStore(tmp_path / "sessions.db"), clock.advance)
    url: str = request.getfixturevalue("redis_url")
    prefix = f"{uuid4()}:"

    async def advance(seconds: int) -> None:
        """Bring the end of every key nearer, which is the same to whoever asks."""
        from redis.asyncio import Redis

        async with Redis.from_url(url) as client:
            async for key in client.scan_iter(prefix + "*"):
                await client.expire(key, await client.ttl(key) - seconds)

    return Kept(RedisStore(url, prefix), advance)


# What holds for every store


def test_what_was_written_is_read(kept: Kept) -> None:
    async def work(store: Store) -> tuple[bool, bytes | None]:
        return await store.write("a", b"\x00data\xff", 60, create=True), await store.read("a")

    assert kept.run(work) == (True, b"\x00data\xff")


def test_what_was_never_written_is_not_there(kept: Kept) -> None:
    assert kept.run(lambda store: store.read("a")) is None


def test_a_session_that_is_there_is_replaced(kept: Kept) -> None:
    async def work(store: Store) -> tuple[bool, bytes | None]:
        await store.write("a", b"1", 60, create=True)
        return await store.write("a", b"2", 60, create=False), await store.read("a")

    assert kept.run(work) == (True, b"2")


def test_one_that_is_there_is_not_created_again(kept: Kept) -> None:
    async def work(store: Store) -> tuple[bool, bytes | None]:
        await store.write("a", b"1", 60, create=True)
        return await store.write("a", b"2", 60, create=True), await store.read("a")

    assert kept.run(work) == (False, b"1")


def test_one_that_was_never_there_is_not_replaced(kept: Kept) -> None:
    async def work(store: Store) -> tuple[bool, bytes | None]:
        return await store.write("a", b"1", 60, create=False), await store.read("a")

    assert kept.run(work) == (False, None)


def test_one_that_was_ended_stays_ended(kept: Kept) -> None:
    async def work(store: Store) -> tuple[bool, bytes | None]:
        await store.write("a", b"1", 60, create=True)
        await store.delete("a")
        return await store.write("a", b"2", 60, create=False), await store.read("a")

    assert kept.run(work) == (False, None)


def test_ending_one_that_is_not_there_does_nothing(kept: Kept) -> None:
    async def work(store: Store) -> bytes | None:
        await store.write("a", b"1", 60, create=True)
        await store.delete("b")
        return await store.read("a")

    assert kept.run(work) == b"1"


def test_a_session_lasts_until_its_age(kept: Kept) -> None:
    async def work(store: Store) -> tuple[bytes | None, bytes | None]:
        await store.write("a", b"1", 60, create=True)
        await kept.advance(50)
        before = await store.read("a")
        await kept.advance(11)
        return before, await store.read("a")

    assert kept.run(work) == (b"1", None)


def test_one_that_has_expired_is_not_replaced(kept: Kept) -> None:
    async def work(store: Store) -> tuple[bool, bytes | None]:
        await store.write("a", b"1", 60, create=True)
        await kept.advance(61)
        return await store.write("a", b"2", 60, create=False), await store.read("a")

    assert kept.run(work) == (False, None)


def test_one_that_has_expired_leaves_its_place(kept: Kept) -> None:
    async def work(store: Store) -> tuple[bool, bytes | None]:
        await store.write("a", b"1", 60, create=True)
        await kept.advance(61)
        return await store.write("a", b"2", 60, create=True), await store.read("a")

    assert kept.run(work) == (True, b"2")


def test_writing_again_renews_the_age(kept: Kept) -> None:
    async def work(store: Store) -> bytes | None:
        await store.write("a", b"1", 60, create=True)
        await kept.advance(50)
        await store.write("a", b"2", 60, create=False)
        await kept.advance(50)
        return await store.read("a")

    assert kept.run(work) == b"2"


def test_a_store_serves_again_after_it_was_closed(kept: Kept) -> None:
    async def work(store: Store) -> bool:
        await store.write("a", b"1", 60, create=True)
        await store.close()
        await store.close()
        return await store.write("b", b"2", 60, create=True)

    assert kept.run(work)


def test_one_store_serves_one_event_loop_after_another(kept: Kept) -> None:
    assert asyncio.run(kept.store.write("a", b"1", 60, create=True))
    assert kept.run(lambda store: store.read("a")) == b"1"


def test_many_requests_at_once_are_served(kept: Kept) -> None:
    async def work(store: Store) -> list[bytes | None]:
        await asyncio.gather(*(store.write(f"{n}", b"%d" % n, 60, create=True) for n in range(120)))
        return await asyncio.gather(*(store.read(f"{n}") for n in range(120)))

    assert kept.run(work) == [b"%d" % n for n in range(120)]


def test_a_store_that_is_closed_while_it_is_used_serves_on(kept: Kept) -> None:
    async def work(store: Store) -> int:
        await store.write("a", b"1", 60, create=True)
        await asyncio.gather(
            *(store.close() if n % 5 == 2 else store.write("a", b"2", 60, create=False) for n in range(40))
        )
        return 1 + await store.write("b", b"1", 60, create=True)

    assert kept.run(work) == 2


def test_event_loops_in_several_threads_share_a_store(kept: Kept) -> None:
    done: list[bool] = []

    def serve(number: int) -> None:
        async def write_and_read() -> bool:
            await kept.store.write(f"{number}", b"1", 60, create=True)
            return await kept.store.read(f"{number}") == b"1"

        done.append(asyncio.run(write_and_read()))

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept.run(lambda store: store.read("a"))
    assert done == [True] * 4


def test_of_two_that_create_one_id_at_once_one_does(kept: Kept) -> None:
    async def work(store: Store) -> list[bool]:
        return await asyncio.gather(*(store.write("a", b"%d" % n, 60, create=True) for n in range(5)))

    assert sorted(kept.run(work)) == [False] * 4 + [True]


# In memory


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def test_a_full_memory_forgets_what_was_written_least_recently() -> None:
    async def work(store: MemoryStore) -> list[bytes | None]:
        await store.write("a", b"1", 60, create=True)
        await store.write("b", b"2", 60, create=True)
        await store.write("a", b"3", 60, create=False)
        await store.write("c", b"4", 60, create=True)
        return [await store.read(name) for name in "abc"]

    assert run(work(MemoryStore(2))) == [b"3", None, b"4"]


def test_a_full_memory_forgets_what_has_expired_first(clock: Clock) -> None:
    async def work(store: MemoryStore) -> list[bytes | None]:
        await store.write("a", b"1", 60, create=True)
        await store.write("b", b"2", 10, create=True)
        await clock.advance(10)
        await store.write("c", b"3", 60, create=True)
        return [await store.read(name) for name in "abc"]

    assert run(work(MemoryStore(2))) == [b"1", None, b"3"]


def test_memory_gives_up_what_has_expired(clock: Clock) -> None:
    async def work(store: MemoryStore) -> int:
        for number in range(10):
            await store.write(f"{number}", b"1", 10, create=True)
        await store.delete("3")
        await store.write("4", b"1", 100, create=False)
        await clock.advance(10)
        await store.write("new", b"1", 10, create=True)
        return len(store)

    assert run(work(MemoryStore())) == 2


def test_memory_does_not_grow_with_what_is_written_again() -> None:
    async def work(store: MemoryStore) -> int:
        await store.write("a", b"1", 60, create=True)
        for _ in range(1000):
            await store.write("a", b"1", 60, create=False)
        return len(store._ends)

    assert run(work(MemoryStore(4))) <= 9


@pytest.mark.parametrize("sessions", [0, -1, True, 1.5, "10"])
def test_memory_for_no_sessions_is_refused(sessions: Any) -> None:
    with pytest.raises(ConfigurationError, match="whole number"):
        MemoryStore(sessions)


# In a file


def test_a_file_outlives_its_store(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    first, second = Kept(SQLiteStore(path), Clock().advance), Kept(SQLiteStore(str(path)), Clock().advance)
    first.run(lambda store: store.write("a", b"1", 60, create=True))
    assert second.run(lambda store: store.read("a")) == b"1"


def test_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"

    def look() -> set[str]:
        return {stat.filemode(file.stat().st_mode) for file in tmp_path.iterdir()}

    async def work(store: SQLiteStore) -> set[str]:
        await store.write("a", b"1", 60, create=True)
        modes = look()
        await store.close()
        return modes

    assert run(work(SQLiteStore(path))) == {"-rw-------"}


def test_a_store_without_a_file_lasts_until_it_is_closed() -> None:
    async def work(store: SQLiteStore) -> list[bytes | None]:
        await store.write("a", b"1", 60, create=True)
        before = await store.read("a")
        await store.close()
        after = await store.read("a")
        await store.close()
        return [before, after]

    assert run(work(SQLiteStore(":memory:"))) == [b"1", None]


def test_a_file_gives_up_what_has_expired(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "sessions.db"

    async def work(store: SQLiteStore) -> None:
        await store.write("a", b"1", 10, create=True)
        await clock.advance(61)
        await store.write("b", b"1", 10, create=True)
        await store.close()

    run(work(SQLiteStore(path)))
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT id FROM responder_sessions").fetchall() == [("b",)]
    connection.close()


def test_no_thread_is_left_of_a_file_that_was_closed(tmp_path: Path) -> None:
    kept = Kept(SQLiteStore(tmp_path / "sessions.db"), Clock().advance)
    kept.run(lambda store: store.read("a"))
    assert [thread.name for thread in threading.enumerate() if "sessions" in thread.name] == []


def test_a_file_that_cannot_be_opened_is_a_503_until_it_can(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    path.mkdir()

    async def work(store: SQLiteStore) -> bool:
        with pytest.raises(ServiceUnavailable):
            await store.read("a")
        path.rmdir()
        done = await store.write("a", b"1", 60, create=True)
        await store.close()
        return done

    assert run(work(SQLiteStore(path)))


def test_a_folder_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"needs the folder '.*missing', which is not there"):
        SQLiteStore(tmp_path / "missing" / "sessions.db")


def test_a_path_is_relative_to_the_file_that_makes_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert SQLiteStore("sessions.db")._path == str(Path(__file__).parent / "sessions.db")


def test_a_file_that_another_process_has_locked_is_a_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "_PATIENCE", 0.0)
    path = tmp_path / "sessions.db"

    async def work(store: SQLiteStore) -> None:
        await store.read("a")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ServiceUnavailable):
            await store.write("a", b"1", 60, create=True)
        other.close()
        assert await store.write("a", b"1", 60, create=True)
        await store.close()

    run(work(SQLiteStore(path)))


def test_a_file_that_is_no_database_is_a_503(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    path.write_text("no database, " * 100)

    async def work(store: SQLiteStore) -> None:
        with pytest.raises(ServiceUnavailable) as caught:
            await store.read("a")
        assert "not a database" in str(caught.value.__cause__)
        await store.close()

    run(work(SQLiteStore(path)))


@pytest.mark.parametrize("path", ["", None, 7])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(ConfigurationError, match="path"):
        SQLiteStore(path)


# In Redis


def test_redis_forgets_by_itself(redis_url: str) -> None:
    from redis.asyncio import Redis

    prefix = f"{uuid4()}:"

    async def work(store: RedisStore) -> list[int]:
        await store.write("a", b"1", 600, create=True)
        await store.write("b", b"1", 10**18, create=True)
        async with Redis.from_url(redis_url) as client:
            ages = [await client.ttl(prefix + name) for name in "ab"]
        await store.close()
        return ages

    short, long = run(work(RedisStore(redis_url, prefix)))
    assert 590 <= short <= 600
    assert long > 365 * 24 * 60 * 60


@pytest.fixture
def redis_gone(start_redis: Callable[[], Any]) -> Iterator[Any]:
    server = start_redis()
    yield server
    server.kill()


def test_redis_that_is_gone_is_a_503_until_it_is_back(redis_gone: Any) -> None:
    async def work(store: RedisStore) -> bool:
        await asyncio.gather(*(store.write(f"{n}", b"1", 60, create=True) for n in range(5)))
        redis_gone.kill()
        with pytest.raises(ServiceUnavailable):
            await store.read("1")
        with pytest.raises(ServiceUnavailable):
            await store.write("1", b"2", 60, create=False)
        with pytest.raises(ServiceUnavailable):
            await store.delete("1")
        redis_gone.start()
        done = await store.write("1", b"3", 60, create=True) and await store.read("1") == b"3"
        await store.close()
        return done

    assert run(work(RedisStore(redis_gone.url)))


def test_redis_that_was_restarted_between_two_requests_is_not_missed(redis_gone: Any) -> None:
    async def work(store: RedisStore) -> bool:
        await asyncio.gather(*(store.write(f"{n}", b"1", 60, create=True) for n in range(5)))
        redis_gone.kill()
        redis_gone.start()
        done = [await store.write(f"{n}", b"1", 60, create=True) for n in range(5)]
        await store.close()
        return all(done)

    assert run(work(RedisStore(redis_gone.url)))


def test_an_event_loop_that_ends_closes_its_connections(redis_url: str) -> None:
    store = RedisStore(redis_url, f"{uuid4()}:")
    for _ in range(3):
        assert asyncio.run(store.read("a")) is None
    gc.collect()  # a socket that is still open would warn now
    assert len(store._lives) <= 1


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://localhost", "redis://localhost:port", None, 7])
def test_what_is_no_address_of_redis_is_refused(url: Any) -> None:
    with pytest.raises(ConfigurationError, match="redis://localhost"):
        RedisStore(url)


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(ConfigurationError, match=r"responder\[redis\]"):
        RedisStore("redis://localhost")


def test_a_store_loads_its_library_when_it_is_used() -> None:
    import subprocess

    code = (
        "import sys, responder.policies.stores\n"
        "print([name for name in ('redis', 'sqlite3', 'itsdangerous') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - the test's own words
    assert done.stdout.strip() == "[]"
