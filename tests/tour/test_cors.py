"""CORS."""

from __future__ import annotations

from typing import Any

import pytest

import responder
from responder import Request, Response

ORIGIN = "https://example.org"


def view(req: Request, resp: Response) -> None:
    resp.text = "view"


def make_api(**params: Any) -> responder.API:
    api = responder.API(cors=True, cors_params=params) if params else responder.API(cors=True)
    api.route("/")(view)
    return api


def ask(api: responder.API, method: str = "GET", **headers: str) -> Any:
    fields = {"Origin": ORIGIN} | {name.replace("_", "-"): value for name, value in headers.items()}
    with api.session() as session:
        return session.request(method, "http://;/", headers=fields)


def preflight(api: responder.API, method: str = "GET", **headers: str) -> Any:
    return ask(api, "OPTIONS", Access_Control_Request_Method=method, **headers)


def test_nothing_is_permitted_by_default() -> None:
    answer = ask(make_api())
    assert answer.text == "view"
    assert "access-control-allow-origin" not in answer.headers
    assert preflight(make_api()).status_code == 400


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"allow_origins": [ORIGIN, "https://www.example.org"]}, ORIGIN),
        ({"allow_origins": ["*"]}, "*"),
        ({"allow_origin_regex": r"https://.*example\.org"}, ORIGIN),
    ],
)
def test_origins_are_permitted(params: dict[str, Any], expected: str) -> None:
    assert ask(make_api(**params)).headers["access-control-allow-origin"] == expected


def test_an_origin_has_to_match_the_whole_expression() -> None:
    api = make_api(allow_origin_regex=r"https://.*\.example\.org")
    assert "access-control-allow-origin" not in ask(api, Origin="https://a.example.org.evil.example").headers


def test_methods_are_get_unless_told() -> None:
    assert preflight(make_api(allow_origins=[ORIGIN])).headers["access-control-allow-methods"] == "GET, HEAD"
    assert preflight(make_api(allow_origins=[ORIGIN]), "PUT").status_code == 400
    assert preflight(make_api(allow_origins=[ORIGIN], allow_methods=["*"]), "PUT").status_code == 204


def test_headers_are_the_usual_ones_unless_told() -> None:
    asked = {"Access_Control_Request_Headers": "content-type, x-token"}
    assert preflight(make_api(allow_origins=[ORIGIN]), **asked).status_code == 400
    assert preflight(make_api(allow_origins=[ORIGIN], allow_headers=["X-Token"]), **asked).status_code == 204
    assert preflight(make_api(allow_origins=[ORIGIN], allow_headers=["*"]), **asked).status_code == 204


def test_credentials_headers_and_age() -> None:
    api = make_api(allow_origins=[ORIGIN], allow_credentials=True, expose_headers=["X-Total"])
    answer = ask(api)
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-expose-headers"] == "X-Total"
    assert preflight(api).headers["access-control-max-age"] == "60"
    assert preflight(make_api(allow_origins=[ORIGIN], max_age=5)).headers["access-control-max-age"] == "5"
