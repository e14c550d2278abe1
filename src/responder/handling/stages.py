"""The stages of a request in one flat list, and the coroutine function that runs them.

Consecutive sync stages share one hop to a worker thread: a before hook, the view and an after hook that are all sync
cost one hand-over. Rejected: one closure around another for each hook, because each adds a frame to every traceback.
"""

from __future__ import annotations

from asyncio import CancelledError, shield, wait
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ServiceUnavailable
from .in_flight import ON_THREAD
from .results import apply_result
from .steps import SECOND_YIELD

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Sequence
    from typing import TypeAlias

    from ..exchange.request import Request
    from ..exchange.response import Response
    from .failures import Handlers
    from .in_flight import Boards
    from .steps import Around, Step

    Run: TypeAlias = Callable[[Request, Response], Awaitable[Any]]


class Part(IntEnum):
    """Where in a request a stage stands.

    A guard that sets the response skips all before AFTER, a before hook the other ones and the view.
    """

    GUARD = 0
    ENTER = 1
    BEFORE = 2
    VIEW = 3
    AFTER = 4
    FINISH = 5
    EMIT = 6


_VIEW, _AFTER, _FINISH, _EMIT = Part.VIEW, Part.AFTER, Part.FINISH, Part.EMIT
_SKIPPED = frozenset({Part.BEFORE, Part.VIEW})


class Stage(NamedTuple):
    """A step at its place."""

    part: Part
    step: Step


class Plan(NamedTuple):
    """Everything a route's pipeline is made of for one method.

    Guards come before the hooks, and may end the request as those do; finishers come last, and see every response.
    """

    names: tuple[str, ...]
    view: tuple[Step, ...]
    before: tuple[Step, ...]
    after: tuple[Step, ...]
    arounds: tuple[Around, ...]
    handlers: Handlers
    guards: tuple[Step, ...] = ()
    finishers: tuple[Step, ...] = ()


def compose_run(plan: Plan, boards: Boards) -> Run:  # noqa: C901 - PERF: flat, as the pipeline is
    """Give what runs hooks and view: the view itself when it is async and stands alone."""
    stages = _stages(plan)
    if len(stages) == 1 and stages[0].step.is_async:
        call: Run = stages[0].step.call
        return call
    hooked = (*plan.before, *plan.view, *plan.after)
    are_policies_inline = not any(step.is_async for step in (*plan.guards, *plan.finishers))
    if not plan.arounds and are_policies_inline and all(step.is_async for step in hooked):
        return _compose_async_run(plan)
    groups = _group(stages)
    after_refusal = _group(_last_stages(plan, plan.after, ()))

    async def run(req: Request, resp: Response) -> None:  # noqa: C901, PLR0912 - the same
        rest: Sequence[_Group] = groups
        answered = False
        while rest:
            try:
                for part, is_threaded, call in rest:
                    if answered and part in _SKIPPED:
                        continue
                    if is_threaded:
                        board = boards.current()
                        req.loop = board.loop
                        hop = board.pool.submit(call, req, resp, answered)
                        try:
                            answered = await (_to_its_end(hop) if plan.arounds else hop)
                        except CancelledError:
                            board.pool.abandon(hop)
                            raise
                        finally:
                            del hop  # whose error leads by its traceback back here
                        continue
                    req.part = part
                    result = call(req, resp)
                    if hasattr(result, "__await__"):
                        result = await result
                    if result is not None:
                        apply_result(resp, result)
                    if part <= Part.BEFORE:
                        answered = _checkpoint(req, resp)
                    if part is Part.GUARD and answered:
                        rest = after_refusal
                        break
                else:
                    rest = ()
            except BaseException as error:
                if not req.entered:
                    raise
                await _unwind(plan.arounds, req, error, boards)
                rest = _group(_stages_after_unwinding(plan, req))
        req.part = Part.EMIT

    return run


def _compose_async_run(plan: Plan) -> Run:  # noqa: C901 - PERF: flat, as the pipeline is
    """Give what runs async hooks and an async view.

    PERF: without worker threads and around hooks to think of, a request with two hooks takes 0.7 us less
    (benchmarks/in_process.py, row hooks).
    """
    guards, before, view, after, finishers = (
        [step.call for step in steps] for steps in (plan.guards, plan.before, plan.view, plan.after, plan.finishers)
    )

    async def run(req: Request, resp: Response) -> None:  # noqa: C901, PLR0912 - the same
        for guard in guards:
            guard(req, resp)
            if resp.status is not None:
                break
        else:
            for call in before:
                result = await call(req, resp)
                if result is not None:
                    apply_result(resp, result)
                if _checkpoint(req, resp):
                    break
            else:
                req.part = _VIEW
                for call in view:
                    result = await call(req, resp)
                    if result is not None:
                        apply_result(resp, result)
        req.part = _AFTER
        for call in after:
            result = await call(req, resp)
            if result is not None:
                apply_result(resp, result)
        if finishers:
            req.part = _FINISH
            for finish in finishers:
                finish(req, resp)
        req.part = _EMIT

    return run


