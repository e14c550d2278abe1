"""What proxies say about a request: `Forwarded` (RFC 7239) and `X-Forwarded-For`, `-Proto` and `-Host`.

Each proxy appends, so the last entry is of the nearest one, and only the left can be a client's own invention. Hence
everything is read from the right, entry by entry, and ends at the first that is malformed: no bytes on the left change
what those on the right mean. Whom to believe is decided elsewhere. Rejected: to read `Forwarded` from the left, where
one quote that is never closed hides all that honest proxies append.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeAlias

    IPAddress: TypeAlias = IPv4Address | IPv6Address

MAX_HOPS = 100
"""Entries that are read; no honest chain is as long."""

_HIGHEST_PORT = 65535

_WHITESPACE = b" \t"
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED_TEXT = rb"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"
_PAIR = re.compile(rb'(%b)=(?:(%b)|"(%b)")[\t ]*+(?:;[\t ;]*+|\Z)' % (_TOKEN, _TOKEN, _QUOTED_TEXT))
_QUOTED_PAIR = re.compile(rb"\\(.)")

# A quoted string from its end to its start: a character is escaped when an odd number of backslashes follows.
_REVERSED_QUOTED = rb'"(?:(?:[^"\\]|.\\)(?:\\\\)*+(?!\\))*+"'
_REVERSED_ELEMENT = re.compile(rb'((?:[^",]++|%b)*+)(?:(,)|\Z)' % _REVERSED_QUOTED, re.DOTALL)

_HIDDEN = rb"_[0-9A-Za-z._-]++"
_NODE = re.compile(
    rb"(?:(?P<v4>[0-9.]{7,15})|\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|unknown|%b)(?::(?:(?P<port>[0-9]{1,5})|%b))?"
    % (_HIDDEN, _HIDDEN),
    re.IGNORECASE,
)
_BARE_IPV6 = re.compile(rb"[0-9A-Fa-f:.]{2,45}")
_SCHEMES = {b"http": "http", b"https": "https", b"ws": "ws", b"wss": "wss"}


class Hop(NamedTuple):
    """What one proxy says of the request that it got; `address` is None for a client that it hides or does not know.

    The port is 0 where it is not told; scheme and host are None.
    """

    address: IPAddress | None = None
    port: int = 0
    scheme: str | None = None
    host: bytes | None = None


class Chain(NamedTuple):
    """The hops, the nearest first, and what holds where none of them says otherwise."""

    hops: Iterable[Hop] = ()
    scheme: str | None = None
    host: bytes | None = None


def read_forwarded(lines: Sequence[bytes]) -> Chain:
    """Read the values of all `Forwarded` lines of a request. Raises nothing, and costs time linear in their length."""
    return Chain(_read_elements(lines))


def _read_elements(lines: Sequence[bytes]) -> Iterator[Hop]:
    for written in islice(_split(lines), MAX_HOPS):
        element = written.strip(b" \t;")
        if not element:
            continue
        hop = _parse_element(element)
        if hop is None:
            return
        yield hop


def _split(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Give each `forwarded-element`, the last one first, up to a quote that is not closed."""
    for line in reversed(lines):
        reverse, position = line[::-1], 0
        while True:
            found = _REVERSED_ELEMENT.match(reverse, position)
            if found is None:
                return
            yield found[1][::-1]
            if found[2] is None:
                break
            position = found.end()


def _parse_element(element: bytes) -> Hop | None:
    """Read an element (RFC 7239 section 4); None for a malformed one, and for a parameter that is there twice."""
    parameters: dict[bytes, bytes] = {}
    position = 0
    while position < len(element):
        pair = _PAIR.match(element, position)
        if pair is None or pair[1].lower() in parameters:
            return None
        parameters[pair[1].lower()] = pair[2] or _QUOTED_PAIR.sub(rb"\1", pair[3])
        position = pair.end()
    hop = _parse_node(parameters.get(b"for", b"unknown"))
    if hop is None:
        return None
    return hop._replace(scheme=_read_scheme(parameters.get(b"proto")), host=parameters.get(b"host"))


def read_x_forwarded(fors: Sequence[bytes], protos: Sequence[bytes], hosts: Sequence[bytes]) -> Chain:
    """Read the values of all lines of `X-Forwarded-For`, `-Proto` and `-Host`. Raises nothing, in linear time.

    There is no standard for them. Schemes belong to the addresses one by one when there are as many, or else the last
    one belongs to all; of hosts the last one counts.
    """
    addresses, schemes, names = _listed(fors), _listed(protos), _listed(hosts)
    is_aligned = len(addresses) == len(schemes)
    return Chain(
        _read_addresses(addresses, schemes if is_aligned else ()),
        _read_scheme(schemes[0]) if schemes else None,
        names[0] if names else None,
    )


def _listed(lines: Sequence[bytes]) -> list[bytes]:
    """Give the members of a list, the last first; empty ones do not count (RFC 9110 section 5.6.1.2)."""
    members = b",".join(lines).split(b",")
    return [stripped for member in reversed(members) if (stripped := member.strip(_WHITESPACE))]


def _read_addresses(addresses: Sequence[bytes], schemes: Sequence[bytes]) -> Iterator[Hop]:
    for place, written in enumerate(addresses[:MAX_HOPS]):
        hop = _parse_node(written) or _parse_bare_ipv6(written)
        if hop is None:
            return
        yield hop._replace(scheme=_read_scheme(schemes[place])) if schemes else hop


def _parse_bare_ipv6(written: bytes) -> Hop | None:
    return _hop(IPv6Address, written, 0) if _BARE_IPV6.fullmatch(written) else None


def _parse_node(written: bytes) -> Hop | None:
    """Read a `node` (RFC 7239 section 6): an address, or a word that hides it, and perhaps a port."""
    found = _NODE.fullmatch(written)
    if found is None:
        return None
    port = int(found["port"] or 0)
    if port > _HIGHEST_PORT:
        return None
    if found["v4"] is not None:
        return _hop(IPv4Address, found["v4"], port)
    if found["v6"] is not None:
        return _hop(IPv6Address, found["v6"], port)
    return Hop()


def _hop(kind: type[IPAddress], written: bytes, port: int) -> Hop | None:
    try:
        return Hop(unmap(kind(written.decode("ascii"))), port)
    except ValueError:
        return None


def unmap(address: IPAddress) -> IPAddress:
    """Give the IPv4 address that is written as an IPv6 one, `::ffff:192.0.2.1`; any other as it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def _read_scheme(written: bytes | None) -> str | None:
    """Give the scheme, None for one that does not lead here."""
    return None if written is None else _SCHEMES.get(written.lower())
