from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import responder
from responder import HSTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Caller

YEAR = "max-age=31536000"


def make(option: bool | HSTS = True, **options: Any) -> responder.API:  # noqa: FBT001, FBT002 - the option of an API
    api = responder.API(enable_hsts=option, **options)

    @api.route("/hello")
    async def hello(req: responder.Request, resp: responder.Response) -> None:
        resp.text = req.full_url

    @api.route("/broken")
    async def broken(req: responder.Request, resp: responder.Response) -> None:
        raise ZeroDivisionError

    return api


@pytest.fixture
def api() -> responder.API:
    return make()


# What came by HTTP


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "TRACE"])
def test_what_came_by_http_is_sent_to_https_with_its_method(call: Caller, api: responder.API, method: str) -> None:
    answer = call(api, b"/hello", method=method, body=[b"body"])
    assert (answer.status, answer.headers["location"], answer.body) == (307, "https://example.com/hello", b"")


@pytest.mark.parametrize("path", [b"/broken", b"/nothing", b"/hello/", b"/static/a.txt"])
def test_every_path_is_sent_to_https(call: Caller, api: responder.API, path: bytes) -> None:
    assert call(api, path).headers["location"] == f"https://example.com{path.decode()}"


@pytest.mark.parametrize(
    "target", [b"/a%2Fb%20c", b"/%e9%C3%A9", b"/a;b=c/../d//e", b"//evil.example", b"/\\evil.example", b'/"<>^`{|}']
)
@pytest.mark.parametrize("query", [b"", b"a=1&b=%2f", b'q={"x":[1]}|^`<>', b"?", b"next=https://evil.example/"])
def test_path_and_query_stay_byte_for_byte(call: Caller, api: responder.API, target: bytes, query: bytes) -> None:
    wanted = b"https://example.com" + target + (b"?" + query if query else b"")
    answer = call(api, target, path="/whatever", query_string=query)
    assert (answer.status, answer.headers["location"]) == (307, wanted.decode())


def test_bytes_that_no_header_carries_are_percent_encoded(call: Caller, api: responder.API) -> None:
    answer = call(api, b"/\xe9\r\nX: y", query_string=b"\x00 \xff")
    assert answer.headers["location"] == "https://example.com/%E9%0D%0AX:%20y?%00%20%FF"


def test_a_server_that_gives_no_raw_path_gives_a_decoded_one(call: Caller, api: responder.API) -> None:
    answer = call(api, None, path="/caf\u00e9/../a?b \ud800")
    assert answer.headers["location"] == "https://example.com/caf%C3%A9/../a%3Fb%20%3F"


@pytest.mark.parametrize("target", [b".evil.example/", b"@evil.example/", b":1/", b"*", b"", b"http://evil.example/"])
def test_what_is_no_path_does_not_go_on_with_the_host(call: Caller, api: responder.API, target: bytes) -> None:
    answer = call(api, target, path="/hello", method="OPTIONS")
    assert (answer.status, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        (b"example.com:80", "https://example.com/"),
        (b"example.com:8000", "https://example.com/"),
        (b"EXAMPLE.com.", "https://example.com/"),
        (b"[::1]:8000", "https://[::1]/"),
    ],
)
def test_the_host_stays_and_its_port_does_not(call: Caller, api: responder.API, host: bytes, wanted: str) -> None:
    assert call(api, host=host).headers["location"] == wanted


def test_https_may_be_on_another_port(call: Caller) -> None:
    assert call(make(HSTS(port=8443)), host=b"[::1]:80").headers["location"] == "https://[::1]:8443/"


@pytest.mark.parametrize("host", [b"", b"a b", b"evil.example/", b"example.com\r\nX: y", None])
def test_what_is_no_host_is_refused(call: Caller, api: responder.API, host: bytes | None) -> None:
    assert call(api, host=host).status == 400


def test_a_request_without_a_host_cannot_be_sent_elsewhere(call: Caller, api: responder.API) -> None:
    assert call(api, host=None, http_version="1.0").status == 400


def test_a_foreign_host_is_refused_and_not_redirected_to(call: Caller) -> None:
    assert call(make(allowed_hosts=["example.com"]), host=b"evil.example").status == 400


def test_nothing_runs_before_the_redirect(call: Caller, api: responder.API) -> None:
    seen: list[str] = []
    api.before_request()(lambda req, resp: seen.append(req.method))
    assert call(api, b"/hello", method="POST").status == 307
    assert seen == []


def test_an_answer_by_http_does_not_have_the_field(call: Caller, api: responder.API) -> None:
    assert "strict-transport-security" not in call(api, b"/hello").headers


def test_a_client_follows_the_redirect(api: responder.API) -> None:
    answer = api.requests.post("/hello?a=1", data=b"body")
    assert (answer.text, answer.history[0].status_code) == ("https://;/hello?a=1", 307)


