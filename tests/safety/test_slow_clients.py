"""Clients and views that take their time, on both servers: none of them holds the service for long."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.safety.service import Service, request, statuses

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = """
import asyncio
import sys
import threading

from responder import API, Limits, Threads
from responder.handling import deadlines

deadlines.RATE_SECONDS = 0.3
limits = Limits(request_time=0.3, write_stall=0.3, header_time=0.5, body_rate=1000)
api = API(limits=limits, threads=Threads(workers=1, queue=1))
counts = {"open": 0, "cleaned": 0}
release = threading.Event()


@api.get("/stats")
async def stats(req, resp):
    (board,) = api.boards.values()
    resp.media = {"live": len(board.live), "abandoned": board.pool.abandoned, **counts}


@api.get("/slow")
async def slow(req, resp):
    try:
        await asyncio.Event().wait()
    finally:
        counts["cleaned"] += 1


@api.get("/slow-sync")
def slow_sync(req, resp):
    release.wait()


@api.get("/release")
async def let_go(req, resp):
    release.set()


@api.get("/sync")
def sync(req, resp):
    resp.text = "served"


@api.post("/body")
async def body(req, resp):
    resp.media = len(await req.content)


@api.post("/body-sync")
def body_sync(req, resp):
    resp.media = len(req.content_sync)


@api.post("/form")
async def form(req, resp):
    resp.media = list(await req.media())


@api.get("/endless")
async def endless(req, resp):
    @resp.stream
    async def chunks():
        counts["open"] += 1
        try:
            while True:
                yield bytes(65536)
        finally:
            counts["open"] -= 1


@api.get("/large")
async def large(req, resp):
    resp.content = bytes(64 * 1024 * 1024)


api.run("127.0.0.1", 0, server=sys.argv[1])
"""


@pytest.fixture(scope="module", params=["granian", "uvicorn"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give one service for all; at its end no request is left, and nothing was logged."""
    one = Service(tmp_path_factory.mktemp("service"), request.param, APP)
    try:
        yield one
        one.wait_for(lambda numbers: numbers["live"] == 1 and numbers["open"] == 0 and numbers["abandoned"] == 0)
        assert one.end() == 0
        # Beside the views that took too long: what uvicorn says of a response that is cut off in the middle.
        expected = (
            r"'GET' '/slow(-sync)?' took longer than request_time=0\.3\."
            r"|ASGI callable returned without completing response\."
        )
        assert [line for line in one.log().splitlines() if not re.fullmatch(expected, line)] == []
    finally:
        one.close()


def test_a_view_that_takes_too_long_is_a_504(service: Service) -> None:
    answer = service.ask(b"/slow")
    assert statuses(answer) == [504]
    assert b"took longer than 0.3 s." in answer
    assert service.stats()["cleaned"] == 1


def test_a_thread_that_takes_too_long_is_replaced(service: Service) -> None:
    assert statuses(service.ask(b"/slow-sync")) == [504]
    assert service.ask(b"/sync").endswith(b"served")
    assert service.stats()["abandoned"] == 1
    service.ask(b"/release")
    service.wait_for(lambda numbers: numbers["abandoned"] == 0)


@pytest.mark.parametrize("target", [b"/body", b"/body-sync"])
@pytest.mark.parametrize("framing", [b"Content-Length: 100000", b"Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_a_408(service: Service, target: bytes, framing: bytes) -> None:
    answer = service.exchange(request(b"POST", target, framing, b"Connection: close"))
    assert statuses(answer) == [408]


def test_a_form_that_trickles_in_is_a_408(service: Service) -> None:
    fields = [b"Content-Type: multipart/form-data; boundary=x", b"Content-Length: 100000", b"Connection: close"]
    begun = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
    assert statuses(service.exchange(request(b"POST", b"/form", *fields), begun)) == [408]


@pytest.mark.parametrize("target", [b"/endless", b"/large"])
def test_a_client_that_takes_nothing_is_cut_off(service: Service, target: bytes) -> None:
    with service.connect() as client:
        client.sendall(request(b"GET", target))
        service.wait_for(lambda numbers: numbers["live"] > 1)
        service.wait_for(lambda numbers: numbers["live"] == 1 and numbers["open"] == 0)


# uvicorn has no limit of time for a header; docs/deploying.md says to put a proxy before it.
@pytest.mark.parametrize("service", ["granian"], indirect=True)
def test_a_header_that_does_not_end_is_closed(service: Service) -> None:
    assert statuses(service.exchange(b"GET /sync HTTP/1.1\r\nHost: a\r\nX-Slow: ")) in ([], [408])
