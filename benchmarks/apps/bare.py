"""The floor: an ASGI application that knows its answers. Nothing is matched, parsed, encoded or put on a thread.

A bare application that encoded JSON or read the query would hide those costs in the floor and flatter every framework.
What no application can do without, it does: read the body of the echo, cut the changing part out of a path. A table of
all answers was tried for the latter; it falls out of the processor's caches, and a dear floor flatters everyone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"


def make_headers(content_type: bytes, length: int, *others: tuple[bytes, bytes]) -> Headers:
    return [(b"content-type", content_type), (b"content-length", b"%d" % length), *others]


GREETING = 200, make_headers(TEXT, 13), b"Hello, world!"
MISSING = 404, make_headers(TEXT, 9), b"Not Found"
ANSWERS = {
    "/text": GREETING,
    "/json": (200, make_headers(JSON, 27), b'{"message":"Hello, world!"}'),
    "/class": GREETING,
    "/hooks": (200, make_headers(TEXT, 13, (b"x-before", b"1"), (b"x-after", b"1")), b"Hello, world!"),
    "/sync": GREETING,
    "/missing": MISSING,
}
TEXT_HEADERS = [make_headers(TEXT, length) for length in range(64)]
JSON_HEADERS = [make_headers(JSON, length) for length in range(64)]


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the rows of the service."""
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    path = scope["path"]
    if path in ANSWERS:
        status, headers, body = ANSWERS[path]
    elif path == "/echo":
        status, body = 200, await read(receive)
        headers = make_headers(JSON, len(body))
    else:
        status, body = 200, b'{"id":%b,"q":"books"}' % path[7:-6].encode()
        headers = JSON_HEADERS[len(body)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    return body


async def live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def build() -> Any:
    return serve


def build_routes(count: int = 1000) -> Any:
    """Build an application that answers its last route, whatever it is asked."""
    start = len(f"/r{count - 1}/")

    async def serve_last(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        body = scope["path"][start:].encode()
        await send({"type": "http.response.start", "status": 200, "headers": TEXT_HEADERS[len(body)]})
        await send({"type": "http.response.body", "body": body})

    return serve_last
