"""What answers where no view does, and how routes become a table."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from responder import ConfigurationError, DuplicateRoute, Request, Response

if TYPE_CHECKING:
    from tests.conftest import Caller

    import responder
    from responder.testing import Session


def view(req: Request, resp: Response) -> str:
    return f"view of {req.method}"


def other(req: Request, resp: Response) -> str:
    return f"other of {req.method}"


def test_an_unknown_path_is_a_404(session: Session) -> None:
    response = session.get("/missing")
    assert (response.status_code, response.json()) == (404, {"status": 404, "title": "Not Found"})


@pytest.mark.parametrize("path", [b"/%", b"/%zz", b"/%ff", b"*", b"missing"])
def test_a_malformed_path_is_a_404(api: responder.API, call: Caller, path: bytes) -> None:
    api.add_route("/{rest:path}", view)
    assert call(api, path).status == 404


def test_a_method_that_no_route_has_is_a_405_with_allow(api: responder.API, session: Session) -> None:
    api.add_route("/", view, methods=["POST"])
    api.add_route("/", other, methods=["GET"])
    response = session.delete("/")
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    assert response.json() == {"status": 405, "title": "Method Not Allowed"}


@pytest.mark.parametrize("method", ["get", "FETCH", "TRACE", "CONNECT", "__INIT__", "A" * 1000])
def test_a_method_that_is_not_standard_is_a_405(api: responder.API, call: Caller, method: str) -> None:
    api.add_route("/", view)
    answer = call(api, method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, QUERY"


def test_a_405_for_head_has_no_body(api: responder.API, session: Session) -> None:
    api.add_route("/", view, methods=["POST"])
    response = session.head("/")
    assert (response.status_code, response.content, response.headers["Allow"]) == (405, b"", "POST, OPTIONS")


def test_options_is_a_204_with_allow(api: responder.API, session: Session) -> None:
    api.add_route("/", view, methods=["PUT"])
    response = session.options("/")
    assert (response.status_code, response.headers["Allow"], response.content) == (204, "PUT, OPTIONS", b"")
    assert "Content-Length" not in response.headers


def test_options_of_an_unknown_path_is_a_404(session: Session) -> None:
    assert session.options("/missing").status_code == 404


def test_options_of_the_whole_server_is_no_failure(api: responder.API, call: Caller) -> None:
    assert call(api, b"*", method="OPTIONS").status == 404


def test_an_options_route_takes_the_place_of_the_automatic_answer(api: responder.API, session: Session) -> None:
    api.add_route("/", view, methods=["OPTIONS"])
    assert session.options("/").text == "view of OPTIONS"


def test_head_follows_get_without_its_body(api: responder.API, session: Session) -> None:
    api.get("/")(view)
    response = session.head("/")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == str(len("view of HEAD"))


@pytest.mark.parametrize("is_head_first", [True, False])
def test_a_head_route_of_its_own_wins_wherever_it_was_declared(
    api: responder.API,
    session: Session,
    is_head_first: bool,  # noqa: FBT001 - pytest hands it over
) -> None:
    def head(req: Request, resp: Response) -> None:
        resp.headers["X-By"] = "head"

    def get(req: Request, resp: Response) -> None:
        resp.headers["X-By"] = "get"

    routes: list[tuple[str, Any]] = [("HEAD", head), ("GET", get)]
    for method, function in routes if is_head_first else reversed(routes):
        api.add_route("/", function, methods=[method])
    assert [session.head("/").headers["X-By"], session.get("/").headers["X-By"]] == ["head", "get"]


@pytest.mark.parametrize(
    ("declared", "asked", "location"),
    [
        ("/pets", "/pets/", "/pets"),
        ("/pets/", "/pets", "/pets/"),
        ("/pets/{id:int}/", "/pets/7", "/pets/7/"),
        ("/pets", "/pets/?q=1&r=%2F", "/pets?q=1&r=%2F"),
        ("/caf\u00e9", "/caf%C3%A9/", "/caf%C3%A9"),
        ("/{name}", "/a%2Fb/", "/a%2Fb"),
    ],
)
def test_a_wrong_trailing_slash_is_a_307_on_the_same_site(
    api: responder.API, session: Session, declared: str, asked: str, location: str
) -> None:
    api.add_route(declared, view)
    response = session.post(asked, allow_redirects=False)
    assert (response.status_code, response.headers["Location"]) == (307, location)


@pytest.mark.parametrize(
    "path", [b"//evil.example/", b"//evil.example", b"/\\evil.example/", b"/%0A/", b"/a\nb/", b"/\xff/"]
)
def test_a_redirect_never_leads_off_the_site(api: responder.API, call: Caller, path: bytes) -> None:
    api.add_route("/{a}/{b}", view)
    api.add_route("/{a}/{b}/{c}/", view)
    api.add_route("/{a}", view)
    answer = call(api, path)
    assert answer.status in {200, 307, 404}
    assert "evil" not in answer.headers.get("location", "")
    assert answer.headers.get("location", "/").isprintable()


def test_a_server_without_raw_paths_is_redirected_too(api: responder.API, call: Caller) -> None:
    api.add_route("/caf\u00e9", view)
    answer = call(api, None, path="/caf\u00e9/")
    assert (answer.status, answer.headers["location"]) == (307, "/caf%C3%A9")


def test_a_path_that_cannot_be_written_is_not_redirected_to(api: responder.API, call: Caller) -> None:
    api.add_route("/{a}/{b}", view)
    assert call(api, None, path="/a/../").status == 404
    assert call(api, None, path="/a/\ud800/").status == 404


def test_below_a_root_path_the_redirect_stays_below(api: responder.API, call: Caller) -> None:
    api.add_route("/pets", view)
    answer = call(api, b"/app/pets/", root_path="/app")
    assert answer.headers["location"] == "/app/pets"


def test_a_root_path_itself_is_a_404_or_leads_to_its_slash(api: responder.API, call: Caller) -> None:
    assert call(api, b"/app", root_path="/app").status == 404
    api.add_route("/", view)
    answer = call(api, b"/app", root_path="/app")
    assert (answer.status, answer.headers["location"]) == (307, "/app/")


def test_a_route_below_a_root_path_is_found(api: responder.API, call: Caller) -> None:
    api.add_route("/pets", view)
    assert call(api, b"/app/pets", root_path="/app").body == b"view of GET"
    assert call(api, b"/pets", root_path="/app").body == b"view of GET"


def test_a_default_route_answers_what_no_route_matches(api: responder.API, session: Session) -> None:
    api.add_route("/", view, default=True)
    api.add_route("/known", other)
    assert [session.get(path).text for path in ("/", "/known", "/some/where", "/a%2Fb")] == [
        "view of GET",
        "other of GET",
        "view of GET",
        "view of GET",
    ]


def test_a_default_route_needs_no_path(api: responder.API, session: Session) -> None:
    @api.route(default=True, methods=["GET"])
    async def fallback(req: Request, resp: Response) -> None:
        resp.text = "fallback"

    assert [session.get("/").text, session.get("/anything").text] == ["fallback", "fallback"]
    assert session.post("/anything").headers["Allow"] == "GET, HEAD, OPTIONS"


def test_a_default_route_leaves_a_405_and_a_redirect_as_they_are(api: responder.API, session: Session) -> None:
    api.add_route("/known", view, methods=["GET"])
    api.add_route(None, other, default=True)
    assert session.post("/known").status_code == 405
    assert session.get("/known/", allow_redirects=False).status_code == 307


def test_two_default_routes_for_one_method_are_refused(api: responder.API) -> None:
    api.add_route(None, view, default=True, methods=["GET"])
    api.add_route(None, view, default=True, methods=["POST"])
    with pytest.raises(DuplicateRoute, match="GET the default is declared twice"):
        api.add_route("/", view, default=True)


def test_a_default_route_with_parameters_is_refused(api: responder.API) -> None:
    with pytest.raises(ConfigurationError, match="has no 'name' to give"):
        api.add_route("/{name}", lambda req, resp, name: None, default=True)


def test_methods_of_less_literal_places_count_too(api: responder.API, session: Session) -> None:
    api.add_route("/pets/new", view, methods=["GET"])
    api.add_route("/pets/{name}", other, methods=["POST", "GET"])
    assert session.get("/pets/new").text == "view of GET"
    assert session.post("/pets/new").text == "other of POST"
    assert session.delete("/pets/new").headers["Allow"] == "GET, HEAD, POST, OPTIONS"


def test_a_route_added_after_a_request_works_from_the_next_one_on(api: responder.API, session: Session) -> None:
    assert session.get("/").status_code == 404
    api.add_route("/", view)
    assert session.get("/").text == "view of GET"


def test_a_route_added_during_a_request_leaves_that_request_alone(api: responder.API) -> None:
    async def main() -> list[int]:
        added, go_on = asyncio.Event(), asyncio.Event()

        @api.route("/slow")
        async def slow(req: Request, resp: Response) -> None:
            api.add_route("/new", view)
            added.set()
            await go_on.wait()

        async with api.client() as client:
            request = asyncio.create_task(client.get("/slow"))
            await added.wait()
            new = await client.get("/new")
            go_on.set()
            return [new.status_code, (await request).status_code]

    assert asyncio.run(main()) == [200, 200]
