"""Several worker processes on one port, and those that start again when a file changes.

Each worker is a new interpreter that finds the API by its target and runs one server, exactly as a single process
does; the kernel shares out the connections (`SO_REUSEPORT`). Forking was rejected: connections and threads that the
user's module makes on import do not survive it, and from Python 3.14 on it is not the default.
"""

from __future__ import annotations

import pickle
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from . import loader
from .console import complain, say
from .drain import IMPATIENCE, may_handle_signals
from .worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .service import Service

LEEWAY = 1.0
"""Seconds beyond the grace period after which a worker is killed."""

RELOAD_GRACE = 1.0
"""The grace period, at most, while reloading: nobody wants to wait for an open stream after each save."""

TEMPLATES = (".html", ".htm", ".jinja", ".jinja2", ".j2", ".yml", ".yaml", ".toml", ".env")
"""Files besides `*.py` whose change restarts the workers."""

STOP, CHANGE = b"s", b"c"


def supervise(service: Service, target: str, *, reload: bool) -> None:
    """Run the workers of `service` until a signal ends them.

    Raises `ConfigurationError` when the target does not exist or a worker cannot start; when reloading, a
    worker that cannot start is reported and waited for the next change.
    """
    module, _ = loader.locate(target)
    _check_that_it_travels(service)
    if not reload:
        Supervisor(service, target).run()
        return
    if find_spec("watchfiles") is None:
        raise ConfigurationError("Reloading needs watchfiles: pip install 'responder[dev]'")
    supervisor = Supervisor(replace(service, grace=min(service.grace, RELOAD_GRACE)), target, patient=True)
    with watching(module.directory, supervisor.change):
        supervisor.run()


def _check_that_it_travels(service: Service) -> None:
    try:
        pickle.dumps(service)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"The options of the server cannot be sent to worker processes: {error}. Use one worker, or other options."
        ) from error


class Supervisor:
    """The parent of the workers. `patient`: a worker that cannot start is no reason to end."""

    def __init__(self, service: Service, target: str, *, patient: bool = False) -> None:
        self.service = service
        self.target = target
        self.patient = patient
        self.workers: list[Worker] = []
        self._announced = False
        self._changed = ""
        self._stopped = 0.0
        # Closed with the last reference: the watcher of files may still write when `run` is over.
        self._inbox, self._outbox = Pipe(duplex=False)

    def run(self) -> None:
        """Start the workers and stay with them until told to stop."""
        with self._signals():
            try:
                self._start()
                while self._step():
                    pass
            finally:
                self._stop_workers()

    def stop(self) -> None:
        """Ask `run` to end; safe in signal handlers and threads."""
        self._outbox.send_bytes(STOP)

    def change(self, path: str) -> None:
        """Ask for new workers, because the file at `path` changed; safe in threads."""
        self._changed = path
        self._outbox.send_bytes(CHANGE)

    def _start(self) -> None:
        self.workers += [Worker(self.service, self.target) for _ in range(self.service.workers)]

    def _step(self) -> bool:
        """Wait for the next event and act on it; false when it was the wish to stop."""
        ready = wait([self._inbox, *(worker.report for worker in self.workers)])
        if self._inbox in ready:
            return self._obey(self._inbox.recv_bytes())
        for worker in [worker for worker in self.workers if worker.report in ready]:
            self._hear(worker)
        return True

    def _obey(self, order: bytes) -> bool:
        if order == STOP:
            return False
        say(f"{loader.shorten(self._changed)} changed: restarting.")
        self._stop_workers()
        self._start()
        return True

    def _hear(self, worker: Worker) -> None:
        if worker not in self.workers:
            return
        served = worker.serves
        reason = worker.read()
        if reason is None:
            self._announce()
        elif served:
            complain(f"{reason[0].upper()}{reason[1:]}: started another.")
            self._replace(worker)
        elif self.patient:
            complain(f"Error: {reason}")
            self._stop_workers()
            say("Waiting for a change.")
        else:
            raise ConfigurationError(reason)

    def _announce(self) -> None:
        if not self._announced and all(worker.serves for worker in self.workers):
            self._announced = True
            module, _ = loader.locate(self.target)
            self.service.announce(str(module))

    def _replace(self, worker: Worker) -> None:
        worker.close()
        self.workers[self.workers.index(worker)] = Worker(self.service, self.target)

    def _stop_workers(self) -> None:
        """End the workers within the grace period, and kill those that are still there then."""
        for worker in self.workers:
            worker.process.terminate()
        deadline = time.monotonic() + self.service.grace + LEEWAY
        for worker in self.workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.close()
        self.workers.clear()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let SIGTERM and Ctrl-C stop the workers, when this is the thread that may handle signals."""
        numbers = (signal.SIGINT, signal.SIGTERM) if may_handle_signals() else ()
        before = {number: signal.signal(number, self._handle) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, _frame: object) -> None:
        if not self._stopped:
            self._stopped = time.monotonic()
            self.stop()
        elif number == signal.SIGINT and time.monotonic() - self._stopped > IMPATIENCE:
            for worker in self.workers:
                worker.process.kill()


@contextmanager
def watching(directory: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Call `report` with a path whenever Python files or templates below `directory` change."""
    from watchfiles import PythonFilter, watch  # noqa: PLC0415 - an extra, loaded on first use

    over = threading.Event()
    relevant = PythonFilter(extra_extensions=TEMPLATES)

    def follow() -> None:
        for changes in watch(directory, watch_filter=relevant, stop_event=over, ignore_permission_denied=True):
            report(min(path for _, path in changes))

    watcher = threading.Thread(target=follow, name="responder-reload", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
