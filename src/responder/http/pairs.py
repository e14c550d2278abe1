"""Pairs of names and values that a client sent, where a name may come again: a query string, a form.

It is a `dict` of the last values that refuses to be changed: look-ups, copies and encoders then run in C, where those
of a `Mapping` take a call in Python for each name. Rejected: a mapping to lists (nearly every name comes once, and
`params["q"]` should be its value), and the first value instead of the last (an HTML form sends a hidden default before
the box that was ticked).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from ..errors import MissingValue

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

V = TypeVar("V")


class Pairs(dict[str, V]):
    """Immutable pairs in order, names possibly repeated.

    `pairs["q"]` is the last value of that name and raises `MissingValue`, a 400, when there is none; `get_list` gives
    all values, `multi_items` all pairs. Iteration gives each name once, in the order of first appearance. Two of them
    are equal when each name has the same values in the same order; against another mapping the last values count.
    """

    __slots__ = ("_parts",)

    _what: ClassVar[str] = "value"
    _parts: list[Any]
    """Names and values in turn, as parsers give them."""

    def __init__(self, pairs: Iterable[tuple[str, V]] = ()) -> None:
        kept = list(pairs)
        self._parts = [part for pair in kept for part in pair]
        dict.__init__(self, kept)

    @classmethod
    def from_texts(cls, texts: list[str]) -> Self:
        """Make them of names and values in turn."""
        made = dict.__new__(cls)
        made._parts = texts  # noqa: SLF001 - its own
        following = iter(texts)
        # PERF: `strict=True` would cost 0.2 us (benchmarks/in_process.py, row path + query).
        dict.__init__(made, zip(following, following))  # type: ignore[misc]  # noqa: B905
        return made

    def __missing__(self, name: str) -> NoReturn:
        raise MissingValue(self._what, name)

    def get_list(self, name: str) -> list[V]:
        """Give every value of the name in order; an empty list when there is none."""
        return [value for key, value in self.multi_items() if key == name]

    def multi_items(self) -> list[tuple[str, V]]:
        """Give every pair in order, repeated names included."""
        return list(zip(self._parts[::2], self._parts[1::2], strict=True))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Pairs):
            return _grouped(self) == _grouped(other)
        return dict(self) == (dict(other) if isinstance(other, Mapping) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.multi_items()!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.multi_items(),)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        name = type(self).__name__
        raise TypeError(f"{name} is what a client sent, and cannot be changed. `dict(...)` of it is a copy that can.")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse


def _grouped(pairs: Pairs[V]) -> dict[str, list[V]]:
    groups: dict[str, list[V]] = {}
    for name, value in pairs.multi_items():
        groups.setdefault(name, []).append(value)
    return groups
