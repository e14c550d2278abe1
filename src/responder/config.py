"""Frozen records of options. Each checks itself once, when it is made, and says what is wrong.

Flat keywords of `API` stay flat; whatever has several values of its own is a record here, so that the
constructor never becomes a wall.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, Self, TypedDict, dataclass_transform

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ipaddress import IPv4Network, IPv6Network
    from typing import TypeAlias

    from .types import Store

    Coding: TypeAlias = Literal["zstd", "br", "gzip"]

CODINGS: Final[tuple[Coding, ...]] = ("zstd", "br", "gzip")
"""The content codings that Responder writes, the best first."""

_DAY: Final = 24 * 60 * 60
_PERIODS: Final = {"second": 1, "minute": 60, "hour": 60 * 60, "day": _DAY}
_RATE = re.compile(r"([1-9][0-9]{0,8})/(?:([1-9][0-9]{0,3}) )?(second|minute|hour|day)s?")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.\-]*://(?:[a-z0-9_.\-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_COOKIE_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[^\t -~]")


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Record:
    """Options by name with their defaults, checked when they are made and never changed; equal when their options are.

    PERF: a dataclass costs the import 0.5 ms, this 0.02 (benchmarks/import_cost.py).
    """

    def __init__(self, **options: Any) -> None:
        known = self.options()
        for name in options:
            if name not in known:
                raise TypeError(f"{type(self).__name__} has no option {name!r}. Known: {', '.join(known)}.")
        for name in known:
            if name not in options and not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} needs {name}=...")
        vars(self).update(options)
        self._check()

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """Give the names of the options."""
        return tuple(cls.__annotations__)

    def replace(self, **changes: Any) -> Self:
        """Give a record with some options changed: `api.limits.replace(body=1024)`."""
        return type(self)(**(vars(self) | changes))

    def _check(self) -> None:
        """Raise `ConfigurationError` for options that cannot work."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} does not change. Make another record with replace().")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} does not change.")

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.options())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and type(other) is type(self) and other._values() == self._values()

    def __hash__(self) -> int:
        return hash((type(self), repr(self._values())))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({shown})"


def expect(record: type[Record], name: str, value: object) -> None:
    """Raise `ConfigurationError` unless the value of an option is a record of this class, or None."""
    if value is not None and not isinstance(value, record):
        raise ConfigurationError(f"{name}={value!r} must be a {record.__name__}: {name}={record.__name__}(...).")


def _refuse(record: object, name: str, what: str) -> NoReturn:
    raise ConfigurationError(f"{type(record).__name__}({name}={getattr(record, name)!r}) {what}.")


def _require_positive(record: Limits | Threads) -> None:
    """Raise unless every number of the record is above 0: whole numbers, and seconds where a float is declared."""
    for name, kind in type(record).__annotations__.items():
        value = getattr(record, name)
        if kind == "int":
            _require_whole(record, name)
        elif value is None and kind.endswith("None"):
            continue
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            _refuse(record, name, "must be a number of seconds above 0")


