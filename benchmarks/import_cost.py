"""What `import responder` costs over a bare interpreter: wall time and resident memory, beside imports one knows.

Each run is a process of its own, timed from its start to its end, in turn with the others; the bytecode is written by
a run before the first that counts. Each process reads its own memory at its end: what the kernel keeps for a dead child
(`ru_maxrss`) begins with the memory of the parent that forked it. Resident memory is what `ps` shows and what the
target is held against; the anonymous part leaves out the pages of shared libraries, such as the 3 MB of OpenSSL that
asyncio brings along and that all processes of a machine share.
"""

# ruff: noqa: S603 - every command is written in this file

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

BARE = "bare Python"
STATEMENTS = {
    BARE: "",
    "asyncio": "import asyncio",
    "responder": "import responder",
    "starlette": "import starlette.applications",
    "fastapi": "import fastapi",
}
READ_MEMORY = "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith(('VmRSS', 'RssAnon'))])"


@dataclass(frozen=True)
class Cost:
    """Milliseconds of wall time, megabytes (10^6 bytes) of resident memory and of its anonymous part."""

    time_ms: float
    memory_mb: float
    anonymous_mb: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(
            self.time_ms - other.time_ms, self.memory_mb - other.memory_mb, self.anonymous_mb - other.anonymous_mb
        )


def run_once(statement: str) -> Cost:
    """Give the cost of one interpreter that runs the statement."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-c", f"{statement}\n{READ_MEMORY}"]
    started = perf_counter()
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    spent = (perf_counter() - started) * 1e3
    if run.returncode:
        raise RuntimeError(f"`{statement}` failed:\n{run.stderr}")
    resident, anonymous = (int(kibibytes) * 1024 / 1e6 for kibibytes in run.stdout.split())
    return Cost(spent, resident, anonymous)


def measure(rounds: int) -> list[dict[str, Any]]:
    """Run every statement once a round and give the medians, each over the bare interpreter of its round."""
    for statement in STATEMENTS.values():
        run_once(statement)
    table = [{name: run_once(statement) for name, statement in STATEMENTS.items()} for _ in range(rounds)]
    return [summarise(name, [costs[name] - costs[BARE] for costs in table]) for name in STATEMENTS if name != BARE]


def summarise(name: str, costs: list[Cost]) -> dict[str, Any]:
    """Give the medians of one import."""
    return {
        "import": name,
        "time_ms": median(cost.time_ms for cost in costs),
        "memory_mb": median(cost.memory_mb for cost in costs),
        "anonymous_mb": median(cost.anonymous_mb for cost in costs),
    }


def main() -> None:
    """Measure and write the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write here instead of to standard output")
    parser.add_argument("--quick", action="store_true", help="two rounds that show that all works")
    options = parser.parse_args()
    results = json.dumps(measure(2 if options.quick else 41), indent=1)
    if options.output:
        options.output.write_text(results)
    else:
        sys.stdout.write(results + "\n")


if __name__ == "__main__":
    main()
