"""What answers where no view does: 404, 405 with `Allow`, OPTIONS, and the redirect that mends a trailing slash.

Each is a view like any other, so that hooks and exception handlers meet it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ..errors import HTTPError
from ..http.url import encode_path
from ..routing.route import STANDARD_METHODS
from .failures import render_default
from .steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..exchange.request import Request
    from ..exchange.response import Response
    from ..types import Scope
    from .failures import Handlers


def not_found(handlers: Handlers) -> Step:
    """Give the 404 (RFC 9110 section 15.5.5)."""
    error = HTTPError(404)
    return _failing(lambda _req: error) if handlers.find(error) is None else _raising(lambda _req: HTTPError(404))


def method_not_allowed(handlers: Handlers) -> Step:
    """Give the 405 with `Allow` (RFC 9110 section 15.5.6); the methods are the path parameter `allow`."""
    make = _not_allowed
    return _failing(make) if handlers.find(HTTPError(405)) is None else _raising(make)


def _not_allowed(req: Request) -> HTTPError:
    return HTTPError(405, headers={"Allow": req.path_params["allow"]})


def _failing(make: Callable[[Request], HTTPError]) -> Step:
    # PERF: what nobody handles is not raised, which makes a 404 4.1 us of 7.4 (benchmarks/in_process.py, row 404).
    async def fail(req: Request, resp: Response) -> None:
        render_default(req, resp, make(req))

    return Step(fail, is_async=True, is_threaded=False)


def _raising(make: Callable[[Request], HTTPError]) -> Step:
    async def fail(req: Request, _resp: Response) -> None:
        raise make(req)

    return Step(fail, is_async=True, is_threaded=False)


async def _answer_options(req: Request, resp: Response) -> None:
    resp.no_content()
    resp.headers["Allow"] = req.path_params["allow"]


async def _redirect(req: Request, resp: Response) -> None:
    resp.redirect(req.path_params["location"])


ANSWER_OPTIONS = Step(_answer_options, is_async=True, is_threaded=False)
"""204 with `Allow` (RFC 9110 section 9.3.7)."""

REDIRECT = Step(_redirect, is_async=True, is_threaded=False)
"""307 to the path parameter `location`."""


def format_allow(methods: Iterable[str]) -> str:
    """Give the value of `Allow`: the methods in their usual order; OPTIONS is always answered."""
    served = {*methods, "OPTIONS"}
    return ", ".join(method for method in STANDARD_METHODS if method in served)


_QUERY_SAFE: Final = "!$%&'()*+,/:;=?@[]"


def mended_location(scope: Scope) -> str | None:
    """Give the path with its trailing slash added or removed, or None for a path that must not be redirected.

    `//evil.example` in `Location` is another site, and so is a backslash to a browser; both stay a 404.
    """
    try:
        path = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else encode_path(scope["path"])
    except ValueError:  # a segment `..`, or half of a surrogate pair
        return None
    if path.startswith("//") or "\\" in path or not (path.isascii() and path.isprintable()):
        return None
    mended = path[:-1] if path.endswith("/") else path + "/"
    query = quote(scope["query_string"], safe=_QUERY_SAFE)
    return f"{mended}?{query}" if query else mended
