"""API: what a user makes one of, and the ASGI application that a server calls.

It is the root of all routers, so that its decorators are theirs. How it serves a request stands in
`handling/pipeline.py`. The table of pipelines is built whole, at start-up or at the first request after a change.
"""

from __future__ import annotations

import logging
from os.path import isdir, join
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, Unpack

from . import status_codes
from .config import (
    CSRF,
    HSTS,
    Compression,
    Limits,
    Proxies,
    SecurityHeaders,
    Sessions,
    Threads,
    expect,
)
from .errors import ConfigurationError, DuplicateRoute, RouteNotFoundError
from .exchange.lazy import lazy
from .exchange.request import direct_origin
from .exchange.upload import UploadFile
from .handling.failures import handler_step
from .handling.handshake import refuse_handshake
from .handling.lifespan import Lifespan
from .handling.pipeline import Application
from .handling.steps import around_steps, hook_step
from .handling.table import Entry, Table, compose_route
from .media.formats import Formats
from .policies.compose import Options, Policies, make_cors_options
from .policies.sessions import SessionPolicy
from .routing.converters import BUILT_IN, make_converter
from .routing.pattern import parse_pattern
from .routing.route import HookEntry, Route, find_folder
from .routing.router import check_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from os import PathLike

    from .apps.static import SinglePage, StaticFiles
    from .config import CORSParams, RateLimit, Record
    from .exchange.request import Origin
    from .media.formats import Encoders
    from .routing.converters import Converter
    from .routing.route import RouteOptions
    from .templates import Templates
    from .testing import AsyncClient, Session
    from .types import Receive, Scope, Send, View

F = TypeVar("F", bound="Callable[..., Any]")
T = TypeVar("T")
R = TypeVar("R", bound="Record")

STATIC_DIR: Final = "static"
"""The folder that is served when it is there, and not missed when it is not."""


