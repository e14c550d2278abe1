"""What a callable takes and how it runs, found out once, at registration: the one file that imports `inspect`."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_POSITIONAL = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}


class Shape(NamedTuple):
    """How a callable runs, and which of the path's parameters it takes by name."""

    is_async: bool
    is_generator: bool
    names: tuple[str, ...]


def inspect_callable(function: Callable[..., Any], given: Sequence[str], offered: Sequence[str] | None = None) -> Shape:
    """Find out whether `function` is async or a generator, and which of `offered` it wants.

    `given` are the names of what it gets by position: `("req", "resp")`. Without `offered`, which is so for hooks,
    parameters that have a default keep it.
    Raises `ConfigurationError` for one that does not take those, or wants what is not offered, with its file and line.
    """
    code = _code(function)
    is_async_generator = inspect.isasyncgenfunction(code)
    return Shape(
        is_async=inspect.iscoroutinefunction(code) or is_async_generator,
        is_generator=inspect.isgeneratorfunction(code) or is_async_generator,
        names=_wanted_names(function, given, offered),
    )


def _code(function: Callable[..., Any]) -> Any:
    """Give what tells async from sync: an object that is called by its `__call__` is what that method is."""
    while isinstance(function, partial):
        function = function.func
    return function if inspect.isroutine(function) else function.__call__  # type: ignore[operator]


def _wanted_names(function: Callable[..., Any], given: Sequence[str], offered: Sequence[str] | None) -> tuple[str, ...]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):  # a builtin that tells nothing about itself
        return ()
    kinds = [parameter.kind for parameter in parameters]
    positional = [parameter for parameter in parameters if parameter.kind in _POSITIONAL]
    if len(positional) < len(given) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        raise ConfigurationError(f"{describe_callable(function)} takes ({', '.join(given)}); give it these parameters.")
    named = positional[len(given) :] + [p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    if offered is None:
        named = [parameter for parameter in named if parameter.default is inspect.Parameter.empty]
    if isinstance(function, partial):
        named = [parameter for parameter in named if parameter.name not in function.keywords]
    offered = offered or ()
    for parameter in named:
        if parameter.name not in offered:
            raise ConfigurationError(
                f"{describe_callable(function)} has a parameter {parameter.name!r}, and its path has "
                f"{_listed(offered)}. Put {{{parameter.name}}} into the path, or take it from req.params."
            )
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise ConfigurationError(
                f"{describe_callable(function)} takes {parameter.name!r} by position only, and gets it by name. "
                "Take away the '/' behind it."
            )
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return tuple(offered)
    return tuple(parameter.name for parameter in named)


def is_coroutine(function: Callable[..., Any]) -> bool:
    """Say whether calling it gives a coroutine."""
    return inspect.iscoroutinefunction(_code(function))


def describe_callable(function: Any) -> str:
    """Give `view (file.py:12)`, as far as the object tells."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name


def _listed(names: Sequence[str]) -> str:
    return "no parameters" if not names else f"only {', '.join(names)}"
