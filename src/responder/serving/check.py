"""What a security review would ask about an API, each with the line that mends it: `responder check`.

It reads the configuration and sends nothing. `must` is for what an attacker can use as it is, `consider` for what
depends on the service: one without cookies needs no CSRF check, one behind a gateway no rate limit of its own.
Rejected: a score, which makes people trade one finding for another.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from ..config import Limits
from .table import align

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeAlias

    from ..config import CORS, Proxies, RateLimit, Sessions
    from ..policies.compose import Options
    from ..routing.route import Route

    Grade: TypeAlias = Literal["must", "consider"]

FAR_BEYOND: Final = 16
"""How many times its default a limit may be before it is asked about: 256 MiB of body, sixteen minutes of time."""

_LEAST_BITS: Final = {4: 8, 6: 7}
"""The shortest prefixes of private networks, `10.0.0.0/8` and `fc00::/7`."""

_ANYBODY: Final = ("https://attacker.example", "http://attacker.example", "https://attacker.example:8443", "null")
_ESCAPED_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_LOOSE_DOT = re.compile(r"\.(?![*+?{])|\.(?:[*+?]|\{[^}]*\})\??+(?!\)*+ESCAPED)")


class Finding(NamedTuple):
    """One thing to ask about: how grave it is, what, what mends it, and where it was declared (`""`: on the API)."""

    grade: Grade
    topic: str
    what: str
    mend: str
    place: str = ""


class Policy(Protocol):
    """What is looked at of the policy of sessions."""

    options: Sessions

    @property
    def has_own_key(self) -> bool:
        """Whether a key was given."""


class Checked(Protocol):
    """What is looked at of an API."""

    debug: bool
    safety: Options
    proxies: Proxies | None
    limits: Limits
    rate_limit: RateLimit | None
    routes: list[Route]

    @property
    def sessions(self) -> Policy:
        """How sessions are kept."""


def check_api(api: Checked) -> list[Finding]:
    """Give the findings, the grave ones first."""
    found = [finding for check in _CHECKS for finding in check(api)]
    return sorted(found, key=lambda finding: finding.grade != "must")


def render(findings: Sequence[Finding]) -> str:
    """Give the findings as aligned lines, with what mends them at their ends."""
    if not findings:
        return "Nothing to ask about."
    return align([(one.grade, one.topic, _describe(one), f"->  {one.mend}") for one in findings])


def render_json(findings: Iterable[Finding]) -> str:
    """Give the findings as a JSON list of objects."""
    return json.dumps([finding._asdict() for finding in findings], indent=2, ensure_ascii=False)


def _describe(finding: Finding) -> str:
    return f"{finding.what} ({finding.place})" if finding.place else finding.what


# One function a topic


def _check_debug(api: Checked) -> Iterator[Finding]:
    if api.debug:
        yield Finding("must", "debug", "debug is on: tracebacks go to whoever is on this machine.", "API(debug=False)")


def _check_hosts(api: Checked) -> Iterator[Finding]:
    allowed, mend = api.safety.allowed_hosts, 'API(allowed_hosts=["example.com"])'
    if allowed is None:
        yield Finding("consider", "hosts", "allowed_hosts is not set: a forged Host gets into links and caches.", mend)
    elif "*" in allowed:
        yield Finding("consider", "hosts", "allowed_hosts has '*', which takes any Host.", mend)


def _check_proxies(api: Checked) -> Iterator[Finding]:
    for network in api.proxies.networks if api.proxies is not None else ():
        if network.prefixlen < _LEAST_BITS[network.version]:
            what = f"proxies trusts {network}: strangers choose their address and scheme."
            yield Finding("must", "proxies", what, 'Proxies(trusted=["10.0.0.7"])')


def _check_https(api: Checked) -> Iterator[Finding]:
    if api.safety.hsts is None:
        yield Finding("consider", "hsts", "HSTS is off: a first visit by HTTP can be read.", "API(enable_hsts=True)")


def _check_sessions(api: Checked) -> Iterator[Finding]:
    options = api.sessions.options
    if options.store is None and not api.sessions.has_own_key:
        what = "secret_key is not set: sessions, if there are any, end with the process, and workers share none."
        yield Finding("consider", "secret_key", what, 'API(secret_key=os.environ["SECRET_KEY"])')
    if api.safety.hsts is None and not _is_secure(options):
        what = "the session cookie, if there is one, is not Secure on what comes by HTTP."
        yield Finding("consider", "cookies", what, "Sessions(https_only=True)")


def _is_secure(options: Sessions) -> bool:
    by_name = options.cookie.lower().startswith(("__host-", "__secure-"))
    return by_name or options.same_site == "none" or options.https_only is True


def _check_csrf(api: Checked) -> Iterator[Finding]:
    if api.safety.csrf is None:
        what = "csrf is off: other sites can send requests that carry cookies."
        yield Finding("consider", "csrf", what, 'API(csrf="auto")')
        return
    for route in api.routes:
        if not route.csrf:
            what = f"csrf is off for {route.path}: other sites can send requests that carry cookies."
            yield Finding("consider", "csrf", what, "leave out csrf=False, or verify a signature", route.place)


def _check_cors(api: Checked) -> Iterator[Finding]:
    cors = api.safety.cors
    if cors is None:
        return
    if "*" in cors.allow_origins:
        what = "CORS is open to any origin: any site may read what needs no cookie."
        yield Finding("consider", "cors", what, 'cors_params={"allow_origins": ["https://app.example.com"]}')
    if "null" in cors.allow_origins:
        what = "CORS allows 'null', the origin of sandboxed frames on any site."
        yield Finding(_grade(cors), "cors", what, "leave out 'null'")
    if cors.allow_origin_regex is not None:
        yield from _check_pattern(cors, cors.allow_origin_regex)


def _check_pattern(cors: CORS, pattern: str) -> Iterator[Finding]:
    anybody = next((origin for origin in _ANYBODY if re.fullmatch(pattern, origin)), None)
    if anybody is not None:
        what = f"CORS: allow_origin_regex {pattern!r} matches {anybody}, which is anybody."
        yield Finding(_grade(cors), "cors", what, r'"allow_origin_regex": r"https://[a-z0-9-]+\.example\.com"')
    elif _LOOSE_DOT.search(_ESCAPED_OR_CLASS.sub(_mark, pattern)):
        what = f"CORS: allow_origin_regex {pattern!r} has an unescaped dot: names of strangers may match."
        yield Finding(_grade(cors), "cors", what, r'"allow_origin_regex": r"https://[a-z0-9-]+\.example\.com"')


def _mark(match: re.Match[str]) -> str:
    """Put a word for an escaped dot, which ends what a loose one may match, and a letter for all that is no dot."""
    return "ESCAPED" if match[0] == r"\." else "x"


def _grade(cors: CORS) -> Grade:
    return "must" if cors.allow_credentials else "consider"


def _check_headers(api: Checked) -> Iterator[Finding]:
    if api.safety.security_headers is None:
        what = "security_headers is off: browsers may frame the pages and guess types."
        yield Finding("consider", "security_headers", what, "API(security_headers=True)")


def _check_rates(api: Checked) -> Iterator[Finding]:
    own = any(route.rate_limit or any(owner.rate_limit for owner in route.owners) for route in api.routes)
    if api.rate_limit is None and not own:
        what = "rate_limit is not set: one client may ask as often as it can, and guess passwords."
        yield Finding("consider", "rate_limit", what, 'API(rate_limit=RateLimit("100/minute"))')


def _check_compression(api: Checked) -> Iterator[Finding]:
    compression = api.safety.compression
    if compression is not None and compression.requests:
        what = f"compressed bodies are read: a few KiB unpack to {api.limits.body} bytes."
        yield Finding("consider", "compression", what, "Compression(requests=False)")


def _check_limits(api: Checked) -> Iterator[Finding]:
    yield from _compare(api.limits, "API", "")
    for route in api.routes:
        if route.limits is not None:
            yield from _compare(route.limits, route.path, route.place)


def _compare(limits: Limits, where: str, place: str) -> Iterator[Finding]:
    for name in Limits.options():
        value, usual = getattr(limits, name), getattr(Limits, name)
        if value is None:
            what, mend = f"request_time is None on {where}: a view may take for ever.", f"Limits(request_time={usual})"
            yield Finding("consider", "limits", what, mend, place)
        elif _is_far(name, value, usual):
            what = f"{name} is {value} on {where}, where {usual} is usual."
            yield Finding("consider", "limits", what, f"Limits({name}={usual}), or more on one route", place)


def _is_far(name: str, value: float, usual: Any) -> bool:
    """Say whether a limit lets far more pass than its default; of a least rate the smaller lets more."""
    return bool(usual > value * FAR_BEYOND if name == "body_rate" else value > usual * FAR_BEYOND)


_CHECKS: Final[tuple[Callable[[Checked], Iterator[Finding]], ...]] = (
    *(_check_debug, _check_cors, _check_proxies, _check_hosts, _check_https, _check_sessions, _check_csrf),
    *(_check_headers, _check_rates, _check_limits, _check_compression),
)
