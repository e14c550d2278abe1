from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import responder
from responder import ConfigurationError, Request, Response, Router, ServiceUnavailable, Threads, abort
from responder.handling.threads import WorkerPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from responder.testing import Session

    AroundHook = Callable[[Request, Response], Any]

SYNC, ASYNC = "sync", "async"
KINDS = pytest.mark.parametrize("kind", [SYNC, ASYNC])


class Log(list[str]):
    """What happened, in order, with makers of hooks that write it."""

    def around(self, kind: str, name: str, *, swallow: bool = False) -> AroundHook:
        def sync_hook(req: Request, resp: Response) -> Iterator[None]:
            self.append(f"{name} in")
            try:
                yield
            except BaseException as error:
                self.append(f"{name} saw {type(error).__name__}")
                if not swallow:
                    raise
            else:
                self.append(f"{name} out")
            finally:
                self.append(f"{name} end")

        async def async_hook(req: Request, resp: Response) -> AsyncIterator[None]:
            self.append(f"{name} in")
            try:
                yield
            except BaseException as error:
                self.append(f"{name} saw {type(error).__name__}")
                if not swallow:
                    raise
            else:
                self.append(f"{name} out")
            finally:
                self.append(f"{name} end")

        return sync_hook if kind == SYNC else async_hook

    def view(self, req: Request, resp: Response) -> None:
        self.append("view")

    def fail(self, req: Request, resp: Response) -> None:
        self.append("view")
        raise ValueError("from the view")


@pytest.fixture
def log() -> Log:
    return Log()


@KINDS
def test_code_around_the_yield_runs_around_the_view(api: responder.API, session: Session, log: Log, kind: str) -> None:
    api.around(log.around(kind, "hook"))
    api.add_route("/", log.view)
    session.get("/")
    assert log == ["hook in", "view", "hook out", "hook end"]


@pytest.mark.parametrize(
    "kinds", [(SYNC, SYNC, SYNC), (ASYNC, ASYNC, ASYNC), (SYNC, ASYNC, SYNC), (ASYNC, SYNC, ASYNC)]
)
def test_hooks_nest_the_outermost_outside(
    api: responder.API, session: Session, log: Log, kinds: tuple[str, str, str]
) -> None:
    router = Router()
    api.around(log.around(kinds[0], "api"))
    router.around(log.around(kinds[1], "router"))
    router.add_route("/", log.view, around=log.around(kinds[2], "route"))
    api.include(router)
    session.get("/")
    outside = ["api in", "router in", "route in", "view"]
    assert log == [*outside, "route out", "route end", "router out", "router end", "api out", "api end"]


@pytest.mark.parametrize("kinds", [(SYNC, SYNC), (ASYNC, ASYNC), (SYNC, ASYNC), (ASYNC, SYNC)])
def test_an_exception_is_raised_at_every_yield_innermost_first(
    api: responder.API, session: Session, log: Log, kinds: tuple[str, str]
) -> None:
    hooks = [log.around(kinds[0], "outer"), log.around(kinds[1], "inner")]
    api.add_route("/", log.fail, around=hooks)
    assert session.get("/").status_code == 500
    assert log == [
        "outer in",
        "inner in",
        "view",
        "inner saw ValueError",
        "inner end",
        "outer saw ValueError",
        "outer end",
    ]


@KINDS
def test_the_very_exception_of_the_view_reaches_the_client_of_the_test(api: responder.API, log: Log, kind: str) -> None:
    api.around(log.around(kind, "hook"))
    api.add_route("/", log.fail)
    with api.session() as strict, pytest.raises(ValueError, match="from the view"):
        strict.get("/")


@KINDS
def test_a_hook_may_swallow_an_exception_and_answer(api: responder.API, session: Session, log: Log, kind: str) -> None:
    def sync_hook(req: Request, resp: Response) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            resp.text = f"swallowed {error}"
            resp.status_code = 418

    async def async_hook(req: Request, resp: Response) -> AsyncIterator[None]:
        try:
            yield
        except ValueError as error:
            resp.text = f"swallowed {error}"
            resp.status_code = 418

    hook = sync_hook if kind == SYNC else async_hook
    api.add_route("/", log.fail, around=[log.around(kind, "outer"), hook], after=lambda req, resp: log.append("after"))
    response = session.get("/")
    assert (response.status_code, response.text) == (418, "swallowed from the view")
    assert log == ["outer in", "view", "after", "outer out", "outer end"]


