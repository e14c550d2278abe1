"""The table of routes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from responder.serving.table import align, describe, name_view, render, render_json, simplify

if TYPE_CHECKING:
    from collections.abc import Mapping


def show(req: Any, resp: Any) -> None:
    """Stand for a view."""


class Pets:
    def on_get(self, req: Any, resp: Any) -> None: ...


show.__module__ = Pets.__module__ = Pets.on_get.__module__ = "shop"


@dataclass(frozen=True)
class Route:
    path: str
    methods: frozenset[str] | None = None
    name: str = "show"
    endpoint: object = show
    place: str = "app.py:7"
    options: Mapping[str, object] = field(default_factory=dict)


ROUTES = [
    Route("/"),
    Route("/pets/{id:int}", frozenset({"PUT", "GET"}), "pet", Pets, "app.py:12", {"block": False, "before": [show]}),
]


def test_the_columns_are_aligned() -> None:
    assert render(ROUTES).splitlines() == [
        "METHOD   PATH            VIEW       PLACE      NAME  OPTIONS",
        "*        /               shop.show  app.py:7   show",
        "GET,PUT  /pets/{id:int}  shop.Pets  app.py:12  pet   before=shop.show block=False",
    ]


def test_no_routes_are_a_heading() -> None:
    assert render([]) == "METHOD  PATH  VIEW  PLACE  NAME  OPTIONS"
    assert render_json([]) == "[]"


def test_json_is_a_list_of_objects() -> None:
    assert json.loads(render_json(ROUTES)) == [
        {"methods": None, "path": "/", "view": "shop.show", "place": "app.py:7", "name": "show", "options": {}},
        {
            "methods": ["GET", "PUT"],
            "path": "/pets/{id:int}",
            "view": "shop.Pets",
            "place": "app.py:12",
            "name": "pet",
            "options": {"before": ["shop.show"], "block": False},
        },
    ]


def test_every_kind_of_view_has_a_name() -> None:
    assert name_view(Pets.on_get) == "shop.Pets.on_get"
    assert name_view(Pets()) == "shop.Pets"
    assert name_view(partial(show, 1)) == "shop.show"


def test_options_are_shown_without_quotes() -> None:
    assert [describe(value) for value in ("text", [1, "a"], True, None)] == ["text", "1,a", "True", "None"]


def test_options_are_values_that_json_carries() -> None:
    assert simplify((1, "a", None, 0.5, show, Pets, {1})) == [
        1,
        "a",
        None,
        0.5,
        "shop.show",
        "shop.Pets",
        "{1}",
    ]


def test_short_lines_end_without_spaces() -> None:
    assert align([("a", "bb"), ("ccc", "")]) == "a    bb\nccc"
