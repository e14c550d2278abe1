"""From a target to an API."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from responder.errors import ConfigurationError
from responder.serving.loader import describe_script, is_api, is_loading, load, locate, name_of, shorten

if TYPE_CHECKING:
    from pathlib import Path

ANOTHER = "from app import API\n"


@pytest.fixture(autouse=True)
def _application(app: Path) -> None:
    """Have app.py in every test."""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("target", ["app.py", "app.py:api", "./app.py", "app", "app:api"])
def test_a_target_is_a_file_or_a_module_with_a_name_or_without(target: str) -> None:
    assert load(target).routes[0].path == "/pets/{id:int}"


def test_api_comes_before_app_and_app_before_others(tmp_path: Path) -> None:
    write(tmp_path / "three.py", ANOTHER + "zoo, app, api = API(), API(), API()\n")
    assert load("three.py") is load("three:api")
    write(tmp_path / "two.py", ANOTHER + "api = 1\nzoo, app = API(), API()\n")
    assert load("two.py") is load("two:app")


def test_the_only_api_needs_no_name(tmp_path: Path) -> None:
    write(tmp_path / "only.py", ANOTHER + "service = same = API()\nkind = API\n")
    assert load("only.py") is load("only:service")


def test_a_name_may_have_dots(tmp_path: Path) -> None:
    write(tmp_path / "nested.py", ANOTHER + "class Box:\n    inner = API()\n")
    assert is_api(load("nested.py:Box.inner"))


def test_a_file_of_a_package_is_imported_with_its_package(tmp_path: Path) -> None:
    write(tmp_path / "shop" / "__init__.py", "")
    write(tmp_path / "shop" / "models.py", "name = 'shop'\n")
    write(tmp_path / "shop" / "main.py", ANOTHER + "from .models import name\napi = API()\n")
    assert is_api(load("shop/main.py"))
    assert load("shop/main.py") is load("shop.main:api")
    assert locate("shop/main.py")[0].directory == tmp_path


def test_the_file_of_a_package_itself_is_the_package(tmp_path: Path) -> None:
    write(tmp_path / "shop" / "__init__.py", ANOTHER + "api = API()\n")
    assert load("shop/__init__.py") is load("shop")
    assert locate("shop")[0].directory == tmp_path


def test_neighbours_of_a_file_elsewhere_are_found(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "helping.py", "name = 'deep'\n")
    (tmp_path / "app.py").rename(tmp_path / "deep" / "app.py")
    write(tmp_path / "deep" / "serve.py", ANOTHER + "import helping\napi = API()\n")
    assert is_api(load("deep/serve.py"))


def test_a_file_may_have_the_name_of_a_module_that_is_loaded(tmp_path: Path) -> None:
    write(tmp_path / "json.py", ANOTHER + "from dataclasses import dataclass\n@dataclass\nclass A: ...\napi = API()\n")
    assert is_api(load("json.py"))
    assert not hasattr(sys.modules["json"], "api")


def test_a_target_of_nothing_else_is_python(tmp_path: Path) -> None:
    write(tmp_path / "notes.txt", "hello\n")
    with pytest.raises(ConfigurationError, match=r"^notes.txt is no Python file. Name a file that makes an API"):
        load("./notes.txt")


def test_a_namespace_package_and_a_built_in_module_have_a_place(tmp_path: Path) -> None:
    write(tmp_path / "space" / "main.py", ANOTHER + "api = API()\n")
    assert is_api(load("space.main"))
    assert locate("time")[0].name == "time"


@pytest.mark.parametrize("target", ["nothing.py", "nothing/at/all", "nothing.py:api"])
def test_a_missing_file_is_named(target: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^nothing.* does not exist. Name a file that makes an API"):
        load(target)


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"is a directory. Name the file in it that makes the API: .*/app.py"):
        load(f"{tmp_path}/")


@pytest.mark.parametrize("target", ["nothing", "nothing.main", "app.main", "", ".", "a b", "app..x", ":api", "-"])
def test_a_missing_module_is_named(target: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^There is no module '.*'. Name a file \(app.py\) or a module"):
        load(target)


def test_a_module_that_the_project_lacks_is_an_error_of_the_project(tmp_path: Path) -> None:
    write(tmp_path / "needs.py", "\nimport nothing_of_that_name\n")
    with pytest.raises(ConfigurationError, match=r"^needs.py:2: ModuleNotFoundError: No module named 'nothing_of_"):
        load("needs.py")


def test_a_name_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^app.py has no 'nothing'. Name the API that it makes: app.py:api"):
        load("app.py:nothing")


def test_a_name_of_something_else_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^app:ANSWER is a str, not an API. Name the API that it makes"):
        load("app:ANSWER")


def test_a_module_without_an_api_is_named(tmp_path: Path) -> None:
    write(tmp_path / "empty.py", "from app import API, Route\n")
    with pytest.raises(ConfigurationError, match=r"^empty.py makes no API. Write `api = responder.API\(\)` in it"):
        load("empty.py")


def test_several_apis_are_listed(tmp_path: Path) -> None:
    write(tmp_path / "both.py", ANOTHER + "b, a = API(), API()\n")
    with pytest.raises(ConfigurationError, match=r"^both.py makes several APIs: a, b. Name one: both.py:a."):
        load("both.py")


def test_a_failing_import_is_one_line_with_the_place_in_the_project(tmp_path: Path) -> None:
    write(tmp_path / "models.py", "import json\n\ndef read():\n    return json.loads('{')\n")
    write(tmp_path / "fails.py", "from models import read\nread()\n")
    with pytest.raises(ConfigurationError, match=r"^models.py:4: JSONDecodeError: Expecting property name") as caught:
        load("fails.py")
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_failure_with_no_frame_of_the_project_names_the_module(tmp_path: Path) -> None:
    write(tmp_path / "zeros.py", "").write_bytes(b"x = 1\0\n")
    with pytest.raises(ConfigurationError, match=r"^zeros.py(:1)?: \w+: source code "):
        load("zeros.py")


def test_a_syntax_error_has_its_place(tmp_path: Path) -> None:
    write(tmp_path / "broken.py", "x = 1\ny = = 2\n")
    with pytest.raises(ConfigurationError, match=r"^broken.py:2: SyntaxError: invalid syntax$"):
        load("broken.py")


def test_a_module_that_ends_the_program_does(tmp_path: Path) -> None:
    write(tmp_path / "exits.py", "raise SystemExit(4)\n")
    with pytest.raises(SystemExit):
        load("exits.py")
    assert not is_loading()


def test_loading_is_known_to_the_module_that_is_loaded(tmp_path: Path) -> None:
    write(
        tmp_path / "asks.py",
        ANOTHER + "from responder.serving.loader import is_loading\nseen = is_loading()\na = API()\n",
    )
    load("asks.py")
    assert sys.modules["asks"].__dict__["seen"] is True
    assert not is_loading()


def test_proxies_that_answer_to_anything_are_no_api() -> None:
    class Proxy:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    assert not is_api(Proxy())


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    return module


def test_a_script_is_found_again_by_its_file(script: ModuleType, api: Any) -> None:
    script.__file__ = "/project/app.py"
    script.__dict__["service"] = api
    assert name_of(api) == "/project/app.py:service"


def test_a_module_that_runs_is_found_again_by_its_name(script: ModuleType, api: Any) -> None:
    script.__spec__ = find_spec("app")
    script.__dict__["service"] = api
    assert name_of(api) == "app:service"


def test_an_api_within_a_function_cannot_be_found_again(script: ModuleType, api: Any) -> None:
    script.__file__ = "/project/app.py"
    with pytest.raises(ConfigurationError, match=r"Use `responder run app.py --workers 4` or `--reload`"):
        name_of(api)


def test_an_interactive_session_cannot_be_found_again(script: ModuleType, api: Any) -> None:
    script.__dict__["api"] = api
    with pytest.raises(ConfigurationError, match=r"which look for the API among the globals of the script"):
        name_of(api)


def test_a_script_has_a_short_name(script: ModuleType, tmp_path: Path) -> None:
    assert describe_script() == "the API"
    script.__file__ = str(tmp_path / "app.py")
    assert describe_script() == "app.py"


def test_a_path_outside_the_working_directory_stays_whole() -> None:
    assert shorten("/elsewhere/app.py") == "/elsewhere/app.py"
