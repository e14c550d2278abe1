"""The server's side of the lifespan."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from responder.serving.life import Lifespan, StartupFailed, share

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from responder.types import ASGIApp, Message, Receive, Scope, Send


def application(*answers: Message, last: Exception | None = None) -> ASGIApp:
    """Make an application that gives an answer to each message and then ends."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        scope["state"]["pool"] = 1
        for answer in answers:
            await receive()
            await send(answer)
        if last is not None:
            raise last

    return app


STARTED = {"type": "lifespan.startup.complete"}
ENDED = {"type": "lifespan.shutdown.complete"}


def play(app: ASGIApp, act: Callable[[Lifespan], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        return await act(Lifespan(app))

    return asyncio.run(main())


async def start_and_end(life: Lifespan) -> tuple[dict[str, Any], str]:
    await life.startup()
    return life.state, await life.shutdown()


def test_a_life_has_a_start_and_an_end() -> None:
    assert play(application(STARTED, ENDED), start_and_end) == ({"pool": 1}, "")


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (application({"type": "lifespan.startup.failed", "message": "no\ndatabase"}), "no database"),
        (application({"type": "lifespan.startup.failed"}), "the application gave no reason"),
        (application(last=OSError("no\nnetwork")), "OSError: no network"),
        (application(), "the application gave no reason"),
    ],
)
def test_a_failed_start_has_a_reason_on_one_line(app: ASGIApp, reason: str) -> None:
    with pytest.raises(StartupFailed) as caught:
        play(app, Lifespan.startup)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (application(STARTED, {"type": "lifespan.shutdown.failed", "message": "not saved"}), "not saved"),
        (application(STARTED, ENDED, last=OSError("too late")), ""),
        (application(STARTED, last=OSError("gone")), "OSError: gone"),
    ],
)
def test_a_failed_end_has_a_reason_on_one_line(app: ASGIApp, reason: str) -> None:
    assert play(app, start_and_end)[1] == reason


def test_what_has_ended_already_needs_no_shutdown() -> None:
    async def act(life: Lifespan) -> str:
        await life.startup()
        await asyncio.sleep(0)
        return await life.shutdown()

    assert play(application(STARTED), act) == ""
    assert play(application(), Lifespan.shutdown) == ""


def test_a_message_before_the_start_changes_nothing() -> None:
    life = Lifespan(application())
    asyncio.run(life._send(STARTED))


def test_more_messages_than_asked_for_change_nothing() -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(STARTED)
        await send(STARTED)
        await receive()
        await send(ENDED)

    assert play(app, start_and_end)[1] == ""


def test_a_start_without_end_can_be_cancelled() -> None:
    cancelled = []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def act(life: Lifespan) -> None:
        await life.cancel()
        starting = asyncio.ensure_future(life.startup())
        await asyncio.sleep(0.01)
        await life.cancel()
        with pytest.raises(StartupFailed, match="the application gave no reason"):
            await starting

    play(app, act)
    assert cancelled == [True]


def test_state_is_in_every_scope_and_costs_nothing_when_there_is_none() -> None:
    seen: list[dict[str, Any]] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["state"])
        scope["state"]["mine"] = True

    async def nothing(*_message: Any) -> Any:
        raise NotImplementedError

    assert share(app, {}) is app
    state = {"pool": 1}
    for _ in range(2):
        asyncio.run(share(app, state)({}, nothing, nothing))  # type: ignore[arg-type]  # a coroutine function here
    assert seen == [{"pool": 1, "mine": True}] * 2
    assert state == {"pool": 1}
