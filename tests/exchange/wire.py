"""Multipart bodies for tests, and their way through the wire."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

HEAD = b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n'
END = b"--b--\r\n"
KILO, MEGA = 1024, 1024 * 1024


def body(*parts: tuple[str, bytes] | tuple[str, bytes, str]) -> bytes:
    """Give a body with the boundary `b`: of each part the name, the content and, of a file, its name."""
    raw = b""
    for name, content, *filename in parts:
        file = f'; filename="{filename[0]}"' if filename else ""
        raw += HEAD % (name.encode(), file.encode()) + content + b"\r\n"
    return raw + END


async def arrive(raw: Iterable[bytes] | bytes, size: int = 64 * KILO) -> AsyncGenerator[bytes]:
    """Give a body in pieces of this size, or the pieces as they are."""
    pieces = [raw[start : start + size] for start in range(0, len(raw), size)] if isinstance(raw, bytes) else raw
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece
