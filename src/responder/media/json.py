"""JSON (RFC 8259) through msgspec, the one file that knows it.

`orjson` was weighed and left out: msgspec encodes as fast and validates types on the way in.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import ConfigurationError, DecodeError, Problem
from .guard import describe_failure, find_place
from .values import DECODE_ERRORS, check_model, make_encode_other

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BYTE = re.compile(r"\(byte ([0-9]{1,12})\)")
_NOT_MARKS = bytes(set(range(256)) - set(b'"[]{}'))
_SQUARE = bytes.maketrans(b"{}", b"[]")
_RUNS = re.compile(rb"\[+|\]+")
_OPENING = ord("[")
_PASSES = 8
"""Each takes one level away from all that is nested; what is left has few turns, and is counted."""


def make_json_encoder(encoders: Mapping[type[Any], Any]) -> Callable[[Any], bytes]:
    """Give what makes the JSON bytes of a value: dict, list, model, datetime, UUID, Decimal, Enum.

    `encoders` are those of `make_encode_other`. PERF: msgspec's own method, without a function around it, which would
    cost every JSON response 0.1 us (benchmarks/in_process.py, row JSON); `explain_failure` says what it failed on.
    """
    return msgspec.json.Encoder(enc_hook=make_encode_other(encoders)).encode


encode_json: Callable[[Any], bytes] = make_json_encoder({})
"""Give the JSON bytes of a value, where no API with encoders of its own is at hand. Raises what msgspec raises."""


@lru_cache(maxsize=512)
def _decoder(model: Any) -> Callable[[bytes], Any]:
    check_model(model)
    return msgspec.json.Decoder(model).decode


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
    if is_deeper(raw, depth):
        raise DecodeError(f"The JSON body is nested deeper than {depth} levels, or its brackets do not match.")
    try:
        return decode(raw)
    except DECODE_ERRORS as error:
        if isinstance(error, msgspec.ValidationError) and model is not Any:
            raise Problem(422, detail=str(error)) from error
        raise _locate(raw, describe_failure("The JSON body", error)) from error


def _locate(raw: bytes, failure: DecodeError) -> DecodeError:
    """Give the failure with the line and the column of the byte that msgspec names in it."""
    if found := _BYTE.search(failure.detail or ""):
        failure.line, failure.column = find_place(raw, int(found[1]))
    return failure


def is_deeper(raw: bytes, depth: int) -> bool:
    """Say whether more than `depth` arrays and objects are open at once in JSON bytes, in few passes at C speed.

    msgspec's own bound is the interpreter's stack: what it decodes near that bound it may fail to encode again.
    """
    if raw.count(b"[") + raw.count(b"{") <= depth:
        return False
    brackets = _outside_strings(raw).translate(_SQUARE)
    if b"[" * (depth + 1) in brackets:
        return True
    passes = min(depth, _PASSES)
    for _ in range(passes):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return _climbs(brackets, depth - passes)


def _outside_strings(raw: bytes) -> bytes:
    """Give the brackets that are in no string, at a sixth of what a pattern costs."""
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = raw.translate(None, _NOT_MARKS).replace(b'""', b"")  # two quotes leave between what was between others
    return b"".join(marks.split(b'"')[::2]) if b'"' in marks else marks


def _climbs(brackets: bytes, depth: int) -> bool:
    """Say whether brackets nest deeper, or do not match, one run of equal ones at a time."""
    level = 0
    for run in _RUNS.finditer(brackets):
        start, end = run.span()
        level += end - start if brackets[start] == _OPENING else start - end
        if not 0 <= level <= depth:
            return True
    return level != 0
