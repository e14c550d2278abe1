"""Cookies as RFC 6265bis has them: reading `Cookie`, writing `Set-Cookie`, and those that a response sets.

Reading is lenient, since one site's strange cookie must not hide another's; writing is strict, since browsers drop
what breaks the rules without a word. Rejected: `http.cookies`, which loses every cookie behind one that it does not
like and decodes backslashes that nobody sent; percent-encoding values unasked, which no reader would undo.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias, TypedDict, Unpack

from ..errors import DecodeError, InvalidCookie
from .dates import format_http_date, parse_http_date
from .headers import is_token

if TYPE_CHECKING:
    from ..types import RawHeader

SameSite: TypeAlias = Literal["lax", "strict", "none", "Lax", "Strict", "None"]

_NOT_COOKIE_OCTET = re.compile(r"[^!#-+\--:<-\[\]-~]")
_PATH = re.compile("/[ -:<-~]*")
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_SAME_SITES = {"lax": "Lax", "strict": "Strict", "none": "None"}

# What browsers take: RFC 6265bis section 5.6 for both.
_MAX_PAIR = 4096
_MAX_ATTRIBUTE = 1024
_MAX_SECONDS = 2**63 - 1


class CookieIdentity(TypedDict, total=False):
    """The attributes by which a browser finds the cookie that it is to forget, all of them optional."""

    domain: str | None
    path: str | None
    secure: bool
    httponly: bool
    samesite: SameSite | None
    partitioned: bool


class CookieAttributes(CookieIdentity, total=False):
    """The attributes of `format_set_cookie`, all of them optional."""

    expires: datetime | float | str | None
    max_age: int | timedelta | None


def parse_cookies(header: str, max_cookies: int = 150) -> dict[str, str]:
    """Read a `Cookie` header into names and values (RFC 6265bis section 4.2).

    The first of one name wins, since browsers send the most specific path first. A piece without a name or without
    `=` is skipped. Values stay as they are, but for white space and one pair of double quotes around them: nothing is
    decoded. Raises `DecodeError` when there are more than `max_cookies` pieces.
    """
    if header.count(";") >= max_cookies:
        raise DecodeError(f"The request carries more than the {max_cookies} cookies that this service reads.")
    cookies: dict[str, str] = {}
    for piece in header.split(";"):
        name, equals, value = piece.partition("=")
        # Spaces and tabs alone: to trim Unicode's white space would let `\xa0__Host-id` pass for `__Host-id`.
        name = name.strip(" \t")
        if name and equals and name not in cookies:
            cookies[name] = _trim_value(value)
    return cookies


def _trim_value(value: str) -> str:
    value = value.strip(" \t")
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value


def format_set_cookie(  # noqa: PLR0913 - one keyword for each attribute of RFC 6265bis
    name: str,
    value: str = "",
    *,
    expires: datetime | float | str | None = None,
    max_age: int | timedelta | None = None,
    domain: str | None = None,
    path: str | None = "/",
    secure: bool = False,
    httponly: bool = True,
    samesite: SameSite | None = "lax",
    partitioned: bool = False,
) -> str:
    """Write the value of one `Set-Cookie` header (RFC 6265bis section 4.1).

    - `expires`: an aware `datetime`, seconds since the epoch, or an HTTP date; `max_age`: seconds or a `timedelta`.
      Without either, the cookie lasts as long as the browser's session.
    - `domain`: without it, the cookie goes back to this host alone. `path`: `None` leaves it to the browser.
    - `samesite`: `"lax"`, `"strict"`, `"none"` (needs `secure`), in any case, or `None` for no such attribute.
    - `partitioned`: one jar for each top-level site (needs `secure`).

    Raises `InvalidCookie` for whatever a browser would drop or read differently: a name that is no token, a value
    beyond the cookie-octets, more than 4096 bytes, and names with `__Host-` or `__Secure-` that break their promise.
    """
    pair = _format_pair(name, value)
    _check_flags(name, secure=secure, httponly=httponly, partitioned=partitioned)
    domain = _normalize_domain(name, domain)
    parts = (
        pair,
        _format_expires(name, expires),
        _format_max_age(name, max_age),
        "" if domain is None else f"Domain={domain}",
        _format_path(name, path),
        "Secure" if secure else "",
        "HttpOnly" if httponly else "",
        _format_samesite(name, samesite, secure=secure),
        "Partitioned" if partitioned else "",
    )
    if partitioned and not secure:
        _refuse(name, "browsers drop partitioned cookies without secure=True")
    _check_prefix(name, domain, path, secure=secure)
    return "; ".join(part for part in parts if part)


def format_delete_cookie(name: str, **attributes: Unpack[CookieIdentity]) -> str:
    """Write the `Set-Cookie` that removes a cookie; give the attributes that it was set with.

    Raises `InvalidCookie` as `format_set_cookie` does.
    """
    return format_set_cookie(name, expires=0, max_age=0, **attributes)


def _refuse(name: str, reason: str) -> NoReturn:
    raise InvalidCookie(f"Cookie {name!r}: {reason}.")


def _check_flags(name: str, **flags: object) -> None:
    for option, flag in flags.items():
        if not isinstance(flag, bool):
            _refuse(name, f"{option}={flag!r} must be True or False")


def _format_pair(name: object, value: object) -> str:
    if not isinstance(name, str) or not is_token(name):
        raise InvalidCookie(f"{name!r} cannot name a cookie; use letters, digits and any of !#$%&'*+-.^_`|~")
    if not isinstance(value, str):
        _refuse(name, f"its value must be a str, not {type(value).__name__}")
    bad = _NOT_COOKIE_OCTET.search(value)
    if bad:
        _refuse(
            name,
            f"its value has {bad[0]!r} at position {bad.start()}, which no cookie can carry; "
            "encode it, for example with urllib.parse.quote()",
        )
    if len(name) + len(value) > _MAX_PAIR:
        _refuse(name, f"name and value take {len(name) + len(value)} bytes, and browsers drop more than {_MAX_PAIR}")
    return f"{name}={value}"


def _format_expires(name: str, expires: object) -> str:
    if expires is None:
        return ""
    if isinstance(expires, bool) or not isinstance(expires, (datetime, int, float, str)):
        _refuse(name, f"expires={expires!r} must be a datetime, seconds since the epoch or an HTTP date")
    if isinstance(expires, str):
        moment = parse_http_date(expires)
        if moment is None:
            _refuse(name, f"expires={expires!r} is no HTTP date such as 'Sun, 06 Nov 1994 08:49:37 GMT'")
        return f"Expires={format_http_date(moment)}"
    try:
        return f"Expires={format_http_date(expires)}"
    except ValueError as error:
        raise InvalidCookie(f"Cookie {name!r}: expires={expires!r} cannot be written: {error}") from error


def _format_max_age(name: str, max_age: object) -> str:
    if max_age is None:
        return ""
    if isinstance(max_age, bool) or not isinstance(max_age, (int, timedelta)):
        _refuse(name, f"max_age={max_age!r} must be whole seconds or a timedelta")
    seconds = max_age // timedelta(seconds=1) if isinstance(max_age, timedelta) else max_age
    if abs(seconds) > _MAX_SECONDS:
        _refuse(name, f"its max_age is beyond {_MAX_SECONDS} seconds")
    return f"Max-Age={seconds}"


def _normalize_domain(name: str, domain: object) -> str | None:
    """Drop the leading dot, which means nothing since RFC 6265, and the case."""
    if domain is None:
        return None
    bare = domain.removeprefix(".").lower() if isinstance(domain, str) else ""
    if not _DOMAIN.fullmatch(bare) or len(bare) > _MAX_ATTRIBUTE:
        _refuse(name, f"domain={domain!r} must be a host name without a port; leave it out for this host alone")
    return bare


def _format_path(name: str, path: object) -> str:
    if path is None:
        return ""
    if not isinstance(path, str) or not _PATH.fullmatch(path) or len(path) > _MAX_ATTRIBUTE:
        _refuse(name, f"path={path!r} must start with '/' and have no ';', control or non-ASCII character")
    return f"Path={path}"


def _format_samesite(name: str, samesite: object, *, secure: bool) -> str:
    if samesite is None:
        return ""
    written = _SAME_SITES.get(samesite.lower()) if isinstance(samesite, str) else None
    if written is None:
        _refuse(name, f"samesite={samesite!r} must be 'lax', 'strict', 'none' or None")
    if written == "None" and not secure:
        _refuse(name, "browsers drop samesite='none' without secure=True")
    return f"SameSite={written}"


def _check_prefix(name: str, domain: str | None, path: str | None, *, secure: bool) -> None:
    """Hold names to what their prefix promises, in any case of letters (RFC 6265bis section 4.1.3)."""
    folded = name.lower()
    if folded.startswith(("__secure-", "__host-")) and not secure:
        _refuse(name, "its prefix needs secure=True")
    if folded.startswith("__host-") and (domain is not None or path != "/"):
        _refuse(name, "its prefix needs path='/' and no domain")


class ResponseCookies(MutableMapping[str, str]):
    """The cookies that a response sets: `cookies["hello"] = "world"`, with the defaults of `format_set_cookie`.

    Each is checked and written when it is set, so that a mistake is raised where it is made. Two of one name with
    different `domain` or `path` are two cookies; reading the name gives the value that was set last.
    """

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str | None, str | None], tuple[str, RawHeader]] = {}

    def set(self, name: str, value: str = "", **attributes: Unpack[CookieAttributes]) -> None:
        """Set a cookie with the attributes of `format_set_cookie`; raises `InvalidCookie` as that does."""
        self._keep(name, value, format_set_cookie(name, value, **attributes), attributes)

    def delete(self, name: str, **attributes: Unpack[CookieIdentity]) -> None:
        """Make the browser forget a cookie, see `format_delete_cookie`; its value here is then `""`.

        This is not `del cookies[name]`, which only takes back what was about to be set.
        """
        self._keep(name, "", format_delete_cookie(name, **attributes), attributes)

    def _keep(self, name: str, value: str, line: str, attributes: CookieIdentity) -> None:
        key = (name, _normalize_domain(name, attributes.get("domain")), attributes.get("path", "/"))
        self._entries.pop(key, None)  # so that what was set last stands last
        self._entries[key] = (value, (b"set-cookie", line.encode("ascii")))

    @property
    def raw(self) -> list[RawHeader]:
        """The `Set-Cookie` headers as ASGI carries them, in the order in which they were set."""
        return [header for _, header in self._entries.values()]

    def __getitem__(self, name: str) -> str:
        for (own, _, _), (value, _) in reversed(self._entries.items()):
            if own == name:
                return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        keys = [key for key in self._entries if key[0] == name]
        if not keys:
            raise KeyError(name)
        for key in keys:
            del self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _, _ in self._entries))

    def __len__(self) -> int:
        return len({name for name, _, _ in self._entries})

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __repr__(self) -> str:
        # Values are secrets more often than not; names suffice in a log.
        return f"<ResponseCookies {list(self)!r}>"
