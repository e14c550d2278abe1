"""Cross-origin resource sharing, by the Fetch standard (section 3.2, "CORS protocol").

What is not allowed gets no header, so that no script may read it. A preflight that asks for what is not allowed is
refused with the reason, for whoever looks at it in the browser's tools. Rejected: to answer each preflight with 200
and let the browser find out, which leaves the developer to guess.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

from ..config import check_origin
from ..errors import ConfigurationError, HTTPError
from ..http.headers import is_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from ..config import CORS
    from ..exchange.request import Request
    from ..exchange.response import Response
    from ..types import RawHeader

    Call: TypeAlias = Callable[[Request, Response], None]

log = logging.getLogger("responder")

_SAFELISTED: Final = ("Accept", "Accept-Language", "Content-Language", "Content-Type")
_ALLOW_ORIGIN: Final = b"access-control-allow-origin"
_ALLOW_METHODS: Final = b"access-control-allow-methods"
_REQUEST_METHOD: Final = b"access-control-request-method"
_LONGEST_LIST: Final = 4096
"""Characters of `Access-Control-Request-Headers`, which may come back in the answer."""

_VARY: Final[RawHeader] = (b"vary", b"Origin")
_VARY_PREFLIGHT: Final[RawHeader] = (b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers")


def make_cors(cors: CORS) -> tuple[Call, Call]:
    """Give the guard that answers preflights, and the finisher that says to browsers who may read the answer."""
    origins = Origins(cors)
    return _Preflights(cors, origins).answer, _make_finisher(cors, origins)


class Origins:
    """The origins that an API allows."""

    def __init__(self, cors: CORS) -> None:
        self.is_any = "*" in cors.allow_origins
        self.listed = frozenset(
            (origin if origin == "null" else check_origin(origin)).encode("ascii")
            for origin in cors.allow_origins
            if origin != "*"
        )
        self.pattern = None if cors.allow_origin_regex is None else re.compile(cors.allow_origin_regex)

    def allow(self, origin: bytes) -> bool:
        """Say whether an origin is allowed. The expression never sees what is no origin, `null` included."""
        if self.is_any or origin in self.listed:
            return True
        text = origin.decode("latin-1")
        return self.pattern is not None and _is_origin(text) and self.pattern.fullmatch(text) is not None


def _is_origin(text: str) -> bool:
    """Say whether a text is an origin as browsers write it. The length spares an expression that takes long."""
    try:
        return len(text) < 320 and check_origin(text) == text
    except ConfigurationError:
        return False


def _make_finisher(cors: CORS, origins: Origins) -> Call:
    exposed = ", ".join(cors.expose_headers).encode("ascii")
    more: tuple[RawHeader, ...] = (
        *([(b"access-control-allow-credentials", b"true")] if cors.allow_credentials else []),
        *([(b"access-control-expose-headers", exposed)] if exposed else []),
    )
    nothing: tuple[RawHeader, ...] = (_VARY,)

    def fields_for(origin: bytes) -> tuple[RawHeader, ...]:
        return (_VARY, (_ALLOW_ORIGIN, b"*" if origins.is_any else origin), *more)

    known = {origin: fields_for(origin) for origin in origins.listed}

    def finish(req: Request, resp: Response) -> None:
        origin = req.fields.get(b"origin")
        if origin is None:
            resp.policy_fields += nothing
            return
        # PERF: the fields of a listed origin are made once: 0.15 us less
        added = known.get(origin) or (fields_for(origin) if origins.allow(origin) else nothing)
        if added is not nothing and _is_withheld(req, resp):
            added = nothing
        resp.policy_fields += added

    return finish


def _is_withheld(req: Request, resp: Response) -> bool:
    """Say whether the answer names no origin, although that of the request is allowed.

    That is so for a preflight that was not granted, for a view that has named one itself (two of them are none to a
    browser), and for a request with two origins, which no browser sends.
    """
    fields = req.fields
    if _REQUEST_METHOD in fields and req.method == "OPTIONS" and _ALLOW_METHODS not in dict(resp.policy_fields):
        return True
    if resp.has_fields and _ALLOW_ORIGIN in dict(resp.fields):
        return True
    return len(fields) != len(req.scope["headers"]) and len(req.headers.get_list("origin")) > 1


class _Preflights:
    """Grants or refuses what a browser asks for in advance."""

    def __init__(self, cors: CORS, origins: Origins) -> None:
        self._origins = origins
        self._echoes = cors.allow_credentials
        """With credentials `*` is the name of a method or header to browsers, and no wildcard."""
        methods = dict.fromkeys(method.upper() for method in cors.allow_methods)
        if "GET" in methods:
            methods["HEAD"] = None
        self._methods = tuple(methods)
        self._headers = (*_SAFELISTED, *cors.allow_headers)
        self._known_headers = frozenset(name.lower() for name in self._headers)
        self._max_age: RawHeader = (b"access-control-max-age", b"%d" % cors.max_age)

    def answer(self, req: Request, resp: Response) -> None:
        """Answer `OPTIONS` with `Origin` and `Access-Control-Request-Method`; another request passes."""
        if req.method != "OPTIONS" or not req.fields.keys() >= {b"origin", _REQUEST_METHOD}:
            return
        headers = req.headers
        origin, method = headers["origin"], headers["access-control-request-method"]
        names = _split_names(headers.get("access-control-request-headers", ""))
        if reasons := [*self._object(origin, method, names)]:
            log.info("The CORS preflight for %r is refused. %s", req.scope["path"], " ".join(reasons))
            raise HTTPError(400, f"The CORS preflight is refused. {' '.join(reasons)}")
        resp.policy_fields += (
            _VARY_PREFLIGHT,
            (_ALLOW_METHODS, self._grant_methods(method).encode("ascii")),
            (b"access-control-allow-headers", self._grant_headers(names).encode("ascii")),
            self._max_age,
        )
        if headers.get("access-control-request-private-network") == "true":
            resp.policy_fields += ((b"access-control-allow-private-network", b"true"),)
        resp.status_code = 204

    def _object(self, origin: str, method: str, names: Sequence[str]) -> Iterator[str]:
        """Give a sentence for each thing that is not allowed; of several headers for the first."""
        if not self._origins.allow(origin.encode("latin-1")):
            pattern = "" if self._origins.pattern is None else " and does not match allow_origin_regex"
            yield f"The origin {_shown(origin)} is not in allow_origins{pattern}."
        if method not in self._methods and not ("*" in self._methods and is_token(method)):
            case = " Methods are case-sensitive." if method.upper() in self._methods else ""
            yield f"The method {_shown(method)} is not in allow_methods.{case}"
        for name in names:
            if name.lower() not in self._known_headers and not ("*" in self._known_headers and is_token(name)):
                yield f"The header {_shown(name)} is not in allow_headers."
                return

    def _grant_methods(self, asked: str) -> str:
        if "*" not in self._methods:
            return ", ".join(self._methods)
        return asked if self._echoes else "*"

    def _grant_headers(self, asked: Sequence[str]) -> str:
        if "*" not in self._known_headers:
            return ", ".join(self._headers)
        if self._echoes:
            return ", ".join(asked or _SAFELISTED)
        # `*` leaves this one out (Fetch standard, "CORS non-wildcard request-header name").
        return "*, Authorization" if "authorization" in {name.lower() for name in asked} else "*"


def _split_names(value: str) -> list[str]:
    """Give the names of a list (RFC 9110 section 5.6.1). Raises a 400 for one that is too long."""
    if len(value) > _LONGEST_LIST:
        raise HTTPError(400, "The CORS preflight is refused. Access-Control-Request-Headers is too long.")
    return [name for part in value.split(",") if (name := part.strip(" \t"))]


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:100]}...")
