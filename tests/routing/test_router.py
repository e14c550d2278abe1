from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

import responder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Caller


async def view(req: responder.Request, resp: responder.Response) -> None:
    resp.text = "view"


async def other(req: responder.Request, resp: responder.Response) -> None:
    resp.text = "other"


def mark(text: str) -> Any:
    async def hook(req: responder.Request, resp: responder.Response) -> None:
        resp.headers.add("x-mark", text)

    return hook


# Prefixes and nesting


def test_an_included_router_stands_under_its_prefixes(call: Caller) -> None:
    api, router = responder.API(), responder.Router(prefix="/pets")
    router.get("/list")(view)
    router.get("")(other)
    api.include(router, prefix="/v1")
    assert call(api, b"/v1/pets/list").body == b"view"
    assert call(api, b"/v1/pets").body == b"other"
    assert call(api, b"/pets/list").status == 404


def test_routers_nest_whatever_the_order_of_declaring_and_including(call: Caller) -> None:
    api, outer, inner = responder.API(), responder.Router(prefix="/outer"), responder.Router(prefix="/inner")
    inner.get("/before")(view)
    outer.include(inner)
    api.include(outer)
    inner.get("/after")(view)
    assert call(api, b"/outer/inner/before").status == 200
    assert call(api, b"/outer/inner/after").status == 200


def test_a_router_may_be_included_in_several_places(call: Caller) -> None:
    api, router = responder.API(), responder.Router()
    router.get("/x")(view)
    api.include(router, prefix="/a")
    api.include(router, prefix="/b")
    assert [call(api, path).status for path in (b"/a/x", b"/b/x", b"/x")] == [200, 200, 404]


def test_a_prefix_may_have_parameters(call: Caller) -> None:
    async def show(req: Any, resp: Any, *, tenant: str, id: int) -> None:  # noqa: A002 - a usual name
        resp.media = [tenant, id]

    api, router = responder.API(), responder.Router(prefix="/{tenant}")
    router.get("/{id:int}")(show)
    api.include(router)
    assert call(api, b"/acme/7").media == ["acme", 7]


@pytest.mark.parametrize("prefix", ["v1", "/v1/", "/", "v1/"])
def test_a_prefix_starts_with_a_slash_and_does_not_end_with_one(prefix: str) -> None:
    with pytest.raises(responder.ConfigurationError, match="like '/v1'"):
        responder.Router(prefix=prefix)
    with pytest.raises(responder.ConfigurationError, match="like '/v1'"):
        responder.API().include(responder.Router(), prefix=prefix)


def test_a_router_cannot_include_itself_directly_or_through_another() -> None:
    outer, inner = responder.Router(), responder.Router()
    outer.include(inner)
    for parent, child in ((outer, outer), (inner, outer)):
        with pytest.raises(responder.ConfigurationError, match="cannot include itself"):
            parent.include(child)


@pytest.mark.parametrize("thing", ["router", view, None])
def test_only_a_router_is_included(thing: Any) -> None:
    with pytest.raises(responder.ConfigurationError, match="include takes a Router"):
        responder.API().include(thing)


def test_the_hooks_of_a_router_are_for_its_routes_alone(call: Caller) -> None:
    api, outer, inner = responder.API(), responder.Router(prefix="/outer"), responder.Router(prefix="/inner")
    api.before_request(mark("api"))
    outer.before_request(mark("outer"))
    inner.before_request(mark("inner"))
    inner.get("/", before=mark("route"))(view)
    outer.get("/")(view)
    api.get("/")(view)
    outer.include(inner)
    api.include(outer)

    def marks(path: bytes) -> list[str]:
        return [value for name, value in call(api, path).fields if name == "x-mark"]

    assert marks(b"/outer/inner/") == ["api", "outer", "inner", "route"]
    assert marks(b"/outer/") == ["api", "outer"]
    assert marks(b"/") == ["api"]


