"""Real processes: how they start, what they answer, and how they end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import pytest
import requests

from responder.serving import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DEADLINE = 20.0

pytestmark = pytest.mark.usefixtures("app")

SCRIPT = """
from app import API
from responder.serving import serve

service = API()
if __name__ == "__main__":
    serve(service, port=0, {options})
    print("after", flush=True)
"""


@dataclass
class Running:
    """A `responder run`, or a script, as a process of its own."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def follow(self) -> None:
        """Collect what it prints."""
        stdout = self.process.stdout
        assert stdout is not None
        for line in stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, words: str) -> str:
        """Give the first line with `words`, once it is there."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            for line in self.lines:
                if words in line:
                    return line
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)
        raise AssertionError(f"{words!r} is not in {self.lines}")

    @property
    def url(self) -> str:
        """Where it serves, once it does."""
        return self.wait_for("Serving").partition(" on ")[2].partition(" - ")[0]

    def get(self, path: str = "/") -> str:
        """Give the body at `path`."""
        return requests.get(self.url + path, timeout=DEADLINE).text

    def get_until(self, good: Callable[[str], bool], prod: Callable[[], None] = lambda: None) -> str:
        """Ask until the answer is `good`."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            prod()
            body = ""
            try:
                body = self.get()
            except requests.RequestException:
                time.sleep(0.05)
            if good(body):
                return body
            time.sleep(0.1)
        raise AssertionError("The answer that was waited for never came.")

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; give the exit code and standard error."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Wait for the end; give the exit code and standard error."""
        self.process.wait(DEADLINE)
        stderr = self.process.stderr
        assert stderr is not None
        return self.process.returncode, stderr.read()


