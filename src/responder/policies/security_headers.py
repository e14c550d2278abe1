"""Header fields by which browsers protect the users of a page, unless a view has set its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ..config import SecurityHeaders
    from ..exchange.request import Request
    from ..exchange.response import Response
    from ..types import RawHeader

    Call: TypeAlias = Callable[[Request, Response], None]

_NAMES: Final = {
    "content_type_options": b"x-content-type-options",
    "frame_options": b"x-frame-options",
    "referrer_policy": b"referrer-policy",
    "opener_policy": b"cross-origin-opener-policy",
    "resource_policy": b"cross-origin-resource-policy",
    "permissions_policy": b"permissions-policy",
}
_POLICY: Final = b"content-security-policy"


def make_security_headers(record: SecurityHeaders) -> Call:
    """Give the finisher that adds the fields of the record."""
    wanted = {name: getattr(record, option) for option, name in _NAMES.items()}
    fields = [(name, value.encode("ascii")) for name, value in wanted.items() if value is not None]
    policy = record.content_security_policy
    if policy is None or "{nonce}" not in policy:
        own = [] if policy is None else [(_POLICY, policy.encode("ascii"))]
        return _make_finisher((*fields, *own))
    return _make_nonce_finisher(_make_finisher(tuple(fields)), policy)


def _make_finisher(fields: tuple[RawHeader, ...]) -> Call:
    def finish(_req: Request, resp: Response) -> None:
        if resp.has_fields:
            own = dict(resp.fields)
            resp.policy_fields += tuple(field for field in fields if field[0] not in own)
        else:
            resp.policy_fields += fields

    return finish


def _make_nonce_finisher(finish_others: Call, policy: str) -> Call:
    def finish(req: Request, resp: Response) -> None:
        finish_others(req, resp)
        if (resp.has_fields and _POLICY in dict(resp.fields)) or _is_unchanged(resp):
            return
        resp.policy_fields += ((_POLICY, policy.replace("{nonce}", req.csp_nonce).encode("ascii")),)

    return finish


def _is_unchanged(resp: Response) -> bool:
    """Say whether this will be a 304: its fields replace those of the kept page (RFC 9111 section 3.2).

    The scripts of that page have the nonce of the answer that it came with.
    """
    return resp.status == 304 or (resp.status_code < 300 and resp.has_validators and resp.evaluate() == 304)
