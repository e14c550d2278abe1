"""A service that many may ask: what it answers is compressed, what it is sent may be, and nobody asks too often.

curl -i http://127.0.0.1:5042/words/a
curl --compressed -sD - -o /dev/null http://127.0.0.1:5042/words
echo '["apple", "pear"]' | gzip | curl --data-binary @- -H 'Content-Encoding: gzip' http://127.0.0.1:5042/words
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import responder
from responder import Compression, Limits, RateLimit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from responder import Request, Response

words = {f"{letter}{number}" for letter in "abcdefgh" for number in range(100)}

api = responder.API(
    rate_limit=RateLimit("100/minute"),
    compression=Compression(requests=True),
    limits=Limits(body=1024 * 1024),
)


def find_key(req: Request) -> str | None:
    """Count by key; who has none is counted by the address alone, as everybody is."""
    return req.headers.get("x-api-key")


@api.get("/words")
async def list_words(req: Request, resp: Response) -> None:
    @resp.stream
    async def lines() -> AsyncIterator[str]:
        for word in sorted(words):
            yield f"{word}\n"

    resp.mimetype = "text/plain"


@api.post("/words", rate_limit=RateLimit("5/minute", by=find_key, name="additions"))
async def add_words(req: Request, resp: Response) -> None:
    words.update(await req.media("json"))
    resp.status_code = 201


@api.get("/words/{start}")
async def find_words(req: Request, resp: Response, *, start: str) -> list[str]:
    return sorted(word for word in words if word.startswith(start))


@api.get("/token")
async def give_token(req: Request, resp: Response) -> dict[str, str]:
    resp.cache_control(no_store=True, no_transform=True)  # a secret beside what a client chose: not compressed
    return {"token": "s3cret" * 200, "for": req.params.get("name", "")}


if __name__ == "__main__":
    api.run()
