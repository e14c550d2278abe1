"""How long a request may take: until its response begins, for its body to arrive, for its response to be taken.

The sweep looks at the requests that have lasted a quarter second, so that short ones pay for no clock. What a request
waits for is told by what it is doing at each look.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from ..errors import HTTPError

if TYPE_CHECKING:
    from asyncio import Task
    from typing import Any

    from ..exchange.request import Request

log = logging.getLogger("responder")

RATE_SECONDS: Final = 10.0
"""How long the arrival of a body is added up, before it is held against `Limits.body_rate`."""


class Watch:
    """The time that one request has taken, by what it waited for, in seconds."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._waited = 0.0
        self._stalled = 0.0
        self._received = 0
        self._sending = 0

    def add(self, req: Request, task: Task[Any] | None, seconds: float) -> None:
        """Count the seconds since the last look, and end the request when it has had too many."""
        if req.sending > 0:
            self._add_stalled(req, task, seconds)
        elif req.received is not None:
            self._add_waited(req, task, seconds, req.received)
        elif req.sending == 0:  # between two pieces of a stream there is no limit
            self._add_spent(req, task, seconds)

    def _add_spent(self, req: Request, task: Task[Any] | None, seconds: float) -> None:
        self._spent += seconds
        limit = req.limits.request_time
        if limit is not None and self._spent > limit:
            self._spent = 0.0
            log.warning("%r %r took longer than request_time=%g.", req.method, req.scope["path"], limit)
            req.expire(task, HTTPError(504, f"The service took longer than {limit:g} s."))

    def _add_waited(self, req: Request, task: Task[Any] | None, seconds: float, received: int) -> None:
        self._waited += seconds
        if self._waited < RATE_SECONDS:
            return
        if received - self._received < req.limits.body_rate * self._waited:
            req.expire(task, HTTPError(408, "The body arrives too slowly."))
        self._waited, self._received = 0.0, received

    def _add_stalled(self, req: Request, task: Task[Any] | None, seconds: float) -> None:
        self._stalled = self._stalled + seconds if req.sending == self._sending else 0.0
        self._sending = req.sending
        if self._stalled > req.limits.write_stall:
            req.end(task)
