from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import responder
from responder import CSRF

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.conftest import Answer, Caller

COOKIE = (b"cookie", b"Responder-Session=abc")
OWN = "http://example.com"


def make(**options: Any) -> responder.API:
    api = responder.API(**options)

    @api.route("/change")
    async def change(req: responder.Request, resp: responder.Response) -> None:
        resp.text = "changed"

    @api.route("/hook", csrf=False)
    async def hook(req: responder.Request, resp: responder.Response) -> None:
        resp.text = "hooked"

    return api


@pytest.fixture(scope="module", name="api")
def make_api() -> responder.API:
    return make()


def ask(call: Caller, api: responder.API, site: str | None = None, origin: str | None = None, **options: Any) -> Answer:
    """Send a POST with a cookie, unless told otherwise."""
    told = {b"sec-fetch-site": site, b"origin": origin}
    headers = [(name, value.encode("latin-1")) for name, value in told.items() if value is not None]
    return call(api, **{"raw_path": b"/change", "method": "POST", "headers": [COOKIE, *headers]} | options)


@pytest.mark.parametrize(
    ("site", "origin"),
    [
        ("same-origin", None),
        ("same-origin", OWN),
        ("same-origin", "null"),
        ("none", None),
        (None, OWN),
        (None, None),
    ],
)
def test_what_comes_from_here_passes(call: Caller, api: responder.API, site: str | None, origin: str | None) -> None:
    assert ask(call, api, site, origin).status == 200


@pytest.mark.parametrize(
    "site", ["cross-site", "same-site", "", "SAME-ORIGIN", "same-origin ", "same-origin, none", "\xff"]
)
@pytest.mark.parametrize("origin", [None, OWN, "https://evil.example", "null"])
def test_what_a_browser_says_comes_from_elsewhere_is_refused(
    call: Caller, api: responder.API, site: str, origin: str | None
) -> None:
    assert ask(call, api, site, origin).status == 403


FOREIGN = [
    *("null", "", " ", "example.com", "://example.com", "//example.com", "http:example.com", "http:///example.com"),
    *("https://evil.example", "http://a.example.com", "http://example.com.evil.example", "http://evilexample.com"),
    *("http://example.com:8000", "https://example.com:8443", "http://example.com:", "http://example.com/", OWN + "/x"),
    *("http://example.com@evil.example", "http://evil.example@example.com", "http://evil.example#example.com"),
    *("http://example.com, https://evil.example", "http://example.com\x00", "http://example.com\xff", " " + OWN),
    *("ftp://example.com", "ws://example.com", "chrome-extension://example.com", "HTTP://example.com", "http://"),
    *("http://[::1", "http://" + "a" * 10_000, "http://example.com:99999", "http://;"),
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_an_origin_that_is_not_the_host_is_refused(call: Caller, api: responder.API, origin: str) -> None:
    assert ask(call, api, None, origin).status == 403


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://example.com", b"example.com:80"),
        ("http://example.com:80", b"example.com"),
        ("https://example.com", b"example.com"),
        ("https://example.com", b"example.com:443"),
        ("http://example.com:8000", b"example.com:8000"),
        ("http://example.com", b"EXAMPLE.com"),
        ("http://example.com.", b"example.com."),
        ("http://[::1]:8000", b"[::1]:8000"),
        ("http://127.0.0.1:5042", b"127.0.0.1:5042"),
    ],
)
def test_an_origin_that_is_the_host_passes(call: Caller, api: responder.API, origin: str, host: bytes) -> None:
    assert ask(call, api, None, origin, host=host).status == 200


@pytest.mark.parametrize(("origin", "status"), [("https://example.com", 200), ("http://example.com", 403)])
def test_a_page_that_came_by_http_may_not_change_what_is_behind_https(
    call: Caller, api: responder.API, origin: str, status: int
) -> None:
    assert ask(call, api, None, origin, scheme="https").status == status


@pytest.mark.parametrize("host", [b"", b"a b", b"evil.example/"])
def test_what_is_no_host_is_a_400(call: Caller, api: responder.API, host: bytes) -> None:
    assert ask(call, api, None, OWN, host=host).status == 400


def test_an_origin_needs_a_host_to_be_compared_with(call: Caller, api: responder.API) -> None:
    assert ask(call, api, None, OWN, host=None, http_version="1.0").status == 400


@pytest.mark.parametrize(
    "doubled",
    [
        [(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-site", b"same-origin")],
        [(b"sec-fetch-site", b"same-origin"), (b"sec-fetch-site", b"cross-site")],
        [(b"origin", b"https://evil.example"), (b"origin", b"http://example.com")],
        [(b"origin", b"http://example.com"), (b"origin", b"https://evil.example")],
    ],
)
def test_a_field_that_comes_twice_is_not_trusted(
    call: Caller, api: responder.API, doubled: Iterable[tuple[bytes, bytes]]
) -> None:
    assert ask(call, api, headers=[COOKIE, *doubled]).status == 403


def test_cookies_may_come_in_several_fields(call: Caller, api: responder.API) -> None:
    """As they do by HTTP/2 (RFC 9113 section 8.2.3)."""
    cookies = [(b"cookie", b"a=1"), (b"cookie", b"b=2")]
    assert ask(call, api, headers=[*cookies, (b"sec-fetch-site", b"same-origin")]).status == 200
    assert ask(call, api, headers=[*cookies, (b"sec-fetch-site", b"cross-site")]).status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_methods_that_change_something_are_guarded(call: Caller, api: responder.API, method: str) -> None:
    assert ask(call, api, "cross-site", method=method).status == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "QUERY"])