async def _to_its_end(hop: Future[bool]) -> bool:
    """Wait for a hop; a cancelled request waits as well, lest an around hook cleans up what the thread still uses."""
    try:
        return await shield(hop)
    except CancelledError:
        await wait({hop})
        hop.exception()  # nobody is left to tell, and asyncio logs what nobody has seen
        raise


def _stages(plan: Plan) -> list[Stage]:
    guards = [Stage(Part.GUARD, step) for step in plan.guards]
    around = [Stage(Part.ENTER, around.enter) for around in plan.arounds]
    before = [Stage(Part.BEFORE, step) for step in plan.before]
    view = [Stage(Part.VIEW, step) for step in plan.view]
    return guards + around + before + view + _last_stages(plan, plan.after, plan.arounds)


def _last_stages(plan: Plan, after: Iterable[Step], arounds: Sequence[Around]) -> list[Stage]:
    last = [Stage(Part.AFTER, step) for step in after]
    last += [Stage(Part.AFTER, around.leave) for around in reversed(arounds)]
    return last + [Stage(Part.FINISH, step) for step in plan.finishers]


def _stages_after_unwinding(plan: Plan, req: Request) -> list[Stage]:
    """Give what is left when an around hook has swallowed an error: after hooks, and the hooks further out."""
    return _last_stages(plan, () if req.part is Part.AFTER else plan.after, plan.arounds[: len(req.entered)])


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
        groups.append(_Group(stage.part, is_threaded=False, call=stage.step.call))
    return [*groups, _hop(hop)] if hop else groups


def _hop(stages: list[Stage]) -> _Group:
    calls = [(part, step.call) for part, step in stages]
    first = calls[0][0] if all(part is calls[0][0] for part, _ in calls) else Part.ENTER

    def hop(req: Request, resp: Response, answered: bool) -> bool:  # noqa: FBT001 - a pool takes positions only
        ON_THREAD.set(req)
        for part, call in calls:
            if answered and part in _SKIPPED:
                continue
            req.part = part
            result = call(req, resp)
            if result is not None:
                apply_result(resp, result)
            if part <= Part.BEFORE:
                answered = _checkpoint(req, resp)
        return answered

    return _Group(first, is_threaded=True, call=hop)


def _checkpoint(req: Request, resp: Response) -> bool:
    """Keep the headers set so far for a failure to come, and say whether the request is answered."""
    if resp.has_fields:
        req.kept = resp.fields.copy()
    return resp.kind is not None or resp.status is not None


async def _unwind(arounds: Sequence[Around], req: Request, error: BaseException, boards: Boards) -> None:
    """Raise the error at the `yield` of each around hook, innermost first, until one swallows it; else raise it."""
    while req.entered:
        *outer, generator = req.entered
        req.entered = tuple(outer)
        step = arounds[len(outer)].leave
        if step.is_async:
            outcome = await _throw_async(generator, error)
        elif step.is_threaded:
            outcome = await _throw_threaded(generator, error, boards)
        else:
            outcome = _throw(generator, error)
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


async def _throw_threaded(generator: Generator[Any], error: BaseException, boards: Boards) -> BaseException | None:
    try:
        return await boards.current().pool.submit(_throw, generator, error)
    except ServiceUnavailable:  # no thread is free, and the clean-up of a hook is not to be left out
        return _throw(generator, error)


async def _throw_async(generator: AsyncGenerator[Any], error: BaseException) -> BaseException | None:
    try:
        await generator.athrow(error)
    except StopAsyncIteration:
        return None
    except BaseException as another:  # noqa: BLE001 - the next hook out is to see it
        return another
    await generator.aclose()
    return RuntimeError(SECOND_YIELD)


async def run_step(step: Step, req: Request, resp: Response, boards: Boards, *more: Any) -> None:
    """Run one step where it belongs, and put what it returns onto the response."""
    if step.is_threaded:
        board = boards.current()
        req.loop = board.loop
        hop = board.pool.submit(step.call, req, resp, *more)
        try:
            result = await hop
        except CancelledError:
            board.pool.abandon(hop)
            raise
        finally:
            del hop  # as above
    else:
        result = step.call(req, resp, *more)
        if step.is_async:
            result = await result
    if result is not None:
        apply_result(resp, result)
