"""Cross-site request forgery: an unsafe request that carries cookies has to come from the same origin.

Browsers say where a request comes from: `Sec-Fetch-Site` (Fetch Metadata, section 2.1), and `Origin` before it. What
says neither is no browser, and so carries no cookies against its user's will. Rejected: tokens in forms, which every
view would have to think of. Another origin of the same site is refused too: a subdomain is often somebody else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config import check_origin
from ..errors import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config import CORS, CSRF
    from ..exchange.request import Request
    from ..exchange.response import Response

_OWN_SITES = frozenset({b"same-origin", b"none"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def make_csrf_guard(csrf: CSRF, cors: CORS | None) -> Callable[[Request, Response], None]:
    """Give the guard of unsafe methods. Origins that CORS allows with credentials are trusted like those of `csrf`."""
    trusted = {check_origin(origin).encode("ascii") for origin in csrf.trusted_origins}
    if cors is not None and cors.allow_credentials:
        trusted |= {check_origin(origin).encode("ascii") for origin in cors.allow_origins}

    def guard(req: Request, _resp: Response) -> None:
        fields = req.fields
        if b"cookie" not in fields:
            return
        site, origin = fields.get(b"sec-fetch-site"), fields.get(b"origin")
        if site in _OWN_SITES or origin in trusted:
            return
        if site is None and (origin is None or _is_own(origin, req)):
            return
        raise HTTPError(403, "A request from another site may not change anything here.")

    return guard


def _is_own(origin: bytes, req: Request) -> bool:
    """Say whether an origin is this host's; its scheme does not count, which a proxy may have changed."""
    scheme, separator, authority = origin.decode("latin-1").lower().partition("://")
    url = req.url
    own = {url.netloc, url.netloc.removesuffix(_DEFAULT_PORTS.get(scheme, ""))}
    return bool(separator) and authority in own
