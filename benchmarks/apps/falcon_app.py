"""Falcon: resources, hooks on their responders, and the JSON handler on msgspec, a recipe of its documentation."""

# ruff: noqa: ARG002 - the framework passes it, whether the method uses it or not

from __future__ import annotations

from typing import Any

import falcon
import falcon.asgi
import falcon.media
import msgspec


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


def build() -> Any:
    """Build the service."""
    app = falcon.asgi.App()
    json_handler = falcon.media.JSONHandler(dumps=msgspec.json.Encoder().encode, loads=msgspec.json.Decoder().decode)
    app.req_options.media_handlers.update({falcon.MEDIA_JSON: json_handler})
    app.resp_options.media_handlers.update({falcon.MEDIA_JSON: json_handler})
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
