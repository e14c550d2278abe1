from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest

import responder
from responder import errors


@pytest.mark.parametrize(
    ("error", "parents"),
    [
        (responder.ConfigurationError, (ValueError,)),
        (responder.DuplicateRoute, (responder.ConfigurationError,)),
        (responder.UnknownConverter, (responder.ConfigurationError,)),
        (responder.RouteNotFoundError, (LookupError,)),
        (responder.InvalidHeader, (ValueError,)),
        (responder.InvalidCookie, (ValueError,)),
        (responder.UnsafeRedirect, (ValueError,)),
        (responder.ClientDisconnected, ()),
        (responder.HTTPError, ()),
        (responder.Problem, (responder.HTTPError,)),
        (responder.DecodeError, (responder.HTTPError,)),
        (responder.ContentTooLarge, (responder.HTTPError,)),
        (responder.UnsupportedMediaType, (responder.HTTPError,)),
        (responder.ServiceUnavailable, (responder.HTTPError,)),
    ],
)
def test_every_error_is_in_one_tree(error: type[Exception], parents: tuple[type[Exception], ...]) -> None:
    expected: list[type[Exception]] = [responder.ResponderError, *parents]
    assert [parent for parent in expected if not issubclass(error, parent)] == []
    assert error.__name__ in str(errors.__doc__)


def test_the_tree_in_the_docstring_is_whole() -> None:
    things: list[object] = list(vars(errors).values())
    made = [kind for kind in things if isinstance(kind, type) and issubclass(kind, Exception)]
    assert [kind.__name__ for kind in made if kind.__name__ not in str(errors.__doc__)] == []


def test_an_error_says_its_status_phrase_and_detail() -> None:
    assert str(responder.HTTPError(404)) == "404 Not Found"
    assert str(responder.HTTPError(404, "No such pet.")) == "404 Not Found: No such pet."


def test_the_document_of_an_error_has_its_detail_when_there_is_one() -> None:
    assert responder.HTTPError(404).document() == {"status": 404, "title": "Not Found"}
    assert responder.HTTPError(404, "No such pet.").document() == {
        "status": 404,
        "title": "Not Found",
        "detail": "No such pet.",
    }


def test_the_document_of_a_problem_has_every_member() -> None:
    problem = responder.Problem(
        409, title="Out of credit", detail="You need 30.", type="/credit", instance="/orders/7", balance=30
    )
    assert problem.document() == {
        "status": 409,
        "title": "Out of credit",
        "detail": "You need 30.",
        "type": "/credit",
        "instance": "/orders/7",
        "balance": 30,
    }


def test_a_problem_without_members_is_titled_by_its_status() -> None:
    assert responder.Problem(409).document() == {"status": 409, "title": "Conflict"}


@pytest.mark.parametrize("status", [399, 600, 200, 0, -400, True, "404", 404.0, None])
def test_an_error_has_a_status_from_400_to_599(status: Any) -> None:
    with pytest.raises(responder.ConfigurationError, match="status from 400 to 599"):
        responder.HTTPError(status)


def test_a_status_of_the_standard_library_is_a_status() -> None:
    assert responder.HTTPError(HTTPStatus.GONE).document() == {"status": 410, "title": "Gone"}


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (responder.DecodeError("Bad."), 400, "Bad."),
        (responder.ContentTooLarge(10), 413, "The body is larger than the 10 bytes that this service takes."),
        (responder.UnsupportedMediaType("No."), 415, "No."),
        (responder.ServiceUnavailable("Busy."), 503, "Busy."),
    ],
)
def test_errors_of_a_kind_know_their_status(error: responder.HTTPError, status: int, detail: str) -> None:
    assert (error.status, error.detail) == (status, detail)


def test_a_service_without_capacity_says_when_to_come_back() -> None:
    assert responder.ServiceUnavailable("Busy.", retry_after=7).headers == {"Retry-After": "7"}


def test_the_headers_of_an_error_are_its_own() -> None:
    headers = {"X-A": "1"}
    error = responder.HTTPError(400, headers=headers)
    headers["X-A"] = "2"
    assert error.headers == {"X-A": "1"}


def test_abort_raises_always() -> None:
    with pytest.raises(responder.HTTPError) as caught:
        responder.abort(404, "No such pet.", {"X-A": "1"})
    assert (caught.value.status, caught.value.detail, caught.value.headers) == (404, "No such pet.", {"X-A": "1"})


def test_abort_with_no_error_status_is_a_mistake() -> None:
    with pytest.raises(responder.ConfigurationError, match="not 200"):
        responder.abort(200)
