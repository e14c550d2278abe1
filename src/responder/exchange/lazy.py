"""An attribute that is computed when it is first read.

`functools.cached_property` takes a lock on Python 3.11, which costs more than most of what is computed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Owner = TypeVar("Owner")


class lazy(Generic[Owner, T]):  # noqa: N801 - used as a decorator, beside `property`
    """Call the method once, keep its value in the instance; assigning to the attribute replaces it."""

    def __init__(self, compute: Callable[[Owner], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> lazy[Owner, T]: ...
    @overload
    def __get__(self, instance: Owner, owner: type[Any]) -> T: ...
    def __get__(self, instance: Owner | None, owner: type[Any]) -> lazy[Owner, T] | T:
        if instance is None:
            return self
        value = self._compute(instance)
        setattr(instance, self._name, value)  # PERF: `instance.__dict__` would make one, 0.2 us (row JSON echo)
        return value
