from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from responder.testing import Session


@pytest.fixture(autouse=True)
def add_note(session: Session) -> None:
    session.post("/notes", json={"text": "buy flour", "tags": ["shop"]})


def test_a_new_note_says_where_it_is(session: Session) -> None:
    answer = session.post("/notes", json={"text": "bake"})
    assert (answer.status_code, answer.headers["Location"]) == (201, "/notes/2")
    assert answer.json() == {"text": "bake", "tags": [], "number": 2, "version": 1}


def test_notes_are_listed_by_tag(session: Session) -> None:
    session.post("/notes", json={"text": "bake"})
    listed = [session.get("/notes", params=params).json() for params in ({}, {"tag": "shop"}, {"tag": "x"})]
    assert [[note["number"] for note in notes] for notes in listed] == [[1, 2], [1], []]


def test_a_note_that_does_not_fit_is_told_where(session: Session) -> None:
    answer = session.post("/notes", json={"text": "bake", "tags": [1]})
    assert answer.status_code == 422
    assert "$.tags[0]" in answer.json()["detail"]


def test_a_note_that_the_client_has_is_not_sent_again(session: Session) -> None:
    first = session.get("/notes/1")
    again = session.get("/notes/1", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, first.json()["text"]) == (200, "buy flour")
    assert (again.status_code, again.content) == (304, b"")


def test_only_the_version_that_was_read_is_changed(session: Session) -> None:
    tag = session.get("/notes/1").headers["ETag"]
    answers = [
        session.put("/notes/1", json={"text": text}, headers={"If-Match": tag}) for text in ("buy rye", "buy wheat")
    ]
    assert [answer.status_code for answer in answers] == [200, 412]
    assert answers[0].headers["ETag"] != tag
    assert session.get("/notes/1").json()["text"] == "buy rye"


def test_a_deleted_note_is_gone(session: Session) -> None:
    assert [session.delete("/notes/1").status_code for _ in range(2)] == [204, 404]
    assert session.get("/notes/1").json()["detail"] == "There is no note 1."
