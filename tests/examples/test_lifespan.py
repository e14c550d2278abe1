from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from responder.testing import Session


def test_visits_are_counted_for_each_name(session: Session) -> None:
    counts = [session.get(f"/visit/{name}").json()["visits"] for name in ("ada", "bob", "ada")]
    assert counts == [1, 1, 2]


def test_the_database_lives_as_long_as_the_api(example: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with example.api.session() as session:
        session.get("/visit/ada")
    with pytest.raises(sqlite3.ProgrammingError):
        example.api.state.database.execute("select 1")
    assert capfd.readouterr().out == "Starting.\nEvery request is over, and the database is closed.\n"
