from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

import responder
from responder import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from responder.testing import Session


class Struct(msgspec.Struct):
    name: str


@dataclasses.dataclass
class Data:
    name: str


class Dumped:
    """What pydantic's models look like from outside."""

    def model_dump(self, *, mode: str) -> dict[str, str]:
        return {"name": mode}


class Row(NamedTuple):
    name: str
    status: int


class Text(str):
    __slots__ = ()


def answer(api: responder.API, session: Session, value: Any) -> Any:
    api.add_route("/", lambda req, resp: value, block=False)
    return session.get("/")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}, {"a": 1}),
        ([1, 2], [1, 2]),
        ({}, {}),
        ([], []),
        (OrderedDict(a=1), {"a": 1}),
        (Struct("x"), {"name": "x"}),
        (Data("x"), {"name": "x"}),
        (Dumped(), {"name": "json"}),
    ],
)
def test_data_and_models_become_json(api: responder.API, session: Session, value: Any, expected: Any) -> None:
    response = answer(api, session, value)
    assert response.json() == expected
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("value", ["", "text", Text("text")])
def test_a_string_becomes_text(api: responder.API, session: Session, value: str) -> None:
    response = answer(api, session, value)
    assert response.text == value
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_bytes_become_content(api: responder.API, session: Session) -> None:
    response = answer(api, session, b"\x00\xff")
    assert response.content == b"\x00\xff"
    assert response.headers["Content-Type"] == "application/octet-stream"


def test_a_status_may_come_with_the_body(api: responder.API, session: Session) -> None:
    response = answer(api, session, ({"id": 1}, 201))
    assert (response.status_code, response.json()) == (201, {"id": 1})


def test_headers_may_come_with_body_and_status(api: responder.API, session: Session) -> None:
    response = answer(api, session, ("made", 201, {"Location": "/1"}))
    assert (response.status_code, response.headers["Location"], response.text) == (201, "/1", "made")


def test_headers_may_be_none(api: responder.API, session: Session) -> None:
    assert answer(api, session, ("made", 201, None)).status_code == 201


def test_a_status_may_come_without_a_body(api: responder.API, session: Session) -> None:
    response = answer(api, session, (None, 204))
    assert (response.status_code, response.content) == (204, b"")


def test_the_response_itself_stands_for_what_it_holds(api: responder.API, session: Session) -> None:
    @api.route("/")
    def view(req: Request, resp: Response) -> Response:
        resp.text = "held"
        return resp

    assert session.get("/").text == "held"


def test_the_response_itself_may_come_with_a_status(api: responder.API, session: Session) -> None:
    @api.route("/")
    async def view(req: Request, resp: Response) -> tuple[Response, int]:
        resp.text = "held"
        return resp, 202

    response = session.get("/")
    assert (response.status_code, response.text) == (202, "held")


def test_a_returned_body_replaces_one_that_was_set(api: responder.API, session: Session) -> None:
    @api.route("/")
    def view(req: Request, resp: Response) -> str:
        resp.media = {"set": True}
        return "returned"

    response = session.get("/")
    assert response.text == "returned"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_none_leaves_what_was_set(api: responder.API, session: Session) -> None:
    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        resp.text = "set"

    assert session.get("/").text == "set"


def test_a_view_that_sets_nothing_answers_an_empty_200(api: responder.API, session: Session) -> None:
    response = answer(api, session, None)
    assert (response.status_code, response.content, response.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (42, r"A view returned 42, of type int\. Return a dict, list"),
        (True, "of type bool"),
        (object, "of type type"),
        (Row("x", 404), "of type Row"),
        (("x",), "of type tuple"),
        (("x", 200, {}, 4), "of type tuple"),
        ({1, 2}, "of type set"),
        (("x", "200"), "status code from 200 to 599, not '200'"),
        (("x", True), "status code from 200 to 599, not True"),
        (("x", 99), "status code from 200 to 599, not 99"),
        (("x", 200, {"a b": "c"}), "a b"),
        (("x", 200, {"a": "c\r\nd: e"}), "control character"),
        (Response(), "another response; return the one that the view was given"),
    ],
)
def test_a_value_of_a_wrong_type_is_an_error_that_says_what_to_do(api: responder.API, value: Any, reason: str) -> None:
    with api.session() as session, pytest.raises((TypeError, ValueError), match=reason):
        answer(api, session, value)


def test_a_value_of_a_wrong_type_is_a_500_to_the_client_and_clear_in_the_log(
    api: responder.API, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    response = answer(api, session, 42)
    assert response.status_code == 500
    assert "42" not in response.text
    assert caplog.messages == ["'GET' '/' failed: TypeError"]
    assert "A view returned 42, of type int." in caplog.text


def test_a_long_value_is_cut_short_in_the_error(api: responder.API) -> None:
    with api.session() as session, pytest.raises(TypeError) as caught:
        answer(api, session, frozenset(["x" * 10_000]))
    assert len(str(caught.value)) < 300


def test_a_sync_view_that_gives_a_coroutine_is_told_to_be_async(api: responder.API) -> None:
    async def answer() -> str:
        return "never awaited"

    api.add_route("/", lambda req, resp: answer())
    with api.session() as session, pytest.raises(TypeError, match="Declare the view with `async def` and await it"):
        session.get("/")


def test_an_awaitable_that_cannot_be_closed_is_explained_too(api: responder.API) -> None:
    class Awaitable:
        def __await__(self) -> Iterator[None]:
            yield

    api.add_route("/", lambda req, resp: Awaitable())
    with api.session() as session, pytest.raises(TypeError, match="Declare the view with `async def`"):
        session.get("/")


def test_a_returned_generator_is_pointed_to_streams(api: responder.API) -> None:
    api.add_route("/", lambda req, resp: (piece for piece in "ab"))
    with (
        api.session() as session,
        pytest.raises(TypeError, match=r"decorate the generator function with `@resp.stream`"),
    ):
        session.get("/")


def test_a_returned_async_generator_is_pointed_to_streams(api: responder.API) -> None:
    async def pieces() -> Any:
        yield "a"

    api.add_route("/", lambda req, resp: pieces())
    with api.session() as session, pytest.raises(TypeError, match=r"@resp\.stream"):
        session.get("/")


def test_media_that_has_no_json_form_is_a_500(
    api: responder.API, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    assert answer(api, session, {"socket": object()}).status_code == 500
    assert "of type object: object has no form there" in caplog.text
