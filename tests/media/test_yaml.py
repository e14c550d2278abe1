from __future__ import annotations

import datetime as dt
import enum
import itertools
import tracemalloc
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import responder
from responder.media.json import encode_json
from responder.media.values import check_portable
from responder.media.yaml import decode_yaml, make_yaml_encoder

encode = make_yaml_encoder({})

MEGABYTES_OF_A_BOMB = 20 * 1024 * 1024


def laughs(levels: int, template: bytes = b"%c: &%c [%s]\n") -> bytes:
    """Give a document in which each level refers ten times to the one before."""
    lines = [template % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 10)) for n in range(levels)]
    return b"a: &a [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(lines)


SAME_HASH = b"".join(b"%d: 1\n" % (number * (2**61 - 1)) for number in range(1, 40_000))

BOMBS = {
    "one long text, many aliases": b"a: &a " + b"x" * 500_000 + b"\nb: [" + b"*a," * 170_000 + b"]",
    "an alias deeper than the limit": b"[&a " + b"[" * 60 + b"]" * 60 + b"," + b"[" * 60 + b"*a" + b"]" * 61,
    "keys with one hash": SAME_HASH[:1_000_000],
    "tag directives": b"".join(b"%%TAG !a%d! x\n" % number for number in range(60_000)) + b"--- a",
    "a very long sexagesimal": b"1" + b":1" * 500_000,
    "long sexagesimals": (b"- 1" + b":1" * 2000 + b"\n") * 250,
    "a long sexagesimal float": b"1" + b":1" * 500_000 + b".5",
    "a long integer by tag": b"!!int " + b"'" + b"1" * 6000 + b"'",
    "a long tag": b"!" * 1_000_000,
    "merges in each other": b"{<<: " * 90 + b"{" + b",".join(b"k%d: 1" % n for n in range(9000)) + b"}" * 91,
    "merge of a set": b"{<<: !!set {a}}",
    "ordered mapping of text": b"!!omap [a]",
    "pairs of more than one": b"!!pairs [{a: 1, b: 2}]",
    "mapping with a tag of sequences": b"!!seq {}",
    "sequence of a class": b"!!python/tuple [a]",
    "a scalar by a tag of mappings": b"!!map a",
    "key that is not a number": b"{.nan: 1}",
    "half of a character in UTF-16": b"\xff\xfea",
    "flow sequences": b"[" * 100_000,
    "flow mappings": b"{a: " * 100_000,
    "block sequences": b"- " * 100_000 + b"x",
    "complex keys": b"? " * 100_000,
    "deep by one": b"[" * 101 + b"]" * 101,
    "billion laughs": laughs(9),
    "laughing maps": laughs(9, b"%c: &%c {x: [%s]}\n"),
    "recursive sequence": b"&a [*a]",
    "recursive mapping": b"&a {x: *a}",
    "merged lists": b"a: &a {"
    + b",".join(b"k%d: 1" % n for n in range(5000))
    + b"}\nb: {<<: ["
    + b"*a," * 5000
    + b"]}",
    "integer": b"1" * 5000,
    "hexadecimal": b"0x" + b"f" * 500_000,
    "binary": b"0b" + b"1" * 500_000,
    "sexagesimal": b"1:" * 5000 + b"1",
    "date": b"2024-99-99",
    "time": b"2024-01-01T25:00:00Z",
    "offset": b"2024-01-01T00:00:00+99:99",
    "timestamp": b"!!timestamp x",
    "object": b"!!python/object/apply:os.system [ls]",
    "name": b"!!python/name:os.system",
    "tag": b"!mine x",
    "not a number": b".nan",
    "infinity": b"[1, -.inf]",
    "overflow": b"1.0e+999",
    "surrogate": b'"\\ud800"',
    "control": b"\x00",
    "bytes": b"\xff\xfe\xfa",
    "key that is a list": b"{[a]: 1}",
    "key that is null": b"{~: 1}",
    "key that is true": b"{true: 1}",
    "set of sets": b"!!set {!!set {a}}",
    "base64": b"!!binary x",
    "integer of nothing": b"!!int ''",
    "boolean": b"!!bool x",
    "merge of text": b"<<: x",
    "documents": b"a\n---\nb",
    "alias": b"*missing",
    "another anchor": b"[&a x, *b]",
    "an anchor twice": b"[&a x, &a y]",
    "an anchor within its like": b"&a [&a x]",
}


