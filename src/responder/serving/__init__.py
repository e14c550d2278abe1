"""Running an API: the servers, worker processes, reloading, and the command line."""

from __future__ import annotations

from .server import serve as serve
