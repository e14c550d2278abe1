from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.errors import DecodeError, InvalidCookie
from responder.http.cookies import ResponseCookies, format_delete_cookie, format_set_cookie, parse_cookies

MOMENT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
NAIVE = datetime(1994, 11, 6)  # noqa: DTZ001 - the naive one is the point

names = st.text("!#$%&'*+.^_`|~0123456789abcXYZ-", min_size=1, max_size=20)
values = st.text("".join(chr(n) for n in range(0x21, 0x7F) if chr(n) not in '",;\\'), max_size=50)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", {}),
        ("hello=world", {"hello": "world"}),
        ("a=1; b=2;c=3", {"a": "1", "b": "2", "c": "3"}),
        (" \ta = 1 \t; b=2 ;", {"a": "1", "b": "2"}),
        ("a=", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("a", {}),
        ("=a", {}),
        (" =a; ; ;;b=2", {"b": "2"}),
        ('a="b c"', {"a": "b c"}),
        ('a=""', {"a": ""}),
        ('a="', {"a": '"'}),
        ('a=""b""', {"a": '"b"'}),
        ('a="b', {"a": '"b'}),
        (r'a="\"b\054\"', {"a": r"\"b\054" + "\\"}),
        ("a=%20%zz", {"a": "%20%zz"}),
        ("$Version=1; a=b; $Path=/", {"$Version": "1", "a": "b", "$Path": "/"}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
    ],
)
def test_cookies_are_read(header: str, expected: dict[str, str]) -> None:
    assert parse_cookies(header) == expected


def test_the_first_of_one_name_wins() -> None:
    assert parse_cookies("a=specific; a=general; a=") == {"a": "specific"}


@pytest.mark.parametrize(
    "strange",
    [
        'json={"a": [1, 2]}',
        "two words=and more",
        "caf\xe9=\xff\xfe",
        "x=\x00\x01\r\n",
        "x[y]=z",
        'q="',
        "€=→",
        "=",
        "x",
    ],
)
def test_a_strange_cookie_hides_no_other(strange: str) -> None:
    cookies = parse_cookies(f"before=1; {strange}; after=2")
    assert cookies["before"] == "1"
    assert cookies["after"] == "2"


def test_only_spaces_and_tabs_are_trimmed_so_that_no_name_poses_as_another() -> None:
    for space in ("\xa0", "\x85", "\u2003", "\x0b", "\x1c", "\n"):
        assert "__Host-id" not in parse_cookies(f"{space}__Host-id=evil; __Host-id{space}=evil")


def test_one_cookie_too_many_is_a_decode_error() -> None:
    header = "; ".join(f"c{n}=v" for n in range(150))
    assert len(parse_cookies(header)) == 150
    with pytest.raises(DecodeError, match="more than the 150 cookies") as caught:
        parse_cookies(header + "; one=more")
    assert caught.value.status == 400


def test_empty_pieces_count_too() -> None:
    with pytest.raises(DecodeError):
        parse_cookies(";" * 1_000_000)


def test_the_number_of_cookies_can_be_set() -> None:
    assert parse_cookies("a=1; b=2", max_cookies=2) == {"a": "1", "b": "2"}
    with pytest.raises(DecodeError, match="more than the 1 cookies"):
        parse_cookies("a=1; b=2", max_cookies=1)


@given(st.text() | st.text('a=;" \\\t\x00\xe9'))
@settings(max_examples=300, deadline=None)
def test_no_cookie_header_raises(header: str) -> None:
    for name, value in parse_cookies(header, max_cookies=10_000).items():
        assert name
        assert name in header
        assert value in header


@given(st.dictionaries(names, values, max_size=10))
@settings(max_examples=100, deadline=None)
def test_what_is_set_is_read_again(pairs: dict[str, str]) -> None:
    sent = [format_set_cookie(name, value, secure=True).partition(";")[0] for name, value in pairs.items()]
    assert parse_cookies("; ".join(sent)) == pairs


