"""Forms: fields as text and files as `UploadFile`, whichever way they were encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..errors import ContentTooLarge
from ..http.pairs import Pairs
from ..http.query import parse_texts
from ..media.form import fit_fields
from ..media.guard import CODEC_ERRORS, describe_failure
from .batches import Batches
from .spool import Disk, Spool
from .upload import UploadFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ..config import Limits
    from .parts import Part
    from .upload import Run

FILES_IN_MEMORY: Final = 1024 * 1024
"""Bytes of the files of one form that stay in memory; the file that would exceed them goes to the disk."""

TEXT_BYTES: Final = 16 * 1024 * 1024
"""Bytes of the text fields of one multipart form together, where a single one may not have more."""


class FormData(Pairs[str | UploadFile]):
    """The fields of a form: text as `str`, files as `UploadFile`; immutable, in order, names possibly repeated.

    `form["name"]` is the last value of that name and raises `MissingValue`, a 400, when there is none; `get_list` gives
    all values, `multi_items` all pairs. A file input that the user left empty is absent, as is a box without its tick.
    """

    __slots__ = ()

    _what = "form field"


def decode_form(content: bytes, max_fields: int, charset: str) -> FormData:
    """Give the fields of an urlencoded form, which is written as a query string is (URL Standard section 5.1).

    Empty pieces are skipped, but they count towards `max_fields`. Raises `DecodeError` for more than `max_fields`, for
    bytes that are not in the charset, and for an unknown charset.
    """
    try:
        return FormData.from_texts(parse_texts(content, max_fields, "The form", "fields", charset.lower()))
    except CODEC_ERRORS as error:
        raise describe_failure("The form", error) from error


def fit_model(form: FormData, model: Any) -> Any:
    """Give a form as a model. Raises `Problem` (422) for what does not fit."""
    values: dict[str, list[str | UploadFile]] = {}
    for name, value in form.multi_items():
        values.setdefault(name, []).append(value)
    return fit_fields(values, model)


async def read_form(
    parts: AsyncIterator[Part], limits: Limits, run: Run, keep: Callable[[UploadFile], None]
) -> FormData:
    """Read a multipart form; each upload is handed to `keep` before its content comes, to be closed whatever happens.

    Raises `DecodeError` for too many fields and for text that does not decode, `ContentTooLarge` for text beyond
    `Limits.field_size` in one field, or beyond 16 MiB (or that size, if it is more) in all of them, and
    `InsufficientStorage` when the disk is full.
    """
    text_limit = min(limits.body, max(TEXT_BYTES, limits.field_size))
    pairs: list[tuple[str, str | UploadFile]] = []
    files = _Files(run)
    text_size = 0
    async for part in parts:
        if part.filename is None:
            content = await part.read()
            text_size += len(content)
            if text_size > text_limit:
                raise ContentTooLarge(text_limit, "The text of the form")
            pairs.append((part.name, part.decode(content)))
        else:
            upload = await files.read(part, keep)
            # Browsers send an empty file without a name for an input that was left empty (HTML, section 4.10.22.4).
            if upload.filename or upload.size:
                pairs.append((part.name, upload))
    return FormData(pairs)


class _Files:
    """Reads the files of one form, within the memory that they have together."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._disk = Disk()
        self._in_memory = 0

    async def read(self, part: Part, keep: Callable[[UploadFile], None]) -> UploadFile:
        spool = Spool()
        upload = UploadFile(part.head, spool, self._run)
        keep(upload)
        async for piece in part:
            if self._in_memory + spool.size + len(piece) > FILES_IN_MEMORY:
                await self._read_to_disk(part, spool, piece)
                return upload
            spool.write(piece)
        spool.rewind()
        self._in_memory += spool.size
        return upload

    async def _read_to_disk(self, part: Part, spool: Spool, piece: bytes) -> None:
        await self._run(spool.roll_over, self._disk)
        async with Batches(spool.write, self._run) as batches:
            await batches.add(piece)
            async for further in part:
                await batches.add(further)
