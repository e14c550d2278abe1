"""The pipeline: what a request passes from the server to the view and back.

`API.__call__` is the pipeline itself: it looks up what was composed for the path and method, awaits the view, and sends
what the view has set. With hooks `run` stands between the two, and that is all. Middleware that wraps `send` was
rejected: whatever it would do is done to the response before that is emitted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import CancelledError, current_task, sleep
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..exchange.emit import encode_early, encode_media, render, render_fully, takes_long
from ..exchange.request import Request, check_host
from ..exchange.response import Response
from ..exchange.session import VARY
from ..routing.router import Router
from .failures import answer_for, is_mistake, render_default, report
from .in_flight import Boards
from .results import apply_result
from .stages import Part, compose_run, run_step
from .streaming import ENDED, ENOUGH, UNSENT, Sender, Turn, Wait, drive, open_chunks

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from ..config import Limits, RateLimit, Threads
    from ..exchange.emit import Rendered
    from ..types import Receive, Scope, Send
    from .in_flight import Board
    from .stages import Plan, Run
    from .steps import Step
    from .table import Table

    Recover: TypeAlias = Callable[[Request, Response, Exception], Awaitable[Rendered]]


UNKNOWN: Final = object()
"""No host that a client can send."""


class Pipeline(NamedTuple):
    """What was composed for one route and method: the way to the response, and the way out of a failure.

    `names` are the parameters of the path.
    """

    run: Run
    recover: Recover
    names: tuple[str, ...]


def compose(plan: Plan, boards: Boards) -> Pipeline:
    """Give the pipeline of one route and method."""
    return Pipeline(compose_run(plan, boards), _Recovery(plan, boards), plan.names)


class Application(Router, ABC):
    """The root router as an ASGI 3 application, but for what a path leads to that is not among the literal ones."""

    def __init__(self, limits: Limits, threads: Threads, rate_limit: RateLimit | None = None) -> None:
        super().__init__(rate_limit=rate_limit)
        self.limits = limits
        self.boards = Boards(threads)
        self.table: Table | None = None
        self.literals: dict[bytes, dict[str, Pipeline]] = {}
        self.last_host: object = UNKNOWN  # PERF: a good one, which most requests have: one comparison (row text)

    @abstractmethod
    def build_table(self) -> Table:
        """Compose every route anew, and swap the table in whole."""

    @abstractmethod
    async def serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what is no HTTP request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: C901, PLR0912, PLR0915 - PERF: flat
        """Serve one connection event of a server (ASGI 3).

        PERF: one flat function. Each call split off costs 0.1 us, a coroutine 0.2 (benchmarks/in_process.py, row text).
        """
        req = Request()
        resp = Response()
        methods = self.literals.get(scope.get("raw_path", b""))
        if methods is not None and (method := scope.get("method")) in methods and not scope.get("root_path"):
            run, recover, _ = methods[method]
        elif scope["type"] != "http":
            await self.serve_other(scope, receive, send)
            return
        else:
            (run, recover, _), req.path_params = (self.table or self.build_table()).find(scope)
            if scope["method"] == "HEAD":  # which is not among the literals, so that only it and parameters pay
                resp.is_simple = False
        req.scope, req.receive = scope, receive
        req.api = self
        req.limits = self.limits
        resp.req = req
        board = self.boards.get(get_ident())
        if board is None or not board.loop.is_running():
            board = self.boards.open()
        if not board.is_armed:
            board.arm()
        live = board.live
        live[req] = current_task(board.loop)
        try:
            try:
                req.fields = fields = dict(scope["headers"])
                if fields.get(b"host") != self.last_host or len(fields) != len(scope["headers"]):
                    self.last_host = check_host(scope) or UNKNOWN
                result = await run(req, resp)
                if result is not None:
                    apply_result(resp, result)
                start, body = render(req, resp) or await _render_late(req, resp, board)
            except (Exception, CancelledError, SystemExit) as error:  # noqa: BLE001 - whatever a view raises becomes a response
                req, resp = _go_on(req, resp, live)
                start, body = await recover(req, resp, _contain(req, error, live[req]))
            try:
                req.sending = 1
                await send(start)
                if body is not None:
                    await send(body)
                else:
                    await _send_chunks(req, resp, send, board)
            except UNSENT:
                await sleep(0)  # in which uvicorn learns that the client has left, so that it logs nothing
            else:
                if resp.tasks:
                    board.start_all(resp.tasks)
        except CancelledError:
            if not req.is_ended:
                raise
            _absorb_cancellation(live[req])  # servers print a traceback for a cancellation that leaves here
        finally:
            del live[req]
            if req.endings:
                req.run_endings()


def _contain(req: Request, error: BaseException, task: Task[Any] | None) -> Exception:
    """Give what stands for a `sys.exit()` in a view, or its waiting on what was cancelled: neither ends the server.

    Any other error stays as it is. Raises the error again when it is the request itself that was cancelled, unless that
    was for its slowness.
    """
    if isinstance(error, Exception):
        return error
    if isinstance(error, CancelledError) and (task is None or task.cancelling()):
        if req.expired is None or req.is_ended:
            try:
                raise error
            finally:
                del error, task  # both lead back here: the error by its traceback, the task by the error that ends it
        _absorb_cancellation(task)
        return req.expired
    contained = RuntimeError(f"A view raised {type(error).__name__}, which would end more than its request.")
    contained.__cause__ = error
    return contained


def _go_on(req: Request, resp: Response, live: dict[Request, Task[Any] | None]) -> tuple[Request, Response]:
    """Give what to answer a failure with: the same two, or others when a late thread has these, to change no more."""
    if req.expired is None:
        return req, resp
    twin, fresh = req.detach(), Response()
    live[twin] = live.pop(req)
    fresh.req = twin
    return twin, fresh


def _absorb_cancellation(task: Any) -> None:
    while task is not None and task.cancelling():
        task.uncancel()


async def _render_late(req: Request, resp: Response, board: Board) -> Rendered:
    """Render what there is more to wait for: a thread that encodes a large body, a session to be saved.

    The session comes last, since a body that cannot be encoded is a failure, which saves nothing.
    """
    if takes_long(resp):
        await board.call(encode_media, resp)
    if req.opened is not None:
        encode_early(resp)
        await req.opened.save(resp)
    return render_fully(req, resp)


# The way out of a failure


class _Recovery:
    """Turns an exception into the messages of a response: the handler's or the default one, seen by the after hooks."""

    def __init__(self, plan: Plan, boards: Boards) -> None:
        self._plan = plan
        self._boards = boards

    async def __call__(self, req: Request, resp: Response, error: Exception) -> Rendered:
        if req.part <= Part.BEFORE and (self._plan.before or self._plan.arounds):
            req.kept = resp.fields.copy()
        board = self._boards.current()
        was_opened = False
        for handler in (self._plan.handlers.find(error), None):
            # What a request that fails has put into its session is not kept, but it may have looked who is there.
            was_opened, req.opened = was_opened or req.opened is not None, None
            try:
                await self._pass(req, resp, error, handler)
                if was_opened and req.opened is None:
                    resp.policy_fields += VARY
                return await _render_late(req, resp, board)
            except (Exception, CancelledError, SystemExit) as another:  # noqa: BLE001 - a handler or an after hook that fails is one more failure
                error = _follow_up(error, _contain(req, another, board.live.get(req)))
                if error is req.expired and isinstance(another, CancelledError):
                    break  # it took too long once more
        resp.reset(())
        return self._give_up(req, error)

    async def _pass(self, req: Request, resp: Response, error: Exception, handler: Step | None) -> None:
        # An after hook that fails does not see its own failure; every other response passes it.
        after_failed = req.part == Part.AFTER
        await self._answer(req, resp, error, handler)
        if not after_failed:
            await self._run_after(req, resp)
        await self._finish(req, resp)

    def _give_up(self, req: Request, error: Exception) -> Rendered:
        """Give the default answer, without what has failed, and what a late thread may still have in its hands."""
        resp = Response()
        resp.req = req
        resp.reset(req.kept)
        if is_mistake(error):
            report(req, error)
        render_default(req, resp, error)
        for step in self._plan.finishers:
            if not step.is_async:  # those are the ones that cannot fail
                step.call(req, resp)
        return render_fully(req, resp)

    async def _answer(self, req: Request, resp: Response, error: Exception, handler: Step | None) -> None:
        resp.reset(req.kept)
        if handler is not None:
            await run_step(handler, req, resp, self._boards, error)
            resp.status = resp.status or answer_for(error).status
            return
        if is_mistake(error):
            report(req, error)
        render_default(req, resp, error)

    async def _run_after(self, req: Request, resp: Response) -> None:
        req.part = Part.AFTER
        for step in self._plan.after:
            await run_step(step, req, resp, self._boards)

    async def _finish(self, req: Request, resp: Response) -> None:
        req.part = Part.FINISH
        for step in self._plan.finishers:
            await run_step(step, req, resp, self._boards)
        req.part = Part.EMIT


