"""What editors and mypy know about an API: checked by mypy, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, assert_type

import httpx2
import msgspec
import requests

import responder
from responder import (
    CSRF,
    HSTS,
    Limits,
    RateLimit,
    Request,
    Response,
    Router,
    Sessions,
    SQLiteStore,
    abort,
    status_codes,
)
from responder.http.headers import Headers, ResponseHeaders
from responder.http.query import QueryParams
from responder.http.url import URL
from responder.testing import AsyncClient, Session

api = responder.API()
router = Router(prefix="/v1", rate_limit=RateLimit("100/minute", by=lambda req: req.headers.get("x-key")))
guarded = responder.API(
    secret_key=["a new key of some length", "an old key of some length"],
    sessions=Sessions(store=SQLiteStore("sessions.db"), max_age=60),
    enable_hsts=HSTS(include_subdomains=True),
    cors=True,
    cors_params={"allow_origins": ["https://example.org"], "max_age": 60},
    csrf=CSRF(trusted_origins=["https://example.org"]),
    limits=Limits(request_time=None).replace(body=5),
)
Sessions(age=60)  # type: ignore[call-arg]
Sessions(same_site="loose")  # type: ignore[arg-type]
Limits().body = 5  # type: ignore[misc]


# Decorators keep the signature of what they decorate.


@api.route("/sync")
def sync_view(req: Request, resp: Response) -> dict[str, int]:
    return {}


@api.get("/async/{id:int}", name="item", before=sync_view)
async def async_view(req: Request, resp: Response, *, id: int) -> str:  # noqa: A002 - the usual name
    return str(id)


@router.route("/class")
class Resource:
    def __init__(self) -> None:
        self.count = 0

    def on_get(self, req: Request, resp: Response) -> None: ...


@api.route(before_request=True)
def route_hook(req: Request, resp: Response) -> None: ...


@api.before_request
async def before(req: Request, resp: Response) -> int:
    return 1


@api.after_request(block=False)
def after(req: Request, resp: Response) -> bytes:
    return b""


@router.around
def around(req: Request, resp: Response) -> Iterator[None]:
    yield


@api.exception_handler(ValueError)
def handler(req: Request, resp: Response, error: ValueError) -> str:
    return str(error)


@api.on_event("startup")
async def startup() -> float:
    return 1.0


assert_type(sync_view(Request(), Response()), dict[str, int])
assert_type(Resource().count, int)
assert_type(after(Request(), Response()), bytes)
assert_type(around(Request(), Response()), Iterator[None])
assert_type(handler(Request(), Response(), ValueError()), str)


async def call_async() -> None:
    assert_type(await async_view(Request(), Response(), id=1), str)
    assert_type(await before(Request(), Response()), int)
    assert_type(await startup(), float)
    route_hook("req", Response())  # type: ignore[arg-type]
    await async_view(Request(), Response())  # type: ignore[call-arg]


# A lifespan is any async context manager function of an API.


@asynccontextmanager
async def lifespan(api: responder.API) -> AsyncIterator[dict[str, int]]:
    yield {"connections": 1}


responder.API(lifespan=lifespan)


# A request knows the types of its parts, and `media` gives the model that it is asked for.


@dataclass
class Point:
    x: int


class Pet(msgspec.Struct):
    name: str


async def read(req: Request) -> None:
    assert_type(req.method, str)
    assert_type(req.url, URL)
    assert_type(req.headers, Headers)
    assert_type(req.params, QueryParams)
    assert_type(req.params["q"], str)
    assert_type(req.params.get_list("q"), list[str])
    assert_type(req.cookies["visit"], str)
    assert_type(req.is_json, bool)
    assert_type(req.mimetype, str)
    assert_type(await req.content, bytes)
    assert_type(await req.text, str)
    assert_type(await req.media(), Any)
    assert_type(await req.media("json"), Any)
    assert_type(await req.media(Pet), Pet)
    assert_type(await req.media(Point), Point)
    assert_type(await req.media(list[int]), list[int])
    assert_type(await req.disconnected(), bool)
    async for chunk in req.stream():
        assert_type(chunk, bytes)


def read_sync(req: Request) -> None:
    assert_type(req.content_sync, bytes)
    assert_type(req.text_sync, str)
    assert_type(req.media_sync(), Any)
    assert_type(req.media_sync(Pet), Pet)


# A response knows the types of its parts, and keeps the generator that it streams.


def write(resp: Response) -> None:
    assert_type(resp.status_code, int)
    assert_type(resp.text, str)
    assert_type(resp.content, bytes)
    assert_type(resp.headers, ResponseHeaders)
    assert_type(resp.headers["X"], str)
    assert_type(resp.etag, str | None)
    assert_type(resp.last_modified, datetime | None)
    resp.headers["X-Life"] = 42
    resp.cookies["hello"] = "world"
    resp.set_cookie("hello", "world", max_age=60, samesite="strict")

    @resp.stream
    async def pieces() -> AsyncIterator[bytes]:
        yield b""

    @resp.stream
    def sync_pieces() -> Iterator[str]:
        yield ""

    assert_type(pieces(), AsyncIterator[bytes])
    assert_type(sync_pieces(), Iterator[str])


# `abort` never returns.


def refuse() -> NoReturn:
    abort(404)


def find(number: int | None) -> int:
    if number is None:
        abort(404, "No such number.", headers={"X-Hint": "1"})
    return assert_type(number, int)


# The clients are those of requests and httpx2.


async def ask() -> None:
    assert_type(api.requests, Session)
    with api.session(raise_exceptions=False) as session:
        assert_type(session, Session)
        assert_type(session.get("/"), requests.Response)
    async with api.client() as client:
        assert_type(client, AsyncClient)
        assert_type(await client.get("/"), httpx2.Response)


assert_type(api.url_for(sync_view), str)
assert_type(api.url_for("item", id=1), str)
assert_type(status_codes.HTTP_200, int)
asgi: Callable[[Any, Any, Any], Awaitable[None]] = api


# Mistakes that mypy finds: each `ignore` is needed, or mypy complains about it.


def mistakes(req: Request, resp: Response) -> None:
    resp.status_code = "200"  # type: ignore[assignment]
    resp.set_cookie("hello", colour="red")  # type: ignore[call-arg]
    resp.set_cookie("hello", samesite="sometimes")  # type: ignore[arg-type]
    req.method = "POST"  # type: ignore[misc]
    api.get("/", colour="red")  # type: ignore[call-arg]
    responder.API(colour="red")  # type: ignore[call-arg]
    abort("404")  # type: ignore[arg-type]
