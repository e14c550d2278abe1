"""Values between Python and the formats: what JSON can carry, what encoders make of the rest, and what fits a model.

Every format takes and gives the same data, so what stands here is theirs in common. Libraries whose objects are encoded
(pydantic, marshmallow) are known by their methods and never imported.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, ValuesView
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import msgspec

from ..errors import ConfigurationError, EncodeError, Problem
from .guard import CODEC_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Encoder = Callable[[Any], Any]

DECODE_ERRORS: Final = (msgspec.DecodeError, *CODEC_ERRORS)

_MODEL_MARKS: Final = ("__struct_fields__", "__dataclass_fields__", "__attrs_attrs__")
_NATIVE_BASES: Final = (dict, list, tuple, set, frozenset, Enum, UUID, msgspec.Struct)
_NATIVE: Final = frozenset(
    {type(None), bool, int, float, str, bytes, bytearray, memoryview, datetime, date, time, timedelta, Decimal}
)


# On the way out


def make_encode_other(encoders: Mapping[type[Any], Any]) -> Encoder:
    """Give what makes plain values of objects that msgspec does not know: its `enc_hook`.

    `encoders` are functions by class, a subclass's own first, or marshmallow schemas. Then come models with
    `model_dump` (pydantic), subclasses of text, numbers and dates, paths, and collections of the standard library.
    A dataclass whose base class has an encoder is still encoded as a dataclass.
    Raises `ConfigurationError` for an encoder that cannot be called, or whose class has a form of its own.
    """
    own = {cls: _check_encoder(cls, encoder) for cls, encoder in encoders.items()}

    def encode_other(value: Any) -> Any:
        cls = type(value)
        for base in cls.__mro__ if own else ():
            if base in own:
                return own[base](value)
        if hasattr(cls, "__pydantic_serializer__"):
            return value.model_dump(mode="json", fallback=encode_inside)
        if hasattr(cls, "model_dump"):
            return value.model_dump(mode="json")
        return _encode_standard(value)

    def encode_inside(value: Any) -> Any:
        """Encode what pydantic does not know within a model of its own."""
        return msgspec.to_builtins(value, enc_hook=encode_other, str_keys=True)

    return encode_other


def _encode_standard(value: Any) -> Any:
    """Give the plain value of a class of the standard library, or of a subclass of text, numbers and dates."""
    if not isinstance(value, bool):  # which comes as a key, where JSON has none
        for base, encode in _PLAIN_BASES:
            if isinstance(value, base):
                return encode(value)
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet | deque | ValuesView):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form there")


_PLAIN_BASES: Final[tuple[tuple[type[Any], Encoder], ...]] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (datetime, lambda moment: datetime.combine(moment.date(), moment.timetz())),
    (date, lambda day: date(day.year, day.month, day.day)),
    (time, lambda moment: time.fromisoformat(moment.isoformat())),
    (timedelta, lambda span: timedelta(span.days, span.seconds, span.microseconds)),
    (Decimal, Decimal),
    (bytes, bytes),
    (bytearray, bytes),
)
"""What subclasses become: `Markup`, `numpy.float64`, `pandas.Timestamp` and the like are not known to msgspec."""


def _check_encoder(cls: Any, encoder: Any) -> Encoder:
    if not isinstance(cls, type):
        raise ConfigurationError(f"encoders has the key {cls!r}, which is no class.")
    if isinstance(encoder, type) and hasattr(encoder, "dump"):
        encoder = encoder()
    encode: Any = getattr(encoder, "dump", encoder)
    if not callable(encode):
        raise ConfigurationError(f"encoders[{cls.__name__}] is a function of one value, not {encoder!r}.")
    if cls in _NATIVE or is_native_container(cls) or issubclass(cls, _NATIVE_BASES):
        raise ConfigurationError(
            f"encoders[{cls.__name__}] would never be called: every format has a form of its own for that class. "
            "Wrap the value in a class of yours."
        )
    return encode  # type: ignore[no-any-return] # a callable, as was just seen


def is_native_container(cls: type[Any]) -> bool:
    """Say whether msgspec encodes what values of the class hold, without asking the hook."""
    if issubclass(cls, type):  # a metaclass has the marks of its classes, and classes are no values
        return False
    return issubclass(cls, dict | list | tuple | set | frozenset) or any(hasattr(cls, mark) for mark in _MODEL_MARKS)


# Where it failed


class _Culprit(NamedTuple):
    """A value that cannot be encoded: the steps to it, what is wrong with it."""

    path: str
    value: Any
    reason: str


class _Level(NamedTuple):
    """A value whose children are being looked at."""

    step: str
    value: Any
    children: Iterator[tuple[str, Any]]
    failure: Exception | None
    """Why the value cannot be encoded, where that is not for one of its children to say."""


_EXPLAINABLE: Final = (*CODEC_ERRORS, ArithmeticError, OSError, RuntimeError)
_NO_CHILDREN: Final = frozenset({type(None), bool, float, bytes, datetime, date, time, timedelta, Decimal, UUID})
_EFFORT: Final = 500_000
"""How many values are looked at for the one at fault."""

_TRIAL: Final = 20
"""How many of them one counts for that has to be encoded to know."""


def explain_failure(value: Any, encode: Callable[[Any], bytes], error: Exception) -> EncodeError:
    """Give the error for a value that `encode` has failed on: the place and the type of what cannot be encoded.

    Looks at every part once, in the order of encoding, so that it takes no longer than that did. In a value with very
    many parts it gives up, and names the whole.
    """
    try:
        found = _Search(encode).run(value)
    except _EXPLAINABLE:  # an encoder, or a class of the user's, that fails in one more way
        found = None
    path, culprit, reason = found or _Culprit("", value, _reason(value, error))
    if len(path) > 200:
        path = f"{path[:100]}...{path[-100:]}"
    return EncodeError(f"The body cannot be encoded at ${path}, of type {type(culprit).__name__}: {reason}.")


def _reason(culprit: Any, error: Exception) -> str:
    name = type(culprit).__name__
    if isinstance(error, RecursionError):
        return "it is nested too deeply, or contains itself"
    if isinstance(error, TypeError) and not is_native_container(type(culprit)):
        return f"{error}. Make a dict, a list or a model of it, or write API(encoders={{{name}: function}})"
    text = str(error).rstrip(".")
    return f"{type(error).__name__}: {text}" if isinstance(error, LookupError) else text or type(error).__name__


class _Search:
    """Looks for the first part of a value that cannot be encoded, without recursion and within bounds."""

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        self._encode = encode
        self._levels: list[_Level] = []
        self._open = set[int]()
        self._seen: dict[int, Any] = {}  # with the values, since the number of one that is gone is given again
        self._effort = _EFFORT

    def run(self, value: Any) -> _Culprit | None:
        """Give what is at fault, or None when nothing is found to be."""
        found = self._look("", value)
        while self._levels and found is None and self._effort > 0:
            level = self._levels[-1]
            step, child = next(level.children, ("", _END))
            if child is not _END:
                found = self._look(step, child)
                continue
            if level.failure is not None:
                return self._culprit("", level.value, _reason(level.value, level.failure))
            self._levels.pop()
            self._open.discard(id(level.value))
        return found

    def _culprit(self, step: str, value: Any, reason: str) -> _Culprit:
        return _Culprit("".join(level.step for level in self._levels) + step, value, reason)

    def _look(self, step: str, value: Any) -> _Culprit | None:
        """Judge a value by itself, and leave its children for later."""
        self._effort -= 1
        cls = type(value)
        if cls in _NO_CHILDREN or (cls is int and value.bit_length() < 64):
            return None
        if cls is str:
            return self._culprit(step, value, "the text has half of a surrogate pair") if _is_broken(value) else None
        if id(value) in self._open:
            return self._culprit(step, value, "it contains itself")
        if id(value) in self._seen:
            return None
        self._seen[id(value)] = value
        is_native = is_native_container(cls)
        failure = None if is_native else self._try(value)
        if is_native or failure is not None:
            self._levels.append(_Level(step, value, iter(_children(value)), failure))
            self._open.add(id(value))
            if isinstance(value, Mapping):
                return self._look_at_keys(value)
        return None

    def _look_at_keys(self, mapping: Mapping[Any, Any]) -> _Culprit | None:
        for key in mapping:
            self._effort -= 1
            if type(key) is str:
                if _is_broken(key):
                    return self._culprit("", mapping, "a key has half of a surrogate pair")
            elif type(key) not in _KEYS and self._try({key: None}) is not None:
                return self._culprit("", mapping, "a key is neither text nor a number")
        return None

    def _try(self, value: Any) -> Exception | None:
        self._effort -= _TRIAL
        try:
            self._encode(value)
        except CODEC_ERRORS as error:
            return error
        return None


_END: Final = object()


def _is_broken(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _children(value: Any) -> Iterable[tuple[str, Any]]:
    """Give what a value holds, each with its step of a path: `.name` or `[0]`."""
    if isinstance(value, Mapping):
        return ((_step(key), child) for key, child in value.items())
    if isinstance(value, list | tuple | AbstractSet | deque):
        return ((f"[{position}]", child) for position, child in enumerate(value))
    if isinstance(value, type):
        return ()
    return [(f".{name}", getattr(value, name, None)) for name in _field_names(type(value))]


def _step(key: Any) -> str:
    if isinstance(key, str) and key.isidentifier():
        return f".{key}"
    return f"[{key!r:.40}]"


def _field_names(cls: type[Any]) -> list[str]:
    """Give the fields of a class of models: a dataclass, a Struct, of attrs, of pydantic."""
    for mark in ("__dataclass_fields__", "__struct_fields__", "model_fields"):
        if hasattr(cls, mark):
            return list(getattr(cls, mark))
    return [attribute.name for attribute in getattr(cls, "__attrs_attrs__", ())]


# On the way in


def convert(value: Any, model: Any, *, strict: bool = True) -> Any:
    """Give a decoded value as a model: a Struct, a dataclass, `dict[str, int]`. Without `strict` text may be a number.

    Raises `Problem` (422) for a value that does not fit, `ConfigurationError` for a model that nothing can fill.
    """
    try:
        return msgspec.convert(value, model, strict=strict)
    except DECODE_ERRORS as error:
        check_model(model)
        raise Problem(422, detail=str(error)) from error


def check_model(model: Any) -> None:
    """Raise `ConfigurationError` for a model that nothing can fill."""
    try:
        _check_once(model)
    except TypeError as error:
        raise ConfigurationError(f"media({model!r}) cannot be read: {error}.") from error


@lru_cache(maxsize=512)
def _check_once(model: Any) -> None:
    # PERF: to look at a model takes 60 to 100 us, and a client decides how often a body does not fit it.
    msgspec.json.Decoder(model)
    if isinstance(msgspec.inspect.type_info(model), msgspec.inspect.CustomType):
        raise ConfigurationError(
            f"media({model!r}) cannot be read: give it a dataclass, a msgspec Struct or a TypedDict, or fill the model "
            "from `await req.media()`."
        )


_CONTAINERS: Final = frozenset({dict, list, tuple, set, frozenset})
_ALWAYS_PORTABLE: Final = frozenset({type(None), bool, bytes, datetime, date, time, timedelta})
_KEYS: Final = frozenset({str, int, float, bytes, datetime, date})


def check_portable(value: Any, *, depth: int, budget: int) -> None:
    """Refuse what JSON could not answer: NaN, keys that are no text or number, and what is too deep or unfolds too far.

    `budget` is how many values there may be, counting one that is referred to in several places in each of them.
    Raises `ValueError`. Takes time and memory in proportion to the budget, whatever the value.
    """
    level: list[Any] = [[value]]
    for _ in range(depth + 1):
        below: list[Any] = []
        for one in level:
            budget -= len(one)
            if budget < 0:
                raise ValueError("its references unfold beyond its size")
            if type(one) is dict:
                for key in one:
                    check_key(key)
                one = one.values()  # noqa: PLW2901 - its keys are done with
            below += _check_items(one)
        if not below:
            return
        level = below
    raise ValueError(f"it is nested deeper than {depth} levels")


def check_key(key: Any) -> None:
    """Refuse a key of a mapping that JSON has no text for. Raises `ValueError`."""
    if type(key) not in _KEYS:
        raise ValueError("a key is neither text nor a number")
    _check_scalar(key)


def _check_items(items: Any) -> list[Any]:
    """Give those items that hold others; refuse what JSON has no form for among the rest."""
    kinds = set(map(type, items))
    if kinds <= _ALWAYS_PORTABLE:
        return []
    if kinds.isdisjoint(_CONTAINERS):
        for item in items:
            _check_scalar(item)
        return []
    containers = []
    for item in items:
        if type(item) in _CONTAINERS:
            containers.append(item)
        else:
            _check_scalar(item)
    return containers


def _check_scalar(value: Any) -> None:
    kind = type(value)
    if kind is str:
        if not value.isascii():
            value.encode()  # which half of a surrogate pair has no bytes for
    elif kind is int:
        if value.bit_length() > 1024:
            str(value)  # which has a limit to its digits, `sys.set_int_max_str_digits`
    elif kind is float:
        if not math.isfinite(value):
            raise ValueError("a number is not finite")
    elif kind not in _ALWAYS_PORTABLE:
        raise ValueError(f"{kind.__name__} has no form in JSON")
