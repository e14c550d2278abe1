"""URLs as they travel: hosts, percent-encoded paths, absolute URLs and redirect targets (RFC 3986, URL Standard).

Paths stay percent-encoded until they are split, so that `%2F` never crosses a segment. Everything here is strict, and
what two parsers could read in two ways is refused. Rejected: `urllib.parse.urlsplit` (drops tabs and newlines quietly,
takes any characters in a host, and keeps a cache keyed by what clients send).
"""

from __future__ import annotations

import dataclasses
import re
from ipaddress import IPv6Address
from typing import TypedDict, Unpack
from urllib.parse import quote, unquote_to_bytes

from .headers import has_control_characters

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*")
_REGISTERED_NAME = re.compile(r"[a-z0-9_\-]+(?:\.[a-z0-9_\-]+)*\.?", re.ASCII | re.IGNORECASE)
_IPV6_CHARACTERS = re.compile(r"[0-9a-f:.]{2,45}", re.ASCII | re.IGNORECASE)
_PORT = re.compile(r"[0-9]{1,5}")
# `http://;` is the base URL of the in-process test session, `tenant.;` a name below it: no other machine is meant.
_TEST_NAME = re.compile(r"(?:[a-z0-9_\-]+\.)*;", re.ASCII | re.IGNORECASE)
_HOST_LENGTH = 253 + len(":65535")
_HIGHEST_PORT = 65535

_TRAVELLING = re.compile(r"[!-\[\]-~]*")
_PATH = re.compile(r"/[!\"$->@-\[\]-~]*")
_QUERY = re.compile(r"[!\"$-\[\]-~]*")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SEGMENT_SAFE = "!$&'()*+,;=:@"

is_usual_host = re.compile(rb"(?:[a-z0-9_\-]{1,60}\.){0,3}[a-z0-9_\-]{1,60}(?::[1-9][0-9]{0,3})?").fullmatch
"""Finds most hosts good at one look; the others are for `parse_host`."""

_ABSOLUTE = re.compile(r"(https?)://([^/?#]+)", re.ASCII | re.IGNORECASE)
_DOT_SEGMENT = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNSAFE_IN_LOCATION = re.compile(r"""(?:[^!-~]|["<>\\^`{|}]|%(?![0-9A-Fa-f]{2}))+""")


class URLChanges(TypedDict, total=False):
    """The parts that `URL.replace` takes."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: str


@dataclasses.dataclass(frozen=True, slots=True)
class URL:
    """An absolute URL as a value. `URL.parse` checks the parts; the constructor takes them as they are.

    - `scheme`: in lower case.
    - `host`: in lower case, an IPv6 address without its brackets.
    - `port`: the port that was written, or `None`.
    - `path`: percent-encoded, as it travels, starting with `/`.
    - `query`: raw, without `?`.

    A fragment is never sent to a server, so there is none.
    """

    scheme: str
    host: str
    port: int | None = None
    path: str = "/"
    query: str = ""

    @classmethod
    def parse(cls, text: str) -> URL:
        """Parse an absolute URL with an authority; a fragment is dropped, an empty path becomes `/`.

        Raises `ValueError` when it is malformed: user information, control characters, spaces, backslashes and
        characters beyond ASCII included (`encode_location` makes ASCII of an IRI).
        """
        if not _TRAVELLING.fullmatch(text):
            raise ValueError(f"{text[:80]!r} has characters that no URL carries; percent-encode them.")
        scheme, separator, rest = text.partition("://")
        if not separator:
            raise ValueError(f"{text[:80]!r} is no absolute URL; write it with its scheme and host, as 'http://host/'.")
        rest = rest.partition("#")[0]
        before_query, _, query = rest.partition("?")
        authority, slash, path = before_query.partition("/")
        host, port = parse_host(authority)
        return _checked(cls(scheme.lower(), host, port, slash + path or "/", query))

    def replace(self, **changes: Unpack[URLChanges]) -> URL:
        """Give a URL with some parts changed. Raises `ValueError` when a part cannot stand in its place."""
        return _checked(dataclasses.replace(self, **changes))

    @property
    def netloc(self) -> str:
        """The host, an IPv6 address in brackets, and the port if one was written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The scheme, host and port, without a port that is the scheme's default (RFC 6454 section 6.2)."""
        if self.port is not None and self.port == DEFAULT_PORTS.get(self.scheme):
            return f"{self.scheme}://{dataclasses.replace(self, port=None).netloc}"
        return f"{self.scheme}://{self.netloc}"

    def __str__(self) -> str:
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{self.netloc}{self.path}{query}"


def _checked(url: URL) -> URL:
    if not _SCHEME.fullmatch(url.scheme):
        raise ValueError(f"{url.scheme[:80]!r} is no scheme; write one such as 'http' or 'https'.")
    if not _PATH.fullmatch(url.path):
        raise ValueError(f"{url.path[:80]!r} is no path as it travels; start it with '/' and percent-encode it.")
    if not _QUERY.fullmatch(url.query):
        raise ValueError(f"{url.query[:80]!r} is no query as it travels; percent-encode it.")
    if parse_host(url.netloc) != (url.host, url.port):
        raise ValueError(f"{url.host[:80]!r} is no host as it travels; write it in lower case and without brackets.")
    return url


