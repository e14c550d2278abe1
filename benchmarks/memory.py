"""What a request takes in memory at its peak, small and large: uploads, files and streams, in process.

One process a framework and kind, which ends after it: memory that an allocator keeps would hide what the next request
takes. Small and large follow each other there, both counted from the same idle moment after requests that load what is
loaded late. The kernel keeps the peak of resident memory and forgets it when told to (proc(5), clear_refs). Of the
bodies that come and go only one piece exists here at a time, so that nothing but the application can keep them.
"""

# ruff: noqa: S603 - every command is written in this file

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import material
import uvloop
from in_process import Application, Message, build, connect, make_scope, start
from material import KB, MB, PIECE
from rows import BINARY, FRAMEWORKS, Stored, WrongAnswerError, weigh

if TYPE_CHECKING:
    from collections.abc import Iterable

PEAK = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Size:
    """One request of a kind: where it goes, the bytes of the file that it sends, those of the answer if known."""

    name: str
    path: str
    sent: int = 0
    answered: int | None = None


KINDS = {
    "upload to disk": (
        Size("64 KB", "/upload/disk", PIECE),
        Size("8 MB", "/upload/disk", 8 * MB),
        Size("64 MB", "/upload/disk", 64 * MB),
    ),
    "file": (
        Size("1 KB", "/files/small.bin", answered=KB),
        Size("1 MB", "/files/medium.bin", answered=MB),
        Size("100 MB", "/files/large.bin", answered=100 * MB),
    ),
    "stream": (
        Size("1 chunk", "/stream/1", answered=KB),
        Size("64 chunks", "/stream/64", answered=64 * KB),
        Size("6400 chunks", "/stream/6400", answered=6400 * KB),
    ),
}
"""Of each kind a request that is not measured, a small and a large one."""


def make_request(size: Size) -> tuple[dict[str, Any], Iterable[bytes]]:
    """Give the scope and the body. No server sends the file in place of the application."""
    row = weigh("memory", size.path, Stored("") if size.path.startswith("/files/") else None, BINARY)
    scope = make_scope(row)
    if not size.sent:
        return scope, ()
    length = len(material.UPLOAD_HEAD) + size.sent + len(material.UPLOAD_TAIL)
    scope["method"] = "POST"
    scope["headers"] += [
        (b"content-type", material.UPLOAD_TYPE.encode()),
        (b"content-length", str(length).encode()),
    ]
    return scope, material.stream_upload(size.sent)


async def ask(app: Application, size: Size) -> None:
    """Ask once, and raise `WrongAnswerError` for a status or a length that is not as it must be."""
    status = received = 0
    scope, pieces = make_request(size)
    receive, pass_on = connect(pieces)

    async def send(message: Message) -> None:
        nonlocal status, received
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            received += len(message.get("body", b""))
        await pass_on(message)

    await app(scope, receive, send)
    if status != 200 or size.answered not in {None, received}:
        row = weigh("memory", size.path, None)
        raise WrongAnswerError(row, f"status {status} and {received} bytes instead of {size.answered}")


def settle() -> float:
    """Give unused memory back to the system, let the peak be what is resident now, and give that in megabytes.

    What imports leave unused in the heap, 10 MB, would take in as much of a request unseen.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    PEAK.write_text("5")
    return read_status("VmRSS")


def read_status(name: str) -> float:
    """Read a figure of the process in megabytes: `VmRSS` is resident now, `VmHWM` at the peak."""
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines[name].split()[0]) * 1024 / 1e6


async def measure_kind(framework: str, kind: str) -> dict[str, Any]:
    """Measure the small and the large request of one kind."""
    first, *sizes = KINDS[kind]
    app = build(framework, weigh("memory", first.path, None))
    peaks = []
    async with start(app):
        for _ in range(3):
            await ask(app, first)
        idle = settle()
        for size in sizes:
            await ask(app, size)
            peaks.append(read_status("VmHWM") - idle)
            settle()
    small, large = peaks
    names = {"small": sizes[0].name, "large": sizes[1].name}
    return {
        "framework": framework,
        "kind": kind,
        **names,
        "small_mb": small,
        "large_mb": large,
        "growth_mb": large - small,
    }


def run_child(framework: str, kind: str) -> dict[str, Any]:
    """Measure one kind in a process of its own."""
    command = [sys.executable, __file__, "--child", framework, kind]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"{framework}, {kind}:\n{run.stderr}")
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def main() -> None:
    """Measure what the command line asks for and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write here instead of to standard output")
    parser.add_argument("--quick", action="store_true", help="the same: each request is sent once")
    parser.add_argument("--only", nargs="+", choices=list(FRAMEWORKS), default=list(FRAMEWORKS), metavar="FRAMEWORK")
    parser.add_argument("--child", nargs=2, metavar=("FRAMEWORK", "KIND"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        warnings.simplefilter("ignore", DeprecationWarning)
        sys.stdout.write(json.dumps(uvloop.run(measure_kind(*options.child))))
        return
    with material.keep_folder():
        results = json.dumps([run_child(name, kind) for kind in KINDS for name in options.only], indent=1)
    if options.output:
        options.output.write_text(results)
    else:
        sys.stdout.write(results + "\n")


if __name__ == "__main__":
    main()