def test_the_defaults_are_safe() -> None:
    assert format_set_cookie("hello", "world") == "hello=world; Path=/; HttpOnly; SameSite=Lax"


def test_the_attributes_stand_in_one_order() -> None:
    line = format_set_cookie(
        "a",
        "b",
        partitioned=True,
        samesite="none",
        httponly=True,
        secure=True,
        path="/x",
        domain="example.com",
        max_age=60,
        expires=MOMENT,
    )
    assert line == (
        "a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=60; Domain=example.com; Path=/x; Secure; HttpOnly; "
        "SameSite=None; Partitioned"
    )


def test_attributes_can_be_left_out() -> None:
    assert format_set_cookie("a", path=None, httponly=False, samesite=None) == "a="


@pytest.mark.parametrize("expires", [MOMENT, 784111777, 784111777.5, "Sunday, 06-Nov-94 08:49:37 GMT"])
def test_expires_is_a_moment_seconds_or_an_http_date(expires: datetime | float | str) -> None:
    assert "; Expires=Sun, 06 Nov 1994 08:49:37 GMT;" in format_set_cookie("a", expires=expires)


@pytest.mark.parametrize("expires", [NAIVE, float("nan"), float("inf"), 10**20])
def test_expires_that_cannot_be_written_is_refused(expires: datetime | float) -> None:
    with pytest.raises(InvalidCookie, match=r"Cookie 'a': expires=.* cannot be written: "):
        format_set_cookie("a", expires=expires)


def test_a_naive_expires_is_refused_with_advice() -> None:
    with pytest.raises(InvalidCookie, match=r"no time zone; use datetime\.now"):
        format_set_cookie("a", expires=NAIVE)


def test_a_text_that_is_no_date_is_refused() -> None:
    with pytest.raises(InvalidCookie, match="is no HTTP date such as"):
        format_set_cookie("a", expires="tomorrow; Domain=evil.example")


@pytest.mark.parametrize(
    ("max_age", "written"),
    [(0, "0"), (60, "60"), (-1, "-1"), (timedelta(days=1), "86400"), (timedelta(seconds=1.9), "1")],
)
def test_max_age_is_written_in_seconds(max_age: int | timedelta, written: str) -> None:
    assert f"; Max-Age={written};" in format_set_cookie("a", max_age=max_age)


def test_a_max_age_beyond_all_measure_is_refused() -> None:
    with pytest.raises(InvalidCookie, match="max_age is beyond"):
        format_set_cookie("a", max_age=10**5000)


@pytest.mark.parametrize(
    "attributes",
    [
        {"expires": True},
        {"expires": b"x"},
        {"max_age": True},
        {"max_age": 1.5},
        {"max_age": "60"},
        {"domain": 1},
        {"path": 1},
        {"path": b"/"},
        {"secure": 1},
        {"secure": "no"},
        {"httponly": None},
        {"partitioned": 0},
        {"samesite": True},
        {"samesite": "sometimes"},
        {"samesite": "lax; Domain=x"},
    ],
)
def test_an_attribute_of_a_wrong_kind_is_refused_by_name(attributes: dict[str, Any]) -> None:
    (option,) = attributes
    with pytest.raises(InvalidCookie, match=f"Cookie 'a': {option}="):
        format_set_cookie("a", **attributes)


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a=b", "a;b", "a,b", 'a"', "é", "a\n", "a\r\nSet-Cookie", "a\x00", "a/b"]
)
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(InvalidCookie, match="cannot name a cookie"):
        format_set_cookie(name, "b")


@pytest.mark.parametrize("character", [*' ,;"\\\x00\r\n\t\x7fé→', "\ud800"])
def test_a_value_beyond_the_cookie_octets_is_refused_with_advice(character: str) -> None:
    with pytest.raises(InvalidCookie, match=r"at position 3, .* urllib\.parse\.quote") as caught:
        format_set_cookie("a", f"abc{character}secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", [1, None, b"b", True])
