"""One worker process: what the supervisor starts, and what the two say to each other.

A worker reports over a pipe: `None` when it serves, or the sentence why it does not. The end of the pipe is the
end of the worker.
"""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from multiprocessing import current_process, get_context
from types import ModuleType
from typing import TYPE_CHECKING

from ..errors import ResponderError
from . import drain, loader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from .service import Service

NAME = "responder-worker"


class Worker:
    """A worker as the supervisor sees it; `serves` turns true with its report."""

    def __init__(self, service: Service, target: str) -> None:
        context = get_context("spawn")
        self.report, report = context.Pipe(duplex=False)
        self.serves = False
        self.process = context.Process(target=work, args=(service, target, report), name=NAME)
        with _nameless_script(), _postponed_interrupt():
            self.process.start()
        report.close()

    def read(self) -> str | None:
        """Take one report, of which there must be one: `None` when the worker serves, otherwise why it does not."""
        try:
            reason: str | None = self.report.recv()
        except (EOFError, OSError):
            self.process.join(1)
            return f"a worker process ended ({self._describe_end()})"
        self.serves = reason is None
        return reason

    def close(self) -> None:
        """Let go of a worker, which has ended or is killed now."""
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.process.close()
        self.report.close()

    def _describe_end(self) -> str:
        code = self.process.exitcode
        if code is None:
            return "or closed its report"
        return f"exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"


def is_worker() -> bool:
    """Tell whether this process is a worker, where `api.run()` at module level does nothing."""
    return current_process().name == NAME


def work(service: Service, target: str, report: Connection) -> None:
    """Serve `target` in this process until told to end; when it cannot start, say why in `report` and exit with 1."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        service.serve(loader.load(target), announce=lambda: report.send(None), worker=True)
    except ResponderError as error:
        report.send(str(error))
        sys.exit(1)
    drain.leave()


@contextmanager
def _nameless_script() -> Iterator[None]:
    """Keep multiprocessing from running the user's script again in the new process, where the target is loaded."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


@contextmanager
def _postponed_interrupt() -> Iterator[None]:
    """Hold Ctrl-C back; the new process inherits this, so that its own start-up prints no traceback."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
