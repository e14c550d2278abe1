from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import responder
from responder.routing.converters import BUILT_IN
from responder.routing.pattern import parse_pattern

if TYPE_CHECKING:
    from tests.conftest import Caller


async def show(req: responder.Request, resp: responder.Response) -> None:
    resp.media = dict(req.path_params)


def declare(path: str) -> responder.API:
    api = responder.API()
    api.add_route(path, show)
    return api


@pytest.mark.parametrize(
    ("path", "asked", "values"),
    [
        ("/hello", b"/hello", {}),
        ("/{name}", b"/kenneth", {"name": "kenneth"}),
        ("/pets/{id:int}.json", b"/pets/7.json", {"id": 7}),
        ("/@{name}", b"/@kenneth", {"name": "kenneth"}),
        ("/v{major:int}/pets/{name:str}", b"/v2/pets/rex", {"major": 2, "name": "rex"}),
        ("/caf\u00e9 au lait", b"/caf%C3%A9%20au%20lait", {}),
        ("/trailing/", b"/trailing/", {}),
        ("/a//b", b"/a//b", {}),
        ("/100%", b"/100%25", {}),
        ("/{caf\u00e9}", b"/x", {"caf\u00e9": "x"}),
    ],
)
def test_a_path_is_written_as_people_read_it(call: Caller, path: str, asked: bytes, values: dict[str, Any]) -> None:
    answer = call(declare(path), asked)
    assert answer.status == 200
    assert answer.media == values


@pytest.mark.parametrize(
    "asked", [b"/pets/7", b"/pets/.json", b"/pets/x.json", b"/pets/7.jsonx", b"/pets/7xjson", b"/pets/7.JSON"]
)
def test_text_around_a_parameter_matches_literally(call: Caller, asked: bytes) -> None:
    assert call(declare("/pets/{id:int}.json"), asked).status == 404


@pytest.mark.parametrize("asked", [b"/abc", b"/ab", b"/aba"])
def test_text_before_and_after_a_parameter_does_not_overlap(call: Caller, asked: bytes) -> None:
    assert call(declare("/ab{name}ba"), asked).status == 404


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("hello", "write '/hello' instead of 'hello'"),
        ("", "write '/' instead of ''"),
        ("//evil.example", "write one '/'"),
        ("/a?b", "without query"),
        ("/a#b", "without query, fragment"),
        ("/a%20b", "escapes"),
        ("/a\nb", "control characters"),
        ("/a/../b", "clients resolve away"),
        ("/.", "clients resolve away"),
        ("/{a}{b}", "two parameters in segment"),
        ("/{a}-{b}", "two parameters in segment"),
        ("/{a", "brace without its partner"),
        ("/a}", "brace without its partner"),
        ("/{{a}}", "brace without its partner"),
        ("/{}", "named like a variable"),
        ("/{1st}", "named like a variable"),
        ("/{two words}", "named like a variable"),
        ("/{class}", "named like a variable"),
        ("/{req}", "other than req and resp, not 'req'"),
        ("/{resp:int}", "other than req and resp"),
        ("/{self}", "named like a variable"),
        ("/{a}/{a}", "two parameters called 'a'"),
        ("/{rest:path}/more", "stands alone at the end"),
        ("/x{rest:path}", "stands alone at the end"),
        ("/{rest:path}.txt", "stands alone at the end"),
    ],
)
def test_a_path_that_cannot_work_says_what_to_write(path: str, message: str) -> None:
    with pytest.raises(responder.ConfigurationError) as caught:
        declare(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("kind", ["integer", "", " int", "INT"])
def test_an_unknown_converter_names_those_that_are_known(kind: str) -> None:
    with pytest.raises(responder.UnknownConverter) as caught:
        declare(f"/pets/{{id:{kind}}}")
    assert str(caught.value) == (
        f"'/pets/{{id:{kind}}}' uses converter {kind!r}, which is not registered. Known: float, int, path, str, uuid."
    )


@settings(max_examples=200, deadline=None)
@given(path=st.text(st.sampled_from("/{}:abint.%?\u00e9 \n"), max_size=20) | st.text(max_size=20))
def test_any_path_is_a_pattern_or_a_configuration_error(path: str) -> None:
    try:
        pattern = parse_pattern(path, BUILT_IN)
    except responder.ConfigurationError:
        return
    assert pattern.path == path
    assert pattern.literal is None or pattern.names == ()
