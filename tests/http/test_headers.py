from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.errors import InvalidHeader
from responder.http import headers as module
from responder.http.headers import Headers, ResponseHeaders, has_control_characters, is_token

if TYPE_CHECKING:
    from collections.abc import Callable

RAW = [
    (b"host", b"example.com"),
    (b"Accept", b"text/html"),
    (b"accept", b"application/json"),
    (b"cookie", b"a=1"),
    (b"cookie", b"b=2"),
    (b"x-name", b"caf\xe9"),
]

names = st.text("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCXYZ", min_size=1, max_size=12)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"])).map(
    lambda text: text.strip(" ")
)


@pytest.fixture(autouse=True)
def _fresh_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_encoded_names", {})


# Headers of a request


def test_names_are_found_in_any_case() -> None:
    assert Headers(RAW)["HOST"] == "example.com"
    assert "Host" in Headers(RAW)
    assert Headers(RAW).get("hOsT") == "example.com"


def test_repeated_fields_are_joined_with_a_comma() -> None:
    assert Headers(RAW)["accept"] == "text/html, application/json"
    assert Headers(RAW).get("Accept") == "text/html, application/json"


def test_repeated_cookie_fields_are_joined_with_a_semicolon() -> None:
    assert Headers(RAW)["Cookie"] == "a=1; b=2"


def test_get_list_gives_one_string_for_each_field_line() -> None:
    assert Headers(RAW).get_list("ACCEPT") == ["text/html", "application/json"]
    assert Headers(RAW).get_list("absent") == []


def test_changing_a_list_from_get_list_leaves_the_headers_alone() -> None:
    headers = Headers(RAW)
    headers.get_list("accept").clear()
    assert headers.get_list("accept") == ["text/html", "application/json"]


def test_values_are_latin_1() -> None:
    assert Headers(RAW)["x-name"] == "caf\u00e9"


def test_a_missing_name_is_a_key_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="X-Absent"):
        Headers(RAW)["X-Absent"]


def test_get_gives_the_default_for_a_missing_name() -> None:
    assert Headers(RAW).get("absent") is None
    assert Headers(RAW).get("absent", "default") == "default"
    assert Headers(RAW).get("absent", default=7) == 7


def test_iteration_gives_distinct_lower_case_names_in_first_seen_order() -> None:
    headers = Headers(RAW)
    assert list(headers) == ["host", "accept", "cookie", "x-name"]
    assert list(headers.keys()) == list(headers)
    assert len(headers) == 4
    assert dict(headers.items())["accept"] == "text/html, application/json"


def test_every_look_up_may_come_first_or_later() -> None:
    looks: list[Callable[[Headers], object]] = [
        lambda headers: headers["host"],
        lambda headers: headers.get("host"),
        lambda headers: headers.get_list("host"),
        lambda headers: "host" in headers,
        list,
        len,
    ]
    used = Headers(RAW)
    for look in looks:
        assert look(Headers(RAW)) == look(used) == look(used)


def test_what_is_no_string_is_not_contained() -> None:
    assert cast("object", 1) not in Headers(RAW)


def test_building_keeps_the_reference_and_looks_at_nothing() -> None:
    fields = iter(RAW)
    Headers(fields)
    assert list(fields) == RAW


def test_raw_is_the_list_that_was_given() -> None:
    assert Headers(RAW).raw is RAW


def test_a_one_shot_iterable_may_be_read_more_than_once() -> None:
    headers = Headers(iter(RAW))
    assert headers["host"] == "example.com"
    assert headers.raw == tuple(RAW)
    assert headers.raw is headers.raw


def test_headers_without_fields_are_empty() -> None:
    assert not Headers()
    assert list(Headers()) == []


def test_headers_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        cast("Any", Headers(RAW))["host"] = "evil"


def test_headers_have_no_hash() -> None:
    with pytest.raises(TypeError):
        hash(Headers())


