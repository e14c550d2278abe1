from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import responder

if TYPE_CHECKING:
    from requests import Session
    from tests.conftest import Answer, Caller


def redirect(
    call: Caller, location: str, *, host: bytes = b"example.com", scheme: str = "http", **options: Any
) -> Answer:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.redirect(location, **options)

    api = responder.API()
    api.get("/")(view)
    return call(api, host=host or None, scheme=scheme, http_version="1.0")


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, 307),
        ({"permanent": True}, 308),
        *[({"status_code": status}, status) for status in (301, 302, 303, 307, 308)],
        ({"status_code": 303, "permanent": True}, 303),
    ],
)
def test_a_redirect_has_one_of_five_statuses(call: Caller, options: dict[str, Any], status: int) -> None:
    answer = redirect(call, "/there", **options)
    assert (answer.status, answer.headers["location"], answer.body) == (status, "/there", b"")


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 400])
def test_another_status_is_no_redirect(call: Caller, caplog: pytest.LogCaptureFixture, status: int) -> None:
    assert redirect(call, "/there", status_code=status).status == 500
    assert "one of the statuses [301, 302, 303, 307, 308]" in caplog.text


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("/caf\u00e9 au lait?q=\u20ac#\u00e4", "/caf%C3%A9%20au%20lait?q=%E2%82%AC#%C3%A4"),
        ("/a%20b", "/a%20b"),
        ("relative", "relative"),
        ("?page=2", "?page=2"),
        ("", ""),
        ("http://example.com/x", "http://example.com/x"),
        ("https://example.com/x", "https://example.com/x"),
    ],
)
def test_a_location_on_this_site_is_sent(call: Caller, location: str, sent: str) -> None:
    answer = redirect(call, location)
    assert (answer.status, answer.headers["location"]) == (307, sent)


FOREIGN = [
    "http://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    " //evil.example",
    "http:evil.example",
    "http:/evil.example",
    "https:///evil.example",
    "http://example.com@evil.example/",
    "http://example.com.evil.example/",
    "http://example.com:8080/",
    "javascript:alert(1)",
    "data:text/html,x",
    "ftp://example.com/",
    "/x\r\nSet-Cookie: a=b",
    "/x\x00",
]


@pytest.mark.parametrize("location", FOREIGN)
def test_a_location_that_a_client_chose_cannot_lead_away(
    call: Caller, caplog: pytest.LogCaptureFixture, location: str
) -> None:
    answer = redirect(call, location)
    assert answer.status == 400
    assert answer.media["detail"] == "The redirect would lead to another site."
    assert "location" not in answer.headers
    assert caplog.text == ""


def test_a_view_may_catch_an_unsafe_redirect(call: Caller) -> None:
    async def view(req: responder.Request, resp: responder.Response) -> None:
        try:
            resp.redirect("//evil.example")
        except ValueError as error:
            resp.text = str(error)

    api = responder.API()
    api.get("/")(view)
    assert call(api).body == (b"'//evil.example' leads to another site. Where that is meant, pass allow_external=True.")


@pytest.mark.parametrize("location", ["https://other.example/x", "//other.example", "mailto:a@b.example"])
def test_an_external_location_is_sent_where_it_is_meant(call: Caller, location: str) -> None:
    assert redirect(call, location, allow_external=True).headers["location"] == location


@pytest.mark.parametrize("location", ["/x\r\nSet-Cookie: a=b", "/x\n", "/\x7f"])
def test_no_location_has_control_characters(call: Caller, location: str) -> None:
    answer = redirect(call, location, allow_external=True)
    assert (answer.status, [name for name, _ in answer.fields if name in {"location", "set-cookie"}]) == (500, [])


def test_a_relative_location_needs_no_host(call: Caller) -> None:
    assert redirect(call, "/there", host=b"").status == 307


@pytest.mark.parametrize("host", [b"", b"a b"])
def test_an_absolute_location_without_a_host_to_compare_is_a_400(call: Caller, host: bytes) -> None:
    assert redirect(call, "http://example.com/", host=host).status == 400


def test_a_redirect_from_https_does_not_go_down_to_http(call: Caller) -> None:
    assert redirect(call, "http://example.com/", scheme="https").status == 400
    assert redirect(call, "https://example.com/", scheme="https").status == 307


def test_a_client_follows_within_the_api(api: responder.API, session: Session) -> None:
    async def start(req: responder.Request, resp: responder.Response) -> None:
        resp.redirect(api.url_for(end), status_code=303)

    async def end(req: responder.Request, resp: responder.Response) -> None:
        resp.text = req.method

    api.post("/start")(start)
    api.get("/end")(end)
    answer = session.post("/start", data=b"x")
    assert (answer.text, [step.status_code for step in answer.history]) == ("GET", [303])


@settings(max_examples=300, deadline=None)
@given(
    location=st.text(max_size=15)
    | st.lists(st.sampled_from(["/", "\\", "//", "http:", "evil.example", "@", ".", "\t", " ", "?", "#", ":"])).map(
        "".join
    )
)
@example(location="\ud800")
def test_whatever_a_client_chooses_is_a_path_here_or_a_400(call: Caller, location: str) -> None:
    answer = redirect(call, location)
    assert answer.status in {307, 400}
    sent = answer.headers.get("location", "")
    assert not sent.startswith(("//", "/\\", "\\"))
    assert sent.isascii()
    assert ":" not in sent.partition("/")[0].partition("?")[0].partition("#")[0]
