"""What many tests share: a way to call an API as a server does, without a client that tidies the request first."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import responder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from responder.testing import Session
    from responder.types import ASGIApp, Message, Scope


class Answer(NamedTuple):
    """What an application sent: `fields` as they came, `headers` with the last of each name, the whole `body`."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.fields)

    @property
    def media(self) -> Any:
        return json.loads(self.body)


class Caller:
    """Calls an ASGI application once and checks that it answers as the protocol says.

    A `Host` is added to the headers unless it is None.
    The request's body is `body`, chunk by chunk, or else `arriving`: the messages, or errors, of `receive()`.
    """

    def __call__(  # noqa: PLR0913 - the parts of a request
        self,
        app: ASGIApp,
        raw_path: bytes | None = b"/",
        *,
        body: Iterable[bytes] = (),
        arriving: Iterable[Message | Exception] = (),
        headers: Iterable[tuple[bytes, bytes]] = (),
        host: bytes | None = b"example.com",
        **scope: Any,
    ) -> Answer:
        fields = list(headers)
        path = scope.pop("path", None)
        if path is None:
            path = (raw_path or b"").decode("utf-8", "replace")
        made: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": raw_path,
            "query_string": b"",
            "root_path": "",
            "headers": [*fields, *([] if host is None or b"host" in dict(fields) else [(b"host", host)])],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 80),
        } | scope
        messages: list[Message | Exception] = [*arriving] or [*_split(list(body))]
        return asyncio.run(_exchange(app, made, messages))


def _split(chunks: list[bytes]) -> Iterable[Message]:
    for place, chunk in enumerate(chunks or [b""], 1):
        yield {"type": "http.request", "body": chunk, "more_body": place < len(chunks)}


async def _exchange(app: ASGIApp, scope: Scope, arriving: list[Message | Exception]) -> Answer:
    sent: list[Message] = []

    async def receive() -> Message:
        message = arriving.pop(0) if arriving else {"type": "http.disconnect"}
        if isinstance(message, Exception):
            raise message
        return message

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *bodies = sent
    assert [message["type"] for message in sent] == ["http.response.start"] + ["http.response.body"] * len(bodies)
    assert bodies
    assert not bodies[-1].get("more_body", False)
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    return Answer(start["status"], fields, b"".join(message.get("body", b"") for message in bodies))


@pytest.fixture(name="call", scope="session")
def make_call() -> Caller:
    return Caller()


@pytest.fixture(autouse=True)
def _close_sessions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what a test leaves open, such as `api.requests`, so that no thread of it is there in the next test."""
    sessions: list[Session] = []
    make = responder.API.session

    def session(api: responder.API, **options: Any) -> Session:
        sessions.append(make(api, **options))
        return sessions[-1]

    monkeypatch.setattr(responder.API, "session", session)
    yield
    for one in sessions:
        one.close()


@pytest.fixture
def api() -> responder.API:
    return responder.API()


@pytest.fixture
def session(api: responder.API) -> Iterator[Session]:
    """Give a session that shows failures as the client sees them: as responses."""
    with api.session(raise_exceptions=False) as session:
        yield session
