"""Granian and uvicorn as they are built; test_server.py has them serve."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests

from responder.errors import ConfigurationError
from responder.serving import address, drain, engines
from responder.serving.engines import build, require_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from responder.serving.engines import Engine
    from responder.types import ASGIApp

LOGGERS = ("_granian", "granian.access", "uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


def serve(api: Any, server: str, act: Callable[[str], object], *, access_log: bool = False, **options: Any) -> None:
    """Serve in this thread, and `act` on the URL in another."""
    where = address.choose("127.0.0.1", 0)

    def construct(app: ASGIApp) -> Engine:
        return build(server, app, where, access_log=access_log, options=options)

    drain.run(api, construct, grace=1, announce=lambda: _act(act, where.url))


def _act(act: Callable[[str], object], url: str) -> None:
    async def main() -> None:
        await asyncio.to_thread(act, url)
        os.kill(os.getpid(), signal.SIGTERM)

    acting = asyncio.ensure_future(main())
    acting.add_done_callback(lambda task: task.result())


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_a_server_answers_and_ends(api: Any, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    answers: list[str] = []
    serve(api, server, lambda url: answers.append(requests.get(url, timeout=20).text))
    assert answers[0].endswith("False {} first")
    assert capsys.readouterr() == ("shut down\n", "")


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_an_access_log_has_a_line_for_each_request(api: Any, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    serve(api, server, lambda url: requests.get(f"{url}/pets", timeout=20), access_log=True)
    assert "GET /pets HTTP/1.1" in capsys.readouterr().out


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_a_failing_application_is_reported_on_standard_error(
    api: Any, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class Failing(type(api)):  # type: ignore[misc]  # the class comes from a file
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "lifespan":
                raise OSError("no disk")
            await super().__call__(scope, receive, send)

    serve(Failing(), server, lambda url: requests.get(url, timeout=20))
    assert "OSError: no disk" in capsys.readouterr().err


def test_logging_of_the_user_stays_as_it_is(api: Any) -> None:
    closed: list[bool] = []

    class Handler(logging.Handler):
        def close(self) -> None:
            closed.append(True)
            super().close()

    handler = Handler()
    logging.getLogger("shop").addHandler(handler)
    try:
        build("granian", api, address.choose("127.0.0.1", 0), access_log=False, options={})
        assert logging.getLogger("shop").handlers == [handler]
        assert closed == []
    finally:
        logging.getLogger("shop").removeHandler(handler)


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
@pytest.mark.parametrize("options", [{"nothing": 1}, {"interface": "wsgi"}])
def test_options_that_a_server_does_not_take_are_refused(api: Any, server: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"^{server} does not take these options: .*{next(iter(options))}"):
        build(server, api, address.choose("127.0.0.1", 0), access_log=False, options=options)


def test_a_certificate_that_is_missing_is_refused(api: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^uvicorn does not take these options: .*No such file"):
        build(
            "uvicorn",
            api,
            address.choose("127.0.0.1", 0),
            access_log=False,
            options={"ssl_certfile": "nothing.pem", "ssl_keyfile": "nothing.key"},
        )


def test_an_unknown_server_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^server='apache' is unknown. Choose one of: granian, uvicorn.$"):
        require_engine("apache")


def test_a_server_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r"Install it: pip install 'responder\[uvicorn\]'$"):
        require_engine("uvicorn")


def test_servers_load_on_first_use() -> None:
    words = "import responder.serving, sys; print({'granian', 'uvicorn', 'multiprocessing'} & set(sys.modules))"
    command = [sys.executable, "-c", words]
    shown = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603 - the words above
    assert shown.stdout == "set()\n"
