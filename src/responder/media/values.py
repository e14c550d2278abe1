"""Values between Python and the formats: what JSON can carry, what encoders make of the rest, and what fits a model.

Every format takes and gives the same data, so what stands here is theirs in common. Libraries whose objects are encoded
(pydantic, marshmallow) are known by their methods and never imported.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, ValuesView
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from enum import Enum
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..errors import ConfigurationError, EncodeError, Problem
from .guard import CODEC_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable

    Encoder = Callable[[Any], Any]

DECODE_ERRORS: Final = (msgspec.DecodeError, *CODEC_ERRORS)

_PLAIN_BASES: Final = (str, int, float)
_TEXT: Final = frozenset({str})
_SCALARS: Final = frozenset({str, int, bool, type(None)})
_CONTAINERS: Final = (dict, list, tuple, set)
_NATIVE_BASES: Final = (dict, list, tuple, set, frozenset, Enum)
_DEEPEST: Final = 500
"""How far down the place of a mistake is followed."""


# On the way out


def make_encode_other(encoders: Mapping[type[Any], Any]) -> Encoder:
    """Give what makes plain values of objects that msgspec does not know: its `enc_hook`.

    `encoders` are functions by class, a subclass's own first, or marshmallow schemas. Then come models with
    `model_dump` (pydantic), subclasses of text and numbers, paths, and collections of the standard library.
    Raises `ConfigurationError` for an encoder that cannot be called, or whose class has a form of its own.
    """
    own = {cls: _check_encoder(cls, encoder) for cls, encoder in encoders.items()}

    def encode_other(value: Any) -> Any:
        for cls in type(value).__mro__ if own else ():
            if cls in own:
                return own[cls](value)
        if hasattr(value, "model_dump"):
            return value.model_dump(mode="json", fallback=encode_inside)
        return _encode_standard(value)

    def encode_inside(value: Any) -> Any:
        """Encode what pydantic does not know within a model of its own."""
        return msgspec.to_builtins(value, enc_hook=encode_other)

    return encode_other


def _encode_standard(value: Any) -> Any:
    """Give the plain value of a class of the standard library, or of a subclass of text and numbers."""
    for plain in _PLAIN_BASES:
        if isinstance(value, plain) and not isinstance(value, bool):  # which comes as a key, where JSON has none
            return plain(value)
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet | deque | ValuesView):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form there")


def _check_encoder(cls: Any, encoder: Any) -> Encoder:
    if not isinstance(cls, type):
        raise ConfigurationError(f"encoders has the key {cls!r}, which is no class.")
    if isinstance(encoder, type) and hasattr(encoder, "dump"):
        encoder = encoder()
    encode: Any = getattr(encoder, "dump", encoder)
    if not callable(encode):
        raise ConfigurationError(f"encoders[{cls.__name__}] is a function of one value, not {encoder!r}.")
    if not _reaches_encoders(cls):
        raise ConfigurationError(
            f"encoders[{cls.__name__}] would never be called: every format has a form of its own for that class. "
            "Wrap the value in a class of yours."
        )
    return encode  # type: ignore[no-any-return] # a callable, as was just seen


def _reaches_encoders(cls: type[Any]) -> bool:
    """Say whether values of the class come to the hook: msgspec encodes many classes by itself."""
    is_custom = isinstance(msgspec.inspect.type_info(cls), msgspec.inspect.CustomType)
    return is_custom and not issubclass(cls, _NATIVE_BASES)


def explain_failure(value: Any, encode: Callable[[Any], bytes], error: Exception) -> EncodeError:
    """Give the error for a value that `encode` has failed on: the place and the type of what cannot be encoded."""
    path, culprit = _find_culprit(value, encode)
    name = type(culprit).__name__
    if isinstance(error, RecursionError):
        reason = "it is nested too deeply, or contains itself"
    elif isinstance(culprit, str):
        reason = "the text has half of a surrogate pair"
    elif isinstance(culprit, Mapping):
        reason = "a key is neither text nor a number"
    else:
        reason = f"{error}. Make a dict, a list or a model of it, or write API(encoders={{{name}: function}})"
    return EncodeError(f"The body cannot be encoded at ${path}, of type {name}: {reason}.")


def _find_culprit(value: Any, encode: Callable[[Any], bytes]) -> tuple[str, Any]:
    """Follow the first child that fails by itself, down to what has no such child."""
    path = ""
    for _ in range(_DEEPEST):
        for step, child in _children(value):
            if not _can_encode(child, encode):
                path += step
                value = child
                break
        else:
            break
    return path, value


def _can_encode(value: Any, encode: Callable[[Any], bytes]) -> bool:
    try:
        encode(value)
    except CODEC_ERRORS:
        return False
    return True


def _children(value: Any) -> list[tuple[str, Any]]:
    """Give what a value holds, each with its step of a path: `.name` or `[0]`."""
    if isinstance(value, Mapping):
        return [
            (f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r:.40}]", child)
            for key, child in value.items()
        ]
    if isinstance(value, list | tuple | AbstractSet | deque):
        return [(f"[{position}]", child) for position, child in enumerate(value)]
    return [(f".{name}", getattr(value, name, None)) for name in _field_names(type(value))]


def _field_names(cls: type[Any]) -> list[str]:
    """Give the fields of a class of models: a dataclass, a Struct, of attrs, of pydantic."""
    for mark in ("__dataclass_fields__", "__struct_fields__", "model_fields"):
        if mark in vars(cls) or hasattr(cls, mark):
            return list(getattr(cls, mark))
    return [attribute.name for attribute in getattr(cls, "__attrs_attrs__", ())]


# On the way in


def convert(value: Any, model: Any, *, strict: bool = True) -> Any:
    """Give a decoded value as a model: a Struct, a dataclass, `dict[str, int]`. Without `strict` text may be a number.

    Raises `Problem` (422) for a value that does not fit, `ConfigurationError` for a model that nothing can fill.
    """
    try:
        return msgspec.convert(value, model, strict=strict)
    except CODEC_ERRORS as error:
        if not isinstance(error, msgspec.ValidationError):
            _check_model(model)
        raise Problem(422, detail=str(error)) from error


def _check_model(model: Any) -> None:
    try:
        msgspec.json.Decoder(model)
    except TypeError as error:
        raise ConfigurationError(f"media({model!r}) cannot be read: {error}.") from error


def check_portable(value: Any, *, depth: int, budget: int) -> None:
    """Refuse what JSON could not answer: NaN, keys that are no text or number, and what is too deep or unfolds too far.

    `budget` is how many values there may be, counting one that is referred to in several places in each of them.
    Raises `ValueError`.
    """
    level: list[Any] = [value]
    for left in range(depth, -1, -1):
        below: list[Any] = []
        for one in level:
            if type(one) in _SCALARS:
                continue
            if isinstance(one, float) and not math.isfinite(one):
                raise ValueError("a number is not finite")
            if not isinstance(one, _CONTAINERS):
                continue
            if not left:
                raise ValueError(f"it is nested deeper than {depth} levels")
            if isinstance(one, dict):
                if not _TEXT.issuperset(map(type, one)):
                    _check_keys(one)
                below += one.values()
            else:
                below += one
            if len(below) > budget:
                raise ValueError("its references unfold beyond its size")
        budget -= len(below)
        level = below


def _check_keys(mapping: dict[Any, Any]) -> None:
    for key in mapping:
        if not isinstance(key, int | float | str | datetime | date) or isinstance(key, bool):
            raise ValueError("a key is neither text nor a number")  # noqa: TRY004 - of bytes that a client sent
        if isinstance(key, float) and not math.isfinite(key):
            raise ValueError("a key is a number that is not finite")
