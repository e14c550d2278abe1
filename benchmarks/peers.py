"""The virtual environment of the peers, and what is worth knowing about the machine.

The peers stay out of the project's own environment, so that neither holds the other back. Ours
is installed there without its dependencies, which are in `requirements.txt` or come with a peer: all run in one
interpreter.
"""

# ruff: noqa: S603 - every command is written in this file

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENT = HERE / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
REQUIREMENTS = HERE / "requirements.txt"
STAMP = ENVIRONMENT / ".built-from"

READ_VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


def prepare() -> None:
    """Build the environment if it is missing, half built, or built from other requirements or another Python."""
    wanted = describe()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print(
        f"Building {ENVIRONMENT.relative_to(HERE.parent)} (once, and whenever requirements.txt changes) ...", flush=True
    )
    venv.create(ENVIRONMENT, clear=True, with_pip=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", str(REQUIREMENTS)], check=True)
    subprocess.run([*pip, "--no-deps", "--editable", str(HERE.parent)], check=True)
    STAMP.write_text(wanted)


def describe() -> str:
    """Say what the environment is built from."""
    requirements = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    return f"{requirements} {platform.python_version()} {HERE.parent}\n"


def read_versions() -> dict[str, str]:
    """Give the versions of everything that is measured or measured with."""
    lines = [line.partition("#")[0].partition(">")[0].strip() for line in REQUIREMENTS.read_text().splitlines()]
    names = ["responder", *filter(None, lines)]
    run = subprocess.run([str(PYTHON), "-c", READ_VERSIONS, *names], capture_output=True, text=True, check=True)
    return {"python": platform.python_version(), **json.loads(run.stdout)}


def describe_machine() -> dict[str, Any]:
    """Give the processor, the cores this process may use and the kernel."""
    information = Path("/proc/cpuinfo")
    models = [
        line.partition(":")[2].strip()
        for line in (information.read_text().splitlines() if information.exists() else [])
        if line.startswith("model name")
    ]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "load_average": os.getloadavg()[0],
    }


def measure_others(seconds: float = 2.0) -> float:
    """Give how many cores are busy while this process sleeps."""
    before = read_busy_ticks()
    time.sleep(seconds)
    return (read_busy_ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds


def read_busy_ticks() -> int:
    """Sum the ticks that all cores spent on anything but idling and waiting for disks (proc(5), /proc/stat)."""
    ticks = [int(count) for count in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle, waiting = ticks[3], ticks[4]
    return sum(ticks) - idle - waiting


def run_part(script: str, output: Path, *options: str) -> Any:
    """Run one of the measuring scripts in the environment of the peers and give what it wrote."""
    command = [str(PYTHON), str(HERE / script), "--output", str(output), *options]
    if subprocess.run(command, cwd=HERE, check=False).returncode:
        sys.exit(f"{script} failed; its message is above.")
    return json.loads(output.read_text())
