"""HSTS (Redirect to HTTPS)."""

from __future__ import annotations

import responder
from responder import Request, Response

api = responder.API(enable_hsts=True)


@api.route("/")
def home(req: Request, resp: Response) -> None:
    resp.text = "home"


def test_all_traffic_is_redirected_to_https() -> None:
    with api.session() as session:
        answer = session.get("http://;/?page=2", allow_redirects=False)
        assert answer.status_code == 307
        assert answer.headers["location"] == "https://;/?page=2"
        assert session.get("http://;/").text == "home"


def test_https_is_asked_for_from_then_on() -> None:
    with api.session(base_url="https://;") as session:
        assert session.get("/").headers["strict-transport-security"] == "max-age=31536000"