def test_a_redirect_whose_after_hook_fails_leads_nowhere(call: Caller, api: responder.API) -> None:
    @api.after_request()
    async def fail(req: responder.Request, resp: responder.Response) -> None:
        raise ZeroDivisionError

    answer = call(api, b"/hello")
    assert (answer.status, "location" in answer.headers) == (500, False)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_whatever_the_target_is_the_host_stays(call: Caller, target: bytes, query: bytes) -> None:
    answer = call(SERVED, target, path="/", query_string=query)
    if answer.status == 307:
        assert answer.headers["location"].startswith("https://example.com/")
        assert answer.headers["location"].isprintable()
    else:
        assert answer.status == 400


SERVED = make()


# What came by HTTPS


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        (True, YEAR),
        (HSTS(), YEAR),
        (HSTS(max_age=0), "max-age=0"),
        (HSTS(max_age=60, include_subdomains=True), "max-age=60; includeSubDomains"),
        (HSTS(include_subdomains=True, preload=True), f"{YEAR}; includeSubDomains; preload"),
    ],
)
def test_what_came_by_https_is_served_with_the_field(call: Caller, option: bool | HSTS, wanted: str) -> None:  # noqa: FBT001 - the option of an API
    answer = call(make(option), b"/hello", scheme="https")
    assert (answer.status, answer.headers["strict-transport-security"]) == (200, wanted)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/broken", "GET", 500), ("/nothing", "GET", 404), ("/hello", "TRACE", 405), ("/hello", "OPTIONS", 204)],
)
def test_errors_have_the_field_too(call: Caller, api: responder.API, path: str, method: str, status: int) -> None:
    answer = call(api, path.encode(), scheme="https", method=method)
    assert (answer.status, answer.headers["strict-transport-security"]) == (status, YEAR)


def test_files_have_the_field_too(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    api = make(static_dir=tmp_path)
    first = call(api, b"/static/a.txt", scheme="https")
    again = call(api, b"/static/a.txt", scheme="https", headers=[(b"if-none-match", first.headers["etag"].encode())])
    assert [answer.headers["strict-transport-security"] for answer in (first, again)] == [YEAR, YEAR]
    assert again.status == 304


def test_the_field_of_a_view_stays_alone(call: Caller, api: responder.API) -> None:
    @api.get("/own")
    async def own(req: responder.Request, resp: responder.Response) -> None:
        resp.headers["Strict-Transport-Security"] = "max-age=5"

    fields = call(api, b"/own", scheme="https").fields
    assert [value for name, value in fields if name == "strict-transport-security"] == ["max-age=5"]


def test_other_fields_of_a_view_change_nothing(call: Caller, api: responder.API) -> None:
    @api.get("/other")
    async def other(req: responder.Request, resp: responder.Response) -> None:
        resp.headers["X-Other"] = "1"

    assert call(api, b"/other", scheme="https").headers["strict-transport-security"] == YEAR


def test_without_the_option_nothing_is_said_and_http_is_served(call: Caller) -> None:
    answers = [call(make(option=False), b"/hello", scheme=scheme) for scheme in ("http", "https")]
    assert [answer.status for answer in answers] == [200, 200]
    assert not any("strict-transport-security" in answer.headers for answer in answers)


# Behind proxies, and WebSockets


FORGED = [(b"x-forwarded-proto", b"https"), (b"forwarded", b"proto=https"), (b"front-end-https", b"on")]


def test_a_client_cannot_pretend_to_come_by_https(call: Caller, api: responder.API) -> None:
    assert call(api, b"/hello", headers=FORGED).status == 307


def test_a_trusted_proxy_says_whether_a_request_came_by_https(call: Caller) -> None:
    api = make(proxies=responder.Proxies(trusted=["127.0.0.1"]))
    answers = [call(api, b"/hello", headers=[(b"x-forwarded-proto", scheme)]) for scheme in (b"http", b"https")]
    assert [answer.status for answer in answers] == [307, 200]
    assert ["strict-transport-security" in answer.headers for answer in answers] == [False, True]


@pytest.mark.parametrize("scheme", [b"", b"https, http", b"HTTPS\x00", b"ftp", b"\xff"])
def test_what_a_proxy_says_without_sense_is_not_https(call: Caller, scheme: bytes) -> None:
    api = make(proxies=responder.Proxies(trusted=["127.0.0.1"]))
    assert call(api, b"/hello", headers=[(b"x-forwarded-proto", scheme)]).status == 307


@pytest.mark.parametrize(("scheme", "fields"), [("ws", ((b"location", b"wss://example.com/chat?a=1"),)), ("wss", ())])
def test_a_handshake_is_sent_to_wss(api: responder.API, scheme: str, fields: tuple[Any, ...]) -> None:
    req, resp = responder.Request(), responder.Response()
    req.api, resp.req = api, req
    req.scope = {
        "type": "websocket",
        "scheme": scheme,
        "path": "/chat",
        "raw_path": b"/chat",
        "query_string": b"a=1",
        "headers": [(b"host", b"example.com")],
        "client": None,
    }
    for guard in api.policies.of_handshakes:
        guard(req, resp)
    assert resp.policy_fields == fields
