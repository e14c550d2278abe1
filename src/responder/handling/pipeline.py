"""The pipeline of one route and method: composed once, then called for each request.

`API.__call__` awaits the pipeline, which awaits the view: with hooks there is `run` between them, and that is all. Stages
stand in one flat list; those that are not used are not there. Rejected: middleware that wraps `send`, and one closure
around another for each hook, because each adds a frame to every request and to every traceback.
"""

from __future__ import annotations

from asyncio import CancelledError, current_task, get_running_loop
from contextlib import aclosing
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from ..exchange.emit import declared_length, encode_chunk, render
from ..exchange.request import Request
from ..exchange.response import Response
from .failures import is_mistake, render_default, report
from .results import apply_result
from .steps import SECOND_YIELD
from .streaming import iterate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Sequence
    from typing import TypeAlias

    from ..types import Message, Receive, Scope, Send
    from .failures import Handlers
    from .in_flight import Board, Boards
    from .steps import Around, Step

    Pipeline: TypeAlias = Callable[[Scope, Receive, Send, tuple[Any, ...]], Awaitable[None]]
    Run: TypeAlias = Callable[[Request, Response], Awaitable[Any]]
    Rendered: TypeAlias = tuple[Message, Message | None]
    Recover: TypeAlias = Callable[[Request, Response, Exception], Awaitable[Rendered]]


class Part(IntEnum):
    """Where in a request a stage stands. A before stage that sets the response skips what is before AFTER."""

    ENTER = 0
    BEFORE = 1
    VIEW = 2
    AFTER = 3
    EMIT = 4


class Stage(NamedTuple):
    """A step at its place."""

    part: Part
    step: Step


class Plan(NamedTuple):
    """Everything a route's pipeline is made of for one method."""

    names: tuple[str, ...]
    view: tuple[Step, ...]
    before: tuple[Step, ...]
    after: tuple[Step, ...]
    arounds: tuple[Around, ...]
    handlers: Handlers


def compose(plan: Plan, api: Any, boards: Boards) -> Pipeline:
    """Give the coroutine function that serves one route and method."""
    run, recover, names = _compose_run(plan, boards), _compose_recovery(plan, boards), plan.names

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


# The way through


def _compose_run(plan: Plan, boards: Boards) -> Run:
    """Give what runs hooks and view: the view itself when it is async and stands alone."""
    stages = _stages(plan)
    if len(stages) == 1 and stages[0].step.is_async:
        call: Run = stages[0].step.call
        return call
    groups = _group(stages)

    async def run(req: Request, resp: Response) -> None:
        rest: Sequence[_Group] = groups
        answered = False
        while rest:
            try:
                for part, is_threaded, call in rest:
                    if answered and (part is Part.BEFORE or part is Part.VIEW):
                        continue
                    if is_threaded:
                        loop = req.loop = get_running_loop()
                        answered = await boards.open(loop).pool.submit(call, req, resp, answered)
                        continue
                    req.part = part
                    result = call(req, resp)
                    if hasattr(result, "__await__"):
                        result = await result
                    if result is not None:
                        apply_result(resp, result)
                    if part <= Part.BEFORE:
                        answered = _checkpoint(req, resp)
                rest = ()
            except BaseException as error:
                if not req.entered:
                    raise
                await _unwind(req, error, boards)
                rest = _group(_stages_after_unwinding(plan, req))
        req.part = Part.EMIT

    return run


def _stages(plan: Plan) -> list[Stage]:
    around = [Stage(Part.ENTER, around.enter) for around in plan.arounds]
    before = [Stage(Part.BEFORE, step) for step in plan.before]
    view = [Stage(Part.VIEW, step) for step in plan.view]
    return around + before + view + _last_stages(plan.after, plan.arounds)


def _last_stages(after: Iterable[Step], arounds: Sequence[Around]) -> list[Stage]:
    last = [Stage(Part.AFTER, step) for step in after]
    return last + [Stage(Part.AFTER, around.leave) for around in reversed(arounds)]


