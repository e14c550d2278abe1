from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.safety.service import Service, request, statuses

import responder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Answer, Caller

APP = """
import sys

from responder import API

api = API(allowed_hosts=["example.com"])


@api.route("/url")
async def url(req, resp):
    resp.text = req.full_url


if __name__ == "__main__":
    api.run(port=0, server=sys.argv[1], grace=0.3)
"""


def make(*allowed: str, **options: Any) -> responder.API:
    api = responder.API(allowed_hosts=allowed or None, **options)

    @api.route("/url")
    async def url(req: responder.Request, resp: responder.Response) -> None:
        resp.text = req.full_url

    return api


def ask(call: Caller, host: bytes | None, *allowed: str, **scope: Any) -> Answer:
    return call(make(*allowed), b"/url", host=host, **scope)


ALLOWED = [
    ("example.com", "example.com"),
    ("example.com", "EXAMPLE.com"),
    ("example.com", "example.com."),
    ("example.com", "example.com:8000"),
    ("example.com", "example.com.:8000"),
    ("Example.COM.", "example.com"),
    ("example.com:8000", "example.com:8000"),
    ("example.com:8000", "example.com:08000"),
    ("example.com:80", "example.com"),
    ("*.example.com", "a.example.com"),
    ("*.example.com", "a.b.Example.com."),
    ("*.example.com", "a.example.com:8000"),
    ("*.example.com:8000", "a.example.com:8000"),
    ("127.0.0.1", "127.0.0.1:5042"),
    ("[::1]", "[::1]"),
    ("[::1]", "[::1]:5042"),
    ("[::1]:5042", "[::1]:5042"),
    ("[0:0:0:0:0:0:0:1]", "[::1]"),
    ("[2001:DB8::1]", "[2001:db8:0::1]"),
    ("*", "whatever.example"),
    (";", ";"),
]


@pytest.mark.parametrize(("allowed", "host"), ALLOWED)
def test_a_host_that_is_allowed(call: Caller, allowed: str, host: str) -> None:
    assert ask(call, host.encode(), "first.example", allowed).status == 200


FOREIGN = [
    ("example.com", "evil.example"),
    ("example.com", "a.example.com"),
    ("example.com", "example.com.evil.example"),
    ("example.com", "evilexample.com"),
    ("example.com", ";"),
    ("example.com:8000", "example.com"),
    ("example.com:8000", "example.com:8001"),
    ("example.com:443", "example.com"),
    ("*.example.com", "example.com"),
    ("*.example.com", "evilexample.com"),
    ("*.example.com", "a.example.com.evil.example"),
    ("*.example.com:8000", "a.example.com"),
    ("127.0.0.1", "127.0.0.2"),
    ("[::1]", "[::2]"),
    ("[::1]", "[::1]:80:80"),
]


@pytest.mark.parametrize(("allowed", "host"), FOREIGN)
def test_a_foreign_host_is_refused(call: Caller, allowed: str, host: str) -> None:
    assert ask(call, host.encode(), allowed).status == 400


BROKEN = [
    *(b"", b" ", b":80", b"a:", b"a:x", b"a:99999", b"a:-1", b"a b", b"a/b", b"a?b", b"a#b", b"user@example.com"),
    *(b"example.com,evil.example", b"example.com\x00", b"example.com\r\nX: y", b"\xe9xample.com", b"ex%61mple.com"),
    *(
        b"[::1",
        b"::1",
        b"[]",
        b"[::1]x",
        b"[::g]",
        b"*.example.com",
        b".example.com",
        b"example..com",
        b"example.com..",
    ),
    *(b"http://example.com", b"example.com\\evil", b"a" * 300, b"[" + b":" * 10_000 + b"]"),
]


@pytest.mark.parametrize("host", BROKEN)
def test_what_is_no_host_is_refused_whether_hosts_are_listed_or_not(call: Caller, host: bytes) -> None:
    assert [ask(call, host, *allowed).status for allowed in ([], ["*"], ["example.com"])] == [400, 400, 400]


@pytest.mark.parametrize("allowed", [[], ["*"], ["example.com"]])
def test_a_request_without_a_host_is_refused(call: Caller, allowed: list[str]) -> None:
    assert ask(call, None, *allowed).status == 400


@pytest.mark.parametrize("allowed", [[], ["*"], ["example.com", "evil.example"]])
@pytest.mark.parametrize("hosts", [(b"evil.example", b"example.com"), (b"example.com", b"example.com")])
def test_two_hosts_are_refused(call: Caller, allowed: list[str], hosts: tuple[bytes, ...]) -> None:
    assert call(make(*allowed), b"/url", headers=[(b"host", host) for host in hosts]).status == 400


def test_before_http_1_1_a_request_without_a_host_is_served_where_no_hosts_are_listed(call: Caller) -> None:
    api = responder.API()
    api.get("/")(lambda req, resp: None)
    assert call(api, host=None, http_version="1.0").status == 200


def test_before_http_1_1_a_request_without_a_host_is_refused_where_hosts_are_listed(call: Caller) -> None:
    assert ask(call, None, "example.com", http_version="1.0").status == 400


