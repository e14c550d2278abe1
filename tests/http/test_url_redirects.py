from __future__ import annotations

import re
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.http.url import encode_location, is_same_site

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)

STAYING = [
    "",
    "/",
    "/path",
    "path",
    "path/to//x",
    "/a//b",
    "/a/../b",
    "../up",
    ".",
    "?q=1",
    "?next=http://evil.com/",
    "?next=//evil.com",
    "#f",
    "#//evil.com",
    "/a?b:c#d:e",
    "/a:b",
    "./a:b",
    "/http://evil.com",
    "/caf\u00e9 au lait",
    "/@evil.com",
    "/%2F%2Fevil.com",
    "/%5Cevil.com",
    "/%09/evil.com",
    "evil.com",
    "http://example.com",
    "HTTP://EXAMPLE.com./x",
    "http://example.com/a?b#c",
    "http://example.com?//evil.com",
    "http://example.com#@evil.com",
    "http://example.com//evil.com",
    "http://example.com:80/",
    "https://example.com/",
    "https://example.com:443/",
    "https://example.com:80/",
]

LEAVING = [
    "//evil.com",
    "///evil.com",
    "////evil.com",
    "//example.com",
    "//",
    "\\\\evil.com",
    "/\\evil.com",
    "\\/evil.com",
    "/\\/evil.com",
    "\\evil.com",
    "/path\\evil",
    "\t//evil.com",
    "/\t/evil.com",
    "/\n/evil.com",
    "/\r/evil.com",
    "/\r\nSet-Cookie: a=1",
    "\x00//evil.com",
    "\x1f/\x1f/evil.com",
    "\x7f//evil.com",
    "\x85//evil.com",
    " //evil.com",
    " /path",
    "/path ",
    "\u00a0//evil.com",
    "\u2028//evil.com",
    "/\ud800",
    "/.//evil.com",
    "/..//evil.com",
    "/%2e//evil.com",
    "/%2E%2e//evil.com",
    "/./a/..//evil.com",
    "/a/..//evil.com",
    ".//evil.com",
    "..//evil.com",
    "http:evil.com",
    "http:/evil.com",
    "http:///evil.com",
    "http:////evil.com",
    "https:evil.com",
    "https:/evil.com",
    "https:///evil.com",
    "http:\\\\evil.com",
    "http:/\\evil.com",
    "ht\ntp://evil.com",
    "http://evil.com",
    "https://evil.com",
    "HTTPS://EVIL.COM",
    "http://",
    "http://?",
    "http:",
    "http:path",
    "http:/path",
    "http:///path",
    "http:?q",
    "h\u017fttp://example.com",
    "http\u017f://example.com",
    "http://example.com@evil.com",
    "http://example.com:80@evil.com",
    "http://example.com:@evil.com",
    "http://good@example.com",
    "http://@example.com",
    "http://evil.com@example.com",
    "http://example.com\\@evil.com",
    "http://example.com%40evil.com",
    "http://example.com%2eevil.com",
    "http://example.com;.evil.com",
    "http://example.com&.evil.com",
    "http://example.com\u3002evil.com",
    "http://example\u3002com",
    "http://example\uff0ecom",
    "http://e\u212aample.com",
    "http://\uff45xample.com",
    "http://example.com\u2100.evil.com",
    "http://example.com\uff0fevil.com",
    "http://example.com.evil.com",
    "http://evilexample.com",
    "http://sub.example.com",
    "http://example.com..",
    "http://.example.com",
    "http://example.com ",
    "http://example .com",
    "http://example.com:8080/",
    "http://example.com:443/",
    "http://example.com:/",
    "http://example.com:x/",
    "http://example.com:080080/",
    "https://example.com:8443/",
    "http://[::1]/",
    "http://[example.com]/",
    "http://;/",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "javascript://example.com/%0aalert(1)",
    "data:text/html,<script>",
    "vbscript:x",
    "file:///etc/passwd",
    "mailto:a@example.com",
    "ftp://example.com/",
    "ws://example.com/",
    "blob:http://example.com/x",
    "view-source:http://example.com/",
    "1:2",
    "a:b",
    "example.com:80",
    ":80",
    "://evil.com",
    "//google\u3002com",
    "//;@evil.com",
    "http://;@evil.com",
]


@pytest.mark.parametrize("location", STAYING)
def test_a_redirect_within_the_site_stays(location: str) -> None:
    assert is_same_site(location, scheme="http", host="example.com", port=None)


@pytest.mark.parametrize("location", LEAVING)
def test_a_redirect_that_leaves_or_may_leave_is_foreign(location: str) -> None:
    assert not is_same_site(location, scheme="http", host="example.com", port=None)


