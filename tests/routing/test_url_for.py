from __future__ import annotations

import functools
from typing import Any

import pytest

import responder


async def show_pet(req: responder.Request, resp: responder.Response, *, id: int) -> None:  # noqa: A002 - a usual name
    resp.media = {"id": id}


async def list_pets(req: responder.Request, resp: responder.Response) -> None:
    resp.media = []


class Pets:
    async def on_get(self, _req: responder.Request, resp: responder.Response) -> None:
        resp.media = []

    async def other(self, _req: responder.Request, resp: responder.Response) -> None:
        resp.media = []


@pytest.fixture(name="api")
def make_api() -> responder.API:
    api = responder.API()
    api.get("/pets")(list_pets)
    api.get("/pets/{id:int}")(show_pet)
    return api


def test_a_view_leads_to_its_path(api: responder.API) -> None:
    assert api.url_for(list_pets) == "/pets"
    assert api.url_for(show_pet, id=7) == "/pets/7"


def test_the_name_of_a_view_leads_to_its_path(api: responder.API) -> None:
    assert api.url_for("show_pet", id=7) == "/pets/7"


def test_a_name_given_to_the_route_replaces_that_of_the_view(api: responder.API) -> None:
    api.get("/animals", name="animals")(list_pets)
    assert api.url_for("animals") == "/animals"
    assert api.url_for("list_pets") == "/pets"


def test_a_class_an_instance_a_bound_method_and_a_partial_are_found(api: responder.API) -> None:
    instance = Pets()
    partial = functools.partial(list_pets)
    api.add_route("/class", Pets)
    api.add_route("/instance", instance)
    api.add_route("/method", instance.other)
    api.add_route("/partial", partial)
    views: list[Any] = [Pets, instance, instance.other, partial]
    assert [api.url_for(view) for view in views] == [
        "/class",
        "/instance",
        "/method",
        "/partial",
    ]


def test_of_several_paths_of_a_view_the_one_with_these_parameters_is_meant(api: responder.API) -> None:
    async def archive(req: Any, resp: Any, **path: Any) -> None:
        resp.media = {}

    for path in ("/archive", "/archive/{year:int}", "/archive/{year:int}/{month:int}"):
        api.get(path)(archive)
    assert api.url_for(archive) == "/archive"
    assert api.url_for(archive, year=2024) == "/archive/2024"
    assert api.url_for(archive, month=5, year=2024) == "/archive/2024/5"


def test_a_path_beyond_ascii_is_percent_encoded(api: responder.API) -> None:
    api.get("/caf\u00e9/{name}.json")(show_by_name)
    assert api.url_for(show_by_name, name="a b") == "/caf%C3%A9/a%20b.json"


async def show_by_name(req: responder.Request, resp: responder.Response, *, name: str) -> None:
    resp.text = name


def test_a_parameter_may_be_called_view(api: responder.API) -> None:
    async def show(req: Any, resp: Any, *, view: str) -> None:
        resp.text = view

    api.get("/views/{view}")(show)
    assert api.url_for(show, view="main") == "/views/main"


@pytest.mark.parametrize(
    ("view", "params", "message"),
    [
        ("nothing", {}, "No route has the view or name 'nothing'. Names: list_pets, show_pet."),
        (show_by_name, {}, "No route has the view or name show_by_name. Names: list_pets, show_pet."),
        (show_pet, {}, "'/pets/{id:int}' needs a value for 'id'."),
        (show_pet, {"id": 1, "page": 2}, "'/pets/{id:int}' has no parameter 'page'. It has: id."),
        (list_pets, {"page": 2}, "'/pets' has no parameter 'page'. It has: none."),
        (show_pet, {"id": "x"}, "'x' is no int for 'id' in '/pets/{id:int}': Not a whole number of 64 bits."),
    ],
)
def test_what_fits_no_route_says_what_there_is(
    api: responder.API, view: Any, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(responder.RouteNotFoundError) as caught:
        api.url_for(view, **params)
    assert str(caught.value) == message
    assert isinstance(caught.value, LookupError)


def test_an_api_without_routes_has_no_names() -> None:
    with pytest.raises(responder.RouteNotFoundError, match="Names: none"):
        responder.API().url_for("home")


def test_a_value_that_another_converter_cannot_write_is_no_route(api: responder.API) -> None:
    def fail(value: Any) -> str:
        raise ZeroDivisionError(value)

    api.add_converter("odd", str, fail)
    api.get("/odd/{name:odd}")(show_by_name)
    with pytest.raises(responder.RouteNotFoundError, match="is no odd for 'name'"):
        api.url_for(show_by_name, name="x")


def test_a_router_gives_the_path_under_every_prefix(api: responder.API) -> None:
    async def leaf(req: Any, resp: Any, *, tenant: str) -> None:
        resp.text = tenant

    inner = responder.Router(prefix="/inner")
    inner.get("/leaf")(leaf)
    api.include(inner, prefix="/{tenant}")
    assert api.url_for(leaf, tenant="a/b") == "/a%2Fb/inner/leaf"


def test_a_default_route_without_a_path_has_no_url(api: responder.API) -> None:
    api.route(default=True)(show_default)
    with pytest.raises(responder.RouteNotFoundError, match="show_default"):
        api.url_for(show_default)


async def show_default(req: responder.Request, resp: responder.Response) -> None:
    resp.text = "default"
