"""Clients that leave, and servers that end, while requests are under way."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import responder
from responder.config import Limits
from responder.exchange import body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from responder import Request, Response
    from responder.handling.in_flight import Board
    from responder.types import Message

FOREVER = 10
"""Seconds after which a test that hangs fails."""


class Connection:
    """One request to an API, driven by hand: the test decides what arrives and when."""

    def __init__(self, api: responder.API, method: str = "GET") -> None:
        self.arriving: asyncio.Queue[Message | Exception] = asyncio.Queue()
        self.receives = 0
        self.sent: list[Message] = []
        scope = {"type": "http", "method": method, "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
        self.task = asyncio.create_task(api(scope | {"scheme": "http", "root_path": ""}, self._receive, self._send))

    def upload(self, body: bytes, *, more_body: bool = False) -> None:
        self.arriving.put_nowait({"type": "http.request", "body": body, "more_body": more_body})

    def leave(self) -> None:
        self.arriving.put_nowait({"type": "http.disconnect"})

    async def end(self) -> None:
        """Wait until the application has returned; raises what it raised."""
        await asyncio.wait_for(self.task, FOREVER)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    async def _receive(self) -> Message:
        self.receives += 1
        arrived = await self.arriving.get()
        if isinstance(arrived, Exception):
            raise arrived
        return arrived

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        await asyncio.sleep(0)


def board_of(api: responder.API) -> Board:
    (board,) = api.boards.values()
    return board


async def until(is_true: Callable[[], object]) -> None:
    """Give the event loop turns until something has come true."""

    async def turn() -> None:
        while not is_true():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.001)

    await asyncio.wait_for(turn(), FOREVER)


async def watched(api: responder.API, connection: Connection) -> None:
    """Let a request last until it is watched."""
    await until(lambda: api.boards and board_of(api).live)
    for _ in range(2):
        board_of(api).sweep()
    await until(lambda: connection.receives)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, FOREVER))


@pytest.fixture
def log(api: responder.API) -> list[str]:
    """Give an API one view that waits for ever and notes how it ends."""
    log: list[str] = []

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            log.append("cleaned up")

    return log


# A client that leaves


def test_a_client_that_leaves_cancels_its_async_view(
    api: responder.API, log: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        connection = Connection(api)
        await watched(api, connection)
        connection.leave()
        await connection.end()
        assert connection.sent == []
        assert connection.task.cancelling() == 0

    run(test())
    assert log == ["cancelled", "cleaned up"]
    assert caplog.records == []


def test_a_request_is_watched_without_anybody_calling(
    api: responder.API, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("responder.handling.in_flight.SWEEP_SECONDS", 0)

    async def test() -> None:
        connection = Connection(api)
        connection.leave()
        await connection.end()

    run(test())
    assert log == ["cancelled", "cleaned up"]


def test_a_short_request_never_asks_what_the_client_does(api: responder.API, log: list[str]) -> None:
    async def test() -> None:
        connection = Connection(api)
        await until(lambda: api.boards and board_of(api).live)
        board_of(api).sweep()
        await asyncio.sleep(0)
        assert connection.receives == 0
        connection.task.cancel()
        await asyncio.wait({connection.task})

    run(test())


def test_a_request_is_watched_once(api: responder.API, log: list[str]) -> None:
    async def test() -> None:
        connection = Connection(api)
        await watched(api, connection)
        for _ in range(3):
            board_of(api).sweep()
        await asyncio.sleep(0)
        assert connection.receives == 1
        connection.leave()
        await connection.end()

    run(test())


def test_sweeping_ends_with_the_last_request_and_starts_with_the_next(api: responder.API) -> None:
    api.add_route("/", lambda req, resp: None, block=False)

    async def test() -> None:
        await Connection(api).end()
        board = board_of(api)
        armed = [board.is_armed]
        board.sweep()
        armed.append(board.is_armed)
        await Connection(api).end()
        armed.append(board.is_armed)
        assert armed == [True, False, True]
        assert not board.live

    run(test())


def test_a_receive_that_fails_counts_as_a_client_that_left(api: responder.API, log: list[str]) -> None:
    async def test() -> None:
        connection = Connection(api)
        await watched(api, connection)
        connection.arriving.put_nowait(OSError("connection reset"))
        await connection.end()

    run(test())
    assert log == ["cancelled", "cleaned up"]


def test_a_cancellation_that_is_not_the_clients_leaves_the_application(api: responder.API, log: list[str]) -> None:
    async def test() -> None:
        connection = Connection(api)
        await until(lambda: api.boards and board_of(api).live)
        await asyncio.sleep(0)
        connection.task.cancel()
        await asyncio.wait({connection.task})
        assert connection.task.cancelled()
        assert not board_of(api).live

    run(test())
    assert log == ["cancelled", "cleaned up"]


def test_a_view_may_finish_its_work_although_its_client_has_left(api: responder.API) -> None:
    done: list[str] = []

    @api.route("/")
    async def view(req: Request, resp: Response) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            done.append("finished")
        return "to nobody"

    async def test() -> None:
        connection = Connection(api)
        await watched(api, connection)
        connection.leave()
        await connection.end()

    run(test())
    assert done == ["finished"]


def test_a_sync_view_goes_on_to_its_end_when_its_client_leaves(api: responder.API) -> None:
    entered, release, done = threading.Event(), threading.Event(), threading.Event()

    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        entered.set()
        release.wait(FOREVER)
        done.set()

    async def test() -> None:
        connection = Connection(api)
        await until(entered.is_set)
        await watched(api, connection)
        connection.leave()
        await connection.end()
        assert not done.is_set()
        release.set()
        await api.boards.drain()

    run(test())
    assert done.is_set()


def test_a_stream_is_closed_and_its_clean_up_may_wait(api: responder.API) -> None:
    log: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.stream(pieces)

    async def test() -> None:
        connection = Connection(api)
        await watched(api, connection)
        connection.leave()
        await connection.end()
        assert connection.body == b"one"

    run(test())
    assert log == ["closed"]


def test_a_sync_stream_that_waits_is_closed_once_it_is_out_of_its_wait(api: responder.API) -> None:
    entered, release = threading.Event(), threading.Event()
    log: list[str] = []

    def pieces() -> Iterator[bytes]:
        try:
            yield b"one"
            entered.set()
            release.wait(FOREVER)
            log.append("waited")
            yield b"two"
        finally:
            log.append("closed")

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.stream(pieces)

    async def test() -> None:
        connection = Connection(api)
        await until(entered.is_set)
        await watched(api, connection)
        connection.leave()
        await connection.end()
        assert log == []
        release.set()
        await api.boards.drain()

    run(test())
    assert log == ["waited", "closed"]


def test_the_background_function_of_a_client_that_left_does_not_run(api: responder.API) -> None:
    log: list[str] = []

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.background(log.append, "background")
        await asyncio.Event().wait()

    async def test() -> None:
        connection = Connection(api)
        await watched(api, connection)
        connection.leave()
        await connection.end()
        await api.boards.drain()

    run(test())
    assert log == []


# What the watch meets on its way


def test_body_messages_that_the_watch_meets_are_kept_for_the_view(api: responder.API) -> None:
    async def test() -> None:
        go_on = asyncio.Event()

        @api.route("/")
        async def view(req: Request, resp: Response) -> bytes:
            await go_on.wait()
            return await req.content

        connection = Connection(api, "POST")
        await watched(api, connection)
        for piece in (b"a", b"b", b"c"):
            connection.upload(piece, more_body=True)
        connection.upload(b"d")
        await until(lambda: connection.receives >= 2)
        go_on.set()
        await connection.end()
        assert (connection.status, connection.body) == (200, b"abcd")

    run(test())


def test_a_client_that_leaves_behind_a_body_that_nobody_reads_is_noticed(api: responder.API, log: list[str]) -> None:
    async def test() -> None:
        connection = Connection(api, "POST")
        for _ in range(10):
            connection.upload(b"x", more_body=True)
        connection.leave()
        await watched(api, connection)
        await connection.end()

    run(test())
    assert log == ["cancelled", "cleaned up"]


def test_what_the_watch_keeps_is_bounded_and_the_rest_waits_for_its_reader(
    api: responder.API, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "KEPT_BYTES", 3)

    async def test() -> None:
        go_on = asyncio.Event()

        @api.route("/")
        async def view(req: Request, resp: Response) -> bytes:
            await go_on.wait()
            return await req.content

        connection = Connection(api, "POST")
        for place in range(10):
            connection.upload(b"xy", more_body=place < 9)
        await watched(api, connection)
        for _ in range(10):
            await asyncio.sleep(0)
        assert connection.arriving.qsize() == 7
        go_on.set()
        await connection.end()
        assert connection.body == b"xy" * 10

    run(test())


def test_what_the_watch_meets_beyond_the_limit_is_dropped_and_refused() -> None:
    api = responder.API(limits=Limits(body=3))

    async def test() -> None:
        go_on = asyncio.Event()

        @api.route("/")
        async def view(req: Request, resp: Response) -> bytes:
            await go_on.wait()
            return await req.content

        connection = Connection(api, "POST")
        for _ in range(10):
            connection.upload(b"xy", more_body=True)
        await watched(api, connection)
        await until(connection.arriving.empty)
        (req,) = board_of(api).live
        kept = req._body._kept
        assert kept is not None
        assert len(kept._content) == 4
        go_on.set()
        await connection.end()
        assert connection.status == 413

    run(test())


def test_a_client_that_leaves_in_the_middle_of_its_body_cancels_the_watched_view_that_reads_it(
    api: responder.API,
) -> None:
    seen: list[str] = []

    async def test() -> None:
        go_on = asyncio.Event()

        @api.route("/")
        async def view(req: Request, resp: Response) -> None:
            await go_on.wait()
            try:
                await req.content
            except BaseException as error:
                seen.append(type(error).__name__)
                raise

        connection = Connection(api, "POST")
        await watched(api, connection)
        connection.upload(b"half", more_body=True)
        await until(lambda: connection.receives >= 2)
        go_on.set()
        await asyncio.sleep(0)
        connection.leave()
        await connection.end()
        assert connection.sent == []

    run(test())
    assert seen == ["CancelledError"]


def test_a_view_that_reads_its_body_is_not_watched(api: responder.API) -> None:
    @api.route("/")
    async def view(req: Request, resp: Response) -> bytes:
        return await req.content

    async def test() -> None:
        connection = Connection(api, "POST")
        await until(lambda: connection.receives)
        for _ in range(3):
            board_of(api).sweep()
        await asyncio.sleep(0)
        assert connection.receives == 1
        connection.upload(b"late")
        await connection.end()
        assert connection.body == b"late"

    run(test())


def test_a_reader_notices_a_client_that_leaves(api: responder.API, caplog: pytest.LogCaptureFixture) -> None:
    @api.route("/")
    async def view(req: Request, resp: Response) -> bytes:
        return await req.content

    async def test() -> None:
        connection = Connection(api, "POST")
        connection.upload(b"half", more_body=True)
        connection.leave()
        await connection.end()
        assert connection.status == 400

    run(test())
    assert caplog.records == []


def test_a_view_may_ask_whether_its_client_has_left(api: responder.API) -> None:
    answers: list[bool] = []

    async def test() -> None:
        asked = asyncio.Event()

        @api.route("/")
        async def view(req: Request, resp: Response) -> None:
            answers.append(await req.disconnected())
            asked.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                answers.append(await req.disconnected())

        connection = Connection(api)
        await asked.wait()
        connection.leave()
        await connection.end()

    run(test())
    assert answers == [False, True]


# A server that ends


def test_a_drain_waits_for_requests_to_finish(api: responder.API) -> None:
    async def test() -> None:
        go_on = asyncio.Event()

        @api.route("/")
        async def view(req: Request, resp: Response) -> str:
            await go_on.wait()
            return "finished"

        connection = Connection(api)
        await until(lambda: api.boards and board_of(api).live)
        draining = asyncio.create_task(api.boards.drain())
        await asyncio.sleep(0)
        assert not draining.done()
        go_on.set()
        await draining
        assert connection.body == b"finished"
        assert not api.boards

    run(test())


@pytest.mark.parametrize("is_told_first", [True, False])
def test_requests_that_outlast_the_grace_period_are_cancelled(
    api: responder.API,
    log: list[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    is_told_first: bool,  # noqa: FBT001 - pytest hands it over
) -> None:
    monkeypatch.setattr("responder.handling.in_flight.DRAIN_SECONDS", 0)

    async def test() -> None:
        connection = Connection(api)
        await until(lambda: api.boards and board_of(api).live)
        if is_told_first:
            api.begin_drain(0)
        await api.boards.drain()
        await connection.end()

    run(test())
    assert log == ["cancelled", "cleaned up"]
    assert caplog.messages == ["Ending 1 requests that outlast the grace period."]


def test_requests_are_ended_after_the_grace_period_even_when_no_shutdown_follows(
    api: responder.API, log: list[str]
) -> None:
    async def test() -> None:
        connection = Connection(api)
        await until(lambda: api.boards and board_of(api).live)
        api.begin_drain(0)
        await connection.end()

    run(test())
    assert log == ["cancelled", "cleaned up"]


def test_an_endless_stream_is_ended_by_the_drain(api: responder.API) -> None:
    closed: list[str] = []

    async def ticks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"tick"
        finally:
            closed.append("closed")

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.stream(ticks)

    async def test() -> None:
        connection = Connection(api)
        await until(lambda: len(connection.sent) > 2)
        api.begin_drain(0)
        await api.boards.drain()
        await connection.end()

    run(test())
    assert closed == ["closed"]


def test_background_work_that_outlasts_the_grace_period_is_cancelled(
    api: responder.API, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            log.append("cancelled")

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.background(work)

    async def test() -> None:
        await Connection(api).end()
        await until(lambda: not board_of(api).pool.pending)
        await asyncio.sleep(0)
        api.begin_drain(0)
        await api.boards.drain()

    run(test())
    assert log == ["cancelled"]
    assert caplog.messages == ["Ending 1 background functions that outlast the grace period."]


def test_a_sync_view_that_never_returns_does_not_hold_up_the_end(api: responder.API) -> None:
    release = threading.Event()
    api.add_route("/", lambda req, resp: (release.wait(FOREVER), None)[1])

    async def test() -> None:
        connection = Connection(api)
        await until(lambda: api.boards and board_of(api).pool.pending)
        api.begin_drain(0)
        await api.boards.drain()
        await connection.end()
        assert connection.sent == []

    run(test())
    release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("responder-worker"):
            thread.join(FOREVER)


def test_a_drain_with_nothing_under_way_ends_at_once(api: responder.API) -> None:
    run(api.boards.drain())
    assert not api.boards


def test_the_api_serves_again_after_a_drain(api: responder.API) -> None:
    api.add_route("/", lambda req, resp: "served")

    async def test() -> None:
        for _ in range(2):
            connection = Connection(api)
            await connection.end()
            assert connection.body == b"served"
            await api.boards.drain()

    run(test())


# Streams


def test_a_stream_that_never_waits_lets_others_run_and_ends_with_its_client(api: responder.API) -> None:
    closed: list[bool] = []

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        @resp.stream
        async def chunks() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x"
            finally:
                closed.append(True)

    async def test() -> None:
        connection = Connection(api)
        connection.leave()
        await watched(api, connection)
        await connection.end()

    run(test())
    assert closed == [True]


@pytest.mark.parametrize("before", [[], [b"abc"]])
@pytest.mark.parametrize("arriving", ["gone", "too large"])
def test_a_stream_that_the_body_of_the_client_breaks_is_no_mistake(
    arriving: str, before: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    api = responder.API(limits=Limits(body=5))

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.stream(req.stream())

    async def test() -> None:
        connection = Connection(api, "POST")
        for piece in before:
            connection.upload(piece, more_body=True)
        if arriving == "gone":
            connection.leave()
        else:
            connection.upload(b"defghi", more_body=True)
        await connection.end()
        assert (connection.status, connection.body) == (200, b"".join(before))
        # A response without any piece would become a 500 on granian.
        assert [message.get("more_body") for message in connection.sent] == [None, True]

    run(test())
    assert caplog.text == ""


def test_a_sync_stream_waits_for_a_thread_where_every_place_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    api = responder.API(threads=responder.Threads(workers=1, queue=1))

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.stream(iter(["a", "b"]))

    async def test() -> None:
        free = threading.Event()
        pool = api.boards.open().pool
        for _ in range(2):
            pool.submit(free.wait, FOREVER)
        connection = Connection(api)
        await until(lambda: connection.sent)
        await asyncio.sleep(0)
        free.set()
        await connection.end()
        assert connection.body == b"ab"
        await api.boards.drain()

    run(test())
    assert caplog.text == ""


# A server that says while sending that the client has left


@pytest.mark.parametrize("error", [OSError("reset"), RuntimeError("the handler is closed")])
@pytest.mark.parametrize(("kind", "sent"), [("text", 0), ("text", 1), ("stream", 0), ("stream", 1), ("stream", 2)])
def test_a_send_that_fails_is_a_client_that_left_and_no_mistake(
    api: responder.API, caplog: pytest.LogCaptureFixture, error: Exception, kind: str, sent: int
) -> None:
    seen: list[str] = []

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.background(seen.append, "background")
        resp.text = "text"
        if kind == "stream":

            @resp.stream
            async def chunks() -> AsyncIterator[bytes]:
                try:
                    yield b"piece"
                    await asyncio.sleep(0)
                    yield b"another"
                finally:
                    seen.append("closed")

    class Broken(Connection):
        async def _send(self, message: Message) -> None:
            if len(self.sent) == sent:
                raise error
            await super()._send(message)

    async def test() -> None:
        connection = Broken(api)
        await connection.end()
        assert len(connection.sent) == sent
        assert not board_of(api).live
        await api.boards.drain()

    run(test())
    assert seen == (["closed"] if kind == "stream" and sent else [])
    assert caplog.text == ""
