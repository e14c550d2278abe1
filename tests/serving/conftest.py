"""An application file that the tests write and serve; it needs nothing of the package but the protocol."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from responder.serving.loader import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = """
import asyncio
import os
import sys

from responder import Limits


class Route:
    path = "/pets/{id:int}"
    methods = frozenset({"PUT", "GET"})
    name = "pet"
    place = "app.py:12"
    options = {"block": False}

    def endpoint(req, resp):
        pass


class API:
    def __init__(self, state=None):
        self.debug = False
        self.limits = Limits()
        self.routes = [Route()]
        self.state = state or {}
        self.running = set()
        self.drained = None

    def begin_drain(self, grace):
        self.drained = grace
        if not os.environ.get("STUBBORN"):
            for task in self.running:
                task.cancel()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self.live(scope, receive, send)
            return
        task = asyncio.current_task()
        self.running.add(task)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        try:
            while scope["path"] == "/endless":
                await send({"type": "http.response.body", "body": b"tick", "more_body": True})
                await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            if os.environ.get("STUBBORN"):
                raise
        body = f"{os.getpid()} {self.debug} {scope.get('state')} {ANSWER}"
        await send({"type": "http.response.body", "body": body.encode()})
        self.running.discard(task)

    async def live(self, scope, receive, send):
        await receive()
        if "FAIL" in os.environ:
            await send({"type": "lifespan.startup.failed", "message": os.environ["FAIL"]})
            return
        scope["state"].update(self.state)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("shut down\\n", end="", flush=True)
        await send({"type": "lifespan.shutdown.complete"})


ANSWER = "first"
api = API()
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give the application's file."""
    file = tmp_path / "app.py"
    file.write_text(SOURCE)
    return file


@pytest.fixture(autouse=True)
def _as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in the test's directory, without `PORT`, and forget the modules that the test imported from it."""
    monkeypatch.delenv("PORT", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def api(app: Path) -> Any:
    """Give the application of the file, in this process."""
    return load(str(app))
