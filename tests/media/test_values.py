from __future__ import annotations

import datetime as dt
import enum
import json
import uuid
from collections import ChainMap, UserDict, deque
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import attrs
import marshmallow
import msgspec
import pydantic
import pytest

import responder
from responder.media.json import make_json_encoder
from responder.media.values import check_portable, explain_failure

encode = make_json_encoder({})


def to_json(value: Any, encoders: dict[type[Any], Any] | None = None) -> Any:
    return json.loads(make_json_encoder(encoders or {})(value))


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Owner:
    name: str
    home: Any = None


@attrs.define
class Cage:
    content: Any


class Box(msgspec.Struct):
    content: Any


class Crate(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    content: Any
    made: dt.date = dt.date(2024, 2, 29)


class Money:
    def __init__(self, amount: int) -> None:
        self.amount = amount


class Dollars(Money): ...


class Name(str):
    __slots__ = ()


class Count(int): ...


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC), "2024-02-29T12:00:00Z"),
        (dt.date(2024, 2, 29), "2024-02-29"),
        (dt.time(12, 30), "12:30:00"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Decimal("1.50"), "1.50"),
        (Colour.RED, "red"),
        (PurePosixPath("a/b"), "a/b"),
        (Path("a"), "a"),
        ({"x"}, ["x"]),
        (frozenset({1}), [1]),
        (deque([1, 2]), [1, 2]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.values(), [1]),
        ({"a": 1}.items(), [["a", 1]]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (UserDict({"a": 1}), {"a": 1}),
        (ChainMap({"a": 1}), {"a": 1}),
        (Name("x"), "x"),
        (Count(3), 3),
        (Owner("Ada"), {"name": "Ada", "home": None}),
        (Cage(1), {"content": 1}),
        (Box(1), {"content": 1}),
        (Crate(content=1), {"content": 1, "made": "2024-02-29"}),
    ],
)
def test_everyday_values_have_a_form(value: Any, expected: Any) -> None:
    assert to_json(value) == expected


@pytest.mark.parametrize(
    "make", [Cage, Box, lambda content: Crate(content=content), lambda x: Owner("A", x), list, dict]
)
def test_they_have_it_in_each_other(make: Any) -> None:
    inner = [
        Decimal(1),
        {"set": {Colour.RED}},
        Owner("A", PurePosixPath("x")),
        Cage(Box(uuid.UUID(int=1))),
        Crate(content=Box(2)),
    ]
    value = make([(str(place), one) for place, one in enumerate(inner)])
    shown = json.dumps(to_json(Crate(content=[value, {"again": value}])))
    for part in ('"1"', '"red"', '"x"', "00000001", '"content": 2'):
        assert shown.count(part) >= 2


def test_encoders_come_first_and_serve_subclasses() -> None:
    encoders = {Money: lambda money: {"amount": money.amount}, Dollars: lambda money: f"${money.amount}"}

    class Cents(Dollars): ...

    assert to_json([Money(1), Dollars(2), Cents(3)], encoders) == [{"amount": 1}, "$2", "$3"]


def test_an_encoder_works_inside_of_every_model() -> None:
    encoders = {Money: lambda money: money.amount}
    value = Crate(content=[Owner("A", Money(1)), Cage(Money(2)), Box(Money(3)), {"x": Money(4)}])
    assert to_json(value, encoders)["content"] == [{"name": "A", "home": 1}, {"content": 2}, {"content": 3}, {"x": 4}]


class MoneySchema(marshmallow.Schema):
    amount = marshmallow.fields.Decimal(as_string=True)


@pytest.mark.parametrize("schema", [MoneySchema, MoneySchema()])
def test_a_marshmallow_schema_is_an_encoder(schema: Any) -> None:
    assert to_json([Owner("A", Money(5))], {Money: schema}) == [{"name": "A", "home": {"amount": "5"}}]


@pytest.mark.parametrize("cls", [dict, list, str, Owner, Cage, Box, Colour, dt.date, type("Own", (dict,), {})])
def test_an_encoder_that_would_never_be_called_is_refused(cls: type[Any]) -> None:
    with pytest.raises(responder.ConfigurationError, match="would never be called"):
        responder.API(encoders={cls: str})


def test_an_encoder_is_a_function_for_a_class() -> None:
    with pytest.raises(responder.ConfigurationError, match="is no class"):
        responder.API(encoders={"Money": str})  # type: ignore[dict-item] # the mistake
    with pytest.raises(responder.ConfigurationError, match="is a function of one value"):
        responder.API(encoders={Money: "str"})  # type: ignore[dict-item] # the mistake


# Where it failed


def explain(value: Any) -> str:
    with pytest.raises((TypeError, ValueError, RecursionError)) as caught:
        encode(value)
    return str(explain_failure(value, encode, caught.value))


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (Money(1), "$, of type Money"),
        ({"pets": [1, {"owner": Money(1)}]}, "$.pets[1].owner, of type Money"),
        ({"a b": (Money(1),)}, "$['a b'][0], of type Money"),
        (
            Owner("A", Cage(Box(Crate(content={"x": deque([Money(1)])})))),
            "$.home.content.content.content.x[0], of type Money",
        ),
        ({"x": {1: {"y": {None: 1}}}}, "$.x[1].y, of type dict: a key is neither text nor a number"),
        (["ok", "\ud800"], "$[1], of type str: the text has half of a surrogate pair"),
        ({"s": {"x", Money}}, "of type type"),
        (MappingProxyType({"x": Money(1)}), "$.x, of type Money"),
    ],
)
def test_the_place_and_the_type_are_named(value: Any, place: str) -> None:
    assert place in explain(value)


def test_it_says_what_to_do() -> None:
    assert "API(encoders={Money: function})" in explain(Money(1))


def test_what_contains_itself_is_explained_too() -> None:
    value: list[Any] = []
    value.append({"again": value})
    assert "contains itself" in explain(value)


# What JSON could not answer


def test_a_model_that_is_no_type_is_the_developers_mistake() -> None:
    from responder.media.values import convert

    with pytest.raises(responder.ConfigurationError, match="cannot be read"):
        convert({}, 5)


class Dated(msgspec.Struct):
    at: dt.datetime | None = None


@pytest.mark.parametrize(
    ("value", "model", "strict"),
    [({"at": "253402300800"}, Dated, False), ([[1]], set[Any], True), ({"at": 1}, Dated, True)],
)
def test_whatever_does_not_fit_a_model_is_a_422(value: Any, model: Any, *, strict: bool) -> None:
    from responder.media.values import convert

    with pytest.raises(responder.Problem) as caught:
        convert(value, model, strict=strict)
    assert caught.value.status == 422


@pytest.mark.parametrize("value", [1, "x", [1.5, None], {"a": {1: [2.5]}}, {dt.date(2024, 1, 1): 1}, ({"x"},)])
def test_what_json_has_a_form_for_is_let_through(value: Any) -> None:
    check_portable(value, depth=5, budget=20)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "not finite"),
        ([float("inf")], "not finite"),
        ({None: 1}, "neither text nor a number"),
        ({True: 1}, "neither text nor a number"),
        ({float("inf"): 1}, "not finite"),
        ({(1,): 1}, "neither text nor a number"),
        ([[[[[[1]]]]]], "deeper than 5"),
        ([1] * 21, "unfold"),
        ([[1] * 10] * 3, "unfold"),
    ],
)
def test_what_it_has_none_for_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_portable(value, depth=5, budget=20)
