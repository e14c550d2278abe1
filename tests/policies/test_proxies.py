"""The origin of a request behind proxies: what they say is believed, what a client says is not."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import responder
from responder.config import Proxies
from responder.exchange.request import Address, Origin
from responder.http.forwarded import unmap
from responder.policies.proxies import make_resolver

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from tests.conftest import Answer, Caller

    from responder import Request, Response

PROXY = ("10.0.0.1", 50000)
X_FOR, X_PROTO, X_HOST = b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"


def ask(call: Caller, proxies: Proxies | None, *headers: tuple[bytes, bytes], client: Any = PROXY, **scope: Any) -> Any:
    """Give what a view sees: the client, whether it is secure, and the URL."""
    answer = answer_to(call, proxies, *headers, client=client, **scope)
    assert answer.status == 200, answer
    return answer.media


def answer_to(call: Caller, proxies: Proxies | None, *headers: tuple[bytes, bytes], **scope: Any) -> Answer:
    api = responder.API(proxies=proxies)

    @api.get("/")
    async def show(req: Request, resp: Response) -> None:
        resp.media = [req.client and req.client.host, req.is_secure, str(req.url)]

    return call(api, headers=headers, **scope)


NEAR = Proxies(trusted=["10.0.0.0/8"])
NEAR_FORWARDED = Proxies(trusted=["10.0.0.0/8"], header="forwarded")
NEAR_HOST = Proxies(trusted=["10.0.0.0/8"], host=True)


def test_a_proxy_tells_client_and_scheme(call: Caller) -> None:
    seen = ask(call, NEAR, (X_FOR, b"192.0.2.1"), (X_PROTO, b"https"))
    assert seen == ["192.0.2.1", True, "https://example.com/"]


def test_a_proxy_tells_the_same_by_the_standard(call: Caller) -> None:
    seen = ask(call, NEAR_FORWARDED, (b"forwarded", b'for="[2001:db8::1]:4711";proto=https;host=other.example'))
    assert seen == ["2001:db8::1", True, "https://example.com/"]


def test_the_port_of_the_client_is_known_where_it_is_told() -> None:
    resolve = make_resolver(NEAR_FORWARDED)
    assert resolve(scope(forwarded=b'for="192.0.2.1:4711"')).client == Address("192.0.2.1", 4711)
    assert resolve(scope(forwarded=b"for=192.0.2.1")).client == Address("192.0.2.1", 0)


def test_nobody_is_believed_where_no_proxies_are(call: Caller) -> None:
    seen = ask(call, None, (X_FOR, b"192.0.2.1"), (X_PROTO, b"https"), (b"forwarded", b"for=192.0.2.1;proto=https"))
    assert seen == ["10.0.0.1", False, "http://example.com/"]


@pytest.mark.parametrize("client", [("192.0.2.66", 1), ("11.0.0.1", 1), ("::1", 1), ("testclient", 1), None, ("", "0")])
def test_a_peer_that_is_no_trusted_proxy_is_not_believed(call: Caller, client: Any) -> None:
    seen = ask(call, NEAR, (X_FOR, b"192.0.2.1"), (X_PROTO, b"https"), client=client)
    assert seen == [client[0] or None if client else None, False, "http://example.com/"]


def test_the_header_that_was_not_chosen_is_ignored(call: Caller) -> None:
    assert ask(call, NEAR, (b"forwarded", b"for=192.0.2.1;proto=https"))[:2] == ["10.0.0.1", False]
    assert ask(call, NEAR_FORWARDED, (X_FOR, b"192.0.2.1"), (X_PROTO, b"https"))[:2] == ["10.0.0.1", False]


def test_a_proxy_that_says_nothing_is_the_client_itself(call: Caller) -> None:
    assert ask(call, NEAR) == ["10.0.0.1", False, "http://example.com/"]


@pytest.mark.parametrize("client", [None, ("", "0")])
def test_a_unix_socket_is_trusted_where_it_is_named(call: Caller, client: Any) -> None:
    unix = Proxies(trusted=["unix"])
    assert ask(call, unix, (X_FOR, b"192.0.2.1"), (X_PROTO, b"https"), client=client)[:2] == ["192.0.2.1", True]
    assert ask(call, unix, client=client)[:2] == [None, False]
    assert ask(call, unix, (X_FOR, b"192.0.2.1"))[0] == "10.0.0.1"


# Chains


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (b"6.6.6.6, 192.0.2.1, 10.0.0.3, 10.0.0.2", "192.0.2.1"),
        (b"6.6.6.6, 192.0.2.1", "192.0.2.1"),
        (b"10.9.9.9, 10.0.0.3, 10.0.0.2", "10.9.9.9"),
        (b"6.6.6.6, nonsense, 10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (b"6.6.6.6, nonsense", "10.0.0.1"),
        (b"192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1"),
        (b"6.6.6.6, unknown, 10.0.0.2", None),
        (b"6.6.6.6, unknown", None),
        (b"10.0.0.7," * 150, "10.0.0.7"),
        (b"6.6.6.6" + b",10.0.0.7" * 100, "10.0.0.7"),
        (b"6.6.6.6" + b",10.0.0.7" * 99, "6.6.6.6"),
    ],
)
def test_the_nearest_address_that_is_not_trusted_is_the_client(call: Caller, chain: bytes, client: str | None) -> None:
    assert ask(call, NEAR, (X_FOR, chain))[0] == client


def test_header_lines_are_one_chain_in_their_order(call: Caller) -> None:
    assert ask(call, NEAR, (X_FOR, b"6.6.6.6"), (X_FOR, b"192.0.2.1, 10.0.0.3"), (X_FOR, b"10.0.0.2"))[0] == "192.0.2.1"
    lines = [(b"forwarded", value) for value in (b"for=6.6.6.6", b"for=192.0.2.1, for=10.0.0.3", b"For=10.0.0.2")]
    assert ask(call, NEAR_FORWARDED, *lines)[0] == "192.0.2.1"


@pytest.mark.parametrize("hidden", [b"_hidden", b"unknown"])
def test_a_client_that_a_proxy_hides_is_none(call: Caller, hidden: bytes) -> None:
    forwarded = b"for=6.6.6.6, for=" + hidden + b";proto=https, for=10.0.0.2;proto=http"
    assert ask(call, NEAR_FORWARDED, (b"forwarded", forwarded))[:2] == [None, True]


def test_the_scheme_is_that_of_the_clients_own_hop(call: Caller) -> None:
    chain, protos = (X_FOR, b"192.0.2.1, 10.0.0.2"), (X_PROTO, b"https, http")
    assert ask(call, NEAR, chain, protos)[1] is True
    assert ask(call, NEAR, (X_FOR, b"6.6.6.6, 192.0.2.1"), protos)[1] is False
    forwarded = b"for=6.6.6.6;proto=https, for=192.0.2.1;proto=http, for=10.0.0.2;proto=https"
    assert ask(call, NEAR_FORWARDED, (b"forwarded", forwarded))[1] is False


def test_a_hop_that_tells_no_scheme_takes_that_of_the_nearer_one(call: Caller) -> None:
    assert ask(call, NEAR_FORWARDED, (b"forwarded", b"for=192.0.2.1, for=10.0.0.2;proto=https"))[1] is True
    assert ask(call, NEAR_FORWARDED, (b"forwarded", b"for=10.0.0.2;proto=https, for=192.0.2.1"))[1] is False


@pytest.mark.parametrize("scheme", [b"gopher", b"", b"http s", b"javascript", b"https:", b"\xff", b"http, https;"])
def test_a_scheme_that_does_not_lead_here_is_ignored(call: Caller, scheme: bytes) -> None:
    assert ask(call, NEAR, (X_FOR, b"192.0.2.1"), (X_PROTO, scheme)) == ["192.0.2.1", False, "http://example.com/"]
    assert ask(call, NEAR, (X_PROTO, scheme), scheme="https")[1] is True


@pytest.mark.parametrize(
    ("kind", "own", "told", "seen"),
    [
        ("websocket", "ws", b"http", "ws"),
        ("websocket", "ws", b"https", "wss"),
        ("websocket", "ws", b"wss", "wss"),
        ("websocket", "wss", b"ws", "ws"),
        ("websocket", "wss", b"ftp", "wss"),
        ("http", "http", b"wss", "https"),
        ("http", "https", b"ws", "http"),
    ],
)
def test_sockets_have_schemes_of_their_own(kind: str, own: str, told: bytes, seen: str) -> None:
    found = make_resolver(NEAR)(scope(type=kind, scheme=own, headers=[(X_PROTO, told)]))
    assert found == Origin(Address("10.0.0.1", 50000), seen)


# Networks


@pytest.mark.parametrize(
    ("trusted", "peer", "is_trusted"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("::ffff:10.0.0.0/104", "10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1", True),
        ("2001:db8::/32", "2001:db8:1::1", True),
        ("fe80::/10", "fe80::1%eth0", True),
        ("::/0", "10.0.0.1", False),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("::fffe:0:0/95", "10.0.0.1", False),
    ],
)
def test_an_address_is_the_same_however_it_is_written(trusted: str, peer: str, *, is_trusted: bool) -> None:
    found = make_resolver(Proxies(trusted=[trusted]))(scope(client=(peer, 1), headers=[(X_FOR, b"192.0.2.1")]))
    assert found.client == (Address("192.0.2.1", 0) if is_trusted else Address(peer, 1))


# The host


def test_the_host_is_told_only_where_that_is_wanted(call: Caller) -> None:
    told = (X_HOST, b"other.example, Shop.example:8443")
    assert ask(call, NEAR, told)[2] == "http://example.com/"
    assert ask(call, NEAR_HOST, told)[2] == "http://shop.example:8443/"
    forwarded = Proxies(trusted=["10.0.0.0/8"], header="forwarded", host=True)
    assert ask(call, forwarded, (b"forwarded", b'for=192.0.2.1;host="shop.example:8443"'))[2].startswith("http://shop.")
    assert ask(call, NEAR_HOST)[2] == "http://example.com/"


def test_a_host_from_elsewhere_is_not_believed(call: Caller) -> None:
    assert ask(call, NEAR_HOST, (X_HOST, b"evil.example"), client=("192.0.2.66", 1))[2] == "http://example.com/"


@pytest.mark.parametrize("host", [b"a b", b"user@shop.example", b"shop.example/", b"[::1", b"\xff", b'"a"', b"a" * 999])
def test_a_malformed_host_is_a_400(call: Caller, host: bytes) -> None:
    assert answer_to(call, NEAR_HOST, (X_HOST, host), client=PROXY).status == 400


def test_hosts_are_checked_as_the_proxy_tells_them(call: Caller) -> None:
    api = responder.API(proxies=NEAR_HOST, allowed_hosts=["shop.example"])

    @api.get("/")
    def show(req: Request, resp: Response) -> None:
        resp.text = req.url.host

    assert call(api, headers=[(X_HOST, b"shop.example")], client=PROXY).body == b"shop.example"
    assert call(api, headers=[(X_HOST, b"evil.example")], host=b"shop.example", client=PROXY).status == 400
    assert call(api, headers=[(X_HOST, b"shop.example")], client=("192.0.2.66", 1)).status == 400


# Whatever comes


def scope(*, forwarded: bytes | None = None, **parts: Any) -> dict[str, Any]:
    headers = [] if forwarded is None else [(b"forwarded", forwarded)]
    return {"type": "http", "scheme": "http", "client": PROXY, "headers": headers} | parts


PIECES = [
    b"10.0.0.2",
    b"192.0.2.1",
    b"2001:db8::1",
    b"[",
    b"]",
    b":80",
    b",",
    b" ",
    b"for=",
    b'"',
    b";",
    b"proto=https",
]
values = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=20).map(b"".join)
headers = st.lists(st.tuples(st.sampled_from([X_FOR, X_PROTO, X_HOST, b"forwarded", b"other"]), values), max_size=6)


@given(headers, st.sampled_from([NEAR, NEAR_FORWARDED, NEAR_HOST]), st.sampled_from(["http", "websocket"]))
@settings(max_examples=300, deadline=None)
def test_no_bytes_raise_and_the_client_is_one_that_was_sent(
    fields: list[tuple[bytes, bytes]], proxies: Proxies, kind: str
) -> None:
    found = make_resolver(proxies)(scope(type=kind, headers=fields, scheme="http"))
    assert found.scheme in {"http", "https", "ws", "wss"}
    if found.client is not None and found.client != PROXY:
        assert ip_address(found.client.host) in addresses_in(b" ".join(value for _, value in fields))


def addresses_in(text: bytes) -> set[IPv4Address | IPv6Address]:
    found = set()
    for written in re.findall(rb"[0-9A-Fa-f:.]+", text.replace(b"\\", b"")):
        for candidate in (written, written.rpartition(b":")[0]):
            with suppress(ValueError):
                found.add(unmap(ip_address(candidate.decode())))
    return found


@given(headers)
@settings(max_examples=100, deadline=None)
def test_a_stranger_changes_nothing(fields: list[tuple[bytes, bytes]]) -> None:
    stranger = scope(client=("192.0.2.66", 1), headers=fields)
    assert make_resolver(NEAR_HOST)(stranger) == Origin(Address("192.0.2.66", 1), "http")
