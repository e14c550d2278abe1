"""Every exception of Responder, in one tree.

    ResponderError
    ├── ConfigurationError (ValueError)        a mistake in how the API is put together
    │   ├── DuplicateRoute                     one path and method declared twice
    │   └── UnknownConverter                   `{id:integer}`, and nothing of that name is registered
    ├── RouteNotFoundError (LookupError)       `url_for` was asked for what is not there
    ├── InvalidHeader (ValueError)             a response header that HTTP cannot carry
    ├── InvalidCookie (ValueError)             a cookie that HTTP cannot carry
    ├── UnsafeRedirect (ValueError)            a redirect to another site; unhandled, a 400
    ├── ClientDisconnected                     the client left while its body was being read
    ├── EncodeError (TypeError)                a value of a response that its format cannot carry
    ├── TemplateError                          a template that is missing, malformed or fails
    └── HTTPError                              becomes the response of its status
        ├── Problem                            an RFC 9457 document, member by member
        ├── DecodeError                        400: bytes of the client that do not parse
        ├── MissingValue (KeyError)            400: a query parameter, header or cookie that was not sent
        ├── ContentTooLarge                    413: a body, or a field of one, beyond `Limits`
        ├── UnsupportedMediaType               415: a body of a type that nobody here reads
        ├── ServiceUnavailable                 503: every worker is busy and the queue is full
        └── InsufficientStorage                507: the disk has no room for an upload

Mistakes of the developer are raised where they are made; what a client can cause is an `HTTPError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from .status_codes import phrase

if TYPE_CHECKING:
    from collections.abc import Mapping


class ResponderError(Exception):
    """The root of every exception that Responder raises."""


class ConfigurationError(ResponderError, ValueError):
    """An option, a route or a hook that cannot work; the message says what to do."""


class DuplicateRoute(ConfigurationError):
    """Two routes that would answer the same path and method; the message names both places."""


class UnknownConverter(ConfigurationError):
    """A path uses a converter that is not registered; the message lists those that are."""


class RouteNotFoundError(ResponderError, LookupError):
    """`url_for` was given a name, a view or parameters that fit no route."""


class InvalidHeader(ResponderError, ValueError):
    """A header name that is no token, or a value with a control character (RFC 9110 section 5.5)."""


class InvalidCookie(ResponderError, ValueError):
    """A cookie name, value or attribute that RFC 6265bis cannot carry."""


class UnsafeRedirect(ResponderError, ValueError):
    """A redirect that would leave the site; pass `allow_external=True` where that is meant."""


class ClientDisconnected(ResponderError):
    """The client closed its connection before its body had arrived."""


class EncodeError(ResponderError, TypeError):
    """A value of a response that its format cannot carry; the message names its type and its place in the body."""


class TemplateError(ResponderError):
    """A template that is missing, malformed or fails; the message names it and the line."""


class HTTPError(ResponderError):
    """A failure that is an answer: raise it anywhere in a view or a hook.

    `status` is 400 to 599, `detail` a sentence for the client, `headers` go onto the response.
    """

    def __init__(self, status: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 599:
            raise ConfigurationError(f"An error has a status from 400 to 599, not {status!r}.")
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def __str__(self) -> str:
        return f"{self.status} {phrase(self.status)}" + (f": {self.detail}" if self.detail else "")

    def document(self) -> dict[str, Any]:
        """Give the problem document (RFC 9457 section 3.1): `status`, `title` and, when there is one, `detail`."""
        document: dict[str, Any] = {"status": self.status, "title": phrase(self.status)}
        if self.detail is not None:
            document["detail"] = self.detail
        return document


class Problem(HTTPError):
    """An RFC 9457 problem document: `raise Problem(409, title="Out of credit", balance=30)`.

    `members` are extension members (section 3.2) and must be values that JSON can carry.
    """

    def __init__(  # noqa: PLR0913 - RFC 9457 has five members, and headers go beside them
        self,
        status: int,
        *,
        title: str | None = None,
        detail: str | None = None,
        type: str | None = None,  # noqa: A002 - the member's name in RFC 9457
        instance: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(status, detail, headers)
        self.title = title
        self.type = type
        self.instance = instance
        self.members = members

    def document(self) -> dict[str, Any]:
        """Give the problem document with every member that was set."""
        own = {"type": self.type, "title": self.title, "instance": self.instance}
        return super().document() | {name: value for name, value in own.items() if value is not None} | self.members


class DecodeError(HTTPError):
    """400: bytes of the client that do not parse; `line` and `column`, from 1 on, where the codec tells them."""

    def __init__(self, detail: str, *, line: int | None = None, column: int | None = None) -> None:
        super().__init__(400, detail)
        self.line = line
        self.column = column

    def document(self) -> dict[str, Any]:
        """Give the problem document, with the place of the error as extension members `line` and `column`."""
        place = {"line": self.line, "column": self.column}
        return super().document() | {name: number for name, number in place.items() if number is not None}


class MissingValue(HTTPError, KeyError):
    """400: `req.params["q"]`, and the client sent no `q`. It is a `KeyError` too, as for any mapping."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(400, f"The {what} {name!r} is missing.")


class ContentTooLarge(HTTPError):
    """413: a body, or what else of it is named by `what`, larger than the bytes that `Limits` allows."""

    def __init__(self, limit: int, what: str = "The body") -> None:
        super().__init__(413, f"{what} is larger than the {limit} bytes that this service takes.")


class UnsupportedMediaType(HTTPError):
    """415: a body whose `Content-Type` this service does not read."""

    def __init__(self, detail: str) -> None:
        super().__init__(415, detail)


class ServiceUnavailable(HTTPError):
    """503: no capacity at this moment; `retry_after` is in seconds."""

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(503, detail, {"Retry-After": str(retry_after)})


class InsufficientStorage(HTTPError):
    """507: the disk has no room for an upload (RFC 4918 section 11.5)."""

    def __init__(self) -> None:
        super().__init__(507, "There is no room left to store the upload.")


def abort(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> NoReturn:
    """End the request with an error response: `abort(404, "No such pet.")`.

    Raises `HTTPError`, always; `ConfigurationError` when the status is not 400 to 599.
    """
    raise HTTPError(status, detail, headers)
