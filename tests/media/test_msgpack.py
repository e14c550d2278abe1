from __future__ import annotations

import datetime as dt
import struct
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import responder
from responder.media.json import encode_json
from responder.media.msgpack import decode_msgpack, make_msgpack_encoder

encode = make_msgpack_encoder({})

KEYS_OF_ONE_HASH = b"".join(b"\x92\x01%c\x01" % (number % 128) for number in range(2100))

BOMBS = {
    "many keys that are arrays": b"\xde" + (2100).to_bytes(2) + KEYS_OF_ONE_HASH,
    "the same further in": b"\x81\xa1a\xdf" + (2100).to_bytes(4) + KEYS_OF_ONE_HASH,
    "deep after many arrays": b"\xdc" + (2200).to_bytes(2) + b"\x90" * 2100 + b"\x91" * 200,
    "broken off after many arrays": b"\xdc\xff\xff" + b"\x90" * 2100,
    "more behind many arrays": b"\xdc" + (2100).to_bytes(2) + b"\x90" * 2101,
    "nothing": b"",
    "arrays": b"\x91" * 100_000,
    "maps": b"\x81\xa1a" * 100_000,
    "deep by one": b"\x91" * 101 + b"\x01",
    "an array of billions": b"\xdd\xff\xff\xff\xff",
    "a map of billions": b"\xdf\xff\xff\xff\xff\xa1a\x01",
    "text of billions": b"\xdb\xff\xff\xff\xff",
    "bytes of billions": b"\xc6\xff\xff\xff\xff",
    "more behind": b"\x01\x02",
    "no such marker": b"\xc1",
    "not a number": b"\xcb" + struct.pack(">d", float("nan")),
    "infinity inside": b"\x91\xca" + struct.pack(">f", float("-inf")),
    "an extension": b"\xd4\x05x",
    "a date that is none": b"\xc7\x0c\xff" + b"\xff" * 12,
    "a key that is null": b"\x81\xc0\x01",
    "a key that is true": b"\x81\xc3\x01",
    "a key that is an array": b"\x81\x91\x01\x01",
    "text that is none": b"\xa1\xff",
}


@pytest.mark.parametrize("raw", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_and_costs_little_memory(raw: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(responder.DecodeError, match="The MessagePack body"):
            decode_msgpack(raw)
        assert tracemalloc.get_traced_memory()[1] < 20 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"a": [1, 2.5, "x", True, b"bytes"]},
        2**64 - 1,
        {1: "one"},
        dt.datetime(2024, 2, 29, tzinfo=dt.UTC),
        "\u00cb\u007f\u00f0",
        b"\xcb\x7f\xf0",
        {"nested": {"deep": [[[{}]]]}},
        [[]] * 2100,
        [
            [1] * 20,
            {
                "a": [1],
                "b" * 40: [{"c": 300, 1: -1, -200: 70_000}, 2**40, -(2**40), -70_000, 1.5, None, True, b"x" * 300],
            },
            dt.datetime(2024, 2, 29, tzinfo=dt.UTC),
            "x" * 300,
            "x" * 70_000,
            [[] for _ in range(2100)],
            {str(number): [number] for number in range(20)},
        ],
    ],
)
def test_a_body_gives_its_value(value: Any) -> None:
    assert decode_msgpack(encode(value)) == value


def test_the_depth_is_a_limit() -> None:
    assert decode_msgpack(b"\x91\x91\x01", depth=2) == [[1]]
    with pytest.raises(responder.DecodeError, match="deeper than 1 levels"):
        decode_msgpack(b"\x91\x91\x01", depth=1)


class Pet(msgspec.Struct):
    name: str
    picture: bytes


def test_a_model_is_filled() -> None:
    assert decode_msgpack(encode({"name": "Rex", "picture": b"\xff"}), Pet) == Pet("Rex", b"\xff")


def test_what_does_not_fit_the_model_is_a_422() -> None:
    with pytest.raises(responder.Problem, match="Expected `str`"):
        decode_msgpack(encode({"name": 1, "picture": b""}), Pet)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**400])
def test_a_number_of_more_than_64_bits_is_sent_as_text(value: int) -> None:
    shared = {"a": [value, (1, 2**64 - 1, -(2**63)), b"x", 1.5], value: dt.datetime(2024, 2, 29, tzinfo=dt.UTC)}
    assert msgspec.msgpack.decode(encode(shared)) == {
        "a": [str(value), [1, 2**64 - 1, -(2**63)], b"x", 1.5],
        str(value): "2024-02-29T00:00:00Z",
    }


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text() | st.integers(-(2**63), 2**64 - 1) | st.tuples(st.integers(0, 9)), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(values, st.integers(0, 20))
@settings(max_examples=200, deadline=None)
def test_many_arrays_change_nothing_about_what_is_read(value: Any, cut: int) -> None:
    raw = b"\x92" + encode(value)[cut:]
    assert try_decode(raw + encode([[]] * 2100)) == try_decode(raw + encode([[]] * 1000))


def try_decode(raw: bytes) -> bool:
    try:
        decode_msgpack(raw)
    except responder.DecodeError:
        return False
    return True


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused_and_can_be_answered(raw: bytes) -> None:
    try:
        value = decode_msgpack(raw)
    except responder.DecodeError:
        return
    encode_json(value)
    encode(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ([2**64, -(2**63) - 1, 5], [str(2**64), str(-(2**63) - 1), 5]),
        (
            {"at": dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5))), "raw": b"\xff", "n": 2**70},
            {"at": "0001-01-01T00:00:00+05:00", "raw": b"\xff", "n": str(2**70)},
        ),
    ],
)
def test_what_it_has_no_form_for_is_written_as_text(value: Any, written: Any) -> None:
    assert msgspec.msgpack.decode(encode(value)) == written