class API(Application):
    """A service: `api = responder.API()`, then `@api.route("/hello")` on a view that takes `(req, resp)`.

    - `debug`: a traceback page for clients on this machine.
    - `lifespan`: an async context manager function of the API; what it yields as a mapping goes to `api.state`.
    - `limits`: what a client may send at most.
    - `threads`: how many worker threads sync views have.
    - `encoders`: functions that make plain values of objects in `resp.media`, by their class.
    - `static_dir`: a folder whose files are served below `static_route`, when it exists; relative to the folder of the
      file that makes the API. None serves none. Raises `ConfigurationError` when another than the default is missing.
    - `templates_dir`: where the templates are, relative to the same.
    - `auto_escape`: whether templates escape what they are given, for HTML.
    - `secret_key`: signs sessions: long and random text, or several, of which the first signs and all verify.
    - `sessions`: where they are kept and how their cookie is set.
    - `enable_hsts`: HTTPS alone, True or a `HSTS`. - `allowed_hosts`: as `["example.com", "*.example.com"]`.
    - `cors`, `cors_params`: whether and which other origins may read answers, by the fields of `CORS`.
    - `csrf`: which other origins may send what carries cookies: `"auto"` for none, False for any, or a `CSRF`.
    - `security_headers`: True, or a `SecurityHeaders`. - `compression`: True, or a `Compression`.
    - `proxies`: those in front of the service. - `rate_limit`: how often a client may ask.
    """

    status_codes = status_codes

    def __init__(  # noqa: PLR0913 - options stay flat keywords
        self,
        *,
        debug: bool = False,
        lifespan: Callable[[API], AbstractAsyncContextManager[Any]] | None = None,
        limits: Limits | None = None,
        threads: Threads | None = None,
        encoders: Encoders | None = None,
        static_dir: str | PathLike[str] | None = STATIC_DIR,
        static_route: str = "/static",
        templates_dir: str | PathLike[str] = "templates",
        auto_escape: bool = True,
        secret_key: str | Sequence[str] | None = None,
        sessions: Sessions | None = None,
        enable_hsts: bool | HSTS = False,
        cors: bool = False,
        cors_params: CORSParams | Mapping[str, Any] | None = None,
        allowed_hosts: Sequence[str] | None = None,
        csrf: Literal["auto", False] | CSRF = "auto",
        security_headers: bool | SecurityHeaders = False,
        proxies: Proxies | None = None,
        rate_limit: RateLimit | None = None,
        compression: bool | Compression = False,
    ) -> None:
        super().__init__(_given(Limits, "limits", limits), _given(Threads, "threads", threads), rate_limit)
        expect(Proxies, "proxies", proxies)
        if not isinstance(debug, bool):
            raise ConfigurationError(f"debug={debug!r} must be True or False.")
        folder = find_folder()
        self.debug = debug
        self.formats = Formats({UploadFile: UploadFile.describe, **(encoders or {})})
        self._templates_dir = join(folder, templates_dir)
        self._auto_escape = auto_escape
        self.proxies = proxies
        self.sessions = SessionPolicy(_given(Sessions, "sessions", sessions), secret_key, debug=debug)
        self.safety = Options(
            allowed_hosts=allowed_hosts,
            proxies=proxies,
            hsts=_wanted(HSTS, enable_hsts),
            cors=make_cors_options(cors, cors_params),
            csrf=_wanted(CSRF, csrf == "auto" or csrf),
            security_headers=_wanted(SecurityHeaders, security_headers),
            compression=_wanted(Compression, compression),
        )
        self.policies = Policies(self.safety, self.limits, self.sessions.loader)
        self.state = SimpleNamespace()
        self.log = logging.getLogger("responder")
        self._lifespan = Lifespan(lifespan)
        self._converters: dict[str, Converter] = dict(BUILT_IN)
        self._entries: list[Entry] = []
        self._claims: dict[tuple[Any, ...], dict[str, Route]] = {}
        self._session: Session | None = None
        self._files: StaticFiles | None = None
        self._static_route = check_prefix(static_route.rstrip("/"))
        if static_dir is not None and (static_dir != STATIC_DIR or isdir(join(folder, static_dir))):
            self._serve_files(join(folder, static_dir))

    def _serve_files(self, folder: str) -> None:
        from .apps.static import StaticFiles  # noqa: PLC0415 - it loads where there is a folder

        self._files = StaticFiles(folder)
        self.get(f"{self._static_route}/{{path:path}}", name="static")(self._files)

    @lazy
    def resolve_origin(self) -> Callable[[Scope], Origin]:
        """What tells where a request comes from."""
        if self.proxies is None:
            return direct_origin
        from .policies.proxies import make_resolver  # noqa: PLC0415 - where it is wanted

        return make_resolver(self.proxies)

    # Serving

    def build_table(self) -> Table:
        """Compose every route anew, and swap the table in whole."""
        self.table = table = Table(self._entries, self, self.boards, self.policies)
        self.literals = table.literals
        return table

    def _changed(self) -> None:
        self.literals = {}
        self.table = None

    async def serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the lifespan, and close a WebSocket, which nothing here serves, once it has passed the guards."""
        if scope["type"] == "lifespan":
            self.build_table()
            await self._lifespan.serve(self, scope, receive, send, self._end)
        elif scope["type"] == "websocket":
            await receive()
            if not await refuse_handshake(self, self.policies.of_handshakes, scope, send):
                await send({"type": "websocket.close", "code": 1000})
        else:
            raise ConfigurationError(f"An API serves http and lifespan, not {scope['type']!r}.")

    async def _end(self) -> None:
        await self.boards.drain()
        await self.sessions.close()

    def begin_drain(self, grace: float) -> None:
        """Let what is in flight end within `grace` seconds: the server calls this, on its loop, when told to stop."""
        self.boards.begin_drain(grace)

    def run(  # noqa: PLR0913 - the options of a server stay flat keywords
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        workers: int = 1,
        reload: bool = False,
        debug: bool | None = None,
        server: Literal["granian", "uvicorn"] = "granian",
        grace: float = 30.0,
        access_log: bool = False,
        **options: Any,
    ) -> None:
        """Serve until Ctrl-C or SIGTERM: on `127.0.0.1:5042`, or on `0.0.0.0:$PORT` where `PORT` is set.

        `grace` is how many seconds open requests have when it ends, `access_log` prints a line for each request; what
        the server itself takes besides goes through as `options`.
        """
        from .serving import serve  # noqa: PLC0415 - the server loads when it is used

        serve(
            self,
            host=host,
            port=port,
            workers=workers,
            reload=reload,
            debug=debug,
            server=server,
            grace=grace,
            access_log=access_log,
            **options,
        )

    # Testing

    @property
    def requests(self) -> Session:
        """A `requests.Session` on this API, in process: `api.requests.get("/hello")`."""
        if self._session is None:
            self._session = self.session()
        return self._session

    def session(self, *, raise_exceptions: bool = True, base_url: str = "http://;") -> Session:
        """Give a new `requests.Session` on this API; `raise_exceptions=False` gives 500s instead of exceptions."""
        from .testing import session  # noqa: PLC0415 - the test client loads when it is used

        return session(self, raise_exceptions=raise_exceptions, base_url=base_url)

    def client(self, *, raise_exceptions: bool = True, base_url: str = "http://;") -> AsyncClient:
        """Give an `httpx2.AsyncClient` on this API with live streams: `async with api.client() as client`."""
        from .testing import client  # noqa: PLC0415 - the test client loads when it is used

        return client(self, raise_exceptions=raise_exceptions, base_url=base_url)

    # Templates

    @lazy
    def templates(self) -> Templates:
        """The templates of `templates_dir`: `environment` is Jinja2's, `context` adds to every context."""
        from .templates import Templates  # noqa: PLC0415 - it loads when it is used

        return Templates(
            self._templates_dir,
            auto_escape=self._auto_escape,
            auto_reload=self.debug,
            url_for=self.url_for,
            find_request=self.boards.find_request,
        )

    def template(self, name: str, /, **context: Any) -> str:
        """Give what a template of `templates_dir` makes of the context; `request` and `url_for` are in it.

        Raises `TemplateError`, which names the template and the line.
        """
        return self.templates.render(name, context)

    def template_string(self, source: str, /, **context: Any) -> str:
        """Give what a template makes that is given as text. Raises `TemplateError`."""
        return self.templates.render_string(source, context)

    async def template_async(self, name: str, /, **context: Any) -> str:
        """Do what `template` does, for templates that await. Raises `TemplateError`."""
        return await self.templates.render_async(name, context)

    async def template_string_async(self, source: str, /, **context: Any) -> str:
        """Do what `template_string` does, for templates that await. Raises `TemplateError`."""
        return await self.templates.render_string_async(source, context)

    # Routes

    def add_converter(self, name: str, parse: Callable[[str], Any], format: Callable[[Any], str] = str) -> None:  # noqa: A002 - the pair of `parse`
        """Make `{value:name}` work in paths: `parse(text)` raises `ValueError` where it does not match.

        `format(value)` is its reverse, for `url_for`. Raises `ConfigurationError`, also for a name that is taken.
        """
        if name in self._converters:
            raise ConfigurationError(f"Converter {name!r} is there already; choose another name.")
        self._converters[name] = make_converter(name, parse, format)

    def add_route(
        self,
        path: str | None,
        endpoint: View = None,
        *,
        methods: Iterable[str] | None = None,
        static: bool = False,
        **options: Unpack[RouteOptions],
    ) -> None:
        """Declare a view without a decorator; the options are those of `route`.

        `static=True` instead of a view serves a single-page app: below `path`, each GET that no route answers gets the
        file of that path in `static_dir`, or `index.html`. Raises `ConfigurationError` when that is missing.
        """
        if not static:
            super().add_route(path, endpoint, methods=methods, **options)
            return
        if path is None or endpoint is not None:
            raise ConfigurationError('static=True takes a path and no view: add_route("/", static=True).')
        page = self._make_page()
        if path == "/":
            super().add_route(path, page, methods=methods, **(options | {"default": True}))
        else:
            super().add_route(f"{path.rstrip('/')}/{{path:path}}", page.below, methods=methods, **options)

    def _make_page(self) -> SinglePage:
        if self._files is None:
            raise ConfigurationError("static=True serves static_dir, and there is none. Make the folder 'static'.")
        if not self._static_route:
            raise ConfigurationError("static=True serves the files at '/' as well; leave out static_route='/'.")
        from .apps.static import SinglePage  # noqa: PLC0415 - as above

        return SinglePage(self._files)

    def url_for(self, view: Callable[..., Any] | str, /, **params: Any) -> str:
        """Give the path of a view or of a route's name, with its parameters filled in and percent-encoded.

        Raises `RouteNotFoundError` when there is none, or when the parameters do not fit.
        """
        found = [entry.pattern for entry in self._entries if entry.pattern is not None and _is_meant(entry.route, view)]
        if not found:
            shown = repr(view) if isinstance(view, str) else getattr(view, "__qualname__", repr(view))
            raise RouteNotFoundError(f"No route has the view or name {shown}. Names: {self._listed_names()}.")
        fitting = [pattern for pattern in found if set(pattern.names) == set(params)]
        return (fitting or found)[0].format(params)

    def _listed_names(self) -> str:
        return ", ".join(sorted({_name(route) for route in self.routes})) or "none"

    def _admit(self, routes: Sequence[Route]) -> None:
        claims: dict[tuple[Any, ...], dict[str, Route]] = {}
        for route in routes:
            entry = self._read(route)
            served = compose_route(entry, self.boards, self.policies)
            for shape in _shapes(entry):
                _claim(claims.setdefault(shape, dict(self._claims.get(shape, {}))), route, served, shape)
        self._claims |= claims

    def _keep(self, routes: Sequence[Route]) -> None:
        super()._keep(routes)
        self._entries.extend(self._read(route) for route in routes)
        self._changed()

    def _read(self, route: Route) -> Entry:
        """Read a route's path; a default route may have none."""
        if route.default and not route.path:
            return Entry(route, None)
        pattern = parse_pattern(route.path, self._converters)
        if route.default and pattern.names:
            raise ConfigurationError(
                f"{route.path!r} is a default route, which answers any path, so it has no {pattern.names[0]!r} to give."
            )
        return Entry(route, pattern)

    def _admit_hook(self, function: Callable[..., Any], *, is_around: bool) -> None:
        if is_around:
            around_steps(HookEntry(function))
        else:
            hook_step(HookEntry(function))

    def _admit_handler(self, handler: Callable[..., Any]) -> None:
        handler_step(HookEntry(handler))

    # Life

    def on_event(self, event: str) -> Callable[[F], F]:
        """Run a function at `"startup"` or `"shutdown"`: `@api.on_event("startup")`. It may be async."""

        def declare(function: F) -> F:
            self._lifespan.add(event, function)
            return function

        return declare


