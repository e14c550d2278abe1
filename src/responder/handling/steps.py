"""Views and hooks in one shape: a step, called with `(req, resp)`, that knows where it runs.

A view of any kind (function, class, instance, bound method) becomes a tuple of steps, a hook becomes one. Steps of
async callables are plain functions that give the coroutine, so that they add no frame around the user's code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ConfigurationError
from ..routing.route import STANDARD_METHODS
from .signature import describe_callable, inspect_callable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence

    from ..exchange.request import Request
    from ..exchange.response import Response
    from ..routing.route import HookEntry, Route
    from .signature import Shape

    Call = Callable[[Request, Response], Any]

_GIVEN = ("req", "resp")
_HANDLERS = {method: f"on_{method.lower()}" for method in STANDARD_METHODS}


class Step(NamedTuple):
    """One callable of the user's: async, or sync on a worker thread, or sync on the event loop."""

    call: Callable[..., Any]
    is_async: bool
    is_threaded: bool


def view_steps(route: Route, names: Sequence[str]) -> dict[str, tuple[Step, ...]]:
    """Give the steps of a route's view for each method it serves; `names` are the parameters of its path.

    Raises `ConfigurationError` for a view that cannot be called as it has to be.
    """
    view = route.endpoint
    if isinstance(view, type) or _is_resource(view):
        return _resource_steps(route, names)
    if not callable(view):
        raise ConfigurationError(
            f"A view is a function, a class, or an object with on_get or on_request, not {view!r}."
        )
    step = _method_step(view, names, block=route.block)
    return dict.fromkeys(route.served_methods, (step,))


def _is_resource(view: Any) -> bool:
    return any(hasattr(view, name) for name in ("on_request", *_HANDLERS.values()))


def _resource_steps(route: Route, names: Sequence[str]) -> dict[str, tuple[Step, ...]]:
    """Give the steps of a class or an instance: `on_request` first, then the method's own."""
    view = route.endpoint
    if not _is_resource(view):
        raise ConfigurationError(f"{describe_callable(view)} has neither on_request nor on_get or another on_<method>.")
    steps: dict[str, tuple[Step, ...]] = {}
    for method in route.served_methods | (
        {"OPTIONS"} if hasattr(view, "on_options") and route.methods is None else set()
    ):
        own = _HANDLERS[method]
        if method == "HEAD" and not hasattr(view, own):
            own = "on_get"
        handlers = [name for name in ("on_request", own) if hasattr(view, name)]
        if handlers:
            steps[method] = _bind(view, handlers, names, block=route.block)
    if missing := sorted((route.methods or frozenset()) - steps.keys()):
        raise ConfigurationError(f"{describe_callable(view)} has no {_HANDLERS[missing[0]]} for methods={missing}.")
    return steps


def _bind(view: Any, handlers: Sequence[str], names: Sequence[str], *, block: bool) -> tuple[Step, ...]:
    if not isinstance(view, type):
        return tuple(_method_step(getattr(view, name), names, block=block) for name in handlers)
    return tuple(_class_step(view, name, names, block=block, is_first=name == handlers[0]) for name in handlers)


def _class_step(view: type[Any], name: str, names: Sequence[str], *, block: bool, is_first: bool) -> Step:
    """Give the step of a class's method; the first one of a request makes the instance."""
    stored = next(vars(base)[name] for base in view.__mro__ if name in vars(base))
    given = _GIVEN if isinstance(stored, classmethod | staticmethod) else ("self", *_GIVEN)
    shape = inspect_callable(getattr(view, name), given, names)
    _refuse_generator(view, shape)
    wanted = shape.names

    def call(req: Request, resp: Response) -> Any:
        if is_first:
            req.view = view()
        handle = getattr(req.view, name)
        return handle(req, resp, **_pick(req, wanted)) if wanted else handle(req, resp)

    return Step(call, shape.is_async, not shape.is_async and block)