@pytest.mark.parametrize(("path", "status"), [(b"/change", 2), (b"/nothing", 4)])
def test_methods_that_change_nothing_are_not(
    call: Caller, api: responder.API, method: str, path: bytes, status: int
) -> None:
    answer = ask(call, api, "cross-site", "https://evil.example", method=method, raw_path=path)
    assert answer.status // 100 == status
    assert answer.status != 403


def test_a_request_without_cookies_passes(call: Caller, api: responder.API) -> None:
    headers = [(b"sec-fetch-site", b"cross-site"), (b"origin", b"https://evil.example")]
    assert ask(call, api, headers=headers).status == 200


def test_an_empty_cookie_field_counts(call: Caller, api: responder.API) -> None:
    assert ask(call, api, headers=[(b"cookie", b""), (b"sec-fetch-site", b"cross-site")]).status == 403


def test_a_forged_request_is_refused_before_the_hooks(call: Caller) -> None:
    api, seen = make(), []
    api.before_request()(lambda req, resp: seen.append(req))
    assert ask(call, api, "cross-site").status == 403
    assert seen == []


def test_the_refusal_is_a_problem_document(call: Caller, api: responder.API) -> None:
    answer = ask(call, api, "cross-site")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.media["detail"] == "A request from another site may not change anything here."


def test_a_route_may_be_left_out(call: Caller, api: responder.API) -> None:
    assert ask(call, api, "cross-site", raw_path=b"/hook").status == 200


def test_all_routes_may_be_left_out(call: Caller) -> None:
    assert ask(call, make(csrf=False), "cross-site", "https://evil.example").status == 200


@pytest.mark.parametrize("csrf", ["on", "", None, 1])
def test_what_is_no_such_option_is_refused(csrf: Any) -> None:
    with pytest.raises(responder.ConfigurationError):
        responder.API(csrf=csrf)


# Other origins


TRUSTING = {"csrf": CSRF(trusted_origins=["https://App.example.org:443"])}
SHARING = {
    "cors": True,
    "cors_params": {
        "allow_origins": ["https://app.example.org", "null"],
        "allow_origin_regex": r"https://[a-z]+\.example\.net",
        "allow_credentials": True,
    },
}


@pytest.mark.parametrize("site", [None, "cross-site", "same-site"])
@pytest.mark.parametrize("origin", ["https://app.example.org", OWN])
def test_a_trusted_origin_passes(call: Caller, site: str | None, origin: str) -> None:
    is_trusted = origin != OWN or site is None
    assert ask(call, make(**TRUSTING), site, origin).status == (200 if is_trusted else 403)


@pytest.mark.parametrize(
    "origin", ["https://app.example.org.", "https://app.example.org:443", "HTTPS://app.example.org"]
)
def test_a_trusted_origin_is_exact(call: Caller, origin: str) -> None:
    assert ask(call, make(**TRUSTING), "cross-site", origin).status == 403


@pytest.mark.parametrize("origin", ["https://app.example.org", "https://a.example.net", "null"])
def test_an_origin_that_cors_allows_with_credentials_passes(call: Caller, origin: str) -> None:
    assert ask(call, make(**SHARING), "cross-site", origin).status == 200


@pytest.mark.parametrize(
    "origin", [None, "https://evil.example", "https://a.b.example.net", "https://a.example.net.evil.example"]
)
def test_one_that_cors_does_not_allow_is_refused(call: Caller, origin: str | None) -> None:
    assert ask(call, make(**SHARING), "cross-site", origin).status == 403


@pytest.mark.parametrize("params", [{"allow_origins": ["https://app.example.org"]}, {"allow_origins": ["*"]}])
def test_an_origin_that_cors_allows_without_credentials_is_refused(call: Caller, params: dict[str, Any]) -> None:
    assert ask(call, make(cors=True, cors_params=params), "cross-site", "https://app.example.org").status == 403


def test_both_lists_count(call: Caller) -> None:
    api = make(**SHARING, csrf=CSRF(trusted_origins=["https://third.example"]))
    assert ask(call, api, "cross-site", "https://third.example").status == 200


@given(st.binary(max_size=40), st.none() | st.binary(max_size=20))
def test_whatever_is_said_of_where_it_comes_from_is_no_failure(call: Caller, origin: bytes, site: bytes | None) -> None:
    headers = [COOKIE, (b"origin", origin), *([] if site is None else [(b"sec-fetch-site", site)])]
    assert ask(call, SERVED, headers=headers).status in {200, 403}


SERVED = make(**SHARING)


# WebSocket handshakes


@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        ([], False),
        ([(b"origin", b"https://evil.example")], False),
        ([COOKIE], False),
        ([COOKIE, (b"origin", b"https://example.com")], False),
        ([COOKIE, (b"origin", b"https://evil.example")], True),
        ([COOKIE, (b"sec-fetch-site", b"cross-site"), (b"origin", b"https://example.com")], True),
        ([COOKIE, (b"sec-fetch-site", b"same-origin")], False),
    ],
)
@pytest.mark.parametrize("more", [{}, {"method": "GET"}])
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_handshake_is_guarded(
    api: responder.API, headers: list[tuple[bytes, bytes]], more: dict[str, str], scheme: str, *, is_refused: bool
) -> None:
    req, resp = responder.Request(), responder.Response()
    req.api, resp.req = api, req
    req.scope = {
        "type": "websocket",
        "scheme": scheme,
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"example.com"), *headers],
        "client": None,
        **more,
    }
    with pytest.raises(responder.HTTPError, match=r"^403 ") if is_refused else nullcontext():
        for guard in api.policies.of_handshakes:
            guard(req, resp)
