from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.http.url import (
    URL,
    canonical_path,
    encode_path,
    encode_segment,
    parse_host,
    split_path,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


# URL


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://example.com/a", URL("http", "example.com", None, "/a")),
        ("HTTPS://Example.COM:8443/A?q=B", URL("https", "example.com", 8443, "/A", "q=B")),
        ("http://example.com", URL("http", "example.com", None, "/")),
        ("http://example.com?q=1", URL("http", "example.com", None, "/", "q=1")),
        ("http://example.com/?a?b", URL("http", "example.com", None, "/", "a?b")),
        ("http://example.com/a#b?c", URL("http", "example.com", None, "/a")),
        ("http://example.com?a/b", URL("http", "example.com", None, "/", "a/b")),
        ("http://example.com//a/../b", URL("http", "example.com", None, "//a/../b")),
        ("http://example.com./", URL("http", "example.com", None, "/")),
        ("http://;/a", URL("http", ";", None, "/a")),
        ("ws://[2001:DB8::1]:80/", URL("ws", "2001:db8::1", 80, "/")),
        ("http://a/caf%C3%A9?%zz|{}", URL("http", "a", None, "/caf%C3%A9", "%zz|{}")),
        ("http://a/http://b", URL("http", "a", None, "/http://b")),
    ],
)
def test_a_url_parses_into_its_parts(text: str, url: URL) -> None:
    assert URL.parse(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "//example.com/",
        "example.com",
        "http:example.com",
        "http:/example.com",
        "http:///path",
        "http://",
        "://example.com/",
        "1http://example.com/",
        "ht tp://example.com/",
        "/a?u=http://example.com/",
        "mailto:kenneth@example.com",
        "http://user@example.com/",
        "http://user:password@example.com/",
        "http://example.com:/",
        "http://example.com:port/",
        "http://example.com:65536/",
        "http://::1/",
        "http://[::1/",
        "http://exa%6Dple.com/",
        "http://b\u00fccher.example/",
        "http://example.com/caf\u00e9",
        "http://example.com/a b",
        " http://example.com/",
        "http://example.com/\n",
        "http://example.com/a\tb",
        "http://example.com/a\x00",
        "http://example.com/a\x7f",
        "http://example.com/#\n",
        "http://example.com\\evil",
        "http:\\\\example.com",
        "http://example.com/?a\\b",
        "http://example.com/?\ud800",
    ],
)
def test_a_malformed_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|percent-encode"):
        URL.parse(text)


@pytest.mark.parametrize(
    "text", ["http://example.com/a?b", "http://[::1]:80/", "http://;/", "https://example.com:443/", "ws://a_b:0/x%2Fy"]
)
def test_a_url_recomposes_as_it_was_written(text: str) -> None:
    assert str(URL.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "netloc", "origin"),
    [
        ("http://example.com/", "example.com", "http://example.com"),
        ("http://example.com:80/", "example.com:80", "http://example.com"),
        ("https://example.com:80/", "example.com:80", "https://example.com:80"),
        ("https://[::1]:443/", "[::1]:443", "https://[::1]"),
        ("wss://[::1]:444/", "[::1]:444", "wss://[::1]:444"),
        ("git://example.com:80/", "example.com:80", "git://example.com:80"),
    ],
)
def test_netloc_keeps_a_default_port_and_origin_drops_it(text: str, netloc: str, origin: str) -> None:
    assert (URL.parse(text).netloc, URL.parse(text).origin) == (netloc, origin)


def test_replace_gives_another_url() -> None:
    url = URL.parse("http://example.com:81/a?b")
    assert url.replace(scheme="https", port=None) == URL.parse("https://example.com/a?b")
    assert url.replace(path="/c", query="") == URL.parse("http://example.com:81/c")
    assert url.replace(host="::1") == URL.parse("http://[::1]:81/a?b")
    assert str(url) == "http://example.com:81/a?b"