def test_a_hook_or_handler_that_a_router_gets_later_works_from_the_next_request_on(call: Caller) -> None:
    async def fail(req: Any, resp: Any) -> None:
        raise KeyError

    async def handle(req: Any, resp: Any, error: Exception) -> None:
        resp.text = type(error).__name__
        resp.status_code = 418

    api, router = responder.API(), responder.Router(prefix="/r")
    router.get("/fail")(fail)
    api.include(router)
    assert call(api, b"/r/fail").status == 500
    router.before_request(mark("late"))
    router.exception_handler(KeyError)(handle)
    answer = call(api, b"/r/fail")
    assert (answer.status, answer.body, answer.headers["x-mark"]) == (418, b"KeyError", "late")


# Duplicates


def at_line(text: str) -> list[str]:
    return re.findall(r"test_router\.py:\d+", text)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/a", "/a"),
        ("/caf\u00e9", "/caf\u00e9"),
        ("/{id:int}", "/{number:int}"),
        ("/{name}", "/{title:str}"),
        ("/x{a}y", "/x{b}y"),
        ("/{rest:path}", "/{all:path}"),
    ],
)
def test_a_duplicate_names_both_places(first: str, second: str) -> None:
    async def show(req: Any, resp: Any, **path: Any) -> None:
        resp.text = "x"

    api = responder.API()
    api.get(first)(show)
    with pytest.raises(responder.DuplicateRoute) as caught:
        api.route(second)(show)
    message = str(caught.value)
    assert message.startswith(f"GET {second!r} is declared twice: at ")
    assert repr(first) in message
    assert len(set(at_line(message))) == 2


@pytest.mark.parametrize(
    "paths", [("/a", "/a/"), ("/{a}", "/{a:int}"), ("/{a}", "/x{a}"), ("/a", "/{a}"), ("/a", "/A")]
)
def test_what_only_looks_alike_is_no_duplicate(paths: tuple[str, str]) -> None:
    async def show(req: Any, resp: Any, **path: Any) -> None:
        resp.text = "x"

    api = responder.API()
    for path in paths:
        api.get(path)(show)
    assert len(api.routes) == 2


def test_a_refused_duplicate_leaves_everything_as_it_was(call: Caller) -> None:
    api, router = responder.API(), responder.Router()
    api.get("/taken")(view)
    router.get("/free")(other)
    router.get("/taken")(other)
    with pytest.raises(responder.DuplicateRoute):
        api.include(router)
    assert call(api, b"/taken").body == b"view"
    assert call(api, b"/free").status == 404
    router.get("/later")(other)
    assert call(api, b"/later").status == 404
    api.get("/free")(view)
    assert call(api, b"/free").body == b"view"


def test_a_router_refuses_what_one_of_those_that_include_it_has(call: Caller) -> None:
    api, router = responder.API(), responder.Router()
    api.get("/taken")(view)
    api.include(router)
    with pytest.raises(responder.DuplicateRoute):
        router.get("/taken")(other)
    assert router.routes == []
    assert call(api, b"/taken").body == b"view"


def test_a_router_is_not_included_twice_at_one_place() -> None:
    api, router = responder.API(), responder.Router()
    router.get("/x")(view)
    api.include(router)
    with pytest.raises(responder.DuplicateRoute):
        api.include(router)


def test_a_mistake_in_an_included_route_is_raised_where_it_is_made() -> None:
    api, router = responder.API(), responder.Router(prefix="/r")
    api.include(router)
    with pytest.raises(responder.UnknownConverter, match=r"/r/\{id:integer\}"):
        router.get("/{id:integer}")(view)
    assert api.routes == []


# Routes at any time


def test_a_route_added_after_a_request_works_from_the_next_on(call: Caller) -> None:
    api = responder.API()
    api.get("/first")(view)
    assert call(api, b"/second").status == 404
    api.get("/second")(other)
    assert call(api, b"/second").body == b"other"
    api.post("/first")(other)
    assert call(api, b"/first", method="POST").body == b"other"


