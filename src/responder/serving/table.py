"""The table of routes that `responder routes` prints, for people and as JSON."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .loader import Route

HEADINGS = ("METHOD", "PATH", "VIEW", "PLACE", "NAME", "OPTIONS")


class Row(TypedDict):
    """A route as JSON shows it; `methods` is `None` when it answers every standard method."""

    methods: list[str] | None
    path: str
    view: str
    place: str
    name: str
    options: dict[str, Any]


def rows(routes: Iterable[Route]) -> list[Row]:
    """Describe each route, in the order in which they were declared."""
    return [
        {
            "methods": None if route.methods is None else sorted(route.methods),
            "path": route.path,
            "view": name_view(route.endpoint),
            "place": route.place,
            "name": route.name,
            "options": {name: simplify(value) for name, value in sorted(route.options.items())},
        }
        for route in routes
    ]


def render_json(routes: Iterable[Route]) -> str:
    """Give the rows as a JSON list of objects."""
    return json.dumps(rows(routes), indent=2, ensure_ascii=False)


def render(routes: Iterable[Route]) -> str:
    """Give the rows as aligned columns under their headings."""
    return align([HEADINGS, *(_cells(row) for row in rows(routes))])


def align(table: Sequence[Sequence[str]]) -> str:
    """Pad each column to its widest cell, with two spaces between columns and none at the ends of lines."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table
    )


def name_view(endpoint: object) -> str:
    """Name a view: `module.function`, `module.Class.method`, or the class of an instance."""
    if isinstance(endpoint, partial):
        return name_view(endpoint.func)
    named = endpoint if hasattr(endpoint, "__qualname__") else type(endpoint)
    return f"{named.__module__}.{named.__qualname__}"


def simplify(value: object) -> Any:
    """Give an option's value as JSON can carry it; views and hooks become their names."""
    if isinstance(value, (list, tuple)):
        return [simplify(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return name_view(value) if callable(value) else repr(value)


def describe(value: Any) -> str:
    """Show a simplified value as people read it: lists with commas, texts without quotes."""
    return ",".join(map(describe, value)) if isinstance(value, list) else str(value)


def _cells(row: Row) -> tuple[str, ...]:
    methods = "*" if row["methods"] is None else ",".join(row["methods"])
    options = " ".join(f"{name}={describe(value)}" for name, value in row["options"].items())
    return (methods, row["path"], row["view"], row["place"], row["name"], options)
