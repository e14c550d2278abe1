"""An exception to a response: the nearest handler, or a problem document, or a small page for a browser.

Nothing of the inside is in it. In debug mode a client on this machine gets the traceback.
"""

from __future__ import annotations

import logging
from ipaddress import ip_address
from typing import TYPE_CHECKING

from ..errors import ClientDisconnected, HTTPError, InvalidCookie, InvalidHeader, UnsafeRedirect
from ..http.negotiation import prefers_html
from ..status_codes import phrase
from .steps import hook_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..exchange.request import Request
    from ..exchange.response import Response
    from ..routing.route import HookEntry
    from ..routing.router import Router
    from .steps import Step

log = logging.getLogger("responder")

# What is no answer by itself and still the client's doing, with what the client is told.
_REFUSALS: dict[type[Exception], str] = {
    UnsafeRedirect: "The redirect would lead to another site.",
    ClientDisconnected: "The request broke off.",
    InvalidHeader: "The request holds a value that a response header cannot carry.",
    InvalidCookie: "The request holds a value that a cookie cannot carry.",
}
_UNCARRIED = (InvalidHeader, InvalidCookie)

_GIVEN = ("req", "resp", "error")
_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})


def handler_step(entry: HookEntry) -> Step:
    """Give the step of an exception handler. Raises `ConfigurationError` for one that cannot be called as it has to."""
    return hook_step(entry, _GIVEN)


class Handlers:
    """The exception handlers that a route meets, its own router's first."""

    def __init__(self, owners: Sequence[Router]) -> None:
        self._nearest_first: list[dict[type[Exception] | int, Step]] = [
            {kind: handler_step(entry) for kind, entry in owner.handlers.items()} for owner in reversed(owners)
        ]

    def find(self, error: Exception) -> Step | None:
        """Give the handler of the nearest router that has one for this error, or None."""
        kinds = _kinds(error)
        for handlers in self._nearest_first:
            for kind in kinds:
                if kind in handlers:
                    return handlers[kind]
        return None


def _kinds(error: Exception) -> list[type | int]:
    """Give what a handler may be registered for, nearest first: classes, and a status before the class that has it."""
    kinds: list[type | int] = []
    for cls in type(error).__mro__:
        if cls is HTTPError or (cls is Exception and not isinstance(error, HTTPError)):
            kinds.append(answer_for(error).status)
        kinds.append(cls)
    return kinds


def answer_for(error: Exception) -> HTTPError:
    """Give what the client is told of an error: itself when it is an answer, else a 400 or a bare 500."""
    if isinstance(error, HTTPError):
        return error
    for refused, detail in _REFUSALS.items():
        if isinstance(error, refused):
            return HTTPError(400, detail)
    return HTTPError(500)


def is_mistake(error: Exception) -> bool:
    """Say whether an error is a mistake in the service, which belongs in its log, and not an answer."""
    return not isinstance(error, HTTPError | UnsafeRedirect | ClientDisconnected)


def report(req: Request, error: Exception) -> None:
    """Log a mistake in the service, and tell the test client, which raises it.

    It is one line and a traceback, but one line alone for what a client's text may have caused.
    """
    if isinstance(error, _UNCARRIED):
        log.error("%r %r failed: %r", req.method, req.scope["path"], error)
    else:
        log.error("%r %r failed: %s", req.method, req.scope["path"], type(error).__name__, exc_info=error)
    if tell := req.scope.get("responder"):
        tell(error)


def render_default(req: Request, resp: Response, error: Exception) -> None:
    """Answer an error that nobody handles."""
    answer = answer_for(error)
    accept = req.fields.get(b"accept")
    is_browser = accept is not None and prefers_html(accept.decode("latin-1"))
    if is_mistake(error) and req.api.debug and _is_local(req):
        _render_debug(req, resp, error, is_browser=is_browser)
    elif is_browser:
        resp.html = render_page(answer)
        resp.status_code = answer.status
        resp.headers.update(answer.headers)
    else:
        resp.set_problem(answer)


def _render_debug(req: Request, resp: Response, error: Exception, *, is_browser: bool) -> None:
    if is_browser:
        from .debug_page import render_debug_page  # noqa: PLC0415 - only debug mode needs it

        resp.html = render_debug_page(error, method=req.method, path=req.scope["path"], headers=req.headers)
        resp.status_code = 500
    else:
        resp.problem(500, detail=f"{type(error).__name__}: {error}")


def _is_local(req: Request) -> bool:
    """Say whether the client is on this machine: not one behind a proxy that is. A name is no address of anybody."""
    client = req.scope.get("client")
    if client is None or not _FORWARDED.isdisjoint(req.fields):
        return False
    try:
        return ip_address(client[0]).is_loopback
    except ValueError:
        return False


def render_page(answer: HTTPError) -> str:
    """Give a small HTML page that says what a problem document says."""
    from html import escape  # noqa: PLC0415 - its table of entities costs 2 ms, and few responses need it

    document = answer.document()
    title = escape(f"{answer.status} {document.get('title') or phrase(answer.status)}")
    detail = f"<p>{escape(answer.detail)}</p>" if answer.detail else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<title>{title}</title><style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;"
        f"padding:0 1rem;color-scheme:light dark}}</style></head><body><h1>{title}</h1>{detail}</body></html>"
    )