def _method_step(function: Callable[..., Any], names: Sequence[str], *, block: bool) -> Step:
    shape = inspect_callable(function, _GIVEN, names)
    _refuse_generator(function, shape)
    return Step(_with_parameters(function, shape.names, names), shape.is_async, not shape.is_async and block)


def _with_parameters(function: Callable[..., Any], wanted: Sequence[str], names: Sequence[str]) -> Call:
    """Give `function(req, resp)`, with those of the path's parameters that it wants."""
    if not wanted:
        return function
    if set(wanted) == set(names):
        return lambda req, resp: function(req, resp, **req.path_params)
    return lambda req, resp: function(req, resp, **_pick(req, wanted))


def _pick(req: Request, wanted: Sequence[str]) -> dict[str, Any]:
    return {name: req.path_params[name] for name in wanted}


def _refuse_generator(view: Callable[..., Any], shape: Shape) -> None:
    if shape.is_generator:
        raise ConfigurationError(
            f"{describe_callable(view)} is a generator. To stream, decorate a generator function inside the view "
            "with `@resp.stream`."
        )


def hook_step(entry: HookEntry, given: Sequence[str] = _GIVEN) -> Step:
    """Give the step of a before or after hook, or with an error more, of an exception handler."""
    shape = inspect_callable(entry.function, given)
    if shape.is_generator:
        raise ConfigurationError(
            f"{describe_callable(entry.function)} is a generator, which is what `around` hooks are."
        )
    return Step(entry.function, shape.is_async, not shape.is_async and entry.block)


class Around(NamedTuple):
    """An around hook as two steps: to its `yield`, and from there to its end."""

    enter: Step
    leave: Step


def around_steps(entry: HookEntry) -> Around:
    """Give the two steps of a generator hook. Entered generators stand in `req.entered`, innermost last."""
    function = entry.function
    shape = inspect_callable(function, _GIVEN)
    if not shape.is_generator:
        raise ConfigurationError(
            f"{describe_callable(function)} has no `yield`, where an around hook lets the request in."
        )
    enter, leave = (_async_enter(function), _async_leave) if shape.is_async else (_enter(function), _leave)
    is_threaded = not shape.is_async and entry.block
    return Around(Step(enter, shape.is_async, is_threaded), Step(leave, shape.is_async, is_threaded))


def _enter(function: Callable[..., Generator[Any]]) -> Call:
    def enter(req: Request, resp: Response) -> None:
        generator = function(req, resp)
        if next(generator, _ENDED) is _ENDED:
            _require_answer(function, resp)
        req.entered = (*req.entered, generator)

    return enter


def _async_enter(function: Callable[..., AsyncGenerator[Any]]) -> Call:
    async def enter(req: Request, resp: Response) -> None:
        generator = function(req, resp)
        if await anext(generator, _ENDED) is _ENDED:
            _require_answer(function, resp)
        req.entered = (*req.entered, generator)

    return enter


def _require_answer(function: Callable[..., Any], resp: Response) -> None:
    """Raise `RuntimeError` for a hook that ended early and left nothing: `if not allowed: return` lets nobody in."""
    if resp.kind is None and resp.status is None:
        raise RuntimeError(
            f"{describe_callable(function)} returned before its `yield` and set no response. "
            "Set one there to end the request, or use `abort`."
        )


def _leave(req: Request, _resp: Response) -> None:
    *outer, generator = req.entered
    req.entered = tuple(outer)
    if next(generator, _ENDED) is not _ENDED:
        generator.close()
        raise RuntimeError(SECOND_YIELD)


async def _async_leave(req: Request, _resp: Response) -> None:
    *outer, generator = req.entered
    req.entered = tuple(outer)
    if await anext(generator, _ENDED) is not _ENDED:
        await generator.aclose()
        raise RuntimeError(SECOND_YIELD)


_ENDED = object()
SECOND_YIELD = "An around hook yields once; this one yielded again after the view."
