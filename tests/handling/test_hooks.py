from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from responder import ConfigurationError, Router

if TYPE_CHECKING:
    from collections.abc import Callable

    import responder
    from responder import Request, Response
    from responder.testing import Session


def note(name: str) -> Callable[[Request, Response], None]:
    """Give a hook that adds its name to the header X-Order."""

    def hook(req: Request, resp: Response) -> None:
        resp.headers.add("X-Order", name)

    return hook


def order(session: Session, path: str = "/") -> str:
    return str(session.get(path).headers["X-Order"])


def view(req: Request, resp: Response) -> None:
    resp.headers.add("X-Order", "view")


def test_a_before_hook_runs_before_every_view(api: responder.API, session: Session) -> None:
    @api.before_request
    def prepare_response(req: Request, resp: Response) -> None:
        resp.headers["X-Pizza"] = "42"

    api.add_route("/", lambda req, resp: "hello")
    assert session.get("/").headers["X-Pizza"] == "42"


def test_a_route_without_a_path_may_declare_a_before_hook(api: responder.API, session: Session) -> None:
    @api.route(before_request=True)
    async def prepare_response(req: Request, resp: Response) -> None:
        resp.headers["X-Pizza"] = "42"

    assert session.get("/missing").headers["X-Pizza"] == "42"


def test_before_hooks_run_for_unknown_paths_and_methods_options_and_redirects(
    api: responder.API, session: Session
) -> None:
    api.before_request(note("before"))
    api.add_route("/known", view, methods=["GET"])
    answers = [
        session.get("/unknown"),
        session.post("/known"),
        session.options("/known"),
        session.get("/known/", allow_redirects=False),
    ]
    assert [answer.status_code for answer in answers] == [404, 405, 204, 307]
    assert [answer.headers["X-Order"] for answer in answers] == ["before"] * 4


def test_after_hooks_run_on_every_response(api: responder.API, session: Session) -> None:
    @api.after_request
    def stamp(req: Request, resp: Response) -> None:
        resp.headers["X-Status"] = resp.status_code

    @api.route("/known", methods=["GET"])
    def fail(req: Request, resp: Response) -> None:
        raise ValueError("no")

    answers = [
        session.get("/unknown"),
        session.post("/known"),
        session.options("/known"),
        session.get("/known/", allow_redirects=False),
        session.get("/known"),
    ]
    assert [answer.headers["X-Status"] for answer in answers] == ["404", "405", "204", "307", "500"]


@pytest.mark.parametrize("is_sync", [True, False])
def test_the_outermost_hooks_of_both_kinds_run_first(api: responder.API, session: Session, is_sync: bool) -> None:  # noqa: FBT001 - pytest hands it over
    def hook(name: str) -> Any:
        async def step(req: Request, resp: Response) -> None:
            note(name)(req, resp)

        return note(name) if is_sync else step

    inner = Router(prefix="/inner")
    outer = Router(prefix="/outer")
    for owner, name in ((api, "api"), (outer, "outer"), (inner, "inner")):
        owner.before_request(hook(f"{name}-before"))
        owner.after_request(hook(f"{name}-after"))
    inner.add_route("/", view, before=hook("route-before"), after=[hook("route-after-1"), hook("route-after-2")])
    outer.include(inner)
    api.include(outer)
    assert order(session, "/outer/inner/").split(", ") == [
        "api-before",
        "outer-before",
        "inner-before",
        "route-before",
        "view",
        "api-after",
        "outer-after",
        "inner-after",
        "route-after-1",
        "route-after-2",
    ]


def test_hooks_of_one_owner_run_in_the_order_of_their_declaration(api: responder.API, session: Session) -> None:
    for name in "abc":
        api.before_request(note(name))
    api.add_route("/", view)
    assert order(session) == "a, b, c, view"


def test_a_hook_of_a_router_leaves_other_routes_alone(api: responder.API, session: Session) -> None:
    router = Router(prefix="/v1")
    router.before_request(note("v1"))
    router.add_route("/", view)
    api.include(router)
    api.add_route("/", view)
    assert [order(session, "/v1/"), order(session, "/")] == ["v1, view", "view"]


