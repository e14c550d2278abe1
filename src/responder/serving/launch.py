"""From the arguments of `serve` to a server in this process or a supervisor of many."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from . import address, loader
from .service import Service
from .worker import is_worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .loader import Application


def launch(  # noqa: PLR0913 - the options of `serve`, all of them
    api: Application | str,
    *,
    host: str | None,
    port: int | None,
    workers: int,
    reload: bool,
    debug: bool | None,
    server: str,
    grace: float,
    access_log: bool,
    options: Mapping[str, Any],
) -> None:
    """Serve as `serve` says. Raises `ConfigurationError` and `StartupFailed`."""
    if loader.is_loading() or is_worker():
        return
    _refuse_running_loop()
    service = Service(
        address=address.choose(host, port),
        server=server,
        workers=workers,
        debug=debug,
        grace=grace,
        access_log=access_log,
        options=dict(options),
    )
    if workers > 1 or reload:
        from .supervisor import supervise  # noqa: PLC0415 - a single process needs none of it

        supervise(service, api if isinstance(api, str) else loader.name_of(api), reload=reload)
        return
    what = str(loader.locate(api)[0]) if isinstance(api, str) else loader.describe_script()
    found = loader.load(api) if isinstance(api, str) else api
    service.serve(found, announce=lambda: service.announce(what))


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ConfigurationError(
        "An event loop runs already, and a server has its own. Call `api.run()` outside of async code, or use "
        "`responder run app.py`."
    )
