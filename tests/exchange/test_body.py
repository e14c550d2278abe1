from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import responder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Caller

    from responder.types import Message

HOST = (b"host", b"example.com")
LIMIT = 10


async def read(req: responder.Request, resp: responder.Response) -> None:
    resp.content = await req.content


async def stream(req: responder.Request, resp: responder.Response) -> None:
    resp.media = [chunk.decode() async for chunk in req.stream()]


def read_sync(req: responder.Request, resp: responder.Response) -> None:
    resp.content = req.content_sync


async def ignore(req: responder.Request, resp: responder.Response) -> None:
    resp.text = "not read"


def serve(view: Callable[..., Any], limit: int = LIMIT) -> responder.API:
    api = responder.API(limits=responder.Limits(body=limit))
    api.post("/")(view)
    return api


def declared(size: int | bytes) -> tuple[tuple[bytes, bytes], ...]:
    return (HOST, (b"content-length", size if isinstance(size, bytes) else b"%d" % size))


# Reading


@pytest.mark.parametrize("body", [[], [b""], [b"hello"], [b"he", b"llo"], [b"h", b"", b"ello", b""]])
def test_the_body_is_given_whole(call: Caller, body: list[bytes]) -> None:
    assert call(serve(read), method="POST", body=body).body == b"".join(body)


def test_a_message_without_a_body_is_an_empty_body(call: Caller) -> None:
    assert call(serve(read), method="POST", arriving=[{"type": "http.request"}]).body == b""


def test_the_body_is_read_once_and_kept(call: Caller) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        first = await req.content
        resp.media = [first.decode(), await req.text, await req.media("json"), [c.decode() async for c in req.stream()]]

    assert call(serve(view), method="POST", body=[b"1", b"2"]).media == ["12", "12", 12, ["12"]]


def test_hooks_view_and_handler_may_all_read_it(call: Caller) -> None:
    seen: list[bytes] = []

    async def note(req: responder.Request, resp: responder.Response) -> None:
        seen.append(await req.content)

    async def view(req: responder.Request, resp: responder.Response) -> None:
        await note(req, resp)
        raise KeyError

    async def handle(req: responder.Request, resp: responder.Response, error: Exception) -> None:
        await note(req, resp)

    api = serve(view)
    api.before_request(note)
    api.after_request(note)
    api.exception_handler(KeyError)(handle)
    call(api, method="POST", body=[b"ab", b"c"])
    assert seen == [b"abc"] * 4


def test_a_stream_gives_the_pieces_as_they_arrive(call: Caller) -> None:
    assert call(serve(stream), method="POST", body=[b"a", b"", b"bc", b""]).media == ["a", "bc"]


def test_a_stream_does_not_wait_for_the_rest() -> None:
    async def scene() -> list[str]:
        steps: list[str] = []
        note = steps.append

        async def view(req: responder.Request, resp: responder.Response) -> None:
            async for chunk in req.stream():
                note(f"got {chunk.decode()}")

        messages = [b"a", b"b", b"c"]

        async def receive() -> Message:
            chunk = messages.pop(0)
            note(f"sent {chunk.decode()}")
            return {"type": "http.request", "body": chunk, "more_body": bool(messages)}

        async def send(message: Message) -> None:
            note(message["type"])

        scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
        await serve(view)(scope, receive, send)
        return steps

    steps = asyncio.run(scene())
    assert steps[:6] == ["sent a", "got a", "sent b", "got b", "sent c", "got c"]


def test_a_body_that_was_streamed_is_not_there_twice(call: Caller, caplog: pytest.LogCaptureFixture) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        async for _ in req.stream():
            pass
        await req.content

    assert call(serve(view), method="POST", body=[b"a"]).status == 500
    assert "await `req.content` first" in caplog.text


def test_a_sync_view_reads_on_its_thread(call: Caller) -> None:
    def view(req: responder.Request, resp: responder.Response) -> None:
        resp.media = [req.content_sync.decode(), req.text_sync, req.media_sync("json"), req.media_sync(int)]

    headers = (HOST, (b"content-type", b"application/json"))
    assert call(serve(view), method="POST", headers=headers, body=[b"1", b"2"]).media == ["12", "12", 12, 12]


@pytest.mark.parametrize("block", [True, False])
def test_waiting_on_the_event_loop_is_refused_with_advice(
    call: Caller, caplog: pytest.LogCaptureFixture, *, block: bool
) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        read_sync(req, resp)

    api = responder.API()
    api.post("/", block=block)(view if block else read_sync)
    assert call(api, method="POST", body=[b"a"]).status == 500
    assert "would stop the event loop" in caplog.text


