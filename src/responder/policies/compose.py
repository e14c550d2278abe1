"""Which policies a route meets, in which order: guards before every hook, finishers after all of them.

A guard raises, or sets the response, which ends the request there. A finisher writes onto whatever response there is,
that of a failure too. Each module is imported when a policy of it is wanted.

Rejected: a list of middleware to be ordered by hand. CORS has to answer a preflight before CSRF sees it, and
compression has to be last; nobody wants them otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..config import CORS
from ..errors import ConfigurationError
from .csrf import SAFE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TypeAlias

    from ..config import CSRF, HSTS, Compression, CORSParams, Limits, Proxies, RateLimit, SecurityHeaders
    from ..exchange.request import Request
    from ..exchange.response import Response
    from ..routing.route import Route
    from ..routing.router import Router

    Call: TypeAlias = Callable[[Request, Response], Any]


class Options(NamedTuple):
    """The records of the policies that an API wants; None for those that it does not."""

    allowed_hosts: Sequence[str] | None = None
    proxies: Proxies | None = None
    hsts: HSTS | None = None
    cors: CORS | None = None
    csrf: CSRF | None = None
    security_headers: SecurityHeaders | None = None
    compression: Compression | None = None


def make_cors_options(wanted: bool, params: CORSParams | Mapping[str, Any] | None) -> CORS | None:  # noqa: FBT001 - an option
    """Give the record of `API(cors=True, cors_params={...})`. Raises `ConfigurationError` for unknown entries."""
    if not wanted and params is None:
        return None
    if not wanted:
        raise ConfigurationError("cors_params is for cors=True, which is missing.")
    known = CORS.options()
    if unknown := sorted(set(params or ()) - set(known)):
        raise ConfigurationError(f"cors_params has {unknown[0]!r}. Known: {', '.join(sorted(known))}.")
    options: Mapping[str, Any] = params or {}
    return CORS(**options)


class Stand(NamedTuple):
    """What stands around a route for one method: functions over `(req, resp)`, async ones among them."""

    guards: tuple[Call, ...]
    finishers: tuple[Call, ...]


class Policies:
    """The policies of one API, each made once."""

    def __init__(self, options: Options, limits: Limits, load_session: Call | None = None) -> None:
        self._limits = limits
        self._first: list[Call] = []
        self._csrf: Call | None = None
        self._preflight: Call | None = None
        self._last: list[Call] = []
        self._load_session = load_session
        self._rates: dict[int, tuple[RateLimit, Stand]] = {}
        self._compress: Call | None = None
        self._add_transport(options)
        self._add_origins(options)
        if options.compression is not None:
            from .compression import make_compressor  # noqa: PLC0415 - where it is wanted

            self._compress = make_compressor(options.compression)

    def _add_transport(self, options: Options) -> None:
        if options.allowed_hosts is not None:
            from .hosts import make_hosts_guard  # noqa: PLC0415 - where it is wanted

            self._first.append(make_hosts_guard(options.allowed_hosts, options.proxies))
        if options.hsts is not None:
            from .https import make_hsts  # noqa: PLC0415 - where it is wanted

            guard, finisher = make_hsts(options.hsts)
            self._first.append(guard)
            self._last.append(finisher)

    def _add_origins(self, options: Options) -> None:
        if options.cors is not None:
            from .cors import make_cors  # noqa: PLC0415 - where it is wanted

            self._preflight, finisher = make_cors(options.cors)
            self._last.append(finisher)
        if options.csrf is not None:
            from .csrf import make_csrf_guard  # noqa: PLC0415 - where it is wanted

            self._csrf = make_csrf_guard(options.csrf, options.cors)
        if options.security_headers is not None:
            from .security_headers import make_security_headers  # noqa: PLC0415 - where it is wanted

            self._last.append(make_security_headers(options.security_headers))

    def around(self, method: str | None, owners: Iterable[Router], route: Route | None) -> Stand:
        """Give what stands around a route for one method; a method of None is any, where there is no route."""
        guards = [*self._first]
        if self._preflight is not None and method in {None, "OPTIONS"}:
            guards.append(self._preflight)
        if self._csrf is not None and method not in SAFE and (route is None or route.csrf):
            guards.append(self._csrf)
        if route is not None and route.limits is not None:
            guards.append(_limit(self._limits.replace(**vars(route.limits))))
        if self._load_session is not None:
            guards.append(self._load_session)
        finishers: list[Call] = []
        for rate in _rates(owners, route):
            stand = self._rate(rate)
            guards += stand.guards
            finishers += stand.finishers
        finishers += self._last
        if self._compress is not None:
            finishers.append(self._compress)
        return Stand(tuple(guards), tuple(finishers))

    @property
    def of_handshakes(self) -> tuple[Call, ...]:
        """The guards that a WebSocket handshake passes."""
        return (*self._first, *([] if self._csrf is None else [self._csrf]))

    def _rate(self, rate: RateLimit) -> Stand:
        """Give what counts for a record: once, wherever the same record stands, and however often a table is built."""
        known = self._rates.get(id(rate))
        if known is None:
            from .rates import make_rate_limit  # noqa: PLC0415 - where it is wanted

            guard, finisher = make_rate_limit(rate)
            known = self._rates[id(rate)] = (rate, Stand((guard,), (finisher,)))
        return known[1]


def _rates(owners: Iterable[Router], route: Route | None) -> list[RateLimit]:
    found = [owner.rate_limit for owner in owners if owner.rate_limit is not None]
    own = route.rate_limit if route is not None else None
    return found if own is None else [*found, own]


def _limit(limits: Limits) -> Call:
    def limit(req: Request, _resp: Response) -> None:
        req.limits = limits

    return limit
