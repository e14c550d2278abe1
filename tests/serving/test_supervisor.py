"""The parent of the workers; those here are stand-ins that report what the test says."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from responder.errors import ConfigurationError
from responder.serving import supervisor
from responder.serving.address import Address
from responder.serving.service import Service
from responder.serving.supervisor import Supervisor, supervise, watching
from responder.serving.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("app")


class Process:
    """A process that ends when it is told."""

    exitcode: int | None = None

    def __init__(self) -> None:
        self.signals: list[str] = []

    def terminate(self) -> None:
        self.signals.append("SIGTERM")
        self.exitcode = 0

    def kill(self) -> None:
        self.signals.append("SIGKILL")
        self.exitcode = -9

    def is_alive(self) -> bool:
        return self.exitcode is None

    def join(self, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...


class Crew:
    """What the workers report, one after the other, and what became of them; `None` is that they serve."""

    def __init__(self) -> None:
        self.reports: list[str | None] = []
        self.workers: list[StandIn] = []
        self.announced: list[str] = []
        self.on_announce: Callable[[], None] = lambda: None

    def workers_die(self) -> None:
        """End every worker as a process that is killed."""
        for worker in self.workers:
            worker.fake.exitcode = -9
            worker.outbox.close()


class StandIn(Worker):
    """A worker without a process; its report is there at once."""

    crew: Crew

    def __init__(self, service: Service, target: str) -> None:
        assert (service.server, target) == ("granian", "app.py")
        self.report, self.outbox = multiprocessing.Pipe(duplex=False)
        self.serves = False
        self.fake = Process()
        self.process = self.fake  # type: ignore[assignment]  # as much of a process as a supervisor needs
        self.outbox.send(self.crew.reports.pop(0) if self.crew.reports else None)
        self.crew.workers.append(self)


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    one = Crew()
    monkeypatch.setattr(StandIn, "crew", one, raising=False)
    monkeypatch.setattr(supervisor, "Worker", StandIn)

    def announce(_service: Service, what: str) -> None:
        one.announced.append(what)
        one.on_announce()

    monkeypatch.setattr(Service, "announce", announce)
    yield one
    for worker in one.workers:
        worker.outbox.close()


def make(workers: int = 1, **options: Any) -> Service:
    return Service(
        address=Address("127.0.0.1", 80, "127.0.0.1"),
        server="granian",
        workers=workers,
        debug=None,
        grace=30.0,
        access_log=False,
        options=options,
    )


def test_workers_that_serve_are_announced_once_and_ended(crew: Crew) -> None:
    parent = Supervisor(make(workers=2), "app.py")
    crew.on_announce = parent.stop
    parent.run()
    assert crew.announced == ["app.py"]
    assert [worker.fake.signals for worker in crew.workers] == [["SIGTERM"], ["SIGTERM"]]
    assert all(worker.report.closed for worker in crew.workers)


def test_a_worker_that_cannot_start_ends_all(crew: Crew) -> None:
    crew.reports = [None, "no database"]
    with pytest.raises(ConfigurationError, match=r"^no database$"):
        Supervisor(make(workers=2), "app.py").run()
    assert crew.announced == []
    assert [worker.fake.signals for worker in crew.workers] == [["SIGTERM"], ["SIGTERM"]]


def test_a_worker_that_dies_is_replaced(
    crew: Crew, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parent = Supervisor(make(), "app.py")
    starts: list[bool] = []

    class Second(StandIn):
        def __init__(self, service: Service, target: str) -> None:
            super().__init__(service, target)
            starts.append(True)
            if len(starts) == 2:
                parent.stop()

    monkeypatch.setattr(supervisor, "Worker", Second)
    crew.on_announce = crew.workers_die
    parent.run()
    assert len(crew.workers) == 2
    assert crew.announced == ["app.py"]
    assert capsys.readouterr().err == "A worker process ended (by SIGKILL): started another.\n"


def test_while_reloading_a_failure_is_reported_once_and_waited_for(
    crew: Crew, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    crew.reports = ["app.py:3: NameError", "app.py:3: NameError"]
    parent = Supervisor(make(workers=2), "app.py", patient=True)
    crew.on_announce = parent.stop
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("Waiting"):
            parent.change(str(Path.cwd() / "app.py"))

    monkeypatch.setattr(supervisor, "say", say)
    parent.run()
    assert said == ["Waiting for a change.", "app.py changed: restarting."]
    assert capsys.readouterr().err == "Error: app.py:3: NameError\n"
    assert crew.announced == ["app.py"]
    assert len(crew.workers) == 4


def _twice(number: int) -> Callable[[], None]:
    def send() -> None:
        signal.raise_signal(number)
        signal.raise_signal(number)

    return send


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_workers_and_are_given_back(crew: Crew, number: int) -> None:
    before = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]
    crew.on_announce = _twice(number)
    Supervisor(make(), "app.py").run()
    assert crew.workers[0].fake.signals == ["SIGTERM"]
    assert [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)] == before


def test_ctrl_c_once_more_kills_the_workers(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "IMPATIENCE", -1.0)
    crew.on_announce = _twice(signal.SIGINT)
    Supervisor(make(), "app.py").run()
    assert "SIGKILL" in crew.workers[0].fake.signals


def test_another_thread_may_supervise(crew: Crew) -> None:
    parent = Supervisor(make(), "app.py")
    crew.on_announce = parent.stop
    thread = threading.Thread(target=parent.run)
    thread.start()
    thread.join(20)
    assert crew.announced == ["app.py"]


def test_supervising_without_reloading(crew: Crew) -> None:
    crew.on_announce = lambda: signal.raise_signal(signal.SIGTERM)
    supervise(make(), "app.py", reload=False)
    assert crew.announced == ["app.py"]


def test_reloading_shortens_the_grace_period_and_watches_the_project(
    crew: Crew, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Any] = []

    @contextmanager
    def watch(directory: Path, report: Callable[[str], None]) -> Iterator[None]:
        seen.append(directory)
        assert isinstance(report.__self__, Supervisor)  # type: ignore[attr-defined]  # a method
        seen.append(report.__self__.service.grace)  # type: ignore[attr-defined]  # a method
        yield

    monkeypatch.setattr(supervisor, "watching", watch)
    crew.on_announce = lambda: signal.raise_signal(signal.SIGTERM)
    supervise(make(), "app.py", reload=True)
    assert seen == [tmp_path, 1.0]


def test_reloading_needs_watchfiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r"^Reloading needs watchfiles: pip install 'responder\[dev\]'$"):
        supervise(make(), "app.py", reload=True)


def test_options_that_cannot_travel_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^The options of the server cannot be sent to worker processes: "):
        supervise(make(workers=2, ssl_context_factory=lambda: None), "app.py", reload=False)


def test_changes_of_code_and_templates_are_reported(tmp_path: Path) -> None:
    changed: list[str] = []
    came = threading.Event()

    def report(path: str) -> None:
        changed.append(path)
        came.set()

    page = tmp_path / "templates" / "page.html"
    page.parent.mkdir()
    with watching(tmp_path, report):
        for attempt in range(200):
            (tmp_path / "notes.txt").write_text(str(attempt))
            page.write_text(str(attempt))
            if came.wait(0.1):
                break
    assert set(changed) == {str(page)}
