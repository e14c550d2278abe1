"""JSON (RFC 8259) through msgspec, the one file that knows it.

`orjson` was weighed and left out: msgspec encodes as fast and validates types on the way in.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import ConfigurationError, DecodeError, Problem
from .guard import CODEC_ERRORS, describe_failure

if TYPE_CHECKING:
    from collections.abc import Callable

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_DECODE_ERRORS = (msgspec.DecodeError, *CODEC_ERRORS)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SQUARE = bytes.maketrans(b"{}", b"[]")


def _encode_other(value: Any) -> Any:
    """Encode what msgspec does not know: models with `model_dump`, which is pydantic's way."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(
        f"{type(value).__name__} is no JSON value. Turn it into a dict, a list, a dataclass or a model first."
    )


encode_json: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=_encode_other).encode
"""Give the JSON bytes of a value: dict, list, dataclass, Struct, attrs, pydantic, datetime, UUID, Decimal, Enum.

Raises `TypeError` for what has no JSON form.
"""


@lru_cache(maxsize=512)
def _decoder(model: Any) -> Callable[[bytes], Any]:
    try:
        return msgspec.json.Decoder(model).decode
    except TypeError as error:
        raise ConfigurationError(f"media({model!r}) cannot be read from JSON: {error}.") from error


def decode_json(raw: bytes, model: Any = Any, *, depth: int = 100) -> Any:
    """Give the value of JSON bytes, as `model` when one is given: a Struct, a dataclass, `dict[str, int]`.

    `depth` is how many arrays and objects may be inside each other.
    Raises `DecodeError` (400) for what is not JSON, `Problem` (422) for JSON that does not fit the model, and
    `ConfigurationError` for a model that JSON cannot fill.
    """
    try:
        decode = _decoder(model)
    except TypeError as error:  # the cache cannot hash it
        raise ConfigurationError(f"media({model!r}) cannot be read from JSON: it is no type.") from error
    if raw.count(b"[") + raw.count(b"{") > depth and _is_deeper(raw, depth):
        raise DecodeError(f"The JSON body is nested deeper than {depth} levels, or its brackets do not match.")
    try:
        return decode(raw)
    except msgspec.ValidationError as error:
        raise Problem(422, detail=str(error)) from error
    except _DECODE_ERRORS as error:
        raise describe_failure("The JSON body", error) from error


def _is_deeper(raw: bytes, depth: int) -> bool:
    """Say whether more than `depth` arrays and objects are open at once, in few passes at C speed.

    msgspec's own bound is the interpreter's stack: what it decodes near that bound it may fail to encode again.
    """
    brackets = _STRING.sub(b"", raw).translate(_SQUARE, _NOT_BRACKETS)
    too_many = b"[" * (depth + 1)
    for _ in range(depth):
        if too_many in brackets:
            return True
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True
