"""Using before_request."""

from __future__ import annotations

import responder
from responder import Request, Response

api = responder.API()


@api.route(before_request=True)
def prepare_response(req: Request, resp: Response) -> None:
    resp.headers["X-Pizza"] = "42"


@api.route("/")
def home(req: Request, resp: Response) -> None:
    resp.text = "home"


@api.route("/broken")
def broken(req: Request, resp: Response) -> None:
    raise ZeroDivisionError


def test_all_requests_include_the_header() -> None:
    with api.session(raise_exceptions=False) as session:
        answers = [session.get(f"http://;{path}") for path in ("/", "/broken", "/missing")]
    assert [(answer.status_code, answer.headers["X-Pizza"]) for answer in answers] == [
        (200, "42"),
        (500, "42"),
        (404, "42"),
    ]
