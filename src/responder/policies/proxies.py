"""Where a request comes from when trusted proxies stand before the service: the client's address, scheme and host.

A header counts only when the peer is trusted, and of what it lists only what trusted proxies have appended. Rejected:
a number of proxies to count from the right, which is wrong for whoever reaches the service past one of them.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from ..exchange.request import Address, Origin, direct_origin
from ..http.forwarded import Chain, read_forwarded, read_x_forwarded, unmap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from ipaddress import IPv4Network
    from typing import TypeAlias

    from ..config import Proxies
    from ..http.forwarded import IPAddress
    from ..types import Scope

    Network: TypeAlias = IPv4Network | IPv6Network

_SCHEMES: Final = {
    "http": {"http": "http", "https": "https", "ws": "http", "wss": "https"},
    "websocket": {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"},
}
"""A proxy names the scheme of the page or that of the socket, whichever it knows."""

_MAPPED_BITS: Final = 96
"""How many bits of `::ffff:0:0/96` come before the IPv4 address."""


def make_resolver(proxies: Proxies) -> Callable[[Scope], Origin]:
    """Give what reads the origin of a request from its scope; it raises nothing, whatever the headers hold."""
    trusts = _make_trust(proxies.networks)
    read = _read_forwarded if proxies.header == "forwarded" else _read_x_forwarded
    trusts_unix = "unix" in proxies.trusted

    def trusts_peer(peer: Address | None) -> bool:
        return trusts_unix if peer is None else trusts(_parse(peer.host))

    def resolve(scope: Scope) -> Origin:
        direct = direct_origin(scope)
        if not trusts_peer(direct.client):
            return direct
        chain = read(scope)
        client, scheme, host = direct.client, chain.scheme, chain.host
        for hop in chain.hops:
            client = None if hop.address is None else Address(str(hop.address), hop.port)
            scheme, host = hop.scheme or scheme, hop.host or host
            if not trusts(hop.address):
                break
        spoken = direct.scheme if scheme is None else _SCHEMES[scope["type"]][scheme]
        return Origin(client, spoken, host if proxies.host else None)

    return resolve


def _make_trust(networks: Iterable[Network]) -> Callable[[IPAddress | None], bool]:
    trusted = [_unmap_network(network) for network in networks]

    def trusts(address: IPAddress | None) -> bool:
        return address is not None and any(address in network for network in trusted)

    return trusts


def _unmap_network(network: Network) -> Network:
    """Give the IPv4 network that is written as `::ffff:10.0.0.0/104`, as logs show it where IPv6 serves both."""
    first = network.network_address
    mapped = first.ipv4_mapped if isinstance(first, IPv6Address) else None
    return network if mapped is None else ip_network((mapped, network.prefixlen - _MAPPED_BITS))


def _parse(host: str) -> IPAddress | None:
    try:
        return unmap(ip_address(host))
    except ValueError:
        return None


def _read_forwarded(scope: Scope) -> Chain:
    return read_forwarded(_lines(scope, b"forwarded"))


def _read_x_forwarded(scope: Scope) -> Chain:
    names = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")
    return read_x_forwarded(*(_lines(scope, name) for name in names))


def _lines(scope: Scope, wanted: bytes) -> list[bytes]:
    """Give the values of every header field of that name, in their order."""
    return [value for name, value in scope["headers"] if name == wanted]
