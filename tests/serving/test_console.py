"""What goes to which stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from responder.serving.console import complain, flatten, say

if TYPE_CHECKING:
    import pytest


def test_news_and_errors_take_different_streams(capsys: pytest.CaptureFixture[str]) -> None:
    say("good")
    complain("bad")
    assert capsys.readouterr() == ("good\n", "bad\n")


def test_a_text_of_several_lines_becomes_one() -> None:
    assert flatten(" one\r\n  two\n\n") == "one two"
