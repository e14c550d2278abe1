"""Responder, as its documentation writes it."""

# ruff: noqa: ARG002 - the framework passes it, whether the method uses it or not

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import material

import responder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


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


async def form(req: Any, resp: Any) -> None:
    resp.media = await req.media()


async def upload(req: Any, resp: Any) -> None:
    async for part in req.parts():
        resp.media = {"size": len(await part.read())}


async def save(req: Any, resp: Any) -> None:
    async for part in req.parts():
        path = await part.save(material.folder() / "saved" / "ours")
        resp.media = {"size": path.stat().st_size}


async def people(req: Any, resp: Any) -> None:
    resp.media = material.PEOPLE


async def stream(req: Any, resp: Any, *, count: int) -> None:
    resp.mimetype = "application/octet-stream"

    @resp.stream
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield material.CHUNK


async def orders(req: Any, resp: Any) -> None:
    resp.render(f"{material.TEMPLATE}.html", **material.CONTEXT)


def build_payloads() -> Any:
    """Build the service of forms, uploads, documents, files, streams and templates."""
    api = responder.API(
        limits=responder.Limits(body=100 * material.MB, field_size=100 * material.MB),
        static_dir=material.folder() / "static",
        static_route="/static",
        templates_dir=material.folder() / "templates",
    )
    api.route("/form", methods=["POST"])(form)
    api.route("/upload", methods=["POST"])(upload)
    api.route("/upload/disk", methods=["POST"])(save)
    api.route("/people")(people)
    api.route("/yaml", methods=["POST"])(echo)
    api.route("/stream/{count:int}")(stream)
    api.route("/orders")(orders)
    for name in material.FILES:
        add_file(api, name)
    return api


def add_file(api: Any, name: str) -> None:
    path = material.folder() / name

    @api.route(f"/files/{name}")
    async def file(req: Any, resp: Any) -> None:
        resp.file(path)


ORIGIN = "https://app.example.org"
POLICIES: dict[str, dict[str, Any]] = {
    "no policy": {},
    "hosts": {"allowed_hosts": ["127.0.0.1", "*.example.com"]},
    "CORS": {"cors": True, "cors_params": {"allow_origins": [ORIGIN]}},
    "HTTPS": {"enable_hsts": True},
    "CORS, hosts, session": {
        "allowed_hosts": ["127.0.0.1", "*.example.com"],
        "cors": True,
        "cors_params": {"allow_origins": [ORIGIN]},
        "secret_key": "a secret of some length",
    },
    "session written": {"secret_key": "a secret of some length"},
    "gzip": {"compression": responder.Compression(codings=["gzip"])},
}


async def write_session(req: Any, resp: Any) -> None:
    resp.session["user"] = 1
    resp.text = "Hello, world!"


def build_policy(name: str) -> Any:
    """Build a service with one policy, or several."""
    api = responder.API(**POLICIES[name])
    api.route("/text")(text)
    api.route("/session")(write_session)
    api.route("/people")(people)
    return api


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
