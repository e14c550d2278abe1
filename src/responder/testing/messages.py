"""The rules that a server holds an application to, checked on every message of a response (ASGI HTTP 2.3).

Servers differ in what they forgive: one repairs a wrong length, another puts every later response on the connection
out of step. Here nothing is forgiven, so that a test shows what a deployment would suffer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import ResponderError

if TYPE_CHECKING:
    from ..types import Message, RawHeader

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class ProtocolError(ResponderError, AssertionError):
    """The application broke the ASGI or HTTP rules; a real server would have sent a broken response, or none."""


class ResponseRules:
    """The state of one response: what has been sent, and what may be sent next."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._length: int | None = None
        self._sent = 0
        self._ended = False
        self.status = 0
        self.headers: list[RawHeader] = []

    def check(self, message: Message) -> None:
        """Take the next message of the application. Raises `ProtocolError` when no server would send it."""
        kind = message.get("type")
        if kind == "http.response.start":
            self._check_start(message)
        elif kind == "http.response.body":
            self._check_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise ProtocolError(f"The application sent {kind!r}; a response is http.response.start and then bodies.")

    def _check_start(self, message: Message) -> None:
        if self.status:
            raise ProtocolError(f"The application started a response twice; the first has status {self.status}.")
        status = message.get("status")
        if type(status) is not int or not 100 <= status <= 999:
            raise ProtocolError(f"The status of a response is an int from 100 to 999, not {status!r}.")
        headers = message.get("headers", ())
        if not isinstance(headers, Iterable):
            raise ProtocolError(f"The headers of a response are pairs of bytes, not {headers!r}.")
        self.headers = [_check_header(header) for header in headers]
        length = _length_of(self.headers)
        self._length = None if self._is_bodiless(status) else length
        self.status = status

    def _check_body(self, body: Any, *, more: Any) -> None:
        if not self.status:
            raise ProtocolError("The application sent a body before http.response.start.")
        if self._ended:
            raise ProtocolError("The application sent a body after the last one, which had no more_body.")
        if not isinstance(body, bytes):
            raise ProtocolError(f"The body of a response is bytes, not {type(body).__name__}.")
        if body and self._is_bodiless(self.status):
            raise ProtocolError(f"A {self.status} response to {self._method} has no body; {len(body)} bytes were sent.")
        self._sent += len(body)
        self._ended = not more
        self._check_length()

    def _check_length(self) -> None:
        if self._length is None or self._sent == self._length or (self._sent < self._length and not self._ended):
            return
        raise ProtocolError(f"Content-Length is {self._length}, but {self._sent} bytes of body were sent.")

    def _is_bodiless(self, status: int) -> bool:
        return self._method == "HEAD" or status < 200 or status in {204, 304}


def _check_header(header: Any) -> RawHeader:
    try:
        name, value = header
    except (TypeError, ValueError):
        raise ProtocolError(f"A response header is a pair of bytes, not {header!r}.") from None
    if not isinstance(name, bytes) or not isinstance(value, bytes):
        raise ProtocolError(f"A response header is a pair of bytes, not {header!r}.")
    if not _NAME.fullmatch(name):
        raise ProtocolError(f"{name!r} is not a header name: ASGI asks for a lower-case token.")
    if _CONTROL.search(value):
        raise ProtocolError(f"The value of header {name.decode()!r} has a control character: {value!r}.")
    return name, value


def _length_of(headers: Iterable[RawHeader]) -> int | None:
    values = [value for name, value in headers if name == b"content-length"]
    if not values:
        return None
    if len(values) > 1 or not values[0].isdigit():
        raise ProtocolError(f"A response has one Content-Length in digits, not {values!r}.")
    return int(values[0])