class Start(Protocol):
    """Start a process: the arguments of `responder`, or of Python when `script`."""

    def __call__(self, *arguments: str, script: bool = False, **environment: str) -> Running: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start processes that are gone when the test is."""
    running: list[tuple[Running, threading.Thread]] = []

    def run(*arguments: str, script: bool = False, **environment: str) -> Running:
        front = [] if script else ["-c", "from responder.serving.cli import main; main()"]
        process = subprocess.Popen(  # noqa: S603 - the test's own words
            [sys.executable, *front, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        one = Running(process)
        follower = threading.Thread(target=one.follow)
        follower.start()
        running.append((one, follower))
        return one

    yield run
    for one, follower in running:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        follower.join()
        for stream in (one.process.stdout, one.process.stderr):
            assert stream is not None
            stream.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_a_signal_ends_the_server_cleanly(start: Start, server: str, number: int) -> None:
    running = start("run", "app.py", "--port", "0", "--server", server)
    assert running.get().endswith("False {} first")
    assert running.end(number) == (0, "")
    assert running.lines[1:] == ["shut down"]


def test_the_first_line_says_what_is_served_where(start: Start) -> None:
    line = start("run", "app.py", "--port", "0").wait_for("Serving")
    assert line.startswith("Serving app.py on http://127.0.0.1:")
    assert line.endswith(" - granian, 1 worker. Press Ctrl-C to stop.")


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_an_open_stream_is_ended_by_the_application(start: Start, server: str) -> None:
    running = start("run", "app.py", "--port", "0", "--server", server)
    with requests.get(running.url + "/endless", stream=True, timeout=20) as response:
        chunks = response.iter_content(None)
        assert next(chunks).startswith(b"tick")
        assert running.end() == (0, "")
        assert b"".join(chunks).endswith(b"first")


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_a_stream_that_nobody_ends_is_given_up_after_the_grace_period(start: Start, app: Path, server: str) -> None:
    (app.parent / "main.py").write_text(SCRIPT.format(options=f"grace=0.2, server={server!r}"))
    running = start("main.py", script=True, STUBBORN="1")
    with requests.get(running.url + "/endless", stream=True, timeout=20) as response:
        chunks = response.iter_content(None)
        assert next(chunks).startswith(b"tick")
        assert running.end() == (0, "Requests were still open after 0.2 seconds and were given up.\n")
        with pytest.raises(requests.RequestException):
            list(chunks)
    assert running.lines[1:] == ["shut down", "after"]


def test_an_idle_connection_keeps_nothing_open(start: Start) -> None:
    running = start("run", "app.py", "--port", "0")
    with requests.Session() as session:
        assert session.get(running.url, timeout=20).ok
        assert running.end() == (0, "")


def test_a_client_that_leaves_during_the_drain_is_no_error(start: Start) -> None:
    running = start("run", "app.py", "--port", "0", STUBBORN="1")
    with requests.get(running.url + "/endless", stream=True, timeout=20) as response:
        assert next(response.iter_content(None)).startswith(b"tick")
        running.process.send_signal(signal.SIGTERM)
    assert running.ended() == (0, "")


def test_ctrl_c_twice_ends_at_once(start: Start) -> None:
    running = start("run", "app.py", "--port", "0", STUBBORN="1")
    with requests.get(running.url + "/endless", stream=True, timeout=20) as response:
        chunks = response.iter_content(None)
        assert next(chunks).startswith(b"tick")
        while running.process.poll() is None:
            running.process.send_signal(signal.SIGINT)
            time.sleep(0.1)
    assert running.ended() == (-signal.SIGINT, "Ended without waiting for open requests.\n")


@pytest.mark.parametrize(("target", "what"), [("app.py", "app.py"), ("app:api", "app")])
def test_workers_share_the_port(start: Start, target: str, what: str) -> None:
    running = start("run", target, "--port", "0", "--workers", "2", "--debug")
    assert running.wait_for("Serving").startswith(f"Serving {what} on ")
    first = running.get().split()[0]
    other = running.get_until(lambda body: body.split()[0] != first)
    assert other.endswith("True {} first")
    assert running.end() == (0, "")
    assert running.lines[1:] == ["shut down", "shut down"]


def test_workers_of_a_script_find_its_api(start: Start, app: Path) -> None:
    (app.parent / "main.py").write_text(SCRIPT.format(options="workers=2, server='uvicorn'"))
    running = start("main.py", script=True)
    assert running.get()
    assert running.end(signal.SIGINT) == (0, "")
    assert running.lines[1:] == ["shut down", "shut down", "after"]


def test_workers_end_with_their_supervisor(start: Start) -> None:
    running = start("run", "app.py", "--port", "0", "--workers", "2")
    assert running.get()
    running.end(signal.SIGKILL)
    end = time.monotonic() + DEADLINE
    port = int(running.url.rpartition(":")[2])
    while time.monotonic() < end and _is_served(port):
        time.sleep(0.05)
    assert not _is_served(port)


def _is_served(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_a_worker_that_dies_is_replaced(start: Start) -> None:
    running = start("run", "app.py", "--port", "0", "--reload")
    worker = running.get().split()[0]
    os.kill(int(worker), signal.SIGKILL)
    running.get_until(lambda body: bool(body) and body.split()[0] != worker)
    assert running.end() == (0, "A worker process ended (by SIGKILL): started another.\n")


def test_reload_serves_what_was_saved_and_survives_mistakes(start: Start, app: Path) -> None:
    source = app.read_text()
    running = start("run", "app.py", "--port", "0", "--reload")
    running.get_until(lambda body: body.endswith("first"))
    app.write_text(source + "ANSWER = = 1\n")
    assert running.wait_for("changed") == "app.py changed: restarting."
    running.wait_for("Waiting for a change.")
    app.write_text(source + "ANSWER = 'second'\n")
    running.get_until(lambda body: body.endswith("second"))
    code, errors = running.end()
    assert code == 0
    line = len(source.splitlines()) + 1
    assert f"Error: app.py:{line}: SyntaxError: invalid syntax\n" in errors


@pytest.mark.parametrize("more", [(), ("--workers", "2"), ("--server", "uvicorn")])
def test_a_failed_start_is_one_line(start: Start, more: tuple[str, ...]) -> None:
    running = start("run", "app.py", "--port", "0", *more, FAIL="no\ndatabase")
    assert running.ended() == (1, "Error: no database\n")
    assert running.lines == []


def test_a_busy_port_is_one_line(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        code, errors = start("run", "app.py", "--port", str(port)).ended()
    assert code == 1
    assert errors == (f"Error: Port {port} on 127.0.0.1 is in use. Stop what uses it or choose another with --port.\n")


@pytest.mark.parametrize("more", [(), ("--workers", "2"), ("--reload",)])
def test_a_missing_file_is_one_line(start: Start, more: tuple[str, ...]) -> None:
    code, errors = start("run", "nothing.py", "--port", "0", *more).ended()
    assert code == 1
    assert errors == "Error: nothing.py does not exist. Name a file that makes an API, such as app.py.\n"


@pytest.mark.parametrize("more", [(), ("--workers", "2")])
def test_a_module_without_an_api_is_one_line(start: Start, tmp_path: Path, more: tuple[str, ...]) -> None:
    (tmp_path / "empty.py").write_text("")
    code, errors = start("run", "empty.py", "--port", "0", *more).ended()
    assert code == 1
    assert errors == ("Error: empty.py makes no API. Write `api = responder.API()` in it, or name another module.\n")


def test_the_environment_may_name_the_port(start: Start) -> None:
    running = start("run", "app.py", PORT="0")
    assert running.url.startswith("http://0.0.0.0:")
    assert running.get()


def test_a_script_without_a_guard_serves_once(start: Start, app: Path) -> None:
    source = SCRIPT.format(options="workers=2").replace('if __name__ == "__main__"', "if True")
    (app.parent / "main.py").write_text(source)
    running = start("main.py", script=True)
    assert running.get()
    assert running.end()[0] == 0
    assert [line for line in running.lines if "Serving" in line] == running.lines[2:3]


def test_serve_ends_the_program_with_one_line() -> None:
    with pytest.raises(SystemExit, match=r"^Error: server='apache' is unknown"):
        serve("app.py", server="apache", port=0)
