"""Litestar: annotated handlers, a controller, its own hooks, its built-in JSON on msgspec and no OpenAPI."""

# PEP 563 would hand Litestar strings to resolve at registration, where it builds a model from each signature.

from typing import Any

from litestar import Controller, Litestar, MediaType, Request, Response, get, post


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
