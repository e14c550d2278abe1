from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import responder
from responder import Request, Response, Threads

if TYPE_CHECKING:
    from responder.testing import Session


def test_a_function_runs_after_the_response(api: responder.API) -> None:
    release = threading.Event()
    done: list[str] = []

    def work(name: str) -> None:
        release.wait(timeout=10)
        done.append(name)

    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        resp.background(work, "sync")
        resp.content = "processing"

    with api.session() as session:
        assert session.get("/").text == "processing"
        assert done == []
        release.set()
    assert done == ["sync"]


def test_a_sync_function_runs_on_a_worker_thread_and_an_async_one_on_the_loop(api: responder.API) -> None:
    places: list[str] = []

    async def work() -> None:
        asyncio.get_running_loop()
        places.append("loop")

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.background(lambda: places.append(threading.current_thread().name))
        resp.background(work)

    with api.session() as session:
        session.get("/")
    assert sorted(place.rstrip("12") for place in places) == ["loop", "responder-worker-"]


def test_a_partial_that_gives_a_coroutine_is_awaited(api: responder.API) -> None:
    done: list[str] = []

    async def work(name: str) -> None:
        done.append(name)

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.background(lambda: work("lambda"))

    with api.session() as session:
        session.get("/")
    assert done == ["lambda"]


def test_several_functions_run(api: responder.API) -> None:
    done: list[int] = []

    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        for number in range(3):
            resp.background(done.append, number)

    with api.session() as session:
        session.get("/")
    assert sorted(done) == [0, 1, 2]


@pytest.mark.parametrize("is_async", [True, False])
def test_a_failure_is_one_record_in_the_log_and_hurts_nobody(
    api: responder.API,
    session: Session,
    caplog: pytest.LogCaptureFixture,
    is_async: bool,  # noqa: FBT001 - pytest hands it over
) -> None:
    def work() -> None:
        raise ValueError("in the background")

    async def async_work() -> None:
        work()

    @api.route("/")
    def view(req: Request, resp: Response) -> str:
        resp.background(async_work if is_async else work)
        return "fine"

    assert session.get("/").text == "fine"
    session.close()
    (record,) = caplog.records
    assert record.getMessage().startswith("Background function test_a_failure_is_one_record")
    assert "in the background" in caplog.text


def test_an_object_without_a_name_is_logged_by_what_it_is(
    api: responder.API, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    class Work:
        def __call__(self) -> None:
            raise ValueError("in the background")

        def __repr__(self) -> str:
            return "<Work>"

    api.add_route("/", lambda req, resp: resp.background(Work()))
    session.get("/")
    session.close()
    assert caplog.messages == ["Background function <Work> failed."]


def test_it_does_not_run_when_the_request_fails(api: responder.API, session: Session) -> None:
    done: list[str] = []

    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        resp.background(done.append, "view")
        raise ValueError("no")

    session.get("/")
    session.close()
    assert done == []


def test_a_handler_of_the_failure_may_start_its_own(api: responder.API, session: Session) -> None:
    done: list[str] = []

    @api.exception_handler(ValueError)
    def handle(req: Request, resp: Response, error: ValueError) -> None:
        resp.background(done.append, "handler")

    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        resp.background(done.append, "view")
        raise ValueError("no")

    session.get("/")
    session.close()
    assert done == ["handler"]


def test_it_does_not_run_when_the_stream_fails(api: responder.API, session: Session) -> None:
    done: list[str] = []

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.background(done.append, "view")

        @resp.stream
        async def pieces() -> Any:
            yield "one"
            raise ValueError("no")

    with suppress(Exception):
        session.get("/")
    session.close()
    assert done == []


def test_it_runs_after_a_stream(api: responder.API, session: Session) -> None:
    log: list[str] = []

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.background(log.append, "background")

        @resp.stream
        def pieces() -> Any:
            yield "one"
            log.append("streamed")

    assert session.get("/").text == "one"
    session.close()
    assert log == ["streamed", "background"]


@pytest.mark.parametrize("function", [None, "work", 42])
def test_what_cannot_be_called_is_refused(api: responder.API, function: Any) -> None:
    api.add_route("/", lambda req, resp: resp.background(function))
    with api.session() as session, pytest.raises(TypeError, match=r"resp\.background takes a function"):
        session.get("/")


def test_more_work_than_threads_and_queue_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responder.handling.in_flight._FULL_SECONDS", 0)
    api = responder.API(threads=Threads(workers=1, queue=1))
    done: list[int] = []

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        for number in range(10):
            resp.background(done.append, number)

    with api.session() as session:
        session.get("/")
    assert sorted(done) == list(range(10))
