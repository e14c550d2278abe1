"""A streamed response body as `requests` and `urllib3` read it: a file whose bytes arrive while it is read."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, cast

from urllib3 import HTTPHeaderDict, HTTPResponse

from ..status_codes import phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from ..types import RawHeader


class EscapedError(Exception):
    """Carries the application's exception through urllib3, which would make an `OSError` its own."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class LiveBody:
    """The file under a response. `pull` gives the next piece, `b""` at the end; `leave` ends the exchange early."""

    def __init__(self, pull: Callable[[], bytes], leave: Callable[..., None]) -> None:
        self._pull = pull
        self._leave = leave
        self._rest = b""
        self._ended = False
        self.closed = False

    def read1(self, amount: int = -1) -> bytes:
        """Give at most `amount` bytes of the next piece, waiting for one piece only."""
        if not self._rest and not self._ended:
            self._rest = self._pull()
            self._ended = not self._rest
        size = len(self._rest) if amount < 0 else amount
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def read(self, amount: int = -1) -> bytes:
        """Give exactly `amount` bytes, fewer only at the end of the body; all of it without `amount`."""
        pieces: list[bytes] = []
        missing = amount
        while missing and (piece := self.read1(missing)):
            pieces.append(piece)
            missing -= len(piece) if amount > 0 else 0
        return b"".join(pieces)

    def close(self, *, wait: bool = True) -> None:
        """Leave the exchange if it has not ended; with `wait`, until the application has, raising what it raised."""
        if self.closed:
            return
        self.closed = True
        if not self._ended:
            self._leave(wait=wait)


class RawResponse(HTTPResponse):
    """A urllib3 response that hands out every piece when it comes, as it does for a chunked body on a socket."""

    def __init__(self, body: LiveBody, status: int, headers: Sequence[RawHeader], *, method: str, url: str) -> None:
        fields = HTTPHeaderDict()
        for name, value in headers:
            fields.add(name.decode("latin-1"), value.decode("latin-1"))
        self._live = body
        super().__init__(
            body=cast("IO[bytes]", body),
            headers=fields,
            status=status,
            version=11,
            reason=phrase(status),
            preload_content=False,
            decode_content=False,
            original_response=cast("Any", _OriginalResponse(fields)),
            request_method=method,
            request_url=url,
        )
        # The length was checked where the application sent it; urllib3 would close the file before its end is read.
        self.length_remaining = None

    def read(self, amt: int | None = None, decode_content: bool | None = None, cache_content: bool = False) -> bytes:  # noqa: FBT001, FBT002 - urllib3's signature
        """Read `amt` bytes, or all; what the application did not handle is raised as itself."""
        try:
            return super().read(amt, decode_content, cache_content)
        except EscapedError as escaped:
            error = escaped.error
        raise error

    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:  # noqa: FBT001 - urllib3's signature
        """Read at most `amt` bytes of the next piece; what the application did not handle is raised as itself."""
        try:
            return super().read1(amt, decode_content)
        except EscapedError as escaped:
            error = escaped.error
        raise error

    def stream(self, amt: int | None = 2**16, decode_content: bool | None = None) -> Generator[bytes, None, None]:  # noqa: FBT001 - urllib3's signature
        """Give the pieces, of at most `amt` bytes, as they come."""
        while piece := self.read1(amt, decode_content):
            yield piece

    def __del__(self) -> None:
        # The collector may run anywhere, even on the loop of the application; waiting there could wait for ever.
        self._live.close(wait=False)


class _OriginalResponse:
    """What `requests` asks of `http.client.HTTPResponse`: the headers, from which it takes every cookie."""

    def __init__(self, fields: HTTPHeaderDict) -> None:
        self.msg = fields

    def isclosed(self) -> bool:
        return False

    def close(self) -> None:
        return None
