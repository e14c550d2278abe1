from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

import responder
from responder import status_codes

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = {name: number for name, number in vars(status_codes).items() if name.startswith("HTTP_")}


def test_a_name_is_its_number() -> None:
    assert [name for name, number in NAMES.items() if name != f"HTTP_{number}"] == []


def test_every_registered_status_has_a_name() -> None:
    assert {status.value for status in HTTPStatus} - set(NAMES.values()) == set()


def test_an_api_carries_the_names() -> None:
    assert responder.API().status_codes.HTTP_418 == 418


@pytest.mark.parametrize(
    ("predicate", "first"),
    [
        (status_codes.is_100, 100),
        (status_codes.is_200, 200),
        (status_codes.is_300, 300),
        (status_codes.is_400, 400),
        (status_codes.is_500, 500),
    ],
)
def test_a_predicate_holds_for_its_hundred(predicate: Callable[[int], bool], first: int) -> None:
    asked = [first - 1, first, first + 99, first + 100]
    assert [predicate(status) for status in asked] == [False, True, True, False]


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (200, "OK"),
        (404, "Not Found"),
        (413, "Content Too Large"),
        (414, "URI Too Long"),
        (416, "Range Not Satisfiable"),
        (422, "Unprocessable Content"),
        (499, "Status 499"),
    ],
)
def test_a_phrase_is_the_same_on_every_python(status: int, phrase: str) -> None:
    assert status_codes.phrase(status) == phrase
