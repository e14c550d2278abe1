"""Trusted Hosts."""

from __future__ import annotations

import pytest

import responder
from responder import Request, Response


def status(allowed_hosts: list[str] | None, host: str) -> int:
    api = responder.API(allowed_hosts=allowed_hosts)

    @api.route("/")
    def home(req: Request, resp: Response) -> None:
        pass

    with api.session(base_url=f"http://{host}") as session:
        return session.get("/").status_code


@pytest.mark.parametrize(
    ("allowed_hosts", "host", "expected"),
    [
        (None, "any.example", 200),
        (["*"], "any.example", 200),
        (["example.com", "tenant.example.com"], "example.com", 200),
        (["example.com", "tenant.example.com"], "tenant.example.com", 200),
        (["example.com", "tenant.example.com"], "other.example.com", 400),
        (["*.example.com"], "tenant.example.com", 200),
        (["*.example.com"], "example.com", 400),
        ([";", "tenant.;"], "tenant.;", 200),
        (["*.;"], "other.;", 200),
        (["tenant.;"], ";", 400),
    ],
)
def test_a_host_matches_one_of_the_patterns(allowed_hosts: list[str] | None, host: str, expected: int) -> None:
    assert status(allowed_hosts, host) == expected