def test_a_route_added_by_a_view_works_from_the_next_request_on(call: Caller) -> None:
    api = responder.API()

    async def grow(req: Any, resp: Any) -> None:
        api.get("/grown")(other)
        resp.text = "grown"

    api.get("/grow")(grow)
    assert call(api, b"/grow").body == b"grown"
    assert call(api, b"/grown").body == b"other"


def test_what_requests_look_into_is_swapped_whole_and_never_changed(call: Caller) -> None:
    api = responder.API()
    api.get("/a")(view)
    call(api, b"/a")
    known = api.literals
    assert set(known) == {b"/a"}
    api.get("/b")(view)
    call(api, b"/b")
    assert set(known) == {b"/a"}
    assert set(api.literals) == {b"/a", b"/b"}


def test_a_decorator_gives_the_view_back() -> None:
    assert responder.API().get("/")(view) is view


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda api: api.route()(view), "A route needs a path"),
        (lambda api: api.route("x")(view), "write '/x' instead of 'x'"),
        (lambda api: api.route("/x", before_request=True), "for every path"),
        (lambda api: api.exception_handler(200), "status from 400 to 599, not 200"),
        (lambda api: api.exception_handler(600), "not 600"),
        (lambda api: api.exception_handler(kind=True), "not True"),
        (lambda api: api.exception_handler(KeyboardInterrupt), "exception class"),
        (lambda api: api.exception_handler("404"), "not '404'"),
        (lambda api: api.exception_handler(404)(None), "An exception handler is a function, not None"),
        (lambda api: api.before_request("hook"), "A hook is a function, not 'hook'"),
    ],
)
def test_a_declaration_that_cannot_work_says_so_at_once(declare: Callable[[Any], object], message: str) -> None:
    with pytest.raises(responder.ConfigurationError, match=message):
        declare(responder.API())


def test_one_router_has_one_handler_of_a_kind() -> None:
    async def handle(req: Any, resp: Any, error: Exception) -> None:
        resp.text = "handled"

    api, router = responder.API(), responder.Router()
    for holder in (api, router):
        holder.exception_handler(404)(handle)
    with pytest.raises(responder.ConfigurationError, match=r"handle already handles 404 here"):
        api.exception_handler(404)(handle)


def test_route_with_before_request_makes_a_hook(call: Caller) -> None:
    api = responder.API()
    api.route(before_request=True)(mark("first"))
    api.before_request(block=False)(mark("second"))
    answer = call(api, b"/nowhere")
    assert [value for name, value in answer.fields if name == "x-mark"] == ["first", "second"]


def test_after_and_around_hooks_are_declared_the_same_ways(call: Caller) -> None:
    async def around(req: Any, resp: Any) -> Any:
        resp.headers.add("x-mark", "in")
        yield
        resp.headers.add("x-mark", "out")

    api = responder.API()
    api.after_request(mark("after"))
    api.after_request(block=True)(mark("after too"))
    api.around(around)
    api.get("/")(view)
    assert [value for name, value in call(api).fields if name == "x-mark"] == ["in", "after", "after too", "out"]


# Defaults


def test_a_default_view_answers_what_no_route_matches(call: Caller) -> None:
    api = responder.API()
    api.get("/known")(view)
    api.route(default=True)(other)
    assert call(api, b"/nowhere/at/all").body == b"other"
    assert call(api, b"/known").body == b"view"
    assert call(api, b"/").body == b"other"


def test_a_default_view_with_a_path_stands_there_too(call: Caller) -> None:
    api = responder.API()
    api.get("/home", default=True)(view)
    assert call(api, b"/home").body == b"view"
    assert call(api, b"/nowhere").body == b"view"
    assert api.url_for(view) == "/home"


def test_a_default_view_does_not_hide_the_405_of_a_known_path(call: Caller) -> None:
    api = responder.API()
    api.get("/known")(view)
    api.route(default=True)(other)
    assert call(api, b"/known", method="POST").status == 405


