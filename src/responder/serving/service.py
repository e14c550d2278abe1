"""What to serve and how: one record, checked once, that travels to worker processes as it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from . import drain
from .console import say
from .engines import build, require_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..types import ASGIApp
    from .address import Address
    from .engines import Engine
    from .loader import Application

MORE_THAN_SENSE = 1024
"""Worker processes that nobody means: a port number given as `--workers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The options of `serve`, as they hold for every worker.

    - `address`: where to listen.
    - `server`: `"granian"` or `"uvicorn"`.
    - `workers`: processes that share the port.
    - `debug`: what to set on the API, `None` to leave it.
    - `grace`: seconds that open requests have when the server ends.
    - `access_log`: a line for each request.
    - `options`: keywords for the server itself.
    """

    address: Address
    server: str
    workers: int
    debug: bool | None
    grace: float
    access_log: bool
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        require_engine(self.server)
        if not 1 <= self.workers <= MORE_THAN_SENSE:
            raise ConfigurationError(f"workers={self.workers!r} must be a whole number from 1 to {MORE_THAN_SENSE}.")
        if self.grace < 0:
            raise ConfigurationError(f"grace={self.grace!r} must be a number of seconds, 0 or more.")

    def serve(self, api: Application, *, announce: Callable[[], None], worker: bool = False) -> None:
        """Serve `api` in this process until a signal ends it. Raises `StartupFailed` and `ConfigurationError`."""
        if self.debug is not None:
            api.debug = self.debug
        drain.run(
            api,
            partial(self._build, header_time=api.limits.header_time),
            grace=self.grace,
            announce=announce,
            worker=worker,
        )

    def announce(self, what: str) -> None:
        """Print what is served, where and by what."""
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        is_secure = any(name.startswith("ssl_") for name in self.options)
        url = self.address.url.replace("http", "https", 1) if is_secure else self.address.url
        say(f"Serving {what} on {url} - {self.server}, {workers}. Press Ctrl-C to stop.")

    def _build(self, app: ASGIApp, header_time: float) -> Engine:
        return build(
            self.server,
            app,
            self.address,
            access_log=self.access_log,
            options=self.options,
            header_time=header_time,
        )
