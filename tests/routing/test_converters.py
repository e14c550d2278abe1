from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import responder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Answer, Caller

ID = UUID("12345678-9abc-def0-1234-56789abcdef0")


async def show(req: responder.Request, resp: responder.Response, *, value: Any) -> None:
    resp.media = [type(value).__name__, str(value)]


def make_api(*kinds: str) -> responder.API:
    api = responder.API()
    for kind in kinds:
        api.add_route(f"/{{value:{kind}}}", show)
    return api


def ask(call: Caller, kind: str, text: str) -> Answer:
    return call(make_api(kind), f"/{quote(text, safe='')}".encode())


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        ("str", "caf\u00e9 au lait", ["str", "caf\u00e9 au lait"]),
        ("str", "a/b", ["str", "a/b"]),
        ("str", "1\n", ["str", "1\n"]),
        ("str", "%", ["str", "%"]),
        ("str", "..", ["str", ".."]),
        ("int", "0", ["int", "0"]),
        ("int", "0042", ["int", "42"]),
        ("int", "9223372036854775807", ["int", "9223372036854775807"]),
        ("float", "3", ["float", "3.0"]),
        ("float", "3.25", ["float", "3.25"]),
        ("uuid", str(ID), ["UUID", str(ID)]),
        ("uuid", str(ID).upper(), ["UUID", str(ID)]),
        ("path", "", ["str", ""]),
        ("path", "a", ["str", "a"]),
    ],
)
def test_a_converter_gives_the_value_of_what_it_takes(call: Caller, kind: str, text: str, shown: list[str]) -> None:
    answer = ask(call, kind, text)
    assert answer.status == 200
    assert answer.media == shown


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("str", ""),
        *[
            ("int", text)
            for text in (
                "",
                "-1",
                "+1",
                " 1",
                "1 ",
                "1\n",
                "1_000",
                "1.0",
                "0x1",
                "\u0661\u0662",
                "\uff11",
                "\u00b2",
                "9223372036854775808",
                "9" * 5000,
                "1\x00",
            )
        ],
        *[
            ("float", text)
            for text in (
                "",
                ".5",
                "5.",
                "-1.5",
                "1e5",
                "nan",
                "inf",
                "Infinity",
                "1.2.3",
                "1,5",
                "1.5\n",
                "\u0661.5",
                "1" * 5000,
                "0." + "1" * 5000,
            )
        ],
        *[
            ("uuid", text)
            for text in (
                "",
                ID.hex,
                f"{{{ID}}}",
                f"urn:uuid:{ID}",
                f"{ID}\n",
                f"{ID}0",
                "g" + str(ID)[1:],
                "12345678-9abc-def0-1234-56789abcdef\u0661",
            )
        ],
        ("path", "a/b"),
    ],
)
def test_text_that_a_converter_does_not_take_is_a_plain_404(call: Caller, kind: str, text: str) -> None:
    answer = ask(call, kind, text)
    assert answer.status == 404
    assert answer.media == {"status": 404, "title": "Not Found"}


def test_a_path_parameter_takes_the_rest_with_its_slashes(call: Caller) -> None:
    api = responder.API()
    api.add_route("/files/{value:path}", show)
    assert call(api, b"/files/a//b%20c/").media == ["str", "a//b c/"]


def test_of_several_converters_the_strictest_that_fits_is_asked_first(call: Caller) -> None:
    api = make_api("path", "str", "float", "int", "uuid")
    kinds = [call(api, path).media[0] for path in (f"/{ID}".encode(), b"/7", b"/7.5", b"/seven")]
    assert kinds == ["UUID", "int", "float", "str"]


def test_what_only_the_loosest_converter_takes_reaches_it(call: Caller) -> None:
    api = make_api("int", "str", "path")
    assert call(api, b"/").media == ["str", ""]
    assert call(api, b"/a/b").media == ["str", "a/b"]


def test_a_converter_of_ones_own_parses_and_formats(call: Caller) -> None:
    api = responder.API()
    api.add_converter("words", lambda text: text.split("-"), "-".join)
    api.add_route("/{value:words}", show)
    assert call(api, b"/a-b").media == ["list", "['a', 'b']"]
    assert api.url_for(show, value=["x", "y"]) == "/x-y"


