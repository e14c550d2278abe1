"""The shape of the house, held by tests: what may import what, and how large things may grow."""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import responder

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(responder.__file__).parent
LAYERS = [
    {"types", "errors", "config", "status_codes"},
    {"http"},
    {"media", "schema"},
    {"exchange", "routing"},
    {"handling", "policies"},
    {"apps", "templates"},
    {"openapi", "graphql", "testing", "serving", "background"},
    {"api"},
    {"__init__", "ext"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_FRAMES = 3
CATCH_ALL_HOMES = {"handling/pipeline.py", "handling/lifespan.py", "handling/in_flight.py"}


class Module(NamedTuple):
    path: str
    source: str
    tree: ast.Module

    @property
    def name(self) -> str:
        parts = ["responder", *self.path.removesuffix(".py").split("/")]
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def part(self) -> str:
        """The top-level file or package: `http` for `http/cookies.py`."""
        return self.path.split("/")[0].removesuffix(".py")


def read_modules() -> list[Module]:
    modules = []
    for file in sorted(PACKAGE.rglob("*.py")):
        source = file.read_text()
        modules.append(Module(file.relative_to(PACKAGE).as_posix(), source, ast.parse(source)))
    return modules


MODULES = read_modules()
NAMES = {module.name for module in MODULES}


def imports_of(module: Module, *, at_run_time: bool = False) -> Iterator[str]:
    """Give the absolute names of all that a module imports, inside functions and `TYPE_CHECKING` too."""
    skipped = set[int]()
    for node in ast.walk(module.tree):
        if at_run_time and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped.update(id(inner) for inner in ast.walk(node))
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from resolved(module, node)


def resolved(module: Module, node: ast.ImportFrom) -> Iterator[str]:
    base = node.module or ""
    if node.level:
        package = ["responder", *module.path.split("/")[:-1]]
        base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
    for alias in node.names:
        whole = f"{base}.{alias.name}"
        yield whole if whole in NAMES else base


def own_imports_of(module: Module, *, at_run_time: bool = False) -> set[str]:
    found = {name for name in imports_of(module, at_run_time=at_run_time) if name.partition(".")[0] == "responder"}
    return found - {module.name}


def part_of(name: str) -> str:
    return name.split(".")[1] if "." in name else "__init__"


def test_every_part_of_the_package_has_a_layer() -> None:
    assert {module.part for module in MODULES} <= LEVEL.keys()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.path)
def test_imports_only_go_down(module: Module) -> None:
    above = {name for name in own_imports_of(module) if LEVEL[part_of(name)] > LEVEL[module.part]}
    assert not above


def test_there_are_no_import_cycles() -> None:
    graph = {module.name: own_imports_of(module, at_run_time=True) & NAMES for module in MODULES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name not in done:
            for imported in graph[name]:
                visit(imported, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_each_third_party_library_is_imported_in_one_place() -> None:
    homes: dict[str, set[str]] = {}
    for module in MODULES:
        for name in imports_of(module, at_run_time=True):
            library = name.partition(".")[0]
            if library != "responder" and library not in sys.stdlib_module_names:
                package = module.path.rpartition("/")[0]
                homes.setdefault(library, set()).add(package or module.path)
    assert homes, "the package imports msgspec at least"
    assert {library: places for library, places in homes.items() if len(places) > 1} == {}


def test_inspect_is_imported_in_one_file() -> None:
    assert [module.path for module in MODULES if "inspect" in set(imports_of(module))] == ["handling/signature.py"]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.path)
def test_nothing_is_asserted(module: Module) -> None:
    assert not [node.lineno for node in ast.walk(module.tree) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.path)
def test_files_and_functions_stay_small(module: Module) -> None:
    assert module.source.count("\n") <= MAX_FILE_LINES
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name} has {lines} lines"


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {part for module in MODULES for part in module.name.split(".")}
    assert not names & {"utils", "core", "common", "helpers"}


def test_everything_is_caught_in_three_places_only() -> None:
    found = set()
    for module in MODULES:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and node.type is not None:
                caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
                if "Exception" in map(ast.unparse, caught):
                    found.add(module.path)
    assert found == CATCH_ALL_HOMES


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.path)
def test_the_asgi_scope_gets_no_key_of_ours(module: Module) -> None:
    """The one key there may be, `responder`, is set by the test client, which is the server there."""
    for node in ast.walk(module.tree) if module.part != "testing" else ():
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Subscript) and ast.unparse(target.value) in {"scope", "self.scope"}:
                    assert ast.unparse(target.slice) == "'state'", ast.unparse(node)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.path)
def test_a_module_can_be_imported(module: Module) -> None:
    assert import_module(module.name).__name__ == module.name


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.path)
def test_a_module_says_what_it_is_for(module: Module) -> None:
    assert ast.get_docstring(module.tree)


def test_nothing_is_set_on_the_users_functions() -> None:
    api = responder.API()

    @api.route("/", before=[print])
    @api.before_request
    @api.after_request
    async def everything(req: responder.Request, resp: responder.Response) -> None: ...

    assert vars(everything) == {}


def frames_of_ours() -> int:
    """Count the package's frames between the caller and the one that drives the coroutine."""
    frame, count = sys._getframe(2), 0
    while frame is not None and frame.f_code.co_filename.startswith(str(PACKAGE)):
        count += 1
        frame = frame.f_back  # type: ignore[assignment] # None ends the loop
    return count


async def drive(api: responder.API, path: str) -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None: ...

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    await api(scope | {"headers": [], "scheme": "http"}, receive, send)


@pytest.mark.parametrize("path", ["/function", "/hooked/7", "/class", "/instance"])
def test_few_frames_of_ours_stand_between_server_and_view(path: str) -> None:
    import asyncio

    api = responder.API()
    counted: list[int] = []

    async def count(req: responder.Request, resp: responder.Response) -> None:
        counted.append(frames_of_ours())

    async def count_with_parameter(req: responder.Request, resp: responder.Response, *, id: int) -> None:  # noqa: A002 - the path's name
        counted.append(frames_of_ours())

    class Resource:
        async def on_request(self, *_: object) -> None:
            counted.append(frames_of_ours())

        async def on_get(self, *_: object) -> None:
            counted.append(frames_of_ours())

    async def around(req: responder.Request, resp: responder.Response):  # type: ignore[no-untyped-def] # noqa: ANN202 - a hook as users write it
        yield

    api.add_route("/function", count)
    api.add_route("/hooked/{id:int}", count_with_parameter, before=count, after=count, around=around)
    api.add_route("/class", Resource, before=count)
    api.add_route("/instance", Resource(), after=count)
    asyncio.run(drive(api, path))
    assert counted
    assert max(counted) <= MAX_FRAMES
