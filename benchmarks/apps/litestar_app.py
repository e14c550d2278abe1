"""Litestar: annotated handlers, a controller, its own hooks, its built-in JSON on msgspec and no OpenAPI."""

# PEP 563 would hand Litestar strings to resolve at registration, where it builds a model from each signature.

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO

import jinja2
import material
import yaml
from litestar import Controller, Litestar, MediaType, Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.contrib.jinja import JinjaTemplateEngine
from litestar.response import File, Stream, Template
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig


@get("/text", media_type=MediaType.TEXT)
async def text() -> str:
    return "Hello, world!"


@get("/json")
async def json() -> dict[str, str]:
    return {"message": "Hello, world!"}


@get("/users/{user_id:int}/items")
async def item(user_id: int, q: str) -> dict[str, Any]:
    return {"id": user_id, "q": q}


@post("/echo", status_code=200)
async def echo(request: Request) -> Any:
    return await request.json()


class Greeting(Controller):
    path = "/class"

    @get(media_type=MediaType.TEXT)
    async def show(self) -> str:
        return "Hello, world!"


async def before(request: Request) -> None:
    request.state.before = "1"


async def after(response: Response) -> Response:
    response.headers["x-before"] = "1"
    response.headers["x-after"] = "1"
    return response


@get("/hooks", media_type=MediaType.TEXT, before_request=before, after_request=after)
async def hooks() -> str:
    return "Hello, world!"


@get("/sync", media_type=MediaType.TEXT, sync_to_thread=True)
def sync() -> str:
    return "Hello, world!"


@post("/form", status_code=200)
async def form(request: Request) -> dict[str, str]:
    return dict(await request.form())


@post("/upload", status_code=200)
async def upload(request: Request) -> dict[str, int]:
    data = await request.form()
    return {"size": len(await data["file"].read())}


def copy(source: BinaryIO, path: Path) -> int:
    with path.open("wb") as target:
        shutil.copyfileobj(source, target)
        return target.tell()


@post("/upload/disk", status_code=200, request_max_body_size=None)
async def save(request: Request) -> dict[str, int]:
    data = await request.form()
    return {"size": await sync_to_thread(copy, data["file"].file, material.folder() / "saved" / "litestar")}


@get("/people")
async def people() -> list[dict[str, Any]]:
    return material.PEOPLE


@post("/yaml", status_code=200, media_type=material.YAML_TYPE)
async def echo_yaml(request: Request) -> bytes:
    value = yaml.load(await request.body(), yaml.CSafeLoader)
    content: bytes = yaml.dump(value, Dumper=yaml.CSafeDumper, encoding="utf-8", allow_unicode=True, sort_keys=False)
    return content


async def make_chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield material.CHUNK


@get("/stream/{count:int}")
async def stream(count: int) -> Stream:
    return Stream(make_chunks(count), media_type="application/octet-stream")


@get("/orders")
async def orders() -> Template:
    return Template(f"{material.TEMPLATE}.html", context=material.CONTEXT)


def make_file(name: str) -> Any:
    path = material.folder() / name

    @get(f"/files/{name}", media_type="application/octet-stream")
    async def file() -> File:
        return File(path, media_type="application/octet-stream")

    return file


def build_payloads() -> Any:
    """Build the service of forms, uploads, documents, files, streams and templates."""
    loader = jinja2.FileSystemLoader(material.folder() / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, auto_reload=False)
    files = [make_file(name) for name in material.FILES]
    static = create_static_files_router(path="/static", directories=[material.folder() / "static"])
    return Litestar(
        [form, upload, save, people, echo_yaml, stream, orders, *files, static],
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment)),
        openapi_config=None,
        logging_config=None,
    )


def build() -> Any:
    """Build the service."""
    return Litestar([text, json, item, echo, Greeting, hooks, sync], openapi_config=None, logging_config=None)


def build_routes(count: int = 1000) -> Any:
    """Build an application of `count` routes, every other one with a parameter."""
    return Litestar([make_route(number) for number in range(count)], openapi_config=None, logging_config=None)


def make_route(number: int) -> Any:
    if number % 2:

        @get(f"/r{number}/{{name:str}}", media_type=MediaType.TEXT)
        async def named(name: str) -> str:
            return name

        return named

    @get(f"/r{number}", media_type=MediaType.TEXT)
    async def plain() -> str:
        return "Hello, world!"

    return plain
