"""Class-Based Views."""

from __future__ import annotations

import responder
from responder import Request, Response

api = responder.API()


@api.route("/{greeting}")
class GreetingResource:
    def on_request(self, req: Request, resp: Response, *, greeting: str) -> None:  # or on_get...
        resp.text = f"{greeting}, world!"
        resp.headers.update({"X-Life": "42"})
        resp.status_code = api.status_codes.HTTP_416


def test_the_greeting_resource() -> None:
    with api.session() as session:
        r = session.get("http://;/hello")
    assert (r.status_code, r.text, r.headers["X-Life"]) == (416, "hello, world!", "42")


def test_any_method_is_answered_by_on_request() -> None:
    with api.session() as session:
        assert session.post("http://;/goodbye").text == "goodbye, world!"
