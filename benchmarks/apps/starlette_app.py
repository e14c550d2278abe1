"""Starlette: endpoints, an `HTTPEndpoint`, a JSON response on msgspec and a pure ASGI middleware in place of hooks.

Its documentation shows the custom JSON response with orjson; msgspec is as fast and is what the others use here.
"""

# ruff: noqa: ARG002 - the framework passes it, whether the method uses it or not

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

if TYPE_CHECKING:
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
