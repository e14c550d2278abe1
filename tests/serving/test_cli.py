"""The command line, in this process."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from responder.serving import cli

if TYPE_CHECKING:
    from click.testing import Result

pytestmark = pytest.mark.usefixtures("app")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Collect what would be served."""
    calls: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(cli, "serve", lambda target, **options: calls.append((target, options)))
    monkeypatch.setattr(cli, "leave", lambda: None)
    return calls


def test_run_without_options_decides_nothing(served: list[tuple[str, dict[str, Any]]]) -> None:
    assert invoke("run").exit_code == 0
    options: dict[str, Any] = {
        "host": None,
        "port": None,
        "workers": 1,
        "reload": False,
        "debug": None,
        "server": "granian",
    }
    options |= {"grace": 30.0, "access_log": False}
    assert served == [("app.py", options)]


def test_run_passes_every_option_on(served: list[tuple[str, dict[str, Any]]]) -> None:
    words = "run shop:api --host ::1 --port 80 --workers 3 --reload --debug --server uvicorn --grace 2 --access-log"
    assert invoke(*words.split()).exit_code == 0
    options: dict[str, Any] = {
        "host": "::1",
        "port": 80,
        "workers": 3,
        "reload": True,
        "debug": True,
        "server": "uvicorn",
    }
    options |= {"grace": 2.0, "access_log": True}
    assert served == [("shop:api", options)]


@pytest.mark.parametrize("words", ["run --server apache", "run --port http", "run a b", "fly"])
def test_a_command_written_wrongly_is_exit_code_2(words: str) -> None:
    assert invoke(*words.split()).exit_code == 2


def test_routes_are_a_table_or_json() -> None:
    shown = invoke("routes")
    assert shown.exit_code == 0
    assert shown.output.splitlines()[1].split() == [
        "GET,PUT",
        "/pets/{id:int}",
        "app.Route.endpoint",
        "app.py:12",
        *("pet", "block=False"),
    ]
    assert json.loads(invoke("routes", "app.py:api", "--json").output)[0]["path"] == "/pets/{id:int}"


def test_routes_of_nothing_are_one_line() -> None:
    shown = invoke("routes", "nothing.py")
    assert shown.exit_code == 1
    assert shown.stderr == "Error: nothing.py does not exist. Name a file that makes an API, such as app.py.\n"


def test_the_version_is_that_of_the_package() -> None:
    assert invoke("--version").output == f"responder, version {version('responder')}\n"
