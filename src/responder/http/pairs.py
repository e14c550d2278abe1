"""Pairs of names and values that a client sent, where a name may come again: a query string, a form.

Rejected: a mapping to lists (nearly every name comes once, and `params["q"]` should be its value), and the first value
instead of the last (an HTML form sends a hidden default before the box that was ticked).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..errors import MissingValue

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView

T = TypeVar("T")
V = TypeVar("V")


class Pairs(Mapping[str, V]):
    """Immutable pairs in order, names possibly repeated.

    `pairs["q"]` is the last value of that name and raises `MissingValue`, a 400, when there is none; `get_list` gives
    all values, `multi_items` all pairs. Iteration gives each name once, in the order of first appearance. Two of them
    are equal when each name has the same values in the same order; against another mapping the last values count.
    """

    __slots__ = ("_last", "_pairs")

    _what: ClassVar[str] = "value"

    def __init__(self, pairs: Iterable[tuple[str, V]] = ()) -> None:
        kept: list[tuple[str, V]] = pairs if isinstance(pairs, list) else list(pairs)
        self._pairs = kept
        self._last = dict(kept)

    def __getitem__(self, name: str) -> V:
        try:
            return self._last[name]
        except KeyError:
            raise MissingValue(self._what, name) from None

    @overload
    def get(self, name: str, /) -> V | None: ...
    @overload
    def get(self, name: str, /, default: V) -> V: ...
    @overload
    def get(self, name: str, /, default: T) -> V | T: ...
    def get(self, name: str, /, default: Any = None) -> Any:
        """Give the last value of the name, or the default."""
        return self._last.get(name, default)

    def get_list(self, name: str) -> list[V]:
        """Give every value of the name in order; an empty list when there is none."""
        return [value for key, value in self._pairs if key == name]

    def multi_items(self) -> list[tuple[str, V]]:
        """Give every pair in order, repeated names included."""
        return list(self._pairs)

    # PERF: the own views, since those of `Mapping` go through `__getitem__` (benchmarks/in_process.py, row form).

    def keys(self) -> KeysView[str]:
        """Give the names, each once."""
        return self._last.keys()

    def values(self) -> ValuesView[V]:
        """Give the last value of each name."""
        return self._last.values()

    def items(self) -> ItemsView[str, V]:
        """Give each name with its last value."""
        return self._last.items()

    def __contains__(self, name: object) -> bool:
        return name in self._last

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Pairs):
            return _grouped(self._pairs) == _grouped(other._pairs)
        if not isinstance(other, Mapping):
            return NotImplemented
        return self._last == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self._pairs)!r})"


def _grouped(pairs: Iterable[tuple[str, V]]) -> dict[str, list[V]]:
    groups: dict[str, list[V]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups
