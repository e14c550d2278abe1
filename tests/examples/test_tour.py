from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from responder.testing import Session


def test_hello_greets_the_world(session: Session) -> None:
    answer = session.get("/hello")
    assert (answer.status_code, answer.text, answer.headers["X-Life"]) == (200, "hello, world!", "42")


def test_every_answer_has_the_header_of_the_hook(session: Session) -> None:
    assert {session.get(path).headers["X-Pizza"] for path in ("/", "/hello", "/no/such/path")} == {"42"}


def test_everything_that_the_home_page_names_is_there(session: Session) -> None:
    named: list[str] = session.get("/").json()["try"]
    paths = [path for path in named if path.startswith("/")]
    assert len(paths) == len(named) - 1
    assert {session.get(path).status_code for path in paths} == {200}


def test_parameters_are_converted(session: Session) -> None:
    assert session.get("/add/40/2").json() == {"a": 40, "b": 2, "sum": 42}


def test_json_comes_back(session: Session) -> None:
    assert session.post("/echo", json=["pizza"]).json() == {"you sent": ["pizza"]}


def test_cookies_are_set_and_read(session: Session) -> None:
    assert session.get("/cookies/set").json() == {"hello": "world", "visited": "yes"}


def test_the_nap_comes_after_the_answer(
    example: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(example, "NAP_SECONDS", 0)
    with example.api.session() as session:
        assert session.get("/background").text == "processing"
    assert capfd.readouterr().out == "Slept for 0 seconds.\n"
