"""MessagePack through msgspec. What is read must have a form in JSON too, so that it can be answered in any format.

A walk over every value in Python would take longer than decoding. So each is encoded as JSON once, at C speed, which
finds nearly all that has no form there, and tells the depth; only where bytes look like a number that is not finite,
which JSON writes as null, is there a walk. Only where there are many arrays are the bytes walked before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .guard import describe_failure
from .json import encode_json, is_deeper
from .values import DECODE_ERRORS, check_portable, convert, make_encode_other

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WHAT: Final = "The MessagePack body"

# The markers of floats, then an exponent that is all ones; text may look like it as well.
_MAYBE_NOT_FINITE: Final = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]|\xca[\x7f\xff][\x80-\xff]")

_ARRAYS: Final = bytes([*range(0x90, 0xA0), 0xDC, 0xDD])
_MANY: Final = 2000
"""Keys whose hashes may be equal; more of them take time that grows with the square of their number."""


# Reading


def _refuse_extension(code: int, _data: memoryview) -> Any:
    raise ValueError(f"it has an extension of type {code}, which is not read here")


_decode: Final = msgspec.msgpack.Decoder(ext_hook=_refuse_extension).decode


def decode_msgpack(raw: bytes, model: Any = Any, *, depth: int = 100) -> Any:
    """Give the value of MessagePack bytes, as `model` when one is given.

    Raises `DecodeError` (400) for what is malformed, deeper than `depth`, or has no form in JSON, `Problem` (422) for
    what does not fit the model, `ConfigurationError` for a model that cannot be filled.
    """
    try:
        if len(raw) > _MANY and len(raw) - len(raw.translate(None, _ARRAYS)) > _MANY:
            _refuse_array_keys(raw)
        value = _decode(raw)
        if is_deeper(_encode_trial(value), depth):
            raise ValueError(f"it is nested deeper than {depth} levels")
        if _MAYBE_NOT_FINITE.search(raw):
            check_portable(value, depth=depth, budget=len(raw) + 1)
    except DECODE_ERRORS as error:
        raise describe_failure(_WHAT, error) from error
    return value if model is Any else convert(value, model)


def _encode_trial(value: Any) -> bytes:
    try:
        return encode_json(value)
    except TypeError as error:
        raise ValueError("a key is neither text nor a number") from error


def _refuse_array_keys(raw: bytes) -> None:
    """Refuse arrays as keys of maps before they are hashed: whoever sends them can choose many with one hash.

    Takes linear time. Bytes that are malformed are left to the decoder.
    """
    is_open: list[tuple[int, bool]] = []
    left, in_map = 1, False
    position, end = 0, len(raw)
    while position < end:
        while not left:
            if not is_open:
                return
            left, in_map = is_open.pop()
        marker = raw[position]
        if in_map and not left & 1 and marker in _ARRAYS:
            raise ValueError("a key is neither text nor a number")
        left -= 1
        count = _COUNTS[marker]
        if count is None:
            position += _size(raw, position, marker)
            continue
        width, inline, is_map = count
        items = int.from_bytes(raw[position + 1 : position + 1 + width]) if width else inline
        position += 1 + width
        is_open.append((left, in_map))
        left, in_map = items * 2 if is_map else items, is_map


def _size(raw: bytes, position: int, marker: int) -> int:
    """Give the bytes of a value that holds no others, its marker included."""
    fixed, width = _SIZES[marker]
    return fixed + int.from_bytes(raw[position + 1 : position + 1 + width]) if width else fixed


def _tabulate_counts() -> list[tuple[int, int, bool] | None]:
    """Give, by marker, how an array or a map tells its length: in so many bytes behind, or in the marker."""
    counts: list[tuple[int, int, bool] | None] = [None] * 256
    for low in range(16):
        counts[0x80 + low] = (0, low, True)
        counts[0x90 + low] = (0, low, False)
    counts[0xDC], counts[0xDD] = (2, 0, False), (4, 0, False)
    counts[0xDE], counts[0xDF] = (2, 0, True), (4, 0, True)
    return counts


def _tabulate_sizes() -> list[tuple[int, int]]:
    """Give, by marker, the bytes of any other value, and in how many behind the marker more are told."""
    sizes = [(1, 0)] * 256
    for length in range(32):
        sizes[0xA0 + length] = (1 + length, 0)
    for marker, payload in {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}.items():
        sizes[marker] = (1 + payload, 0)
    for power in range(4):
        sizes[0xD0 + power] = (1 + 2**power, 0)
    for power in range(5):
        sizes[0xD4 + power] = (2 + 2**power, 0)
    for power in range(3):
        width = 2**power
        sizes[0xC4 + power] = sizes[0xD9 + power] = (1 + width, width)
        sizes[0xC7 + power] = (2 + width, width)
    return sizes


_COUNTS: Final = _tabulate_counts()
_SIZES: Final = _tabulate_sizes()


# Writing


def make_msgpack_encoder(encoders: Mapping[type[Any], Any]) -> Callable[[Any], bytes]:
    """Give what makes the MessagePack bytes of a value; `encoders` are those of `make_encode_other`.

    Integers beyond 64 bits and moments beyond year 9999 in UTC, for which it has no form, are written as text.
    """
    encode_other = make_encode_other(encoders)
    encode_native = msgspec.msgpack.Encoder(enc_hook=encode_other).encode

    def encode(value: Any) -> bytes:
        try:
            return encode_native(value)
        except OverflowError:
            plain = msgspec.to_builtins(value, builtin_types=(bytes, bytearray), enc_hook=encode_other)
            return encode_native(_shorten(plain))

    return encode


def _shorten(value: Any) -> Any:
    """Give a plain value with text in place of numbers that are too long."""
    if type(value) is int:
        return value if -(2**63) <= value < 2**64 else str(value)
    if type(value) is dict:
        return {_shorten(key): _shorten(child) for key, child in value.items()}
    if type(value) in {list, tuple}:
        return [_shorten(child) for child in value]
    return value
