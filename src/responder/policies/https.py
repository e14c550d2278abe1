"""HTTPS alone: a redirect for what came by HTTP, and Strict-Transport-Security (RFC 6797) for what did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ..config import HSTS
    from ..exchange.request import Request
    from ..exchange.response import Response

    Call: TypeAlias = Callable[[Request, Response], None]


def make_hsts(hsts: HSTS) -> tuple[Call, Call]:
    """Give the guard that redirects to HTTPS, and the finisher that tells browsers to come by it."""
    port = None if hsts.port == 443 else hsts.port
    directives = (
        f"max-age={hsts.max_age}",
        "includeSubDomains" if hsts.include_subdomains else "",
        "preload" if hsts.preload else "",
    )
    field = (b"strict-transport-security", "; ".join(filter(None, directives)).encode("ascii"))

    def redirect(req: Request, resp: Response) -> None:
        if not req.is_secure:
            # 307 keeps method and body, and no cache keeps it longer than the browser keeps the field.
            url = req.url
            resp.redirect(str(url.replace(scheme="https", port=port)), allow_external=True)

    def finish(req: Request, resp: Response) -> None:
        if req.is_secure:
            resp.policy_fields += (field,)

    return redirect, finish
