"""Router: paths, hooks and exception handlers that belong together, to be included in an API or another router.

A route travels upward when it is added: each router that includes this one gets it under its prefix, and the API at the
top checks it before anyone keeps it. So a mistake is raised at the line that makes it, and order does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from ..config import RateLimit, expect
from ..errors import ConfigurationError
from .route import HookEntry, Route, check_callable, check_methods, check_safety, find_place, hook_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..config import Limits
    from ..types import ErrorHandler, Hook, View
    from .route import Hooks, RouteOptions

V = TypeVar("V", bound="Callable[..., Any]")


class Router:
    """A group of routes: `Router(prefix="/v1")`, then `@router.get("/pets")`, then `api.include(router)`.

    `rate_limit` counts what a client asks of all its routes together.
    """

    def __init__(self, *, prefix: str = "", rate_limit: RateLimit | None = None) -> None:
        self.prefix = check_prefix(prefix)
        expect(RateLimit, "rate_limit", rate_limit)
        self.rate_limit = rate_limit
        self.routes: list[Route] = []
        self.before: list[HookEntry] = []
        self.after: list[HookEntry] = []
        self.arounds: list[HookEntry] = []
        self.handlers: dict[type[Exception] | int, HookEntry] = {}
        self._parents: list[tuple[Router, str]] = []

    # Routes

    def route(  # noqa: PLR0913 - the options of a route stay flat keywords
        self,
        path: str | None = None,
        *,
        methods: Iterable[str] | None = None,
        name: str | None = None,
        before_request: bool = False,
        default: bool = False,
        block: bool = True,
        before: Hooks = (),
        after: Hooks = (),
        around: Hooks = (),
        csrf: bool = True,
        rate_limit: RateLimit | None = None,
        limits: Limits | None = None,
    ) -> Callable[[V], V]:
        """Declare the view of a path: `@api.route("/pets/{id:int}")`.

        - `methods`: those it serves, every standard one when left out.
        - `name`: for `url_for`; else the view's own name.
        - `default`: the view also answers what no route matches.
        - `block`: False runs a sync view on the event loop, for one that never waits.
        - `before`, `after`, `around`: hooks of this route alone, one or a list.
        - `csrf`: False lets other sites send what carries cookies, as for a webhook.
        - `rate_limit`, `limits`: of this route; what is not set in `limits` is as on the API.
        - `before_request`: without a path, the function becomes a before hook of the whole router.

        Raises `ConfigurationError` for a path, method, hook or view that cannot work, and for a duplicate.
        """
        if before_request:
            _refuse_path(path)
            return self.before_request(block=block)
        if path is None and not default:
            raise ConfigurationError('A route needs a path: route("/hello").')
        check_safety(csrf=csrf, rate_limit=rate_limit, limits=limits)
        options = {"before": hook_entries(before), "after": hook_entries(after), "around": hook_entries(around)}
        checked, place = check_methods(methods), find_place()

        def declare(view: V) -> V:
            route = Route(
                path=self.prefix + ("" if path is None else path),
                endpoint=view,
                methods=checked,
                name=name or "",
                default=default,
                block=block,
                csrf=csrf,
                rate_limit=rate_limit,
                limits=limits,
                place=place,
                owners=(self,),
                **options,
            )
            self._admit([route])
            self._keep([route])
            return view

        return declare

    def add_route(
        self,
        path: str | None,
        endpoint: View,
        *,
        methods: Iterable[str] | None = None,
        **options: Unpack[RouteOptions],
    ) -> None:
        """Declare a view without a decorator; the options are those of `route`."""
        self.route(path, methods=methods, **options)(endpoint)

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Declare a view for GET, and so for HEAD; the options are those of `route`."""
        return self.route(path, methods=["GET"], **options)

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Declare a view for POST; the options are those of `route`."""
        return self.route(path, methods=["POST"], **options)

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Declare a view for PUT; the options are those of `route`."""
        return self.route(path, methods=["PUT"], **options)

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Declare a view for PATCH (RFC 5789); the options are those of `route`."""
        return self.route(path, methods=["PATCH"], **options)

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Declare a view for DELETE; the options are those of `route`."""
        return self.route(path, methods=["DELETE"], **options)

    def head(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Declare a view for HEAD alone, which otherwise follows GET; the options are those of `route`."""
        return self.route(path, methods=["HEAD"], **options)

    def options(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Declare a view for OPTIONS, which is otherwise answered with `Allow`; the options are those of `route`."""
        return self.route(path, methods=["OPTIONS"], **options)

    def query(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Declare a view for QUERY, a safe method with a body; the options are those of `route`."""
        return self.route(path, methods=["QUERY"], **options)

    def include(self, router: Router, *, prefix: str = "") -> None:
        """Take over the routes of `router`, those that it gets later too, each with its hooks and handlers.

        Raises `ConfigurationError` when a route is there already, or when the routers would include each other.
        """
        if not isinstance(router, Router):
            raise ConfigurationError(f"include takes a Router, not {router!r}.")
        if router in self._lineage():
            raise ConfigurationError("A router cannot include itself, directly or through another.")
        prefix = self.prefix + check_prefix(prefix)
        routes = [route.below(prefix, self) for route in router.routes]
        self._admit(routes)
        router._parents.append((self, prefix))
        self._keep(routes)

    def _lineage(self) -> list[Router]:
        return [self] + [ancestor for parent, _ in self._parents for ancestor in parent._lineage()]

    def _admit(self, routes: Sequence[Route]) -> None:
        """Let every router above check the routes, before any of them keeps one."""
        for parent, prefix in self._parents:
            parent._admit([route.below(prefix, parent) for route in routes])

    def _keep(self, routes: Sequence[Route]) -> None:
        self.routes.extend(routes)
        for parent, prefix in self._parents:
            parent._keep([route.below(prefix, parent) for route in routes])

    def _changed(self) -> None:
        """Tell those above that hooks or handlers are others now."""
        for parent, _ in self._parents:
            parent._changed()

    # Hooks

    @overload
    def before_request(self, hook: V, /) -> V: ...
    @overload
    def before_request(self, /, *, block: bool = True) -> Callable[[V], V]: ...
    def before_request(self, hook: Any = None, /, *, block: bool = True) -> Any:
        """Run `hook(req, resp)` before each view; one that sets a status or a body ends the request there."""
        return self._add_hook(self.before, hook, block=block)

    @overload
    def after_request(self, hook: V, /) -> V: ...
    @overload
    def after_request(self, /, *, block: bool = True) -> Callable[[V], V]: ...
    def after_request(self, hook: Any = None, /, *, block: bool = True) -> Any:
        """Run `hook(req, resp)` on each response, errors included, before it is sent."""
        return self._add_hook(self.after, hook, block=block)

    @overload
    def around(self, hook: V, /) -> V: ...
    @overload
    def around(self, /, *, block: bool = True) -> Callable[[V], V]: ...
    def around(self, hook: Any = None, /, *, block: bool = True) -> Any:
        """Run a generator `hook(req, resp)` around each request: to its `yield` first, the rest last.

        What the view or an inner hook raises is raised at the `yield`.
        """
        return self._add_hook(self.arounds, hook, block=block)

    def _add_hook(self, hooks: list[HookEntry], hook: Any, *, block: bool) -> Any:
        def declare(function: V) -> V:
            check_callable("A hook", function)
            self._admit_hook(function, is_around=hooks is self.arounds)
            hooks.append(HookEntry(function, block))
            self._changed()
            return function

        return declare if hook is None else declare(hook)

    def _admit_hook(self, function: Hook, *, is_around: bool) -> None:
        """Let every router above check a hook before it is kept."""
        for parent, _ in self._parents:
            parent._admit_hook(function, is_around=is_around)

    def _admit_handler(self, handler: ErrorHandler) -> None:
        """Let every router above check an exception handler before it is kept."""
        for parent, _ in self._parents:
            parent._admit_handler(handler)

    def exception_handler(self, kind: type[Exception] | int, *, block: bool = True) -> Callable[[V], V]:
        """Answer an exception class, or a status from 400 to 599, with `handler(req, resp, error)`.

        The nearest router's handler wins; within one router the handler of the nearest class.
        """
        is_class = isinstance(kind, type) and issubclass(kind, Exception)
        if not is_class and (isinstance(kind, bool) or kind not in range(400, 600)):
            raise ConfigurationError(f"A handler is for an exception class or a status from 400 to 599, not {kind!r}.")

        def declare(handler: V) -> V:
            check_callable("An exception handler", handler)
            if kind in self.handlers:
                known = getattr(self.handlers[kind].function, "__qualname__", "another function")
                raise ConfigurationError(
                    f"{known} already handles {kind!r} here; a router has one handler for each kind."
                )
            self._admit_handler(handler)
            self.handlers[kind] = HookEntry(handler, block)
            self._changed()
            return handler

        return declare


def _refuse_path(path: str | None) -> None:
    if path is not None:
        raise ConfigurationError(
            f"before_request=True is for every path. For {path!r} alone write route({path!r}, before=hook)."
        )


def check_prefix(prefix: str) -> str:
    """Give the prefix. Raises `ConfigurationError` for one that does not start with `/`, or ends with it."""
    if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
        raise ConfigurationError(f"A prefix starts with '/' and does not end with one, like '/v1', not {prefix!r}.")
    return prefix
