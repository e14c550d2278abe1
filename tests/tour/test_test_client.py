"""Using Requests Test Client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

import responder
from responder import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def api() -> Iterator[responder.API]:
    api = responder.API()
    yield api
    api.requests.close()


def test_response(api: responder.API) -> None:
    hello = "hello, world!"

    @api.route("/some-url")
    def some_view(req: Request, resp: Response) -> None:
        resp.text = hello

    r = api.requests.get(url=api.url_for(some_view))
    assert r.text == hello


def test_the_client_is_a_requests_session(api: responder.API) -> None:
    assert isinstance(api.requests, requests.Session)
    assert isinstance(api.session(), requests.Session)


def test_a_route_may_be_added_between_two_requests(api: responder.API) -> None:
    assert api.requests.get("http://;/late").status_code == 404

    @api.route("/late")
    def late(req: Request, resp: Response) -> None:
        resp.text = "here"

    assert api.requests.get("http://;/late").text == "here"
