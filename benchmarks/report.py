"""Results -> verdicts and tables. The targets per row stand in `rows.py`, those across rows here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rows import ROWS

ROUTES_LIMIT = 1.1
"""Our overhead with 1000 routes over that with 10."""

STARLETTE_LIMIT = 0.2
"""Our time over Starlette's for a sync view with 64 callers."""

IMPORT_TIME_LIMIT = 60.0
IMPORT_MEMORY_LIMIT = 13.0
"""Milliseconds and megabytes of `import responder` over bare Python."""

MEMORY_LIMIT = 4.0
"""Megabytes that the large request of a kind may take beyond the small one."""

POLICIES_LIMIT = 1.0
"""Microseconds that CORS, trusted hosts and an untouched session may cost a request."""

Results = list[dict[str, Any]]


@dataclass(frozen=True)
class Verdict:
    """One target and what was measured; `at_most` tells a ceiling from a floor."""

    part: str
    what: str
    value: float
    limit: float
    at_most: bool = True

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    @property
    def target(self) -> str:
        """The target as the tables show it."""
        return f"{'<=' if self.at_most else '>='} {self.limit:g}"

    @property
    def word(self) -> str:
        """What the tables call it."""
        return "ok" if self.met else "MISS"


def find_best_peer(overheads: dict[str, float]) -> tuple[str, float]:
    """Give the name and the overhead of the cheapest of the others."""
    return min(((name, cost) for name, cost in overheads.items() if name != "ours"), key=lambda pair: pair[1])


def compare(result: dict[str, Any]) -> float:
    """Give our overhead over the best peer's, or our time over its where it costs no more than the bare application."""
    peer, cost = find_best_peer(result["overhead_us"])
    times = result["time_us"]
    return float(result["overhead_us"]["ours"] / cost if cost > 0 else times["ours"] / times[peer])


def judge_in_process(results: Results) -> list[Verdict]:
    """Judge part (a): every row beside its best peer, then the two targets across rows."""
    limits = {row.name: row.overhead_limit for row in ROWS}
    by_row = {result["row"]: result for result in results}
    verdicts = []
    for name, result in by_row.items():
        if (limit := limits[name]) is not None:
            verdicts.append(Verdict("in-process", name, compare(result), limit))
    few, many = (by_row[name]["overhead_us"]["ours"] for name in ("10 routes", "1000 routes"))
    verdicts.append(Verdict("in-process", "1000 routes over 10 routes", many / few, ROUTES_LIMIT))
    times = by_row["sync, 64 callers"]["time_us"]
    verdicts.append(Verdict("in-process", "sync over starlette", times["ours"] / times["starlette"], STARLETTE_LIMIT))
    with_policies, plain = (by_row[name]["overhead_us"]["ours"] for name in ("CORS, hosts, session", "no policy"))
    verdicts.append(Verdict("in-process", "us of policies at rest", with_policies - plain, POLICIES_LIMIT))
    return verdicts


def judge_http(results: Results) -> list[Verdict]:
    """Judge part (b): the rows that have a floor."""
    floors = {row.name: row.over_http_floor for row in ROWS}
    return [
        Verdict(result["server"], result["row"], result["share_of_bare"]["ours"], floor, at_most=False)
        for result in results
        if (floor := floors[result["row"]]) is not None
    ]


def judge_import(results: Results) -> list[Verdict]:
    """Judge what `import responder` costs."""
    cost = next(result for result in results if result["import"] == "responder")
    return [
        Verdict("import", "milliseconds", cost["time_ms"], IMPORT_TIME_LIMIT),
        Verdict("import", "megabytes", cost["memory_mb"], IMPORT_MEMORY_LIMIT),
    ]


def judge_memory(results: Results) -> list[Verdict]:
    """Judge whether our memory grows with what is sent."""
    return [
        Verdict("memory", f"{result['kind']}, growth in MB", result["growth_mb"], MEMORY_LIMIT)
        for result in results
        if result["framework"] == "ours"
    ]


