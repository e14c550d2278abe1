"""A service as it runs behind nginx or Caddy, which are in the same folder.

Start it with a key of its own, in one process:

    SECRET_KEY=$(openssl rand -hex 32) responder run examples/deploy/app.py
"""

from __future__ import annotations

import asyncio
import os
from itertools import count
from typing import TYPE_CHECKING

import responder
from responder import Limits, Proxies, RateLimit, Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

api = responder.API(
    secret_key=os.environ["SECRET_KEY"],
    allowed_hosts=["example.com"],
    proxies=Proxies(trusted=["127.0.0.1", "unix"]),
    enable_hsts=True,
    security_headers=True,
    rate_limit=RateLimit("600/minute"),
    limits=Limits(body=16 * 1024 * 1024),
)


@api.get("/")
async def home(req: Request, resp: Response) -> None:
    resp.media = {"client": req.client and req.client.host, "is_secure": req.is_secure, "url": req.full_url}


@api.get("/health")
async def health(req: Request, resp: Response) -> None:
    resp.text = "fine"


@api.get("/ticks")
async def ticks(req: Request, resp: Response) -> None:
    resp.mimetype = "text/plain"

    @resp.stream
    async def tick() -> AsyncIterator[str]:
        for number in count():  # until the client leaves
            yield f"tick {number}\n"
            await asyncio.sleep(1)


@api.post("/size")
async def size(req: Request, resp: Response) -> None:
    resp.media = {"bytes": sum([len(chunk) async for chunk in req.stream()])}


@api.get("/old")
async def old(req: Request, resp: Response) -> None:
    resp.redirect(str(req.url.replace(path="/")), permanent=True)


if __name__ == "__main__":
    api.run()
