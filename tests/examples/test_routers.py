from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from responder.testing import Session

KEY = {"X-Key": "sesame"}


def test_a_converter_gives_a_date_and_url_for_writes_one(session: Session) -> None:
    assert session.get("/v1/diary/2026-02-28").json() == {"weekday": "Saturday", "next": "/v1/diary/2026-03-01"}


def test_a_literal_segment_beats_a_parameter(session: Session) -> None:
    assert session.get("/v1/diary/today").text == "today"


@pytest.mark.parametrize("path", ["/v1/diary/2026-02-30", "/elsewhere", "/"])
def test_the_default_route_answers_what_no_other_takes(session: Session, path: str) -> None:
    assert session.get(path).text == f"Nothing special at {path}."


def test_the_hook_of_a_router_is_for_its_own_routes(session: Session) -> None:
    answers = [session.get(path) for path in ("/v1/diary/today", "/v1/admin/users", "/elsewhere")]
    assert [answer.headers.get("X-API-Version") for answer in answers] == ["1", "1", None]


def test_a_router_is_locked_by_its_before_hook(session: Session) -> None:
    locked, opened = (session.get("/v1/admin/users", headers=headers) for headers in ({}, KEY))
    assert (locked.status_code, locked.headers["WWW-Authenticate"]) == (401, "Key")
    assert opened.json() == ["ada", "grace"]


def test_a_class_answers_the_methods_that_it_has(session: Session) -> None:
    assert session.delete("/v1/admin/users", headers=KEY).status_code == 204
    refused = session.post("/v1/admin/users", headers=KEY)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD, DELETE, OPTIONS")


def test_a_path_parameter_takes_the_rest(session: Session) -> None:
    assert session.get("/v1/admin/files/a/b.txt", headers=KEY).json() == {"path": "a/b.txt"}


def test_paths_are_made_from_names(example: Any) -> None:
    assert example.api.url_for("file", path="a/b c") == "/v1/admin/files/a/b%20c"
    assert example.api.url_for(example.show_day, day=date(2026, 1, 2)) == "/v1/diary/2026-01-02"
