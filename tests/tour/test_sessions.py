"""Cookie-based sessions: `resp.session` and `req.session`."""

from __future__ import annotations

import responder
from responder import Request, Response

api = responder.API(secret_key="a key that nobody else knows")


@api.route("/write")
def write(req: Request, resp: Response) -> None:
    resp.session["hello"] = "world"


@api.route("/read")
def read(req: Request, resp: Response) -> None:
    resp.media = req.session


def test_what_was_written_is_read_in_the_next_request() -> None:
    with api.session() as session:
        assert session.get("http://;/read").json() == {}
        session.get("http://;/write")
        assert "Responder-Session" in session.cookies
        assert session.get("http://;/read").json() == {"hello": "world"}
