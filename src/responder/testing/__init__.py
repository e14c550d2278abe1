"""The API as a server, in process: a `requests` session and an `httpx2` client that never open a socket.

`session(app)` gives a `requests.Session`, `client(app)` an `httpx2.AsyncClient`; both speak ASGI 3 to any application.
This module can be imported without either library, so that an API may offer both and load the one that is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .lifespan import LifespanError as LifespanError
from .messages import ProtocolError as ProtocolError

if TYPE_CHECKING:
    from ..types import ASGIApp
    from .adapter import Session as Session
    from .transport import AsyncClient as AsyncClient

_HOMES = {"Session": ("adapter", "requests"), "AsyncClient": ("transport", "httpx2")}


def session(app: ASGIApp, *, raise_exceptions: bool = True, base_url: str = "http://;") -> Session:
    """Give a `requests.Session` whose every request is answered by `app`, in process.

    The lifespan of `app` starts with the first request or with `with`, and ends with `close()`. An exception that
    `app` does not handle is raised to the caller; with `raise_exceptions=False` the 500 response is given instead.
    Raises `ModuleNotFoundError` when requests is not installed.
    """
    made: Session = _load("Session")(app, raise_exceptions=raise_exceptions, base_url=base_url)
    return made


def client(app: ASGIApp, *, raise_exceptions: bool = True, base_url: str = "http://;") -> AsyncClient:
    """Give an `httpx2.AsyncClient` whose every request is answered by `app`, on the caller's own event loop.

    Use it as `async with client(app) as http:`, which also runs the lifespan of `app`. Responses stream live.
    Raises `ModuleNotFoundError` when httpx2 is not installed.
    """
    made: AsyncClient = _load("AsyncClient")(app, raise_exceptions=raise_exceptions, base_url=base_url)
    return made


def __getattr__(name: str) -> type:
    if name in _HOMES:
        return _load(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _load(name: str) -> type:
    module, library = _HOMES[name]
    try:
        found: type = getattr(import_module(f".{module}", __name__), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library:
            raise
        message = f"The test client needs {library}: pip install 'responder[test]'"
        raise ModuleNotFoundError(message, name=library) from error
    return found
