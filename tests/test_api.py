from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

import responder
from responder import (
    ConfigurationError,
    DuplicateRoute,
    Limits,
    Request,
    Response,
    RouteNotFoundError,
    Router,
    Threads,
    UnknownConverter,
    status_codes,
)

if TYPE_CHECKING:
    from responder.testing import Session
    from responder.types import Message


def view(req: Request, resp: Response) -> str:
    return "view"


# What an API has


def test_an_api_has_status_codes_a_state_and_a_log(api: responder.API) -> None:
    assert api.status_codes is status_codes
    assert api.log is logging.getLogger("responder")
    api.state.anything = 1
    assert not hasattr(responder.API().state, "anything")


def test_limits_are_those_of_the_api() -> None:
    api = responder.API(limits=Limits(body=4))

    @api.route("/")
    async def echo(req: Request, resp: Response) -> bytes:
        return await req.content

    with api.session() as session:
        assert session.post("/", data=b"1234").content == b"1234"
        assert session.post("/", data=b"12345").status_code == 413


def test_threads_are_those_of_the_api() -> None:
    api = responder.API(threads=Threads(workers=1, queue=1))
    names: set[str] = set()
    api.add_route("/", lambda req, resp: names.add(threading.current_thread().name))

    async def main() -> list[int]:
        async with api.client() as client:
            return [answer.status_code for answer in await asyncio.gather(*(client.get("/") for _ in range(2)))]

    assert asyncio.run(main()) == [200, 200]
    assert names == {"responder-worker-1"}


def test_options_are_keywords_only() -> None:
    with pytest.raises(TypeError):
        responder.API(True)  # type: ignore[call-arg] # noqa: FBT003 - the mistake


def test_importing_the_package_loads_neither_servers_nor_test_clients() -> None:
    heavy = ["granian", "uvicorn", "requests", "httpx2", "click", "jinja2", "yaml", "multipart", "mimetypes"]
    heavy += ["responder.serving", "responder.testing", "responder.templates", "responder.apps.static"]
    code = f"import sys, json, responder; print(json.dumps([name for name in {heavy!r} if name in sys.modules]))"
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own line
    assert json.loads(shown) == []


# url_for


def test_url_for_takes_a_view_or_a_name(api: responder.API) -> None:
    api.add_route("/pets/{id:int}", lambda req, resp: None, name="pet")
    api.add_route("/view", view)
    assert api.url_for(view) == "/view"
    assert api.url_for("view") == "/view"
    assert api.url_for("pet", id=7) == "/pets/7"


def test_url_for_percent_encodes(api: responder.API) -> None:
    api.add_route("/{name}/{rest:path}", lambda req, resp: None, name="both")
    assert api.url_for("both", name="a/b \u00e9?", rest="c/d e") == "/a%2Fb%20%C3%A9%3F/c/d%20e"


def test_url_for_chooses_the_route_that_the_parameters_fit(api: responder.API) -> None:
    api.add_route("/pets", view)
    api.add_route("/pets/{id:int}", view)
    api.add_route("/{kind}/{id:uuid}", view)
    uuid = UUID(int=1)
    assert api.url_for(view) == "/pets"
    assert api.url_for(view, id=7) == "/pets/7"
    assert api.url_for(view, kind="cats", id=uuid) == f"/cats/{uuid}"


def test_url_for_finds_classes_instances_and_bound_methods(api: responder.API) -> None:
    class Resource:
        def on_get(self, req: Request, resp: Response) -> None: ...

        def method(self, req: Request, resp: Response) -> None: ...

    instance = Resource()
    api.add_route("/class", Resource)
    api.add_route("/instance", instance, name="shared")
    api.add_route("/method", instance.method)
    assert api.url_for(Resource) == "/class"
    assert api.url_for("Resource") == "/class"
    assert api.url_for("shared") == "/instance"
    assert api.url_for(instance.method) == "/method"


def test_an_instance_without_a_name_goes_by_its_class(api: responder.API) -> None:
    class Resource:
        def on_get(self, req: Request, resp: Response) -> None: ...

    api.add_route("/", Resource())
    assert api.url_for("Resource") == "/"


def test_url_for_knows_prefixes(api: responder.API) -> None:
    router = Router(prefix="/v1")
    router.add_route("/pets", view)
    api.include(router, prefix="/api")
    assert api.url_for(view) == "/api/v1/pets"


@pytest.mark.parametrize("unknown", ["missing", print])
def test_url_for_an_unknown_view_lists_the_names(api: responder.API, unknown: Any) -> None:
    api.add_route("/b", view, name="beta")
    api.add_route("/a", view, name="alpha")
    with pytest.raises(RouteNotFoundError, match=r"No route has .*(missing|print)'?\. Names: alpha, beta\."):
        api.url_for(unknown)


def test_url_for_without_routes_says_so(api: responder.API) -> None:
    with pytest.raises(RouteNotFoundError, match=r"Names: none\."):
        api.url_for("view")


@pytest.mark.parametrize("parameters", [{}, {"id": 1, "more": 2}, {"other": 1}, {"id": "x"}, {"id": -1}])
def test_parameters_that_do_not_fit_are_an_error(api: responder.API, parameters: dict[str, Any]) -> None:
    api.add_route("/pets/{id:int}", view)
    with pytest.raises(RouteNotFoundError):
        api.url_for(view, **parameters)


