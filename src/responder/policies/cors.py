"""Cross-origin resource sharing, by the Fetch standard (section 3.2, "HTTP CORS protocol").

What is not allowed gets no header, and so no script may read it; a preflight that asks for it is refused with a reason.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..config import check_origin
from ..errors import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ..config import CORS
    from ..exchange.request import Request
    from ..exchange.response import Response
    from ..types import RawHeader

    Call: TypeAlias = Callable[[Request, Response], None]

_SAFELISTED: Final = frozenset({"accept", "accept-language", "content-language", "content-type"})
_SIMPLE_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
_VARY: Final[RawHeader] = (b"vary", b"Origin")
_VARY_PREFLIGHT: Final[RawHeader] = (
    b"vary",
    b"Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network",
)


def make_cors(cors: CORS) -> tuple[Call, Call]:
    """Give the guard that answers preflights, and the finisher that says to browsers who may read the answer."""
    policy = _Policy(cors)
    return policy.answer_preflight, policy.finish


class _Policy:
    def __init__(self, cors: CORS) -> None:
        self._cors = cors
        self._allows_any = "*" in cors.allow_origins
        self._origins = frozenset(
            (origin if origin in {"*", "null"} else check_origin(origin)).encode("ascii")
            for origin in cors.allow_origins
        )
        self._pattern = None if cors.allow_origin_regex is None else re.compile(cors.allow_origin_regex)
        self._methods = frozenset(cors.allow_methods)
        self._headers = frozenset(name.lower() for name in cors.allow_headers)
        shown = [name for name in cors.expose_headers]
        self._answer: tuple[RawHeader, ...] = (
            *([(b"access-control-allow-credentials", b"true")] if cors.allow_credentials else []),
            *([(b"access-control-expose-headers", ", ".join(shown).encode("ascii"))] if shown else []),
        )

    def finish(self, req: Request, resp: Response) -> None:
        origin = req.fields.get(b"origin")
        if origin is None or not self._allows(origin):
            resp.policy_fields += (_VARY,)
        else:
            resp.policy_fields += (_VARY, self._allow(origin), *self._answer)

    def answer_preflight(self, req: Request, resp: Response) -> None:
        """Answer `OPTIONS` with `Origin` and `Access-Control-Request-Method`; other ones pass."""
        origin, method = req.fields.get(b"origin"), req.fields.get(b"access-control-request-method")
        if req.method != "OPTIONS" or origin is None or method is None:
            return
        resp.policy_fields += (_VARY_PREFLIGHT,)
        self._check_preflight(req, origin, method.decode("latin-1"))
        resp.status_code = 204
        resp.headers["access-control-max-age"] = str(self._cors.max_age)

    def _check_preflight(self, req: Request, origin: bytes, method: str) -> None:
        raise HTTPError(400)

    def _allow(self, origin: bytes) -> RawHeader:
        if self._allows_any and not self._cors.allow_credentials:
            origin = b"*"
        return (b"access-control-allow-origin", origin)

    def _allows(self, origin: bytes) -> bool:
        if self._allows_any or origin in self._origins:
            return True
        return self._pattern is not None and self._pattern.fullmatch(origin.decode("latin-1")) is not None
