"""Falcon: resources, hooks on their responders, and the JSON handler on msgspec, a recipe of its documentation.

YAML is a media handler of one's own, a file an async generator (it would read 8 KB at once from a file object), and a
template the text that Jinja2 gives, since it has none of its own.
"""

# ruff: noqa: ARG002 - the framework passes it, whether the method uses it or not

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiofiles
import falcon
import falcon.asgi
import falcon.media
import jinja2
import material
import msgspec
import yaml

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Text:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "Hello, world!"


class Json:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.media = {"message": "Hello, world!"}


class Items:
    async def on_get(self, req: Any, resp: Any, user_id: int) -> None:
        resp.media = {"id": user_id, "q": req.get_param("q")}


class Echo:
    async def on_post(self, req: Any, resp: Any) -> None:
        resp.media = await req.get_media()


async def before(req: Any, resp: Any, resource: Any, params: Any) -> None:
    resp.set_header("x-before", "1")


async def after(req: Any, resp: Any, resource: Any) -> None:
    resp.set_header("x-after", "1")


class Hooks:
    @falcon.before(before)
    @falcon.after(after)
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "Hello, world!"


class Sync:
    def greet(self, resp: Any) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "Hello, world!"

    async def on_get(self, req: Any, resp: Any) -> None:
        await falcon.sync_to_async(self.greet, resp)


class Named:
    async def on_get(self, req: Any, resp: Any, name: str) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = name


class YAMLHandler(falcon.media.BaseHandler):
    async def deserialize_async(self, stream: Any, content_type: Any, content_length: Any) -> Any:
        return yaml.load(await stream.read(), yaml.CSafeLoader)

    def serialize(self, media: Any, content_type: Any) -> bytes:
        content: bytes = yaml.dump(
            media, Dumper=yaml.CSafeDumper, encoding="utf-8", allow_unicode=True, sort_keys=False
        )
        return content


class Form:
    async def on_post(self, req: Any, resp: Any) -> None:
        resp.media = await req.get_media()


class Upload:
    async def on_post(self, req: Any, resp: Any) -> None:
        async for part in await req.get_media():
            resp.media = {"size": len(await part.stream.read())}


class Save:
    def __init__(self) -> None:
        self.path = material.folder() / "saved" / "falcon"

    async def on_post(self, req: Any, resp: Any) -> None:
        async for part in await req.get_media():
            async with aiofiles.open(self.path, "wb") as file:
                await part.stream.pipe(file)
                resp.media = {"size": await file.tell()}


class People:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.media = material.PEOPLE


class YAMLEcho:
    async def on_post(self, req: Any, resp: Any) -> None:
        resp.content_type = material.YAML_TYPE
        resp.media = await req.get_media()


class File:
    def __init__(self, name: str) -> None:
        self.path = material.folder() / name

    async def read(self) -> AsyncIterator[bytes]:
        async with aiofiles.open(self.path, "rb") as file:
            while piece := await file.read(256 * 1024):
                yield piece

    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = "application/octet-stream"
        resp.set_stream(self.read(), self.path.stat().st_size)


class Stream:
    async def make_chunks(self, count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield material.CHUNK

    async def on_get(self, req: Any, resp: Any, count: int) -> None:
        resp.content_type = "application/octet-stream"
        resp.stream = self.make_chunks(count)


class Orders:
    def __init__(self) -> None:
        loader = jinja2.FileSystemLoader(material.folder() / "templates")
        self.environment = jinja2.Environment(loader=loader, autoescape=True, auto_reload=False)

    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = falcon.MEDIA_HTML
        resp.text = self.environment.get_template(f"{material.TEMPLATE}.html").render(material.CONTEXT)


def make_app() -> Any:
    """Build an application with its media handlers."""
    app = falcon.asgi.App()
    json_handler = falcon.media.JSONHandler(dumps=msgspec.json.Encoder().encode, loads=msgspec.json.Decoder().decode)
    app.req_options.media_handlers.update({falcon.MEDIA_JSON: json_handler})
    app.resp_options.media_handlers.update({falcon.MEDIA_JSON: json_handler})
    return app


def build_payloads() -> Any:
    """Build the service of forms, uploads, documents, files, streams and templates."""
    app = make_app()
    app.req_options.media_handlers.update(
        {material.YAML_TYPE: YAMLHandler(), falcon.MEDIA_MULTIPART: falcon.media.MultipartFormHandler()}
    )
    app.resp_options.media_handlers.update({material.YAML_TYPE: YAMLHandler()})
    app.add_route("/form", Form())
    app.add_route("/upload", Upload())
    app.add_route("/upload/disk", Save())
    app.add_route("/people", People())
    app.add_route("/yaml", YAMLEcho())
    app.add_route("/stream/{count:int}", Stream())
    app.add_route("/orders", Orders())
    for name in material.FILES:
        app.add_route(f"/files/{name}", File(name))
    app.add_static_route("/static", material.folder() / "static")
    return app


def build() -> Any:
    """Build the service."""
    app = make_app()
    app.add_route("/text", Text())
    app.add_route("/json", Json())
    app.add_route("/users/{user_id:int}/items", Items())
    app.add_route("/echo", Echo())
    app.add_route("/class", Text())
    app.add_route("/hooks", Hooks())
    app.add_route("/sync", Sync())
    return app


def build_routes(count: int = 1000) -> Any:
    """Build an application of `count` routes, every other one with a parameter."""
    app = falcon.asgi.App()
    for number in range(count):
        if number % 2:
            app.add_route(f"/r{number}/{{name}}", Named())
        else:
            app.add_route(f"/r{number}", Text())
    return app