def _follow_up(error: Exception, another: Exception) -> Exception:
    """Give the later failure with the earlier one in its traceback, of which a worker thread does not know."""
    if another.__context__ is None and another is not error:
        another.__context__ = error
    return another


# Streams


async def _send_chunks(req: Request, resp: Response, send: Send, board: Board) -> None:
    """Send a stream piece by piece. One that fails is cut off, which is all that can still be said after the start."""
    req.sending = -1
    sender = Sender(req, send, board.live.get(req))
    chunks = open_chunks(resp.body, board, resp.length)
    turn = Turn()
    driver = drive(chunks, sender.held, turn)
    state = None
    try:
        try:
            state = next(driver, ENDED)
            while state is not ENDED:
                if state is ENOUGH:
                    if sender.sending is not None:
                        await sender.settle()
                    await sender.send_held()
                    # PERF: a small stream does without (row stream); granian's threads need it when a client has left
                    if sender.pieces > 1 or monotonic() > turn.end:
                        await sleep(0)
                        turn.begin()
                    state = next(driver, ENDED)
                else:
                    if sender.held:
                        sender.begin()
                    state = await Wait(driver, state, turn)
            if sender.sending is not None:
                await sender.settle()
            await sender.send_held(is_end=True)
        finally:
            if state is not ENDED:
                await chunks.aclose()
    except (Exception, CancelledError, SystemExit) as error:  # noqa: BLE001 - whatever a generator raises cuts the stream off
        resp.tasks = ()  # they are for requests that succeed
        await _cut_off(req, sender, board, _contain(req, sender.explain(error), board.live.get(req)))
    finally:
        sender.stop()


async def _cut_off(req: Request, sender: Sender, board: Board, error: Exception) -> None:
    """Leave a stream without its end, after what was given before the failure."""
    is_reported = _report_mistake(req, error)
    try:
        if sender.sending is not None:
            await sender.settle()
        if req.sending < 0:  # else it is sending that has failed
            if not (is_reported or sender.pieces):  # of a response without any piece granian makes a 500
                sender.held.append(b"")
            await sender.send_held()
    except (Exception, CancelledError, SystemExit) as another:  # noqa: BLE001 - as before, but it is no more than a second failure
        _report_mistake(req, _contain(req, another, board.live.get(req)))
    await sleep(0)  # as after any `send` that failed


def _report_mistake(req: Request, error: Exception) -> bool:
    is_reported = is_mistake(error)
    if is_reported:
        report(req, error)
    return is_reported
