from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import traceback
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from responder.errors import ServiceUnavailable
from responder.handling.threads import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

DEADLINE = 10.0
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


def run(
    scenario: Callable[[WorkerPool], Coroutine[Any, Any, None]],
    *,
    workers: int = 4,
    queue: int = 100,
    idle_seconds: float = DEADLINE,
) -> None:
    """Run a scenario with a pool of its own, and see that no thread is left."""

    async def scene() -> None:
        pool = WorkerPool(asyncio.get_running_loop(), workers, queue, idle_seconds=idle_seconds)
        try:
            await asyncio.wait_for(scenario(pool), DEADLINE)
        finally:
            assert await pool.close(DEADLINE) == 0
        assert pool.threads == 0

    before = set(threading.enumerate())
    asyncio.run(scene())
    assert set(threading.enumerate()) <= before


def is_thread_of_pool() -> bool:
    return threading.current_thread().name.startswith("responder-worker-")


async def until(condition: Callable[[], bool]) -> None:
    """Give way to the loop until a condition holds; the caller has a deadline."""
    while not condition():  # noqa: ASYNC110 - threads and garbage set no event of asyncio
        await asyncio.sleep(0)


def test_a_call_gives_its_value() -> None:
    async def scenario(pool: WorkerPool) -> None:
        assert await pool.submit(divmod, 7, 2) == (3, 1)

    run(scenario)


def test_a_call_runs_on_a_named_daemon_thread() -> None:
    async def scenario(pool: WorkerPool) -> None:
        thread = await pool.submit(threading.current_thread)
        assert thread.name == "responder-worker-1"
        assert thread.daemon

    run(scenario)


def test_an_exception_arrives_as_itself_with_its_traceback() -> None:
    error = LookupError("no such pet")

    def view() -> None:
        raise error

    async def scenario(pool: WorkerPool) -> None:
        with pytest.raises(LookupError) as caught:
            await pool.submit(view)
        assert caught.value is error
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert names == ["scenario", "view"]

    run(scenario)


def test_an_exception_of_a_builtin_function_arrives() -> None:
    async def scenario(pool: WorkerPool) -> None:
        with pytest.raises(ValueError, match="invalid literal"):
            await pool.submit(int, "x")

    run(scenario)


def test_a_context_variable_is_seen_and_its_change_stays_in_the_call() -> None:
    def view() -> str:
        seen = VARIABLE.get()
        VARIABLE.set("changed")
        return seen

    async def scenario(pool: WorkerPool) -> None:
        VARIABLE.set("of the request")
        assert await pool.submit(view) == "of the request"
        assert VARIABLE.get() == "of the request"
        assert await pool.submit(view) == "of the request"

    run(scenario)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, StopIteration])
def test_what_a_future_must_not_carry_is_the_cause_of_a_runtime_error(kind: type[BaseException]) -> None:
    def view() -> None:
        raise kind

    async def scenario(pool: WorkerPool) -> None:
        with pytest.raises(RuntimeError, match=f"raised {kind.__name__}") as caught:
            await pool.submit(view)
        assert type(caught.value.__cause__) is kind
        assert await pool.submit(int) == 0

    run(scenario)


def test_sys_exit_in_a_view_leaves_the_loop_running() -> None:
    async def scenario(pool: WorkerPool) -> None:
        results = await asyncio.gather(pool.submit(sys.exit, 3), pool.submit(int), return_exceptions=True)
        assert isinstance(results[0], RuntimeError)
        assert results[1] == 0

    run(scenario)


def test_one_caller_at_a_time_needs_one_thread() -> None:
    async def scenario(pool: WorkerPool) -> None:
        for _ in range(50):
            await pool.submit(int)
        assert pool.threads == 1

    run(scenario)


def test_threads_grow_with_the_calls_that_run_and_no_further_than_allowed() -> None:
    together, gate = threading.Barrier(4), threading.Event()

    def view() -> None:
        together.wait(DEADLINE)  # Only as many threads as the pool may have can pass it together.
        gate.wait(DEADLINE)

    async def scenario(pool: WorkerPool) -> None:
        calls = []
        for expected in (1, 2, 3, 4, 4, 4, 4, 4):
            calls.append(pool.submit(view))
            assert pool.threads == expected
        gate.set()
        await asyncio.gather(*calls)
        assert pool.threads == 4
        assert pool.pending == 0

    run(scenario)


def test_one_call_more_than_may_wait_is_refused_at_once_with_retry_after() -> None:
    gate = threading.Event()

    async def scenario(pool: WorkerPool) -> None:
        calls = [pool.submit(gate.wait, DEADLINE) for _ in range(5)]
        with pytest.raises(ServiceUnavailable, match="busy") as caught:
            pool.submit(int)
        assert caught.value.status == 503
        assert caught.value.headers == {"Retry-After": "1"}
        assert pool.pending == 5
        gate.set()
        assert all(await asyncio.gather(*calls))
        assert await pool.submit(int) == 0

    run(scenario, workers=2, queue=3)


