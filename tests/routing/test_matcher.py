from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import responder

if TYPE_CHECKING:
    from tests.conftest import Answer, Caller


def make_api(*paths: str) -> responder.API:
    """Give an API whose views tell which path they stand on and which values they got."""
    api = responder.API()
    for path in paths:
        api.add_route(path, make_view(path))
    return api


def make_view(path: str) -> Any:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.media = [path, {name: str(value) for name, value in req.path_params.items()}]

    return view


def place(answer: Answer) -> str:
    assert answer.status == 200, answer
    found: str = answer.media[0]
    return found


def test_a_literal_segment_beats_a_parameter(call: Caller) -> None:
    api = make_api("/{name}", "/me", "/{id:int}", "/1")
    assert [place(call(api, path)) for path in (b"/me", b"/1", b"/2", b"/you")] == ["/me", "/1", "/{id:int}", "/{name}"]


def test_more_literal_text_around_a_parameter_beats_less(call: Caller) -> None:
    api = make_api("/{name}", "/{name}.json", "/x{name}.json", "/{id:int}")
    found = [place(call(api, path)) for path in (b"/xa.json", b"/a.json", b"/a", b"/3.json", b"/3")]
    assert found == ["/x{name}.json", "/{name}.json", "/{name}", "/{name}.json", "/{id:int}"]


def test_a_literal_that_leads_nowhere_gives_way_to_a_parameter(call: Caller) -> None:
    api = make_api("/users/me/photo", "/users/{name}/posts", "/{rest:path}")
    assert place(call(api, b"/users/me/posts")) == "/users/{name}/posts"
    assert place(call(api, b"/users/me/other")) == "/{rest:path}"


def test_routes_of_one_shape_share_values_under_their_own_names(call: Caller) -> None:
    api = responder.API()
    api.get("/pets/{id:int}")(make_view("get"))
    api.delete("/pets/{number:int}")(make_view("delete"))
    assert call(api, b"/pets/7").media == ["get", {"id": "7"}]
    assert call(api, b"/pets/7", method="DELETE").media == ["delete", {"number": "7"}]


def test_a_method_that_the_first_match_lacks_is_looked_for_in_the_next(call: Caller) -> None:
    api = responder.API()
    api.get("/pets/{id:int}")(make_view("by id"))
    api.post("/pets/{name}")(make_view("by name"))
    assert place(call(api, b"/pets/7", method="POST")) == "by name"
    refused = call(api, b"/pets/7", method="PUT")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, POST, OPTIONS")


@pytest.mark.parametrize("path", [b"/%68ello", b"/hell%6f", b"/%68%65%6C%6c%6F", b"/hello"])
def test_unreserved_characters_may_be_escaped_needlessly(call: Caller, path: bytes) -> None:
    assert place(call(make_api("/hello"), path)) == "/hello"


@pytest.mark.parametrize("path", [b"/caf%C3%A9", b"/caf%c3%a9", b"/caf\xc3\xa9", b"/%63%61%66%C3%A9"])
def test_a_path_beyond_ascii_matches_in_every_spelling(call: Caller, path: bytes) -> None:
    assert place(call(make_api("/caf\u00e9"), path)) == "/caf\u00e9"


