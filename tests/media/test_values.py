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
from responder.media.json import decode_json, make_json_encoder
from responder.media.values import check_portable, convert, explain_failure

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


class Weight(float): ...


class Moment(dt.datetime): ...


class Day(dt.date): ...


class Hour(dt.time): ...


class Span(dt.timedelta): ...


class Amount(Decimal): ...


class Raw(bytes): ...


class Buffer(bytearray): ...


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
        (Weight(1.5), 1.5),
        (Moment(2024, 2, 29, 12, 30, 1, 5, dt.UTC, fold=1), "2024-02-29T12:30:01.000005Z"),
        (Day(2024, 2, 29), "2024-02-29"),
        (Hour(12, 30, 0, 7), "12:30:00.000007"),
        (Span(1, 2, 3), "P1DT2.000003S"),
        (Amount("1.50"), "1.50"),
        (Raw(b"hi"), "aGk="),
        (Buffer(b"hi"), "aGk="),
        ({Count(3): Name("x")}, {"3": "x"}),
        (Crate(content={1: Box({2: Name("x")})}), {"content": {"1": {"content": {"2": "x"}}}, "made": "2024-02-29"}),
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


@dataclass
class Unresolved:
    part: Unknown  # type: ignore[name-defined] # noqa: F821 - as when it is imported for type checkers alone


@pytest.mark.parametrize(
    "cls",
    [
        dict,
        list,
        str,
        bool,
        type(None),
        Owner,
        Cage,
        Box,
        Colour,
        dt.date,
        uuid.UUID,
        Unresolved,
        type("Own", (dict,), {}),
    ],
)
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


def test_half_of_a_surrogate_pair_in_a_key_is_found() -> None:
    assert "$.a, of type dict: a key has half of a surrogate pair" in explain({"\u00e9": 1, "a": {"\ud800": 1}})


def test_a_class_in_place_of_its_object_is_found() -> None:
    for cls in (Owner, Crate, Box):
        assert "$[1], of type " in explain([Owner("A"), cls])


def test_parts_that_were_found_good_are_not_looked_at_again() -> None:
    shared: Any = {"x": [1, 2.5, "\u00e9", 2**70, None, Colour.RED, Path("a"), {1: 1, dt.date(2024, 1, 1): 2}]}
    for _ in range(60):
        shared = [shared, shared]
    place = str(explain_failure([shared, Money(1)], encode, TypeError("Money has no form there")))
    assert "$[1], of type Money" in place


def test_a_key_that_only_an_encoder_knows_is_no_fault() -> None:
    own = make_json_encoder({Money: lambda money: str(money.amount)})
    value = {"a": {Money(1): Money(2)}, "b": [Cage]}
    with pytest.raises(TypeError) as caught:
        own(value)
    assert "$.b[0], of type type" in str(explain_failure(value, own, caught.value))


def test_an_encoder_that_fails_is_named_by_its_value_and_its_reason() -> None:
    def fail(money: Money) -> Any:
        raise ValueError("there is no rate.")

    own = make_json_encoder({Money: fail})
    for value in ([Money(1)], [Crate(content=Money(1)).content]):
        with pytest.raises(ValueError, match="no rate") as caught:
            own(value)
        assert "$[0], of type Money: there is no rate." in str(explain_failure(value, own, caught.value))


def test_an_encoder_that_gives_its_own_class_is_named() -> None:
    own = make_json_encoder({Money: lambda money: [money]})
    with pytest.raises(RecursionError) as caught:
        own({"a": Money(1)})
    explained = str(explain_failure({"a": Money(1)}, own, caught.value))
    assert "$.a, of type Money: it is nested too deeply, or contains itself" in explained


def test_what_is_nested_too_deeply_is_explained() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert "$, of type list: it is nested too deeply" in explain(value)


def test_a_long_way_is_shortened() -> None:
    value: Any = Money(1)
    for _ in range(200):
        value = [value]
    explained = explain(value)
    assert "..." in explained
    assert len(explained) < 500


def test_a_format_of_ones_own_is_explained_by_what_it_raised() -> None:
    def write_lines(value: list[str]) -> bytes:
        return "\n".join(value).encode()

    with pytest.raises(TypeError) as caught:
        write_lines(["a", 1])  # type: ignore[list-item] # the mistake
    explained = str(explain_failure(["a", 1], write_lines, caught.value))
    assert (
        explained == "The body cannot be encoded at $, of type list: sequence item 1: expected str instance, int found."
    )


def test_an_error_without_words_is_named_by_its_class() -> None:
    assert str(explain_failure([], encode, ValueError())).endswith("of type list: ValueError.")


def test_a_value_of_very_many_parts_is_not_searched_to_its_end() -> None:
    value = [["x"] * 600_000, Money(1)]
    assert "$, of type list: Money has no form there" in explain(value)


def test_the_search_fails_with_nothing_but_its_answer() -> None:
    failures = iter([TypeError("first"), OSError("second")])

    def fail(money: Money) -> Any:
        raise next(failures)

    own = make_json_encoder({Money: fail})
    with pytest.raises(TypeError) as caught:
        own([Money(1)])
    assert "$, of type list: first" in str(explain_failure([Money(1)], own, caught.value))


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


@pytest.mark.parametrize(
    "value",
    [
        1,
        "x",
        "\u00e9",
        [1.5, None],
        {"a": {1: [2.5, "x", 10**400]}},
        {dt.date(2024, 1, 1): 1, dt.datetime(2024, 1, 1, tzinfo=dt.UTC): b"x", 1.5: True, b"x": dt.time(1)},
        ({"x"}, frozenset({1}), ()),
        [[[[[]]]]],
    ],
)
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
        ({float("nan"): 1}, "not finite"),
        ({"\ud800": 1}, "surrogates"),
        (["\udfff"], "surrogates"),
        ([[1], "\udfff"], "surrogates"),
        ([10**5000], "4300 digits"),
        ({10**5000: 1}, "4300 digits"),
        ([Money(1)], "Money has no form"),
        ([[[[[[]]]]]], "deeper than 5"),
    ],
)
def test_what_it_has_none_for_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_portable(value, depth=5, budget=20)


def test_what_contains_itself_is_refused() -> None:
    value: list[Any] = [1]
    value += [value, value]
    with pytest.raises(ValueError, match="unfold"):
        check_portable(value, depth=100, budget=1000)


@pytest.mark.parametrize("raw", [b'{"name": "Ada"}', b"[]", b"1"])
def test_a_model_of_a_library_that_msgspec_does_not_know_is_a_mistake_of_the_view(raw: bytes) -> None:
    class Pet(pydantic.BaseModel):
        name: str

    expected = "give it a dataclass, a msgspec Struct or a TypedDict"
    with pytest.raises(responder.ConfigurationError, match=expected):
        decode_json(raw, Pet)
    with pytest.raises(responder.ConfigurationError, match=expected):
        convert(decode_json(raw), Pet)
