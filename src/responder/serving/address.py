"""Where to listen: the host and port that were given, those of `PORT`, or 127.0.0.1:5042; and whether they are free.

The servers are no help with a port in use: on Linux granian binds with `SO_REUSEPORT`, so that two servers of one user
would share a port without a word. Hence the port is tried before the server starts.
"""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass

from ..errors import ConfigurationError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5042
EVERY_HOST = "0.0.0.0"  # noqa: S104 - what `PORT` in the environment means: a platform that routes to this machine


@dataclass(frozen=True, slots=True)
class Address:
    """A host as a numeric address, a port, and the host as the user wrote it."""

    host: str
    port: int
    written: str

    @property
    def url(self) -> str:
        """The address as a URL: `http://127.0.0.1:5042`."""
        host = f"[{self.written}]" if ":" in self.written else self.written
        return f"http://{host}:{self.port}"

    @property
    def family(self) -> socket.AddressFamily:
        """IPv6 for a host with colons, otherwise IPv4."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET


def choose(host: str | None, port: int | None) -> Address:
    """Give the free address to listen on; `None` is what was not given, port 0 any free port.

    Without a port, `PORT` in the environment is the port and, without a host, 0.0.0.0 the host.
    Raises `ConfigurationError`: no port number, no such host, a port in use or out of reach.
    """
    if port is None and (given := os.environ.get("PORT")):
        port = _read_port(given)
        host = EVERY_HOST if host is None else host
    written = DEFAULT_HOST if host is None else host
    number = DEFAULT_PORT if port is None else port
    if not 0 <= number <= 65535:
        raise ConfigurationError(f"Port {number} does not exist. Ports go from 0 to 65535.")
    return _try(Address(_resolve(written), number, written))


def bind(address: Address) -> socket.socket:
    """Give a socket bound to `address`, which several worker processes may each have one of.

    Raises `ConfigurationError` when something else has the port.
    """
    return _bind(address, socket.SO_REUSEADDR, socket.SO_REUSEPORT)


def _read_port(given: str) -> int:
    if given.isascii() and given.isdigit() and len(given) <= 5:
        return int(given)
    raise ConfigurationError(f"PORT={given!r} in the environment is no port number. Set it to a number or unset it.")


def _resolve(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"Host {host!r} is unknown. Give an address of this machine with --host.") from error
    # `localhost` is two addresses, and clients that know one only mostly know the one of IPv4.
    addresses = [str(address[0]) for *_, address in sorted(found, key=lambda entry: entry[0] != socket.AF_INET)]
    return addresses[0]


def _try(address: Address) -> Address:
    # Without SO_REUSEPORT, so that a server which has it is noticed.
    with _bind(address, socket.SO_REUSEADDR) as attempt:
        return Address(address.host, attempt.getsockname()[1], address.written)


def _bind(address: Address, *flags: int) -> socket.socket:
    bound = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        for flag in flags:
            bound.setsockopt(socket.SOL_SOCKET, flag, 1)
        bound.bind((address.host, address.port))
    except OSError as error:
        bound.close()
        raise ConfigurationError(_explain(address, error)) from error
    return bound


def _explain(address: Address, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {address.port} on {address.written} is in use. Stop what uses it or choose another with --port."
            )
        case errno.EACCES:
            return f"Port {address.port} needs more rights than you have. Choose one above 1023 with --port."
        case errno.EADDRNOTAVAIL:
            return f"{address.written} is no address of this machine. Choose another with --host."
        case _:
            return f"{address.written}:{address.port} cannot be listened on: {error.strerror}."