def test_a_value_that_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(InvalidCookie, match="its value must be a str, not"):
        format_set_cookie("a", value)


def test_a_name_that_is_no_text_is_refused() -> None:
    name: Any = b"a"
    with pytest.raises(InvalidCookie, match="cannot name a cookie"):
        format_set_cookie(name)


def test_a_pair_beyond_what_browsers_keep_is_refused() -> None:
    assert format_set_cookie("a", "x" * 4095)
    with pytest.raises(InvalidCookie, match="take 4097 bytes"):
        format_set_cookie("a", "x" * 4096)


@pytest.mark.parametrize(
    ("domain", "written"), [("example.com", "example.com"), (".Example.COM", "example.com"), ("127.0.0.1", "127.0.0.1")]
)
def test_a_domain_loses_its_leading_dot_and_its_case(domain: str, written: str) -> None:
    assert f"; Domain={written};" in format_set_cookie("a", domain=domain)


@pytest.mark.parametrize(
    "domain",
    ["", ".", "..a", "a..b", "a.", "a b", "a;b", "a\n", "a:80", "é.example", "a/b", "[::1]", "a." * 600 + "a"],
)
def test_a_domain_that_is_no_host_name_is_refused(domain: str) -> None:
    with pytest.raises(InvalidCookie, match="must be a host name without a port"):
        format_set_cookie("a", domain=domain)


@pytest.mark.parametrize(
    "path", ["", "a", "a/b", "/a;b", "/a\n", "/\r\nX: y", "/\x00", "/é", "/\x7f", "/" + "a" * 1024]
)
def test_a_path_that_browsers_would_not_keep_is_refused(path: str) -> None:
    with pytest.raises(InvalidCookie, match="must start with '/'"):
        format_set_cookie("a", path=path)


def test_a_path_may_have_spaces_and_every_other_visible_character() -> None:
    assert format_set_cookie("a", path="/a b:<~").startswith("a=; Path=/a b:<~; ")


@pytest.mark.parametrize(("samesite", "written"), [("lax", "Lax"), ("STRICT", "Strict"), ("None", "None")])
def test_samesite_is_read_in_any_case(samesite: Any, written: str) -> None:
    assert format_set_cookie("a", samesite=samesite, secure=True).endswith(f"; SameSite={written}")


def test_samesite_none_and_partitioned_need_secure() -> None:
    with pytest.raises(InvalidCookie, match="samesite='none' without secure=True"):
        format_set_cookie("a", samesite="none")
    with pytest.raises(InvalidCookie, match="partitioned cookies without secure=True"):
        format_set_cookie("a", partitioned=True)


@pytest.mark.parametrize("name", ["__Host-id", "__host-id", "__Secure-id", "__SECURE-id"])
def test_prefixed_names_need_secure(name: str) -> None:
    assert format_set_cookie(name, secure=True)
    with pytest.raises(InvalidCookie, match="prefix needs secure=True"):
        format_set_cookie(name)


def test_host_names_need_the_root_path_and_no_domain() -> None:
    for attributes in ({"path": "/a"}, {"path": None}, {"domain": "example.com"}):
        options: dict[str, Any] = attributes
        assert format_set_cookie("__Secure-id", secure=True, **options)
        with pytest.raises(InvalidCookie, match="prefix needs path='/' and no domain"):
            format_set_cookie("__HOST-id", secure=True, **options)