@pytest.mark.parametrize("raw", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_and_costs_little_memory(raw: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(responder.DecodeError, match="The YAML body"):
            decode_yaml(raw)
        assert tracemalloc.get_traced_memory()[1] < MEGABYTES_OF_A_BOMB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"", None),
        (b"# nothing\n", None),
        (b"a: 1\nb: [x, 2.5, true, null]\n", {"a": 1, "b": ["x", 2.5, True, None]}),
        (b"\xef\xbb\xbfa: 1", {"a": 1}),
        ("a: \u00e9".encode("utf-16"), {"a": "\u00e9"}),
        (b"2024-02-29", dt.date(2024, 2, 29)),
        (b"2001-12-14t21:59:43Z", dt.datetime(2001, 12, 14, 21, 59, 43, tzinfo=dt.UTC)),
        (b"1: one", {1: "one"}),
        (b"base: &b {x: 1, y: 2}\nmine: {<<: *b, y: 3}", {"base": {"x": 1, "y": 2}, "mine": {"x": 1, "y": 3}}),
        (b"a: &a [1]\nb: *a", {"a": [1], "b": [1]}),
        (b"!!binary aGk=", b"hi"),
        (b"!!omap [a: 1]", [("a", 1)]),
        (b"!!pairs [a: 1, a: 2]", [("a", 1), ("a", 2)]),
        (b"!!set {a, b}", {"a", "b"}),
        (b"!!str 1", "1"),
        (b"!!int '7'", 7),
        (b"!!null x", None),
        (b"1:30", 90),
        (b"x" * 6000, "x" * 6000),
        (b"=", "="),
        (b"<<", "<<"),
        (b"[<<, {a: <<}, {'<<': 1}]", ["<<", {"a": "<<"}, {"<<": 1}]),
        (b"[&a <<, *a, {*a : 1}]", ["<<", "<<", {"<<": 1}]),
        (b"{&a << : {x: 1}, y: *a}", {"x": 1, "y": "<<"}),
        (b"{<<: [{x: 1}, {x: 2, y: 2}], z: 3}", {"x": 1, "y": 2, "z": 3}),
        (b"{<<: {x: 1}, <<: {x: 2}}", {"x": 2}),
        (b"{&k a: 1, b: *k}", {"a": 1, "b": "a"}),
        (b"{1.5: x, 2024-02-29: y}", {1.5: "x", dt.date(2024, 2, 29): "y"}),
        (b"%TAG ! tag:yaml.org,2002:\n--- !int '7'", 7),
        (b"[" * 100 + b"]" * 100, None),
    ],
)
def test_a_document_gives_its_value(raw: bytes, value: Any) -> None:
    read = decode_yaml(raw)
    assert value is None or read == value
    encode_json(read)


def test_the_place_of_a_mistake_is_told() -> None:
    with pytest.raises(responder.DecodeError) as caught:
        decode_yaml(b"a: 1\nb: [2, 3\nc: 4\n")
    assert (caught.value.line, caught.value.column) == (3, 2)
    assert caught.value.document()["line"] == 3


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [
        (b"a: 1\nb: \xc3\xa9\x00", 2, 5),
        (b"a: 1\nb: \xff", 2, 4),
        (b"a:\n- .nan\n", 2, 3),
        (b"a:\n- {[x]: 1}\n", 2, 6),
        (b"a\n---\nb", 2, 1),
        (b"- [1, *none]", 1, 7),
        (b"- 2024-99-99", 1, 3),
    ],
)
def test_so_is_that_of_anything_refused(raw: bytes, line: int, column: int) -> None:
    with pytest.raises(responder.DecodeError) as caught:
        decode_yaml(raw)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_numbers_have_as_many_digits_as_in_json() -> None:
    assert decode_yaml(b"9" * 4300) == 10**4300 - 1
    assert decode_yaml(b"0x" + b"f" * 1000) == 16**1000 - 1
    with pytest.raises(responder.DecodeError, match="is no int"):
        decode_yaml(b"9" * 4301)
    with pytest.raises(responder.DecodeError, match="4300 digits"):
        decode_yaml(b"0x" + b"f" * 4300)


def test_a_large_document_is_a_413() -> None:
    with pytest.raises(responder.ContentTooLarge, match="A YAML body is larger than the 10 bytes"):
        decode_yaml(b"- 1\n" * 3, limit=10)


