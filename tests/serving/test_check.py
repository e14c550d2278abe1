"""What `responder check` finds, and how it says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import responder
from responder import HSTS, Compression, Limits, Proxies, RateLimit, Router, SecurityHeaders, Sessions
from responder.policies.stores import MemoryStore
from responder.serving.check import Finding, check_api, render, render_json
from responder.serving.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from responder import Request, Response

KEY = "uGhr4Tn0ZcP2xq7VbY5wKm9sLd3fJe8A"
SAFE: dict[str, Any] = {
    "secret_key": KEY,
    "enable_hsts": True,
    "allowed_hosts": ["example.com"],
    "security_headers": True,
    "rate_limit": RateLimit("100/minute"),
}


def view(req: Request, resp: Response) -> None: ...


def findings(**options: Any) -> list[Finding]:
    return check_api(responder.API(**SAFE | options))


def only(**options: Any) -> Finding:
    (finding,) = findings(**options)
    return finding


def cors(**params: Any) -> list[Finding]:
    return findings(cors=True, cors_params=params)


def test_a_service_that_thought_of_everything_has_no_findings() -> None:
    assert findings() == []


def test_a_service_without_options_is_asked_about_each() -> None:
    assert [finding.topic for finding in check_api(responder.API())] == [
        *("hosts", "hsts", "secret_key", "cookies", "security_headers", "rate_limit"),
    ]


def test_debug_must_be_off() -> None:
    assert only(debug=True)[:2] == ("must", "debug")


@pytest.mark.parametrize("hosts", [None, ["*"], ["example.com", "*"]])
def test_any_host_is_asked_about(hosts: list[str] | None) -> None:
    assert only(allowed_hosts=hosts)[:2] == ("consider", "hosts")


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "128.0.0.0/1", "2000::/3"])
def test_proxies_must_not_be_everybody(network: str) -> None:
    finding = only(proxies=Proxies(trusted=["10.0.0.1", network]))
    assert finding[:2] == ("must", "proxies")
    assert network in finding.what


def test_private_networks_may_be_proxies() -> None:
    assert findings(proxies=Proxies(trusted=["10.0.0.0/8", "fc00::/7", "unix"])) == []


def test_without_hsts_cookies_may_go_over_http() -> None:
    assert [finding.topic for finding in findings(enable_hsts=False)] == ["hsts", "cookies"]


@pytest.mark.parametrize(
    "sessions", [Sessions(https_only=True), Sessions(same_site="none"), Sessions(cookie="__Host-Session")]
)
def test_cookies_that_are_secure_by_themselves_are_fine(sessions: Sessions) -> None:
    assert [finding.topic for finding in findings(enable_hsts=HSTS(), sessions=sessions)] == []
    assert [finding.topic for finding in findings(enable_hsts=False, sessions=sessions)] == ["hsts"]


def test_a_key_of_its_own_is_asked_for_when_sessions_may_be_used() -> None:
    finding = only(secret_key=None)
    assert finding[:2] == ("consider", "secret_key")
    assert "sessions, if there are any" in finding.what


def test_a_key_that_the_policy_says_it_has_is_enough() -> None:
    class Policy:
        options = Sessions()
        has_own_key = True

    api: Any = responder.API(**SAFE | {"secret_key": None})
    api.sessions = Policy()
    assert check_api(api) == []


def test_sessions_in_a_store_need_no_key() -> None:
    assert findings(secret_key=None, sessions=Sessions(store=MemoryStore())) == []


def test_csrf_that_is_off_is_asked_about_once() -> None:
    api = responder.API(**SAFE, csrf=False)
    api.add_route("/hook", view, csrf=False)
    assert [finding[:2] for finding in check_api(api)] == [("consider", "csrf")]


def test_routes_without_csrf_are_named_with_their_place() -> None:
    api = responder.API(**SAFE)
    api.add_route("/", view)
    api.add_route("/hook", view, csrf=False)
    (finding,) = check_api(api)
    assert "/hook" in finding.what
    assert finding.place.partition(":")[0].endswith("test_check.py")
    assert finding.place in render([finding])


def test_cors_without_credentials_is_to_be_considered() -> None:
    assert [finding[:2] for finding in cors(allow_origins=["*"])] == [("consider", "cors")]
    assert [finding[:2] for finding in cors(allow_origins=["null"])] == [("consider", "cors")]
    assert cors(allow_origins=["https://app.example.com"], allow_credentials=True) == []


@pytest.mark.parametrize(
    "pattern",
    [
        ".*",
        "https://.*",
        "https?://[a-z.]+",
        r"https://(.+\.)?(com|example)",
        r"https://app.example\.com",
        r"https://.*example\.com",
        r"https://.{1,9}example\.com",
        r"https://\\.example\.com",
        "https://a.*",
    ],
)
def test_a_pattern_that_strangers_match_must_not_go_with_credentials(pattern: str) -> None:
    assert [finding.grade for finding in cors(allow_origin_regex=pattern, allow_credentials=True)] == ["must"]
    assert [finding.grade for finding in cors(allow_origin_regex=pattern)] == ["consider"]


@pytest.mark.parametrize(
    "pattern",
    [
        r"https://[a-z0-9-]+\.example\.com",
        r"https://[a-z.]+\.example\.com",
        r"https://.*\.example\.com",
        r"https://(.+?)\.example\.com",
        r"https://(.*\.)?example\.com(:[0-9]+)?",
        r"https://[^].]+[.]example\.com|https://b\.example",
    ],
)
def test_a_pattern_of_ones_own_names_is_fine(pattern: str) -> None:
    assert cors(allow_origin_regex=pattern, allow_credentials=True) == []


def test_null_with_credentials_must_go() -> None:
    assert [finding.grade for finding in cors(allow_origins=["null"], allow_credentials=True)] == ["must"]


def test_security_headers_are_asked_for() -> None:
    assert only(security_headers=False)[:2] == ("consider", "security_headers")
    assert findings(security_headers=SecurityHeaders(frame_options=None)) == []


def test_a_rate_limit_somewhere_is_enough() -> None:
    assert only(rate_limit=None)[:2] == ("consider", "rate_limit")
    api = responder.API(**SAFE | {"rate_limit": None})
    api.add_route("/", view, rate_limit=RateLimit("1/second"))
    assert check_api(api) == []
    api, router = responder.API(**SAFE | {"rate_limit": None}), Router(rate_limit=RateLimit("1/second"))
    router.add_route("/", view)
    api.include(router)
    assert check_api(api) == []


def test_compressed_bodies_are_asked_about() -> None:
    assert only(compression=Compression(requests=True))[:2] == ("consider", "compression")
    assert findings(compression=True) == []


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(body=1024**3), "body is 1073741824 on API, where 16777216 is usual."),
        (Limits(request_time=None), "request_time is None on API: a view may take for ever."),
        (Limits(request_time=3600), "request_time is 3600 on API, where 60 is usual."),
        (Limits(body_rate=1), "body_rate is 1 on API, where 500 is usual."),
    ],
)
def test_limits_far_from_usual_are_asked_about(limits: Limits, words: str) -> None:
    assert only(limits=limits).what == words


def test_limits_that_are_raised_a_little_are_fine() -> None:
    assert findings(limits=Limits(body=16 * 16 * 1024**2, body_rate=100_000, query_pairs=16_000)) == []


def test_limits_of_a_route_are_named_with_their_place() -> None:
    api = responder.API(**SAFE)
    api.add_route("/films", view, limits=Limits(body=1024**4))
    (finding,) = check_api(api)
    assert "on /films" in finding.what
    assert "test_check.py" in finding.place


def test_what_must_be_mended_comes_first() -> None:
    found = findings(allowed_hosts=None, proxies=Proxies(trusted=["0.0.0.0/0"]), debug=True)
    assert [finding.grade for finding in found] == ["must", "must", "consider"]


# For people and for programs

TWO = [Finding("must", "a", "Short.", "x"), Finding("consider", "b", "Rather long.", "y", "app.py:3")]


def test_findings_are_aligned_with_what_mends_them() -> None:
    assert render(TWO).splitlines() == [
        "must      a  Short.                   ->  x",
        "consider  b  Rather long. (app.py:3)  ->  y",
    ]


def test_findings_are_json_for_programs() -> None:
    first, second = json.loads(render_json(TWO))
    assert first == {"grade": "must", "topic": "a", "what": "Short.", "mend": "x", "place": ""}
    assert second["place"] == "app.py:3"


# The command


def check(file: Path, source: str, *arguments: str) -> Result:
    file.write_text(f"import responder\n\n{source}\n")
    return CliRunner().invoke(main, ["check", *arguments])


CAREFUL = f"""api = responder.API(
    secret_key="{KEY}",
    enable_hsts=True,
    allowed_hosts=["example.com"],
    security_headers=True,
    rate_limit=responder.RateLimit("100/minute"),
)"""


def test_what_must_be_mended_is_exit_code_1(app: Path) -> None:
    shown = check(app, "api = responder.API(debug=True)")
    assert shown.exit_code == 1
    assert shown.output.splitlines()[0].split("  ", 1)[0] == "must"
    assert shown.output.splitlines()[0].endswith("->  API(debug=False)")


def test_what_was_answered_is_left_out_by_its_topic(app: Path) -> None:
    source = CAREFUL + '\napi.post("/hook", csrf=False)(lambda req, resp: "heard")\n'
    assert check(app, source, "--strict").exit_code == 1
    shown = check(app, source, "--strict", "--ignore", "csrf")
    assert (shown.exit_code, shown.stdout) == (0, "Nothing to ask about.\n")


def test_what_is_to_be_considered_is_exit_code_1_when_strict(app: Path) -> None:
    assert check(app, "api = responder.API()", "app.py").exit_code == 0
    assert check(app, "api = responder.API()", "app.py:api", "--strict").exit_code == 1


def test_nothing_found_is_said(app: Path) -> None:
    shown = check(app, CAREFUL, "--strict")
    assert (shown.exit_code, shown.output) == (0, "Nothing to ask about.\n")


def test_json_is_printed_when_asked_for(app: Path) -> None:
    shown = check(app, "api = responder.API(debug=True)", "--json")
    assert shown.exit_code == 1
    assert json.loads(shown.output)[0]["topic"] == "debug"


def test_a_target_that_does_not_load_is_one_line() -> None:
    shown = CliRunner().invoke(main, ["check", "nothing.py"])
    assert shown.exit_code == 1
    assert shown.stderr == "Error: nothing.py does not exist. Name a file that makes an API, such as app.py.\n"
