"""Background Tasks: what the tour shows with `@api.background.task`, by `resp.background`."""

from __future__ import annotations

import threading

import responder
from responder import Request, Response

api = responder.API()
woken = threading.Event()
slept: list[int] = []


def sleep(s: int = 10) -> None:
    woken.wait(timeout=10)
    slept.append(s)


@api.route("/")
def hello(req: Request, resp: Response) -> None:
    resp.background(sleep)
    resp.content = "processing"


def test_the_response_does_not_wait_for_the_task() -> None:
    with api.session() as session:
        assert session.get("http://;/").text == "processing"
        assert slept == []
        woken.set()
    assert slept == [10]
