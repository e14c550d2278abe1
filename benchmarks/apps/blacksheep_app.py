"""BlackSheep: handlers of one annotated request, which it calls without a wrapper, a controller, and JSON on msgspec.

It runs sync handlers on the event loop, so the sync row hands its function to the loop's executor. Hooks for one
route are a function around the handler, as its documentation has it; a middleware would run for every route. Its
`save_to` writes as the loop here does, but only below the current folder.
"""

# PEP 563 would turn `-> Response` into a string, which BlackSheep does not recognise and answers with one more wrapper.

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import jinja2
import material
import msgspec
import yaml
from blacksheep import Application, Content, Request, Response, Router, StreamedContent
from blacksheep.server.controllers import Controller
from blacksheep.server.rendering.jinja2 import JinjaRenderer
from blacksheep.server.responses import ContentDispositionType, json, text, view
from blacksheep.server.responses import file as send_file
from blacksheep.settings.html import html_settings
from blacksheep.settings.json import json_settings

encode = msgspec.json.Encoder().encode


def encode_to_text(value: Any) -> str:
    return encode(value).decode()


async def greet(request: Request) -> Response:
    return text("Hello, world!")


async def message(request: Request) -> Response:
    return json({"message": "Hello, world!"})


async def item(request: Request) -> Response:
    return json({"id": int(request.route_values["user_id"]), "q": request.query["q"][0]})


async def echo(request: Request) -> Response:
    return json(await request.json())


def hook(handler: Any) -> Any:
    """Do something before the handler and something after it, each of which sets a header."""

    async def hooked(request: Request) -> Response:
        before = (b"x-before", b"1")
        response = await handler(request)
        response.add_header(*before)
        response.add_header(b"x-after", b"1")
        return response

    return hooked


def greet_at_once() -> Response:
    return text("Hello, world!")


async def sync(request: Request) -> Response:
    return await asyncio.get_running_loop().run_in_executor(None, greet_at_once)


async def form(request: Request) -> Response:
    return json(await request.form())


async def upload(request: Request) -> Response:
    size = 0
    async for part in request.multipart_stream():
        size = len(await part.read())
    return json({"size": size})


async def save(request: Request) -> Response:
    size = 0
    async for part in request.multipart_stream():
        with (material.folder() / "saved" / "blacksheep").open("wb") as target:
            async for piece in part.stream():
                size += target.write(piece)
    return json({"size": size})


async def people(request: Request) -> Response:
    return json(material.PEOPLE)


async def echo_yaml(request: Request) -> Response:
    value = yaml.load(await request.read(), yaml.CSafeLoader)
    content = yaml.dump(value, Dumper=yaml.CSafeDumper, encoding="utf-8", allow_unicode=True, sort_keys=False)
    return Response(200, content=Content(material.YAML_TYPE.encode(), content))


def make_file(name: str) -> Any:
    path = str(material.folder() / name)

    async def file(request: Request) -> Response:
        return send_file(path, "application/octet-stream", content_disposition=ContentDispositionType.INLINE)

    return file


async def stream(request: Request) -> Response:
    count = int(request.route_values["count"])

    async def make_chunks() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield material.CHUNK

    return Response(200, content=StreamedContent(b"application/octet-stream", make_chunks))


async def orders(request: Request) -> Response:
    return view(material.TEMPLATE, material.CONTEXT)


def build_payloads() -> Any:
    """Build the service of forms, uploads, documents, files, streams and templates."""
    json_settings.use(loads=msgspec.json.Decoder().decode, dumps=encode_to_text)
    html_settings.use(JinjaRenderer(jinja2.FileSystemLoader(material.folder() / "templates")))
    app = Application(router=Router())
    app.router.add_post("/form", form)
    app.router.add_post("/upload", upload)
    app.router.add_post("/upload/disk", save)
    app.router.add_get("/people", people)
    app.router.add_post("/yaml", echo_yaml)
    app.router.add_get("/stream/{int:count}", stream)
    app.router.add_get("/orders", orders)
    for name in material.FILES:
        app.router.add_get(f"/files/{name}", make_file(name))
    app.serve_files(material.folder() / "static", root_path="static")
    return app


def build() -> Any:
    """Build the service."""
    json_settings.use(loads=msgspec.json.Decoder().decode, dumps=encode_to_text)
    app = Application(router=Router())
    app.router.add_get("/text", greet)
    app.router.add_get("/json", message)
    app.router.add_get("/users/{int:user_id}/items", item)
    app.router.add_post("/echo", echo)
    add_controller(app)
    app.router.add_get("/hooks", hook(greet))
    app.router.add_get("/sync", sync)
    app.logger.setLevel(logging.WARNING)  # it records each 404 at INFO, which a service in production does not keep
    return app


def add_controller(app: Application) -> None:
    class Greeting(Controller):
        @app.controllers_router.get("/class")
        async def show(self) -> Response:
            return text("Hello, world!")


def build_routes(count: int = 1000) -> Any:
    """Build an application of `count` routes, every other one with a parameter."""
    app = Application(router=Router())
    for number in range(count):
        add_route(app, number)
    return app


def add_route(app: Application, number: int) -> None:
    if number % 2:

        async def handle(request: Request) -> Response:
            return text(request.route_values["name"])

        app.router.add_get(f"/r{number}/{{name}}", handle)
    else:

        async def handle_plain(request: Request) -> Response:
            return text("Hello, world!")

        app.router.add_get(f"/r{number}", handle_plain)