def test_depth_is_a_limit() -> None:
    assert decode_yaml(b"[[1]]", depth=2) == [[1]]
    with pytest.raises(responder.DecodeError, match="deeper than 1 levels"):
        decode_yaml(b"[[1]]", depth=1)


class Pet(msgspec.Struct):
    name: str
    born: dt.date


def test_a_model_is_filled() -> None:
    assert decode_yaml(b"name: Rex\nborn: 2020-01-02", Pet) == Pet("Rex", dt.date(2020, 1, 2))


def test_what_does_not_fit_the_model_is_a_422() -> None:
    with pytest.raises(responder.Problem, match="Expected `str`") as caught:
        decode_yaml(b"name: 1\nborn: 2020-01-02", Pet)
    assert caught.value.status == 422


def test_a_model_that_nothing_fills_is_the_developers_mistake() -> None:
    with pytest.raises(responder.ConfigurationError, match="cannot be read"):
        decode_yaml(b"a: 1", dict[str, dict[str, int] | list[int] | tuple[int, ...]])


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)


@given(json_values)
@settings(max_examples=150, deadline=None)
def test_what_is_sent_is_read_again(value: Any) -> None:
    assert decode_yaml(encode(value)) == value
    assert yaml.safe_load(encode(value)) == value


@given(st.binary(max_size=200) | st.text(alphabet="a1:-[]{}&*!<>|?#'\"\n ,~.", max_size=60).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused_and_can_be_answered(raw: bytes) -> None:
    try:
        value = decode_yaml(raw)
    except responder.DecodeError:
        return
    check_portable(value, depth=100, budget=5000)
    encode_json(value)
    encode(value)


ANCHORS = itertools.count()


def with_anchor(part: str) -> str:
    name = f"x{next(ANCHORS)}"
    return f"[&{name} {{a: {part}, c: 0}}, {{b: 1, <<: *{name}}}, *{name}]"


SCALARS = st.sampled_from(
    ["a", "1", "1.5", "~", "yes", "2024-01-02", '"x"', "0x1f", "1:30", "!!str 1", "!!binary aGk="]
)
KEYS = st.sampled_from(["a", "b", "1", "1.5", "'<<'", "2024-01-02"])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")
        | st.dictionaries(KEYS, inner, max_size=3).map(
            lambda parts: f"{{{', '.join(f'{key}: {part}' for key, part in parts.items())}}}"
        )
        | inner.map(with_anchor)
        | inner.map("{{<<: [{{a: {0}}}, {{a: 2, b: 1}}], b: 2}}".format)
    ),
    max_leaves=10,
)


@given(DOCUMENTS)
@settings(max_examples=200, deadline=None)
def test_a_document_means_what_pyyaml_says(document: str) -> None:
    expected = yaml.load(document, Loader=yaml.CSafeLoader)
    read = decode_yaml(document.encode())
    assert repr(read) == repr(expected)


def test_what_comes_twice_is_written_twice() -> None:
    shared = {"x": [1]}
    assert encode({"a": shared, "b": shared}) == b"a:\n  x:\n  - 1\nb:\n  x:\n  - 1\n"


def test_text_that_looks_like_something_else_stays_text() -> None:
    value = {"no": "yes", "a": "2024-01-01", "b": "1.5", "c": "", "d": "~", "e": "\u00e9 \U0001f600"}
    assert decode_yaml(encode(value)) == value
    assert "\u00e9".encode() in encode(value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_null_as_in_json(number: float) -> None:
    assert encode([number]) == b"- null\n"


def test_a_number_of_too_many_digits_is_not_sent() -> None:
    with pytest.raises(ValueError, match="4300 digits"):
        encode(10**5000)


def test_long_text_is_written_in_one_line() -> None:
    assert encode({"a": "x " * 100 + "y"}) == b"a: " + b"x " * 100 + b"y\n"


class Odd(enum.Enum):
    ONE = object()


@pytest.mark.parametrize("value", ["\ud800", {"a": object()}, {None: 1}, Odd.ONE])
def test_what_has_no_form_raises(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode(value)


def test_pyyaml_without_its_c_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import sys

    import responder.media.yaml as ours

    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    monkeypatch.delitem(sys.modules, "responder.media.yaml")
    with pytest.raises(responder.ConfigurationError, match="without libyaml"):
        importlib.import_module("responder.media.yaml")
    monkeypatch.setattr("responder.media.yaml", ours, raising=False)