def print_table(title: str, head: list[str], lines: list[list[str]]) -> None:
    """Print a table with the first column to the left and the others to the right."""
    widths = [max(len(line[index]) for line in [head, *lines]) for index in range(len(head))]
    print(f"\n{title}")
    for line in [head, ["-" * width for width in widths], *lines]:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        print("  ".join(cells).rstrip())


def show(value: float | None, digits: int) -> str:
    """Write a figure for a table; a dash for what a framework cannot do."""
    return "-" if value is None else f"{value:.{digits}f}"


def print_in_process(results: Results, verdicts: list[Verdict]) -> None:
    """Print part (a): a table of times and one of our overhead beside the best peer's."""
    names = list(results[0]["time_us"])
    print_table(
        "In process, uvloop: microseconds a request, medians (bare: the floor that overheads are counted from)",
        ["row", *names],
        [[result["row"], *(show(result["time_us"].get(name), 2) for name in names)] for result in results],
    )
    judged = {verdict.what: verdict for verdict in verdicts}
    lines = []
    for result in results:
        verdict, (peer, cost) = judged.get(result["row"]), find_best_peer(result["overhead_us"])
        ours = result["overhead_us"]["ours"]
        tail = [verdict.target, verdict.word] if verdict else ["", ""]
        lines.append([result["row"], f"{ours:.2f}", peer, f"{cost:.2f}", f"{compare(result):.2f}", *tail])
    across = [verdict for verdict in verdicts if verdict.what not in {result["row"] for result in results}]
    lines += [[each.what, "", "", "", f"{each.value:.2f}", each.target, each.word] for each in across]
    print_table(
        "In process: overhead over the bare application in microseconds, and ours beside the best peer's",
        ["row", "ours", "best peer", "its", "ratio", "target", "verdict"],
        lines,
    )


def print_http(results: Results, verdicts: list[Verdict]) -> None:
    """Print part (b): one table a server."""
    judged = {(verdict.part, verdict.what): verdict for verdict in verdicts}
    for server in dict.fromkeys(result["server"] for result in results):
        mine = [result for result in results if result["server"] == server]
        names = list(mine[0]["requests_per_second"])
        lines = []
        for result in mine:
            verdict = judged.get((server, result["row"]))
            tail = [verdict.target, verdict.word] if verdict else ["", ""]
            rates = [show(result["requests_per_second"].get(name), 0) for name in names]
            lines.append([result["row"], *rates, f"{result['share_of_bare']['ours']:.2f}", *tail])
        print_table(
            f"{server}, wrk: requests a second, medians; ours as a share of bare's in the same round",
            ["row", *names, "ours/bare", "target", "verdict"],
            lines,
        )


def print_import(results: Results, verdicts: list[Verdict]) -> None:
    """Print what imports cost."""
    keys = {"time_ms": "ms", "memory_mb": "MB resident", "anonymous_mb": "MB anonymous"}
    print_table(
        "Import, over bare Python, bytecode cached: medians",
        ["import", *keys.values()],
        [[result["import"], *(f"{result[key]:.1f}" for key in keys)] for result in results],
    )
    for verdict in verdicts:
        print(f"responder, {verdict.what}: {verdict.value:.1f}, target {verdict.target}: {verdict.word}")


def print_memory(results: Results, verdicts: list[Verdict]) -> None:
    """Print what requests take at their peak."""
    kinds = {result["kind"]: f"{result['small']}, {result['large']}, growth" for result in results}
    for kind, sizes in kinds.items():
        print_table(
            f"Memory, {kind}: MB resident at the peak of one request, above idle ({sizes})",
            ["framework", "small", "large", "growth"],
            [
                [result["framework"], *(show(result[key], 1) for key in ("small_mb", "large_mb", "growth_mb"))]
                for result in results
                if result["kind"] == kind
            ],
        )
    for verdict in verdicts:
        print(f"ours, {verdict.what}: {verdict.value:.1f}, target {verdict.target}: {verdict.word}")
