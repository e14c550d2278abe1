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

BOMBS = {
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
