from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from responder.errors import ConfigurationError, Problem
from responder.media.form import fit_fields


@dataclass
class Pet:
    name: str
    age: int | None = None
    born: date | None = None
    is_tame: bool = False
    tags: list[str] = field(default_factory=list)
    sizes: tuple[int, ...] = ()
    photo: Any = None


def fit(**fields: list[Any]) -> Any:
    return fit_fields(fields, Pet)


def test_text_becomes_what_the_model_has() -> None:
    assert fit(name=["Fido"], age=["3"], born=["2020-01-31"]) == Pet("Fido", 3, date(2020, 1, 31))


def test_a_list_takes_every_value_and_anything_else_the_last() -> None:
    pet = fit(name=["a", "b"], tags=["x", "y"], sizes=["1", "2"])
    assert pet == Pet("b", tags=["x", "y"], sizes=(1, 2))


def test_what_was_left_empty_is_left_out_unless_it_may_be_empty() -> None:
    assert fit(name=[""], age=[""], born=["", ""], tags=[""]) == Pet("", tags=[""])


@pytest.mark.parametrize("sent", ["on", "true", "1"])
def test_a_box_that_is_ticked_is_true(sent: str) -> None:
    assert fit(name=["a"], is_tame=[sent]).is_tame is True
    assert fit(name=["on"]).name == "on"


def test_a_file_stays_what_it_is() -> None:
    photo = object()
    assert fit(name=["a"], photo=[photo], unknown=["1"]).photo is photo


@pytest.mark.parametrize("fields", [{}, {"name": ["a"], "age": ["old"]}, {"name": [object()]}])
def test_what_does_not_fit_is_a_422(fields: dict[str, list[Any]]) -> None:
    with pytest.raises(Problem) as caught:
        fit_fields(fields, Pet)
    assert caught.value.status == 422


def test_a_form_may_be_a_plain_dictionary() -> None:
    assert fit_fields({"a": ["1", "2"]}, dict[str, str]) == {"a": "2"}


def test_a_model_that_no_form_fills_says_so() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read from a form"):
        fit_fields({}, 7)