@KINDS
def test_an_exception_of_an_after_hook_can_be_swallowed_and_after_hooks_run_once(
    api: responder.API, session: Session, log: Log, kind: str
) -> None:
    def after(req: Request, resp: Response) -> None:
        log.append("after")
        raise ValueError("from the after hook")

    api.add_route(
        "/", log.view, around=[log.around(SYNC, "outer"), log.around(kind, "hook", swallow=True)], after=after
    )
    assert session.get("/").status_code == 200
    inside = ["hook in", "view", "after", "hook saw ValueError", "hook end"]
    assert log == ["outer in", *inside, "outer out", "outer end"]


@KINDS
def test_a_hook_may_replace_an_exception(api: responder.API, session: Session, log: Log, kind: str) -> None:
    def sync_hook(req: Request, resp: Response) -> Iterator[None]:
        try:
            yield
        except ValueError:
            abort(409, "Replaced.")

    async def async_hook(req: Request, resp: Response) -> AsyncIterator[None]:
        try:
            yield
        except ValueError:
            abort(409, "Replaced.")

    hooks = [log.around(kind, "outer"), sync_hook if kind == SYNC else async_hook]
    api.add_route("/", log.fail, around=hooks)
    assert session.get("/").json()["detail"] == "Replaced."
    assert log == ["outer in", "view", "outer saw HTTPError", "outer end"]


@KINDS
def test_an_exception_before_the_yield_is_seen_by_the_hooks_further_out_alone(
    api: responder.API, session: Session, log: Log, kind: str
) -> None:
    def sync_hook(req: Request, resp: Response) -> Iterator[None]:
        if req.method:
            raise ValueError("too early")
        yield

    async def async_hook(req: Request, resp: Response) -> AsyncIterator[None]:
        if req.method:
            raise ValueError("too early")
        yield

    broken = sync_hook if kind == SYNC else async_hook
    api.add_route("/", log.view, around=[log.around(kind, "outer"), broken, log.around(kind, "inner")])
    assert session.get("/").status_code == 500
    assert log == ["outer in", "outer saw ValueError", "outer end"]


@KINDS
def test_an_exception_after_the_yield_is_seen_by_the_hooks_further_out_alone(
    api: responder.API, session: Session, log: Log, kind: str
) -> None:
    def sync_hook(req: Request, resp: Response) -> Iterator[None]:
        yield
        raise ValueError("too late")

    async def async_hook(req: Request, resp: Response) -> AsyncIterator[None]:
        yield
        raise ValueError("too late")

    broken = sync_hook if kind == SYNC else async_hook
    api.after_request(lambda req, resp: log.append("after"))
    api.add_route("/", log.view, around=[log.around(kind, "outer"), broken, log.around(kind, "inner")])
    assert session.get("/").status_code == 500
    inside = ["inner in", "view", "after", "inner out", "inner end"]
    assert log == ["outer in", *inside, "outer saw ValueError", "outer end"]


