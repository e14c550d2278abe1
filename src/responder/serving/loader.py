"""From what the user writes, `app.py` or `package.module:api`, to the API that it names.

A file is imported as a module, never executed as a script: its directory (of a package: the directory that holds the
package) goes to the front of `sys.path`, so that the project's own imports work, and a worker process that
starts from nothing loads the same thing from the same words.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..errors import ConfigurationError
from .console import flatten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import ModuleType, TracebackType

    from ..config import Limits
    from ..types import Receive, Scope, Send

FAVOURITES = ("api", "app")


class Route(Protocol):
    """What a table of routes shows of one route."""

    @property
    def path(self) -> str:
        """The path as it was declared: `/pets/{id:int}`."""

    @property
    def methods(self) -> frozenset[str] | None:
        """The methods it answers; `None` is every standard method."""

    @property
    def name(self) -> str:
        """The name that `url_for` knows."""

    @property
    def endpoint(self) -> object:
        """The user's callable."""

    @property
    def place(self) -> str:
        """Where it was declared: `app.py:12`."""

    @property
    def options(self) -> Mapping[str, object]:
        """The options that differ from their defaults."""


class Application(Protocol):
    """What this package needs of an API: an ASGI 3 application that can be told to end."""

    debug: bool
    limits: Limits

    @property
    def routes(self) -> Sequence[Route]:
        """Every route, in the order in which they were declared."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection, the lifespan included."""

    def begin_drain(self, grace: float) -> None:
        """End every endless stream and socket soon, and what still runs after `grace` seconds.

        Called once, on the event loop's thread, when the server stops to accept; returns at once.
        """


@dataclass(frozen=True, slots=True)
class Module:
    """A module that can be imported: its dotted name, the directory to import it from and, of a file, its path."""

    name: str
    directory: Path
    file: Path | None = None

    def __str__(self) -> str:
        return self.name if self.file is None else shorten(self.file)


class _Loading:
    """How many imports of user code are going on; while there are any, `api.run()` at module level does nothing."""

    depth = 0


def is_loading() -> bool:
    """Tell whether user code is being imported at this moment."""
    return _Loading.depth > 0


def load(target: str) -> Application:
    """Import the module of `target` and give its API.

    `target` is `app.py`, `path/app.py:name`, `package.module` or `package.module:name`. Without a name: `api`, then
    `app`, then the only API in the module. Raises `ConfigurationError` with one line that says what to do.
    """
    module, name = locate(target)
    namespace = _import(module)
    return _pick(module, namespace, name)


def locate(target: str) -> tuple[Module, str]:
    """Find the module of `target`, without importing it, and the name in it (`""`: none given)."""
    path, _, name = target.partition(":")
    if path.endswith(".py") or "/" in path:
        return _locate_file(Path(path)), name
    return _locate_module(path), name


def name_of(api: Application) -> str:
    """Give the target by which a worker process finds `api`, which the running script made.

    Raises `ConfigurationError` when the script is no file, or `api` none of its globals.
    """
    script = sys.modules["__main__"]
    spec = getattr(script, "__spec__", None)
    place = getattr(script, "__file__", None) if spec is None else spec.name
    name = next((name for name, value in vars(script).items() if value is api), None)
    if place is None or name is None:
        raise ConfigurationError(
            "Workers and reloading start new processes, which look for the API among the globals of the script that "
            "was started, and it is not there. Use `responder run app.py --workers 4` or `--reload`."
        )
    return f"{place}:{name}"


def describe_script() -> str:
    """Give the name of the running script, for people."""
    return shorten(getattr(sys.modules["__main__"], "__file__", None) or "the API")


def shorten(path: str | Path) -> str:
    """Give a path as seen from the working directory, when it is below it."""
    absolute, here = Path(path), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else path)


def _locate_file(path: Path) -> Module:
    if path.is_dir():
        raise ConfigurationError(f"{path} is a directory. Name the file in it that makes the API: {path / 'app.py'}.")
    if not path.is_file():
        raise ConfigurationError(f"{path} does not exist. Name a file that makes an API, such as app.py.")
    if path.suffix != ".py":
        raise ConfigurationError(f"{path} is no Python file. Name a file that makes an API, such as app.py.")
    file = path.resolve()
    names, directory = [file.stem], file.parent
    while (directory / "__init__.py").is_file():
        names.append(directory.name)
        directory = directory.parent
    if names[0] == "__init__":
        del names[0]
    return Module(".".join(reversed(names)), directory, file)


