"""A service and its tests in one file: `pytest examples/how_to_test.py`."""
# ruff: noqa: S101 - pytest's assertions

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import responder
from responder import Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

api = responder.API()


@api.get("/hello/{name}")
async def hello(req: Request, resp: Response, *, name: str) -> None:
    resp.text = f"hello, {name}!"


@api.get("/broken")
async def broken(req: Request, resp: Response) -> None:
    raise LookupError("a mistake in the service")


@api.get("/letters")
async def letters(req: Request, resp: Response) -> None:
    @resp.stream
    async def each() -> AsyncIterator[str]:
        for letter in "abc":
            yield letter
            await asyncio.sleep(0)


def test_a_view() -> None:
    with api.session() as session:
        r = session.get(api.url_for(hello, name="world"))
    assert r.status_code == api.status_codes.HTTP_200
    assert r.text == "hello, world!"


def test_an_exception_comes_out_as_itself() -> None:
    raised = None
    with api.session() as session:
        try:
            session.get("/broken")
        except LookupError as error:  # with pytest: `with pytest.raises(LookupError):`
            raised = error
    assert str(raised) == "a mistake in the service"


def test_an_exception_as_the_client_sees_it() -> None:
    with api.session(raise_exceptions=False) as session:
        r = session.get("/broken")
    assert r.status_code == api.status_codes.HTTP_500
    assert r.json() == {"status": 500, "title": "Internal Server Error"}


def test_a_live_stream() -> None:
    async def read() -> list[str]:
        async with api.client() as client, client.stream("GET", "/letters") as response:
            return [chunk async for chunk in response.aiter_text()]

    assert asyncio.run(read()) == ["a", "b", "c"]


if __name__ == "__main__":
    api.run()
