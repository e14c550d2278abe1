"""The record of options."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from responder.errors import ConfigurationError
from responder.serving import drain
from responder.serving.address import Address
from responder.serving.engines import Granian
from responder.serving.service import Service


def make(**changed: Any) -> Service:
    given: dict[str, Any] = {
        "address": Address("127.0.0.1", 80, "localhost"),
        "server": "granian",
        "workers": 1,
        "debug": None,
        "grace": 30.0,
        "access_log": False,
        "options": {},
    }
    return Service(**given | changed)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"server": "apache"}, "server='apache' is unknown"),
        ({"workers": 0}, "workers=0 must be a whole number from 1 to 1024."),
        ({"workers": 8080}, "workers=8080 must be a whole number from 1 to 1024."),
        ({"grace": -1}, "grace=-1 must be a number of seconds, 0 or more."),
    ],
)
def test_values_out_of_range_are_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make(**changed)


def test_it_travels_to_other_processes() -> None:
    service = make(options={"backlog": 5})
    assert pickle.loads(pickle.dumps(service)) == service  # noqa: S301 - our own bytes


@pytest.mark.parametrize(("debug", "expected"), [(None, False), (True, True), (False, False)])
def test_debug_is_set_before_serving(
    api: Any, monkeypatch: pytest.MonkeyPatch, *, debug: bool | None, expected: bool
) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(drain, "run", lambda api, _build, **_options: seen.append(api.debug))
    make(debug=debug).serve(api, announce=lambda: None)
    assert seen == [expected]


def test_the_server_is_built_as_asked(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[object] = []
    monkeypatch.setattr(drain, "run", lambda api, build, **_options: built.append(build(api)))
    make().serve(api, announce=lambda: None)
    assert isinstance(built[0], Granian)


def test_the_announcement_counts_workers(capsys: pytest.CaptureFixture[str]) -> None:
    make(workers=2, server="uvicorn").announce("app.py")
    make().announce("app")
    assert capsys.readouterr().out.splitlines() == [
        "Serving app.py on http://localhost:80 - uvicorn, 2 workers. Press Ctrl-C to stop.",
        "Serving app on http://localhost:80 - granian, 1 worker. Press Ctrl-C to stop.",
    ]


@pytest.mark.parametrize("options", [{"ssl_cert": "a.pem", "ssl_key": "b.pem"}, {"ssl_certfile": "a.pem"}])
def test_the_announcement_says_https_under_tls(capsys: pytest.CaptureFixture[str], options: dict[str, str]) -> None:
    make(options=options).announce("app.py")
    assert "https://" in capsys.readouterr().out
