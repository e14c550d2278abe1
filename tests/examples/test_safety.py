from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from responder.testing import Session

COOKIE = {"Cookie": "theme=dark"}
PARTNER = {"Origin": "https://partner.example"}


@pytest.fixture
def session(example: Any) -> Iterator[Session]:
    with example.api.session(raise_exceptions=False, base_url="http://localhost:5042") as session:
        yield session


def test_the_page_takes_words_and_escapes_them(session: Session) -> None:
    answer = session.post("/words", data={"word": "<b>"}, headers={**COOKIE, "Origin": "http://localhost:5042"})
    assert (answer.url, "<li>&lt;b&gt;</li>" in answer.text) == ("http://localhost:5042/", True)


def test_the_script_of_the_page_has_the_nonce_of_its_policy(session: Session) -> None:
    answer = session.get("/")
    nonce = re.findall('nonce="([^"]+)"', answer.text)
    assert f"script-src 'nonce-{nonce[0]}'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://admin.partner.example"}, 303),
        ({}, 303),
    ],
)
def test_words_come_from_here_or_from_who_is_trusted(session: Session, headers: dict[str, str], status: int) -> None:
    answer = session.post("/words", data={"word": "x"}, headers={**COOKIE, **headers}, allow_redirects=False)
    assert answer.status_code == status


def test_a_partner_reads_prices_and_sets_them(session: Session) -> None:
    asked = {**PARTNER, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    assert session.options("/prices/pear", headers=asked).status_code == 204
    answer = session.put("/prices/pear", json=4, headers=PARTNER)
    assert answer.json() == {"apple": 3, "pear": 4}
    assert answer.headers["Access-Control-Allow-Origin"] == "https://partner.example"
    assert session.get("/prices", headers=PARTNER).headers["Access-Control-Expose-Headers"] == "X-Currency"


def test_others_read_nothing_and_are_told_why(session: Session) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"}
    answer = session.options("/prices/pear", headers=asked)
    assert (answer.status_code, "Access-Control-Allow-Origin" in answer.headers) == (400, False)
    assert answer.json()["detail"] == (
        "The CORS preflight is refused. The origin 'https://evil.example' is not in allow_origins. "
        "The method 'DELETE' is not in allow_methods."
    )


def test_a_foreign_host_is_refused(session: Session) -> None:
    assert session.get("http://evil.example/").status_code == 400


@pytest.mark.parametrize(("key", "status"), [(b"a secret between two machines", 204), (b"another", 403)])
def test_a_machine_shows_a_signature(session: Session, key: bytes, status: int) -> None:
    signature = hmac.new(key, b"{}", "sha256").hexdigest()
    headers = {**COOKIE, "Sec-Fetch-Site": "cross-site", "X-Signature": signature}
    assert session.post("/hook", data=b"{}", headers=headers).status_code == status


@pytest.mark.parametrize("headers", [{}, {"X-Signature": ""}, {"X-Signature": "\xe9"}])
def test_a_signature_that_is_none_is_refused(session: Session, headers: dict[str, str]) -> None:
    assert session.post("/hook", data=b"{}", headers=headers).status_code == 403


def test_in_public_all_goes_by_https(load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_HOST", "words.example")
    with load("safety").api.session(base_url="http://words.example") as session:
        answer = session.get("/")
        assert answer.url == "https://words.example/"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert session.get("https://localhost/").status_code == 400
