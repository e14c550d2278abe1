"""Part (b): the same rows over HTTP, through granian and uvicorn; the servers on one core, wrk on another.

All servers of one kind run at once and wrk goes round them: an idle one sleeps in its loop and takes no time from the
busy one, while starting one for every round would measure cold caches and turn rounds of seconds into minutes.
Requests a second are compared within a round only, with the bare application on the same server. Of large files few
end in a round, so there the bytes that arrived are counted, and those under way at the end with them.
"""

# ruff: noqa: S603 - every command is written in this file

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO, TYPE_CHECKING, Any

import material
from rows import FRAMEWORKS, NUMBERS, PAYLOADS, ROWS, SERVICE, Body, Row, WrongAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
PATIENCE = 60.0
COMMANDS = {
    "granian": "granian --interface asgi --workers 1 --loop uvloop --no-ws --log-level warning",
    "uvicorn": "uvicorn --http httptools --loop uvloop --ws none --no-access-log --log-level warning",
}


@dataclass(frozen=True)
class Effort:
    """How many rounds, and how many seconds wrk asks each server for each row of them."""

    rounds: int
    seconds: int


FULL = Effort(rounds=7, seconds=2)
QUICK = Effort(rounds=1, seconds=1)  # wrk counts in whole seconds


@dataclass(frozen=True)
class Server:
    """A running server: which kind, whose application it serves, and where."""

    kind: str
    framework: str
    port: int


def choose_cores() -> tuple[int, int]:
    """Give a core for the servers and one for wrk that are not threads of one core."""
    allowed = sorted(os.sched_getaffinity(0))
    first = allowed[0]
    siblings = Path(f"/sys/devices/system/cpu/cpu{first}/topology/thread_siblings_list")
    taken = read_cpu_list(siblings.read_text()) if siblings.exists() else {first}
    others = [core for core in allowed if core not in taken]
    if not others:
        raise SystemExit("The HTTP part needs two cores, one for the server and one for wrk; this machine allows one.")
    return first, others[0]


def read_cpu_list(text: str) -> set[int]:
    """Read a list of the kernel's such as "0,4-6"."""
    ranges = [part.partition("-") for part in text.strip().split(",")]
    return {core for start, _, end in ranges for core in range(int(start), int(end or start) + 1)}


