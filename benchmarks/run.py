"""Measure Responder beside its peers and say which targets are met. See benchmarks/README.md.

.venv/bin/python benchmarks/run.py [--part in-process|http|memory|import ...] [--quick] [--strict]
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import peers
import report

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).parent / "results"
BUSY_LIMIT = 0.1
"""How much of one core others may use before the figures are doubtful."""


@dataclass(frozen=True)
class Part:
    """A measuring script, how its results are judged and how they are printed."""

    script: str
    judge: Callable[[report.Results], list[report.Verdict]]
    show: Callable[[report.Results, list[report.Verdict]], None]


PARTS = {
    "in-process": Part("in_process.py", report.judge_in_process, report.print_in_process),
    "http": Part("over_http.py", report.judge_http, report.print_http),
    "memory": Part("memory.py", report.judge_memory, report.print_memory),
    "import": Part("import_cost.py", report.judge_import, report.print_import),
}


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure Responder beside its peers and say which targets are met.")
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS), help="only these parts")
    parser.add_argument("--quick", action="store_true", help="tiny rounds: shows that all works, measures nothing")
    parser.add_argument("--strict", action="store_true", help="exit with 1 on a missed target, 2 on a busy machine")
    return parser.parse_args()


def warn_if_busy(when: str, *, strict: bool) -> float:
    """Say loudly when others use the machine, or refuse; give how many cores they use."""
    busy = peers.measure_others()
    if busy > BUSY_LIMIT:
        print(f"\n*** BUSY MACHINE: others use {busy:.2f} cores {when}. Do not trust the figures. ***", flush=True)
        if strict:
            sys.exit(2)
    return busy


def run_parts(options: argparse.Namespace, stem: Path) -> dict[str, Any]:
    """Run the parts, print each one's tables and give the record of the whole run."""
    record: dict[str, Any] = {
        "started": stem.name,
        "quick": options.quick,
        "versions": peers.read_versions(),
        "machine": peers.describe_machine(),
        "busy_cores": {},
        "results": {},
        "verdicts": [],
    }
    print(", ".join(f"{name} {version}" for name, version in record["versions"].items()))
    print(", ".join(f"{name}: {value}" for name, value in record["machine"].items()), flush=True)
    for name in options.part:
        part = PARTS[name]
        record["busy_cores"][name] = warn_if_busy(f"before the part {name}", strict=options.strict)
        results = peers.run_part(
            part.script, stem.with_suffix(f".{name}.json"), *(["--quick"] if options.quick else [])
        )
        verdicts = part.judge(results)
        part.show(results, verdicts)
        record["results"][name] = results
        record["verdicts"] += [asdict(verdict) | {"met": verdict.met} for verdict in verdicts]
    record["busy_cores"]["end"] = warn_if_busy("at the end", strict=False)
    return record


def main() -> None:
    """Prepare, measure, print, keep."""
    options = parse_options()
    peers.prepare()
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    record = run_parts(options, stem)
    kept = stem.with_suffix(".json")
    kept.write_text(json.dumps(record, indent=1) + "\n")
    for name in options.part:
        stem.with_suffix(f".{name}.json").unlink()
    missed = sum(not verdict["met"] for verdict in record["verdicts"])
    print(f"\n{len(record['verdicts']) - missed} targets met, {missed} missed. Kept in {kept}")
    if options.quick:
        print("This was --quick: it shows that everything runs; its figures mean nothing.")
    if options.strict and missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
