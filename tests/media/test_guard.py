from __future__ import annotations

import pytest

import responder
from responder.media.guard import decode_guarded, find_place


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("expected a number."), "expected a number"),
        (ValueError(), "it is malformed"),
        (LookupError("unknown encoding: x"), "unknown encoding: x"),
        (KeyError("key"), "'key'"),
        (IndexError("index"), "index"),
        (AttributeError("attribute"), "attribute"),
        (TypeError("type"), "type"),
        (OverflowError("too large"), "too large"),
        (RecursionError("maximum recursion depth exceeded"), "it is nested too deeply"),
        (UnicodeDecodeError("utf-8", b"ab\xff", 2, 3, "invalid start byte"), "byte 2 is not valid UTF-8"),
        (UnicodeError("label too long"), "label too long"),
    ],
)
def test_whatever_a_codec_raises_is_one_400(error: Exception, reason: str) -> None:
    def decode(_raw: bytes) -> None:
        raise error

    with pytest.raises(responder.DecodeError) as caught:
        decode_guarded("The body", decode, b"")
    assert caught.value.status == 400
    assert caught.value.detail == f"The body cannot be decoded: {reason}."
    assert caught.value.__cause__ is error


def test_a_value_that_decodes_is_given() -> None:
    assert decode_guarded("The number", int, b"7") == 7


@pytest.mark.parametrize("error", [MemoryError, OSError, KeyboardInterrupt])
def test_what_is_no_fault_of_the_bytes_is_left_alone(error: type[BaseException]) -> None:
    def decode(_raw: bytes) -> None:
        raise error

    with pytest.raises(error):
        decode_guarded("The body", decode, b"")


@pytest.mark.parametrize(
    ("raw", "position", "place"),
    [
        (b"", 0, (1, 1)),
        (b"ab\ncd", 4, (2, 2)),
        ("\u00e9\u20ac\U0001f600x".encode(), 9, (1, 4)),
        (b"a\n\n", 3, (3, 1)),
        (b"\xff\xfe", 1, (1, 2)),
        (b"a", 9, (1, 2)),
    ],
)
def test_a_place_is_counted_in_lines_and_characters(raw: bytes, position: int, place: tuple[int, int]) -> None:
    assert find_place(raw, position) == place
