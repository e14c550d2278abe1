from __future__ import annotations

import asyncio
import io
import threading
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import requests

import responder
from responder import Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.conftest import Caller

    from responder.testing import Session
    from responder.types import Message


def serve(api: responder.API, source: Any, **headers: str) -> None:
    """Stream `source` at `/`."""

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.stream(source)
        resp.headers.update({name.replace("_", "-"): value for name, value in headers.items()})


async def async_pieces() -> AsyncIterator[bytes | str]:
    yield b"one "
    yield "tw\u00f6 "
    yield b""
    yield memoryview(b"three")  # type: ignore[misc] # what a buffer gives


def sync_pieces() -> Iterator[bytes | str]:
    yield b"one "
    yield "tw\u00f6 "
    yield ""
    yield bytearray(b"three")  # type: ignore[misc] # what a buffer gives


class Pieces:
    """An async iterable that is no generator, so that it cannot be closed."""

    def __init__(self) -> None:
        self.left = ["one ", "tw\u00f6 ", "three"]

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> str:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: async_pieces,
        lambda: sync_pieces,
        async_pieces,
        sync_pieces,
        Pieces,
        lambda: ["one ", "tw\u00f6 ", b"three"],
        lambda: io.BytesIO("one tw\u00f6 three".encode()),
    ],
)
def test_every_kind_of_iterable_is_sent_as_it_yields(
    api: responder.API, session: Session, make: Callable[[], Any]
) -> None:
    serve(api, make())
    response = session.get("/")
    assert response.content.decode() == "one tw\u00f6 three"
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert "Content-Length" not in response.headers


def test_an_empty_piece_is_not_sent(api: responder.API, call: Caller) -> None:
    serve(api, ["", b"", "x"])
    sent: list[Message] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def recording(message: Message) -> None:
            sent.append(message)
            await send(message)

        await api(scope, receive, recording)

    call(app)
    bodies = [(message["body"], message["more_body"]) for message in sent if "body" in message]
    assert bodies == [(b"x", True), (b"", False)]


def test_sync_generators_run_on_worker_threads(api: responder.API, session: Session) -> None:
    def pieces() -> Iterator[str]:
        yield threading.current_thread().name

    serve(api, pieces)
    assert session.get("/").text == "responder-worker-1"


def test_a_declared_length_is_kept(api: responder.API, session: Session) -> None:
    serve(api, ["abc", "def"], content_length="6")
    response = session.get("/")
    assert (response.headers["Content-Length"], response.text) == ("6", "abcdef")


@pytest.mark.parametrize("length", ["5", "7"])
def test_a_length_that_does_not_hold_cuts_the_stream_off(
    api: responder.API, caplog: pytest.LogCaptureFixture, length: str
) -> None:
    serve(api, ["abc", "def"], content_length=length)
    with api.session() as session, pytest.raises(ValueError, match=f"its Content-Length says {length}"):
        session.get("/")
    assert len(caplog.messages) == 1


def test_the_client_never_gets_more_than_was_declared(api: responder.API) -> None:
    serve(api, ["abc", "def"], content_length="5")
    sent: list[bytes] = []

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "root_path": "", "headers": []}
    asyncio.run(api(scope | {"query_string": b"", "scheme": "http"}, receive, send))
    assert b"".join(sent) == b"abc"


@pytest.mark.parametrize("is_async", [True, False])
def test_a_stream_that_fails_is_cut_off_and_logged(
    api: responder.API,
    session: Session,
    caplog: pytest.LogCaptureFixture,
    is_async: bool,  # noqa: FBT001 - pytest hands it over
) -> None:
    def pieces() -> Iterator[str]:
        yield "one"
        raise KeyError("in the stream")

    async def async_pieces() -> AsyncIterator[str]:
        yield "one"
        raise KeyError("in the stream")

    serve(api, async_pieces if is_async else pieces)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        session.get("/")
    assert caplog.messages == ["'GET' '/' failed: KeyError"]
    assert "in the stream" in caplog.text


def test_a_piece_of_a_wrong_type_is_a_clear_error(api: responder.API) -> None:
    serve(api, [42])
    with api.session() as session, pytest.raises(TypeError, match="A stream yields bytes or str, not int"):
        session.get("/")


def test_a_generator_is_not_started_for_head(api: responder.API, session: Session) -> None:
    started: list[str] = []

    async def pieces() -> AsyncIterator[str]:
        started.append("started")
        yield "one"

    serve(api, pieces)
    assert session.head("/").content == b""
    assert started == []


def test_a_failure_before_the_start_is_an_ordinary_500(api: responder.API, session: Session) -> None:
    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.stream(async_pieces)
        raise ValueError("no")

    assert session.get("/").status_code == 500


@pytest.mark.parametrize("source", [42, lambda: 42, None])
def test_what_cannot_be_iterated_is_refused(api: responder.API, source: Any) -> None:
    serve(api, source)
    with api.session() as session, pytest.raises(TypeError, match=r"resp\.stream takes a generator function"):
        session.get("/")


def endless(closed: list[str], *, is_async: bool) -> Any:
    def sync_ticks() -> Iterator[bytes]:
        try:
            while True:
                yield b"tick"
        finally:
            closed.append("closed")

    async def async_ticks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"tick"
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            closed.append("closed")

    return async_ticks if is_async else sync_ticks


@pytest.mark.parametrize("is_async", [True, False])
def test_a_client_that_leaves_closes_the_stream(
    monkeypatch: pytest.MonkeyPatch,
    is_async: bool,  # noqa: FBT001 - pytest hands it over
) -> None:
    monkeypatch.setattr("responder.handling.in_flight.SWEEP_SECONDS", 0)
    api = responder.API()
    closed: list[str] = []
    serve(api, endless(closed, is_async=is_async))

    async def main() -> None:
        async with api.client() as client, client.stream("GET", "/") as response:
            async for chunk in response.aiter_bytes():
                assert chunk == b"tick"
                break

    asyncio.run(main())
    assert closed == ["closed"]


def test_a_stream_that_is_live_gives_each_piece_before_the_next_is_made(api: responder.API) -> None:
    async def main() -> list[bytes]:
        next_one = asyncio.Event()

        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            await next_one.wait()
            yield b"second"

        serve(api, pieces)
        received = []
        async with api.client() as client, client.stream("GET", "/") as response:
            async for chunk in response.aiter_bytes():
                received.append(chunk)
                next_one.set()
        return received

    assert asyncio.run(main()) == [b"first", b"second"]


def test_a_file_is_closed_after_it_was_sent(api: responder.API, session: Session) -> None:
    file = io.BytesIO(b"content")
    serve(api, file)
    assert session.get("/").content == b"content"
    session.close()
    assert file.closed


def test_a_failing_stream_is_a_read_error_to_an_async_client(api: responder.API) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        raise KeyError("in the stream")

    serve(api, pieces)

    async def main() -> None:
        async with api.client(raise_exceptions=False) as client:
            with pytest.raises(httpx2.ReadError):
                await client.get("/")

    asyncio.run(main())


@pytest.mark.parametrize("error", [OSError("the disk is gone"), RuntimeError("a mistake")])
def test_an_error_of_the_generator_is_a_mistake_even_if_it_is_one_that_sending_may_raise(
    api: responder.API, error: Exception
) -> None:
    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        @resp.stream
        async def chunks() -> AsyncIterator[bytes]:
            yield b"chunk"
            raise error

    with pytest.raises(type(error), match=str(error)):
        api.requests.get("/")
