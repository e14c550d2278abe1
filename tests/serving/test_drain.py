"""How one server in one process ends; the servers here are stand-ins that end when they are told, or never."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from responder.serving import drain
from responder.serving.drain import Host, Stop, give_up, leave, loop_factory, signals, supervision
from responder.serving.life import StartupFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from responder.types import ASGIApp


class Engine:
    """A server that ends when told, unless `endless`."""

    def __init__(self, *, endless: bool = False, error: Exception | None = None, ends: bool = False) -> None:
        self.app: ASGIApp | None = None
        self.endless = endless
        self.error = error
        self.over = asyncio.Event()
        self.silent = False
        if ends:
            self.over.set()

    def build(self, app: ASGIApp) -> Engine:
        self.app = app
        return self

    async def serve(self, announce: Callable[[], None]) -> None:
        if self.error is not None:
            raise self.error
        announce()
        await self.over.wait()

    def stop(self) -> None:
        if not self.endless:
            self.over.set()

    def silence(self) -> None:
        self.silent = True


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the exit codes with which the process would have ended."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    return codes


@pytest.fixture
def stop() -> Iterator[Stop]:
    one = Stop(0.05)
    yield one
    one.reach()


def play(api: Any, engine: Engine, stop: Stop) -> None:
    asyncio.run(Host(api, engine.build, stop, stop.ask).run())


def test_a_stop_drains_then_stops_then_shuts_down(api: Any, stop: Stop, capsys: pytest.CaptureFixture[str]) -> None:
    engine = Engine()
    play(api, engine, stop)
    assert api.drained == 0.05
    assert engine.app is api
    assert engine.silent
    assert capsys.readouterr() == ("shut down\n", "")


def test_a_server_that_does_not_end_is_given_up(api: Any, stop: Stop, capsys: pytest.CaptureFixture[str]) -> None:
    play(api, Engine(endless=True), stop)
    assert capsys.readouterr() == ("shut down\n", "Requests were still open after 0.05 seconds and were given up.\n")


def test_the_state_of_the_lifespan_reaches_the_application(api: Any, stop: Stop) -> None:
    api.state = {"pool": 1}
    engine = Engine()
    play(api, engine, stop)
    assert engine.app is not api


def test_a_failed_start_serves_nothing(api: Any, stop: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL", "no database")
    engine = Engine()
    with pytest.raises(StartupFailed, match="no database"):
        play(api, engine, stop)
    assert engine.app is None


def test_a_start_is_interrupted_by_a_stop(stop: Stop) -> None:
    cancelled = []

    class Slow:
        async def __call__(self, *_message: Any) -> None:
            stop.ask()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(True)

    engine = Engine()
    play(Slow(), engine, stop)
    assert (engine.app, cancelled) == (None, [True])


def test_a_server_that_fails_takes_the_application_down(
    api: Any, stop: Stop, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OSError, match="no port"):
        play(api, Engine(error=OSError("no port")), stop)
    assert capsys.readouterr().out == "shut down\n"


def test_a_server_that_ends_by_itself_is_a_failure(api: Any) -> None:
    stop = Stop(0.05)
    with pytest.raises(StartupFailed, match="the server ended by itself"):
        asyncio.run(Host(api, Engine(ends=True).build, stop, lambda: None).run())


class Unending:
    """An application that does not shut down, or not well."""

    def __init__(self, *answers: dict[str, str]) -> None:
        self.answers = answers

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for answer in self.answers:
            await send(answer)
        await asyncio.Event().wait()

    def begin_drain(self, grace: float) -> None: ...


def test_an_application_that_does_not_shut_down_is_given_up(stop: Stop, capsys: pytest.CaptureFixture[str]) -> None:
    play(Unending(), Engine(), stop)
    assert capsys.readouterr().err == "The application had not shut down after 0.05 seconds and was given up.\n"


def test_a_shutdown_that_fails_is_reported(stop: Stop, capsys: pytest.CaptureFixture[str]) -> None:
    play(Unending({"type": "lifespan.shutdown.failed", "message": "not\nsaved"}), Engine(), stop)
    assert capsys.readouterr().err == "Error: the application did not shut down cleanly: not saved\n"


def test_a_process_that_does_not_end_in_time_is_ended(
    ended: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drain, "LAST_MARGIN", 0.0)
    over = threading.Event()

    def end(code: int) -> None:
        ended.append(code)
        over.set()

    monkeypatch.setattr(os, "_exit", end)
    Stop(0.0).ask()
    assert over.wait(20)
    assert ended == [0]
    assert capsys.readouterr().err == "Tasks or threads were still busy after 0 seconds and were given up.\n"


def test_giving_up_ends_the_process_with_success(ended: list[int]) -> None:
    give_up(30.0)
    assert ended == [0]


def test_leaving_waits_for_no_thread(ended: list[int]) -> None:
    leave()
    assert ended == []
    over = threading.Event()
    busy = threading.Thread(target=over.wait)
    busy.start()
    leave()
    over.set()
    busy.join()
    assert ended == [0]


def test_ctrl_c_once_more_ends_at_once(
    stop: Stop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raised: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    monkeypatch.setattr(signal, "signal", lambda _number, handler: raised.append(handler))
    stop.insist()
    stop.insist()
    assert raised == []
    monkeypatch.setattr(drain, "IMPATIENCE", -1.0)
    stop.insist()
    assert raised == [signal.SIG_DFL, signal.SIGINT]
    assert capsys.readouterr().err == "Ended without waiting for open requests.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_ask_and_are_given_back(stop: Stop, number: signal.Signals) -> None:
    async def main() -> None:
        with signals(stop):
            signal.raise_signal(number)
            await asyncio.wait_for(stop.wait(), 20)

    before = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]
    asyncio.run(main())
    assert [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)] == before


def test_other_threads_leave_signals_alone(api: Any) -> None:
    engines: list[Engine] = []

    def build(app: ASGIApp) -> Engine:
        engines.append(Engine())
        return engines[0].build(app)

    def announce() -> None:
        asyncio.get_running_loop().call_soon(engines[0].over.set)

    failures: list[BaseException] = []

    def serve() -> None:
        try:
            drain.run(api, build, grace=0.05, announce=announce)
        except StartupFailed as error:
            failures.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    assert str(failures[0]) == "the server ended by itself"


def test_a_worker_ends_with_its_supervisor(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with _supervised(monkeypatch) as lose:
        drain.run(api, Engine().build, grace=0.05, announce=lose, worker=True)
    assert api.drained == 0.05


def test_a_worker_ends_with_sigterm_and_ignores_ctrl_c(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def announce() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)

    with _supervised(monkeypatch):
        drain.run(api, Engine().build, grace=0.05, announce=announce, worker=True)
    assert api.drained == 0.05


class _supervised(ExitStack):  # noqa: N801 - reads as the function that it stands for
    """Have a supervisor whose end is the call of what `with` gives."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        sentinel, supervisor = multiprocessing.Pipe(duplex=False)
        monkeypatch.setattr(drain, "parent_process", lambda: SimpleNamespace(sentinel=sentinel.fileno()))
        self.supervisor = supervisor
        for number in (signal.SIGINT, signal.SIGTERM):
            self.callback(signal.signal, number, signal.getsignal(number))
        self.callback(sentinel.close)
        self.callback(supervisor.close)

    def __enter__(self) -> Callable[[], None]:  # type: ignore[override]  # what to call, and no stack
        super().__enter__()
        return self.supervisor.close


def test_a_process_of_its_own_has_no_supervisor(stop: Stop) -> None:
    with pytest.raises(RuntimeError, match="multiprocessing"), supervision(stop):
        raise NotImplementedError


def test_uvloop_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", SimpleNamespace(new_event_loop="of uvloop"))
    found: list[object] = []
    for installed in (True, None):
        monkeypatch.setattr(drain, "find_spec", {"uvloop": installed}.get)
        found.append(loop_factory())
    assert found == ["of uvloop", asyncio.new_event_loop]
