"""A worker process, from both of its sides."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from responder.serving import drain, worker
from responder.serving.address import Address
from responder.serving.service import Service
from responder.serving.worker import Worker, is_worker, work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

SERVICE = Service(
    address=Address("127.0.0.1", 0, "127.0.0.1"),
    server="granian",
    workers=1,
    debug=None,
    grace=1.0,
    access_log=False,
    options={},
)


@pytest.fixture
def reports() -> Iterator[tuple[Connection, Connection]]:
    inbox, outbox = multiprocessing.Pipe(duplex=False)
    before = signal.getsignal(signal.SIGINT)
    with inbox, outbox:
        yield inbox, outbox
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("app")
def test_a_worker_reports_that_it_serves(
    reports: tuple[Connection, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service, "serve", lambda _service, _api, *, announce, worker: announce() if worker else None)
    left: list[bool] = []
    monkeypatch.setattr(drain, "leave", lambda: left.append(True))
    work(SERVICE, "app.py", reports[1])
    assert reports[0].recv() is None
    assert left == [True]
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_a_worker_reports_why_it_does_not_serve(reports: tuple[Connection, Connection]) -> None:
    with pytest.raises(SystemExit) as caught:
        work(SERVICE, "nothing.py", reports[1])
    assert caught.value.code == 1
    assert reports[0].recv().startswith("nothing.py does not exist.")


def test_this_process_is_no_worker() -> None:
    assert not is_worker()


def test_the_supervisor_reads_why_a_worker_does_not_serve() -> None:
    one = Worker(SERVICE, "nothing.py")
    reason = one.read()
    assert reason is not None
    assert reason.startswith("nothing.py does not exist.")
    assert not one.serves
    assert one.read() == "a worker process ended (exit code 1)"
    one.close()


def test_a_worker_that_does_not_end_is_killed(app: Path) -> None:
    app.write_text(app.read_text() + "\nwhile True:\n    pass\n")
    one = Worker(SERVICE, "app.py")
    sentinel = one.process.sentinel
    one.close()
    assert one.report.closed
    assert isinstance(sentinel, int)


@pytest.mark.parametrize(("code", "words"), [(0, "exit code 0"), (-9, "by SIGKILL"), (None, "or closed its report")])
def test_the_end_of_a_worker_has_words(code: int | None, words: str) -> None:
    class Process:
        exitcode = code

    one = Worker.__new__(Worker)
    one.process = Process()  # type: ignore[assignment]  # an exit code is all that is asked
    assert one._describe_end() == words


def test_the_script_is_back_when_a_worker_has_started() -> None:
    script = sys.modules["__main__"]
    with worker._nameless_script(), worker._postponed_interrupt():
        assert sys.modules["__main__"] is not script
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert sys.modules["__main__"] is script
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
