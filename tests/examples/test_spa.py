from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from responder.testing import Session

FOLDER = Path(__file__).parents[2] / "examples" / "spa"
PAGE = {"Accept": "text/html"}


@pytest.mark.parametrize("path", ["/", "/pets/2", "/new", "/no/such/page"])
def test_every_address_of_the_app_is_the_page(session: Session, path: str) -> None:
    assert session.get(path, headers=PAGE).text == (FOLDER / "index.html").read_text()


def test_the_api_lists_shows_and_adds_pets(session: Session) -> None:
    assert [pet["name"] for pet in session.get("/api/pets").json()] == ["Rex", "Mia", "Bubbles"]
    added = session.post("/api/pets", json={"name": "Ada", "kind": "parrot"})
    assert (added.status_code, added.headers["Location"]) == (201, "/api/pets/4")
    assert session.get("/api/pets/4").json() == {"id": 4, "name": "Ada", "kind": "parrot"}
    assert session.post("/api/pets", json={"name": "Ada"}).status_code == 422


def test_what_the_api_does_not_have_is_a_problem(session: Session) -> None:
    for path in ("/api/pets/99", "/api/missing"):
        answer = session.get(path, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_the_assets_of_the_page_are_there_and_their_names_tell_their_content(session: Session) -> None:
    assets = re.findall(r'"(/assets/[^"]+)"', (FOLDER / "index.html").read_text())
    assert len(assets) == 2
    for asset in assets:
        answer = session.get(asset)
        assert sha256(answer.content).hexdigest()[:12] in asset
        assert "immutable" in answer.headers["Cache-Control"]
