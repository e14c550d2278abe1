"""Streams in both directions: responses that are sent as they are made, and uploads that are read as they arrive."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING

import responder
from responder import Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

api = responder.API(limits=responder.Limits(body=1024 * 1024 * 1024))

TICK_SECONDS = 1.0


@api.get("/squares/{count:int}.csv")
def squares(req: Request, resp: Response, *, count: int) -> None:
    resp.mimetype = "text/csv"

    @resp.stream
    def rows() -> Iterator[str]:  # a sync generator runs on worker threads
        yield "number,square\n"
        for number in range(count):
            yield f"{number},{number**2}\n"


@api.get("/ticks")
async def ticks(req: Request, resp: Response) -> None:
    resp.mimetype = "text/plain"

    @resp.stream
    async def tick() -> AsyncIterator[str]:
        number = 0
        try:
            while True:  # until the client leaves
                number += 1
                yield f"tick {number}\n"
                await asyncio.sleep(TICK_SECONDS)
        finally:
            print(f"The client left after {number} ticks.", flush=True)


@api.post("/digest")
async def digest(req: Request, resp: Response) -> dict[str, int | str]:
    size, digest = 0, sha256()
    async for chunk in req.stream():  # never more than one chunk in memory
        size += len(chunk)
        digest.update(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


if __name__ == "__main__":
    api.run()
