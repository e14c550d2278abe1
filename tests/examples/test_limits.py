from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from responder.testing import Session


def add(session: Session, word: str, key: str | None = None) -> int:
    headers = {"Content-Encoding": "gzip"} | ({"X-API-Key": key} if key else {})
    return session.post("/words", data=gzip.compress(json.dumps([word]).encode()), headers=headers).status_code


def test_words_come_compressed(session: Session) -> None:
    response = session.get("/words", headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.text.startswith("a0\na1\na10\n")


def test_words_are_sent_compressed(session: Session) -> None:
    assert add(session, "apple") == 201
    assert "apple" in session.get("/words/a").json()


def test_a_key_may_add_five_times_a_minute(session: Session) -> None:
    assert [add(session, "pear", "one") for _ in range(6)] == [201] * 5 + [429]
    assert add(session, "pear", "another") == 201
    assert [add(session, "pear") for _ in range(6)] == [201] * 6


def test_everybody_is_told_what_remains(session: Session) -> None:
    response = session.get("/words/none")
    assert response.headers["RateLimit-Policy"] == '"default";q=100;w=60'
    assert response.headers["RateLimit"] == '"default";r=99;t=1'


def test_a_secret_is_not_compressed(session: Session) -> None:
    response = session.get("/token", params={"name": "me"}, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in response.headers
    assert response.json()["for"] == "me"
