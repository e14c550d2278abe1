from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from responder import ConfigurationError

if TYPE_CHECKING:
    import responder
    from responder import Request, Response
    from responder.testing import Session

LOOP_THREAD = "on the loop"


def here() -> str:
    """Say where this runs: on the event loop, or the name of the worker thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return threading.current_thread().name
    return LOOP_THREAD


def test_an_async_view_runs_on_the_event_loop(api: responder.API, session: Session) -> None:
    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.text = here()

    assert session.get("/").text == LOOP_THREAD


def test_a_sync_view_runs_on_a_worker_thread(api: responder.API, session: Session) -> None:
    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        resp.text = here()

    assert session.get("/").text == "responder-worker-1"


def test_a_sync_view_that_does_not_block_runs_on_the_event_loop(api: responder.API, session: Session) -> None:
    @api.route("/", block=False)
    def view(req: Request, resp: Response) -> None:
        resp.text = here()

    assert session.get("/").text == LOOP_THREAD


def test_a_view_that_does_not_block_may_give_an_awaitable(api: responder.API, session: Session) -> None:
    async def answer() -> str:
        return "awaited"

    api.add_route("/", lambda req, resp: answer(), block=False)
    assert session.get("/").text == "awaited"


def test_a_bound_method_is_a_view(api: responder.API, session: Session) -> None:
    class Counter:
        count = 0

        def increase(self, req: Request, resp: Response, *, by: int) -> str:
            self.count += by
            return str(self.count)

    api.add_route("/{by:int}", Counter().increase)
    assert [session.get("/2").text, session.get("/3").text] == ["2", "5"]


def test_a_class_is_made_anew_for_each_request(api: responder.API, session: Session) -> None:
    @api.route("/")
    class Resource:
        count = 0

        def on_get(self, req: Request, resp: Response) -> str:
            self.count += 1
            return str(self.count)

    assert [session.get("/").text, session.get("/").text] == ["1", "1"]


def test_an_instance_is_shared_by_all_requests(api: responder.API, session: Session) -> None:
    class Resource:
        count = 0

        def on_get(self, req: Request, resp: Response) -> str:
            self.count += 1
            return str(self.count)

    api.add_route("/", Resource())
    assert [session.get("/").text, session.get("/").text] == ["1", "2"]


def test_on_request_runs_before_the_handler_of_the_method_on_one_instance(api: responder.API, session: Session) -> None:
    @api.route("/{name}")
    class Resource:
        def on_request(self, req: Request, resp: Response, *, name: str) -> None:
            self.seen = [f"request {name}"]

        async def on_post(self, req: Request, resp: Response) -> list[str]:
            return [*self.seen, "post"]

    assert session.post("/pets").json() == ["request pets", "post"]


def test_on_request_alone_serves_every_standard_method(api: responder.API, session: Session) -> None:
    @api.route("/")
    class Resource:
        def on_request(self, req: Request, resp: Response) -> str:
            return req.method

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "QUERY"):
        assert session.request(method, "/").text == method


def test_a_class_answers_405_for_a_method_that_it_does_not_have(api: responder.API, session: Session) -> None:
    @api.route("/")
    class Resource:
        def on_get(self, req: Request, resp: Response) -> None: ...

        def on_delete(self, req: Request, resp: Response) -> None: ...

    answer = session.post("/")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, DELETE, OPTIONS")


def test_the_name_of_a_method_is_never_looked_up_as_an_attribute(api: responder.API, session: Session) -> None:
    @api.route("/")
    class Resource:
        def on_get(self, req: Request, resp: Response) -> None: ...

        def on_secret(self, req: Request, resp: Response) -> str:
            return "secret"

    assert session.request("SECRET", "/").status_code == 405


def test_head_follows_on_get_unless_there_is_an_on_head(api: responder.API, session: Session) -> None:
    class Follows:
        def on_get(self, req: Request, resp: Response) -> None:
            resp.headers["X-By"] = "get"

    class Own(Follows):
        def on_head(self, req: Request, resp: Response) -> None:
            resp.headers["X-By"] = "head"

    api.add_route("/follows", Follows)
    api.add_route("/own", Own)
    assert session.head("/follows").headers["X-By"] == "get"
    assert session.head("/own").headers["X-By"] == "head"


def test_on_options_takes_the_place_of_the_automatic_answer(api: responder.API, session: Session) -> None:
    @api.route("/")
    class Resource:
        def on_options(self, req: Request, resp: Response) -> str:
            return "mine"

    assert session.options("/").text == "mine"


def test_on_options_yields_to_an_explicit_list_of_methods(api: responder.API, session: Session) -> None:
    @api.route("/", methods=["GET"])
    class Resource:
        def on_get(self, req: Request, resp: Response) -> None: ...

        def on_options(self, req: Request, resp: Response) -> str:
            return "mine"

    assert session.options("/").headers["Allow"] == "GET, HEAD, OPTIONS"


def test_a_class_without_a_handler_for_a_listed_method_is_refused(api: responder.API) -> None:
    class Resource:
        def on_get(self, req: Request, resp: Response) -> None: ...

    with pytest.raises(ConfigurationError, match=r"Resource has no on_post for methods=\['POST'\]"):
        api.add_route("/", Resource, methods=["GET", "POST"])


def test_a_class_without_any_handler_is_refused(api: responder.API) -> None:
    class Resource:
        def get(self, req: Request, resp: Response) -> None: ...

    with pytest.raises(ConfigurationError, match="neither on_request nor on_get"):
        api.add_route("/", Resource)


@pytest.mark.parametrize("view", [None, 42, "view", {"on_get": print}])
def test_what_cannot_be_called_is_refused(api: responder.API, view: Any) -> None:
    with pytest.raises(ConfigurationError, match="A view is a function, a class, or an object"):
        api.add_route("/", view)


def test_handlers_may_be_static_and_class_methods(api: responder.API, session: Session) -> None:
    @api.route("/{name}")
    class Resource:
        @staticmethod
        def on_get(req: Request, resp: Response, *, name: str) -> str:
            return f"static {name}"

        @classmethod
        async def on_post(cls, req: Request, resp: Response) -> str:
            return cls.__name__

    assert session.get("/x").text == "static x"
    assert session.post("/x").text == "Resource"


def test_handlers_are_inherited(api: responder.API, session: Session) -> None:
    class Base:
        def on_get(self, req: Request, resp: Response) -> str:
            return type(self).__name__

    @api.route("/")
    class Derived(Base):
        pass

    assert session.get("/").text == "Derived"


def test_a_failing_constructor_is_a_500(api: responder.API, session: Session) -> None:
    @api.route("/")
    class Resource:
        def __init__(self) -> None:
            raise KeyError("database")

        def on_get(self, req: Request, resp: Response) -> None: ...

    assert session.get("/").status_code == 500


def test_one_view_may_stand_on_many_routes_with_different_options(api: responder.API, session: Session) -> None:
    def view(req: Request, resp: Response) -> str:
        return here()

    api.add_route("/threaded", view)
    api.add_route("/inline", view, block=False)
    assert session.get("/threaded").text == "responder-worker-1"
    assert session.get("/inline").text == LOOP_THREAD
    assert vars(view) == {}


def test_a_generator_is_refused_with_advice(api: responder.API) -> None:
    def view(req: Request, resp: Response) -> Any:
        yield "piece"

    with pytest.raises(ConfigurationError, match=r"view .* is a generator. To stream, .*@resp.stream"):
        api.add_route("/", view)


def test_a_class_with_an_async_generator_is_refused(api: responder.API) -> None:
    class Resource:
        async def on_get(self, req: Request, resp: Response) -> Any:
            yield "piece"

    with pytest.raises(ConfigurationError, match="is a generator"):
        api.add_route("/", Resource)


def test_a_refused_view_leaves_nothing_behind(api: responder.API, session: Session) -> None:
    with pytest.raises(ConfigurationError):
        api.add_route("/", 42)
    api.add_route("/", lambda req, resp: "fine")
    assert session.get("/").text == "fine"
    assert len(api.routes) == 1
