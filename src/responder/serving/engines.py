"""Granian and uvicorn, each as one server inside the event loop of this process.

Granian's own process manager was rejected: it keeps no reason of a failed start, waits for ever on an endless stream,
and cannot serve an API that a running script has in hand. Its embedded server is as fast (wrk, 64 connections: 84
and 87 thousand requests a second, which is the noise between runs). uvicorn's manager needs an import string as well.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import nullcontext
from importlib.util import find_spec
from math import ceil
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

from ..errors import ConfigurationError
from .address import bind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..types import ASGIApp
    from .address import Address

BACKLOG = 1024
"""Connections that wait to be accepted; a worker of granian also serves no more at a time, unless options say so."""

GRANIAN_LOGGING = {"incremental": True, "handlers": {}, "formatters": {}, "loggers": {}}
"""Granian configures logging as a whole, which closes every handler of the user's, unless it is told to add only."""


class Engine(Protocol):
    """A server for one application."""

    async def serve(self, announce: Callable[[], None]) -> None:
        """Accept connections, call `announce` then, and end when told to stop and the last connection is over."""

    def stop(self) -> None:
        """Stop to accept, and end `serve` when the last connection is over."""

    def silence(self) -> None:
        """Say nothing more: what follows is the end of requests that were given up."""


WRITE_BUFFER: Final = 64 * 1024
"""Bytes that granian holds for a client that reads slowly, beside what it was just handed; 408 KiB by itself."""


class Granian:
    """Granian's embedded server."""

    name = "granian"

    def __init__(
        self, app: ASGIApp, address: Address, *, access_log: bool, options: Mapping[str, Any], header_time: float
    ) -> None:
        from granian.constants import Interfaces  # noqa: PLC0415 - the server loads on first use
        from granian.http import HTTP1Settings  # noqa: PLC0415 - the same
        from granian.log import LogLevels  # noqa: PLC0415 - the same
        from granian.server.embed import Server  # noqa: PLC0415 - the same

        http1 = HTTP1Settings(header_read_timeout=ceil(header_time * 1000), max_buffer_size=WRITE_BUFFER)
        self._server = Server(
            app,
            address.host,
            address.port,
            interface=Interfaces.ASGINL,
            log_level=LogLevels.error,
            log_dictconfig=GRANIAN_LOGGING,
            log_access=access_log,
            **{"backlog": BACKLOG, "http1_settings": http1, **options},
        )
        self._address = address
        _print_errors("_granian")
        if access_log:
            _print_accesses("granian.access")

    async def serve(self, announce: Callable[[], None]) -> None:
        """Accept connections, call `announce` then, and end when told to stop and the last connection is over."""
        # Granian panics over a port that was taken since it was chosen.
        bind(self._address).close()
        loop = asyncio.get_running_loop()
        # The hook runs when the port is bound; the worker starts in the step of the loop after that.
        self._server.on_startup(lambda: loop.call_soon(loop.call_soon, announce))
        await self._server.serve()

    def stop(self) -> None:
        """Stop to accept; `serve` ends with the last connection."""
        self._server.stop()  # type: ignore[no-untyped-call]

    def silence(self) -> None:
        """Report nothing more: what follows is the end of requests that were given up."""
        logging.getLogger("_granian").handlers[:] = [logging.NullHandler()]


class Uvicorn:
    """uvicorn's server, without its signal handlers."""

    name = "uvicorn"

    def __init__(
        self,
        app: ASGIApp,
        address: Address,
        *,
        access_log: bool,
        options: Mapping[str, Any],
        header_time: float,  # noqa: ARG002 - uvicorn has no such limit
    ) -> None:
        from uvicorn import Config, Server  # noqa: PLC0415 - an extra, loaded on first use

        config = Config(
            app,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=access_log,
            **{"backlog": BACKLOG, "proxy_headers": False, "server_header": False, **options},
        )
        config.load()
        _print_errors("uvicorn")
        if access_log:
            _print_accesses("uvicorn.access")
        self._address = address
        self._server = Server(config)
        # It would raise each signal once more when it has ended, which turns a clean end into a death by signal.
        self._server.capture_signals = nullcontext  # type: ignore[method-assign, assignment]

    async def serve(self, announce: Callable[[], None]) -> None:
        """Accept connections, call `announce` then, and end when told to stop and the last connection is over."""
        bound = bind(self._address)
        bound.listen(BACKLOG)
        announce()
        await self._server.serve(sockets=[bound])

    def stop(self) -> None:
        """Stop to accept; `serve` ends with the last connection."""
        self._server.should_exit = True

    def silence(self) -> None:
        """Report nothing more: what follows is the end of requests that were given up."""
        logging.getLogger("uvicorn").handlers[:] = [logging.NullHandler()]


ENGINES: Mapping[str, type[Granian | Uvicorn]] = {"granian": Granian, "uvicorn": Uvicorn}


def require_engine(name: str) -> None:
    """Raise `ConfigurationError` unless there is a server `name` and it is installed."""
    if name not in ENGINES:
        raise ConfigurationError(f"server={name!r} is unknown. Choose one of: {', '.join(ENGINES)}.")
    if find_spec(name) is None:
        raise ConfigurationError(f"The server {name} is not installed. Install it: pip install 'responder[{name}]'")


def build(  # noqa: PLR0913 - what a server has to know
    name: str,
    app: ASGIApp,
    address: Address,
    *,
    access_log: bool,
    options: Mapping[str, Any],
    header_time: float = 30.0,
) -> Engine:
    """Make the server `name`; `options` are keywords of its own, `header_time` is `Limits.header_time`.

    Raises `ConfigurationError`.
    """
    try:
        return ENGINES[name](app, address, access_log=access_log, options=options, header_time=header_time)
    except (TypeError, ValueError, OSError) as error:
        raise ConfigurationError(f"{name} does not take these options: {error}") from error


def _print_errors(logger: str) -> None:
    _print(logger, sys.stderr, logging.ERROR)


def _print_accesses(logger: str) -> None:
    _print(logger, sys.stdout, logging.INFO)


def _print(logger: str, stream: TextIO, level: int) -> None:
    target = logging.getLogger(logger)
    target.handlers[:] = [logging.StreamHandler(stream)]
    target.setLevel(level)
    target.propagate = False
