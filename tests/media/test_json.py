from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import responder
from responder.media.json import decode_json, encode_json

if TYPE_CHECKING:
    from tests.conftest import Caller

JSON_HEADERS = ((b"host", b"example.com"), (b"content-type", b"application/json"))


@dataclass
class Pet:
    name: str
    age: int = 0


class Toy(msgspec.Struct):
    name: str
    price: decimal.Decimal


class Point(TypedDict):
    x: int
    y: int


class Colour(enum.Enum):
    RED = "red"


class Modelled:
    def __init__(self, name: str) -> None:
        self.name = name

    def model_dump(self, *, mode: str) -> dict[str, str]:
        return {"name": self.name, "mode": mode}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, 2.5, None, True]}, b'{"a":[1,2.5,null,true]}'),
        (Pet("Rex", 3), b'{"name":"Rex","age":3}'),
        (Toy("ball", decimal.Decimal("1.50")), b'{"name":"ball","price":"1.50"}'),
        (Colour.RED, b'"red"'),
        (uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC), b'"2024-05-06T07:08:09Z"'),
        (dt.date(2024, 5, 6), b'"2024-05-06"'),
        ({1}, b"[1]"),
        (10**30, b"1" + b"0" * 30),
        (float("nan"), b"null"),
        (Modelled("Rex"), b'{"name":"Rex","mode":"json"}'),
        ({"caf\u00e9": "\u20ac\n"}, '{"caf\u00e9":"\u20ac\\n"}'.encode()),
    ],
)
def test_everyday_values_encode_without_help(value: Any, expected: bytes) -> None:
    assert encode_json(value) == expected


def test_a_value_without_a_json_form_says_what_to_do() -> None:
    with pytest.raises(TypeError, match="object has no form there"):
        encode_json({"a": object()})


@pytest.mark.parametrize(
    ("model", "raw", "value"),
    [
        (Pet, b'{"name":"Rex"}', Pet("Rex")),
        (Toy, b'{"name":"ball","price":"1.5"}', Toy("ball", decimal.Decimal("1.5"))),
        (Point, b'{"x":1,"y":2}', {"x": 1, "y": 2}),
        (list[int], b"[1,2]", [1, 2]),
        (dict[str, Pet], b'{"a":{"name":"b"}}', {"a": Pet("b")}),
    ],
)
def test_a_model_is_filled(model: Any, raw: bytes, value: Any) -> None:
    assert decode_json(raw, model) == value


@pytest.mark.parametrize(
    ("model", "raw"), [(Pet, b"{}"), (Pet, b'{"name":7}'), (list[int], b'[1,"a"]'), (Toy, b"null"), (Point, b'{"x":1}')]
)
def test_json_that_does_not_fit_the_model_is_a_422(model: Any, raw: bytes) -> None:
    with pytest.raises(responder.Problem) as caught:
        decode_json(raw, model)
    assert caught.value.status == 422
    assert caught.value.detail


def test_what_does_not_fit_is_named_by_its_place_and_never_by_its_value() -> None:
    with pytest.raises(responder.Problem) as caught:
        decode_json(b'[{"name":"Rex","age":"hunter2"}]', list[Pet])
    assert caught.value.detail == "Expected `int`, got `str` - at `$[0].age`"


@pytest.mark.parametrize("model", ["yaml", 3, [Pet], {"name": str}])
def test_a_model_that_is_no_type_is_a_mistake_of_the_view(model: Any) -> None:
    with pytest.raises(responder.ConfigurationError, match="cannot be read"):
        decode_json(b"{}", model)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b'{"a":1,}',
        b"{'a':1}",
        b"nul",
        b"NaN",
        b"Infinity",
        b"01",
        b"+1",
        b"1 2",
        b"[]]",
        b'"\x01"',
        b'"\\x"',
        b'"\\ud800"',
        b'"\\udc00"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b"\x00",
        '"a"'.encode("utf-16"),
        b"// comment",
    ],
)
def test_bytes_that_are_no_json_are_a_400(raw: bytes) -> None:
    with pytest.raises(responder.DecodeError) as caught:
        decode_json(raw)
    assert caught.value.detail
    assert "JSON" in caught.value.detail


