"""Templates: Jinja2, escaped unless a name ends in `.txt`, with the request and `url_for` at hand.

It is the one file that imports `jinja2`, and does so when the first template is used.

Escaping by a list of extensions to escape was rejected: `page.html.j2` and a template without a name would be left
out. One environment for sync and async rendering was rejected too: each value of a sync template would be asked
whether it can be awaited.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeVar

from .errors import (
    ClientDisconnected,
    ConfigurationError,
    HTTPError,
    InvalidCookie,
    InvalidHeader,
    TemplateError,
    UnsafeRedirect,
)
from .exchange.lazy import lazy
from .handling.signature import describe_callable, inspect_callable

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Environment, Template

    from .exchange.request import Request

Provider = TypeVar("Provider", bound="Callable[..., Any]")

_MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".csv": "text/csv",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".xml": "application/xml",
}
_ENGINE_SUFFIXES: Final = frozenset({"j2", "jinja", "jinja2"})
_UNNAMED: Final = "<string>"

_DICT_ATTRIBUTES: Final = frozenset(dir(dict))

_LONGEST_NAME: Final = 1024

# What a developer builds out of a client's text must not fill the memory: few sources are kept, and none that is long.
_KEPT_SOURCES: Final = 128
_LONGEST_KEPT: Final = 16_384

# What reading and compiling raise: besides what Jinja2 finds, the file, its encoding, and what nests too deeply.
_LOAD_FAILURES: Final = (OSError, ValueError, SyntaxError, RecursionError, MemoryError)

# Answers, errors that are told as a 400, and what an inner template has explained.
_PASSED: Final = (HTTPError, TemplateError, ClientDisconnected, UnsafeRedirect, InvalidHeader, InvalidCookie)


def media_type_of(name: str) -> str:
    """Give the media type of what a template makes, by its name: `feed.xml.j2` makes `application/xml`."""
    stem, dot, suffix = name.rpartition(".")
    if suffix in _ENGINE_SUFFIXES:
        _, dot, suffix = stem.rpartition(".")
    return _MEDIA_TYPES.get(dot + suffix, "text/html")


class _Provider(NamedTuple):
    function: Callable[..., Any]
    is_async: bool


class Templates:
    """The templates of one directory, and those that come as text.

    - `directory`: need not exist before the first template of it is used. A symbolic link in it is followed, since
      whoever may place one may place the template; a name never leads out.
    - `auto_escape`: `False` escapes nothing, whatever the name.
    - `auto_reload`: look at each use whether the file has changed.
    - `url_for`: what templates call by that name.
    - `find_request`: gives the request being served, or None.

    Every failure is a `TemplateError`, but for errors that are an answer, such as a 404: those pass.
    """

    media_type_of = staticmethod(media_type_of)

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        auto_escape: bool = True,
        auto_reload: bool = False,
        url_for: Callable[..., str],
        find_request: Callable[[], Request | None],
    ) -> None:
        self._directory = os.path.abspath(directory)
        self._auto_escape = auto_escape
        self._auto_reload = auto_reload
        self._url_for = url_for
        self._find_request = find_request
        self._providers: list[_Provider] = []

    @lazy
    def environment(self) -> Environment:
        """The Jinja2 environment, for filters, tests, globals, extensions and other loaders.

        Change it before the first template is rendered: the async twins copy it then.
        """
        return _make_environment(
            self._directory,
            autoescape=self._is_escaped,
            auto_reload=self._auto_reload,
            url_for=self._url_for,
        )

    @lazy
    def _plain(self) -> _Compiler:
        return _Compiler(self.environment)

    @lazy
    def _awaiting(self) -> _Compiler:
        return _Compiler(self.environment.overlay(enable_async=True))

    def _is_escaped(self, name: str | None) -> bool:
        return self._auto_escape and (name is None or media_type_of(name) != "text/plain")

    def context(self, provider: Provider) -> Provider:
        """Add what a function gives to every context: `@api.templates.context` on `def site(req): return {...}`.

        It is called at each rendering, with the request, or None outside of one. Names that the call gives itself win,
        then those of the provider declared last. An async provider serves the async twins only.
        Raises `ConfigurationError` for a function that does not take `(req)`, or is a generator.
        """
        shape = inspect_callable(provider, ("req",))
        if shape.is_generator:
            raise ConfigurationError(f"{describe_callable(provider)} yields; a context provider returns a mapping.")
        self._providers.append(_Provider(provider, shape.is_async))
        return provider

    def render(self, name: str, context: Mapping[str, Any], req: Request | None = None) -> str:
        """Render the template of a name. Raises `TemplateError`."""
        return self._plain.load(name).render(self._fill(context, req))

    def render_string(self, source: str, context: Mapping[str, Any], req: Request | None = None) -> str:
        """Render a template that is given as text. Raises `TemplateError`."""
        return self._plain.parse(source).render(self._fill(context, req))

    async def render_async(self, name: str, context: Mapping[str, Any], req: Request | None = None) -> str:
        """Render the template of a name, which may await: `{{ f() }}` and `for` work with async ones as well."""
        return await self._awaiting.load(name).render_async(await self._fill_async(context, req))

    async def render_string_async(self, source: str, context: Mapping[str, Any], req: Request | None = None) -> str:
        """Render a template that is given as text, and may await. Raises `TemplateError`."""
        return await self._awaiting.parse(source).render_async(await self._fill_async(context, req))

    def _fill(self, context: Mapping[str, Any], req: Request | None) -> dict[str, Any]:
        """Give the whole context: the request, what the providers give, what the call gives."""
        req = self._find_request() if req is None else req
        filled: dict[str, Any] = {"request": req}
        for provider in self._providers:
            if provider.is_async:
                raise TemplateError(
                    f"The context provider {describe_callable(provider.function)} is async. "
                    "Await an async twin, such as `api.template_async`, or make the provider a plain function."
                )
            filled.update(_checked(provider, provider.function(req)))
        filled.update(context)
        return filled

    async def _fill_async(self, context: Mapping[str, Any], req: Request | None) -> dict[str, Any]:
        req = self._find_request() if req is None else req
        filled: dict[str, Any] = {"request": req}
        for provider in self._providers:
            given = provider.function(req)
            filled.update(_checked(provider, await given if provider.is_async else given))
        filled.update(context)
        return filled


def _checked(provider: _Provider, given: object) -> Mapping[str, Any]:
    if isinstance(given, Mapping):
        return given
    raise TemplateError(
        f"The context provider {describe_callable(provider.function)} gave {type(given).__name__!r}; return a mapping."
    )


class _Compiler:
    """An environment and the templates that it has compiled: Jinja2 keeps those of files, this the texts."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._parse_once = lru_cache(maxsize=_KEPT_SOURCES)(environment.from_string)

    def load(self, name: str) -> Template:
        """Give the template of a name. Raises `TemplateError`."""
        if not isinstance(name, str):
            raise TemplateError(f"The name of a template is a str, not {type(name).__name__!r}.")
        try:
            return self._environment.get_template(name)
        except _LOAD_FAILURES as error:
            raise TemplateError(_explain(error, name, self._environment)) from error

    def parse(self, source: str) -> Template:
        """Give the template that a text is. Raises `TemplateError`."""
        if not isinstance(source, str):
            raise TemplateError(f"The source of a template is a str, not {type(source).__name__!r}.")
        parse = self._parse_once if len(source) <= _LONGEST_KEPT else self._environment.from_string
        try:
            return parse(source)
        except _LOAD_FAILURES as error:
            raise TemplateError(_explain(error, _UNNAMED, self._environment)) from error


