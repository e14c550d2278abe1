"""Header fields by which browsers protect users of a page, unless a view has set its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config import SecurityHeaders
    from ..exchange.request import Request
    from ..exchange.response import Response

_FIELDS: Final = {
    "content_type_options": b"x-content-type-options",
    "frame_options": b"x-frame-options",
    "referrer_policy": b"referrer-policy",
    "opener_policy": b"cross-origin-opener-policy",
    "resource_policy": b"cross-origin-resource-policy",
    "permissions_policy": b"permissions-policy",
    "content_security_policy": b"content-security-policy",
}


def make_security_headers(record: SecurityHeaders) -> Callable[[Request, Response], None]:
    """Give the finisher that adds the fields of the record."""
    wanted = {name: getattr(record, option) for option, name in _FIELDS.items()}
    fields = tuple((name, value.encode("ascii")) for name, value in wanted.items() if value is not None)
    has_nonce = "{nonce}" in (record.content_security_policy or "")

    def finish(req: Request, resp: Response) -> None:
        added = fields
        if resp.has_fields:
            own = dict(resp.fields)
            added = tuple(field for field in fields if field[0] not in own)
        if has_nonce:
            nonce = req.csp_nonce.encode("ascii")
            added = tuple((name, value.replace(b"{nonce}", nonce)) for name, value in added)
        resp.policy_fields += added

    return finish