@pytest.mark.parametrize(
    "changes",
    [
        {"scheme": ""},
        {"scheme": "HTTP"},
        {"scheme": "http://evil/"},
        {"host": ""},
        {"host": "Example.com"},
        {"host": "[::1]"},
        {"host": "evil/"},
        {"host": "user@evil"},
        {"host": "evil:80"},
        {"port": 65536},
        {"port": -1},
        {"path": ""},
        {"path": "a"},
        {"path": "/a?b"},
        {"path": "/a#b"},
        {"path": "/a b"},
        {"path": "/\\evil"},
        {"path": "/caf\u00e9"},
        {"path": "/\n"},
        {"query": "a#b"},
        {"query": "a\\b"},
        {"query": "a b"},
        {"query": "\r\n"},
    ],
)
def test_replace_refuses_a_part_that_cannot_stand_there(changes: Any) -> None:
    with pytest.raises(ValueError, match=r"write|percent-encode"):
        URL.parse("http://example.com/a").replace(**changes)


def test_a_url_is_a_frozen_value() -> None:
    url = URL.parse("http://example.com/a")
    assert hash(url) == hash(URL.parse("HTTP://example.com/a"))
    with pytest.raises(FrozenInstanceError):
        cast("Any", url).host = "evil"


@settings(max_examples=200, deadline=None)
@given(st.text("ahtp:/.;[]@%?#\\ \n1\u00e9", max_size=14).map(lambda text: f"http://{text}") | st.text(max_size=14))
def test_any_text_is_refused_or_recomposes_to_the_same_url(text: str) -> None:
    try:
        url = URL.parse(text)
    except ValueError:
        return
    assert URL.parse(str(url)) == url
    assert urlsplit(str(url)).path == url.path


# Host


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("example.com", ("example.com", None)),
        ("Example.COM:8080", ("example.com", 8080)),
        ("example.com.", ("example.com", None)),
        ("example.com.:80", ("example.com", 80)),
        ("localhost:0", ("localhost", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("localhost:00080", ("localhost", 80)),
        ("my_service-1", ("my_service-1", None)),
        ("127.0.0.1:5042", ("127.0.0.1", 5042)),
        ("[::1]", ("::1", None)),
        ("[2001:DB8::A]:443", ("2001:db8::a", 443)),
        ("[::ffff:127.0.0.1]", ("::ffff:127.0.0.1", None)),
        (";", (";", None)),
        ("a" * 253 + ":65535", ("a" * 253, 65535)),
    ],
)
def test_a_host_parses_into_name_and_port(value: str, parsed: tuple[str, int | None]) -> None:
    assert parse_host(value) == parsed


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        ".example.com",
        "example..com",
        "example.com..",
        ":80",
        "example.com:",
        "example.com:-1",
        "example.com:+1",
        "example.com: 1",
        "example.com:1_0",
        "example.com:65536",
        "example.com:000080",
        "example.com:\u0661",
        "example.com:80:80",
        "example.com:80\n",
        "example.com\n",
        " example.com",
        "example.com, evil.com",
        "example.com evil.com",
        "example.com/evil",
        "example.com?evil",
        "example.com#evil",
        "example.com\\evil",
        "user@example.com",
        "example.com:80@evil.com",
        "exa%6Dple.com",
        "ex\u00e4mple.com",
        "\u212aelvin.com",
        "example\u3002com",
        "example.com\x00",
        "<script>",
        "::1",
        "[]",
        "[::1",
        "::1]",
        "[::1]]",
        "[::1]a",
        "[::1]:",
        "[::1]:x",
        "[::1]:80:80",
        "[[::1]]",
        "[::1%25eth0]",
        "[::1%eth0]",
        "[:::1]",
        "[1::2::3]",
        "[127.0.0.1]",
        "[v1.a]",
        "[g::1]",
        "[" + ":" * 100 + "]",
        ";;",
        ";:80",
        "a;",
        "http://;",
        "a" * 260,
        "[" * 100_000,
        "a." * 100_000,
    ],
)
def test_what_is_no_host_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"write|at most 259 characters"):
        parse_host(value)


@settings(max_examples=300, deadline=None)
@given(
    st.text("aZ09.-_:[];@% \n/\u00e9", max_size=12) | st.text(max_size=12) | st.ip_addresses(v=6).map("[{}]:1".format)
)
def test_any_text_is_refused_or_gives_a_canonical_host(value: str) -> None:
    try:
        host, port = parse_host(value)
    except ValueError:
        return
    assert host
    assert host.isascii()
    assert host == host.lower()
    assert not set(host) & set("[]@%/\\ ?#\n")
    assert not host.startswith(".")
    assert not host.endswith(".")
    assert port is None or 0 <= port <= 65535
    written = f"[{host}]" if ":" in host else host
    assert parse_host(written if port is None else f"{written}:{port}") == (host, port)