def test_hooks_and_handlers_added_after_include_work_from_the_next_request_on(
    api: responder.API, session: Session
) -> None:
    def fail(req: Request, resp: Response) -> None:
        raise ValueError("no")

    router = Router(prefix="/v1")
    api.include(router)
    router.add_route("/", view)
    router.add_route("/fail", fail)
    assert order(session, "/v1/") == "view"
    router.before_request(note("before"))
    router.after_request(note("after"))

    @router.around
    def around(req: Request, resp: Response) -> Any:
        note("enter")(req, resp)
        yield
        note("leave")(req, resp)

    @router.exception_handler(ValueError)
    def handle(req: Request, resp: Response, error: ValueError) -> str:
        return f"handled {error}"

    assert order(session, "/v1/") == "enter, before, view, after, leave"
    assert session.get("/v1/fail").text == "handled no"


@pytest.mark.parametrize("attribute", ["text", "html", "content", "media", "status_code"])
def test_a_before_hook_that_sets_a_body_or_a_status_ends_the_request_there(
    api: responder.API, session: Session, attribute: str
) -> None:
    values: dict[str, Any] = {"text": "early", "html": "early", "content": b"early", "media": "early"}

    @api.before_request
    def answer(req: Request, resp: Response) -> None:
        setattr(resp, attribute, values.get(attribute, 403))

    @api.before_request
    async def later(req: Request, resp: Response) -> None:
        raise AssertionError("never reached")

    api.after_request(note("after"))

    @api.route("/")
    async def unreached(req: Request, resp: Response) -> None:
        raise AssertionError("never reached")

    with api.session() as strict:
        response = strict.get("/")
    assert response.headers["X-Order"] == "after"
    assert response.status_code == 403 if attribute == "status_code" else response.text.strip('"') == "early"


def test_a_before_hook_may_return_what_a_view_may_return(api: responder.API, session: Session) -> None:
    @api.before_request
    def answer(req: Request, resp: Response) -> Any:
        return {"error": "closed"}, 503

    api.add_route("/", lambda req, resp: "never")
    response = session.get("/")
    assert (response.status_code, response.json()) == (503, {"error": "closed"})


def test_a_sync_hook_that_answers_skips_the_sync_view_on_the_same_thread(api: responder.API, session: Session) -> None:
    reached: list[str] = []
    api.add_route("/", lambda req, resp: reached.append("view"), before=lambda req, resp: "early", after=note("after"))
    response = session.get("/")
    assert (response.text, response.headers["X-Order"], reached) == ("early", "after", [])


def test_a_sync_answer_skips_async_stages_and_an_async_answer_skips_sync_ones(
    api: responder.API, session: Session
) -> None:
    reached: list[str] = []

    async def async_answer(req: Request, resp: Response) -> str:
        return "early"

    async def async_view(req: Request, resp: Response) -> None:
        reached.append("async")

    api.add_route("/a", async_view, before=[lambda req, resp: "early", lambda req, resp: reached.append("hook")])
    api.add_route("/b", lambda req, resp: reached.append("sync"), before=async_answer)
    assert [session.get("/a").text, session.get("/b").text, reached] == ["early", "early", []]


def test_an_after_hook_may_change_the_body(api: responder.API, session: Session) -> None:
    @api.after_request
    def wrap(req: Request, resp: Response) -> None:
        resp.media = {"data": resp.media}

    api.add_route("/", lambda req, resp: {"a": 1})
    assert session.get("/").json() == {"data": {"a": 1}}


def test_the_nearest_after_hook_has_the_last_word(api: responder.API, session: Session) -> None:
    api.after_request(lambda req, resp: resp.headers.update({"X-Frame": "api"}))
    api.add_route("/", view, after=lambda req, resp: resp.headers.update({"X-Frame": "route"}))
    assert session.get("/").headers["X-Frame"] == "route"


def test_a_hook_may_be_told_not_to_block(api: responder.API, session: Session) -> None:
    on_loop: list[bool] = []

    def hook(req: Request, resp: Response) -> None:
        on_loop.append(asyncio._get_running_loop() is not None)

    api.before_request(block=False)(hook)
    api.after_request(block=False)(hook)
    api.before_request(hook)
    api.add_route("/", view)
    session.get("/")
    assert on_loop == [True, False, True]


