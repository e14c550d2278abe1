"""Part (a): every row in one process under uvloop, the frameworks in turn, many short rounds, the median of them.

One process, because only neighbouring moments compare: clock speed and neighbours change over seconds, and two
processes would be measured seconds apart. Its price is that seven frameworks share caches and one heap: a few requests
that are not timed precede each turn, and what was alive before the first round is frozen out of the collector, which
stays switched on as in production, so that no framework pays for the size of another. The rows of payloads come after
all others are done: a large file leaves nothing in the processor's caches.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import importlib
import itertools
import json
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import material
import uvloop
from rows import FRAMEWORKS, NUMBERS, PAYLOADS, POLICIES, ROWS, Body, Row, WrongAnswerError

Application = Callable[[Any, Any, Any], Awaitable[None]]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass
class Turn:
    """One framework on one row: its paths, the requests of a turn, the seconds a request took in each turn."""

    framework: str
    row: Row
    app: Application
    scope: dict[str, Any]
    paths: Iterator[bytes]
    requests: int = 0
    seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Effort:
    """How many rounds, and how many seconds one turn of one framework lasts."""

    rounds: int
    turn: float


FULL = Effort(rounds=151, turn=0.006)
QUICK = Effort(rounds=3, turn=0.001)


def make_scope(row: Row) -> dict[str, Any]:
    """Build the scope as granian makes it; its ports are strings. Where a file is asked for, nobody else sends it."""
    extensions: dict[str, Any] = {"http.response.pathsend": {}, "websocket.http.response": {}}
    if row.reads_file:
        del extensions["http.response.pathsend"]
    return {
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "extensions": extensions,
        "type": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", "8000"),
        "client": ("127.0.0.1", "50442"),
        "scheme": "http",
        "path": row.path,
        "raw_path": row.path.encode(),
        "query_string": row.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in row.request_headers],
        "method": row.method,
        "root_path": "",
        "state": {},
    }


def make_receive(body: bytes) -> Receive:
    """Give the body as granian does: with more to come, then the empty end; after it nothing ever arrives."""
    messages = [{"type": "http.request", "body": b"", "more_body": False}]
    if body:
        messages.append({"type": "http.request", "body": body, "more_body": True})

    async def receive() -> Message:
        if not messages:
            await asyncio.get_running_loop().create_future()
        return messages.pop()

    return receive


async def drop(message: Message) -> None:
    """Take a message of the answer and do nothing with it."""


def connect(pieces: Iterable[bytes], take: Callable[[bytes], object] | None = None) -> tuple[Receive, Send]:
    """Give the two ends of a request whose body comes in pieces; `take` gets the pieces of the answer.

    After the body nothing arrives until the answer is complete, and then the disconnect: Litestar waits for it.
    """
    left = iter(pieces)
    end: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
    gone = asyncio.get_running_loop().create_future()

    async def receive() -> Message:
        for piece in left:
            return {"type": "http.request", "body": piece, "more_body": True}
        if end:
            return end.pop()
        await asyncio.shield(gone)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            if take is not None:
                take(message.get("body", b""))
            if not message.get("more_body", False):
                gone.set_result(None)

    return receive, send


async def ask(turn: Turn, requests: int) -> None:
    """Send this many requests one after another, each with a scope and a path string of its own, as a server does."""
    app, scope, body = turn.app, turn.scope, turn.row.body
    headers = scope["headers"]
    for path in itertools.islice(turn.paths, requests):
        await app(
            {**scope, "path": path.decode(), "raw_path": path, "headers": [*headers], "state": {}},
            make_receive(body),
            drop,
        )


async def ask_payload(turn: Turn, requests: int) -> None:
    """Do the same for payloads, with bodies in pieces and an end of the connection."""
    app, scope, pieces = turn.app, turn.scope, turn.row.pieces
    headers = scope["headers"]
    for path in itertools.islice(turn.paths, requests):
        receive, send = connect(pieces)
        await app({**scope, "path": path.decode(), "raw_path": path, "headers": [*headers], "state": {}}, receive, send)


async def time_requests(turn: Turn, requests: int) -> float:
    """Give the seconds that a request takes. What was put off to the next pass of the loop is still in the time."""
    callers = turn.row.callers
    share = max(1, requests // callers)
    started = perf_counter()
    if turn.row.application == PAYLOADS:
        await ask_payload(turn, share)
    elif callers == 1:
        await ask(turn, share)
    else:
        await asyncio.gather(*(ask(turn, share) for _ in range(callers)))
    await asyncio.sleep(0)
    return (perf_counter() - started) / (share * callers)


async def check_answer(app: Application, row: Row) -> None:
    """Ask once and raise `WrongAnswerError` unless the answer is the row's."""
    starts: list[Message] = []
    body = Body()
    receive, send = connect(row.pieces, body.add)

    async def collect(message: Message) -> None:
        if message["type"] != ("http.response.body" if starts else "http.response.start"):
            raise WrongAnswerError(row, f"a message {message['type']} after {len(starts)} starts")
        if not starts:
            starts.append(message)
        await send(message)

    await app(make_scope(row), receive, collect)
    start = starts[0]
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start["headers"]]
    row.check(start["status"], headers, body)


async def check_turn(turn: Turn) -> None:
    """Check the answers of one framework to one row: the lowest and the highest number, where it has numbers."""
    try:
        for number in {NUMBERS[0], NUMBERS[-1]} if turn.row.varied else NUMBERS[:1]:
            await check_answer(turn.app, turn.row.choose(number))
    except WrongAnswerError as error:
        error.add_note(f"This was {turn.framework}. Correct its file in benchmarks/apps; a wrong answer is not timed.")
        raise


