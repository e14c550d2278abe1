"""The values of a form as a model.

Browsers send text for everything: "on" for a box that is ticked, and "" for a number or a date that was left out, so
that is what these mean in a model.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from ..errors import ConfigurationError, Problem
from .values import convert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_inspect = msgspec.inspect
_SEVERAL: Final = (
    _inspect.ListType,
    _inspect.SetType,
    _inspect.FrozenSetType,
    _inspect.VarTupleType,
    _inspect.TupleType,
)
_FRACTIONS: Final = (_inspect.FloatType, _inspect.DecimalType)
_NOT_FINITE: Final = frozenset({"nan", "snan", "inf", "infinity"})
_NEVER_EMPTY: Final = (
    _inspect.IntType,
    _inspect.FloatType,
    _inspect.BoolType,
    _inspect.DecimalType,
    _inspect.UUIDType,
    _inspect.DateTimeType,
    _inspect.DateType,
    _inspect.TimeType,
)


class _Field(NamedTuple):
    """What a model has under a name: several values or one, which may be empty text or never is, or a boolean."""

    is_several: bool
    is_never_empty: bool
    is_boolean: bool
    has_numbers: bool


def fit_fields(fields: Mapping[str, Sequence[Any]], model: Any) -> Any:
    """Give a form's values as a model: those of a name as a list where the model has one there, else the last of them.

    Text becomes numbers, booleans and dates. Raises `Problem` (422) for what does not fit, `ConfigurationError` for a
    model that a form cannot fill.
    """
    known = _fields_of(model)
    filled: dict[str, Any] = {}
    for name, sent in fields.items():
        field = known.get(name)
        values: list[Any] = [value for value in sent if value != "" or field is None or not field.is_never_empty]
        if field is not None and field.has_numbers and not _NOT_FINITE.isdisjoint(map(_fold, values)):
            raise Problem(422, detail=f"Expected a finite number - at `$.{name}`")
        if field is not None and field.is_boolean:
            values = ["true" if value == "on" else value for value in values]
        if values:
            filled[name] = values if field is not None and field.is_several else values[-1]
    return convert(filled, model, strict=False)


@lru_cache(maxsize=512)
def _fields_of(model: Any) -> Mapping[str, _Field]:
    try:
        described = _inspect.type_info(model)
    except TypeError as error:
        raise ConfigurationError(f"media({model!r}) cannot be read from a form: {error}.") from error
    return {field.encode_name: _describe(field.type) for field in getattr(described, "fields", ())}


def _describe(described: msgspec.inspect.Type) -> _Field:
    kinds = [kind for kind in getattr(described, "types", (described,)) if not isinstance(kind, _inspect.NoneType)]
    return _Field(
        is_several=any(isinstance(kind, _SEVERAL) for kind in kinds),
        is_never_empty=all(isinstance(kind, _NEVER_EMPTY) for kind in kinds),
        is_boolean=any(isinstance(kind, _inspect.BoolType) for kind in kinds),
        has_numbers=any(isinstance(getattr(kind, "item_type", kind), _FRACTIONS) for kind in kinds),
    )


def _fold(value: Any) -> Any:
    return value.strip().lower().lstrip("+-") if isinstance(value, str) else ""