def _check_name(name: str) -> None:
    """Refuse what would write its own lines into a log, or fill it; the loader refuses what leads out."""
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise TemplateError(
            f"{name[:100]!r} is no template's name: that has at most {_LONGEST_NAME} characters, all printable."
        )


def _make_environment(
    directory: str, *, autoescape: Callable[[str | None], bool], auto_reload: bool, url_for: Callable[..., str]
) -> Environment:
    import jinja2  # noqa: PLC0415 - a service without templates never loads it
    from jinja2.debug import rewrite_traceback_stack  # noqa: PLC0415 - as above

    class CheckingLoader(jinja2.FileSystemLoader):
        def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
            """Read a template, whoever asks for it: a view, or another template that includes it."""
            _check_name(template)
            return super().get_source(environment, template)

    class TemplateEnvironment(jinja2.Environment):
        # PERF: half a microsecond for each value of a dict, where Jinja2 first waits for the attribute to fail;
        # `benchmarks/in_process.py --row template`.
        def getattr(self, obj: Any, attribute: str) -> Any:
            """Look up `obj.attribute`, with the outcome that Jinja2's own look-up has."""
            if type(obj) is dict and attribute not in _DICT_ATTRIBUTES:
                try:
                    return obj[attribute]
                except (TypeError, LookupError, AttributeError):  # of keys, as Jinja2 does
                    return self.undefined(obj=obj, name=attribute)
            return super().getattr(obj, attribute)

        def handle_exception(self, source: str | None = None) -> NoReturn:
            """Raise what compiling or rendering ended with: Jinja2 calls this where it caught it."""
            place = _find_place(sys.exception())  # the frames lose their templates when they are rewritten
            error = rewrite_traceback_stack(source)
            if isinstance(error, _PASSED):
                raise error
            raise TemplateError(_explain(error, place, self)) from error

    environment = TemplateEnvironment(loader=CheckingLoader(directory), autoescape=autoescape, auto_reload=auto_reload)
    environment.globals["url_for"] = url_for  # a global, so that imported macros have it as well
    return environment