# Limits


READERS = [read, stream, read_sync]


@pytest.mark.parametrize("view", READERS)
@pytest.mark.parametrize(
    "body",
    [[b"x" * 11], [b"x" * 10, b"x"], [b"x"] * 11, [b"x"] * 5000, [b"", b"x" * 1_000_000]],
    ids=["at once", "one more", "byte by byte", "many bytes", "late"],
)
def test_a_body_beyond_the_limit_is_a_413_however_it_comes(
    call: Caller, view: Callable[..., Any], body: list[bytes]
) -> None:
    answer = call(serve(view), method="POST", body=body)
    assert answer.status == 413
    assert answer.media == {
        "status": 413,
        "title": "Content Too Large",
        "detail": "The body is larger than the 10 bytes that this service takes.",
    }


@pytest.mark.parametrize("view", READERS)
@pytest.mark.parametrize("size", [11, 10**15])
def test_a_declared_body_beyond_the_limit_is_refused_before_it_is_received(
    call: Caller, view: Callable[..., Any], size: int
) -> None:
    arriving = [AssertionError("nothing is to be received")]
    assert call(serve(view), method="POST", headers=declared(size), arriving=arriving).status == 413


@pytest.mark.parametrize("view", READERS)
@pytest.mark.parametrize("body", [[b"x" * 10], [b"x"] * 10])
def test_a_body_as_large_as_the_limit_is_taken(call: Caller, view: Callable[..., Any], body: list[bytes]) -> None:
    assert call(serve(view), method="POST", headers=declared(10), body=body).status == 200


def test_a_body_beyond_the_limit_stays_refused(call: Caller) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        statuses = []
        for _ in range(2):
            try:
                await req.content
            except responder.ContentTooLarge as error:
                statuses.append(error.status)
        resp.media = statuses

    assert call(serve(view), method="POST", body=[b"x" * 11]).media == [413, 413]


def test_a_view_that_does_not_read_pays_nothing_for_a_large_body(call: Caller) -> None:
    arriving = [AssertionError("nothing is to be received")]
    assert call(serve(ignore), method="POST", headers=declared(11), arriving=arriving).body == b"not read"


@pytest.mark.parametrize("length", [b"", b"abc", b"-1", b"+5", b"5.0", b"1_0", b"\xb2", b"9" * 5000, b"5, 5"])
def test_a_declared_length_that_is_no_number_leaves_the_counting_to_us(call: Caller, length: bytes) -> None:
    assert call(serve(read), method="POST", headers=declared(length), body=[b"hello"]).body == b"hello"
    assert call(serve(read), method="POST", headers=declared(length), body=[b"x"] * 11).status == 413


# Bodies that break off


@pytest.mark.parametrize("view", READERS)
def test_a_body_shorter_than_declared_is_a_400(call: Caller, view: Callable[..., Any]) -> None:
    answer = call(serve(view), method="POST", headers=declared(5), body=[b"x", b"yz"])
    assert (answer.status, answer.media["detail"]) == (400, "The body ended after 3 of 5 bytes.")


@pytest.mark.parametrize("view", READERS)
@pytest.mark.parametrize("error", [OSError("reset"), ValueError("bad chunk"), RuntimeError("transport")])
def test_a_body_that_the_server_cannot_read_is_a_400(call: Caller, view: Callable[..., Any], error: Exception) -> None:
    arriving: list[Message | Exception] = [{"type": "http.request", "body": b"x", "more_body": True}, error]
    answer = call(serve(view), method="POST", arriving=arriving)
    assert (answer.status, answer.media["detail"]) == (400, "The body broke off, or its chunks are malformed.")