def test_many_ends_cost_few_wake_ups_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(pool: WorkerPool) -> None:
        loop = asyncio.get_running_loop()
        wake, wakes, last = loop.call_soon_threadsafe, [], threading.Event()

        def count(callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None) -> Any:
            wakes.append(callback)
            return wake(callback, *args, context=context)

        monkeypatch.setattr(loop, "call_soon_threadsafe", count)
        calls = [pool.submit(int) for _ in range(99)] + [pool.submit(last.set)]
        # The loop stands still here, so that every call has ended before the first flush.
        assert last.wait(DEADLINE)
        await asyncio.gather(*calls)
        assert len(wakes) <= 3

    run(scenario, workers=1)


def test_a_call_that_is_cancelled_before_it_starts_does_not_run() -> None:
    gate = threading.Event()
    ran: list[str] = []

    async def scenario(pool: WorkerPool) -> None:
        blocker = pool.submit(gate.wait, DEADLINE)
        doomed = pool.submit(ran.append, "doomed")
        kept = pool.submit(ran.append, "kept")
        doomed.cancel()
        gate.set()
        await asyncio.gather(blocker, kept)
        assert ran == ["kept"]
        assert pool.pending == 0

    run(scenario, workers=1)


@pytest.mark.parametrize("fails", [False, True])
def test_the_end_of_a_call_that_was_cancelled_while_it_ran_is_passed_over(*, fails: bool) -> None:
    started, gate = threading.Event(), threading.Event()

    def view() -> None:
        started.set()
        gate.wait(DEADLINE)
        if fails:
            raise LookupError

    async def scenario(pool: WorkerPool) -> None:
        call = pool.submit(view)
        await until(started.is_set)
        call.cancel()
        assert pool.pending == 1
        gate.set()
        await until(lambda: pool.pending == 0)
        assert call.cancelled()

    run(scenario)


def test_threads_that_nobody_needs_end_and_come_back_with_the_next_call() -> None:
    async def scenario(pool: WorkerPool) -> None:
        together = threading.Barrier(3)
        await asyncio.gather(*(pool.submit(together.wait, DEADLINE) for _ in range(3)))
        await until(lambda: pool.threads == 0)
        thread = await pool.submit(threading.current_thread)
        assert thread.name == "responder-worker-4"

    run(scenario, idle_seconds=0.01)


def test_a_thread_that_is_needed_stays_while_idle_ones_end() -> None:
    gate = threading.Event()

    async def scenario(pool: WorkerPool) -> None:
        together = threading.Barrier(3)
        await asyncio.gather(*(pool.submit(together.wait, DEADLINE) for _ in range(3)))
        blocker = pool.submit(gate.wait, DEADLINE)
        await until(lambda: pool.threads == 1)
        waiting = pool.submit(int)
        assert pool.threads == 2
        assert await waiting == 0
        gate.set()
        assert await blocker

    run(scenario, idle_seconds=0.01)


class Traced:
    """A value that can be watched, and gives itself when called."""

    def __call__(self, _argument: Traced) -> Traced:
        return Traced()


def test_an_idle_thread_keeps_nothing_of_its_last_call() -> None:
    async def scenario(pool: WorkerPool) -> None:
        function, argument = Traced(), Traced()
        result = await pool.submit(function, argument)
        watched = [weakref.ref(value) for value in (function, argument, result)]
        del function, argument, result
        # The thread lets go a moment after it has handed the result over.
        await until(lambda: gc.collect() >= 0 and not any(reference() for reference in watched))

    run(scenario)


def test_an_idle_thread_keeps_nothing_of_a_call_that_failed() -> None:
    def view(argument: Traced) -> None:
        raise LookupError(argument)

    async def fail(pool: WorkerPool, argument: Traced) -> None:
        with pytest.raises(LookupError):
            await pool.submit(view, argument)

    async def scenario(pool: WorkerPool) -> None:
        argument = Traced()
        watched = weakref.ref(argument)
        await fail(pool, argument)
        del argument
        await until(lambda: gc.collect() >= 0 and watched() is None)

    run(scenario)


def test_close_waits_for_calls_that_run_and_that_wait() -> None:
    gate = threading.Event()
    ran: list[str] = []

    async def scenario(pool: WorkerPool) -> None:
        calls: list[asyncio.Future[Any]] = [pool.submit(gate.wait, DEADLINE), pool.submit(ran.append, "waited")]
        closing = asyncio.create_task(pool.close(DEADLINE))
        await until(lambda: pool._closing)
        gate.set()
        assert await closing == 0
        assert pool.threads == 0
        assert all(call.done() for call in calls)
        assert ran == ["waited"]

    run(scenario, workers=1)