def test_a_converter_of_ones_own_without_format_is_written_as_its_text() -> None:
    api = responder.API()
    api.add_converter("money", Decimal)
    api.add_route("/{value:money}", show)
    assert api.url_for(show, value=Decimal("1.50")) == "/1.50"


def fail_with(error: type[Exception]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        raise error(text)

    return parse


@pytest.mark.parametrize(
    "error",
    [
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        OverflowError,
        ZeroDivisionError,
        RecursionError,
        AssertionError,
    ],
)
def test_whatever_a_converter_raises_on_the_text_of_a_client_is_a_404(call: Caller, error: type[Exception]) -> None:
    api = responder.API()
    api.add_converter("odd", fail_with(error))
    api.add_route("/{value:odd}", show)
    assert call(api, b"/anything").status == 404


def test_decimal_itself_is_a_converter_that_never_fails_a_request(call: Caller) -> None:
    api = responder.API()
    api.add_converter("money", Decimal)
    api.add_route("/{value:money}", show)
    assert call(api, b"/1.50").media == ["Decimal", "1.50"]
    assert call(api, b"/much").status == 404


def test_the_name_of_a_converter_is_taken_once() -> None:
    with pytest.raises(responder.ConfigurationError, match="'int' is there already"):
        responder.API().add_converter("int", int)


@pytest.mark.parametrize("name", ["", "two words", "1st", "a}b", "a:b"])
def test_a_converter_is_named_like_a_variable(name: str) -> None:
    with pytest.raises(responder.ConfigurationError, match="named like a variable"):
        responder.API().add_converter(name, int)


@pytest.mark.parametrize("functions", [(None, str), (int, "text")])
def test_a_converter_is_two_functions(functions: tuple[Any, Any]) -> None:
    with pytest.raises(responder.ConfigurationError, match="'even' needs two functions"):
        responder.API().add_converter("even", *functions)


@pytest.mark.parametrize(
    ("kind", "value", "path"),
    [
        ("int", 7, "/7"),
        ("int", "7", "/7"),
        ("float", 0.1, "/0.1"),
        ("float", 3, "/3"),
        ("float", "2.5", "/2.5"),
        ("float", 1e16, "/10000000000000000"),
        ("uuid", ID, f"/{ID}"),
        ("uuid", ID.hex, f"/{ID}"),
        ("str", "a/b ?#%", "/a%2Fb%20%3F%23%25"),
        ("path", "a/b c", "/a/b%20c"),
        ("path", "", "/"),
    ],
)
def test_a_value_is_written_as_its_converter_reads_it(kind: str, value: Any, path: str) -> None:
    assert make_api(kind).url_for(show, value=value) == path


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", -1),
        ("int", 2**63),
        ("int", 3.7),
        ("int", "\u0661"),
        ("int", "1\n"),
        ("int", None),
        ("float", -0.5),
        ("float", float("nan")),
        ("float", float("inf")),
        ("float", 1e-7),
        ("float", True),
        ("uuid", "nonsense"),
        ("str", ""),
        ("str", "."),
        ("str", ".."),
        ("str", "\ud800"),
        ("path", "a/../b"),
        ("path", "/evil.example"),
        ("path", "/"),
    ],
)
def test_a_value_that_would_not_come_back_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(responder.RouteNotFoundError):
        make_api(kind).url_for(show, value=value)


VALUES = st.one_of(
    st.tuples(st.just("int"), st.integers(0, 2**63 - 1)),
    st.tuples(st.just("float"), st.integers(0, 10**12).map(lambda cents: cents / 100)),
    st.tuples(st.just("uuid"), st.uuids()),
    st.tuples(
        st.just("str"),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    ),
)


@settings(max_examples=100, deadline=None)
@given(kind_and_value=VALUES.filter(lambda pair: pair[1] not in {".", ".."}))
def test_every_value_comes_back_from_its_own_url(call: Caller, kind_and_value: tuple[str, Any]) -> None:
    kind, value = kind_and_value
    api = make_api(kind)
    answer = call(api, api.url_for(show, value=value).encode())
    assert answer.media == [type(value).__name__, str(value)]