def test_request_state_goes_from_hooks_to_views(api: responder.API, session: Session) -> None:
    @api.before_request
    async def authenticate(req: Request, resp: Response) -> None:
        req.state.user = "kenneth"

    api.add_route("/", lambda req, resp: req.state.user)
    assert session.get("/").text == "kenneth"


def test_decorators_give_the_hook_back(api: responder.API) -> None:
    def hook(req: Request, resp: Response) -> None: ...

    assert api.before_request(hook) is hook
    assert api.after_request(block=False)(hook) is hook
    assert vars(hook) == {}


@pytest.mark.parametrize("declare", ["before_request", "after_request"])
def test_a_generator_is_refused_as_a_before_or_after_hook(api: responder.API, declare: str) -> None:
    def hook(req: Request, resp: Response) -> Any:
        yield

    with pytest.raises(ConfigurationError, match=r"hook .* is a generator, which is what `around` hooks are"):
        getattr(api, declare)(hook)


@pytest.mark.parametrize("declare", ["before_request", "after_request", "around"])
def test_a_hook_that_cannot_be_called_is_refused(api: responder.API, declare: str) -> None:
    with pytest.raises(ConfigurationError, match="A hook is a function, not 42"):
        getattr(api, declare)(42)


def test_a_refused_hook_is_not_kept(api: responder.API, session: Session) -> None:
    def hook() -> None: ...

    with pytest.raises(ConfigurationError, match=r"takes \(req, resp\)"):
        api.before_request(hook)
    api.add_route("/", view)
    assert session.get("/").status_code == 200


def test_before_request_with_a_path_is_refused_with_what_to_write(api: responder.API) -> None:
    with pytest.raises(ConfigurationError, match=r"write route\('/x', before=hook\)"):
        api.route("/x", before_request=True)


def test_the_last_of_several_before_hooks_still_precedes_an_around_hooks_exit(
    api: responder.API, session: Session
) -> None:
    def around(req: Request, resp: Response) -> Any:
        note("enter")(req, resp)
        yield
        note("leave")(req, resp)

    api.add_route("/", view, around=around, before=[note("1"), note("2")], after=note("after"))
    assert order(session) == "enter, 1, 2, view, after, leave"


def test_async_stages_may_all_return_what_a_view_may_return(api: responder.API, session: Session) -> None:
    async def before(req: Request, resp: Response) -> Any:
        return ("early", 202) if "early" in req.params else None

    async def plain_view(req: Request, resp: Response) -> str:
        return "late"

    async def after(req: Request, resp: Response) -> Any:
        return resp.text.upper(), resp.status_code

    api.add_route("/", plain_view, before=before, after=after)
    answers = [session.get("/"), session.get("/?early=1")]
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "LATE"), (202, "EARLY")]


def test_an_async_after_hook_may_return_nothing(api: responder.API, session: Session) -> None:
    async def after(req: Request, resp: Response) -> None:
        resp.headers["X-After"] = "1"

    async def plain_view(req: Request, resp: Response) -> None:
        resp.text = "text"

    api.add_route("/", plain_view, after=after)
    response = session.get("/")
    assert (response.text, response.headers["X-After"]) == ("text", "1")


@pytest.mark.parametrize("stage", ["before", "after", "view"])
def test_a_mistake_in_an_async_stage_is_a_500_with_the_headers_so_far(
    api: responder.API, session: Session, stage: str
) -> None:
    async def fail(req: Request, resp: Response) -> None:
        raise ValueError("no")

    async def fine(req: Request, resp: Response) -> None:
        resp.headers.add("X-Fine", "1")

    hooks: dict[str, Any] = {"before": [fine], "after": [fine]}
    if stage != "view":
        hooks[stage] = [*hooks[stage], fail]
    api.add_route("/", fail if stage == "view" else fine, **hooks)
    response = session.get("/")
    # An after hook that failed is not run again; the headers of the before hook are there in each case.
    assert (response.status_code, response.headers["X-Fine"]) == (500, "1" if stage == "after" else "1, 1")
