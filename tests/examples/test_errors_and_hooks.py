from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from responder.testing import Session

BOB = {"Authorization": "Bearer bob-token"}


def test_a_request_without_a_token_ends_in_the_hook(session: Session) -> None:
    answer = session.post("/withdraw/5")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["detail"] == "Send a token."


def test_a_user_withdraws(session: Session) -> None:
    assert session.post("/withdraw/4", headers=BOB).json() == {"balance": 6}


def test_an_exception_of_the_service_has_a_handler(session: Session) -> None:
    answer = session.post("/withdraw/11", headers=BOB)
    assert answer.status_code == 409
    assert answer.json() == {"status": 409, "title": "Out of credit", "balance": 10}


def test_abort_ends_the_request(session: Session) -> None:
    answer = session.post("/withdraw/0", headers=BOB)
    assert (answer.status_code, answer.json()["detail"]) == (422, "Withdraw at least 1.")


def test_a_problem_has_members_and_headers(session: Session) -> None:
    answer = session.get("/maintenance")
    assert (answer.headers["Content-Type"], answer.headers["Retry-After"]) == ("application/problem+json", "3600")
    assert answer.json() == {"status": 503, "title": "Closed on Sundays", "opens": "Monday"}


def test_a_mistake_shows_nothing_of_the_inside(session: Session) -> None:
    assert session.get("/mistake").json() == {"status": 500, "title": "Internal Server Error"}


def test_a_status_has_a_handler(session: Session) -> None:
    answer = session.get("/nowhere")
    assert (answer.status_code, answer.text) == (404, "Nothing to see here.")


def test_every_response_passes_the_after_hook(session: Session) -> None:
    answers = [session.get(path) for path in ("/maintenance", "/mistake", "/nowhere")]
    assert {answer.headers["X-Content-Type-Options"] for answer in answers} == {"nosniff"}


def test_every_request_is_measured(session: Session, capfd: pytest.CaptureFixture[str]) -> None:
    session.get("/maintenance")
    session.get("/nowhere")
    lines = capfd.readouterr().out.splitlines()
    assert [line.partition(" took ")[0] for line in lines] == ["GET /maintenance", "GET /nowhere"]