def _require_whole(record: object, name: str, least: int = 1) -> None:
    value = getattr(record, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        _refuse(record, name, f"must be a whole number of {least} or more")


def _texts(record: object, name: str) -> tuple[str, ...]:
    """Give an option that is a list of text; a single text is a mistake that would be read letter by letter."""
    value = getattr(record, name)
    if isinstance(value, str) or not isinstance(value, Iterable) or not all(isinstance(item, str) for item in value):
        _refuse(record, name, "must be a list of text")
    return tuple(value)


def check_origin(origin: str) -> str:
    """Give an origin as browsers write it, `https://example.org`. Raises `ConfigurationError` for what is none."""
    written = origin.lower()
    if not _ORIGIN.fullmatch(written):
        raise ConfigurationError(f"{origin!r} is no origin; write scheme and host alone, as 'https://example.org'.")
    scheme, _, rest = written.partition("://")
    default = {"http": ":80", "https": ":443"}.get(scheme, "")
    return f"{scheme}://{rest.removesuffix(default)}" if default else written


class Limits(Record):
    """What a client may send at most. Beyond it the answer is a 4xx, whichever way the bytes came.

    - `body`: bytes of a request body, declared or chunked (413). Default 16 MiB.
    - `query_pairs`: pairs in a query string (400). Default 1000.
    - `cookies`: cookies in one request (400). Default 150.
    - `depth`: arrays and objects inside each other in a JSON, YAML or MessagePack body (400). Default 100.
    - `yaml`: bytes of a YAML body (413), which takes a hundred times as long to read as JSON. Default 1 MiB.
    - `form_fields`: fields of a form, urlencoded or multipart, files not counted (400). Default 1000.
    - `field_size`: bytes of one field of a multipart form, files not counted (413). Default 1 MiB.
    - `parts`: parts of a multipart body, fields and files (400). Default 1000.
    - `part_headers`: header fields of one part (400); each is at most 4 KiB. Default 8.
    - `ranges`: ranges of a file in one request; with more it is sent whole. Default 16.
    - `request_time`: seconds until the response begins (504), not counting the time in which the body is on its way;
      None for no end. Default 60.
    - `body_rate`: bytes a second at which a body has to arrive, looked at every ten seconds (408). Default 500.
    - `write_stall`: seconds in which a client takes nothing of the response, before it is cut off. Default 60.
    - `header_time`: seconds for the header of a request, on the granian that `api.run` starts. Default 30.
    """

    body: int = 16 * 1024 * 1024
    query_pairs: int = 1000
    cookies: int = 150
    depth: int = 100
    yaml: int = 1024 * 1024
    form_fields: int = 1000
    field_size: int = 1024 * 1024
    parts: int = 1000
    part_headers: int = 8
    ranges: int = 16
    request_time: float | None = 60
    body_rate: int = 500
    write_stall: float = 60
    header_time: float = 30

    def _check(self) -> None:
        _require_positive(self)


class Threads(Record):
    """The worker threads of sync views.

    - `workers`: threads at most, started on demand. Default 40.
    - `queue`: calls that may wait for a thread; one more is a 503 with `Retry-After`. Default 1000.
    """

    workers: int = 40
    queue: int = 1000

    def _check(self) -> None:
        _require_positive(self)


class Sessions(Record):
    """How sessions are kept: `API(sessions=Sessions(store=RedisStore("redis://...")))`.

    - `store`: where the data is, so that only an opaque id travels; None keeps it in the signed cookie.
    - `max_age`: seconds from the last change. Default 14 days.
    - `cookie`: the cookie's name; one with `__Host-` is sent over HTTPS alone and bound to this host.
    - `same_site`: `"lax"`, `"strict"` or `"none"`.
    - `https_only`: whether the cookie is `Secure`; None for: when the request came by HTTPS.
    - `domain`, `path`: as in `resp.set_cookie`.
    """

    store: Store | None = None
    max_age: int = 14 * _DAY
    cookie: str = "Responder-Session"
    same_site: Literal["lax", "strict", "none"] = "lax"
    https_only: bool | None = None
    domain: str | None = None
    path: str = "/"

    def _check(self) -> None:
        _require_whole(self, "max_age")
        if not _COOKIE_NAME.fullmatch(self.cookie):
            _refuse(self, "cookie", "cannot name a cookie")
        if self.same_site not in {"lax", "strict", "none"}:
            _refuse(self, "same_site", "must be 'lax', 'strict' or 'none'")
        if self.same_site == "none" and self.https_only is False:
            _refuse(self, "https_only", "goes with no same_site='none', which browsers take over HTTPS alone")
        if self.cookie.lower().startswith("__host-") and (self.domain is not None or self.path != "/"):
            _refuse(self, "cookie", "needs path='/' and no domain")
        if self.cookie.lower().startswith(("__host-", "__secure-")) and self.https_only is False:
            _refuse(self, "https_only", f"goes with no cookie named {self.cookie!r}, which is for HTTPS alone")


class HSTS(Record):
    """HTTP Strict Transport Security (RFC 6797): `API(enable_hsts=HSTS(include_subdomains=True))`.

    - `max_age`: seconds for which browsers use HTTPS alone. Default one year.
    - `include_subdomains`: for the subdomains too.
    - `preload`: consents to browsers' lists; needs a year and the subdomains.
    - `port`: where HTTPS is, when it is not on 443.
    """

    max_age: int = 365 * _DAY
    include_subdomains: bool = False
    preload: bool = False
    port: int = 443

    def _check(self) -> None:
        _require_whole(self, "max_age", least=0)
        if not isinstance(self.port, int) or not 0 < self.port < 65536:
            _refuse(self, "port", "must be a port from 1 to 65535")
        if self.preload and (self.max_age < 365 * _DAY or not self.include_subdomains):
            _refuse(self, "preload", "needs max_age of a year and include_subdomains=True")


class CORS(Record):
    """Which other origins may read answers, by the Fetch standard. `API(cors=True, cors_params={...})` makes it.

    - `allow_origins`: exact origins, or `["*"]`. - `allow_origin_regex`: matches a whole origin.
    - `allow_methods`: for requests that need a preflight; `["*"]` for all. Default `["GET"]`.
    - `allow_headers`: those beyond the safelisted ones; `["*"]` for all. - `expose_headers`: readable by scripts.
    - `allow_credentials`: cookies go along; not with the origin `*`.
    - `max_age`: seconds for which a preflight is remembered. Default 60.
    """

    allow_origins: Sequence[str] = ()
    allow_origin_regex: str | None = None
    allow_methods: Sequence[str] = ("GET",)
    allow_headers: Sequence[str] = ()
    allow_credentials: bool = False
    expose_headers: Sequence[str] = ()
    max_age: int = 60

    def _check(self) -> None:
        for name in ("allow_origins", "allow_methods", "allow_headers", "expose_headers"):
            _texts(self, name)
        if self.allow_credentials and "*" in (*self.allow_origins, *self.expose_headers):
            raise ConfigurationError(
                "CORS: browsers refuse '*' together with allow_credentials=True. List the origins and headers, "
                "or use allow_origin_regex."
            )
        for origin in self.allow_origins:
            if origin not in {"*", "null"}:
                check_origin(origin)
        for name in ("allow_methods", "allow_headers", "expose_headers"):
            if wrong := [item for item in getattr(self, name) if not _COOKIE_NAME.fullmatch(item)]:
                _refuse(self, name, f"has {wrong[0]!r}, which is no name")
        try:
            re.compile(self.allow_origin_regex or "")
        except re.error as error:
            raise ConfigurationError(f"CORS(allow_origin_regex={self.allow_origin_regex!r}): {error}.") from error
        _require_whole(self, "max_age", least=0)


class CORSParams(TypedDict, total=False):
    """`API(cors=True, cors_params={...})`: the options of `CORS`."""

    allow_origins: Sequence[str]
    allow_origin_regex: str | None
    allow_methods: Sequence[str]
    allow_headers: Sequence[str]
    allow_credentials: bool
    expose_headers: Sequence[str]
    max_age: int


class CSRF(Record):
    """Which other origins may send requests that change something and carry cookies.

    - `trusted_origins`: as `https://app.example.org`. Origins that CORS allows with credentials are trusted too.
    """

    trusted_origins: Sequence[str] = ()

    def _check(self) -> None:
        for origin in _texts(self, "trusted_origins"):
            check_origin(origin)


class Proxies(Record):
    """Which proxies stand before the service, and are believed about the client.

    - `trusted`: their addresses and networks, as `10.0.0.0/8`; `"unix"` for whatever comes by a Unix socket.
    - `header`: what they set: `"x-forwarded"` (`X-Forwarded-For`, `-Proto`, `-Host`) or `"forwarded"` (RFC 7239). The
      other is ignored, since a proxy that does not know a header lets a client's own through.
    - `host`: whether they also tell the host; most pass `Host` on instead.
    """

    trusted: Sequence[str]
    header: Literal["x-forwarded", "forwarded"] = "x-forwarded"
    host: bool = False

    def _check(self) -> None:
        if not _texts(self, "trusted"):
            _refuse(self, "trusted", "names no proxy; leave proxies out instead")
        if self.header not in {"x-forwarded", "forwarded"}:
            _refuse(self, "header", "must be 'x-forwarded' or 'forwarded'")
        try:
            _ = self.networks
        except ValueError as error:
            raise ConfigurationError(f"Proxies(trusted=...): {error}. Write '10.0.0.0/8' or '192.0.2.7'.") from error

    @property
    def networks(self) -> list[IPv4Network | IPv6Network]:
        """The networks that are trusted, an address being one of its own."""
        return [ip_network(address) for address in self.trusted if address != "unix"]


class SecurityHeaders(Record):
    """Header fields by which browsers protect users; None leaves one out, and a view's own value always stays.

    - `content_type_options`: `X-Content-Type-Options`. - `frame_options`: `X-Frame-Options`.
    - `referrer_policy`, `permissions_policy`: the fields of these names.
    - `opener_policy`, `resource_policy`: `Cross-Origin-Opener-Policy` and `-Resource-Policy`.
    - `content_security_policy`: `{nonce}` in it becomes the request's own: `script-src 'nonce-{nonce}'`, and
      `<script nonce="{{ request.csp_nonce }}">` in templates.
    """

    content_type_options: str | None = "nosniff"
    frame_options: str | None = "DENY"
    referrer_policy: str | None = "strict-origin-when-cross-origin"
    opener_policy: str | None = "same-origin"
    resource_policy: str | None = "same-origin"
    permissions_policy: str | None = None
    content_security_policy: str | None = None

    def _check(self) -> None:
        for name in self.options():
            value: object = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value or _CONTROL.search(value)):
                _refuse(self, name, "must be text that a header can carry, or None")


