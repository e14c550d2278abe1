"""Cross-site request forgery: a request that changes something and carries cookies has to come from the same origin.

Browsers say where a request comes from: in `Sec-Fetch-Site` (Fetch Metadata, section 2.3), and in `Origin` before it.
What says neither is no browser, and so carries no cookies against its user's will. Rejected: tokens in forms, which
every view would have to think of. Another origin of the same site is refused too: a subdomain is often somebody else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..config import check_origin
from ..errors import HTTPError
from ..http.url import parse_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config import CORS, CSRF
    from ..exchange.request import Request
    from ..exchange.response import Response
    from ..http.url import URL

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})
"""Methods that change nothing (RFC 9110 section 9.2.1), so that nobody gains by forging them."""

_OWN_SITES: Final = frozenset({b"same-origin", b"none"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def make_csrf_guard(csrf: CSRF, cors: CORS | None) -> Callable[[Request, Response], None]:
    """Give the guard of unsafe methods and of WebSocket handshakes, which cookies go along with from any site.

    Origins that CORS allows with credentials are trusted like those of `csrf`.
    """
    trusts = _make_trust(csrf, cors)

    def guard(req: Request, _resp: Response) -> None:
        fields, scope = req.fields, req.scope
        if b"cookie" not in fields or (scope["type"] == "http" and scope["method"] in SAFE):
            return
        site = fields.get(b"sec-fetch-site")
        if site is None and b"origin" not in fields:
            return
        # PERF: what browsers send, unless a field came twice: 0.25 us, by way of `req.headers` 5
        if site in _OWN_SITES and len(fields) == len(scope["headers"]):
            return
        if not _is_trusted(req, trusts):
            raise HTTPError(403, _refusal(fields.get(b"origin")))

    return guard


def _refusal(origin: bytes | None) -> str:
    if origin is None:
        return "A request from another site may not change anything here."
    shown = origin[:100].decode("latin-1")
    return (
        f"A request from the origin {shown!r} may not change anything here. "
        "Where that is meant, list it in CSRF(trusted_origins=[...])."
    )


def _make_trust(csrf: CSRF, cors: CORS | None) -> Callable[[bytes], bool]:
    trusted = frozenset(check_origin(origin).encode("ascii") for origin in csrf.trusted_origins)
    if cors is None or not cors.allow_credentials:
        return trusted.__contains__
    from .cors import Origins  # noqa: PLC0415 - where it is wanted

    origins = Origins(cors)
    return lambda origin: origin in trusted or origins.allow(origin)


def _is_trusted(req: Request, trusts: Callable[[bytes], bool]) -> bool:
    """Say whether what comes with these fields may pass. Two fields of a name come joined here, which fits nothing."""
    site, origin = req.headers.get("sec-fetch-site"), req.headers.get("origin", "")
    if (site is not None and site.encode("latin-1") in _OWN_SITES) or trusts(origin.encode("latin-1")):
        return True
    return site is None and _is_own(origin, req.url)


def _is_own(origin: str, url: URL) -> bool:
    """Say whether an origin is that of the request.

    A proxy may have taken TLS away, so that a page of `https` may send what comes by `http` here; never the reverse,
    since a page that came by `http` may be anybody's.
    """
    scheme, _, authority = origin.partition("://")
    default = _DEFAULT_PORTS.get(scheme)
    if default is None or (scheme == "http" and url.scheme in {"https", "wss"}):
        return False
    try:
        host, port = parse_host(authority)
    except ValueError:
        return False
    return (host, port or default) == (url.host, url.port or default)
