"""The pipeline of one route and method: composed once, then called for each request.

`API.__call__` awaits the pipeline, which awaits the view; with hooks `run` stands between them, and that is all.
Middleware that wraps `send` was rejected: whatever it would do is done to the response before that is emitted.
"""

from __future__ import annotations

from asyncio import CancelledError, current_task, get_running_loop
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from ..exchange.emit import declared_length, encode_chunk, render
from ..exchange.request import Request
from ..exchange.response import Response
from .failures import is_mistake, render_default, report
from .results import apply_result
from .stages import Part, compose_run, run_step
from .streaming import iterate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from ..types import Message, Receive, Scope, Send
    from .in_flight import Board, Boards
    from .stages import Plan
    from .steps import Step

    Pipeline: TypeAlias = Callable[[Scope, Receive, Send, tuple[Any, ...]], Awaitable[None]]
    Rendered: TypeAlias = tuple[Message, Message | None]
    Recover: TypeAlias = Callable[[Request, Response, Exception], Awaitable[Rendered]]


def compose(  # noqa: C901 - PERF: flat, because every request would pay for each call that is split off
    plan: Plan, api: Any, boards: Boards
) -> Pipeline:
    """Give the coroutine function that serves one route and method."""
    run, recover, names = compose_run(plan, boards), _compose_recovery(plan, boards), plan.names

    async def pipeline(scope: Scope, receive: Receive, send: Send, values: tuple[Any, ...]) -> None:
        loop = get_running_loop()
        board = boards.get(loop) or boards.open(loop)
        if not board.is_armed:
            board.arm()
        req = Request(scope, receive, api)
        resp = Response(req)
        if values:
            req.path_params = dict(zip(names, values, strict=True))
        live = board.live
        live[req] = current_task(loop)
        try:
            try:
                result = await run(req, resp)
                if result is not None:
                    apply_result(resp, result)
                start, body = render(req, resp)
            except Exception as error:  # noqa: BLE001 - whatever a view raises becomes a response
                start, body = await recover(req, resp, error)
            await send(start)
            if body is not None:
                await send(body)
            else:
                await _send_chunks(req, resp, send, board)
            if resp.tasks:
                _start_tasks(resp, board)
        except CancelledError:
            if not req.is_ended:
                raise
            _absorb_cancellation(live[req])  # servers print a traceback for a cancellation that leaves here
        finally:
            del live[req]
            if req.watcher is not None:
                req.watcher.cancel()

    return pipeline


def _absorb_cancellation(task: Any) -> None:
    while task is not None and task.cancelling():
        task.uncancel()


def _start_tasks(resp: Response, board: Board) -> None:
    for function, args in resp.tasks:
        board.start(function, args)


# The way out of a failure


def _compose_recovery(plan: Plan, boards: Boards) -> Recover:
    """Give what turns an exception into the messages of a response: handler, after hooks, rendering."""
    find = plan.handlers.find

    async def answer(req: Request, resp: Response, error: Exception, handler: Step | None) -> None:
        resp.reset(req.kept)
        if handler is not None:
            await run_step(handler, req, resp, boards, error)
            return
        if is_mistake(error):
            report(req, error)
        render_default(req, resp, error)

    async def run_after(req: Request, resp: Response) -> None:
        req.part = Part.AFTER
        for step in plan.after:
            await run_step(step, req, resp, boards)
        req.part = Part.EMIT

    async def recover(req: Request, resp: Response, error: Exception) -> Rendered:
        for handler in (find(error), None):
            # An after hook that fails does not see its own failure; every other response passes it.
            after_failed = req.part == Part.AFTER
            try:
                await answer(req, resp, error, handler)
                if not after_failed:
                    await run_after(req, resp)
                return render(req, resp)
            except Exception as another:  # noqa: BLE001 - a handler or an after hook that fails is one more failure
                error = another
        await answer(req, resp, error, None)
        return render(req, resp)

    return recover


# Streams


async def _send_chunks(req: Request, resp: Response, send: Send, board: Board) -> None:
    """Send a stream piece by piece. One that fails is cut off, which is all that can still be said after the start."""
    sent, declared = 0, declared_length(resp)
    try:
        async with aclosing(iterate(resp.chunks, board)) as chunks:
            async for chunk in chunks:
                piece = encode_chunk(chunk)
                sent += len(piece)
                if declared is not None and sent > declared:
                    break
                if piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        if declared is not None and sent != declared:
            raise ValueError(f"A stream gave {sent} bytes or more, and its Content-Length says {declared}.")  # noqa: TRY301 - one way out
    except Exception as error:  # noqa: BLE001 - whatever a generator raises cuts the stream off
        report(req, error)
    else:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
