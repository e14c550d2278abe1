"""File names of clients, made safe for a directory of ours, whichever system reads that directory later.

Rejected: ASCII only (most names are not English), and an error for what is unsafe (no user chose the name that their
camera or another system gave).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_MAX_BYTES: Final = 255
_MAX_EXTENSION_BYTES: Final = 32
_MAX_CHARACTERS: Final = 1024  # Normalising takes quadratic time over marks that stand in the wrong order.
_NOTHING_LEFT: Final = "upload"

_SEPARATORS: Final = re.compile(r"[/\\]+")
_REFUSED_BY_WINDOWS: Final = re.compile(r'[<>:"|?*]')
_RESERVED_BY_WINDOWS: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.|\Z)", re.IGNORECASE
)
_UNSEEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Joiners, and the tags of flags: emoji and several scripts are not written without them.
_UNSEEN_BUT_NEEDED: Final = frozenset({"\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))})


def safe_filename(name: str) -> str:
    """Give a name that any directory takes and that leads nowhere else; `upload` when nothing is left of it.

    It is the last segment of `name`, in NFC, at most 255 bytes of UTF-8 with the extension kept. Control characters and
    what turns the direction of writing are left out, as are dots and spaces at the start and at the end; what Windows
    refuses becomes `_`, and its reserved names get one: `_con.txt`. Letters of every script and emoji stay.
    """
    segments = [segment for segment in _SEPARATORS.split(name) if segment.strip(" .")]
    segment = segments[-1] if segments else ""
    if len(segment) > _MAX_CHARACTERS:
        segment = segment[: _MAX_CHARACTERS // 2] + segment[-_MAX_CHARACTERS // 2 :]
    seen = "".join(filter(None, map(_make_safe, unicodedata.normalize("NFC", segment))))
    # Once more, because a mark may now stand behind a letter that it did not belong to.
    fit = _fit(_REFUSED_BY_WINDOWS.sub("_", unicodedata.normalize("NFC", seen)).strip(" ."))
    return (_fit(f"_{fit}") if _RESERVED_BY_WINDOWS.match(fit) else fit) or _NOTHING_LEFT


def tag_filename(name: str, tag: str) -> str:
    """Give another name of the same kind: `photo-1.jpg` for `photo.jpg` and `1`; at most 255 bytes too."""
    stem, extension = _split(name)
    return _fit(stem, f"-{tag}{extension}")


def _make_safe(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Zs":
        return " "
    return "" if category in _UNSEEN_CATEGORIES and char not in _UNSEEN_BUT_NEEDED else char


def _split(name: str) -> tuple[str, str]:
    """Split before the extension; one of more than 32 bytes is none."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension.encode()) > _MAX_EXTENSION_BYTES:
        return name, ""
    return stem, dot + extension


def _fit(name: str, ending: str | None = None) -> str:
    """Cut the name, before its ending, to the bytes that it may have."""
    stem, ending = _split(name) if ending is None else (name, ending)
    room = _MAX_BYTES - len(ending.encode())
    return (stem.encode()[:room].decode(errors="ignore") + ending).strip(" .")
