"""Starlette: endpoints, an `HTTPEndpoint`, a JSON response on msgspec and a pure ASGI middleware in place of hooks.

Its documentation shows the custom JSON response with orjson; msgspec is as fast and is what the others use here. An
upload lies in a file of its own already, which a worker thread copies.
"""

# ruff: noqa: ARG002 - the framework passes it, whether the method uses it or not

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import jinja2
import material
import msgspec
import yaml
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import BinaryIO

    from starlette.requests import Request

decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode


class MsgspecResponse(JSONResponse):
    """The custom JSON response of Starlette's documentation."""

    def render(self, content: Any) -> bytes:
        return encode(content)


async def text(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Hello, world!")


async def json(request: Request) -> MsgspecResponse:
    return MsgspecResponse({"message": "Hello, world!"})


async def item(request: Request) -> MsgspecResponse:
    return MsgspecResponse({"id": request.path_params["user_id"], "q": request.query_params["q"]})


async def echo(request: Request) -> MsgspecResponse:
    return MsgspecResponse(decode(await request.body()))


class Greeting(HTTPEndpoint):
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("Hello, world!")


class Hooks:
    """One thing done before the view and one after it, each of which sets a header."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        before = (b"x-before", b"1")

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += before, (b"x-after", b"1")
            await send(message)

        await self.app(scope, receive, send_with_headers)


def sync(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Hello, world!")


async def named(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.path_params["name"])


async def form(request: Request) -> MsgspecResponse:
    async with request.form() as data:
        return MsgspecResponse(dict(data))


async def upload(request: Request) -> MsgspecResponse:
    async with request.form() as data:
        return MsgspecResponse({"size": len(await data["file"].read())})


def copy(source: BinaryIO, path: Path) -> None:
    with path.open("wb") as target:
        shutil.copyfileobj(source, target)


async def save(request: Request) -> MsgspecResponse:
    async with request.form() as data:
        await run_in_threadpool(copy, data["file"].file, material.folder() / "saved" / "starlette")
        return MsgspecResponse({"size": data["file"].size})


async def people(request: Request) -> MsgspecResponse:
    return MsgspecResponse(material.PEOPLE)


async def echo_yaml(request: Request) -> Response:
    value = yaml.load(await request.body(), yaml.CSafeLoader)
    content = yaml.dump(value, Dumper=yaml.CSafeDumper, encoding="utf-8", allow_unicode=True, sort_keys=False)
    return Response(content, media_type=material.YAML_TYPE)


def make_file(name: str) -> Any:
    path = material.folder() / name

    async def file(request: Request) -> FileResponse:
        return FileResponse(path)

    return file


async def make_chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield material.CHUNK


async def stream(request: Request) -> StreamingResponse:
    return StreamingResponse(make_chunks(request.path_params["count"]), media_type="application/octet-stream")


def make_orders() -> Any:
    loader = jinja2.FileSystemLoader(material.folder() / "templates")
    templates = Jinja2Templates(env=jinja2.Environment(loader=loader, autoescape=True, auto_reload=False))

    async def orders(request: Request) -> Response:
        return templates.TemplateResponse(request, f"{material.TEMPLATE}.html", {**material.CONTEXT})

    return orders


def build_payloads() -> Any:
    """Build the service of forms, uploads, documents, files, streams and templates."""
    return Starlette(
        routes=[
            Route("/form", form, methods=["POST"]),
            Route("/upload", upload, methods=["POST"]),
            Route("/upload/disk", save, methods=["POST"]),
            Route("/people", people),
            Route("/yaml", echo_yaml, methods=["POST"]),
            Route("/stream/{count:int}", stream),
            Route("/orders", make_orders()),
            *(Route(f"/files/{name}", make_file(name)) for name in material.FILES),
            Mount("/static", StaticFiles(directory=material.folder() / "static")),
        ]
    )


ORIGIN = "https://app.example.org"
HOSTS = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "*.example.com"])
CORS = Middleware(CORSMiddleware, allow_origins=[ORIGIN])
SESSIONS = Middleware(SessionMiddleware, secret_key="a secret of some length")  # noqa: S106 - a benchmark's
POLICIES: dict[str, list[Middleware]] = {
    "no policy": [],
    "hosts": [HOSTS],
    "CORS": [CORS],
    "HTTPS": [Middleware(HTTPSRedirectMiddleware)],
    "CORS, hosts, session": [HOSTS, CORS, SESSIONS],
    "session written": [SESSIONS],
    "gzip": [Middleware(GZipMiddleware, compresslevel=6)],
}


async def write_session(request: Request) -> PlainTextResponse:
    request.session["user"] = 1
    return PlainTextResponse("Hello, world!")


def build_policy(name: str) -> Any:
    """Build a service with the middleware of one policy, or several."""
    routes = [Route("/text", text), Route("/session", write_session), Route("/people", people)]
    return Starlette(routes=routes, middleware=POLICIES[name])


def build() -> Any:
    """Build the service."""
    return Starlette(
        routes=[
            Route("/text", text),
            Route("/json", json),
            Route("/users/{user_id:int}/items", item),
            Route("/echo", echo, methods=["POST"]),
            Route("/class", Greeting),
            Route("/hooks", text, middleware=[Middleware(Hooks)]),
            Route("/sync", sync),
        ]
    )


def build_routes(count: int = 1000) -> Any:
    """Build an application of `count` routes, every other one with a parameter."""
    return Starlette(
        routes=[Route(f"/r{n}/{{name}}", named) if n % 2 else Route(f"/r{n}", text) for n in range(count)],
    )
