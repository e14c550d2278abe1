"""`serve`: the one way to run an API, for `api.run()` and for `responder run`.

What it needs is imported when it is called, because `import responder` must stay cheap.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..errors import ResponderError

if TYPE_CHECKING:
    from .loader import Application


def serve(  # noqa: PLR0913 - each is an option of its own, on the command line too
    api: Application | str,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int = 1,
    reload: bool = False,
    debug: bool | None = None,
    server: str = "granian",
    grace: float = 30.0,
    access_log: bool = False,
    **options: Any,
) -> None:
    """Serve `api`, or the API that a target such as `app.py` or `package.module:api` names, until a signal ends it.

    - `host`, `port`: where to listen; 127.0.0.1 and 5042, or 0.0.0.0 and `PORT` where the environment has one.
      Port 0 is any free port.
    - `workers`: processes that share the port. Those of an API in hand find it by the script and its name there.
    - `reload`: restart when a Python file or a template of the project changes.
    - `debug`: set `api.debug`; `None` leaves it.
    - `server`: `"granian"` or `"uvicorn"`; `options` are keywords of its own, such as `ssl_cert` or `ssl_certfile`.
    - `grace`: seconds that open requests have after SIGTERM or Ctrl-C; with `reload`, one at most.
    - `access_log`: print a line for each request.

    Returns when SIGTERM or Ctrl-C has ended the server. Raises `SystemExit` with one line, and so exit code 1, when the
    port is in use, the API is not found or does not start. Does nothing while `responder run` imports the
    script, so that `api.run()` may stand at the end of it without a guard.
    """
    from .launch import launch  # noqa: PLC0415 - asyncio, sockets and processes, for those who serve

    try:
        launch(
            api,
            host=host,
            port=port,
            workers=workers,
            reload=reload,
            debug=debug,
            server=server,
            grace=grace,
            access_log=access_log,
            options=options,
        )
    except ResponderError as error:
        sys.exit(f"Error: {error}")
