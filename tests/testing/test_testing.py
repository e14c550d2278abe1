from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from responder import testing

if TYPE_CHECKING:
    from collections.abc import Callable

    from responder.types import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotImplementedError


@pytest.mark.parametrize(("make", "library"), [(testing.session, "requests"), (testing.client, "httpx2")])
def test_a_missing_library_is_named_with_the_way_to_get_it(
    make: Callable[..., Any], library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    for module in ("adapter", "body", "transport"):
        monkeypatch.delitem(sys.modules, f"responder.testing.{module}", raising=False)
    message = rf"The test client needs {library}: pip install 'responder\[test\]'"
    with pytest.raises(ModuleNotFoundError, match=message) as caught:
        make(app)
    assert caught.value.name == library


def test_another_missing_module_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "urllib3", None)
    for module in ("adapter", "body"):
        monkeypatch.delitem(sys.modules, f"responder.testing.{module}", raising=False)
    with pytest.raises(ModuleNotFoundError, match="urllib3"):
        testing.session(app)


def test_importing_the_package_loads_no_client_library() -> None:
    script = "import sys, responder.testing; print({'requests', 'httpx2', 'urllib3'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - our own interpreter and script
    assert done.stdout.strip() == "set()"


def test_the_classes_are_found_when_they_are_asked_for() -> None:
    import httpx2
    import requests

    assert issubclass(testing.Session, requests.Session)
    assert issubclass(testing.AsyncClient, httpx2.AsyncClient)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        testing.nonsense  # noqa: B018 - reading is what fails