def _find_place(error: BaseException | None) -> str:
    """Give `pets.html, line 7`: where the syntax is wrong, or the innermost line of a template that ran."""
    from jinja2 import TemplateSyntaxError  # noqa: PLC0415 - it is loaded by now

    if isinstance(error, TemplateSyntaxError):
        return f"{error.name or _UNNAMED}, line {error.lineno}"
    place = _UNNAMED
    traceback = error.__traceback__ if error else None
    while traceback is not None:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            line = template.get_corresponding_lineno(traceback.tb_lineno)
            place = f"{template.name or _UNNAMED}, line {line}"
        traceback = traceback.tb_next
    return place


def _explain(error: BaseException, place: str, environment: Environment) -> str:
    """Say what happened to the template at `place`."""
    import jinja2  # noqa: PLC0415 - it is loaded by now

    if isinstance(error, jinja2.TemplateNotFound) and error.templates:
        missing = _explain_missing([str(name) for name in error.templates], environment)
        return missing if place == error.name else f"{place}: {missing}"
    if isinstance(error, jinja2.TemplateError):
        return f"{place}: {error.message}"
    return f"{place}: {type(error).__name__}: {error}"


def _explain_missing(names: list[str], environment: Environment) -> str:
    from jinja2 import FileSystemLoader  # noqa: PLC0415 - it is loaded by now

    missing = f"There is no template {' or '.join(map(repr, names))}"
    loader = environment.loader
    if not isinstance(loader, FileSystemLoader):
        return f"{missing} that {type(loader).__name__} can find."
    searched = " and ".join(loader.searchpath)
    if not any(map(os.path.isdir, loader.searchpath)):
        return f"{missing}: {searched} is no directory."
    # A walk through the directory for each name that a client may have chosen is for development alone.
    near = _find_near(names[-1], loader.list_templates()) if environment.auto_reload else []
    return f"{missing} in {searched}." + (f" Did you mean {' or '.join(map(repr, near))}?" if near else "")


def _find_near(name: str, names: list[str]) -> list[str]:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    return get_close_matches(name, names, n=2, cutoff=0.7)