class RateLimit(Record):
    """How often one client may ask: `RateLimit("100/minute")`, on an API, a router or a route.

    - `rate`: `"10/second"`, `"100/minute"`, `"1000/5 hours"`.
    - `by`: a function of the request that gives what is counted, None for nothing; by itself the client's address,
      of IPv6 its network of 64 bits.
    - `store`: a URL such as `redis://localhost` for counts that several processes share; None counts in this one.
    - `keys`: how many clients are remembered in this process; beyond that those that were idle longest are forgotten.
    - `name`: how the `RateLimit` field calls it.
    """

    rate: str
    by: Callable[[Any], str | None] | None = None
    store: str | None = None
    keys: int = 10_000
    name: str = "default"

    def __init__(
        self,
        rate: str,
        *,
        by: Callable[[Any], str | None] | None = None,
        store: str | None = None,
        keys: int = 10_000,
        name: str = "default",
    ) -> None:
        super().__init__(rate=rate, by=by, store=store, keys=keys, name=name)

    def _check(self) -> None:
        if not isinstance(self.rate, str) or _RATE.fullmatch(self.rate) is None:
            raise ConfigurationError(f"RateLimit({self.rate!r}): write a rate such as '100/minute' or '5/10 seconds'.")
        if self.by is not None and not callable(self.by):
            _refuse(self, "by", "must be a function of the request")
        if self.store is not None and not isinstance(self.store, str):
            _refuse(self, "store", "must be a URL such as 'redis://localhost'")
        _require_whole(self, "keys")
        if not re.fullmatch(r"[A-Za-z0-9_.\-]{1,64}", self.name):
            _refuse(self, "name", "has up to 64 letters, digits and any of _.-")

    @property
    def requests(self) -> int:
        """How many requests."""
        return int(self.rate.partition("/")[0])

    @property
    def seconds(self) -> int:
        """In how many seconds."""
        count, _, period = self.rate.partition("/")[2].rpartition(" ")
        return int(count or 1) * _PERIODS[period.removesuffix("s")]


class Compression(Record):
    """How answers are compressed: `API(compression=True)`, or this record.

    - `codings`: which, the best first; those that are not installed are left out.
    - `minimum`: bytes from which on it is worth it. Default 1024.
    - `requests`: also read bodies that clients have compressed, up to `Limits.body` bytes when unpacked.
    """

    codings: Sequence[Coding] = CODINGS
    minimum: int = 1024
    requests: bool = False

    def _check(self) -> None:
        if unknown := [coding for coding in _texts(self, "codings") if coding not in CODINGS]:
            _refuse(self, "codings", f"has {unknown[0]!r}; known are zstd, br and gzip")
        _require_whole(self, "minimum")
