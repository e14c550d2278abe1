"""Responder, as its documentation writes it."""

# ruff: noqa: ARG002 - the framework passes it, whether the method uses it or not

from __future__ import annotations

from typing import Any

import responder


async def text(req: Any, resp: Any) -> None:
    resp.text = "Hello, world!"


async def json(req: Any, resp: Any) -> None:
    resp.media = {"message": "Hello, world!"}


async def item(req: Any, resp: Any, *, user_id: int) -> None:
    resp.media = {"id": user_id, "q": req.params["q"]}


async def echo(req: Any, resp: Any) -> None:
    resp.media = await req.media()


class Greeting:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.text = "Hello, world!"


async def before(req: Any, resp: Any) -> None:
    resp.headers["x-before"] = "1"


async def after(req: Any, resp: Any) -> None:
    resp.headers["x-after"] = "1"


def sync(req: Any, resp: Any) -> None:
    resp.text = "Hello, world!"


def build() -> Any:
    """Build the service."""
    api = responder.API()
    api.route("/text")(text)
    api.route("/json")(json)
    api.route("/users/{user_id:int}/items")(item)
    api.route("/echo", methods=["POST"])(echo)
    api.route("/class")(Greeting)
    api.route("/hooks", before=before, after=after)(text)
    api.route("/sync")(sync)
    return api


def build_routes(count: int = 1000) -> Any:
    """Build an application of `count` routes, every other one with a parameter."""
    api = responder.API()
    for number in range(count):
        add_route(api, number)
    return api


def add_route(api: Any, number: int) -> None:
    if number % 2:

        @api.route(f"/r{number}/{{name}}")
        async def named(req: Any, resp: Any, *, name: str) -> None:
            resp.text = name

    else:

        @api.route(f"/r{number}")
        async def plain(req: Any, resp: Any) -> None:
            resp.text = "Hello, world!"
