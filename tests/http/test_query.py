from __future__ import annotations

import copy
import operator
import pickle
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.errors import DecodeError, MissingValue
from responder.http.pairs import Pairs
from responder.http.query import QueryParams, encode_query, parse_query
from responder.media.json import encode_json

if TYPE_CHECKING:
    from collections.abc import Callable

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SEPARATORS_AND_ESCAPES = [
    *(b"a", b"=", b"&", b"%", b"+", b"%41", b"%c3", b"\xc3", b"\xa9", b";", b"4"),
    *(b"a=%41&", b"%00", b"\0", b"%0d%0A", b"\r", b"\n", b"%26", b"%3D", b"%%", b"%\n", b"=3D", b"%%C3%A9", b"%c3%a9"),
]
pair_lists = st.lists(st.tuples(texts, texts), max_size=8)


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        (b"", []),
        (b"q=1", [("q", "1")]),
        (b"q", [("q", "")]),
        (b"=1", [("", "1")]),
        (b"=", [("", "")]),
        (b"a=1&b=2", [("a", "1"), ("b", "2")]),
        (b"a=1&a=2", [("a", "1"), ("a", "2")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
        (b"&&a=1&&b=2&", [("a", "1"), ("b", "2")]),
        (b"&%20&&+", [(" ", ""), (" ", "")]),
        (b"a+b=c+d", [("a b", "c d")]),
        (b"a=%2B", [("a", "+")]),
        (b"a=%26b%3Dc", [("a", "&b=c")]),
        (b"a%3Db=c", [("a=b", "c")]),
        (b"a=%c3%A9", [("a", "\u00e9")]),
        (b"a=\xc3\xa9", [("a", "\u00e9")]),
        (b"a=\xc3%A9", [("a", "\u00e9")]),
        (b"a=%C3\xa9+", [("a", "\u00e9 ")]),
        (b"a=100%", [("a", "100%")]),
        (b"a=%4&b=%", [("a", "%4"), ("b", "%")]),
        (b"a=%zz%%41%", [("a", "%zz%A%")]),
        (b"a=%+1", [("a", "% 1")]),
        (b"a=% 1%1 ", [("a", "% 1%1 ")]),
        (b"a=%00", [("a", "\x00")]),
        (b"a=%252B", [("a", "%2B")]),
        (b"a=%EF%BB%BFb", [("a", "\ufeffb")]),
        (b"?a=1", [("?a", "1")]),
        (b"a=1#b", [("a", "1#b")]),
        (b"a=%26&b%3D=%00", [("a", "&"), ("b=", "\x00")]),
        (b"a%00b&c=%41", [("a\x00b", ""), ("c", "A")]),
        (b"a=b=c&d&e=%41", [("a", "b=c"), ("d", ""), ("e", "A")]),
        (b"a=%41&b=%\nc", [("a", "A"), ("b", "%\nc")]),
        (b"a=%41\r\n&b=1", [("a", "A\r\n"), ("b", "1")]),
        (b"a=%0D%0A&b==3D", [("a", "\r\n"), ("b", "=3D")]),
        (b"a=%41&b=%%34%31", [("a", "A"), ("b", "%41")]),
        (b"discount=50%%C3%A4", [("discount", "50%\u00e4")]),
        (b"%%C3%A4=", [("%\u00e4", "")]),
    ],
)
def test_a_query_string_parses_as_the_url_standard_says(raw: bytes, pairs: list[tuple[str, str]]) -> None:
    assert parse_query(raw).multi_items() == pairs


@pytest.mark.parametrize(
    "raw", [b"a=\xff", b"a=%ff", b"%C3=1", b"a=%C3&%A9=1", b"\xc3&\xa9", b"a=%ED%A0%80", b"a=%C0%AF", b"a=%F5%80%80%80"]
)
def test_what_is_not_utf_8_is_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError, match="not valid UTF-8") as caught:
        parse_query(raw)
    assert caught.value.status == 400


def test_as_many_pairs_as_the_limit_are_taken() -> None:
    assert len(parse_query(b"&".join(b"k%d" % number for number in range(1000)))) == 1000
    assert parse_query(b"a&b", max_pairs=2).multi_items() == [("a", ""), ("b", "")]