def test_a_closed_pool_refuses_calls() -> None:
    async def scenario(pool: WorkerPool) -> None:
        await pool.submit(int)
        await pool.close(0)
        with pytest.raises(ServiceUnavailable, match="shutting down"):
            pool.submit(int)

    run(scenario)


def test_idle_threads_are_joined_without_any_grace() -> None:
    async def scenario(pool: WorkerPool) -> None:
        together = threading.Barrier(4)
        await asyncio.gather(*(pool.submit(together.wait, DEADLINE) for _ in range(4)))
        assert pool.threads == 4
        assert await pool.close(0) == 0
        assert pool.threads == 0
        assert not any(thread.name.startswith("responder-worker-") for thread in threading.enumerate())

    run(scenario)


def test_a_pool_that_never_ran_closes() -> None:
    async def scenario(pool: WorkerPool) -> None:
        assert await pool.close(0) == 0

    run(scenario)


def test_after_the_grace_waiting_calls_are_refused_and_running_ones_are_counted() -> None:
    started, gate = threading.Event(), threading.Event()

    def view() -> str:
        started.set()
        gate.wait(DEADLINE)
        return "ended"

    async def scenario(pool: WorkerPool) -> None:
        running = pool.submit(view)
        waiting = pool.submit(int)
        await until(started.is_set)
        assert await pool.close(0.01) == 1
        with pytest.raises(ServiceUnavailable, match="shutting down"):
            await waiting
        gate.set()
        assert await running == "ended"

    run(scenario, workers=1)


def test_two_may_close_a_pool_at_once() -> None:
    gate = threading.Event()

    async def scenario(pool: WorkerPool) -> None:
        call = pool.submit(gate.wait, DEADLINE)
        closers = [asyncio.create_task(pool.close(DEADLINE)) for _ in range(2)]
        await until(lambda: pool._closing)
        gate.set()
        assert await asyncio.gather(*closers) == [0, 0]
        assert await call

    run(scenario)


def test_no_thread_to_be_had_is_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def scenario(pool: WorkerPool) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(ServiceUnavailable, match="busy"):
                pool.submit(int)
        assert pool.pending == 0
        assert await pool.submit(int) == 0

    run(scenario)


def test_where_the_system_gives_no_second_thread_the_first_serves_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def scenario(pool: WorkerPool) -> None:
        await pool.submit(int)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            assert await asyncio.gather(*(pool.submit(int) for _ in range(10))) == [0] * 10
        assert pool.threads == 1

    run(scenario)


def join_all(threads: list[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(DEADLINE)
    return not any(thread.is_alive() for thread in threads)


def test_threads_end_quietly_when_the_loop_was_closed_under_a_call() -> None:
    loop = asyncio.new_event_loop()
    pool = WorkerPool(loop, 2, 10)
    started, gate = threading.Barrier(3), threading.Event()
    ran: list[str] = []

    def view() -> None:
        started.wait(DEADLINE)
        gate.wait(DEADLINE)

    before = set(threading.enumerate())
    futures: list[asyncio.Future[Any]] = [pool.submit(view), pool.submit(view)]
    started.wait(DEADLINE)
    futures.append(pool.submit(ran.append, "late"))
    threads = [thread for thread in threading.enumerate() if thread not in before]
    loop.close()
    gate.set()
    assert join_all(threads)
    assert not any(future.done() for future in futures)


def test_idle_threads_find_a_closed_loop_by_themselves() -> None:
    loop = asyncio.new_event_loop()
    pool = WorkerPool(loop, 2, 10, idle_seconds=0.01)
    before = set(threading.enumerate())
    calls = [pool.submit(is_thread_of_pool), pool.submit(is_thread_of_pool)]
    threads = [thread for thread in threading.enumerate() if thread not in before]

    async def gather() -> list[bool]:
        return await asyncio.gather(*calls)

    assert loop.run_until_complete(gather()) == [True, True]
    loop.close()
    assert join_all(threads)


def test_an_idle_thread_outlasts_many_idle_looks_while_its_loop_is_open() -> None:
    async def scenario(pool: WorkerPool) -> None:
        loop = asyncio.get_running_loop()
        await pool.submit(int)
        asked = threading.Event()
        is_closed = loop.is_closed

        def ask() -> bool:
            if is_thread_of_pool():
                asked.set()
            return is_closed()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "is_closed", ask)
            # The loop stands still, so that only the thread's own look at the loop can happen.
            assert asked.wait(DEADLINE)
        assert await pool.submit(int) == 0

    run(scenario, idle_seconds=0.01)


def test_no_more_calls_are_given_up_than_there_are_workers() -> None:
    release = threading.Event()

    async def scenario(pool: WorkerPool) -> None:
        for _ in range(2):
            call = pool.submit(release.wait)
            await until(lambda: pool.threads > pool.abandoned)
            call.cancel()
            pool.abandon(call)
        assert pool.abandoned == 1
        release.set()
        await until(lambda: not pool.abandoned)

    run(scenario, workers=1)
