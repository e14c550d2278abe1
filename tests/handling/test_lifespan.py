from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

import responder
from responder import ConfigurationError, Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from responder.types import Message


def live(api: responder.API) -> None:
    """Start and stop an API."""
    with api.session():
        pass


def converse(api: responder.API) -> list[Message]:
    """Speak the lifespan protocol as a server does, which has no way to be told an exception itself."""
    sent: list[Message] = []
    arriving: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(api({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send))
    return sent


def test_events_run_around_the_requests_in_the_order_of_declaration(api: responder.API) -> None:
    log: list[str] = []

    @api.on_event("startup")
    def first() -> None:
        log.append("first")

    @api.on_event("startup")
    async def second() -> None:
        log.append("second")

    @api.on_event("shutdown")
    async def third() -> None:
        log.append("third")

    @api.on_event("shutdown")
    def fourth() -> None:
        log.append("fourth")

    api.add_route("/", lambda req, resp: log.append("view"))
    with api.session() as session:
        session.get("/")
    assert log == ["first", "second", "view", "third", "fourth"]


def test_a_lifespan_and_events_work_together() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(api: responder.API) -> AsyncIterator[None]:
        log.append("enter")
        yield
        log.append("exit")

    api = responder.API(lifespan=lifespan)
    api.on_event("startup")(lambda: log.append("startup"))
    api.on_event("shutdown")(lambda: log.append("shutdown"))
    live(api)
    assert log == ["startup", "enter", "exit", "shutdown"]


def test_a_lifespan_gets_the_api_and_fills_its_state() -> None:
    @asynccontextmanager
    async def lifespan(api: responder.API) -> AsyncIterator[dict[str, Any]]:
        api.state.set_by_hand = 1
        yield {"yielded": 2}

    api = responder.API(lifespan=lifespan)

    @api.route("/")
    async def view(req: Request, resp: Response) -> list[int]:
        return [req.api.state.set_by_hand, api.state.yielded]

    with api.session() as session:
        assert session.get("/").json() == [1, 2]


def test_the_lifespan_ends_after_the_last_request() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(api: responder.API) -> AsyncIterator[None]:
        yield
        log.append("closed")

    api = responder.API(lifespan=lifespan)

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.background(work)

    async def work() -> None:
        await asyncio.sleep(0)
        log.append("background work")

    with api.session() as session:
        session.get("/")
    assert log == ["background work", "closed"]


@pytest.mark.parametrize("event", ["start", "Startup", "", None])
def test_an_unknown_event_is_refused(api: responder.API, event: Any) -> None:
    with pytest.raises(ConfigurationError, match="Known: startup, shutdown"):
        api.on_event(event)(lambda: None)


def test_an_event_handler_that_cannot_be_called_is_refused(api: responder.API) -> None:
    with pytest.raises(ConfigurationError, match="An event handler is a function, not 42"):
        api.on_event("startup")(42)  # type: ignore[type-var] # the mistake


def test_a_lifespan_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="lifespan is a function, not 42"):
        responder.API(lifespan=42)  # type: ignore[arg-type] # the mistake


def test_on_event_gives_the_function_back(api: responder.API) -> None:
    def function() -> None: ...

    assert api.on_event("startup")(function) is function


def test_a_healthy_life_is_told_to_the_server(api: responder.API) -> None:
    assert converse(api) == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


def test_a_start_up_failure_is_told_in_one_line_with_its_place(api: responder.API) -> None:
    @api.on_event("startup")
    async def connect() -> None:
        raise ConnectionError("no database\nat  db.example")

    (message,) = converse(api)
    assert message["type"] == "lifespan.startup.failed"
    line = connect.__code__.co_firstlineno + 2
    reason = f"The startup failed at {__file__}:{line}: ConnectionError: no database at db.example"
    assert message["message"] == reason


def test_a_start_up_failure_comes_out_of_the_test_client_as_itself(api: responder.API) -> None:
    @api.on_event("startup")
    def connect() -> None:
        raise ConnectionError("no database")

    with pytest.raises(ConnectionError, match="no database"):
        live(api)


def test_a_failing_lifespan_is_a_start_up_failure() -> None:
    @asynccontextmanager
    async def lifespan(api: responder.API) -> AsyncIterator[None]:
        if api.routes == []:
            raise ConnectionError("no database")
        yield

    (message,) = converse(responder.API(lifespan=lifespan))
    assert message["type"] == "lifespan.startup.failed"


def test_what_is_no_context_manager_is_a_start_up_failure() -> None:
    (message,) = converse(responder.API(lifespan=lambda api: 42))  # type: ignore[arg-type,return-value] # the mistake
    assert message["type"] == "lifespan.startup.failed"
    assert "TypeError" in message["message"]


def test_a_shutdown_failure_is_told_and_the_other_functions_run_all_the_same(api: responder.API) -> None:
    log: list[str] = []

    @api.on_event("shutdown")
    def fail() -> None:
        raise OSError("disk full")

    api.on_event("shutdown")(lambda: log.append("second"))
    started, ended = converse(api)
    assert started == {"type": "lifespan.startup.complete"}
    assert ended["type"] == "lifespan.shutdown.failed"
    assert "OSError: disk full" in ended["message"]
    assert log == ["second"]


def test_an_error_without_a_traceback_has_no_place(api: responder.API, monkeypatch: pytest.MonkeyPatch) -> None:
    from responder.handling import lifespan

    assert lifespan._place(ValueError("never raised")) == "an unknown place"


def test_an_api_may_live_several_times(api: responder.API) -> None:
    log: list[str] = []
    api.on_event("startup")(lambda: log.append("startup"))
    api.on_event("shutdown")(lambda: log.append("shutdown"))
    api.add_route("/", lambda req, resp: "served")
    for _ in range(2):
        with api.session() as session:
            assert session.get("/").text == "served"
    assert log == ["startup", "shutdown"] * 2


def test_a_server_without_a_lifespan_is_served_too(api: responder.API, call: Any) -> None:
    api.add_route("/", lambda req, resp: "served")
    assert call(api).body == b"served"
