"""Pieces of bytes, as they arrive, kept until all of them are wanted.

To join a list of them copies each byte once. A `bytearray` or a `BytesIO` that grows copies it up to eight times, which
takes twice as long for 8 MB (benchmarks/in_process.py, row upload 8 MB); but a list of single bytes takes fifty times
their memory, so that small pieces are put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    Pieces: TypeAlias = list[bytes | bytearray]

SMALL: Final = 16 * 1024
"""Bytes below which a piece is put to the one before it, up to four times as many."""


def keep(pieces: Pieces, piece: bytes) -> None:
    """Put a piece behind the others."""
    if len(piece) >= SMALL:
        pieces.append(piece)
    elif pieces and isinstance(last := pieces[-1], bytearray) and len(last) < 4 * SMALL:
        last += piece
    else:
        pieces.append(bytearray(piece))
