"""The floor: an ASGI application that knows its answers. Nothing is matched, parsed, encoded or put on a thread.

A bare application that encoded JSON or read the query would hide those costs in the floor and flatter every framework.
What no application can do without, it does: read a body, write it to the disk, read a file, cut the changing part out
of a path. A table of all answers was tried for the latter; it falls out of the processor's caches, and a dear floor
flatters everyone.
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import jinja2
import material
import msgspec

if TYPE_CHECKING:
    from pathlib import Path

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


async def discard(receive: Receive) -> None:
    while (await receive())["more_body"]:
        pass


def know(content_type: bytes, body: bytes) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Give an application that reads the body, if there is one, and answers what it knows."""
    headers = make_headers(content_type, len(body))

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await discard(receive)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


def know_upload(path: Path, body: bytes) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Give an application that writes the body to a file and answers what it knows."""
    headers = make_headers(JSON, len(body))

    async def save(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        with path.open("wb", buffering=0) as file:
            while more:
                message = await receive()
                file.write(message["body"])
                more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return save


def know_file(path: Path, content_type: bytes) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Give an application that sends a file of which it knows the size, or lets the server send it."""
    length = path.stat().st_size
    headers = make_headers(content_type, length)

    async def send_file(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if "http.response.pathsend" in scope.get("extensions", ()):
            await send({"type": "http.response.pathsend", "path": str(path)})
            return
        left = length
        with path.open("rb", buffering=0) as file:
            while left:
                piece = file.read(256 * 1024)
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": left > 0})

    return send_file


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"application/octet-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(int(scope["path"][8:])):
        await send({"type": "http.response.body", "body": material.CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def build_payloads() -> Any:
    """Build the service of forms, uploads, documents, files, streams and templates."""
    page = jinja2.Environment(autoescape=True).from_string(material.PAGE).render(material.CONTEXT)
    size = b'{"size":8388608}'
    applications = {
        "/form": know(JSON, msgspec.json.encode(material.FIELDS)),
        "/upload": know(JSON, size),
        "/upload/disk": know_upload(material.folder() / "saved" / "bare", size),
        "/people": know(JSON, msgspec.json.encode(material.PEOPLE)),
        "/yaml": know(material.YAML_TYPE.encode(), material.DOCUMENT.encode()),
        "/orders": know(b"text/html; charset=utf-8", page.encode()),
        f"/static/{material.STYLE}": know_file(material.folder() / "static" / material.STYLE, b"text/css"),
    }
    for name in material.FILES:
        applications[f"/files/{name}"] = know_file(material.folder() / name, b"application/octet-stream")

    async def serve_payloads(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
        else:
            await applications.get(scope["path"], stream)(scope, receive, send)

    return serve_payloads


ORIGIN = b"https://app.example.org"


def build_policy(name: str) -> Any:
    """Build the application that knows what a policy answers."""
    zipped = gzip.compress(msgspec.json.encode(material.PEOPLE), 6) if name == "gzip" else b""
    body = {"gzip": zipped, "HTTPS": b""}.get(name, b"Hello, world!")
    kind = JSON if name == "gzip" else TEXT
    fields = {
        "CORS": [(b"access-control-allow-origin", ORIGIN)],
        "HTTPS": [(b"location", b"https://127.0.0.1/text")],
        "gzip": [(b"content-encoding", b"gzip")],
    }.get(name, [])
    headers = make_headers(kind, len(body), *fields)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        await send({"type": "http.response.start", "status": 307 if name == "HTTPS" else 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


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
