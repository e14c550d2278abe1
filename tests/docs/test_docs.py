"""Every Python block of the pages compiles, and those that make an API run."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from textwrap import dedent
from types import CodeType, ModuleType
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^(?P<indent> *)```python\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_SHOWN_FILE = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)


class Block(NamedTuple):
    page: Path
    line: int
    code: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_complete(self) -> bool:
        return "api = responder.API(" in self.code


def read_blocks() -> list[Block]:
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, dedent(found["code"]))
        for page in PAGES
        for text in [page.read_text("utf-8")]
        for found in _BLOCK.finditer(text)
    ]


BLOCKS = read_blocks()
COMPLETE = [block for block in BLOCKS if block.is_complete]
SHOWN = [path for page in PAGES for path in _SHOWN_FILE.findall(page.read_text("utf-8"))]


def compile_block(block: Block) -> CodeType:
    """Compile a block with the lines that it has on its page."""
    return compile("\n" * block.line + block.code, block.place, "exec", dont_inherit=True)


def test_every_page_but_that_on_the_design_has_a_block_that_runs() -> None:
    without = {page for page in PAGES if not any(block.page == page for block in COMPLETE)}
    assert without == {ROOT / "docs/design.md"}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_block_compiles(block: Block) -> None:
    compile_block(block)


@pytest.mark.parametrize("block", COMPLETE, ids=lambda block: block.place)
def test_a_block_that_makes_an_api_runs(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)  # where models look up their annotations
    exec(compile_block(block), vars(module))  # noqa: S102 - the pages are our own


def test_the_pages_show_every_example() -> None:
    assert sorted(SHOWN) == sorted(f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py"))


def test_every_example_is_named_in_the_readme() -> None:
    readme = PAGES[0].read_text("utf-8")
    assert [path.name for path in (ROOT / "examples").glob("*.py") if f"examples/{path.name}" not in readme] == []