def find_free_port() -> int:
    """Ask the system for a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serve(kind: str, framework: str, factory: str, core: int) -> Iterator[Server]:
    """Run a server on a core around the block; what it printed is shown if it fails."""
    port = find_free_port()
    command = ["taskset", "-c", str(core), sys.executable, "-m", *COMMANDS[kind].split()]
    command += ["--factory", "--port", str(port), f"{FRAMEWORKS[framework]}:{factory}"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=HERE, stdout=log, stderr=log)
        try:
            wait_until_ready(process, port, log, f"{kind} with {framework}")
            yield Server(kind, framework, port)
        finally:
            stop(process)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: IO[bytes], name: str) -> None:
    """Return when the port is open; raise with the server's own words when it ends or takes too long."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    log.seek(0)
    raise RuntimeError(f"{name} did not start:\n{log.read().decode(errors='replace')}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server that this run started."""
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def check_answer(server: Server, row: Row) -> None:
    """Ask once, for the lowest and the highest number, and raise `WrongAnswerError` unless the answer is the row's."""
    try:
        for number in {NUMBERS[0], NUMBERS[-1]} if row.varied else NUMBERS[:1]:
            chosen = row.choose(number)
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            body = Body()
            with contextlib.closing(connection):
                connection.request(row.method, chosen.target, row.body or None, dict(row.request_headers))
                response = connection.getresponse()
                while piece := response.read(material.MB):
                    body.add(piece)
            chosen.check(response.status, [(name.lower(), value) for name, value in response.getheaders()], body)
    except WrongAnswerError as error:
        error.add_note(f"This was {server.framework} on {server.kind}.")
        raise


def ask(server: Server, row: Row, core: int, effort: Effort) -> float:
    """Let wrk ask and give the requests answered in a second."""
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{row.connections}", f"-d{effort.seconds}s"]
    if row.reads_file:
        command += ["--timeout", "30s"]
    for name, value in row.request_headers:
        if name not in {"host", "content-length"}:  # wrk writes these itself
            command += ["-H", f"{name}: {value}"]
    command += ["-s", str(HERE / "ask.lua"), f"http://127.0.0.1:{server.port}", "--", row.method, row.target]
    if row.body:
        command.append(row.body.decode())
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    name = f"{server.framework} on {server.kind}, row {row.name!r}"
    if run.returncode:
        raise RuntimeError(f"{name}: wrk ended with {run.returncode}:\n{run.stderr or run.stdout}")
    rate = read_report(run.stdout, name, row.status)
    return read_transfer(run.stdout) / row.answer.path.stat().st_size if row.reads_file else rate


def read_transfer(report: str) -> float:
    """Read the bytes a second from what ask.lua prints."""
    received = re.search(r"Received (\d+) bytes in (\d+) us", report)
    if received is None:
        raise RuntimeError(f"ask.lua did not say what was received:\n{report}")
    return int(received[1]) / int(received[2]) * 1e6


def read_report(report: str, name: str, status: int) -> float:
    """Read the requests a second from what wrk prints; raise when any answer was not what was checked before."""
    total, refused = find_count(r"(\d+) requests in", report), find_count(r"Non-2xx or 3xx responses: (\d+)", report)
    if "Socket errors" in report or refused != (total if status >= http.client.BAD_REQUEST else 0):
        raise RuntimeError(f"{name}: connections broke or the answers changed under load:\n{report}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    if rate is None:
        raise RuntimeError(f"{name}: wrk gave no rate:\n{report}")
    return float(rate[1])


def find_count(pattern: str, report: str) -> int:
    """Give the number that the pattern finds, or 0."""
    found = re.search(pattern, report)
    return int(found[1]) if found else 0


def run_rounds(servers: list[Server], rows: list[Row], core: int, effort: Effort) -> list[dict[str, Any]]:
    """Check every answer, go round rows and servers, and give one summary a row."""
    able = {row.name: [server for server in servers if server.framework not in row.without] for row in rows}
    for row in rows:
        for server in able[row.name]:
            check_answer(server, row)
    rates: dict[str, dict[str, list[float]]] = {
        row.name: {server.framework: [] for server in able[row.name]} for row in rows
    }
    for number in range(effort.rounds):
        for row in rows:
            first = number % len(able[row.name])
            for server in able[row.name][first:] + able[row.name][:first]:
                rates[row.name][server.framework].append(ask(server, row, core, effort))
    return [summarise(servers[0].kind, row.name, rates[row.name]) for row in rows]


def summarise(kind: str, name: str, rates: dict[str, list[float]]) -> dict[str, Any]:
    """Give the medians of one row: requests a second, and their share of the bare application's in the same round."""
    return {
        "server": kind,
        "row": name,
        "requests_per_second": {framework: median(each) for framework, each in rates.items()},
        "share_of_bare": {
            framework: median(mine / bare for mine, bare in zip(each, rates["bare"], strict=True))
            for framework, each in rates.items()
            if framework != "bare"
        },
    }


def measure(names: list[str], kinds: list[str], wanted: list[Row], effort: Effort) -> list[dict[str, Any]]:
    """Measure the rows on each kind of server. The few routes only serve to judge the many, in process."""
    server_core, wrk_core = choose_cores()
    factories = {"build": SERVICE, "build_routes": "1000 routes", "build_payloads": PAYLOADS}
    results = []
    for kind in kinds:
        for factory, application in factories.items():
            rows = [row for row in wanted if row.application == application and row.connections]
            if not rows:
                continue
            with contextlib.ExitStack() as stack:
                servers = [stack.enter_context(serve(kind, name, factory, server_core)) for name in names]
                results += run_rounds(servers, rows, wrk_core, effort)
    return results


def main() -> None:
    """Measure what the command line asks for and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write here instead of to standard output")
    parser.add_argument("--quick", action="store_true", help="one round of a second a row that shows that all works")
    parser.add_argument("--only", nargs="+", choices=list(FRAMEWORKS), default=list(FRAMEWORKS), metavar="FRAMEWORK")
    parser.add_argument("--server", nargs="+", choices=list(COMMANDS), default=list(COMMANDS), metavar="SERVER")
    parser.add_argument("--row", nargs="+", choices=[row.name for row in ROWS], help="only these rows", metavar="ROW")
    options = parser.parse_args()
    for tool, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(tool) is None:
            raise SystemExit(f"The HTTP part needs {tool}: apt-get install {package}")
    names = list(dict.fromkeys(["bare", *options.only]))
    rows = [row for row in ROWS if options.row is None or row.name in options.row]
    with material.keep_folder():
        results = json.dumps(measure(names, options.server, rows, QUICK if options.quick else FULL), indent=1)
    if options.output:
        options.output.write_text(results)
    else:
        sys.stdout.write(results + "\n")


if __name__ == "__main__":
    main()
