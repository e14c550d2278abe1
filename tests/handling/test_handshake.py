"""WebSocket handshakes meet the guards, although nothing serves them yet."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

import responder

if TYPE_CHECKING:
    from responder.types import Message

DENIAL: dict[str, Any] = {"websocket.http.response": {}}
PASSED = [{"type": "websocket.close", "code": 1000}]


def shake(
    api: responder.API,
    *headers: tuple[bytes, bytes],
    host: bytes = b"example.com",
    extensions: dict[str, Any] = DENIAL,
    scheme: str = "ws",
) -> list[Message]:
    """Give what an API sends for a handshake."""
    sent: list[Message] = []
    scope = {
        "type": "websocket",
        "http_version": "1.1",
        "scheme": scheme,
        "path": "/chat",
        "raw_path": b"/chat",
        "query_string": b"room=1",
        "root_path": "",
        "headers": [(b"host", host), *headers],
        "client": ("127.0.0.1", 50000),
        "extensions": extensions,
    }

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(api(scope, receive, send))
    return sent


def test_a_handshake_that_nobody_minds_is_closed(api: responder.API) -> None:
    assert shake(api) == PASSED


@pytest.mark.parametrize("host", [b"a b", b"", b"a:b:c"])
def test_a_handshake_with_a_malformed_host_is_a_400(api: responder.API, host: bytes) -> None:
    start, body = shake(api, host=host)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 400)
    assert body["type"] == "websocket.http.response.body"
    assert "Host" in json.loads(body["body"])["detail"]


def test_a_handshake_with_a_foreign_host_is_a_400() -> None:
    api = responder.API(allowed_hosts=["example.com"])
    assert shake(api) == PASSED
    assert shake(api, host=b"evil.example")[0]["status"] == 400


def test_a_handshake_from_another_origin_with_cookies_is_a_403(api: responder.API) -> None:
    cookie = (b"cookie", b"a=1")
    assert shake(api, cookie, (b"origin", b"https://evil.example"))[0]["status"] == 403
    assert shake(api, cookie, (b"origin", b"https://example.com")) == PASSED
    assert shake(api, (b"origin", b"https://evil.example")) == PASSED


def test_a_handshake_without_tls_is_redirected_where_tls_is_wanted() -> None:
    api = responder.API(enable_hsts=True)
    start, _ = shake(api)
    assert start["status"] == 307
    (location,) = [value for name, value in start["headers"] if name == b"location"]
    assert location.split(b"://")[1] == b"example.com/chat?room=1"
    assert shake(api, scheme="wss") == PASSED


def test_a_server_that_takes_no_response_is_told_to_close(api: responder.API) -> None:
    assert shake(api, host=b"a b", extensions={}) == [{"type": "websocket.close", "code": 1008}]
