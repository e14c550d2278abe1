from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from responder import ConfigurationError, Router

if TYPE_CHECKING:
    import responder
    from responder import Request, Response
    from responder.testing import Session


def test_a_view_takes_the_path_parameters_it_names(api: responder.API, session: Session) -> None:
    @api.route("/{kind}/{id:int}")
    def view(req: Request, resp: Response, *, id: int, kind: str) -> list[Any]:  # noqa: A002 - the usual name
        return [kind, id]

    assert session.get("/pets/7").json() == ["pets", 7]


def test_a_view_may_take_some_of_the_path_parameters(api: responder.API, session: Session) -> None:
    @api.route("/{kind}/{id:int}")
    def view(req: Request, resp: Response, *, kind: str) -> list[Any]:
        return [kind, req.path_params["id"]]

    assert session.get("/pets/7").json() == ["pets", 7]


def test_a_view_may_take_none_of_the_path_parameters(api: responder.API, session: Session) -> None:
    @api.route("/{kind}/{id:int}")
    def view(req: Request, resp: Response) -> dict[str, Any]:
        return dict(req.path_params)

    assert session.get("/pets/7").json() == {"kind": "pets", "id": 7}


def test_a_view_with_keywords_takes_every_path_parameter(api: responder.API, session: Session) -> None:
    @api.route("/{kind}/{id:int}")
    def view(req: Request, resp: Response, **values: Any) -> dict[str, Any]:
        return values

    assert session.get("/pets/7").json() == {"kind": "pets", "id": 7}


def test_a_view_with_star_arguments_gets_request_and_response(api: responder.API, session: Session) -> None:
    @api.route("/")
    def view(*args: Any) -> str:
        return " ".join(type(argument).__name__ for argument in args)

    assert session.get("/").text == "Request Response"


def test_path_parameters_may_be_taken_without_a_star(api: responder.API, session: Session) -> None:
    @api.route("/{name}")
    def view(request: Request, response: Response, name: str) -> str:
        return name

    assert session.get("/kenneth").text == "kenneth"


def test_a_view_that_wants_what_the_path_does_not_have_is_refused(api: responder.API) -> None:
    def view(req: Request, resp: Response, *, colour: str) -> None: ...

    with pytest.raises(ConfigurationError, match="parameter 'colour', and its path has only id, kind") as caught:
        api.add_route("/{id}/{kind}", view)
    assert f"{__file__}:{view.__code__.co_firstlineno}" in str(caught.value)
    assert "Put {colour} into the path" in str(caught.value)


def test_a_default_does_not_hide_a_parameter_that_the_path_lacks(api: responder.API) -> None:
    def view(req: Request, resp: Response, *, page: int = 1) -> None: ...

    with pytest.raises(ConfigurationError, match="its path has no parameters"):
        api.add_route("/", view)


def test_a_view_without_room_for_request_and_response_is_refused(api: responder.API) -> None:
    def view(req: Request) -> None: ...

    with pytest.raises(ConfigurationError, match=r"view .* takes \(req, resp\)"):
        api.add_route("/", view)


def test_a_method_without_self_is_refused(api: responder.API) -> None:
    class View:
        def on_get(req: Request, resp: Response) -> None: ...  # type: ignore[misc]  # noqa: N805 - the mistake

    with pytest.raises(ConfigurationError, match=r"takes \(self, req, resp\)"):
        api.add_route("/", View)


def test_a_positional_only_path_parameter_is_refused(api: responder.API) -> None:
    def view(req: Request, resp: Response, name: str, /) -> None: ...

    with pytest.raises(ConfigurationError, match="'name' by position only"):
        api.add_route("/{name}", view)


def test_a_partial_is_a_view(api: responder.API, session: Session) -> None:
    def greet(greeting: str, req: Request, resp: Response, *, name: str, mark: str) -> str:
        return f"{greeting}, {name}{mark}"

    api.add_route("/{name}", functools.partial(greet, "hello", mark="!"))
    assert session.get("/world").text == "hello, world!"


def test_a_partial_of_an_async_function_is_awaited(api: responder.API, session: Session) -> None:
    async def greet(greeting: str, req: Request, resp: Response) -> str:
        return greeting

    api.add_route("/", functools.partial(functools.partial(greet), "hello"))
    assert session.get("/").text == "hello"


def test_an_object_with_a_call_is_a_view(api: responder.API, session: Session) -> None:
    class Greeting:
        def __call__(self, req: Request, resp: Response, *, name: str) -> str:
            return f"hello, {name}"

    api.add_route("/{name}", Greeting())
    assert session.get("/world").text == "hello, world"


def test_an_object_with_an_async_call_is_awaited(api: responder.API, session: Session) -> None:
    class Greeting:
        async def __call__(self, req: Request, resp: Response) -> str:
            return "hello"

    api.add_route("/", Greeting())
    assert session.get("/").text == "hello"


def test_an_object_is_what_its_call_is_and_not_what_it_wraps(api: responder.API, session: Session) -> None:
    class Logged:
        def __init__(self, func: Any) -> None:
            self.func = func
            self.keywords = {"name": "of its own"}

        async def __call__(self, req: Request, resp: Response, *, name: str) -> str:
            return f"logged: {self.func(name)}"

    api.add_route("/{name}", Logged(str.upper))
    assert session.get("/world").text == "logged: WORLD"


def test_a_wrapped_view_shows_the_parameters_of_what_it_wraps(api: responder.API, session: Session) -> None:
    def view(req: Request, resp: Response, *, name: str) -> str:
        return name

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    api.add_route("/{name}/{other}", wrapper)
    assert session.get("/kenneth/x").text == "kenneth"


def test_a_builtin_that_tells_nothing_of_itself_is_called_with_request_and_response(
    api: responder.API, session: Session
) -> None:
    api.add_route("/", max)
    assert session.get("/").status_code == 500  # '>' not supported between Request and Response: it was called


def test_a_hook_with_a_parameter_too_many_is_refused(api: responder.API) -> None:
    with pytest.raises(ConfigurationError, match="'user'"):

        @api.before_request
        def hook(req: Request, resp: Response, user: str) -> None: ...


def test_a_hook_keeps_the_defaults_of_its_parameters(api: responder.API, session: Session) -> None:
    @api.before_request
    def hook(req: Request, resp: Response, name: str = "X-Pizza") -> None:
        resp.headers[name] = "42"

    assert session.get("/").headers["X-Pizza"] == "42"


def test_an_exception_handler_without_room_for_the_error_is_refused(api: responder.API) -> None:
    with pytest.raises(ConfigurationError, match=r"takes \(req, resp, error\)"):

        @api.exception_handler(ValueError)
        def handler(req: Request, resp: Response) -> None: ...


def test_a_router_within_an_api_refuses_such_a_handler_too(api: responder.API) -> None:
    router = Router()
    api.include(router)
    with pytest.raises(ConfigurationError, match=r"takes \(req, resp, error\)"):

        @router.exception_handler(404)
        def handler(req: Request, resp: Response) -> None: ...
