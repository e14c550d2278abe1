"""Trusted hosts: requests for other names are refused, which a forged `Host` would otherwise bring into links and caches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, HTTPError
from ..http.url import parse_host

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..exchange.request import Request
    from ..exchange.response import Response

_WILDCARD = re.compile(r"\*\.(?=[^*]+$)")


def make_hosts_guard(allowed: Sequence[str]) -> Callable[[Request, Response], None]:
    """Give the guard that answers 400 for a host that is not among `allowed`; `*.example.com` is any name below it.

    A name without a port is meant with any. Raises `ConfigurationError` for what is no host.
    """
    if isinstance(allowed, str) or not allowed:
        raise ConfigurationError(f"allowed_hosts={allowed!r} is a list of hosts, as ['example.com', '*.example.com'].")
    names, suffixes = set(), []
    for host in allowed:
        if host == "*":
            continue
        name, port = _parse(_WILDCARD.sub("", host, count=1), host)
        if host.startswith("*."):
            suffixes.append(("." + name, port))
        else:
            names.add((name, port))
    if "*" in allowed:
        return _allow_any

    # PERF: as it travels, so that the usual request is one look-up (benchmarks/in_process.py, row policies)
    usual = frozenset(f"{_bracketed(name)}{'' if port is None else f':{port}'}".encode() for name, port in names)

    def guard(req: Request, _resp: Response) -> None:
        if req.api.proxies is None and req.fields.get(b"host") in usual:
            return
        url = req.url
        for port in (url.port, None):
            if (url.host, port) in names:
                return
            if any(url.host.endswith(suffix) and port == wanted for suffix, wanted in suffixes):
                return
        raise HTTPError(400, "This service does not answer for that host.")

    return guard


def _allow_any(req: Request, _resp: Response) -> None:
    """Take any host, once it is one."""


def _parse(host: str, written: str) -> tuple[str, int | None]:
    try:
        return parse_host(host)
    except ValueError as error:
        raise ConfigurationError(f"allowed_hosts has {written!r}: {error}") from error


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name
