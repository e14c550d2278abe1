from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import responder

if TYPE_CHECKING:
    from tests.conftest import Caller

STANDARD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"]


async def show_method(req: responder.Request, resp: responder.Response) -> None:
    resp.text = req.method


async def hook(req: responder.Request, resp: responder.Response) -> None:
    resp.headers["x-hook"] = "1"


async def around(req: responder.Request, resp: responder.Response) -> Any:
    yield


@pytest.mark.parametrize("method", [method for method in STANDARD if method not in {"HEAD", "OPTIONS"}])
def test_a_route_without_methods_serves_every_standard_one(call: Caller, method: str) -> None:
    api = responder.API()
    api.route("/")(show_method)
    assert call(api, method=method).body == method.encode()


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "get", "Get", "", "GET ", "\x00", "on_request"])
def test_a_method_that_is_not_standard_is_a_405(call: Caller, method: str) -> None:
    api = responder.API()
    api.route("/")(show_method)
    answer = call(api, method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, QUERY"


@pytest.mark.parametrize("method", STANDARD)
def test_each_method_has_its_decorator(call: Caller, method: str) -> None:
    api = responder.API()
    getattr(api, method.lower())("/")(show_method)
    assert call(api, method=method).status == 200
    other = "DELETE" if method != "DELETE" else "PUT"
    assert call(api, method=other).status == 405


def test_methods_are_written_in_any_case(call: Caller) -> None:
    api = responder.API()
    api.route("/", methods=["post", "Put"])(show_method)
    assert [call(api, method=method).status for method in ("POST", "PUT", "GET")] == [200, 200, 405]


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (["FETCH"], "'FETCH' is no method served here. Known: GET, HEAD,"),
        (["TRACE"], "'TRACE' is no method"),
        ([], "methods is empty; leave it out"),
        ("GET", r"write methods=\['GET'\]"),
    ],
)
def test_methods_that_cannot_be_served_are_refused(methods: Any, message: str) -> None:
    with pytest.raises(responder.ConfigurationError, match=message):
        responder.API().route("/", methods=methods)


def test_head_follows_get_without_its_body(call: Caller) -> None:
    api = responder.API()
    api.get("/")(show_method)
    answer = call(api, method="HEAD")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "4", b"")


@pytest.mark.parametrize("is_first", [True, False])
def test_a_head_view_of_its_own_replaces_the_one_that_follows_get(call: Caller, *, is_first: bool) -> None:
    async def head(req: responder.Request, resp: responder.Response) -> None:
        resp.headers["x-own"] = "1"

    api = responder.API()
    if is_first:
        api.head("/")(head)
    api.get("/")(show_method)
    if not is_first:
        api.head("/")(head)
    assert call(api, method="HEAD").headers["x-own"] == "1"
    assert "x-own" not in call(api).headers


def test_options_is_answered_with_allow(call: Caller) -> None:
    api = responder.API()
    api.post("/")(show_method)
    answer = call(api, method="OPTIONS")
    assert (answer.status, answer.headers["allow"], answer.body) == (204, "POST, OPTIONS", b"")


def test_an_options_view_of_ones_own_is_called(call: Caller) -> None:
    api = responder.API()
    api.get("/")(show_method)
    api.options("/")(show_method)
    assert call(api, method="OPTIONS").body == b"OPTIONS"


def test_allow_gathers_all_routes_of_a_path_in_the_usual_order(call: Caller) -> None:
    api = responder.API()
    api.delete("/")(show_method)
    api.query("/")(show_method)
    api.get("/")(show_method)
    answer = call(api, method="PUT")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, DELETE, OPTIONS, QUERY")
    assert answer.media == {"status": 405, "title": "Method Not Allowed"}


def test_a_route_knows_where_it_was_declared() -> None:
    api = responder.API()
    api.route("/decorated")(show_method)
    api.add_route("/added", show_method)
    places = [Path(route.place.rpartition(":")[0]).name for route in api.routes]
    lines = [int(route.place.rpartition(":")[2]) for route in api.routes]
    assert places == ["test_route.py"] * 2
    assert lines[1] == lines[0] + 1


def test_a_route_lists_what_was_declared_beyond_path_and_view() -> None:
    api = responder.API()
    api.get("/plain")(show_method)
    api.get("/all", default=True, block=False, before=hook, after=[hook, hook], around=around)(show_method)
    assert api.routes[0].options == {}
    assert api.routes[1].options == {
        "default": True,
        "block": False,
        "before": ["hook"],
        "after": ["hook", "hook"],
        "around": ["around"],
    }


def test_a_route_never_writes_on_its_view() -> None:
    api = responder.API()
    api.get("/a", before=hook)(show_method)
    api.get("/b", name="other")(show_method)
    assert vars(show_method) == {}


@pytest.mark.parametrize("option", ["before", "after", "around"])
def test_a_hook_that_cannot_be_called_is_refused(option: str) -> None:
    options: dict[str, Any] = {option: ["hook"]}
    with pytest.raises(responder.ConfigurationError, match="A hook is a function, not 'hook'"):
        responder.API().route("/", **options)


def test_a_view_stands_on_many_routes_with_options_of_each(call: Caller) -> None:
    api = responder.API()
    api.get("/with", before=hook)(show_method)
    api.get("/without")(show_method)
    assert "x-hook" in call(api, b"/with").headers
    assert "x-hook" not in call(api, b"/without").headers
