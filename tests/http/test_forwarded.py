"""What proxies append, read from the right."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.http.forwarded import MAX_HOPS, Hop, read_forwarded, read_x_forwarded, unmap

if TYPE_CHECKING:
    from responder.http.forwarded import Chain, IPAddress

PIECES = [b"for", b"proto", b"host", b"by", b"=", b'"', b"\\", b";", b",", b" ", b"[", b"]", b":", b"_x", b"unknown"]
PIECES += [b"192.0.2.1", b"2001:db8::1", b"::ffff:192.0.2.7", b"https", b"65536", b"80", b"\xff", b"\x00", b"\n"]
lines = st.lists(st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=30).map(b"".join), max_size=4)


def hop(address: str | None, port: int = 0, scheme: str | None = None, host: bytes | None = None) -> Hop:
    return Hop(None if address is None else ip_address(address), port, scheme, host)


def forwarded(*values: bytes) -> list[Hop]:
    return list(read_forwarded(values).hops)


def x_forwarded(*values: bytes) -> list[Hop]:
    return list(read_x_forwarded(values, (), ()).hops)


# RFC 7239: every example


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'for="_gazonk"', [hop(None)]),
        (b'For="[2001:db8:cafe::17]:4711"', [hop("2001:db8:cafe::17", 4711)]),
        (b"for=192.0.2.60;proto=http;by=203.0.113.43", [hop("192.0.2.60", scheme="http")]),
        (b"for=192.0.2.43, for=198.51.100.17", [hop("198.51.100.17"), hop("192.0.2.43")]),
        (b"for=_hidden, for=_SEVKISEK", [hop(None), hop(None)]),
        (
            b'for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown',
            [hop(None), hop("2001:db8:cafe::17"), hop("192.0.2.43")],
        ),
        (
            b'for=192.0.2.43, for="[2001:db8:cafe::17]", for=unknown',
            [hop(None), hop("2001:db8:cafe::17"), hop("192.0.2.43")],
        ),
        (b'for=192.0.2.43, for="[2001:db8:cafe::17]"', [hop("2001:db8:cafe::17"), hop("192.0.2.43")]),
        (b"for=192.0.2.43", [hop("192.0.2.43")]),
        (
            b"for=192.0.2.43, for=198.51.100.17;by=203.0.113.60;proto=http;host=example.com",
            [hop("198.51.100.17", scheme="http", host=b"example.com"), hop("192.0.2.43")],
        ),
    ],
)
def test_the_examples_of_the_standard(value: bytes, expected: list[Hop]) -> None:
    assert forwarded(value) == expected


def test_several_lines_are_one_list() -> None:
    assert forwarded(b"for=192.0.2.43", b'for="[2001:db8:cafe::17]", for=unknown') == [
        hop(None),
        hop("2001:db8:cafe::17"),
        hop("192.0.2.43"),
    ]


def test_the_nodes_of_the_standard_may_have_ports() -> None:
    assert forwarded(b'for="192.0.2.43:47011", for="[2001:db8:cafe::17]:47011"') == [
        hop("2001:db8:cafe::17", 47011),
        hop("192.0.2.43", 47011),
    ]


# RFC 7239: the grammar


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'FOR=192.0.2.1;Proto=HTTPS;hOST="a:8"', hop("192.0.2.1", scheme="https", host=b"a:8")),
        (b'for="192.0.2.1:_port"', hop("192.0.2.1")),
        (b'for="unknown:80";proto=ws', hop(None, scheme="ws")),
        (b'for="UNKNOWN"', hop(None)),
        (b'for="_a.b-c_d:_e"', hop(None)),
        (b'for="1\\92.0.2.1";x="a, for=\\"192.0.2.9\\""', hop("192.0.2.1")),
        (b'host="a\\"b\\\\";for=192.0.2.1', hop("192.0.2.1", host=b'a"b\\')),
        (b'x="a;b,c";for=192.0.2.1', hop("192.0.2.1")),
        (b'x="";for=192.0.2.1', hop("192.0.2.1")),
        (b"proto=https;host=example.com", hop(None, scheme="https", host=b"example.com")),
        (b";; for=192.0.2.1 ;\t; proto=gopher; ", hop("192.0.2.1")),
        (b'for="[::FFFF:192.0.2.1]"', hop("192.0.2.1")),
        (b",, for=192.0.2.1 ,;, ", hop("192.0.2.1")),
    ],
)
def test_an_element_is_read_as_the_grammar_says(value: bytes, expected: Hop) -> None:
    assert forwarded(value) == [expected]


@pytest.mark.parametrize(
    "element",
    [
        b"for",
        b"for=",
        b"=192.0.2.1",
        b'for=""',
        b"for = 192.0.2.1",
        b"for=192.0.2.1 proto=https",
        b"for=192.0.2.1:80",
        b"for=[2001:db8::1]",
        b'for="2001:db8::1"',
        b'for="[192.0.2.1]"',
        b'for="[2001:db8::1"',
        b'for="[fe80::1%eth0]"',
        b'for="[2001:db8::1]:65536"',
        b'for="[2001:db8::1]:"',
        b'for="192.0.2.1:123456"',
        b"for=192.0.2.256",
        b"for=192.0.02.1",
        b"for=1.2.3.4.5",
        b"for=3221225985",
        b"for=localhost",
        b"for=_",
        b'for="_a b"',
        b"for=192.0.2.1;for=192.0.2.1",
        b"for=192.0.2.1;proto=http;PROTO=https",
        b"for=192.0.2.1;x=1;x=2",
        b"for='192.0.2.1'",
        b'for="192.0.2.1',
        b'for=192.0.2.1"',
        b'for="192.0.2.1\\"',
        b'for="192.0.2.1"x',
        b'for=192.0.2.1;x="\x00"',
        b"for=192.0.2.1\x00",
        b"for=\xb2.0.2.1",
        b"for=192.0.2.1\n",
    ],
)
def test_a_malformed_element_ends_the_list(element: bytes) -> None:
    assert forwarded(b"for=192.0.2.9, " + element + b", for=192.0.2.5") == [hop("192.0.2.5")]
    assert forwarded(b"for=192.0.2.9", element) == []


@pytest.mark.parametrize("front", [b'for="', b'for=192.0.2.9;by="', b'x="\\', b"\\", b'"', b'a="b"c"', b'by="\\"'])
@pytest.mark.parametrize("element", [b"for=192.0.2.5", b'for="192.0.2.5"', b'x="a\\"\\\\,;";for=192.0.2.5'])
@pytest.mark.parametrize("gap", [b",", b", "])
def test_a_quote_that_a_client_leaves_open_hides_nothing(front: bytes, element: bytes, gap: bytes) -> None:
    assert forwarded(front + gap + element)[0] == hop("192.0.2.5")
    assert forwarded(front, element)[0] == hop("192.0.2.5")


def test_work_and_memory_are_bounded() -> None:
    assert len(forwarded(b"for=192.0.2.1," * 100_000)) == MAX_HOPS - 1
    assert len(x_forwarded(b"192.0.2.1," * 100_000)) == MAX_HOPS
    for flood in (b",", b";", b'"', b"\\", b'"\\', b'a="', b"for=", b"[", b" "):
        assert forwarded(flood * 200_000 + b', for="192.0.2.1"')[0] == hop("192.0.2.1")
        assert forwarded(b'for="' + flood * 200_000) == []


# X-Forwarded


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"192.0.2.1", hop("192.0.2.1")),
        (b"192.0.2.1:4711", hop("192.0.2.1", 4711)),
        (b"2001:db8::1", hop("2001:db8::1")),
        (b"[2001:db8::1]", hop("2001:db8::1")),
        (b"[2001:db8::1]:4711", hop("2001:db8::1", 4711)),
        (b"::ffff:192.0.2.1", hop("192.0.2.1")),
        (b" \t192.0.2.1\t ", hop("192.0.2.1")),
        (b",,192.0.2.1, ,", hop("192.0.2.1")),
        (b"unknown", hop(None)),
    ],
)
def test_addresses_are_written_in_many_ways(value: bytes, expected: Hop) -> None:
    assert x_forwarded(value) == [expected]


@pytest.mark.parametrize(
    "entry",
    [b"unix:", b"a.example", b'"192.0.2.1"', b"192.0.2.1:", b"192.0.2.1:99999", b"1:2:3", b"::1%1", b"1 2", b"\xff"],
)
def test_a_malformed_address_ends_the_chain(entry: bytes) -> None:
    assert x_forwarded(b"192.0.2.9", entry, b"192.0.2.5,192.0.2.6") == [hop("192.0.2.6"), hop("192.0.2.5")]


def schemes(fors: bytes, *protos: bytes) -> list[str | None]:
    return [hop.scheme for hop in read_x_forwarded([fors], protos, ()).hops]


def test_as_many_schemes_as_addresses_belong_together() -> None:
    assert schemes(b"192.0.2.1, 192.0.2.2", b"https", b"http") == ["http", "https"]
    assert schemes(b"192.0.2.1, 192.0.2.2", b"gopher, WSS") == ["wss", None]


@pytest.mark.parametrize("protos", [b"http, https, https", b"https", b"http,https,wss,https"])
def test_of_other_numbers_of_schemes_the_last_is_everyones(protos: bytes) -> None:
    chain = read_x_forwarded([b"192.0.2.1, 192.0.2.2"], [protos], ())
    assert (chain.scheme, [hop.scheme for hop in chain.hops]) == ("https", [None, None])


def test_of_several_hosts_the_last_counts() -> None:
    assert read_x_forwarded((), (), [b"a.example", b"b.example , c.example,"]).host == b"c.example"


def test_without_headers_nothing_is_told() -> None:
    chain = read_x_forwarded((), (), ())
    assert (list(chain.hops), chain.scheme, chain.host) == ([], None, None)
    assert forwarded() == []
    assert forwarded(b"") == []


# Whatever comes


@given(lines)
@settings(max_examples=500, deadline=None)
def test_no_bytes_raise_and_every_address_is_one_that_was_sent(values: list[bytes]) -> None:
    for chain in (read_forwarded(values), read_x_forwarded(values, values, values)):
        assert addresses_of(chain) <= addresses_in(b" ".join(values).replace(b"\\", b""))


def addresses_of(chain: Chain) -> set[IPAddress]:
    return {hop.address for hop in chain.hops if hop.address is not None and 0 <= hop.port <= 65535}


def addresses_in(text: bytes) -> set[IPAddress]:
    found = set()
    for written in re.findall(rb"[0-9A-Fa-f:.]+", text):
        for candidate in (written, written.rpartition(b":")[0]):
            with suppress(ValueError):
                found.add(unmap(ip_address(candidate.decode())))
    return found


def quote(value: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(st.lists(st.tuples(st.ip_addresses(), texts, texts), min_size=1, max_size=5), st.binary(max_size=40))
@settings(max_examples=300, deadline=None)
def test_what_proxies_append_is_read_whatever_a_client_sent(
    elements: list[tuple[IPAddress, str, str]], front: bytes
) -> None:
    written = [
        f"x={quote(extra)};for={quote(f'[{address}]' if address.version == 6 else str(address))};host={quote(host)}"
        for address, extra, host in elements
    ]
    hops = forwarded(front + b"," + ", ".join(written).encode())[: len(elements)]
    assert hops == [Hop(unmap(address), 0, None, host.encode()) for address, _, host in reversed(elements)]
