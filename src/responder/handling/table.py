"""The table of an API: every route's pipelines, and what answers where there is none. Built whole, then swapped in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..routing.matcher import Matcher, path_segments
from .failures import Handlers
from .fallbacks import ANSWER_OPTIONS, REDIRECT, format_allow, mended_location, method_not_allowed, not_found
from .pipeline import compose
from .signature import is_coroutine
from .stages import Plan
from .steps import Step, around_steps, hook_step, view_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..policies.compose import Policies, Stand
    from ..routing.pattern import Pattern
    from ..routing.route import HookEntry, Route
    from ..routing.router import Router
    from ..types import Scope
    from .in_flight import Boards
    from .pipeline import Pipeline
    from .steps import Around


class Entry(NamedTuple):
    """A route and its path as the API reads it; no pattern for a default route without a path."""

    route: Route
    pattern: Pattern | None


class Table:
    """Finds the pipeline for a request. `literals` is what the API looks into first: raw paths to methods."""

    def __init__(self, entries: Iterable[Entry], root: Router, boards: Boards, policies: Policies) -> None:
        composed = [(entry, compose_route(entry, boards, policies)) for entry in entries]
        # HEAD follows GET, unless a route of its own, wherever that was declared, comes after and replaces it.
        following = [(entry, {"HEAD": methods["GET"]}) for entry, methods in composed if "GET" in methods]
        composed = following + composed
        matcher = Matcher((entry.pattern, methods) for entry, methods in composed if entry.pattern is not None)
        # HEAD stays with the search, so that a response to any other method need not ask for it.
        self.literals = {
            path: {method: pipeline for method, pipeline in methods.items() if method != "HEAD"}
            for path, methods in matcher.literals.items()
        }
        self._find = matcher.find
        self._find_first = matcher.find_first
        self._default: dict[str, Pipeline] = {}
        for entry, methods in composed:
            if entry.route.default:
                self._default |= methods
        hooks, handlers = _hooks((root,), None), Handlers((root,))
        stand = _steps(policies.around(None, (root,), None))

        def compose_fallback(view: Step, *names: str) -> Pipeline:
            return compose(Plan(names, (view,), *hooks, handlers, *stand), boards)

        self._not_found = compose_fallback(not_found(handlers))
        self._not_allowed = compose_fallback(method_not_allowed(handlers), "allow")
        self._options = compose_fallback(ANSWER_OPTIONS, "allow")
        self._redirect = compose_fallback(REDIRECT, "location")

    def find(self, scope: Scope) -> tuple[Pipeline, dict[str, Any]]:
        """Give the pipeline for a request and the parameters of its path."""
        segments = path_segments(scope)
        if segments is None:
            return self._not_found, {}
        match = self._find_first(segments)
        if match is None:
            return self._fall_back(scope, segments)
        methods, values = match
        pipeline = methods.get(scope["method"])
        if pipeline is None:
            return self._find_for_method(scope["method"], segments)
        # PERF: one parameter is the usual number, and a dictionary of it 0.2 us cheaper without `zip`.
        names = pipeline.names
        return pipeline, {names[0]: values[0]} if len(names) == 1 else dict(zip(names, values, strict=True))

    def _find_for_method(self, method: str, segments: Sequence[str]) -> tuple[Pipeline, dict[str, Any]]:
        """Look at every place that the path leads to for one that serves the method; if there is none, refuse it."""
        allowed: set[str] = set()
        for methods, values in self._find(segments):
            if method in methods:
                pipeline = methods[method]
                return pipeline, dict(zip(pipeline.names, values, strict=True))
            allowed.update(methods)
        return self._refuse(method, allowed)

    def _fall_back(self, scope: Scope, segments: Sequence[str]) -> tuple[Pipeline, dict[str, Any]]:
        """Answer a path that leads nowhere: mend its slash, or ask the default, or it is not found."""
        method: str = scope["method"]
        if (location := self._mend(scope, segments)) is not None:
            return self._redirect, {"location": location}
        if method in self._default:
            return self._default[method], {}
        return self._refuse(method, self._default) if self._default else (self._not_found, {})

    def _refuse(self, method: str, allowed: Iterable[str]) -> tuple[Pipeline, dict[str, Any]]:
        return self._options if method == "OPTIONS" else self._not_allowed, {"allow": format_allow(allowed)}

    def _mend(self, scope: Scope, segments: Sequence[str]) -> str | None:
        """Give where the same path with or without its trailing slash is, if something is there."""
        is_open = len(segments) > 1 and segments[-1] == ""  # a path that is `root_path` itself has one segment
        mended = segments[:-1] if is_open else [*segments, ""]
        return None if self._find_first(mended) is None else mended_location(scope)


class _Hooks(NamedTuple):
    """The hooks that a route meets: its routers' from the outermost in, then its own."""

    before: tuple[Step, ...]
    after: tuple[Step, ...]
    arounds: tuple[Around, ...]


def _hooks(owners: Sequence[Router], route: Route | None) -> _Hooks:
    def entries(of_owner: str, of_route: str) -> list[HookEntry]:
        gathered = [entry for owner in owners for entry in getattr(owner, of_owner)]
        return gathered + list(getattr(route, of_route) if route is not None else ())

    return _Hooks(
        tuple(hook_step(entry) for entry in entries("before", "before")),
        tuple(hook_step(entry) for entry in entries("after", "after")),
        tuple(around_steps(entry) for entry in entries("arounds", "around")),
    )


def _steps(stand: Stand) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Give guards and finishers as steps, which run on the event loop whether they are async or not."""
    guards, finishers = (tuple(Step(call, is_coroutine(call), is_threaded=False) for call in calls) for calls in stand)
    return guards, finishers


def compose_route(entry: Entry, boards: Boards, policies: Policies) -> dict[str, Pipeline]:
    """Give a route's pipeline for each method. Raises `ConfigurationError` for a view or hook that cannot work."""
    route, pattern = entry
    names = pattern.names if pattern is not None else ()
    hooks, handlers = _hooks(route.owners, route), Handlers(route.owners)
    return {
        method: compose(
            Plan(names, steps, *hooks, handlers, *_steps(policies.around(method, route.owners, route))), boards
        )
        for method, steps in view_steps(route, names).items()
    }
