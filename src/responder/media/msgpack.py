"""MessagePack through msgspec. What is read must have a form in JSON too, so that it can be answered in any format.

A walk over every value in Python would take longer than decoding. So each is encoded as JSON once, at C speed, which
finds nearly all that has no form there, and tells the depth; only where bytes look like a number that is not finite,
which JSON writes as null, is there a walk.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..errors import DecodeError
from .guard import describe_failure
from .json import encode_json, is_deeper
from .values import DECODE_ERRORS, check_portable, convert, make_encode_other

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WHAT: Final = "The MessagePack body"

# The markers of floats, then an exponent that is all ones; text may look like it as well.
_MAYBE_NOT_FINITE: Final = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]|\xca[\x7f\xff][\x80-\xff]")


def _refuse_extension(code: int, _data: memoryview) -> Any:
    raise ValueError(f"it has an extension of type {code}, which is not read here")


_decode: Final = msgspec.msgpack.Decoder(ext_hook=_refuse_extension).decode


def decode_msgpack(raw: bytes, model: Any = Any, *, depth: int = 100) -> Any:
    """Give the value of MessagePack bytes, as `model` when one is given.

    Raises `DecodeError` (400) for what is malformed, deeper than `depth`, or has no form in JSON, `Problem` (422) for
    what does not fit the model, `ConfigurationError` for a model that cannot be filled.
    """
    try:
        value = _decode(raw)
        if is_deeper(encode_json(value), depth):
            raise DecodeError(f"{_WHAT} is nested deeper than {depth} levels.")
        if _MAYBE_NOT_FINITE.search(raw):
            check_portable(value, depth=depth, budget=len(raw))
    except DECODE_ERRORS as error:
        raise describe_failure(_WHAT, error) from error
    return value if model is Any else convert(value, model)


def make_msgpack_encoder(encoders: Mapping[type[Any], Any]) -> Callable[[Any], bytes]:
    """Give what makes the MessagePack bytes of a value; `encoders` are those of `make_encode_other`.

    Integers beyond 64 bits and moments beyond year 9999 in UTC, for which it has no form, are written as text.
    """
    encode_other = make_encode_other(encoders)
    encode_plainly = msgspec.msgpack.Encoder(enc_hook=encode_other).encode

    def encode(value: Any) -> bytes:
        try:
            return encode_plainly(value)
        except OverflowError:
            plain = msgspec.to_builtins(value, builtin_types=(bytes,), str_keys=True, enc_hook=encode_other)
            return encode_plainly(_write_out(plain))

    return encode


def _write_out(value: Any) -> Any:
    """Give the plain value with text in place of integers that are too large."""
    if isinstance(value, dict):
        return {key: _write_out(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_write_out(one) for one in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    return value
