"""HTTPS alone: a redirect for what came by HTTP, and `Strict-Transport-Security` (RFC 6797) for what did not.

Rejected: 301 and 308, which browsers keep for ever, so that a port that was wrong once stays wrong; 307 keeps method
and body as well.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ..errors import DecodeError
from ..http.url import URL

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ..config import HSTS
    from ..exchange.request import Request
    from ..exchange.response import Response
    from ..types import RawHeader, Scope

    Call: TypeAlias = Callable[[Request, Response], None]

_FIELD: Final = b"strict-transport-security"
_SECURE: Final = {"http": "https", "ws": "wss"}
_UNCARRIED: Final = re.compile(rb"[^!-~]")


def make_hsts(hsts: HSTS) -> tuple[Call, Call]:
    """Give the guard that redirects to HTTPS, and the finisher that tells browsers to come by it."""
    port = None if hsts.port == 443 else hsts.port
    added = (_format_field(hsts),)

    def redirect(req: Request, resp: Response) -> None:
        secure = _SECURE.get(_scheme(req))
        if secure is None:
            return
        netloc = URL(secure, req.url.host, port).netloc
        # Not `resp.redirect`, which percent-encodes what a URL should not have in it.
        location = f"{secure}://{netloc}".encode("ascii") + _target(req.scope)
        resp.policy_fields += ((b"location", location),)
        resp.status_code = 307

    def finish(req: Request, resp: Response) -> None:
        # On an answer by plain HTTP browsers have to ignore it (RFC 6797 section 8.1).
        if _scheme(req) not in _SECURE and not (resp.has_fields and _FIELD in dict(resp.fields)):
            resp.policy_fields += added

    return redirect, finish


def _format_field(hsts: HSTS) -> RawHeader:
    directives = [f"max-age={hsts.max_age}"]
    if hsts.include_subdomains:
        directives.append("includeSubDomains")
    if hsts.preload:
        directives.append("preload")
    return _FIELD, "; ".join(directives).encode("ascii")


def _scheme(req: Request) -> str:
    # PERF: without proxies the scope says it, which costs 1 us less than `req.origin`
    scheme: str = req.scope["scheme"] if req.api.proxies is None else req.origin.scheme
    return scheme


def _target(scope: Scope) -> bytes:
    """Give path and query as they came, but for bytes that no header field carries. Raises `DecodeError`.

    Whatever does not start with `/` would go on with the host's name: `.evil.example` after `https://example.com`.
    """
    path: bytes | None = scope.get("raw_path")
    if path is None:
        path = quote(scope["path"], safe="/!$&'()*+,;=:@", errors="replace").encode("ascii")
    if not path.startswith(b"/"):
        raise DecodeError("The target of the request is no path.")
    query: bytes = scope["query_string"]
    return _UNCARRIED.sub(lambda found: b"%%%02X" % ord(found[0]), path + b"?" + query if query else path)
