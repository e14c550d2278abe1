from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "test_a_view",
        "test_an_exception_comes_out_as_itself",
        "test_an_exception_as_the_client_sees_it",
        "test_a_live_stream",
    ],
)
def test_the_tests_of_the_example_pass(example: Any, name: str) -> None:
    getattr(example, name)()


def test_no_test_of_the_example_is_left_out(example: Any) -> None:
    assert len([name for name in vars(example) if name.startswith("test_")]) == 4
