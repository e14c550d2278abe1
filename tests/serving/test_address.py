"""Where a server listens."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from responder.errors import ConfigurationError
from responder.serving import address
from responder.serving.address import Address, bind, choose


@pytest.fixture(autouse=True)
def _any_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the default be a port that is free on the machine that runs the tests."""
    assert address.DEFAULT_PORT == 5042
    monkeypatch.setattr(address, "DEFAULT_PORT", 0)


def test_nothing_given_is_this_machine_alone() -> None:
    chosen = choose(None, None)
    assert (chosen.host, chosen.url) == ("127.0.0.1", f"http://127.0.0.1:{chosen.port}")
    assert chosen.port > 0


def test_port_in_the_environment_opens_every_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "0")
    assert choose(None, None).host == "0.0.0.0"  # noqa: S104 - the expectation


def test_a_given_host_stands_beside_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "70000")
    with pytest.raises(ConfigurationError, match=r"Port 70000 does not exist. Ports go from 0 to 65535."):
        choose("127.0.0.1", None)
    monkeypatch.setenv("PORT", "0")
    assert choose("127.0.0.1", None).host == "127.0.0.1"


def test_a_given_port_stands_before_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "70000")
    assert choose(None, 0).host == "127.0.0.1"


def test_an_empty_port_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    assert choose(None, None).host == "127.0.0.1"


@pytest.mark.parametrize("given", ["http", "-1", "999999", "1e3", "٣٣", " 80", "80\n", "²"])
def test_a_port_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("PORT", given)
    with pytest.raises(ConfigurationError, match=r"in the environment is no port number"):
        choose(None, None)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(ConfigurationError, match=f"Port {port} does not exist"):
        choose(None, port)


def test_a_port_in_use_is_refused_even_when_it_could_be_shared() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} on localhost is in use. Stop what uses it"):
            choose("localhost", port)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "Port 80 needs more rights than you have. Choose one above 1023 with --port."),
        (errno.EADDRNOTAVAIL, "here is no address of this machine. Choose another with --host."),
        (errno.ENOBUFS, "here:80 cannot be listened on: No buffer space available."),
    ],
)
def test_every_refusal_of_the_system_has_its_sentence(number: int, words: str) -> None:
    assert address._explain(Address("1.2.3.4", 80, "here"), OSError(number, os.strerror(number))) == words


@pytest.mark.parametrize("host", ["nul\0", "a" * 64 + ".example", "not a host"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is unknown. Give an address of this machine with --host."):
        choose(host, 0)


def test_a_name_is_its_ipv4_address_first(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET6, 1, 6, "", ("::1", 0, 0, 0)), (socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: both)
    chosen = choose("localhost", 0)
    assert (chosen.host, chosen.url) == ("127.0.0.1", f"http://localhost:{chosen.port}")


def test_an_ipv6_address_stands_in_brackets() -> None:
    chosen = Address("::1", 80, "::1")
    assert (chosen.url, chosen.family) == ("http://[::1]:80", socket.AF_INET6)


def test_workers_bind_one_address_each() -> None:
    chosen = choose(None, None)
    with bind(chosen) as first, bind(chosen) as second:
        assert first.getsockname() == second.getsockname() == ("127.0.0.1", chosen.port)