@pytest.mark.parametrize("raw", [b"a&b&c", b"&&", b"a=%ff&&", b"&" * 1_000_000])
def test_one_more_is_refused_with_the_limit(raw: bytes) -> None:
    with pytest.raises(DecodeError, match="more than the 2 pairs") as caught:
        parse_query(raw, max_pairs=2)
    assert caught.value.status == 400


def test_a_long_query_of_escapes_parses() -> None:
    assert parse_query(b"a=" + b"%" * 200_000)["a"] == "%" * 200_000
    assert parse_query(b"a=" + b"%41" * 100_000)["a"] == "A" * 100_000


def test_the_last_value_of_a_name_counts() -> None:
    params = parse_query(b"a=1&b=2&a=3")
    assert params["a"] == "3"
    assert params.get("a") == "3"
    assert params.get_list("a") == ["1", "3"]


def test_a_missing_name_gives_what_a_mapping_gives() -> None:
    params = parse_query(b"a=1")
    with pytest.raises(KeyError, match="absent"):
        params["absent"]
    assert params.get("absent") is None
    assert params.get("absent", "default") == "default"
    assert params.get_list("absent") == []
    assert "absent" not in params
    assert "a" in params


def test_names_are_distinct_and_in_first_seen_order() -> None:
    params = parse_query(b"b=1&a=2&b=3")
    assert list(params) == ["b", "a"]
    assert len(params) == 2
    assert dict(params) == {"b": "3", "a": "2"}


def test_keys_values_and_items_are_those_of_a_mapping() -> None:
    params = parse_query(b"a=1&b=2&a=3")
    assert list(params.keys()) == ["a", "b"]
    assert list(params.values()) == ["3", "2"]
    assert list(params.items()) == [("a", "3"), ("b", "2")]


def test_names_keep_their_case() -> None:
    assert "Q" not in parse_query(b"q=1")


def test_lists_of_the_params_are_copies() -> None:
    params = parse_query(b"a=1&a=2")
    params.multi_items().clear()
    params.get_list("a").clear()
    assert params.get_list("a") == ["1", "2"]


@pytest.mark.parametrize(
    "change",
    [
        lambda params: operator.setitem(params, "a", "3"),
        lambda params: operator.delitem(params, "a"),
        lambda params: params.__ior__({"a": "3"}),
        lambda params: params.clear(),
        lambda params: params.pop("a"),
        lambda params: params.popitem(),
        lambda params: params.setdefault("b", "3"),
        lambda params: params.update(a="3"),
    ],
)
def test_params_cannot_be_changed(change: Callable[[Any], object]) -> None:
    params = parse_query(b"a=1&a=2")
    with pytest.raises(
        TypeError, match=r"QueryParams is what a client sent, and cannot be changed. `dict\(...\)` of it"
    ):
        change(params)
    assert params.multi_items() == [("a", "1"), ("a", "2")]
    with pytest.raises(TypeError):
        hash(params)


def test_a_dict_of_the_params_can_be_changed() -> None:
    assert {**parse_query(b"a=1&a=2"), "b": "3"} == {"a": "2", "b": "3"}
    assert parse_query(b"a=1") | {"b": "3"} == {"a": "1", "b": "3"}
    for made in (dict(parse_query(b"a=1")), parse_query(b"a=1").copy()):
        made["b"] = "3"
        assert made == {"a": "1", "b": "3"}


def test_params_are_copied_and_pickled_with_all_values() -> None:
    params = parse_query(b"a=1&a=2&b=%41")
    for made in (copy.copy(params), copy.deepcopy(params), pickle.loads(pickle.dumps(params))):  # noqa: S301 - its own
        assert type(made) is QueryParams
        assert made.multi_items() == params.multi_items()


def test_params_are_encoded_as_an_object() -> None:
    assert encode_json(parse_query(b"a=1&a=2&b=%41")) == b'{"a":"2","b":"A"}'


