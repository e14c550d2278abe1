from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from responder.testing import Session


@pytest.fixture
def example(load: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give the example with its file in a folder that goes with the test."""
    monkeypatch.setenv("SESSIONS", str(tmp_path / "sessions.db"))
    example = load("sessions")
    yield example
    asyncio.run(example.store.close())


def test_a_guest_logs_in_and_writes(session: Session) -> None:
    assert "Hello, Ada!" in session.post("/login", data={"user": "Ada"}).text
    page = session.post("/entries", data={"text": "Lovely."}).text
    assert "You have written 1 entry." in page
    assert "<li>Ada: Lovely.</li>" in page


def test_who_has_not_logged_in_writes_nothing(session: Session) -> None:
    assert session.post("/entries", data={"text": "Spam."}).status_code == 401
    assert "Spam" not in session.get("/").text


def test_logging_out_ends_the_session_on_the_server(session: Session) -> None:
    session.post("/login", data={"user": "Ada"})
    cookie = session.cookies["Responder-Session"]
    assert "Log in" in session.post("/logout").text
    session.cookies.clear()
    assert "Log in" in session.get("/", headers={"Cookie": f"Responder-Session={cookie}"}).text


def test_logging_in_gives_a_new_id(session: Session) -> None:
    session.post("/login", data={"user": "Ada"})
    before = session.cookies["Responder-Session"]
    session.post("/login", data={"user": "Grace"})
    assert session.cookies["Responder-Session"] != before


def test_what_guests_write_is_escaped(session: Session) -> None:
    session.post("/login", data={"user": "<b>Ada</b>"})
    assert "<b>" not in session.post("/entries", data={"text": "<b>bold</b>"}).text