@pytest.mark.parametrize(
    "path",
    [
        b"/int/1%0A",
        b"/int/%D9%A1",
        b"/int/\xd9\xa1",
        b"/int/" + b"9" * 5000,
        b"/int/%31%0a",
        b"/admin%0A",
        b"/admin%00",
        b"/admin%20",
        b"/admin;",
        b"/admin%2F",
        b"/ADMIN",
        b"/admin/x",
        b"//admin",
        b"//admin/",
        b"//evil.example",
        b"//evil.example/",
        b"//evil.example/%2e%2e",
        b"/%2Fevil.example/",
        b"/\\evil.example/",
        b"/%5Cevil.example/",
        b"/%5c/evil.example/",
        b"/a%2Fb",
        b"/a%2fb/",
        b"/%ff",
        b"/%C3%28",
        b"/\xff",
        b"/%ED%A0%80",
        b"/%",
        b"/%4",
        b"/%zz",
        b"/%u0041",
        b"*",
        b"admin",
        b"http://evil.example/admin",
        b"javascript:alert(1)",
        b"/./admin",
        b"/x/../admin",
        b"/%2e/admin",
        b"/admin/..",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PROPFIND"])
def test_an_odd_path_is_a_plain_404(call: Caller, path: bytes, method: str) -> None:
    answer = call(make_api("/int/{value:int}", "/admin", "/a/b/", "/"), path, method=method)
    assert answer.status == 404
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("path", "value"),
    [(b"/1%0A", "1\n"), (b"/%D9%A1", "\u0661"), (b"/a%2Fb", "a/b"), (b"/%2e%2e", ".."), (b"/%25", "%"), (b"/+", "+")],
)
def test_a_text_parameter_gets_the_decoded_segment(call: Caller, path: bytes, value: str) -> None:
    assert call(make_api("/{name}"), path).media == ["/{name}", {"name": value}]


def test_an_escaped_slash_never_crosses_a_segment(call: Caller) -> None:
    api = make_api("/{a}/{b}", "/files/{rest:path}")
    assert call(api, b"/x%2Fy/z").media == ["/{a}/{b}", {"a": "x/y", "b": "z"}]
    assert call(api, b"/x%2Fy").status == 404
    assert call(api, b"/files/x/y").media == ["/files/{rest:path}", {"rest": "x/y"}]
    assert call(api, b"/files/x/..%2Fy").status == 404


def test_a_server_without_raw_path_gives_the_decoded_path(call: Caller) -> None:
    api = make_api("/caf\u00e9/{name}", "/")
    assert call(api, None, path="/caf\u00e9/au lait").media == ["/caf\u00e9/{name}", {"name": "au lait"}]
    assert place(call(api, b"", path="/")) == "/"


@pytest.mark.parametrize("path", ["", "*", "admin", "http://evil.example", "javascript:alert(1)"])
def test_a_decoded_path_that_starts_with_no_slash_is_a_404(call: Caller, path: str) -> None:
    answer = call(make_api("/", "/admin"), None, path=path)
    assert (answer.status, "location" in answer.headers) == (404, False)


@pytest.mark.parametrize(
    ("raw_path", "root_path", "status"),
    [
        (b"/api/hello", "/api", 200),
        (b"/api/hello", "/api/", 200),
        (b"/%61pi/hello", "/api", 200),
        (b"/hello", "/api", 200),
        (b"/v1/api/hello", "/v1/api", 200),
        (b"/apihello", "/api", 404),
        (b"/api2/hello", "/api", 404),
        (b"/api", "/api", 404),
        (b"/api/", "/api", 404),
        (b"/%ff", "/api", 404),
        (b"/hello", "/", 200),
        (b"/", "/", 404),
    ],
)
def test_root_path_is_taken_off_by_whole_segments(call: Caller, raw_path: bytes, root_path: str, status: int) -> None:
    assert call(make_api("/hello"), raw_path, root_path=root_path).status == status


def test_a_redirect_below_root_path_keeps_it(call: Caller) -> None:
    api = make_api("/", "/hello")
    assert call(api, b"/api", root_path="/api").headers["location"] == "/api/"
    assert call(api, b"/api/hello/", root_path="/api").headers["location"] == "/api/hello"


def test_looking_a_path_up_keeps_nothing(call: Caller) -> None:
    api = make_api("/{name}", "/hello")
    call(api, b"/warm-up")

    def count() -> int:
        gc.collect()
        return sum(isinstance(known, str) and known.startswith("distinct-") for known in every_string())

    def every_string() -> list[Any]:
        return [entry for thing in gc.get_objects() if type(thing) is dict for entry in [*thing, *thing.values()]]

    before = count()
    for number in range(50):
        call(api, f"/distinct-{number}".encode())
    assert count() == before


# The cost of a look-up, in calls of Python functions and of built-in ones, which no other load on the machine changes


def count_calls(api: responder.API, raw_path: bytes) -> int:
    """Count what is called between the server's word and the pipeline."""
    scope = {"type": "http", "method": "GET", "path": raw_path.decode(), "raw_path": raw_path, "query_string": b""}
    table = api.build_table()
    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        table.find(scope)
    finally:
        sys.setprofile(None)
    return calls


def make_large_api(number: int) -> responder.API:
    api = responder.API()
    view = make_view("some")
    for place in range(number):
        api.get(f"/things{place}/{{id:int}}/parts/{{name}}")(view)
        api.get(f"/plain/{place}")(view)
    return api


@pytest.mark.parametrize("path", [b"/things3/7/parts/x", b"/plain/3", b"/plain/nowhere", b"/things3/x", b"/nowhere/"])
def test_the_steps_to_a_route_do_not_depend_on_the_number_of_routes(path: bytes) -> None:
    assert count_calls(make_large_api(5), path) == count_calls(make_large_api(500), path) > 0


def test_a_converter_is_asked_once_however_many_routes_use_it(call: Caller) -> None:
    asked: list[str] = []
    api = responder.API()
    api.add_converter("noted", lambda text: asked.append(text) or text)  # type: ignore[func-returns-value]
    for number in range(200):
        api.get(f"/{{key:noted}}/{number}")(make_view(str(number)))
    assert place(call(api, b"/x/123")) == "123"
    assert asked == ["x"]


def test_a_path_of_many_segments_costs_no_more_than_its_length() -> None:
    api = make_api("/{a}/{b}/{c}", "/{a:int}/{b}/{c}", "/1/{b:int}/{c}", "/1/2/{c:float}")
    assert count_calls(api, b"/1" * 20) - count_calls(api, b"/1" * 10) < 20


@pytest.fixture(name="varied", scope="module")
def make_varied() -> responder.API:
    api = make_api(
        "/",
        "/hello",
        "/slash/",
        "/{name}/posts/",
        "/int/{value:int}",
        "/uuid/{value:uuid}",
        "/float/{value:float}.json",
        "/files/{rest:path}",
        "/a//",
    )
    api.post("/hello/{name}")(make_view("post"))
    return api


def stays_on_site(location: str) -> bool:
    """Say, as a browser would read it, whether a Location is a path of this site."""
    if not location.startswith("/"):
        return False
    return len(location) < 2 or location[1] not in "/\\"


RAW_PATHS = st.one_of(
    st.binary(max_size=30),
    st.lists(
        st.sampled_from(
            [
                b"/",
                b"//",
                b"\\",
                b"%2F",
                b"%5C",
                b"%0A",
                b"%",
                b"..",
                b"hello",
                b"slash",
                b"posts",
                b"evil.example",
                b"?",
            ]
        ),
        max_size=6,
    ).map(b"".join),
)


@settings(max_examples=300, deadline=None)
@given(raw_path=RAW_PATHS, method=st.text(max_size=8) | st.sampled_from(["GET", "POST", "OPTIONS", "get", "TRACE"]))
@example(raw_path=b"//evil.example", method="GET")
@example(raw_path=b"/slash", method="GET")
def test_any_path_and_method_are_answered_without_leaving_the_site(
    varied: responder.API, call: Caller, raw_path: bytes, method: str
) -> None:
    answer = call(varied, raw_path, method=method)
    assert answer.status < 500
    assert stays_on_site(answer.headers.get("location", "/"))


@settings(max_examples=200, deadline=None)
@given(
    path=st.text(max_size=20) | st.lists(st.sampled_from(["/", "slash", "..", "\ud800", "x", "posts"])).map("".join),
    query=st.binary(max_size=10),
    root_path=st.sampled_from(["", "/", "/x", "//", "x"]),
)
@example(path="/x/../posts", query=b"", root_path="")
@example(path="/\ud800/posts", query=b"", root_path="")
@example(path="/\ud800/posts/", query=b"", root_path="")
@example(path="/slash", query=b"\n\\\xff#", root_path="")
@example(path="/", query=b"", root_path="/")
def test_any_decoded_path_and_query_are_answered_without_leaving_the_site(
    varied: responder.API, call: Caller, path: str, query: bytes, root_path: str
) -> None:
    answer = call(varied, None, path=path, query_string=query, root_path=root_path)
    assert answer.status < 500
    assert stays_on_site(answer.headers.get("location", "/"))


def test_the_test_of_the_site_knows_a_foreign_place() -> None:
    assert not any(map(stays_on_site, ["//evil.example", "/\\evil.example", "http://evil.example", "evil"]))