@pytest.mark.parametrize(
    ("location", "scheme", "host", "port", "stays"),
    [
        ("https://example.com/", "http", "example.com", 80, True),
        ("https://example.com/", "http", "example.com", 8080, False),
        ("https://example.com:8080/", "http", "example.com", 8080, True),
        ("http://example.com/", "http", "example.com", 8080, False),
        ("http://example.com/", "https", "example.com", None, False),
        ("https://example.com/", "https", "example.com", 443, True),
        ("https://example.com/", "https", "Example.com.", None, True),
        ("https://example.com/", "wss", "example.com", None, False),
        ("/path", "wss", "example.com", None, True),
        ("http://[::1]:81/", "http", "::1", 81, True),
        ("http://[::1]:81/", "http", "::2", 81, False),
        ("http://;/path", "http", ";", None, True),
        ("http://;/path", "http", "example.com", None, False),
        ("http://", "http", "", None, False),
        ("http:///", "http", "", None, False),
    ],
)
def test_the_authority_is_compared_as_a_whole(
    location: str, scheme: str, host: str, port: int | None, *, stays: bool
) -> None:
    assert is_same_site(location, scheme=scheme, host=host, port=port) is stays


PIECES = [
    *("http", "https", "javascript", ":", ":80", "/", "//", "\\", "@", "example.com", "evil.com", "a"),
    *(".", "..", "%2e", "\u3002", "?", "#", ";", "[", "]", " ", "\t", "\n", "\x00"),
]


def browser_host(location: str) -> str | None:
    """Give the host that a browser would go to from http://example.com/dir/page (URL Standard section 4.4)."""
    text = location.strip("".join(map(chr, range(0x21))))
    text = "".join(character for character in text if character not in "\t\n\r").replace("\\", "/")
    scheme, colon, rest = text.partition(":")
    if colon and scheme[:1].isalpha() and scheme.isascii() and scheme.replace("+", "a").isalnum():
        if scheme.lower() not in {"http", "https"}:
            return None
        if scheme.lower() == "http" and not rest.startswith("//"):
            return "example.com"
        text = "//" + rest.lstrip("/")
    if not text.startswith("//"):
        return "example.com"
    authority = re.split("[/?#]", text.lstrip("/"), maxsplit=1)[0]
    return authority.rpartition("@")[2].lower().partition(":")[0].removesuffix(".")


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.sampled_from(PIECES),
        max_size=8,
    ).map("".join)
)
def test_whatever_stays_stays_in_a_browser_and_in_urllib(location: str) -> None:
    if not is_same_site(location, scheme="http", host="example.com", port=None):
        return
    assert browser_host(location) == "example.com"
    sent = encode_location(location)
    assert is_same_site(sent, scheme="http", host="example.com", port=None)
    joined = urlsplit(urljoin("http://example.com/dir/page", sent))
    assert joined.scheme in {"http", "https"}
    assert (joined.hostname or "").removesuffix(".") == "example.com"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=16))
def test_any_text_is_decided_and_never_raises(location: str) -> None:
    assert is_same_site(location, scheme="http", host="example.com", port=None) in {True, False}


@pytest.mark.parametrize(
    "location", ["/" + "../" * 100_000 + "/a", "." * 300_000, "/." * 100_000, "http://" + "a." * 100_000]
)
def test_a_long_location_is_decided_in_linear_time(location: str) -> None:
    assert is_same_site(location, scheme="http", host="example.com", port=None) in {True, False}


@pytest.mark.parametrize(
    ("location", "encoded"),
    [
        ("", ""),
        ("/path?q=1&r=[2]#f", "/path?q=1&r=[2]#f"),
        ("http://[::1]:80/~a", "http://[::1]:80/~a"),
        ("/caf\u00e9 au lait", "/caf%C3%A9%20au%20lait"),
        ("/caf%C3%A9%20%2f", "/caf%C3%A9%20%2f"),
        ("/100%", "/100%25"),
        ("/%zz%4", "/%25zz%254"),
        ('/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("/%\u00e9", "/%25%C3%A9"),
        ("/\U0001f600", "/%F0%9F%98%80"),
        ("http://b\u00fccher.example/", "http://b%C3%BCcher.example/"),
    ],
)
def test_a_location_becomes_ascii(location: str, encoded: str) -> None:
    assert encode_location(location) == encoded


@pytest.mark.parametrize("location", ["/\r\nSet-Cookie: a=1", "/\n", "/\t", "/\x00", "/\x7f", "/\x85"])
def test_a_location_with_a_control_character_is_refused(location: str) -> None:
    with pytest.raises(ValueError, match="no control characters"):
        encode_location(location)


def test_a_location_with_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        encode_location("/\ud800")


@settings(max_examples=200, deadline=None)
@given(texts | st.text("%aF4 \u00e9", max_size=12))
def test_encoding_a_location_twice_changes_nothing_more(text: str) -> None:
    try:
        encoded = encode_location(text)
    except ValueError:
        return
    assert all("!" <= character <= "~" for character in encoded)
    assert encode_location(encoded) == encoded
    assert unquote(encoded) == unquote(text)
