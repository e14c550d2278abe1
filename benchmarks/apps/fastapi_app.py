"""FastAPI: responses returned directly, which its documentation names as the fastest way, and no OpenAPI routes.

The class view is a callable instance; the hooks are a route class around the endpoint, its documented way per route.
"""

# PEP 563 would hand FastAPI strings to resolve at registration; the other files have nothing that reads annotations.

from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI
from fastapi.requests import Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute

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
