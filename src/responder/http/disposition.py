"""Content-Disposition of a response (RFC 6266): whether a body is to be saved, and under which name.

The name goes out twice: as ASCII for old clients, and exactly as RFC 8187 writes it. Rejected: percent-escapes within
`filename=`, which browsers decode in different ways.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

_LONGEST = 255
# Control characters, halves of surrogate pairs, and marks that turn the direction of what follows: a name cannot hide.
_UNSEEN = frozenset({"Cc", "Cs", "Cf"})
_JOINERS = frozenset("\u200c\u200d")  # which emoji and some scripts need
_UNSAFE = re.compile(r'[^ -~]|["\\%/]')
_ATTRIBUTE_SAFE = "!#$&+-.^_`|~"


def format_attachment(filename: str) -> str:
    """Write `attachment` with a file name: its last segment, without control characters (RFC 6266 section 4.3).

    A name beyond plain ASCII is written a second time as `filename*` (RFC 8187 section 3.2). An empty one is left out.
    """
    name = re.split(r"[/\\]", filename)[-1][-_LONGEST:]
    name = "".join(char for char in name if unicodedata.category(char) not in _UNSEEN or char in _JOINERS).strip()
    if not name:
        return "attachment"
    letters = (char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    plain = _UNSAFE.sub("_", "".join(letters))
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE_SAFE)}"
    return f'attachment; filename="{plain}"{exact}'
