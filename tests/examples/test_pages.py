from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from responder.testing import Session


def title_of(page: str) -> str:
    return page.partition("<title>")[2].partition("</title>")[0]


def names_on(page: str) -> list[str]:
    return re.findall(r'<li><a href="/pets/\w+">(\w+)</a>', page)


@pytest.mark.parametrize(
    ("path", "title"), [("/", "Our pets"), ("/pets/ada", "Ada"), ("/about", "About us"), ("/nowhere", "Not found")]
)
def test_every_page_has_the_layout(session: Session, path: str, title: str) -> None:
    answer = session.get(path)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert title_of(answer.text) == f"{title} · Four Paws"
    assert f"<h1>{title}</h1>" in answer.text


def test_every_link_leads_to_a_page(session: Session) -> None:
    links = {
        link for path in ("/", "/about", "/pets/ada") for link in re.findall('href="(.+?)"', session.get(path).text)
    }
    assert links == {"/", "/about", "/pets.txt", "/pets/ada", "/pets/bruno", "/pets/cleo", "/pets/dot"}
    assert {session.get(link).status_code for link in links} == {200}


def test_the_menu_marks_the_page_that_is_shown(session: Session) -> None:
    assert '<a href="/about" aria-current="page">About us</a>' in session.get("/about").text
    assert '<a href="/">Our pets</a>' in session.get("/about").text


@pytest.mark.parametrize(
    ("query", "names"), [("", ["Ada", "Bruno", "Cleo", "Dot"]), ("CAT", ["Ada", "Cleo"]), ("dot", ["Dot"])]
)
def test_pets_are_searched(session: Session, query: str, names: list[str]) -> None:
    assert names_on(session.get("/", params={"q": query}).text) == names


def test_what_was_typed_is_shown_escaped(session: Session) -> None:
    page = session.get("/", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script>" not in page
    assert 'value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in page
    assert "“&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;”" in page


def test_a_pet_has_its_story_escaped(session: Session) -> None:
    page = session.get("/pets/dot").text
    assert "<em>rabbit, 2 years</em>" in page
    assert "Has dug &lt;two&gt; tunnels" in page
    assert "<em>cat, 1 year</em>" in session.get("/pets/cleo").text


def test_a_pet_that_is_not_there_has_a_page_that_says_so(session: Session) -> None:
    answer = session.get("/pets/<b>")
    assert answer.status_code == 404
    assert "No pet here is called &lt;b&gt;." in answer.text


def test_the_list_as_text_is_not_escaped(session: Session) -> None:
    answer = session.get("/pets.txt")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("Four Paws\n\nAda, cat: Sleeps on keyboards & guards the warm laptop.\nBruno, dog")