def test_params_are_equal_when_each_name_has_the_same_values() -> None:
    assert parse_query(b"a=1&b=2&a=3") == parse_query(b"b=2&a=1&a=3")
    assert parse_query(b"a=1&a=3") != parse_query(b"a=3&a=1")
    assert parse_query(b"a=1&a=3") != parse_query(b"a=3")
    assert parse_query(b"a=1") == {"a": "1"}
    assert parse_query(b"a=1") != {"a": "2"}
    assert parse_query(b"a=1") == MappingProxyType({"a": "1"})
    assert parse_query(b"a=1") != 1


def test_params_are_false_when_empty() -> None:
    assert not parse_query(b"")
    assert not parse_query(b"&")
    assert parse_query(b"a")


def test_repr_shows_the_pairs() -> None:
    assert repr(parse_query(b"a=1&a=2")) == "QueryParams([('a', '1'), ('a', '2')])"


def test_params_encode_back() -> None:
    params = QueryParams([("a b", "c&d"), ("\u00e9", "~*-._"), ("", "")])
    assert params.encode() == "a+b=c%26d&%C3%A9=%7E*-._&="
    assert str(params) == params.encode()


@pytest.mark.parametrize(
    ("pairs", "query"),
    [
        ({}, ""),
        ([], ""),
        ({"q": "a b"}, "q=a+b"),
        ({"page": 2, "ratio": 0.5}, "page=2&ratio=0.5"),
        ({"tag": ["a", "b"]}, "tag=a&tag=b"),
        ({"tag": ("a", "b"), "q": 1}, "tag=a&tag=b&q=1"),
        ({"tag": []}, ""),
        ({"tag": None, "q": ["a", None]}, "q=a"),
        ([("a", 1), ("a", 2)], "a=1&a=2"),
        ({"q": b"\xff b"}, "q=%FF+b"),
        ({"q": "\r\n"}, "q=%0D%0A"),
        ({"q": "/?:@"}, "q=%2F%3F%3A%40"),
    ],
)
def test_pairs_encode(pairs: Any, query: str) -> None:
    assert encode_query(pairs) == query


def test_lone_surrogates_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        encode_query({"q": "\ud800"})


@settings(max_examples=150, deadline=None)
@given(pair_lists)
def test_encoding_and_parsing_give_the_pairs_back(pairs: list[tuple[str, str]]) -> None:
    query = encode_query(pairs)
    assert query.isascii()
    assert parse_query(query.encode()).multi_items() == pairs
    assert parse_query(query.encode()) == QueryParams(pairs)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(SEPARATORS_AND_ESCAPES)))
def test_any_bytes_parse_or_are_refused(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    escaped = "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw)
    try:
        pairs = parse_query(raw).multi_items()
    except DecodeError:
        with pytest.raises(UnicodeDecodeError):
            parse_qsl(escaped, keep_blank_values=True, errors="strict")
        return
    assert pairs == parse_qsl(escaped, keep_blank_values=True, errors="strict")


@settings(max_examples=100, deadline=None)
@given(st.text("ab=&;\u00e9", max_size=20))
def test_the_short_way_agrees_with_the_long_way(text: str) -> None:
    short = parse_query(text.encode()).multi_items()
    long = parse_query(f"{text}&%41=+".encode()).multi_items()
    assert [*short, ("A", " ")] == long


def test_what_is_missing_is_named_by_its_kind() -> None:
    with pytest.raises(MissingValue) as caught:
        parse_query(b"a=1")["q"]
    assert (caught.value.status, caught.value.detail) == (400, "The query parameter 'q' is missing.")
    with pytest.raises(MissingValue, match="The value 'q' is missing"):
        Pairs[int]()["q"]


def test_pairs_hold_any_value_and_may_come_from_anywhere() -> None:
    pairs = Pairs((name, index) for index, name in enumerate("aba"))
    assert pairs["a"] == 2
    assert pairs.get_list("a") == [0, 2]
    assert pairs == Pairs([("b", 1), ("a", 0), ("a", 2)])
    assert repr(pairs) == "Pairs([('a', 0), ('b', 1), ('a', 2)])"
