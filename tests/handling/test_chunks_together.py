"""The chunks that a generator gives without waiting go out together, and none is held while it waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import responder
from responder import Request, Response
from responder.handling.streaming import TOGETHER, TOGETHER_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from responder.types import Message

    Make = Callable[[], AsyncIterator[Any]]

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
    """The other end of one streamed response: `pieces` are the bodies of its messages, until `fails_at` of them."""

    def __init__(self, make: Make, *, fails_at: int | None = None, is_slow: bool = False) -> None:
        self.api = responder.API()
        self.pieces: list[bytes] = []
        self.is_complete = False
        self.arrived = asyncio.Event()
        self._fails_at = fails_at
        self._is_slow = is_slow

        @self.api.route("/")
        async def view(req: Request, resp: Response) -> None:
            resp.stream(make)

    async def send(self, message: Message) -> None:
        if self._is_slow:
            await asyncio.sleep(0)
        if message["type"] == "http.response.body":
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