def test_a_forwarded_host_does_not_count(call: Caller) -> None:
    api = make("example.com")
    forwarded = [
        (b"x-forwarded-host", b"example.com"),
        (b"forwarded", b"host=example.com"),
        (b"x-host", b"example.com"),
    ]
    assert call(api, b"/url", host=b"evil.example", headers=forwarded).status == 400
    foreign = [(name, value.replace(b"example.com", b"evil.example")) for name, value in forwarded]
    assert call(api, b"/url", headers=foreign).body == b"http://example.com/url"


def test_behind_a_proxy_that_passes_the_host_on_the_host_counts(call: Caller) -> None:
    api = make("example.com", proxies=responder.Proxies(trusted=["127.0.0.1"]))
    assert call(api, b"/nothing").status == 404
    assert call(api, b"/nothing", host=b"a.example.com", headers=[(b"x-forwarded-host", b"example.com")]).status == 400


def test_where_a_proxy_tells_the_host_that_one_counts(call: Caller) -> None:
    api = make("example.com", proxies=responder.Proxies(trusted=["127.0.0.1"], host=True))
    told = [(b"x-forwarded-host", b"example.com")]
    assert call(api, b"/url", host=b"internal:8000", headers=told).status == 200
    assert call(api, b"/url", headers=[(b"x-forwarded-host", b"evil.example")]).status == 400


def test_a_refused_host_is_refused_before_anything_else(call: Caller) -> None:
    api, seen = make("example.com"), []
    api.before_request()(lambda req, resp: seen.append(req))
    assert [call(api, path, host=b"evil.example").status for path in (b"/url", b"/nothing")] == [400, 400]
    assert seen == []


def test_files_are_guarded_as_well(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    api = make("example.com", static_dir=tmp_path)
    assert [call(api, b"/static/a.txt", host=host).status for host in (b"example.com", b"a")] == [200, 400]


def test_a_refusal_does_not_repeat_the_host(call: Caller) -> None:
    answer = ask(call, b"evil.example", "example.com")
    assert answer.media["detail"] == "This service does not answer for that host."


@pytest.mark.parametrize(
    "host",
    ["", "http://example.com", "example.com/", "a b", "::1", "www.*.com", "*.*.com", "**", "*.", "a:x", "*example"],
)
def test_a_pattern_that_is_no_host_is_refused_at_once(host: str) -> None:
    with pytest.raises(responder.ConfigurationError, match="allowed_hosts has"):
        responder.API(allowed_hosts=["*", host])


def test_names_below_an_address_are_refused_at_once() -> None:
    with pytest.raises(responder.ConfigurationError, match="no names below an address"):
        responder.API(allowed_hosts=["*.[::1]"])


@pytest.mark.parametrize("allowed", ["example.com", []])
def test_hosts_are_a_list(allowed: Any) -> None:
    with pytest.raises(responder.ConfigurationError, match="is a list of hosts"):
        responder.API(allowed_hosts=allowed)


def test_a_session_calls_a_host_by_its_base_url() -> None:
    with make("example.com").session(base_url="http://example.com") as session:
        assert session.get("/url").text == "http://example.com/url"


SERVED = make("example.com", "*.example.org", "[::1]:80")


@given(st.binary(max_size=60) | st.from_regex(rb"[a-z.\[\]:*;@0-9]{0,40}", fullmatch=True))
def test_whatever_the_host_is_it_is_one_of_the_list_or_refused(call: Caller, host: bytes) -> None:
    answer = call(SERVED, b"/url", host=host)
    assert answer.status in {200, 400}
    if answer.status == 200:
        name = host.decode().lower().partition(":")[0].removesuffix(".")
        assert name == "example.com" or name.endswith(".example.org") or host.startswith(b"[")


# On sockets


@pytest.fixture(scope="module", params=["granian", "uvicorn"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    one = Service(tmp_path_factory.mktemp("hosts"), request.param, APP)
    try:
        yield one
        assert one.end() == 0
        assert one.log() == ""
    finally:
        one.close()


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"/url", b"Host: example.com", 200),
        (b"/url", b"Host: evil.example", 400),
        (b"/url", b"Host: evil.example\r\nX-Forwarded-Host: example.com", 400),
        (b"/url", b"Host: evil.example\r\nHost: example.com", 400),
        (b"/url", b"Host: example.com\r\n evil.example", 400),
        (b"/url", b"", 400),
        (b"http://example.com/url", b"Host: evil.example", 400),
        (b"http://evil.example/url", b"", 400),
        (b"//example.com/url", b"Host: evil.example", 400),
    ],
)
def test_a_bare_request_cannot_go_around_the_list(service: Service, target: bytes, host: bytes, status: int) -> None:
    answer = service.exchange(request(b"GET", target, b"Connection: close", host=host))
    assert statuses(answer) == [status]


def test_the_host_of_an_absolute_target_gets_into_no_link(service: Service) -> None:
    answer = service.ask(b"http://evil.example/url")
    assert b"evil" not in answer


def test_the_names_of_the_test_session_are_hosts() -> None:
    api = responder.API(allowed_hosts=[";", "*.tenant.;"])
    api.get("/")(lambda req, resp: req.url.host)
    answers = {
        base: api.session(base_url=base).get("/").status_code
        for base in ("http://;", "http://a.tenant.;", "http://b.;", "http://;;")
    }
    assert answers == {"http://;": 200, "http://a.tenant.;": 200, "http://b.;": 400, "http://;;": 400}