@KINDS
def test_a_second_yield_is_an_error_and_the_hook_is_closed(
    api: responder.API, session: Session, log: Log, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    def sync_hook(req: Request, resp: Response) -> Iterator[None]:
        try:
            yield
            yield
        finally:
            log.append("closed")

    async def async_hook(req: Request, resp: Response) -> AsyncIterator[None]:
        try:
            yield
            yield
        finally:
            log.append("closed")

    api.add_route("/", log.view, around=sync_hook if kind == SYNC else async_hook)
    assert session.get("/").status_code == 500
    assert log == ["view", "closed"]
    assert "An around hook yields once" in caplog.text


@KINDS
def test_a_second_yield_after_an_exception_is_an_error_and_the_hook_is_closed(
    api: responder.API, session: Session, log: Log, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    def sync_hook(req: Request, resp: Response) -> Iterator[None]:
        try:
            with suppress(ValueError):
                yield
            yield
        finally:
            log.append("closed")

    async def async_hook(req: Request, resp: Response) -> AsyncIterator[None]:
        try:
            with suppress(ValueError):
                yield
            yield
        finally:
            log.append("closed")

    hook = sync_hook if kind == SYNC else async_hook
    api.add_route("/", log.fail, around=[log.around(kind, "outer"), hook])
    assert session.get("/").status_code == 500
    assert log == ["outer in", "view", "closed", "outer saw RuntimeError", "outer end"]
    assert "An around hook yields once" in caplog.text


@KINDS
def test_a_hook_that_returns_before_its_yield_lets_nobody_in(
    api: responder.API, session: Session, log: Log, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    def sync_hook(req: Request, resp: Response) -> Iterator[None]:
        if req.params:
            yield

    async def async_hook(req: Request, resp: Response) -> AsyncIterator[None]:
        if req.params:
            yield

    api.add_route("/", log.view, around=sync_hook if kind == SYNC else async_hook)
    assert session.get("/").status_code == 500
    assert session.get("/?member").status_code == 200
    assert log == ["view"]
    assert "returned before its `yield` and set no response" in caplog.text


@KINDS
def test_a_hook_may_answer_and_return_before_its_yield(
    api: responder.API, session: Session, log: Log, kind: str
) -> None:
    def sync_hook(req: Request, resp: Response) -> Iterator[None]:
        if not req.params:
            resp.status_code = 403
            return
        yield

    async def async_hook(req: Request, resp: Response) -> AsyncIterator[None]:
        if not req.params:
            resp.status_code = 403
            return
        yield

    api.add_route("/", log.view, around=[log.around(kind, "outer"), sync_hook if kind == SYNC else async_hook])
    assert session.get("/").status_code == 403
    assert log == ["outer in", "outer out", "outer end"]


def test_a_hook_may_answer_before_its_yield(api: responder.API, session: Session, log: Log) -> None:
    def hook(req: Request, resp: Response) -> Iterator[None]:
        resp.text = "early"
        yield
        log.append("leave")

    api.add_route("/", log.view, around=hook, before=lambda req, resp: log.append("before"))
    assert session.get("/").text == "early"
    assert log == ["leave"]


def test_a_function_without_a_yield_is_refused(api: responder.API) -> None:
    def hook(req: Request, resp: Response) -> None: ...

    with pytest.raises(ConfigurationError, match=r"hook .* has no `yield`, where an around hook lets the request in"):
        api.around(hook)
    with pytest.raises(ConfigurationError, match="has no `yield`"):
        api.add_route("/", lambda req, resp: None, around=hook)


def test_around_hooks_run_for_unknown_paths_and_see_what_a_before_hook_raises(
    api: responder.API, session: Session, log: Log
) -> None:
    api.around(log.around(ASYNC, "hook"))

    @api.before_request
    def close(req: Request, resp: Response) -> None:
        if req.method == "POST":
            abort(403)

    assert [session.get("/missing").status_code, session.post("/missing").status_code] == [404, 403]
    assert log == ["hook in", "hook out", "hook end", "hook in", "hook saw HTTPError", "hook end"]


def test_a_hook_that_does_not_block_stays_on_the_event_loop_for_exceptions_too(
    api: responder.API, session: Session, log: Log
) -> None:
    @api.around(block=False)
    def hook(req: Request, resp: Response) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            log.append(f"same loop: {asyncio._get_running_loop() is loop}")

    async def view(req: Request, resp: Response) -> None:
        if req.params:
            raise ValueError("no")

    api.add_route("/", view)
    session.get("/")
    session.get("/?fail=1")
    assert log == ["same loop: True", "same loop: True"]


def test_what_a_swallowing_hook_leaves_is_still_an_ordinary_response(
    api: responder.API, session: Session, log: Log
) -> None:
    api.around(log.around(ASYNC, "hook", swallow=True))
    api.add_route("/", log.fail)
    response = session.get("/")
    assert (response.status_code, response.content) == (200, b"")


def in_a_cancelled_request(api: responder.API) -> None:
    """Ask for `/`, and leave as soon as the view waits."""

    async def main() -> None:
        async with api.client() as client:
            request = asyncio.create_task(client.get("/"))
            await api.state.waiting.wait()
            request.cancel()
            with suppress(asyncio.CancelledError):
                await request

    asyncio.run(main())


@pytest.fixture
def waiting_api() -> responder.API:
    api = responder.API(threads=Threads(workers=1, queue=1))

    @api.on_event("startup")
    async def prepare() -> None:
        api.state.waiting = asyncio.Event()

    return api


@pytest.mark.parametrize("kinds", [(SYNC, SYNC), (ASYNC, ASYNC), (SYNC, ASYNC), (ASYNC, SYNC)])
def test_cancellation_passes_every_hook_and_none_can_swallow_it(
    waiting_api: responder.API, log: Log, kinds: tuple[str, str]
) -> None:
    hooks = [log.around(kinds[0], "outer"), log.around(kinds[1], "inner", swallow=True)]

    @waiting_api.route("/", around=hooks, after=lambda req, resp: log.append("after"))
    async def view(req: Request, resp: Response) -> None:
        req.watch(asyncio.current_task())
        waiting_api.state.waiting.set()
        await asyncio.Event().wait()

    in_a_cancelled_request(waiting_api)
    assert log == [
        "outer in",
        "inner in",
        "inner saw CancelledError",
        "inner end",
        "outer saw CancelledError",
        "outer end",
    ]


def test_a_sync_hook_is_left_even_when_no_worker_thread_is_free(
    api: responder.API, session: Session, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ServiceUnavailable("The service is busy.")

    @api.route("/", around=[log.around(ASYNC, "outer"), log.around(SYNC, "inner")])
    async def view(req: Request, resp: Response) -> None:
        monkeypatch.setattr(WorkerPool, "submit", refuse)
        raise ValueError("while every thread is busy")

    assert session.get("/").status_code == 500
    outside = ["outer in", "inner in", "inner saw ValueError", "inner end"]
    assert log == [*outside, "outer saw ValueError", "outer end"]


def test_a_sync_hook_that_no_worker_thread_can_leave_sees_that_the_service_is_busy(
    api: responder.API, session: Session, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ServiceUnavailable("The service is busy.")

    @api.route("/", around=log.around(SYNC, "hook"))
    async def view(req: Request, resp: Response) -> None:
        monkeypatch.setattr(WorkerPool, "submit", refuse)

    assert session.get("/").status_code == 503
    assert log == ["hook in", "hook saw ServiceUnavailable", "hook end"]


@pytest.mark.parametrize("kinds", [(SYNC, SYNC), (ASYNC, SYNC), (SYNC, ASYNC), (ASYNC, ASYNC)])
@pytest.mark.parametrize("is_failing", [False, True])
def test_clean_up_never_runs_while_a_sync_view_still_does(
    waiting_api: responder.API,
    log: Log,
    kinds: tuple[str, str],
    is_failing: bool,  # noqa: FBT001 - pytest hands it over
) -> None:
    release = threading.Event()

    @waiting_api.route("/", around=[log.around(kinds[0], "outer"), log.around(kinds[1], "inner")])
    def view(req: Request, resp: Response) -> None:
        req.api.state.loop.call_soon_threadsafe(waiting_api.state.waiting.set)
        release.wait(timeout=10)
        log.append("view ends")
        if is_failing:
            raise ValueError("from the view")

    async def main() -> None:
        waiting_api.state.loop = asyncio.get_running_loop()
        async with waiting_api.client() as client:
            request = asyncio.create_task(client.get("/"))
            await waiting_api.state.waiting.wait()
            (board,) = waiting_api.boards.values()
            ((req, task),) = board.live.items()
            req.end(task)
            for _ in range(10):
                await asyncio.sleep(0)
            log.append("released")
            release.set()
            with suppress(Exception):
                await request

    asyncio.run(main())
    assert log[:4] == ["outer in", "inner in", "released", "view ends"]
    assert [entry for entry in log if entry.endswith("end")] == ["inner end", "outer end"]
