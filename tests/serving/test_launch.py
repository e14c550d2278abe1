"""Which way `serve` goes."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from responder.errors import ConfigurationError
from responder.serving import launch, serve, supervisor
from responder.serving.service import Service

if TYPE_CHECKING:
    from pathlib import Path

    from responder.serving.loader import Application


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Collect what would be served or supervised."""
    collected: list[tuple[Any, ...]] = []

    def record_serve(service: Service, api: Application, *, announce: Any) -> None:
        announce()
        collected.append(("serve", service, api))

    def record_supervise(service: Service, target: str, *, reload: bool) -> None:
        collected.append(("supervise", service, target, reload))

    monkeypatch.setattr(Service, "serve", record_serve)
    monkeypatch.setattr(supervisor, "supervise", record_supervise)
    return collected


def test_an_api_in_hand_is_served_here(
    api: Any, calls: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    serve(api, port=0, debug=True, access_log=True, backlog=7)
    [(way, service, served)] = calls
    assert (way, served) == ("serve", api)
    assert (service.workers, service.debug, service.access_log, service.grace) == (1, True, True, 30.0)
    assert service.options == {"backlog": 7}
    assert capsys.readouterr().out.startswith("Serving the API on http://127.0.0.1:")


def test_a_target_is_loaded_and_served_here(api: Any, calls: list[tuple[Any, ...]]) -> None:
    serve("app.py", port=0)
    assert calls[0][0] == "serve"
    assert calls[0][2] is api


def test_workers_and_reloading_are_supervised(
    api: Any, calls: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    serve("app.py", port=0, workers=2)
    assert (calls[0][0], *calls[0][2:]) == ("supervise", "app.py", False)
    script = ModuleType("__main__")
    script.__file__ = str(tmp_path / "app.py")
    script.__dict__["api"] = api
    monkeypatch.setitem(sys.modules, "__main__", script)
    serve(api, port=0, reload=True)
    assert (calls[1][0], *calls[1][2:]) == ("supervise", f"{tmp_path}/app.py:api", True)


def test_a_module_that_is_being_loaded_serves_nothing(app: Path, calls: list[tuple[Any, ...]]) -> None:
    app.write_text(app.read_text() + "\nfrom responder.serving import serve\nserve(api, port=0)\n")
    serve("app.py", port=0)
    assert len(calls) == 1


def test_a_worker_process_serves_nothing_else(
    api: Any, calls: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiprocessing.current_process(), "name", "responder-worker")
    serve(api, port=0)
    assert calls == []


def test_an_event_loop_that_runs_is_refused(api: Any) -> None:
    async def main() -> None:
        options: dict[str, Any] = {"access_log": False, "options": {}, "grace": 1, "server": "granian"}
        launch.launch(api, host=None, port=0, workers=1, reload=False, debug=None, **options)

    with pytest.raises(ConfigurationError, match=r"^An event loop runs already, and a server has its own."):
        asyncio.run(main())
