"""Text in the charset that a client names.

Python knows more encodings than there are charsets, and some of them are harmful with bytes of a stranger. Rejected:
`bytes.decode` as it is (quadratic time in `punycode`, a name kept in memory for each that was ever asked for).
"""

from __future__ import annotations

import codecs
from encodings.aliases import aliases
from typing import Final

# Python's own inventions: they take quadratic time, or give text that no charset can encode again.
_NO_CHARSETS: Final = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})
# Python keeps every name that it is asked for, so it is asked for those alone that name an encoding.
_CHARSETS: Final = frozenset({*aliases, *aliases.values(), "koi8_t", "koi8_u", "utf_8_sig"})


def decode_text(raw: bytes, charset: str) -> str:
    """Decode the bytes. Raises `LookupError` for what is no charset, `UnicodeError` for bytes that are not in it."""
    name = charset.lower().replace("-", "_")
    if name not in _CHARSETS or codecs.lookup(name).name in _NO_CHARSETS:
        raise LookupError(f"unknown encoding: {charset}")
    return raw.decode(name)