def _given(record: type[R], name: str, option: R | None) -> R:
    """Give the record of an option, one of its defaults for None. Raises `ConfigurationError` for anything else."""
    expect(record, name, option)
    return record() if option is None else option


def _wanted(record: type[T], option: bool | T) -> T | None:  # noqa: FBT001 - an option of the API
    """Give the record of an option that is one, or True for its defaults, or False for none."""
    if option is False or isinstance(option, record):
        return option or None
    if option is True:
        return record()
    raise ConfigurationError(f"{option!r} is neither True, False nor a {record.__name__}.")


def _shapes(entry: Entry) -> list[tuple[Any, ...]]:
    """Give what a route claims: the shape of its path, and `()` for what no path leads to."""
    own = [] if entry.pattern is None else [entry.pattern.shape]
    return [*own, ()] if entry.route.default else own


def _claim(taken: dict[str, Route], route: Route, methods: Iterable[str], shape: tuple[Any, ...]) -> None:
    """Note that a route serves these methods of a shape. Raises `DuplicateRoute` where another one does."""
    what = repr(route.path) if shape else "the default"
    for method in sorted(methods):
        if method in taken:
            first = taken[method]
            raise DuplicateRoute(
                f"{method} {what} is declared twice: at {first.place} as {first.path!r}, and at {route.place}."
            )
        taken[method] = route


def _name(route: Route) -> str:
    return route.name or getattr(route.endpoint, "__name__", type(route.endpoint).__name__)


def _is_meant(route: Route, view: Callable[..., Any] | str) -> bool:
    return _name(route) == view if isinstance(view, str) else route.endpoint == view