def test_a_default_view_of_some_methods_leaves_a_405_for_the_others(call: Caller) -> None:
    api = responder.API()
    api.route(default=True, methods=["GET"])(view)
    assert call(api, b"/nowhere", method="HEAD").status == 200
    refused = call(api, b"/nowhere", method="POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert call(api, b"/nowhere", method="OPTIONS").status == 204


def test_a_default_view_does_not_answer_malformed_paths(call: Caller) -> None:
    api = responder.API()
    api.route(default=True)(other)
    assert call(api, b"/%ff").status == 404


def test_there_is_one_default_view_for_a_method() -> None:
    api = responder.API()
    api.get("/a", default=True)(view)
    api.route("/b", default=True, methods=["POST"])(view)
    with pytest.raises(responder.DuplicateRoute, match="GET the default is declared twice") as caught:
        api.route(default=True)(other)
    assert len(set(at_line(str(caught.value)))) == 2


def test_a_path_called_default_is_a_path_like_any_other(call: Caller) -> None:
    api = responder.API()
    api.route(default=True)(other)
    api.get("/default")(view)
    assert call(api, b"/default").body == b"view"


def test_a_default_view_has_no_parameters_in_its_path() -> None:
    async def show(req: Any, resp: Any, *, page: str) -> None:
        resp.text = page

    with pytest.raises(responder.ConfigurationError, match="answers any path, so it has no 'page' to give"):
        responder.API().route("/{page}", default=True)(show)


# The trailing slash


@pytest.mark.parametrize(
    ("path", "asked", "location"),
    [
        ("/a/", b"/a", "/a/"),
        ("/a", b"/a/", "/a"),
        ("/{x}/", b"/caf%C3%A9%2F", "/caf%C3%A9%2F/"),
        ("/{x}/{y}", b"/a/b/", "/a/b"),
        ("/files/{rest:path}", b"/files", "/files/"),
        ("/{x}/", b'/"<>', "/%22%3C%3E/"),
        ("/a/", b"/%61", "/%61/"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_wrong_trailing_slash_is_mended(call: Caller, path: str, asked: bytes, location: str, method: str) -> None:
    async def show(req: Any, resp: Any, **values: Any) -> None:
        resp.text = "x"

    api = responder.API()
    api.route(path)(show)
    answer = call(api, asked, method=method)
    assert (answer.status, answer.headers["location"], answer.body) == (307, location, b"")


@pytest.mark.parametrize(
    ("query", "location"),
    [
        (b"", "/a/"),
        (b"q=1&next=//evil.example?", "/a/?q=1&next=//evil.example?"),
        (b"%C3%A9=%0A", "/a/?%C3%A9=%0A"),
        (b"\xc3\xa9", "/a/?%C3%A9"),
        (b"\r\nSet-Cookie: a=b", "/a/?%0D%0ASet-Cookie:%20a=b"),
        (b"\\\x00#", "/a/?%5C%00%23"),
    ],
)
def test_a_mended_path_keeps_its_query(call: Caller, query: bytes, location: str) -> None:
    api = responder.API()
    api.get("/a/")(view)
    answer = call(api, b"/a", query_string=query)
    assert (answer.status, answer.headers["location"]) == (307, location)


def test_a_path_mended_to_another_site_is_a_404(call: Caller) -> None:
    async def show(req: Any, resp: Any, **values: Any) -> None:
        resp.text = "x"

    api = responder.API()
    api.add_converter("any", str)
    api.get("/{empty:any}/{x}/")(show)
    assert call(api, b"//evil.example/").status == 200
    refused = call(api, b"//evil.example")
    assert (refused.status, "location" in refused.headers) == (404, False)
    backslash = call(api, b"/\\evil.example/x")
    assert (backslash.status, "location" in backslash.headers) == (404, False)


def test_a_mended_path_needs_no_host_header(call: Caller) -> None:
    api = responder.API()
    api.get("/a/")(view)
    assert call(api, b"/a", headers=()).headers["location"] == "/a/"


def test_a_path_that_is_right_both_ways_is_not_redirected(call: Caller) -> None:
    api = responder.API()
    api.get("/a")(view)
    api.get("/a/")(other)
    assert call(api, b"/a").body == b"view"
    assert call(api, b"/a/").body == b"other"