@settings(max_examples=100, deadline=None)
@given(st.ip_addresses(v=6))
def test_every_ipv6_address_is_a_host(address: object) -> None:
    assert parse_host(f"[{address}]") == (str(address).lower(), None)


# Paths


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        (b"/", ("",)),
        (b"/a", ("a",)),
        (b"/a/", ("a", "")),
        (b"//a", ("", "a")),
        (b"/a/b", ("a", "b")),
        (b"/a%2Fb", ("a/b",)),
        (b"/a%2fb/", ("a/b", "")),
        (b"/%2e%2e/..", ("..", "..")),
        (b"/caf%C3%A9", ("caf\u00e9",)),
        (b"/caf\xc3\xa9", ("caf\u00e9",)),
        (b"/caf\xc3%A9", ("caf\u00e9",)),
        (b"/a+b", ("a+b",)),
        (b"/%25", ("%",)),
        (b"/%252F", ("%2F",)),
        (b"/%00", ("\x00",)),
        (b"/a\\b", ("a\\b",)),
    ],
)
def test_a_path_is_split_before_it_is_decoded(raw: bytes, segments: tuple[str, ...]) -> None:
    assert split_path(raw) == segments


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"*",
        b"a/b",
        b"%2Fa",
        b"http://example.com/",
        b"/%",
        b"/%4",
        b"/%zz",
        b"/%+1",
        b"/%4/1",
        b"/%%41",
        b"/\xff",
        b"/%ff",
        b"/%C3/%A9",
        b"/\xc3/\xa9",
        b"/%C0%AF",
        b"/%ED%A0%80",
        b"/" + b"%" * 200_000,
    ],
)
def test_a_broken_path_gives_nothing(raw: bytes) -> None:
    assert split_path(raw) is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=12).map(lambda tail: b"/" + tail) | st.binary(max_size=12))
def test_any_path_splits_into_as_many_segments_as_it_has_slashes(raw: bytes) -> None:
    segments = split_path(raw)
    if segments is not None:
        assert len(segments) == raw.count(b"/")


@settings(max_examples=200, deadline=None)
@given(st.lists(texts.filter(lambda text: text not in {".", ".."}), min_size=1, max_size=5))
def test_encoded_segments_split_back(segments: list[str]) -> None:
    path = "".join(f"/{encode_segment(segment)}" for segment in segments)
    assert path.isascii()
    assert split_path(path.encode()) == tuple(segments)
    assert URL("http", "a").replace(path=path).path == path


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("", ""),
        ("a-b._~c", "a-b._~c"),
        ("!$&'()*+,;=:@", "!$&'()*+,;=:@"),
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("?#[]%", "%3F%23%5B%5D%25"),
        ("caf\u00e9", "caf%C3%A9"),
        ('"<>\\^`{|}', "%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("\r\n", "%0D%0A"),
        ("...", "..."),
        (".a", ".a"),
    ],
)
def test_a_segment_keeps_what_the_rfc_lets_stand(text: str, encoded: str) -> None:
    assert encode_segment(text) == encoded


@pytest.mark.parametrize("text", [".", ".."])
def test_a_dot_segment_cannot_be_encoded(text: str) -> None:
    with pytest.raises(ValueError, match="clients resolve it away"):
        encode_segment(text)


def test_a_path_keeps_its_slashes() -> None:
    assert encode_path("/a b//c\u00e9/") == "/a%20b//c%C3%A9/"
    assert encode_path("") == ""


@pytest.mark.parametrize("text", ["../etc/passwd", "a/..", "a/./b"])
def test_a_path_with_a_dot_segment_cannot_be_encoded(text: str) -> None:
    with pytest.raises(ValueError, match="clients resolve it away"):
        encode_path(text)


def test_a_literal_path_has_one_canonical_form() -> None:
    assert canonical_path("/caf\u00e9/a b/100%/{x}") == b"/caf%C3%A9/a%20b/100%25/%7Bx%7D"