def _locate_module(name: str) -> Module:
    _put_first(Path.cwd())
    importlib.invalidate_caches()
    known = all(part.isidentifier() for part in name.split("."))
    spec = importlib.util.find_spec(name.partition(".")[0]) if known else None
    if spec is None:
        raise ConfigurationError(_no_module(name))
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""]
    return Module(name, Path(places[0]).absolute().parent)


def _no_module(name: str) -> str:
    return f"There is no module {name!r}. Name a file (app.py) or a module (package.module:api)."


def _put_first(directory: Path) -> None:
    entry = str(directory)
    if sys.path[:1] != [entry]:
        sys.path.insert(0, entry)


def _import(module: Module) -> ModuleType:
    _put_first(module.directory)
    importlib.invalidate_caches()
    with _loading(), _UserCode(module):
        if module.file is None or _can_be_imported(module.name, module.file):
            return importlib.import_module(module.name)
        return _import_aside(module.name, module.file)


def _can_be_imported(name: str, file: Path) -> bool:
    """Tell whether the name leads to the file: a `code.py` of the user may meet a module of that name."""
    other = sys.modules.get(name)
    return other is None or getattr(other, "__file__", None) == str(file)


def _import_aside(name: str, file: Path) -> ModuleType:
    source = SourceFileLoader(f"{name}_as_api", str(file))
    spec = ModuleSpec(source.name, source, origin=str(file))
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    source.exec_module(module)
    return module


@contextmanager
def _loading() -> Iterator[None]:
    _Loading.depth += 1
    try:
        yield
    finally:
        _Loading.depth -= 1


class _UserCode:
    """Whatever the user's module raises on import, as one line with the place in the user's own files.

    A context manager, because it reports and never handles: no error is lost and none goes on.
    """

    def __init__(self, module: Module) -> None:
        self.module = module

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            raise ConfigurationError(self._explain(error, traceback)) from error

    def _explain(self, error: Exception, traceback: TracebackType | None) -> str:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{self.module.name}.".startswith(f"{missing}."):
            return _no_module(self.module.name)
        return f"{self._place(error, traceback)}: {type(error).__name__}: {flatten(_message(error))}"

    def _place(self, error: Exception, traceback: TracebackType | None) -> str:
        if isinstance(error, SyntaxError) and error.filename:
            return f"{shorten(error.filename)}:{error.lineno}"
        place = str(self.module)
        while traceback is not None:
            file = traceback.tb_frame.f_code.co_filename
            if Path(file).is_relative_to(self.module.directory) and "site-packages" not in file:
                place = f"{shorten(file)}:{traceback.tb_lineno}"
            traceback = traceback.tb_next
        return place


def _message(error: Exception) -> str:
    return str(error.msg) if isinstance(error, SyntaxError) else str(error)


def _pick(module: Module, namespace: ModuleType, name: str) -> Application:
    if name:
        return _pick_named(module, namespace, name)
    for favourite in FAVOURITES:
        if is_api(value := getattr(namespace, favourite, None)):
            return cast("Application", value)
    return _pick_only(module, namespace)


def _pick_named(module: Module, namespace: ModuleType, name: str) -> Application:
    value: Any = namespace
    for part in name.split("."):
        if not hasattr(value, part):
            raise ConfigurationError(f"{module} has no {name!r}. Name the API that it makes: {module}:api.")
        value = getattr(value, part)
    if not is_api(value):
        kind = type(value).__name__
        raise ConfigurationError(f"{module}:{name} is a {kind}, not an API. Name the API that it makes: {module}:api.")
    return cast("Application", value)


def _pick_only(module: Module, namespace: ModuleType) -> Application:
    found = {id(value): name for name, value in vars(namespace).items() if is_api(value)}
    if not found:
        raise ConfigurationError(f"{module} makes no API. Write `api = responder.API()` in it, or name another module.")
    names = sorted(found.values())
    if len(names) > 1:
        listed = ", ".join(names)
        raise ConfigurationError(f"{module} makes several APIs: {listed}. Name one: {module}:{names[0]}.")
    return cast("Application", getattr(namespace, names[0]))


def is_api(value: object) -> bool:
    """Tell whether `value` is an API; only its class is asked, because proxies answer to any attribute."""
    return not isinstance(value, type) and hasattr(type(value), "begin_drain") and callable(value)