@pytest.mark.parametrize("raw", [b"1e400", b"9" * 5000, b"-" + b"9" * 5000, b"1" * 400 + b".5", b'{"a":[1e999]}'])
def test_a_number_beyond_all_bounds_is_a_400(raw: bytes) -> None:
    with pytest.raises(responder.DecodeError, match="out of range"):
        decode_json(raw)


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [(b'{"a": 1,}', 1, 9), (b'{"a": 1,\n "b": x}', 2, 7), ('["\u00e9\u20ac", x]'.encode(), 1, 8), (b"[1", None, None)],
)
def test_the_place_of_a_mistake_is_told_in_characters(raw: bytes, line: int | None, column: int | None) -> None:
    with pytest.raises(responder.DecodeError) as caught:
        decode_json(raw)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize("depth", [1, 2, 100])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"":', b"}]")])
def test_arrays_and_objects_nest_as_deep_as_the_limit(depth: int, opening: bytes, closing: bytes) -> None:
    levels = opening.count(b"[") + opening.count(b"{")
    times = depth // levels
    raw = opening * times + b"1" + closing * times
    assert decode_json(raw, depth=depth) == json.loads(raw)
    with pytest.raises(responder.DecodeError, match="nested deeper than"):
        decode_json(
            b"[" * (depth % levels) + opening * times + b"[1]" + closing * times + b"]" * (depth % levels), depth=depth
        )


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 1_000_000,
        b'{"a":' * 300_000,
        b'[{"":' * 300_000,
        b"]" * 500 + b"[" * 500,
        b"[" * 20 + b"]" * 21 + b"[" * 100,
        b"[" * 200 + b"]" * 199,
        (b"[" * 50 + b"],1," * 20) * 4,
    ],
)
def test_endless_nesting_is_refused_before_it_is_decoded(raw: bytes) -> None:
    with pytest.raises(responder.DecodeError, match="nested deeper than 100 levels"):
        decode_json(raw)


@pytest.mark.parametrize(
    "value",
    [
        "[" * 200,
        '"' + "[" * 200,
        "\\" + "[" * 200,
        ["\\"] * 3 + ["[" * 200],
        {"[" * 200: "{" * 200},
        [[]] * 200,
        [{}] * 200,
        ["\\", '"', '\\"', '"['] * 100,
        [json.loads("[" * 20 + "1" + "]" * 20)] * 200,
    ],
)
def test_brackets_side_by_side_or_in_text_are_no_nesting(value: Any) -> None:
    assert decode_json(json.dumps(value).encode()) == value


def test_brackets_in_a_string_that_never_ends_are_a_400() -> None:
    with pytest.raises(responder.DecodeError):
        decode_json(b'["' + b"[" * 200)


def test_a_mirror_of_brackets_is_refused() -> None:
    with pytest.raises(responder.DecodeError):
        decode_json(b"][" * 200)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(value=JSON_VALUES)
def test_what_is_encoded_decodes_to_the_same(value: Any) -> None:
    assert decode_json(encode_json(value)) == value


@settings(max_examples=200, deadline=None)
@given(raw=st.text(st.sampled_from('[]{}",:\\ a1'), max_size=30), depth=st.integers(1, 4))
def test_the_depth_that_is_let_through_is_that_of_the_value(raw: str, depth: int) -> None:
    try:
        value = decode_json(raw.encode(), depth=depth)
    except responder.DecodeError:
        return
    assert measure_depth(value) <= depth


def measure_depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(measure_depth, inner), default=0)


@pytest.fixture(name="echo", scope="module")
def make_echo() -> responder.API:
    api = responder.API()

    @api.post("/")
    async def echo(req: responder.Request, resp: responder.Response) -> None:
        resp.media = await req.media()

    return api


@settings(max_examples=300, deadline=None)
@given(
    raw=st.binary(max_size=40)
    | st.text(st.sampled_from('[]{}",:\\ u0d8-+.eE19truefalsn\u20ac'), max_size=30).map(str.encode)
    | JSON_VALUES.map(lambda value: json.dumps(value).encode())
)
@example(raw=b"[" * 100_000)
@example(raw=b"9" * 5000)
@example(raw=b'"\\ud800"')
@example(raw=b"18446744073709551616")
@example(raw=b'{"a":1,"a":2}')
@example(raw=b"1e999")
@example(raw=b"9" * 4300)
@example(raw=b"-" + b"9" * 4300)
def test_any_body_at_all_is_echoed_or_a_4xx(echo: responder.API, call: Caller, raw: bytes) -> None:
    answer = call(echo, method="POST", headers=JSON_HEADERS, body=[raw])
    document = answer.media
    if answer.status != 200:
        assert answer.status in {400, 422}
        assert document["status"] == answer.status
        assert document["detail"]