def test_a_default_route_without_a_path_has_no_address(api: responder.API) -> None:
    api.add_route(None, view, default=True)
    with pytest.raises(RouteNotFoundError):
        api.url_for(view)


# Converters


def test_a_converter_of_ones_own_reads_and_writes(api: responder.API, session: Session) -> None:
    api.add_converter("hex", lambda text: int(text, 16), lambda value: f"{value:x}")
    api.add_route("/{colour:hex}", lambda req, resp, colour: [colour], name="colour")
    assert session.get("/ff").json() == [255]
    assert session.get("/xyz").status_code == 404
    assert api.url_for("colour", colour=255) == "/ff"


def test_a_converter_needs_to_be_there_before_its_route(api: responder.API) -> None:
    with pytest.raises(UnknownConverter, match=r"'hex', which is not registered\. Known: float, int, path, str, uuid"):
        api.add_route("/{colour:hex}", view)


def test_a_converter_that_is_there_already_is_refused(api: responder.API) -> None:
    with pytest.raises(ConfigurationError, match="Converter 'int' is there already"):
        api.add_converter("int", int)


def test_converters_belong_to_one_api(api: responder.API) -> None:
    api.add_converter("hex", lambda text: int(text, 16))
    with pytest.raises(UnknownConverter):
        responder.API().add_route("/{colour:hex}", view)


# Routes


def test_a_duplicate_route_names_both_places(api: responder.API) -> None:
    api.get("/pets/{number}")(lambda req, resp, number: None)
    with pytest.raises(DuplicateRoute, match=r"GET '/pets/\{name\}' is declared twice") as caught:
        api.get("/pets/{name}")(lambda req, resp, name: None)
    assert str(caught.value).count("test_api.py:") == 2


def test_a_duplicate_leaves_nothing_behind(api: responder.API, session: Session) -> None:
    api.get("/a")(view)
    router = Router()
    router.get("/b")(view)
    router.get("/a")(view)
    with pytest.raises(DuplicateRoute):
        api.include(router)
    assert session.get("/b").status_code == 404
    api.get("/b")(view)
    assert session.get("/b").text == "view"


def test_a_router_is_refused_a_duplicate_that_its_api_has(api: responder.API) -> None:
    router = Router(prefix="/v1")
    api.include(router)
    api.get("/v1/pets")(view)
    with pytest.raises(DuplicateRoute):
        router.get("/pets")(view)
    assert router.routes == []


def test_one_path_may_have_a_view_for_each_method(api: responder.API, session: Session) -> None:
    def answering(word: str) -> Any:
        return lambda req, resp: f"by {word}"

    methods = ("get", "post", "put", "patch", "delete", "query", "options")
    for method in methods:
        getattr(api, method)("/")(answering(method))
    assert [session.request(method.upper(), "/").text for method in methods] == [f"by {method}" for method in methods]


# Protocols


def converse(api: responder.API, scope: dict[str, Any]) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(api(scope, receive, send))
    return sent


@pytest.mark.parametrize("path", ["/", "/unknown"])
def test_a_websocket_is_refused_while_nothing_serves_it(api: responder.API, path: str) -> None:
    api.add_route("/", view)
    with api.session() as session:
        session.get("/")  # so that the routes are there
        scope = {"type": "websocket", "path": path, "raw_path": path.encode(), "root_path": "", "headers": []}
        assert converse(api, scope) == [{"type": "websocket.close", "code": 1000}]


def test_an_unknown_protocol_is_an_error(api: responder.API) -> None:
    with pytest.raises(ConfigurationError, match="not 'telnet'"):
        converse(api, {"type": "telnet"})


# The test clients and the server


def test_requests_is_one_session(api: responder.API) -> None:
    api.add_route("/", view)
    with api.requests as session:
        assert api.requests is session
        assert session.get("/").text == "view"


def test_a_session_raises_what_nobody_handles(api: responder.API) -> None:
    api.add_route("/", lambda req, resp: 1 / 0)
    with api.session() as session, pytest.raises(ZeroDivisionError):
        session.get("/")


def test_a_session_may_have_a_base_of_its_own(api: responder.API) -> None:
    api.add_route("/", lambda req, resp: req.full_url)
    with api.session(base_url="https://example.com") as session:
        assert session.get("/").text == "https://example.com/"


def test_a_client_is_asynchronous(api: responder.API) -> None:
    api.add_route("/", view)

    async def main() -> str:
        async with api.client() as client:
            return (await client.get("/")).text

    assert asyncio.run(main()) == "view"


def test_run_hands_everything_to_the_server(api: responder.API, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr("responder.serving.serve", lambda *args, **options: calls.append((args, options)))
    api.run("0.0.0.0", 80, workers=2, grace=3, backlog=9)  # noqa: S104 - nothing listens here
    assert calls == [
        (
            (api,),
            {
                "host": "0.0.0.0",  # noqa: S104 - the same
                "port": 80,
                "workers": 2,
                "reload": False,
                "debug": None,
                "server": "granian",
                "grace": 3,
                "access_log": False,
                "backlog": 9,
            },
        )
    ]
