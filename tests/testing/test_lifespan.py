from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from responder.testing import LifespanError, ProtocolError, signals
from responder.testing.lifespan import Lifespan

if TYPE_CHECKING:
    from responder.types import ASGIApp, Receive, Scope, Send

COMPLETE = {"type": "lifespan.startup.complete"}


def live(app: ASGIApp) -> BaseException | None:
    async def main() -> BaseException | None:
        lifespan = Lifespan(app)
        await lifespan.start()
        failure = await lifespan.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return failure

    return asyncio.run(main())


def sending(*messages: dict[str, Any], error: Exception | None = None, report: Exception | None = None) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if report is not None:
            scope["responder"](report)
        for message in messages:
            if message["type"].startswith("lifespan.shutdown"):
                assert (await receive())["type"] == "lifespan.shutdown"
            await send(message)
        if error is not None:
            raise error

    return app


def test_the_scope_says_what_the_protocol_asks() -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        assert (await receive())["type"] == "lifespan.startup"
        await send(COMPLETE)

    live(app)
    assert callable(scopes[0].pop("responder"))
    assert scopes[0] == {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}


def test_both_phases_complete() -> None:
    assert live(sending(COMPLETE, {"type": "lifespan.shutdown.complete"})) is None


@pytest.mark.parametrize("app", [sending(), sending(error=NotImplementedError())], ids=["returns", "raises"])
def test_an_application_without_lifespan_is_fine(app: ASGIApp) -> None:
    assert live(app) is None


def test_an_application_that_cancels_itself_has_no_lifespan() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    assert live(app) is None


def test_a_lifespan_that_was_never_started_has_nothing_to_stop() -> None:
    assert asyncio.run(Lifespan(sending()).stop()) is None


def test_a_failed_start_up_raises_its_message() -> None:
    with pytest.raises(LifespanError, match="The startup of the application failed: no database"):
        live(sending({"type": "lifespan.startup.failed", "message": "no database"}))


def test_a_failed_start_up_raises_the_exception_behind_it() -> None:
    error = OSError("no database")
    with pytest.raises(OSError, match="no database") as caught:
        live(sending({"type": "lifespan.startup.failed"}, report=error, error=ValueError("after it")))
    assert caught.value is error


def test_an_exit_during_start_up_is_raised() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        live(app)


def test_a_start_up_that_waits_after_it_failed_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "GRACE", 0.05)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"})
        await receive()

    with pytest.raises(LifespanError, match=r"failed: $"):
        live(app)


def test_a_start_up_that_is_cancelled_ends_the_application() -> None:
    ended: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def main() -> None:
        starting = asyncio.ensure_future(Lifespan(app).start())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert ended == ["cancelled"]

    asyncio.run(main())


def test_a_failed_shutdown_is_given() -> None:
    failure = live(sending(COMPLETE, {"type": "lifespan.shutdown.failed", "message": "queue not empty"}))
    assert isinstance(failure, LifespanError)
    assert str(failure) == "The shutdown of the application failed: queue not empty"


def test_an_exception_while_serving_is_given_at_the_shutdown() -> None:
    error = OSError("the pool is gone")
    assert live(sending(COMPLETE, error=error)) is error


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([COMPLETE, COMPLETE], "'lifespan.startup.complete' during its startup"),
        ([COMPLETE, {"type": "lifespan.shutdown.complete"}, COMPLETE], "'lifespan.startup.complete' during its shut"),
    ],
)
def test_a_message_out_of_turn_is_given_at_the_shutdown(messages: list[dict[str, Any]], complaint: str) -> None:
    failure = live(sending(*messages))
    assert isinstance(failure, ProtocolError)
    assert complaint in str(failure)


def test_a_message_out_of_turn_fails_the_start_up() -> None:
    with pytest.raises(ProtocolError, match="'nonsense' during its startup"):
        live(sending({"type": "nonsense"}))
