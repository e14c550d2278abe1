from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from responder import testing
from responder.testing import signals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from responder.types import ASGIApp, Message, Receive, Scope, Send


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def only_http(app: ASGIApp) -> ASGIApp:
    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        await app(scope, receive, send)

    return guarded


class Living:
    """An application that lives through a lifespan, keeps its scopes and echoes bodies."""

    def __init__(self) -> None:
        self.life: list[Any] = []
        self.scopes: list[Scope] = []
        self.messages: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.live(scope, receive, send)
            return
        self.scopes.append(scope)
        self.messages = [await receive()]
        while self.messages[-1]["more_body"]:
            self.messages.append(await receive())
        if scope["path"] == "/moved":
            await send(start(302, (b"location", b"/here")))
            await send(body(b""))
            return
        await send(start(200, (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")))
        for message in self.messages:
            await send(body(message["body"], more=message["more_body"]))

    async def live(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["pool"] = "open"
        for phase in ("startup", "shutdown"):
            await receive()
            self.life.append((phase, asyncio.current_task()))
            await send({"type": f"lifespan.{phase}.complete"})

    @property
    def phases(self) -> list[str]:
        return [phase for phase, _ in self.life]


def run(test: Callable[[httpx2.AsyncClient], Awaitable[None]], app: ASGIApp, **options: Any) -> None:
    async def main() -> None:
        async with testing.client(app, **options) as client:
            await test(client)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_a_request_reaches_the_application_as_it_was_written() -> None:
    app = Living()

    async def test(client: httpx2.AsyncClient) -> None:
        response = await client.post("/a%2Fb%0A?x=%2F", content=b"caf\xc3\xa9", headers={"X-Name": "y"})
        assert (response.status_code, response.text, str(response.url)) == (
            200,
            "caf\xe9",
            "http://;/a%2Fb%0A?x=%2F",
        )

    run(test, app)
    scope = app.scopes[0]
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a/b\n", b"/a%2Fb%0A", b"x=%2F")
    assert (b"host", b";") in scope["headers"]
    assert (b"x-name", b"y") in scope["headers"]
    assert (scope["server"], scope["scheme"], scope["state"]) == ((";", 80), "http", {"pool": "open"})


def test_an_absolute_url_stays_in_process_and_sets_the_host() -> None:
    app = Living()

    async def test(client: httpx2.AsyncClient) -> None:
        await client.get("https://other.example/x")

    run(test, app)
    assert (b"host", b"other.example") in app.scopes[0]["headers"]
    assert (app.scopes[0]["server"], app.scopes[0]["scheme"]) == (("other.example", 443), "https")


def test_cookies_come_back_and_redirects_are_followed() -> None:
    app = Living()

    async def test(client: httpx2.AsyncClient) -> None:
        assert dict((await client.get("/")).cookies) == {"a": "1", "b": "2"}
        assert (await client.get("/moved", follow_redirects=True)).url == "http://;/here"

    run(test, app)
    assert (b"cookie", b"a=1; b=2") in app.scopes[-1]["headers"]


def test_an_upload_is_streamed() -> None:
    app = Living()

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"one", b"", b"two"):
            yield piece

    async def test(client: httpx2.AsyncClient) -> None:
        assert (await client.post("/", content=pieces())).text == "onetwo"

    run(test, app)
    assert [message["body"] for message in app.messages] == [b"one", b"two", b""]


def test_an_error_of_the_upload_is_raised() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        raise OSError("the disk is gone")

    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        seen.append(message["type"])

    async def test(client: httpx2.AsyncClient) -> None:
        with pytest.raises(OSError, match="the disk is gone"):
            await client.post("/", content=pieces())

    run(test, only_http(app))
    assert seen == ["http.disconnect"]


def test_an_endless_stream_is_read_piece_by_piece_and_closed() -> None:
    happened: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        left = asyncio.ensure_future(receive())
        await send(start())
        while not left.done():
            await send(body(b"tick", more=True))
        happened.append((await left)["type"])

    async def test(client: httpx2.AsyncClient) -> None:
        async with client.stream("GET", "/") as response:
            pieces = response.aiter_raw()
            assert [await anext(pieces) for _ in range(3)] == [b"tick"] * 3
        assert happened == ["http.disconnect"]

    run(test, only_http(app))


def test_a_response_is_given_before_its_body() -> None:
    go = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(201))
        await go.wait()
        await send(body(b"at last"))

    async def test(client: httpx2.AsyncClient) -> None:
        async with client.stream("GET", "/") as response:
            assert response.status_code == 201
            go.set()
            assert await response.aread() == b"at last"

    run(test, only_http(app))


@pytest.mark.parametrize("before", [[], [start()]], ids=["waiting", "streaming"])
def test_a_cancelled_request_leaves_the_application(before: list[Message]) -> None:
    happened: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        await receive()
        begun.set()
        happened.append((await receive())["type"])

    begun = asyncio.Event()

    async def test(client: httpx2.AsyncClient) -> None:
        request = asyncio.ensure_future(client.get("/"))
        await begun.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert happened == ["http.disconnect"]

    run(test, only_http(app))


def test_a_client_that_is_closed_ends_what_is_under_way() -> None:
    happened: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await receive()
        happened.append((await receive())["type"])

    async def main() -> None:
        async with testing.client(only_http(app)) as client:
            response = await client.send(client.build_request("GET", "/"), stream=True)
        assert happened == ["http.disconnect"]
        await response.aclose()

    asyncio.run(main())


def test_a_view_slower_than_the_timeout_is_left() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def test(client: httpx2.AsyncClient) -> None:
        with pytest.raises(httpx2.ReadTimeout, match=r"within 0.05 s"):
            await client.get("/", timeout=0.05)

    run(test, only_http(app))


# Exceptions


def failing(error: BaseException, *before: Message, report: bool = False) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        if not report:
            raise error
        scope["responder"](error)
        await send(start(500))
        await send(body(b"sorry"))

    return only_http(app)


@pytest.mark.parametrize("error", [ValueError("boom"), TimeoutError("boom"), OSError("boom")], ids=repr)
@pytest.mark.parametrize("report", [False, True])
def test_an_exception_comes_out_as_itself(error: Exception, report: bool) -> None:  # noqa: FBT001 - a parameter
    async def test(client: httpx2.AsyncClient) -> None:
        with pytest.raises(type(error)) as caught:
            await client.get("/")
        assert caught.value is error

    run(test, failing(error, report=report))


def test_an_exception_in_mid_stream_comes_out_after_what_was_sent() -> None:
    async def test(client: httpx2.AsyncClient) -> None:
        async with client.stream("GET", "/") as response:
            pieces = response.aiter_raw()
            assert await anext(pieces) == b"one"
            with pytest.raises(ValueError, match="boom"):
                await anext(pieces)

    run(test, failing(ValueError("boom"), start(), body(b"one", more=True)))


def test_exceptions_become_responses_when_they_are_not_wanted() -> None:
    async def test(client: httpx2.AsyncClient) -> None:
        response = await client.get("/")
        assert (response.status_code, response.text) == (500, "sorry")

    run(test, failing(ValueError("boom"), report=True), raise_exceptions=False)


def test_an_unwanted_exception_in_mid_stream_breaks_the_connection() -> None:
    async def test(client: httpx2.AsyncClient) -> None:
        with pytest.raises(httpx2.ReadError, match="before its response was complete"):
            await client.get("/")

    run(test, failing(ValueError("boom"), start(), body(b"one", more=True)), raise_exceptions=False)


def test_a_cancellation_that_leaves_the_application_is_not_the_caller_s() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    async def test(client: httpx2.AsyncClient) -> None:
        with pytest.raises(testing.ProtocolError, match="let a cancellation out"):
            await client.get("/")

    run(test, only_http(app))


def test_an_application_that_answers_nothing_breaks_the_rules() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        return None

    async def test(client: httpx2.AsyncClient) -> None:
        with pytest.raises(testing.ProtocolError, match="without completing its response"):
            await client.get("/")

    run(test, only_http(app))


# What an application meets


def exchange(app: Callable[[Receive, Send], Coroutine[Any, Any, None]], **request: Any) -> httpx2.Response:
    responses: list[httpx2.Response] = []

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await app(receive, send)

    async def test(client: httpx2.AsyncClient) -> None:
        responses.append(await client.request("POST", "/", **request))

    run(test, only_http(http))
    return responses[0]


def test_a_cancelled_receive_loses_nothing() -> None:
    async def app(receive: Receive, send: Send) -> None:
        hasty = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        hasty.cancel()
        await asyncio.wait({hasty})
        await send(start())
        await send(body((await receive())["body"]))

    assert exchange(app, content=b"whole").content == b"whole"


def test_two_receives_at_once_share_the_messages() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"

    async def app(receive: Receive, send: Send) -> None:
        messages = await asyncio.gather(receive(), receive())
        await send(start())
        await send(body(b",".join(message["body"] for message in messages)))

    assert exchange(app, content=pieces()).content == b"one,"


def test_receive_says_disconnect_once_the_response_is_complete() -> None:
    async def app(receive: Receive, send: Send) -> None:
        await receive()
        watch = asyncio.ensure_future(receive())
        await send(start())
        await send(body(b"ok"))
        assert await watch == await receive() == {"type": "http.disconnect"}

    assert exchange(app).content == b"ok"


def test_a_send_to_nobody_gives_other_tasks_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "GRACE", 0.05)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        while True:
            await send(body(b"tick", more=True))

    async def test(client: httpx2.AsyncClient) -> None:
        async with client.stream("GET", "/"):
            pass

    run(test, only_http(app))


# Life


def test_the_lifespan_runs_in_one_task_even_when_the_test_fails() -> None:
    app = Living()

    async def fail(client: httpx2.AsyncClient) -> None:
        await client.get("/")
        await client.get("/")
        assert app.phases == ["startup"]
        raise LookupError("the test's own")

    with pytest.raises(LookupError, match="the test's own"):
        run(fail, app)
    assert app.phases == ["startup", "shutdown"]
    assert app.life[0][1] is app.life[1][1]


def test_a_client_without_async_with_starts_at_the_first_request_and_ends_with_aclose() -> None:
    app = Living()

    async def main() -> None:
        client = testing.client(app)
        assert isinstance(client, testing.AsyncClient)
        await asyncio.gather(client.get("/"), client.get("/"))
        assert app.phases == ["startup"]
        await client.aclose()

    asyncio.run(main())
    assert app.phases == ["startup", "shutdown"]


def test_closing_an_unused_client_starts_nothing() -> None:
    app = Living()
    asyncio.run(testing.client(app).aclose())
    assert app.phases == []


def test_a_failed_start_up_is_raised_where_the_client_is_entered() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    async def main() -> None:
        async with testing.client(app):
            raise AssertionError("was entered")

    with pytest.raises(testing.LifespanError, match="no database"):
        asyncio.run(main())


def test_a_failed_shutdown_is_raised_where_the_client_is_left() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await receive()
        raise OSError("no database")

    async def test(client: httpx2.AsyncClient) -> None:
        return None

    with pytest.raises(OSError, match="no database"):
        run(test, app)