@given(
    st.text() | st.just("a"),
    st.text() | st.just("b"),
    st.fixed_dictionaries(
        {},
        optional={
            "expires": st.none() | st.floats() | st.integers() | st.text() | st.datetimes(timezones=st.just(UTC)),
            "max_age": st.none() | st.integers() | st.timedeltas(),
            "domain": st.none() | st.text() | st.just("example.com"),
            "path": st.none() | st.text() | st.text().map("/".__add__),
        },
    ),
)
@settings(max_examples=300, deadline=None)
def test_no_argument_raises_another_error_or_breaks_the_line(name: str, value: str, attributes: Any) -> None:
    try:
        line = format_set_cookie(name, value, **attributes)
    except InvalidCookie:
        return
    written = {"path": "/"} | attributes
    assert line.isascii()
    assert line.isprintable()
    assert line.count(";") == 2 + sum(attribute is not None for attribute in written.values())


def test_deleting_expires_the_cookie_twice_over() -> None:
    assert format_delete_cookie("a") == (
        "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
    )


def test_deleting_names_the_cookie_by_its_attributes() -> None:
    line = format_delete_cookie(
        "a", domain="example.com", path="/x", secure=True, httponly=False, samesite="none", partitioned=True
    )
    assert line.endswith("; Max-Age=0; Domain=example.com; Path=/x; Secure; SameSite=None; Partitioned")


def test_an_assigned_cookie_has_the_safe_defaults() -> None:
    cookies = ResponseCookies()
    cookies["hello"] = "world"
    assert cookies.raw == [(b"set-cookie", b"hello=world; Path=/; HttpOnly; SameSite=Lax")]
    assert cookies["hello"] == "world"


def test_a_mistake_is_raised_where_it_is_made_and_sets_nothing() -> None:
    cookies = ResponseCookies()
    with pytest.raises(InvalidCookie):
        cookies["a"] = "b c"
    with pytest.raises(InvalidCookie):
        cookies.set("a", "b", samesite="none")
    with pytest.raises(InvalidCookie):
        cookies.delete("a b")
    assert cookies.raw == []


def test_no_cookies_are_false() -> None:
    cookies = ResponseCookies()
    assert not cookies
    assert len(cookies) == 0
    cookies["a"] = "b"
    assert cookies


def test_cookies_of_other_paths_and_domains_are_kept_side_by_side() -> None:
    cookies = ResponseCookies()
    cookies.set("a", "1")
    cookies.set("a", "2", path="/x")
    cookies.set("a", "3", domain="example.com")
    cookies["b"] = "4"
    assert len(cookies.raw) == 4
    assert cookies == {"a": "3", "b": "4"}
    assert len(cookies) == 2


def test_the_same_cookie_set_again_replaces_the_first_and_stands_last() -> None:
    cookies = ResponseCookies()
    cookies.set("a", "1", domain="example.com")
    cookies["b"] = "2"
    cookies.set("a", "3", domain=".EXAMPLE.com")
    assert [line.partition(b";")[0] for _, line in cookies.raw] == [b"b=2", b"a=3"]


def test_taking_back_a_cookie_takes_all_of_its_name() -> None:
    cookies = ResponseCookies()
    cookies.set("a", "1")
    cookies.set("a", "2", path="/x")
    cookies["b"] = "3"
    del cookies["a"]
    assert list(cookies) == ["b"]
    with pytest.raises(KeyError):
        del cookies["a"]
    with pytest.raises(KeyError):
        cookies["a"]


def test_deleting_sends_an_expired_cookie_in_place_of_a_set_one() -> None:
    cookies = ResponseCookies()
    cookies["a"] = "b"
    cookies.delete("a")
    assert cookies["a"] == ""
    assert cookies.raw == [(b"set-cookie", format_delete_cookie("a").encode())]


def test_it_is_a_mapping_in_every_other_way() -> None:
    cookies = ResponseCookies()
    cookies.update({"a": "1", "b": "2"})
    assert cookies.setdefault("a", "3") == "1"
    assert cookies.pop("a") == "1"
    assert "a" not in cookies
    assert cookies.get("a") is None
    cookies.clear()
    assert not cookies


def test_the_repr_keeps_values_to_itself() -> None:
    cookies = ResponseCookies()
    cookies["token"] = "hunter2"
    assert repr(cookies) == "<ResponseCookies ['token']>"
