from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

import responder

RECORDS = [responder.Limits, responder.Threads]
OPTIONS = [(record, field.name) for record in RECORDS for field in fields(record)]


def test_the_defaults_are_those_that_are_documented() -> None:
    limits, threads = responder.Limits(), responder.Threads()
    assert (limits.body, limits.query_pairs, limits.cookies, limits.depth) == (16 * 1024 * 1024, 1000, 150, 100)
    assert (threads.workers, threads.queue) == (40, 1000)


@pytest.mark.parametrize(("record", "option"), OPTIONS)
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "10", None])
def test_an_option_is_a_whole_number_of_one_or_more(record: Any, option: str, value: Any) -> None:
    with pytest.raises(responder.ConfigurationError) as caught:
        record(**{option: value})
    assert str(caught.value) == f"{record.__name__}({option}={value!r}) must be a whole number of 1 or more."


@pytest.mark.parametrize(("record", "option"), OPTIONS)
def test_an_option_may_be_one(record: Any, option: str) -> None:
    assert getattr(record(**{option: 1}), option) == 1


@pytest.mark.parametrize(("record", "option"), OPTIONS)
def test_a_record_does_not_change(record: Any, option: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(record(), option, 5)


def test_records_with_the_same_options_are_equal() -> None:
    assert responder.Limits(body=5) == responder.Limits(body=5) != responder.Limits()


def test_an_option_that_is_not_there_is_refused() -> None:
    options: dict[str, Any] = {"bodies": 5}
    with pytest.raises(TypeError, match="bodies"):
        responder.Limits(**options)
