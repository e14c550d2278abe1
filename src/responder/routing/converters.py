"""Converters: the text of a path segment to a value, and back for `url_for`.

A segment is bytes of a client, so each converter takes plain ASCII forms alone: `int()` would read Arabic digits,
signs, spaces and underscores, and take minutes over a million digits.
"""

from __future__ import annotations

import re
from operator import index
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_INTEGER: Final = 2**63 - 1
"""The largest value of `{name:int}`: what a 64-bit column of a database holds."""

UNFIT: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,  # decimal's InvalidOperation is one
    AssertionError,
    RuntimeError,
)
"""Whatever a converter of the user's raises on the text of a client means that the segment does not match."""

_DECIMAL = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,19})?", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


class Converter(NamedTuple):
    """How one kind of parameter reads its segment and writes it.

    `parse(text)` raises `ValueError` for text that it does not take, which then does not match; `format(value)` gives
    the text back. `spans` says that the value may hold slashes and stands last; of two converters that take a
    segment, the one of lower `rank` is asked first.
    """

    name: str
    parse: Callable[[str], Any]
    format: Callable[[Any], str] = str
    spans: bool = False
    rank: int = 3


def _parse_text(text: str) -> str:
    if not text:
        raise ValueError("A segment is not empty.")
    return text


def _parse_integer(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or (value := int(text)) > MAX_INTEGER:
        raise ValueError("Not a whole number of 64 bits.")
    return value


def _parse_decimal(text: str) -> float:
    if not _DECIMAL.fullmatch(text):
        raise ValueError("Not a decimal number.")
    return float(text)


def _parse_uuid(text: str) -> UUID:
    if not _UUID.fullmatch(text):
        raise ValueError("Not a UUID in its canonical form.")
    return UUID(text)


def _format_integer(value: Any) -> str:
    return value if isinstance(value, str) else str(index(value))


def _format_decimal(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    text = repr(float(value))
    return text if "e" not in text else format(float(value), ".17g")


BUILT_IN: Final = {
    converter.name: converter
    for converter in (
        Converter("uuid", _parse_uuid, lambda value: str(UUID(str(value))), rank=0),
        Converter("int", _parse_integer, _format_integer, rank=1),
        Converter("float", _parse_decimal, _format_decimal, rank=2),
        Converter("str", _parse_text, rank=4),
        Converter("path", str, spans=True, rank=5),
    )
}


def make_converter(name: str, parse: Callable[[str], Any], format: Callable[[Any], str]) -> Converter:  # noqa: A002 - the pair of `parse`
    """Check and build a converter of the user's. Raises `ConfigurationError`."""
    if not name.isidentifier():
        raise ConfigurationError(
            f"A converter is named like a variable, so that `{{id:name}}` reads well, not {name!r}."
        )
    if not callable(parse) or not callable(format):
        raise ConfigurationError(f"Converter {name!r} needs two functions: parse(text) and format(value).")
    return Converter(name, parse, format)
