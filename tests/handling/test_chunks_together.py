"""The chunks that a generator gives without waiting go out together, and none is held while it waits."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import itertools
import logging
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import responder
from responder import Request, Response
from responder.errors import ClientDisconnected
from responder.handling import pipeline, streaming
from responder.handling.streaming import TOGETHER, TOGETHER_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from responder.types import Message

    Make = Callable[[], AsyncIterator[Any]]
    OnPiece = Callable[[bytes], Awaitable[None]]

SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "scheme": "http",
    "headers": [(b"host", b"example.com")],
    "http_version": "1.1",
}


class Client:
    """The other end of one streamed response: `pieces` are the bodies of its messages, until `fails_at` of them.

    `on_piece` is called before each of them is taken, as a middleware around `send` would do.
    """

    def __init__(
        self, make: Make, *, fails_at: int | None = None, is_slow: bool = False, on_piece: OnPiece | None = None
    ) -> None:
        self.api = responder.API()
        self.pieces: list[bytes] = []
        self.is_complete = False
        self.arrived = asyncio.Event()
        self._fails_at = fails_at
        self._is_slow = is_slow
        self._on_piece = on_piece

        @self.api.route("/")
        async def view(req: Request, resp: Response) -> None:
            resp.stream(make)

    async def send(self, message: Message) -> None:
        if self._is_slow:
            await asyncio.sleep(0)
        if message["type"] == "http.response.body":
            if self._on_piece is not None:
                await self._on_piece(message["body"])
            if len(self.pieces) == self._fails_at:
                raise OSError("reset")
            self.pieces.append(message["body"])
            self.is_complete = not message["more_body"]
            self.arrived.set()

    async def receive(self) -> Message:
        return await asyncio.Future()

    async def ask(self) -> None:
        await asyncio.wait_for(self.api(SCOPE, self.receive, self.send), 5)
        assert not self.api.boards.current().live


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene())


def give(*chunks: Any) -> Make:
    async def generate() -> AsyncIterator[Any]:
        for chunk in chunks:
            yield chunk

    return generate


@pytest.mark.parametrize(
    ("chunks", "pieces"),
    [
        ((), [b""]),
        ((b"", ""), [b""]),
        ((b"a", "b", b"", memoryview(b"c")), [b"abc"]),
        ([b"x"] * (2 * TOGETHER + 1), [b"x" * TOGETHER, b"x" * TOGETHER, b"x"]),
        ([b"x"] * TOGETHER, [b"x" * TOGETHER, b""]),
        ([b"x" * (TOGETHER_BYTES - 1), b"y", b"z"], [b"x" * (TOGETHER_BYTES - 1) + b"y", b"z"]),
        ([b"x", b"y" * 400_000], [b"x" + b"y" * (256 * 1024 - 1), b"y" * (400_001 - 256 * 1024), b""]),
    ],
)
def test_chunks_go_out_together_up_to_a_number_and_a_size(chunks: Any, pieces: list[bytes]) -> None:
    async def scene() -> None:
        client = Client(give(*chunks))
        await client.ask()
        assert client.pieces == pieces
        assert client.is_complete

    run(scene)


def test_the_last_of_several_pieces_is_the_end() -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"x" * 400_000

    async def scene() -> None:
        client = Client(generate)
        await client.ask()
        assert [len(piece) for piece in client.pieces] == [256 * 1024, 400_000 - 256 * 1024, 0]
        assert client.is_complete

    run(scene)


@pytest.mark.parametrize("is_slow", [True, False])
def test_what_has_come_goes_out_before_the_generator_waits(*, is_slow: bool) -> None:
    async def scene() -> None:
        async def generate() -> AsyncIterator[bytes]:
            yield b"a"
            yield b"b"
            await client.arrived.wait()
            client.arrived.clear()
            yield b"c"
            await asyncio.sleep(0)
            assert client.pieces == [b"ab", b"c"] or is_slow
            await client.arrived.wait()
            yield b"d"

        client = Client(generate, is_slow=is_slow)
        await client.ask()
        assert client.pieces == [b"ab", b"c", b"d"]
        assert client.is_complete

    run(scene)


def test_two_streams_may_wait_for_one_future() -> None:
    async def scene() -> None:
        shared = asyncio.get_running_loop().create_future()

        async def generate() -> AsyncIterator[bytes]:
            yield b"a"
            yield await shared

        clients = [Client(generate, is_slow=True) for _ in range(3)]
        asking = asyncio.gather(*(client.ask() for client in clients))
        await asyncio.gather(*(client.arrived.wait() for client in clients))
        shared.set_result(b"b")
        await asking
        assert [client.pieces for client in clients] == [[b"a", b"b"]] * 3

    run(scene)


@pytest.mark.parametrize("chunk", [b"", b"x"])
def test_others_come_to_run_beside_a_stream_that_never_waits(chunk: bytes) -> None:
    async def scene() -> None:
        async def generate() -> AsyncIterator[bytes]:
            while not ended.is_set():
                yield chunk

        ended = asyncio.Event()
        client = Client(generate)
        asyncio.get_running_loop().call_later(0.001, ended.set)
        await client.ask()
        assert client.is_complete

    run(scene)


@pytest.mark.parametrize("chunk", [None, 5])
def test_what_came_before_a_failure_is_sent(caplog: pytest.LogCaptureFixture, chunk: Any) -> None:
    async def generate() -> AsyncIterator[Any]:
        yield b"a"
        yield b"b"
        if chunk is not None:
            yield chunk
        raise ValueError("a mistake")

    async def scene() -> None:
        client = Client(generate)
        await client.ask()
        assert client.pieces == [b"ab"]
        assert not client.is_complete

    run(scene)
    assert ("A stream yields bytes or str, not int" if chunk else "a mistake") in caplog.text


def test_a_generator_may_await_what_fails() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("a mistake")

    async def generate() -> AsyncIterator[bytes]:
        yield b"a"
        try:
            await asyncio.create_task(fail())
        except ValueError:
            yield b"b"
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await asyncio.Event().wait()
        except* ValueError:
            pass
        yield b"c"

    async def scene() -> None:
        client = Client(generate)
        await client.ask()
        assert client.pieces == [b"a", b"b", b"c"]
        assert client.is_complete

    run(scene)


def test_what_sending_awaits_may_fail() -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(0)
        yield b"b"

    async def fail() -> None:
        await asyncio.sleep(0)
        raise OSError("reset")

    async def scene() -> None:
        client = Client(generate, on_piece=lambda _: asyncio.create_task(fail()))
        await client.ask()
        assert client.pieces == []

    run(scene)


def test_a_generator_may_limit_its_time() -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"a"
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            yield b"late"

    async def scene() -> None:
        client = Client(generate)
        await client.ask()
        assert client.pieces == [b"a", b"late"]
        assert client.is_complete

    run(scene)


def test_a_generator_may_end_when_it_is_cancelled() -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"a"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    async def scene() -> None:
        client = Client(generate)
        asking = asyncio.create_task(client.ask())
        await client.arrived.wait()
        (task,) = client.api.boards.current().live.values()
        assert task is not None
        task.cancel()
        await asking
        assert client.pieces == [b"a", b""]

    run(scene)


def test_a_generator_that_waits_is_closed_with_its_clean_up_when_the_client_has_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[str] = []

    async def generate() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            seen.append("closed")

    async def scene() -> None:
        await Client(generate, fails_at=0).ask()

    run(scene)
    assert seen == ["closed"]
    assert caplog.text == ""


@pytest.mark.parametrize("pauses", [0, 1])
def test_a_clean_up_that_is_cancelled_ends(caplog: pytest.LogCaptureFixture, pauses: int) -> None:
    seen: list[str] = []

    async def scene() -> None:
        cleaning = asyncio.Event()

        async def generate() -> AsyncIterator[bytes]:
            try:
                yield b"a"
                await asyncio.Event().wait()
            finally:
                try:
                    for _ in range(pauses):
                        await asyncio.sleep(0)
                    cleaning.set()
                    await asyncio.Event().wait()
                finally:
                    seen.append("closed")

        client = Client(generate, fails_at=0)
        asking = asyncio.create_task(client.ask())
        await cleaning.wait()
        (task,) = client.api.boards.current().live.values()
        assert task is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    run(scene)
    assert seen == ["closed"]
    assert caplog.text == ""


def test_a_chunk_that_comes_while_the_stream_is_closed_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"a"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield b"b"

    async def scene() -> None:
        client = Client(generate, fails_at=0)
        await client.ask()
        assert client.pieces == []

    run(scene)
    assert caplog.text == ""


def test_an_iterator_that_is_no_generator_is_closed_too() -> None:
    seen: list[str] = []

    class Rows:
        def __aiter__(self) -> Rows:
            return self

        async def __anext__(self) -> bytes:
            await asyncio.sleep(0)
            return b"row"

        async def aclose(self) -> None:
            seen.append("closed")

    async def scene() -> None:
        client = Client(Rows, fails_at=2)
        await client.ask()
        assert client.pieces == [b"row", b"row"]

    run(scene)
    assert seen == ["closed"]


class Blocked(Client):
    """A client that takes nothing until it is `open`, as a server sees it that waits in `send`."""

    def __init__(self, make: Make, *, fails_at: int | None = None) -> None:
        super().__init__(make, fails_at=fails_at)
        self.open = asyncio.Event()
        self.begun = asyncio.Event()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.begun.set()
            await self.open.wait()
        await super().send(message)


def test_a_limit_of_time_in_a_generator_leaves_the_sending_alone() -> None:
    seen: list[str] = []

    async def scene() -> None:
        async def generate() -> AsyncIterator[bytes]:
            yield b"a"
            for _ in range(3):
                try:
                    async with asyncio.timeout(0):
                        await asyncio.Event().wait()
                except TimeoutError:
                    seen.append("late")
                    yield b"!"
            client.open.set()

        client = Blocked(generate)
        await client.ask()
        assert b"".join(client.pieces) == b"a!!!"
        assert client.is_complete

    run(scene)
    assert seen == ["late"] * 3


def test_a_generator_goes_on_while_the_client_is_slow_as_far_as_may_be_held() -> None:
    async def scene() -> None:
        given: list[int] = []

        async def generate() -> AsyncIterator[bytes]:
            for number in range(4 * TOGETHER):
                given.append(number)
                yield b"x"
                await asyncio.sleep(0)

        client = Blocked(generate)
        asking = asyncio.create_task(client.ask())
        await client.begun.wait()
        for _ in range(10 * TOGETHER):
            await asyncio.sleep(0)
        assert len(given) == TOGETHER
        client.open.set()
        await asking
        assert b"".join(client.pieces) == b"x" * 4 * TOGETHER

    run(scene)


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_client_that_leaves_while_it_is_slow_ends_the_stream(
    caplog: pytest.LogCaptureFixture, *, goes_on: bool
) -> None:
    seen: list[str] = []

    async def scene() -> None:
        async def generate() -> AsyncIterator[bytes]:
            try:
                yield b"a"
                await client.begun.wait()
                client.open.set()
                for _ in range(9):
                    await asyncio.sleep(0)
                if goes_on:
                    yield b"b"
                    await asyncio.Event().wait()
            finally:
                seen.append("closed")

        client = Blocked(generate, fails_at=0)
        await client.ask()
        assert client.pieces == []

    run(scene)
    assert seen == ["closed"]
    assert caplog.text == ""


def test_a_failure_while_the_client_is_slow_waits_for_what_came_before(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async def generate() -> AsyncIterator[bytes]:
            yield b"a"
            await client.begun.wait()
            yield b"b"
            asyncio.get_running_loop().call_soon(client.open.set)
            raise ValueError("a mistake")

        client = Blocked(generate)
        await client.ask()
        assert client.pieces == [b"a", b"b"]
        assert not client.is_complete

    run(scene)
    assert "a mistake" in caplog.text


def test_a_request_that_is_cancelled_while_the_client_is_slow_stops_sending(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    async def scene() -> None:
        async def generate() -> AsyncIterator[bytes]:
            try:
                yield b"a"
                await asyncio.Event().wait()
            finally:
                seen.append("closed")

        client = Blocked(generate)
        asking = asyncio.create_task(client.ask())
        await client.begun.wait()
        (task,) = client.api.boards.current().live.values()
        assert task is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    run(scene)
    assert seen == ["closed"]
    assert caplog.text == ""


@pytest.mark.parametrize("kind", ["fails", "is left", "fails late", "is cancelled"])
def test_a_stream_that_ends_badly_is_gone_without_a_collection(kind: str) -> None:
    requests: list[weakref.ref[Request]] = []

    async def generate() -> AsyncIterator[Any]:
        yield b"a"
        await asyncio.sleep(0)
        yield b"b"
        if kind == "fails late":
            await asyncio.sleep(0)
        if kind == "is cancelled":
            await asyncio.Event().wait()
        raise ValueError("a mistake")

    async def scene() -> None:
        client = Client(generate, fails_at=1 if kind == "is left" else None, is_slow=kind == "fails late")
        asking = asyncio.create_task(client.api(SCOPE, client.receive, client.send))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        requests.extend(weakref.ref(req) for req in client.api.boards.current().live)
        if kind == "is cancelled":
            asking.cancel()
        await asyncio.wait([asking])

    logging.disable()  # pytest keeps what is logged, and so the error
    gc.collect()
    gc.disable()
    try:
        run(scene)
        assert [ref() for ref in requests] == [None]
    finally:
        gc.enable()
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("is_swallowed", [True, False])
@pytest.mark.parametrize("error", [OSError("reset"), ValueError("of a middleware")])
def test_sending_that_fails_while_the_generator_waits_ends_the_stream(
    caplog: pytest.LogCaptureFixture, error: Exception, *, is_swallowed: bool
) -> None:
    seen: list[str] = []

    async def scene() -> None:
        async def generate() -> AsyncIterator[bytes]:
            try:
                yield b"a"
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not is_swallowed:
                    raise
            finally:
                seen.append("closed")

        async def fail(_: bytes) -> None:
            await asyncio.sleep(0)
            raise error

        await Client(generate, on_piece=fail).ask()
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()

    run(scene)
    assert seen == ["closed"]
    assert ("of a middleware" in caplog.text) == isinstance(error, ValueError)


def test_each_message_is_sent_within_one_task_and_context() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")

    async def generate() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"a"
            await asyncio.sleep(0)

    async def scene() -> None:
        async def limit(_: bytes) -> None:
            token = variable.set(1)
            try:
                async with asyncio.timeout(5):
                    await asyncio.sleep(0)
            finally:
                variable.reset(token)

        client = Client(generate, on_piece=limit)
        await client.ask()
        assert b"".join(client.pieces) == b"aaa"
        assert client.is_complete

    run(scene)


def test_nothing_more_is_sent_when_sending_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(0)
        yield b"b"
        await asyncio.Event().wait()

    async def scene() -> None:
        tried: list[bytes] = []

        async def fail(piece: bytes) -> None:
            tried.append(piece)
            for _ in range(9):
                await asyncio.sleep(0)
            raise ValueError("of a middleware")

        await Client(generate, on_piece=fail).ask()
        assert tried == [b"a"]

    run(scene)
    assert caplog.text.count("ValueError: of a middleware") == 1


@pytest.mark.parametrize("error", [ValueError("of a middleware"), asyncio.CancelledError("of a middleware")])
def test_a_generator_and_sending_may_fail_at_once(caplog: pytest.LogCaptureFixture, error: BaseException) -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"a"
        raise ValueError("of a generator")

    async def scene() -> None:
        async def fail(_: bytes) -> None:
            raise error

        await Client(generate, on_piece=fail).ask()

    run(scene)
    assert "ValueError: of a generator" in caplog.text
    assert f"{type(error).__name__}: of a middleware" in caplog.text


@pytest.mark.parametrize("is_first", ["receiving", "sending"])
def test_a_client_that_is_found_gone_twice_does_not_cut_clean_up_off(is_first: str) -> None:
    seen: list[str] = []

    async def scene() -> None:
        async def generate() -> AsyncIterator[bytes]:
            try:
                yield b"a"
                yield b"b"
                await asyncio.Event().wait()
            finally:
                for _ in range(20):
                    await asyncio.sleep(0)
                seen.append("cleaned up")

        client = Blocked(generate, fails_at=0)
        asking = asyncio.create_task(client.ask())
        await client.begun.wait()
        ((req, task),) = client.api.boards.current().live.items()
        if is_first == "receiving":
            req.end(task)
            client.open.set()
        else:
            client.open.set()
            for _ in range(9):
                await asyncio.sleep(0)
            req.end(task)
        await asking

    run(scene)
    assert seen == ["cleaned up"]


def test_what_has_taken_long_goes_out_and_others_come_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    for module in (streaming, pipeline):
        monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    turns: list[int] = []

    async def scene() -> None:
        async def generate() -> AsyncIterator[bytes]:
            for _ in range(20):
                asyncio.get_running_loop().call_soon(lambda: turns.append(len(client.pieces)))
                yield b"x"

        client = Client(generate)
        await client.ask()
        assert client.pieces == [b"x" * 8, b"x" * 8, b"x" * 4]

    run(scene)
    assert turns[:16] == [1] * 8 + [2] * 8


@pytest.mark.parametrize("makes_group", [True, False])
def test_what_a_generator_waits_for_is_cancelled_when_sending_fails_as_it_begins(*, makes_group: bool) -> None:
    async def scene() -> None:
        woken = asyncio.get_running_loop().create_future()

        async def generate() -> AsyncIterator[bytes]:
            yield b"a"
            await woken
            yield b"b"
            if makes_group:
                await asyncio.gather(asyncio.Event().wait(), asyncio.Event().wait())
            else:
                await asyncio.create_task(asyncio.Event().wait())

        async def fail(_: bytes) -> None:
            await asyncio.sleep(0)
            woken.set_result(None)
            raise OSError("reset")

        await Client(generate, on_piece=fail).ask()
        assert len(asyncio.all_tasks()) == 1

    run(scene)


def test_sending_that_is_cancelled_while_the_generator_waits_ends_the_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.Event().wait()

    async def scene() -> None:
        async def fail(_: bytes) -> None:
            raise asyncio.CancelledError("of a middleware")

        await Client(generate, on_piece=fail).ask()

    run(scene)
    assert "A view raised CancelledError" in caplog.text


def test_a_cancellation_that_was_swallowed_before_changes_nothing_about_a_client_that_leaves() -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.Event().wait()

    async def scene() -> None:
        async def serve() -> int:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            await client.api(SCOPE, client.receive, client.send)
            return task.cancelling()

        client = Client(generate, fails_at=0)
        assert await asyncio.create_task(serve()) == 1

    run(scene)


def test_a_generator_that_goes_on_without_its_client_is_cancelled_again() -> None:
    seen: list[str] = []

    async def generate() -> AsyncIterator[bytes]:
        yield b"a"
        for _ in range(3):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                seen.append("cancelled")
                yield b"more"

    async def scene() -> None:
        await Client(generate, fails_at=0).ask()

    run(scene)
    assert seen == ["cancelled"] * 3


def test_without_a_task_to_wake_a_failure_is_told_when_it_is_asked_for() -> None:
    async def send(message: Message) -> None:
        raise OSError("reset")

    async def scene() -> None:
        sender = streaming.Sender(Request(), send, None)
        sender.held.append(b"a")
        sender.begin()
        for _ in range(3):
            await asyncio.sleep(0)
        with pytest.raises(ClientDisconnected):
            await sender.settle()

    run(scene)