def test_headers_are_equal_whatever_the_case_of_names() -> None:
    assert Headers([(b"Host", b"a")]) == Headers([(b"hOST", b"a")])
    assert Headers([(b"host", b"a")]) == {"HOST": "a"}
    assert Headers([(b"host", b"a")]) != {"host": "b"}
    assert Headers([(b"host", b"a")]) != {1: "a"}
    assert Headers([(b"a", b"1"), (b"a", b"2")]) == Headers([(b"a", b"1, 2")])
    assert Headers() != 1


def test_a_name_beyond_ascii_is_found_by_what_iteration_gave() -> None:
    headers = Headers([(b"\xc0", b"1"), (b"\xff\x00", b"2")])
    assert dict(headers) == {"\u00e0": "1", "\u00ff\x00": "2"}


@pytest.mark.parametrize("name", ["authorization", "Cookie", "set-cookie", "Proxy-Authorization"])
def test_repr_hides_secret_values(name: str) -> None:
    headers = Headers([(name.encode(), b"sesame"), (b"host", b"example.com")])
    assert "sesame" not in repr(headers)
    assert repr(headers) == f"Headers([('{name.lower()}', '[hidden]'), ('host', 'example.com')])"
    assert "sesame" not in str(headers)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8))))
def test_any_bytes_make_readable_headers(raw: list[tuple[bytes, bytes]]) -> None:
    headers = Headers(raw)
    assert [name for name in headers if headers[name] != ", ".join(headers.get_list(name))] in ([], ["cookie"])
    assert sum(len(headers.get_list(name)) for name in headers) == len(raw)
    assert headers == dict(headers)
    repr(headers)


# Headers of a response


def test_setting_replaces_every_field_of_that_name() -> None:
    headers = ResponseHeaders()
    headers.add("Vary", "Accept")
    headers.add("vary", "Origin")
    headers["Server"] = "responder"
    headers["VARY"] = "Cookie"
    assert headers.raw == [(b"server", b"responder"), (b"vary", b"Cookie")]


def test_add_appends_one_more() -> None:
    headers = ResponseHeaders()
    headers.add("Link", "<a>")
    headers.add("link", "<b>")
    assert headers["LINK"] == "<a>, <b>"
    assert headers.get_list("Link") == ["<a>", "<b>"]
    assert len(headers) == 1


def test_set_cookie_is_never_joined() -> None:
    headers = ResponseHeaders()
    headers.add("Set-Cookie", "a=1")
    headers.add("Set-Cookie", "b=2")
    assert headers["set-cookie"] == "b=2"
    assert headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_integers_are_formatted() -> None:
    class Length(IntEnum):
        SHORT = 3

    headers = ResponseHeaders()
    headers["Content-Length"] = 42
    headers.add("Age", Length.SHORT)
    assert headers.raw == [(b"content-length", b"42"), (b"age", b"3")]


def test_string_enumerations_travel_as_their_value() -> None:
    class Policy(StrEnum):
        STRICT = "no-referrer"

    headers = ResponseHeaders()
    headers["Referrer-Policy"] = Policy.STRICT
    assert headers.raw == [(b"referrer-policy", b"no-referrer")]


@pytest.mark.parametrize("value", [True, None, b"bytes", 1.5, ["a"]])
def test_other_types_are_refused_by_name(value: object) -> None:
    headers = ResponseHeaders()
    with pytest.raises(InvalidHeader, match=rf"'X-Flag'.*a {type(value).__name__}; give a str or an int"):
        headers["X-Flag"] = cast("Any", value)
    assert headers.raw == []


