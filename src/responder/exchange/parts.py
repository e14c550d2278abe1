"""The parts of a multipart form as they come from the wire, one at a time and none of them kept.

Rejected: an async generator, which would be closed as soon as a loop over it is left, under the part that was found.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from ..errors import ContentTooLarge, DecodeError
from ..http.charsets import decode_text
from ..media.guard import decode_guarded
from ..media.multipart import MultipartParser, PartHead
from .batches import Batches
from .pieces import keep

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Iterator
    from pathlib import Path

    from ..config import Limits
    from .pieces import Pieces
    from .upload import Run

_SHOWN_CHARACTERS = 60


def iterate_parts(chunks: AsyncIterator[bytes], boundary: str | None, limits: Limits, run: Run) -> Parts:
    """Give the parts of the body that comes in `chunks`.

    What of a part is not read is skipped when the next is asked for. The part at which a loop is left stays readable,
    until the iterator is closed (`aclose`). Raises `DecodeError` for a boundary that is none, and, while iterating, for
    a body that is malformed or beyond the limits; what `chunks` raises passes through.
    """
    return Parts(chunks, MultipartParser(boundary, limits), limits, run)


class Parts(AsyncIterator["Part"]):
    """The parts of one body."""

    def __init__(self, chunks: AsyncIterator[bytes], parser: MultipartParser, limits: Limits, run: Run) -> None:
        self._chunks = chunks
        self._parser = parser
        self._events: Iterator[Any] = iter(())
        self._current: Part | None = None
        self._is_closed = False
        self._fields = 0
        self.limits = limits
        self.run = run

    async def __anext__(self) -> Part:
        if self._is_closed:
            raise StopAsyncIteration
        if self._current is not None:
            async for _ in self._current:
                pass
        self._current = None
        head = await self.next_event(None)  # Between two parts, the parser gives nothing else.
        if head.filename is None:
            self._count_field()
        self._current = Part(head, self)
        return self._current

    def _count_field(self) -> None:
        self._fields += 1
        limit = self.limits.form_fields
        if self._fields > limit:
            raise DecodeError(f"The form has more than the {limit} fields that this service takes.")

    def check(self, part: Part) -> None:
        """Raise `RuntimeError` unless it is the current part."""
        if part is not self._current:
            raise RuntimeError(f"The part {part.name!r} has passed. Read or save it before the next is asked for.")

    async def next_event(self, part: Part | None) -> Any:
        """Give the next piece of the current part or, with None, the head of the next one.

        Raises `StopAsyncIteration` at the end of the part, or of the body, which it has checked.
        """
        if part is not None:
            self.check(part)
            if part.is_at_end:
                raise StopAsyncIteration
        while True:
            for event in self._events:
                if event is None and part is not None:
                    part.is_at_end = True
                    raise StopAsyncIteration
                return event
            async for chunk in self._chunks:
                self._events = self._parser.feed(chunk)
                break
            else:
                self._parser.close()
                raise StopAsyncIteration

    def forget(self) -> None:
        """Let go of the current part, which refers back: until a garbage collection granian keeps the connection."""
        self._current = None
        self._is_closed = True

    async def aclose(self) -> None:
        """End here: the current part has passed, and the body is not read any further."""
        self.forget()
        close: Any = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()


class Part:
    """One field or file of a multipart form, while it arrives.

    `name`, `filename` (None for what is no file; without directories), `content_type`, `charset`, `headers` (names in
    lower case). `async for chunk in part` gives its bytes as they come; `read`, `text` and `save` take all of them.
    """

    def __init__(self, head: PartHead, parts: Parts) -> None:
        self.head = head
        self.name = head.name
        self.filename = head.filename
        self.content_type = head.content_type
        self.charset = head.charset
        self.headers = head.headers
        self.is_at_end = False
        self._parts = parts

    def __repr__(self) -> str:
        return f"<Part {self.name!r} {self.content_type}>"

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    def __anext__(self) -> Awaitable[bytes]:
        return self._parts.next_event(self)

    async def read(self) -> bytes:
        """Give the content, or what is left of it. Raises `ContentTooLarge` (413) beyond `Limits.field_size` bytes."""
        limit = self._parts.limits.field_size
        size = 0
        pieces: Pieces = []
        async for piece in self._unread():
            size += len(piece)
            if size > limit:
                kind = "field" if self.filename is None else "file in the field"
                raise ContentTooLarge(limit, f"The {kind} {_shorten(self.name)!r}")
            keep(pieces, piece)
        return b"".join(pieces)

    async def text(self) -> str:
        """Give the content as text, by the charset of the part or as UTF-8; `DecodeError` (400) where it is none."""
        return self.decode(await self.read())

    def decode(self, content: bytes) -> str:
        """Give content of this part as text. Raises as `text` does."""
        charset = self.charset or "utf-8"
        return decode_guarded(f"The field {_shorten(self.name)!r}", lambda raw: decode_text(raw, charset), content)

    async def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the content, or what is left of it, straight to a file, and give its path.

        As for `UploadFile.save`, `path` is a name or a directory, and the file appears complete or not at all.
        Raises `InsufficientStorage` (507) when the disk is full.
        """
        from .spool import Draft  # noqa: PLC0415 - `tempfile` loads when something is saved

        run, pieces = self._parts.run, self._unread()
        draft: Draft = await run(Draft, path, self.filename or "")
        try:
            async with Batches(draft.write, run) as batches:
                async for piece in pieces:
                    await batches.add(piece)
            saved: Path = await run(draft.publish)
            return saved
        finally:
            draft.close()

    def _unread(self) -> Part:
        self._parts.check(self)
        if self.is_at_end:
            raise RuntimeError(f"The part {self.name!r} has been read already. Keep what it gave the first time.")
        return self


def _shorten(name: str) -> str:
    return name if len(name) <= _SHOWN_CHARACTERS else f"{name[:_SHOWN_CHARACTERS]}..."
