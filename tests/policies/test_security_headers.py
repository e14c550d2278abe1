from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

import responder
from responder import SecurityHeaders

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Answer, Caller

DEFAULTS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
NAMES = {*DEFAULTS, "permissions-policy", "content-security-policy"}
NONCE = SecurityHeaders(content_security_policy="script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'")
PAGE = '<script nonce="{{ request.csp_nonce }}">go()</script>'


def make(option: bool | SecurityHeaders = True, **options: Any) -> responder.API:  # noqa: FBT001, FBT002 - the option of an API
    api = responder.API(security_headers=option, **options)

    @api.get("/page")
    async def page(req: responder.Request, resp: responder.Response) -> None:
        resp.html = api.template_string(PAGE)

    @api.get("/other")
    async def other(req: responder.Request, resp: responder.Response) -> None:
        resp.headers["X-Other"] = "1"

    @api.get("/own")
    async def own(req: responder.Request, resp: responder.Response) -> None:
        resp.headers["X-Frame-Options"] = "SAMEORIGIN"
        resp.headers["Content-Security-Policy"] = "default-src 'self'"

    @api.get("/broken")
    async def broken(req: responder.Request, resp: responder.Response) -> None:
        resp.headers["X-Frame-Options"] = "SAMEORIGIN"
        raise ZeroDivisionError

    @api.get("/tagged")
    async def tagged(req: responder.Request, resp: responder.Response) -> None:
        resp.etag = "one"
        resp.html = "page"

    return api


def safety(answer: Answer) -> dict[str, str]:
    """Give the fields that are for safety, of which each may be there once."""
    fields = [(name, value) for name, value in answer.fields if name in NAMES]
    assert len(dict(fields)) == len(fields)
    return dict(fields)


def test_the_defaults(call: Caller) -> None:
    assert safety(call(make(), b"/page")) == DEFAULTS


def test_without_the_option_there_is_none(call: Caller) -> None:
    assert safety(call(make(option=False), b"/page")) == {}


def test_each_may_be_another_or_none(call: Caller) -> None:
    record = SecurityHeaders(
        content_type_options=None,
        frame_options="SAMEORIGIN",
        referrer_policy=None,
        opener_policy="unsafe-none",
        resource_policy=None,
        permissions_policy="camera=()",
        content_security_policy="default-src 'self'",
    )
    assert safety(call(make(record), b"/page")) == {
        "x-frame-options": "SAMEORIGIN",
        "cross-origin-opener-policy": "unsafe-none",
        "permissions-policy": "camera=()",
        "content-security-policy": "default-src 'self'",
    }


@pytest.mark.parametrize("option", [True, SecurityHeaders(content_security_policy="default-src 'none'"), NONCE])
def test_what_a_view_has_set_stays(call: Caller, option: bool | SecurityHeaders) -> None:  # noqa: FBT001 - the option of an API
    own = {"x-frame-options": "SAMEORIGIN", "content-security-policy": "default-src 'self'"}
    assert safety(call(make(option), b"/own")) == {**DEFAULTS, **own}


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/other", "GET", 200),
        ("/page", "HEAD", 200),
        ("/page", "OPTIONS", 204),
        ("/page", "POST", 405),
        ("/page/", "GET", 307),
        ("/nothing", "GET", 404),
        ("/broken", "GET", 500),
    ],
)
def test_every_answer_has_them(call: Caller, path: str, method: str, status: int) -> None:
    answer = call(make(), path.encode(), method=method)
    assert (answer.status, safety(answer)) == (status, DEFAULTS)


def test_an_answer_that_has_not_changed_has_them(call: Caller) -> None:
    answer = call(make(), b"/tagged", headers=[(b"if-none-match", b'"one"')])
    assert (answer.status, safety(answer)) == (304, DEFAULTS)


def test_files_have_them(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("a")
    assert safety(call(make(static_dir=tmp_path), b"/static/a.html")) == DEFAULTS


def test_a_refused_host_has_them(call: Caller) -> None:
    answer = call(make(allowed_hosts=["other.example"]), b"/page")
    assert (answer.status, safety(answer)) == (400, DEFAULTS)


# Nonces


def nonces(answer: Answer) -> list[str]:
    return re.findall("nonce-([^']+)", safety(answer)["content-security-policy"])


def test_a_template_has_the_nonce_of_the_policy(call: Caller) -> None:
    answer = call(make(NONCE), b"/page")
    first, second = nonces(answer)
    assert first == second
    assert answer.body.decode() == f'<script nonce="{first}">go()</script>'


def test_a_template_of_a_file_has_it_too(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGE)
    api = make(NONCE, templates_dir=tmp_path)

    @api.get("/rendered")
    async def rendered(req: responder.Request, resp: responder.Response) -> None:
        resp.render("page.html")

    answer = call(api, b"/rendered")
    assert nonces(answer)[0] in answer.body.decode()


def test_each_answer_has_another_nonce(call: Caller) -> None:
    api = make(NONCE)
    found = [nonces(call(api, b"/page"))[0] for _ in range(20)]
    assert len(set(found)) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_\-]{22,}", nonce) for nonce in found)


def test_a_client_does_not_choose_the_nonce(call: Caller) -> None:
    answer = call(make(NONCE), b"/page", headers=[(b"x-nonce", b"mine"), (b"content-security-policy", b"'nonce-mine'")])
    assert "mine" not in nonces(answer)


@pytest.mark.parametrize("path", ["/nothing", "/broken", "/other"])
def test_errors_and_other_answers_have_a_nonce(call: Caller, path: str) -> None:
    assert len(nonces(call(make(NONCE), path.encode()))) == 2


@pytest.mark.parametrize(
    ("sent", "has_policy"),
    [([], True), ([(b"if-none-match", b'"one"')], False), ([(b"if-none-match", b'"two"')], True)],
)
def test_the_policy_of_a_kept_page_is_not_replaced(
    call: Caller, sent: list[tuple[bytes, bytes]], *, has_policy: bool
) -> None:
    """A 304 brings its fields to the page that the browser has, whose scripts have the nonce of their own answer."""
    assert ("content-security-policy" in safety(call(make(NONCE), b"/tagged", headers=sent))) is has_policy


def test_braces_of_other_fields_stay(call: Caller) -> None:
    record = SecurityHeaders(permissions_policy="{nonce}", content_security_policy="img-src {x}")
    found = safety(call(make(record), b"/page"))
    assert (found["permissions-policy"], found["content-security-policy"]) == ("{nonce}", "img-src {x}")


@pytest.mark.parametrize("value", ["", "a\r\nb", "caf\u00e9", 1])
def test_a_value_that_cannot_travel_is_refused_at_once(value: Any) -> None:
    with pytest.raises(responder.ConfigurationError, match="must be text that a header can carry"):
        SecurityHeaders(frame_options=value)