@pytest.mark.parametrize("name", ["", " ", "a b", "a:", "a\n", "\nset-cookie", "caf\u00e9", "\u212aey", "a\x00", "(a)"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    headers = ResponseHeaders()
    with pytest.raises(InvalidHeader, match="is no header name; use letters"):
        headers[name] = "value"
    with pytest.raises(InvalidHeader, match="is no header name; use letters"):
        headers.add(name, "value")
    assert headers.raw == []


@pytest.mark.parametrize("code", [*range(9), *range(10, 32), *range(0x7F, 0xA0)])
@pytest.mark.parametrize("template", ["{}", "a{}b", "{}a", "a{}"])
def test_a_control_character_is_refused_wherever_it_stands(code: int, template: str) -> None:
    headers = ResponseHeaders()
    with pytest.raises(InvalidHeader, match=r"control character.*remove it"):
        headers["X-Value"] = template.format(chr(code))
    assert headers.raw == []


def test_a_header_cannot_be_split() -> None:
    headers = ResponseHeaders()
    with pytest.raises(InvalidHeader):
        headers["Location"] = "/\r\nSet-Cookie: admin=1"
    with pytest.raises(InvalidHeader):
        headers.add("Location", "/\nSet-Cookie: admin=1")


def test_a_refused_value_leaves_the_old_one() -> None:
    headers = ResponseHeaders()
    headers["X-Value"] = "old"
    with pytest.raises(InvalidHeader):
        headers["X-Value"] = "new\n"
    assert headers["X-Value"] == "old"


def test_spaces_and_tabs_around_a_value_are_dropped_and_inside_are_kept() -> None:
    headers = ResponseHeaders()
    headers["X-Value"] = " \ta\t b \t"
    assert headers.raw == [(b"x-value", b"a\t b")]


def test_a_value_may_be_empty() -> None:
    headers = ResponseHeaders()
    headers["X-Value"] = ""
    assert headers["X-Value"] == ""


def test_latin_1_travels_as_it_is() -> None:
    headers = ResponseHeaders()
    headers["X-Name"] = "caf\u00e9"
    assert headers.raw == [(b"x-name", b"caf\xe9")]
    assert headers["X-Name"] == "caf\u00e9"


@pytest.mark.parametrize("value", ["\u20ac", "na\u00efve \u2028", "\ud800"])
def test_what_latin_1_cannot_carry_is_refused_with_a_way_out(value: str) -> None:
    with pytest.raises(InvalidHeader, match=r"beyond Latin-1; percent-encode it.*RFC 8187"):
        ResponseHeaders()["X-Name"] = value


def test_the_live_list_is_shared_with_the_emitter() -> None:
    headers = ResponseHeaders()
    raw = headers.raw
    headers["A"] = "1"
    headers["A"] = "2"
    assert raw == [(b"a", b"2")]
    headers.clear()
    assert raw == []


def test_deleting_removes_every_field_of_that_name() -> None:
    headers = ResponseHeaders()
    headers.add("A", "1")
    headers.add("a", "2")
    headers["B"] = "3"
    del headers["a"]
    assert list(headers.items()) == [("b", "3")]


def test_what_is_missing_is_a_key_error() -> None:
    headers = ResponseHeaders()
    with pytest.raises(KeyError, match="X-Absent"):
        headers["X-Absent"]
    with pytest.raises(KeyError, match="X-Absent"):
        del headers["X-Absent"]
    with pytest.raises(KeyError, match="X-Absent"):
        headers.pop("X-Absent")
    assert headers.pop("X-Absent", None) is None
    assert headers.get("X-Absent") is None


def test_pop_gives_the_value_and_removes_it() -> None:
    headers = ResponseHeaders()
    headers["A"] = "1"
    assert headers.pop("a") == "1"
    assert not headers


def test_update_sets_each_header() -> None:
    headers = ResponseHeaders()
    headers["A"] = "1"
    headers.update({"a": "2", "B": "3"})
    headers.update([("c", "4")])
    assert headers == {"A": "2", "b": "3", "C": "4"}


def test_setdefault_keeps_what_is_there() -> None:
    headers = ResponseHeaders()
    assert headers.setdefault("Age", 1) == "1"
    assert headers.setdefault("age", "2") == "1"
    assert headers.raw == [(b"age", b"1")]


def test_a_name_is_contained_in_any_case() -> None:
    headers = ResponseHeaders()
    headers["X-Key"] = "1"
    assert "x-KEY" in headers
    assert "x-\u212aey" not in headers
    assert "absent" not in headers
    assert cast("object", 1) not in headers


def test_a_copy_goes_its_own_way() -> None:
    headers = ResponseHeaders()
    headers["A"] = "1"
    twin = headers.copy()
    headers["A"] = "2"
    twin.add("B", "3")
    assert twin.raw == [(b"a", b"1"), (b"b", b"3")]
    assert headers.raw == [(b"a", b"2")]


def test_response_headers_are_true_when_they_hold_a_field() -> None:
    headers = ResponseHeaders()
    assert not headers
    headers["A"] = ""
    assert headers


def test_response_headers_compare_field_by_field() -> None:
    one, two = ResponseHeaders(), ResponseHeaders()
    one.add("Set-Cookie", "a=1")
    one.add("Set-Cookie", "b=2")
    two.add("Set-Cookie", "b=2")
    assert one != two
    two.clear()
    two.add("set-cookie", "a=1")
    two.add("set-cookie", "b=2")
    assert one == two
    assert one != 1


def test_response_headers_have_no_hash() -> None:
    with pytest.raises(TypeError):
        hash(ResponseHeaders())


def test_response_repr_hides_cookies() -> None:
    headers = ResponseHeaders()
    headers["Set-Cookie"] = "session=sesame"
    headers["Age"] = 1
    assert repr(headers) == "ResponseHeaders([('set-cookie', '[hidden]'), ('age', '1')])"


def test_headers_may_be_changed_while_they_are_iterated() -> None:
    headers = ResponseHeaders()
    headers["A"] = "1"
    headers["B"] = "2"
    for name in headers:
        del headers[name]
    assert not headers


def test_the_kept_names_are_bounded() -> None:
    headers = ResponseHeaders()
    for number in range(module._NAMES_KEPT + 100):
        headers[f"x-{number}"] = "1"
        headers.clear()
    assert len(module._encoded_names) == module._NAMES_KEPT
    headers["Beyond-The-Bound"] = "1"
    assert headers["beyond-the-bound"] == "1"


def test_a_long_name_is_not_kept() -> None:
    headers = ResponseHeaders()
    headers["x" * 65] = "1"
    assert module._encoded_names == {}
    assert "X" * 65 in headers


def test_a_look_up_keeps_no_name() -> None:
    assert ResponseHeaders().get("x-from-a-client") is None
    assert module._encoded_names == {}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(names, values)))