@pytest.mark.parametrize("view", READERS)
def test_a_client_that_leaves_while_its_body_is_read_is_no_mistake_of_ours(
    call: Caller, view: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    arriving: list[Message] = [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    answer = call(serve(view), method="POST", arriving=arriving)
    assert (answer.status, answer.media["detail"]) == (400, "The request broke off.")
    assert caplog.text == ""


def test_a_view_may_catch_that_the_client_left(call: Caller) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        try:
            await req.content
        except responder.ClientDisconnected:
            resp.media = await req.disconnected()

    assert call(serve(view), method="POST", arriving=[{"type": "http.disconnect"}]).media is True


# The watch: it receives in the view's place and keeps what it meets


def test_a_client_that_is_there_has_not_disconnected_and_its_body_is_kept() -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        there = [await req.disconnected() for _ in range(3)]
        resp.media = [there, (await req.content).decode()]

    async def scene() -> list[Message]:
        arriving: asyncio.Queue[Message] = asyncio.Queue()
        for chunk in (b"a", b"b", b"c"):
            arriving.put_nowait({"type": "http.request", "body": chunk, "more_body": chunk != b"c"})
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
        await serve(view)(scope, arriving.get, send)
        return sent

    assert asyncio.run(scene())[1]["body"] == b'[[false,false,false],"abc"]'


@pytest.mark.parametrize("leaving", [{"type": "http.disconnect"}, OSError("reset"), RuntimeError("gone"), ValueError()])
@pytest.mark.parametrize("is_body_unread", [True, False])
def test_a_client_that_leaves_cancels_the_view_that_watches(
    leaving: Message | Exception, *, is_body_unread: bool
) -> None:
    ended: list[str] = []
    arriving: list[Message | Exception] = [{"type": "http.request", "body": b"x"}] if is_body_unread else []

    async def view(req: responder.Request, resp: responder.Response) -> None:
        try:
            while not await req.disconnected():
                pass
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    async def scene() -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            message = arriving.pop(0) if arriving else leaving
            if isinstance(message, Exception):
                raise message
            return message

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
        await asyncio.wait_for(serve(view)(scope, receive, send), 10)
        return sent

    assert asyncio.run(scene()) == []
    assert ended == ["cleaned up"]


def test_a_body_is_not_read_from_a_client_that_has_left_before_it_was_sent() -> None:
    outcome: list[object] = []

    async def view(req: responder.Request, resp: responder.Response) -> None:
        try:
            while not await req.disconnected():
                pass
        except asyncio.CancelledError:
            try:
                await req.content
            except responder.ClientDisconnected as error:
                outcome.append(error)
            raise

    async def scene() -> None:
        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            outcome.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
        await asyncio.wait_for(serve(view)(scope, receive, send), 10)

    asyncio.run(scene())
    assert [type(thing) for thing in outcome] == [responder.ClientDisconnected]


def test_a_request_whose_body_is_being_received_is_not_watched(call: Caller) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        reading = asyncio.ensure_future(req.content)
        await asyncio.sleep(0)
        resp.media = [await req.disconnected(), (await reading).decode()]

    async def scene() -> list[Message]:
        gate = asyncio.Event()
        sent: list[Message] = []

        async def receive() -> Message:
            asyncio.get_running_loop().call_soon(gate.set)
            await gate.wait()
            return {"type": "http.request", "body": b"late"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
        await asyncio.wait_for(serve(view)(scope, receive, send), 10)
        return sent

    assert asyncio.run(scene())[1]["body"] == b'[false,"late"]'


# What a refused body leaves behind


@pytest.mark.parametrize(
    ("fields", "chunks"),
    [
        ([], [b"x" * 20, b"x"]),
        ([(b"content-length", b"20")], [b"x"]),
        ([(b"content-length", b"5")], [b"x"]),
        ([(b"content-encoding", b"gzip")], [b"x"]),
        ([(b"content-type", b"multipart/form-data; boundary=b")], [b"--b\r\nno"]),
    ],
)
@pytest.mark.parametrize("is_sync", [False, True])
def test_a_request_whose_body_is_refused_is_gone_without_a_collection(
    call: Caller, fields: list[tuple[bytes, bytes]], chunks: list[bytes], *, is_sync: bool
) -> None:
    api = responder.API(limits=responder.Limits(body=10))
    seen: list[weakref.ref[responder.Request]] = []

    def read_sync(req: responder.Request, resp: responder.Response) -> None:
        seen.append(weakref.ref(req))
        req.media_sync("multipart" if fields and b"multipart" in fields[0][1] else "msgpack")

    async def read(req: responder.Request, resp: responder.Response) -> None:
        seen.append(weakref.ref(req))
        await req.media("multipart" if fields and b"multipart" in fields[0][1] else "msgpack")

    api.post("/")(read_sync if is_sync else read)
    gc.disable()
    try:
        answer = call(api, body=chunks, headers=fields, method="POST")
        assert 400 <= answer.status < 500
        assert seen[0]() is None
    finally:
        gc.enable()