def _stages_after_unwinding(plan: Plan, req: Request) -> list[Stage]:
    """Give what is left when an around hook has swallowed an error: after hooks, and the hooks further out."""
    return _last_stages(() if req.part is Part.AFTER else plan.after, plan.arounds[: len(req.entered)])


class _Group(NamedTuple):
    """One stage on the event loop, or consecutive sync stages that share one hop to a worker thread."""

    part: Part
    is_threaded: bool
    call: Callable[..., Any]


def _group(stages: Iterable[Stage]) -> list[_Group]:
    groups: list[_Group] = []
    hop: list[Stage] = []
    for stage in stages:
        if stage.step.is_threaded:
            hop.append(stage)
            continue
        if hop:
            groups.append(_hop(hop))
            hop = []
        groups.append(_Group(stage.part, False, stage.step.call))
    return [*groups, _hop(hop)] if hop else groups


def _hop(stages: list[Stage]) -> _Group:
    calls = [(part, step.call) for part, step in stages]
    first = calls[0][0] if all(part is calls[0][0] for part, _ in calls) else Part.ENTER

    def hop(req: Request, resp: Response, answered: bool) -> bool:
        for part, call in calls:
            if answered and (part is Part.BEFORE or part is Part.VIEW):
                continue
            req.part = part
            result = call(req, resp)
            if result is not None:
                apply_result(resp, result)
            if part <= Part.BEFORE:
                answered = _checkpoint(req, resp)
        return answered

    return _Group(first, True, hop)


def _checkpoint(req: Request, resp: Response) -> bool:
    """Keep the headers set so far for a failure to come, and say whether the request is answered."""
    if not resp.is_plain:
        req.kept = list(resp.fields)
    return resp.is_set


async def _unwind(req: Request, error: BaseException, boards: Boards) -> None:
    """Raise the error at the `yield` of each around hook, innermost first, until one swallows it; else raise it here."""
    while req.entered:
        *outer, generator = req.entered
        req.entered = tuple(outer)
        if hasattr(generator, "athrow"):
            outcome = await _throw_async(generator, error)
        else:
            outcome = await boards.open(get_running_loop()).pool.submit(_throw, generator, error)
        if outcome is None and isinstance(error, Exception):
            return
        error = outcome or error
    raise error


def _throw(generator: Generator[Any], error: BaseException) -> BaseException | None:
    """Raise the error in a generator; give what comes out of it, None when nothing does."""
    try:
        generator.throw(error)
    except StopIteration:
        return None
    except BaseException as another:  # noqa: BLE001 - the next hook out is to see it
        return another
    generator.close()
    return RuntimeError(SECOND_YIELD)


async def _throw_async(generator: AsyncGenerator[Any], error: BaseException) -> BaseException | None:
    try:
        await generator.athrow(error)
    except StopAsyncIteration:
        return None
    except BaseException as another:  # noqa: BLE001 - the next hook out is to see it
        return another
    await generator.aclose()
    return RuntimeError(SECOND_YIELD)


# The way out of a failure


def _compose_recovery(plan: Plan, boards: Boards) -> Recover:
    """Give what turns an exception into the messages of a response: handler, after hooks, rendering."""
    find = plan.handlers.find

    async def answer(req: Request, resp: Response, error: Exception, handler: Step | None) -> None:
        resp.reset(req.kept)
        if handler is not None:
            await _run_step(handler, req, resp, boards, error)
            return
        if is_mistake(error):
            report(req, error)
        render_default(req, resp, error)

    async def run_after(req: Request, resp: Response) -> None:
        req.part = Part.AFTER
        for step in plan.after:
            await _run_step(step, req, resp, boards)
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


async def _run_step(step: Step, req: Request, resp: Response, boards: Boards, *more: Any) -> None:
    if step.is_threaded:
        loop = req.loop = get_running_loop()
        result = await boards.open(loop).pool.submit(step.call, req, resp, *more)
    else:
        result = step.call(req, resp, *more)
        if step.is_async:
            result = await result
    if result is not None:
        apply_result(resp, result)


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