def test_what_was_added_is_what_a_client_reads(pairs: list[tuple[str, str]]) -> None:
    headers = ResponseHeaders()
    for name, value in pairs:
        headers.add(name, value)
    received = Headers(headers.raw)
    assert [(name.decode(), value.decode("latin-1")) for name, value in headers.raw] == [
        (name.lower(), value) for name, value in pairs
    ]
    assert list(received) == list(headers)
    assert all(received.get_list(name) == headers.get_list(name) for name in headers)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12))
def test_whatever_is_accepted_is_one_well_formed_field(name: str, value: str) -> None:
    headers = ResponseHeaders()
    try:
        headers[name] = value
    except InvalidHeader:
        assert not headers
        return
    [(raw_name, raw_value)] = headers.raw
    assert is_token(raw_name.decode())
    assert raw_name == raw_name.lower()
    assert not any(byte < 0x20 and byte != 0x09 for byte in raw_value)
    assert raw_value == raw_value.strip(b" \t")


# The predicates


@pytest.mark.parametrize("text", ["GET", "x-1", "!#$%&'*+-.^_`|~"])
def test_tokens_are_known(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", "a b", "a\n", "a,b", "a=b", '"', "\u00e9", "a/b"])
def test_other_text_is_no_token(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize("text", ["\x00", "a\tb", "a\n", "\x7f", "\x85"])
def test_control_characters_are_found(text: str) -> None:
    assert has_control_characters(text)


@pytest.mark.parametrize("text", ["", "a b", "caf\u00e9", "\u20ac", "\xa0"])
def test_text_without_control_characters_passes(text: str) -> None:
    assert not has_control_characters(text)
