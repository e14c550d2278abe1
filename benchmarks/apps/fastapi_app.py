"""FastAPI: responses returned directly, which its documentation names as the fastest way, and no OpenAPI routes.

The class view is a callable instance; the hooks are a route class around the endpoint, its documented way per route.
Forms are read from the request directly, as the echo is. An upload lies in a file of its own already, which a worker
thread copies.
"""

# PEP 563 would hand FastAPI strings to resolve at registration; the other files have nothing that reads annotations.

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, BinaryIO

import jinja2
import material
import msgspec
import yaml
from fastapi import APIRouter, FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.requests import Request
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode


class MsgspecResponse(JSONResponse):
    """The custom JSON response of FastAPI's documentation."""

    def render(self, content: Any) -> bytes:
        return encode(content)


async def text() -> PlainTextResponse:
    return PlainTextResponse("Hello, world!")


async def json() -> MsgspecResponse:
    return MsgspecResponse({"message": "Hello, world!"})


async def item(user_id: int, q: str) -> MsgspecResponse:
    return MsgspecResponse({"id": user_id, "q": q})


async def echo(request: Request) -> MsgspecResponse:
    return MsgspecResponse(decode(await request.body()))


class Greeting:
    async def __call__(self) -> PlainTextResponse:
        return PlainTextResponse("Hello, world!")


class HookedRoute(APIRoute):
    """A route with something done before the endpoint and something after it."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def hooked(request: Request) -> Response:
            before = "1"
            response = await handle(request)
            response.headers["x-before"] = before
            response.headers["x-after"] = "1"
            return response

        return hooked


def sync() -> PlainTextResponse:
    return PlainTextResponse("Hello, world!")


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
        await run_in_threadpool(copy, data["file"].file, material.folder() / "saved" / "fastapi")
        return MsgspecResponse({"size": data["file"].size})


async def people() -> MsgspecResponse:
    return MsgspecResponse(material.PEOPLE)


async def echo_yaml(request: Request) -> Response:
    value = yaml.load(await request.body(), yaml.CSafeLoader)
    content = yaml.dump(value, Dumper=yaml.CSafeDumper, encoding="utf-8", allow_unicode=True, sort_keys=False)
    return Response(content, media_type=material.YAML_TYPE)


async def make_chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield material.CHUNK


async def stream(count: int) -> StreamingResponse:
    return StreamingResponse(make_chunks(count), media_type="application/octet-stream")


def build_payloads() -> Any:
    """Build the service of forms, uploads, documents, files, streams and templates."""
    app = FastAPI(openapi_url=None)
    app.post("/form")(form)
    app.post("/upload")(upload)
    app.post("/upload/disk")(save)
    app.get("/people")(people)
    app.post("/yaml")(echo_yaml)
    app.get("/stream/{count}")(stream)
    add_orders(app)
    for name in material.FILES:
        add_file(app, name)
    app.mount("/static", StaticFiles(directory=material.folder() / "static"))
    return app


def add_orders(app: FastAPI) -> None:
    loader = jinja2.FileSystemLoader(material.folder() / "templates")
    templates = Jinja2Templates(env=jinja2.Environment(loader=loader, autoescape=True, auto_reload=False))

    @app.get("/orders")
    async def orders(request: Request) -> Response:
        return templates.TemplateResponse(request, f"{material.TEMPLATE}.html", {**material.CONTEXT})


def add_file(app: FastAPI, name: str) -> None:
    path = material.folder() / name

    @app.get(f"/files/{name}")
    async def file() -> FileResponse:
        return FileResponse(path)


def build() -> Any:
    """Build the service."""
    app = FastAPI(openapi_url=None)
    app.get("/text")(text)
    app.get("/json")(json)
    app.get("/users/{user_id}/items")(item)
    app.post("/echo")(echo)
    app.get("/class")(Greeting())
    hooked = APIRouter(route_class=HookedRoute)
    hooked.get("/hooks")(text)
    app.include_router(hooked)
    app.get("/sync")(sync)
    return app


def build_routes(count: int = 1000) -> Any:
    """Build an application of `count` routes, every other one with a parameter."""
    app = FastAPI(openapi_url=None)
    for number in range(count):
        add_route(app, number)
    return app


def add_route(app: FastAPI, number: int) -> None:
    if number % 2:

        @app.get(f"/r{number}/{{name}}")
        async def named(name: str) -> PlainTextResponse:
            return PlainTextResponse(name)

    else:
        app.get(f"/r{number}")(text)
