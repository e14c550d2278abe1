"""WebSocket handshakes pass the same guards as requests: host, HTTPS, and where they come from (RFC 6455 section 10.2).

A browser sends cookies with a handshake to any site, and no preflight protects it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import HTTPError
from ..exchange.emit import render_fully
from ..exchange.request import Request, check_host
from ..exchange.response import Response
from .failures import render_default

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..policies.compose import Call
    from ..types import Message, Scope, Send
    from .pipeline import Application


async def refuse_handshake(app: Application, guards: Iterable[Call], scope: Scope, send: Send) -> bool:
    """Answer a handshake that a guard refuses or redirects, and say whether that was so.

    Servers that cannot answer with a response (`websocket.http.response`) close it, which is a 403.
    """
    req, resp = Request(), Response()
    req.scope, req.api, req.limits, resp.req = {**scope, "method": "GET"}, app, app.limits, req
    try:
        check_host(scope)
        for guard in guards:
            guard(req, resp)
            if resp.status is not None:
                break
        else:
            return False
    except HTTPError as error:
        render_default(req, resp, error)
    if "websocket.http.response" not in scope.get("extensions", ()):
        await send({"type": "websocket.close", "code": 1008})
        return True
    for message in render_fully(req, resp):
        await send(_as_denial(message))
    return True


def _as_denial(message: Message | None) -> Message:
    message = message or {"type": "http.response.body"}
    return {**message, "type": f"websocket.{message['type']}"}