@contextlib.asynccontextmanager
async def start(app: Application) -> AsyncIterator[None]:
    """Run the lifespan of an application around the block."""
    told, said = asyncio.Queue[Message](), asyncio.Queue[Message]()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, told.get, said.put))
    for phase in ("startup", "shutdown"):
        told.put_nowait({"type": f"lifespan.{phase}"})
        heard = asyncio.ensure_future(said.get())
        await asyncio.wait({task, heard}, return_when=asyncio.FIRST_COMPLETED)
        if not heard.done():
            heard.cancel()
            await task
            raise RuntimeError(f"{app!r} left its lifespan without an answer to {phase}")
        message = heard.result()
        if message["type"] != f"lifespan.{phase}.complete":
            raise RuntimeError(f"{app!r} did not finish its {phase}: {message}")
        if phase == "startup":
            yield
    await task


def build(framework: str, row: Row) -> Application:
    """Build the application of a framework that answers a row."""
    module: Any = importlib.import_module(FRAMEWORKS[framework])
    if row.routes:
        app: Application = module.build_routes(row.routes)
    elif row.application.startswith(POLICIES):
        app = module.build_policy(row.name)
    else:
        app = module.build_payloads() if row.application == PAYLOADS else module.build()
    return app


async def prepare(stack: contextlib.AsyncExitStack, names: list[str], rows: list[Row]) -> list[list[Turn]]:
    """Build and start every application and check every answer. One list a row, one turn a framework."""
    table, apps = [], {}
    for row in rows:
        turns = []
        for name in names:
            if name in row.without:
                continue
            key = name, row.application
            if key not in apps:
                apps[key] = build(name, row)
                await stack.enter_async_context(start(apps[key]))
            paths = itertools.cycle([path.encode() for path in row.paths])
            turns.append(Turn(name, row, apps[key], make_scope(row), paths))
            await check_turn(turns[-1])
        table.append(turns)
    return table


async def calibrate(turn: Turn, seconds: float) -> None:
    """Find how many requests fill a turn. The first calls warm caches and start threads. Of a dear row it is one."""
    if turn.row.every > 1:
        await time_requests(turn, 1)
        turn.requests = 1
        return
    floor = 2 * turn.row.callers
    await time_requests(turn, max(20, floor))
    cost = await time_requests(turn, max(20, 4 * floor))
    turn.requests = max(floor, 5, round(seconds / cost))


async def run_rounds(table: list[list[Turn]], effort: Effort) -> None:
    """Go round the rows, in each row round the frameworks, beginning with another one every time."""
    for number in range(effort.rounds):
        for turns in table:
            row = turns[0].row
            if number % row.every:
                continue
            first = number % len(turns)
            for turn in turns[first:] + turns[:first]:
                gc.collect()
                if row.every == 1:
                    await time_requests(turn, max(row.callers, turn.requests // 10))
                turn.seconds.append(await time_requests(turn, turn.requests))


def summarise(turns: list[Turn]) -> dict[str, Any]:
    """Give the medians of one row in microseconds: the time, and the overhead over the bare application's round."""
    floor = next(turn.seconds for turn in turns if turn.framework == "bare")
    return {
        "row": turns[0].row.name,
        "time_us": {turn.framework: median(turn.seconds) * 1e6 for turn in turns},
        "overhead_us": {
            turn.framework: median(mine - bare for mine, bare in zip(turn.seconds, floor, strict=True)) * 1e6
            for turn in turns
            if turn.framework != "bare"
        },
    }


async def measure(names: list[str], rows: list[Row], effort: Effort) -> list[dict[str, Any]]:
    """Measure these rows and give one summary a row."""
    async with contextlib.AsyncExitStack() as stack:
        table = await prepare(stack, names, rows)
        for turns in table:
            for turn in turns:
                await calibrate(turn, effort.turn)
        gc.collect()
        gc.freeze()
        await run_rounds(table, effort)
        for turns in table:
            for turn in turns:
                await check_turn(turn)
        return [summarise(turns) for turns in table]


async def measure_all(names: list[str], rows: list[Row], effort: Effort) -> list[dict[str, Any]]:
    """Measure the small answers, then the payloads."""
    for name in names:
        importlib.import_module(FRAMEWORKS[name])
    small = await measure(names, [row for row in rows if row.application != PAYLOADS], effort)
    return small + await measure(names, [row for row in rows if row.application == PAYLOADS], effort)


def main() -> None:
    """Measure what the command line asks for and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write here instead of to standard output")
    parser.add_argument("--quick", action="store_true", help="a few tiny rounds that show that all works")
    parser.add_argument("--only", nargs="+", choices=list(FRAMEWORKS), default=list(FRAMEWORKS), metavar="FRAMEWORK")
    parser.add_argument("--row", nargs="+", choices=[row.name for row in ROWS], help="only these rows", metavar="ROW")
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    names = list(dict.fromkeys(["bare", *options.only]))
    rows = [row for row in ROWS if options.row is None or row.name in options.row]
    with material.keep_folder():
        results = json.dumps(uvloop.run(measure_all(names, rows, QUICK if options.quick else FULL)), indent=1)
    if options.output:
        options.output.write_text(results)
    else:
        sys.stdout.write(results + "\n")


if __name__ == "__main__":
    main()
