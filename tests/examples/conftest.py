"""Examples are scripts and no package, so each is loaded by its path, afresh for every test that asks for it."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from responder.testing import Session

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Give a function that loads the example of a name and gives its module."""

    def load(name: str) -> Any:
        spec = spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)  # where models look up their annotations
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def example(request: pytest.FixtureRequest, load: Callable[[str], Any]) -> Any:
    """Give the example that the test file is named after: `test_tour.py` has `examples/tour.py`."""
    return load(request.path.stem.removeprefix("test_"))


@pytest.fixture
def session(example: Any) -> Iterator[Session]:
    """Give a session that shows failures as the client sees them: as responses."""
    with example.api.session(raise_exceptions=False) as session:
        yield session