def parse_host(value: str) -> tuple[str, int | None]:
    """Parse a `Host` header into host and port (RFC 9110 section 7.2, RFC 3986 section 3.2.2).

    The host is a name of letters, digits, `-`, `_` and single dots, an IPv4 address, or an IPv6 address in brackets. It
    comes back in lower case, without brackets and without one closing dot. Raises `ValueError` for anything else:
    user information, percent-escapes, an empty port and an empty host included.
    """
    if len(value) > _HOST_LENGTH:
        raise ValueError(f"A host has at most {_HOST_LENGTH} characters, and {value[:20]!r}... has {len(value)}.")
    if _TEST_NAME.fullmatch(value):
        return value.lower(), None
    if value.startswith("["):
        address, bracket, rest = value[1:].partition("]")
        if bracket and (not rest or rest.startswith(":")) and _is_ipv6(address):
            return address.lower(), _parse_port(rest[1:]) if rest else None
    else:
        host, colon, port = value.partition(":")
        if _REGISTERED_NAME.fullmatch(host):
            return host.lower().removesuffix("."), _parse_port(port) if colon else None
    raise ValueError(f"{value!r} is no host; write a name such as 'example.com', an IPv4 address or '[::1]'.")


def _is_ipv6(text: str) -> bool:
    if not _IPV6_CHARACTERS.fullmatch(text):
        return False
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _parse_port(text: str) -> int:
    if not _PORT.fullmatch(text) or int(text) > _HIGHEST_PORT:
        raise ValueError(f"{text!r} is no port; write a number from 0 to {_HIGHEST_PORT}, or leave the ':' out.")
    return int(text)


def has_surrogates(text: str) -> bool:
    """Say whether a text has half of a surrogate pair, which no bytes stand for."""
    return _SURROGATE.search(text) is not None


def split_path(raw_path: bytes) -> tuple[str, ...] | None:
    """Split a raw path, percent-encoded and without query, into decoded segments.

    It is split before it is decoded, so `%2F` stays inside its segment: `/a%2Fb/` gives `("a/b", "")`, `/` gives
    `("",)`. `None` means that it does not start with `/`, or has a broken escape or bytes that are not UTF-8.
    """
    if not raw_path.startswith(b"/"):
        return None
    try:
        if b"%" not in raw_path:
            return tuple(raw_path.decode("utf-8").split("/")[1:])
        if _BROKEN_ESCAPE.search(raw_path):
            return None
        return tuple([unquote_to_bytes(segment).decode("utf-8") for segment in raw_path.split(b"/")[1:]])
    except UnicodeDecodeError:
        return None


def encode_segment(text: str) -> str:
    """Percent-encode one path segment: all but the `pchar` of RFC 3986 section 3.3, `/` included.

    Raises `ValueError` for `.` and `..`: clients resolve them away, percent-encoded or not.
    """
    if text in {".", ".."}:
        raise ValueError(f"{text!r} cannot be a path segment, because clients resolve it away; use another value.")
    return quote(text, safe=_SEGMENT_SAFE)


def encode_path(text: str) -> str:
    """Percent-encode a path, leaving `/` as it is. Raises `ValueError` for a segment `.` or `..`."""
    return "/".join([encode_segment(segment) for segment in text.split("/")])


def canonical_path(path: str) -> bytes:
    """Give a literal path, written decoded (`/caf\u00e9`), as a client sends it (`/caf%C3%A9`).

    A client may encode more than it has to; `split_path` sees through that, this does not. Raises `ValueError` for a
    segment `.` or `..`.
    """
    return encode_path(path).encode("ascii")


def is_same_site(location: str, *, scheme: str, host: str, port: int | None) -> bool:
    r"""Say whether a redirect to this target stays on the site; `host` and `port` as `parse_host` gives them.

    Relative references stay, and so do absolute URLs of the same host and port, also from `http` up to `https` when
    both ports are the defaults. Browsers strip spaces, drop tabs and newlines, take `\` for `/` and repair
    `https:/host` (URL Standard section 4.4), so whatever needs any of that counts as foreign, even where it would stay.
    """
    if "\\" in location or location.strip() != location or has_control_characters(location):
        return False
    if has_surrogates(location):
        return False
    absolute = _ABSOLUTE.match(location)
    if absolute:
        return _is_same_authority(absolute[1].lower(), absolute[2], scheme, host, port)
    path = re.split("[?#]", location, maxsplit=1)[0]
    if path.startswith("//") or ":" in path.partition("/")[0]:
        return False
    # `/.//evil` is a path on this site, until something joins its resolved form `//evil` to nothing.
    return "//" not in path or not _DOT_SEGMENT.search(path)


def _is_same_authority(target_scheme: str, authority: str, scheme: str, host: str, port: int | None) -> bool:
    try:
        target_host, target_port = parse_host(authority)
    except ValueError:
        return False
    if target_host != host.lower().removesuffix(".") or (scheme, target_scheme) not in _STAYING_SCHEMES:
        return False
    own_default, target_default = DEFAULT_PORTS[scheme], DEFAULT_PORTS[target_scheme]
    own = own_default if port is None else port
    target = target_default if target_port is None else target_port
    return own == target or (own == own_default and target == target_default)


# From https down to http is left out: it gives away what the first connection protected.
_STAYING_SCHEMES = frozenset({("http", "http"), ("https", "https"), ("http", "https")})


def encode_location(location: str) -> str:
    r"""Make ASCII of an IRI for a `Location` header (RFC 3987 section 3.1).

    Spaces, characters beyond ASCII, `"<>\^{|}`, backticks and a `%` that starts no escape are percent-encoded as UTF-8;
    escapes stay. Raises `ValueError` for control characters and lone surrogates.
    """
    if has_control_characters(location):
        raise ValueError(f"A location has no control characters, and {location[:80]!r} has; remove or encode them.")
    return _UNSAFE_IN_LOCATION.sub(_percent_encode, location)


def _percent_encode(match: re.Match[str]) -> str:
    return quote(match[0], safe="")
