"""Requests that take too long, bodies that come too slowly, responses that nobody takes."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.handling.test_in_flight import Connection, board_of, run, until

import responder
from responder import Limits, Threads
from responder.handling import deadlines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from responder import Request, Response
    from responder.types import Message

AT_ONCE = 1e-9
"""A limit in seconds that the next look finds exceeded."""


async def swept(api: responder.API, connection: Connection, is_true: Callable[[], object]) -> None:
    """Let the API look at its requests until something has come true."""

    def look() -> bool:
        if not connection.task.done():
            board_of(api).sweep()
        return bool(is_true())

    await until(lambda: connection.task.done() or (api.boards and board_of(api).live))
    await until(look)


def expire(api: responder.API, method: str = "GET") -> Connection:
    """Give the connection of a request that was looked at until it ended."""
    connections: list[Connection] = []

    async def test() -> None:
        connection = Connection(api, method)
        connections.append(connection)
        await swept(api, connection, connection.task.done)
        await connection.end()

    run(test())
    return connections[0]


class Hold:
    """A call that does not return until it is released, and tells when a thread has `begun` it."""

    def __init__(self) -> None:
        self._begun, self._released = threading.Event(), threading.Event()
        self.begun = self._begun.is_set
        self.release = self._released.set

    def __call__(self) -> None:
        self._begun.set()
        self._released.wait()


@pytest.fixture
def hold() -> Iterator[Hold]:
    hold = Hold()
    yield hold
    hold.release()


@pytest.fixture
def hasty() -> responder.API:
    return responder.API(limits=Limits(request_time=AT_ONCE))


# The time of a request


def test_an_async_view_that_takes_too_long_is_cancelled_and_answered_with_504(hasty: responder.API) -> None:
    log: list[str] = []

    @hasty.route("/")
    async def view(req: Request, resp: Response) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            log.append("cleaned up")

    connection = expire(hasty)
    assert connection.status == 504
    assert b"took longer than 1e-09 s." in connection.body
    assert log == ["cleaned up"]


def test_hooks_and_handlers_see_a_request_that_took_too_long(hasty: responder.API) -> None:
    log: list[Any] = []

    @hasty.around
    async def around(req: Request, resp: Response) -> AsyncIterator[None]:
        try:
            yield
        finally:
            log.append("around")

    @hasty.after_request
    async def after(req: Request, resp: Response) -> None:
        log.append(resp.status_code)

    @hasty.exception_handler(504)
    async def handle(req: Request, resp: Response, error: responder.HTTPError) -> None:
        resp.text = "Try again."

    @hasty.route("/")
    async def view(req: Request, resp: Response) -> None:
        await asyncio.Event().wait()

    connection = expire(hasty)
    assert (connection.status, connection.body) == (504, b"Try again.")
    assert log == ["around", 504]


def test_a_handler_may_raise_the_504_again(hasty: responder.API) -> None:
    seen: list[int] = []

    @hasty.exception_handler(504)
    async def handle(req: Request, resp: Response, error: responder.HTTPError) -> None:
        raise error

    @hasty.after_request
    async def after(req: Request, resp: Response) -> None:
        seen.append(resp.status_code)

    @hasty.route("/")
    async def view(req: Request, resp: Response) -> None:
        await asyncio.Event().wait()

    assert expire(hasty).status == 504
    assert seen == [504]


def test_what_answers_a_504_may_take_no_longer_either(hasty: responder.API) -> None:
    @hasty.exception_handler(504)
    async def handle(req: Request, resp: Response, error: responder.HTTPError) -> None:
        await asyncio.Event().wait()

    @hasty.route("/")
    async def view(req: Request, resp: Response) -> None:
        await asyncio.Event().wait()

    assert expire(hasty).status == 504


def test_a_hook_that_takes_too_long_after_a_failure_is_a_504(hasty: responder.API) -> None:
    @hasty.after_request
    async def after(req: Request, resp: Response) -> None:
        await asyncio.Event().wait()

    @hasty.route("/")
    async def view(req: Request, resp: Response) -> None:
        responder.abort(404)

    assert expire(hasty).status == 504


@pytest.mark.parametrize("place", ["handler", "stream"])
def test_waiting_for_what_was_cancelled_is_no_end_of_the_server(api: responder.API, place: str) -> None:
    async def wait(*_: object) -> None:
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    @api.exception_handler(KeyError)
    async def handle(req: Request, resp: Response, error: KeyError) -> None:
        await wait()

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        if place == "handler":
            raise KeyError

        @resp.stream
        async def chunks() -> AsyncIterator[bytes]:
            yield b"chunk"
            await wait()

    with pytest.raises(RuntimeError, match="raised CancelledError, which would end more than its request"):
        api.requests.get("/")


def test_a_thread_that_is_late_changes_nothing_of_the_504() -> None:
    api = responder.API(limits=Limits(request_time=AT_ONCE), secret_key="a key of some length")
    started, release, ended = threading.Event(), threading.Event(), threading.Event()

    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        started.set()
        release.wait()
        resp.session["late"] = True
        resp.headers["x-late"] = "yes"
        resp.text = "late"
        resp.status_code = 200
        ended.set()

    @api.after_request
    async def after(req: Request, resp: Response) -> None:
        release.set()
        await asyncio.to_thread(ended.wait)

    async def test() -> None:
        connection = Connection(api)
        await until(started.is_set)
        for _ in range(2):
            board_of(api).sweep()
        await connection.end()
        assert connection.status == 504
        assert {name for name, _ in connection.sent[0]["headers"]} == {b"content-type", b"content-length"}

    run(test())


def test_a_route_may_have_its_own_limits(hasty: responder.API) -> None:
    released: list[asyncio.Event] = []

    @hasty.route("/", limits=Limits(request_time=None))
    async def view(req: Request, resp: Response) -> None:
        released.append(asyncio.Event())
        await released[0].wait()
        resp.text = "done"

    async def test() -> None:
        connection = Connection(hasty)
        await until(lambda: released)
        for _ in range(3):
            board_of(hasty).sweep()
        released[0].set()
        await connection.end()
        assert (connection.status, connection.body) == (200, b"done")

    run(test())


def test_the_limits_of_a_route_are_those_of_its_body() -> None:
    api = responder.API()

    @api.post("/", limits=Limits(body=10))
    async def view(req: Request, resp: Response) -> None:
        resp.content = await req.content

    assert api.requests.post("/", data=b"0123456789").content == b"0123456789"
    assert api.requests.post("/", data=b"0123456789a").status_code == 413


def test_what_a_routes_limits_leave_out_is_as_on_the_api() -> None:
    api = responder.API(limits=Limits(body=10, cookies=1))

    @api.post("/", limits=Limits(request_time=5, cookies=2))
    async def view(req: Request, resp: Response) -> None:
        resp.media = [req.limits.request_time, req.limits.cookies, len(await req.content)]

    assert api.requests.post("/", data=b"0123456789").json() == [5, 2, 10]
    assert api.requests.post("/", data=b"0123456789a").status_code == 413


def test_a_stream_has_no_end(hasty: responder.API) -> None:
    step: list[asyncio.Event] = []

    @hasty.route("/")
    async def view(req: Request, resp: Response) -> None:
        @resp.stream
        async def events() -> AsyncIterator[bytes]:
            step.append(asyncio.Event())
            await step[0].wait()
            yield b"late"

    async def test() -> None:
        connection = Connection(hasty)
        await until(lambda: step)
        for _ in range(3):
            board_of(hasty).sweep()
        step[0].set()
        await connection.end()
        assert (connection.status, connection.body) == (200, b"late")

    run(test())


# Worker threads


def test_a_sync_view_that_takes_too_long_leaves_its_thread_to_another(hold: Hold) -> None:
    api = responder.API(limits=Limits(request_time=AT_ONCE), threads=Threads(workers=1, queue=1))

    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        hold()

    async def test() -> None:
        stuck = Connection(api)
        await until(hold.begun)
        await swept(api, stuck, stuck.task.done)
        assert stuck.status == 504
        pool = board_of(api).pool
        assert (pool.abandoned, pool.pending) == (1, 1)
        assert await pool.submit(lambda: "served") == "served"
        hold.release()
        await until(lambda: not pool.abandoned)
        assert pool.pending == 0
        assert await pool.submit(lambda: "served") == "served"

    run(test())


def test_a_call_that_waits_is_taken_over_at_once(hold: Hold) -> None:
    api = responder.API(limits=Limits(request_time=AT_ONCE), threads=Threads(workers=1, queue=5))

    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        hold()

    async def test() -> None:
        stuck = Connection(api)
        await until(hold.begun)
        waiting = board_of(api).pool.submit(lambda: "served")
        await swept(api, stuck, stuck.task.done)
        assert await waiting == "served"
        hold.release()

    run(test())


def test_only_as_many_threads_are_replaced_as_there_are_workers(hold: Hold) -> None:
    api = responder.API(limits=Limits(request_time=AT_ONCE), threads=Threads(workers=1, queue=1))

    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        hold()

    async def test() -> None:
        for _ in range(2):
            stuck = Connection(api)
            await until(hold.begun)
            await swept(api, stuck, stuck.task.done)
            assert stuck.status == 504
        assert board_of(api).pool.abandoned == 1
        hold.release()

    run(test())


def test_a_sync_handler_that_takes_too_long_leaves_its_thread_too(hold: Hold) -> None:
    api = responder.API(limits=Limits(request_time=AT_ONCE), threads=Threads(workers=1, queue=1))

    @api.exception_handler(KeyError)
    def handle(req: Request, resp: Response, error: KeyError) -> None:
        hold()

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        raise KeyError

    async def test() -> None:
        stuck = Connection(api)
        await until(hold.begun)
        await swept(api, stuck, stuck.task.done)
        assert board_of(api).pool.abandoned == 1
        hold.release()

    run(test())


# Bodies


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> responder.API:
    monkeypatch.setattr(deadlines, "RATE_SECONDS", 0)
    return responder.API(limits=Limits(body_rate=1_000_000_000, request_time=None))


def test_a_body_that_arrives_too_slowly_is_refused(impatient: responder.API) -> None:
    @impatient.post("/")
    async def view(req: Request, resp: Response) -> None:
        await req.content

    connection = expire(impatient, "POST")
    assert connection.status == 408


def test_a_sync_view_whose_body_arrives_too_slowly_is_refused(impatient: responder.API) -> None:
    ended: list[BaseException] = []

    @impatient.post("/")
    def view(req: Request, resp: Response) -> None:
        try:
            _ = req.content_sync
        except BaseException as error:
            ended.append(error)
            raise

    async def test() -> None:
        connection = Connection(impatient, "POST")
        await swept(impatient, connection, connection.task.done)
        await connection.end()
        assert connection.status == 408
        await until(lambda: ended)

    run(test())


def test_a_body_that_arrives_in_time_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "RATE_SECONDS", 0)
    api = responder.API(limits=Limits(body_rate=1, request_time=AT_ONCE))

    @api.post("/")
    async def view(req: Request, resp: Response) -> None:
        resp.media = len(await req.content)

    async def test() -> None:
        connection = Connection(api, "POST")
        await until(lambda: connection.receives)
        for _ in range(5):
            connection.upload(b"x" * 1000, more_body=True)
            await until(connection.arriving.empty)
            await asyncio.sleep(0)
            board_of(api).sweep()
        connection.upload(b"")
        await connection.end()
        assert (connection.status, connection.body) == (200, b"5000")

    run(test())


def test_a_body_is_added_up_for_a_while_before_it_is_judged() -> None:
    api = responder.API(limits=Limits(body_rate=1_000_000_000))

    @api.post("/")
    async def view(req: Request, resp: Response) -> None:
        resp.media = len(await req.content)

    async def test() -> None:
        connection = Connection(api, "POST")
        await until(lambda: connection.receives)
        for _ in range(3):
            board_of(api).sweep()
        connection.upload(b"x")
        await connection.end()
        assert connection.status == 200

    run(test())


# Clients that take nothing


class Stalled(Connection):
    """A client that takes some messages of the response, and then no more."""

    def __init__(self, api: responder.API, taken: int) -> None:
        self.taken = taken
        super().__init__(api)

    async def _send(self, message: Message) -> None:
        if len(self.sent) >= self.taken:
            await asyncio.Event().wait()
        await super()._send(message)


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_a_client_that_takes_nothing_is_cut_off(taken: int) -> None:
    api = responder.API(limits=Limits(write_stall=AT_ONCE))
    log: list[str] = []

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        @resp.stream
        async def chunks() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"chunk"
            finally:
                log.append("closed")

    async def test() -> None:
        connection = Stalled(api, taken)
        await swept(api, connection, connection.task.done)
        await connection.end()
        assert len(connection.sent) == taken
        assert log == (["closed"] if taken else [])

    run(test())


def test_a_large_body_goes_out_in_pieces(api: responder.API) -> None:
    content = bytes(5 * 1024 * 1024)

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.content = content
        if req.method == "HEAD":
            resp.headers["x-head"] = "yes"

    async def test() -> None:
        connection = Connection(api)
        await connection.end()
        assert connection.body == content
        assert max(len(message.get("body", b"")) for message in connection.sent) <= 256 * 1024

    run(test())
    assert api.requests.get("/").content == content
    head = api.requests.head("/")
    assert (head.headers["content-length"], head.content) == (str(len(content)), b"")


def test_a_large_body_with_a_charset_goes_out_in_pieces(api: responder.API) -> None:
    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.text = "\u00e9" * 5_000_000
        resp.encoding = "latin-1"

    response = api.requests.get("/")
    assert response.content == b"\xe9" * 5_000_000
    assert response.headers["content-length"] == "5000000"


def test_a_client_that_takes_piece_after_piece_is_not_cut_off() -> None:
    api = responder.API(limits=Limits(write_stall=30))

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        @resp.stream
        def chunks() -> Iterator[bytes]:
            yield from [b"a", b"b", b"c"]

    class Slow(Connection):
        async def _send(self, message: Message) -> None:
            board_of(api).sweep()
            await super()._send(message)

    async def test() -> None:
        connection = Slow(api)
        await connection.end()
        assert connection.body == b"abc"

    run(test())


def test_what_no_task_serves_is_not_cancelled() -> None:
    req = responder.Request()
    req.expire(None, responder.HTTPError(504))
    assert req.expired is None


def test_a_thread_that_reads_when_it_is_too_late_is_told(api: responder.API) -> None:
    told: list[BaseException] = []

    @api.post("/")
    def view(req: Request, resp: Response) -> None:
        req.expired = responder.HTTPError(504)
        try:
            _ = req.content_sync
        except BaseException as error:  # noqa: BLE001 - whatever it is
            told.append(error)
        req.expired = None

    api.requests.post("/", data=b"body")
    assert [type(error).__name__ for error in told] == ["CancelledError"]


def test_a_reader_of_a_thread_is_cancelled() -> None:
    cancelled: list[bool] = []

    class Reader:
        def cancel(self) -> None:
            cancelled.append(True)

    async def test() -> None:
        req = responder.Request()
        req._reader = Reader()  # type: ignore[assignment]
        task = asyncio.ensure_future(asyncio.sleep(5))
        req.expire(task, responder.HTTPError(408))
        with pytest.raises(asyncio.CancelledError):
            await task

    run(test())
    assert cancelled == [True]
