"""Query strings: `application/x-www-form-urlencoded` by the URL Standard (section 5), strict about UTF-8.

The standard replaces what is not UTF-8 with U+FFFD; that is refused here, because a replaced value is a value that the
client never sent. `;` parts nothing: proxies that disagree about it have been used to poison caches. Rejected:
`urllib.parse.parse_qsl` (replaces quietly, drops pairs without a value unless told otherwise, splits before it counts).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, unquote_to_bytes

from ..errors import DecodeError
from .charsets import decode_text
from .pairs import Pairs

if TYPE_CHECKING:
    from collections.abc import Iterable


class QueryParams(Pairs[str]):
    """The pairs of a query string: immutable, in order, names possibly repeated.

    `params["q"]` is the last value of that name and raises `MissingValue`, a 400, when there is none; `get_list` gives
    all values, `multi_items` all pairs, `encode` the query string.
    """

    __slots__ = ()

    _what = "query parameter"

    def encode(self) -> str:
        """Give the query string of these pairs, without `?`."""
        return encode_query(self._pairs)

    def __str__(self) -> str:
        return self.encode()


def parse_query(raw: bytes, max_pairs: int = 1000) -> QueryParams:
    """Parse a raw query string, without its `?` (URL Standard section 5.1).

    Empty pieces are skipped, but they count towards `max_pairs`. Raises `DecodeError` for more than `max_pairs` and for
    what is not UTF-8.
    """
    if not raw:
        return _EMPTY
    if raw.count(b"&") >= max_pairs:
        raise DecodeError(f"The query string has more than the {max_pairs} pairs that this service takes.")
    try:
        return QueryParams(parse_pairs(raw))
    except UnicodeDecodeError:
        raise DecodeError("The query string is not valid UTF-8; percent-encode the bytes of UTF-8 text.") from None


def parse_pairs(raw: bytes, charset: str = "utf-8") -> list[tuple[str, str]]:
    """Give the pairs of a query string or of a form in order, whatever their number.

    `+` is a space, `%XX` a byte, and a `%` without two hexadecimal digits stays as it is. Empty pieces are skipped.
    Raises `UnicodeError` for bytes that are not in the charset, `LookupError` for what is no charset.
    """
    if charset != "utf-8":
        return [
            (decode_text(unquote_to_bytes(name), charset), decode_text(unquote_to_bytes(value), charset))
            for piece in raw.replace(b"+", b" ").split(b"&")
            if piece
            for name, _, value in (piece.partition(b"="),)
        ]
    raw = raw.replace(b"+", b" ")
    if b"%" not in raw:
        return _split_pairs(raw.decode(), "&", "=")
    text = unquote_to_bytes(raw).decode()
    if not _ESCAPED_SEPARATOR.search(raw):
        return _split_pairs(text, "&", "=")
    # PERF: all pairs at once take a third of the time of one after the other (benchmarks/in_process.py, row form). What
    # parts them is marked with bytes that UTF-8 never has, and that become lone surrogates.
    text = unquote_to_bytes(raw.translate(_MARKS)).decode(errors="surrogateescape")
    return [(name, value.replace(_IS, "=")) for name, value in _split_pairs(text, _AND, _IS)]


def encode_query(pairs: Mapping[str, object] | Iterable[tuple[str, object]]) -> str:
    """Give the query string of the pairs, without `?` (URL Standard section 5.2).

    A list or a tuple as value gives one pair for each of its members; `None` gives no pair, as in Requests; anything
    else than `str` and `bytes` goes through `str`. Raises `UnicodeEncodeError`, a `ValueError`, for lone surrogates.
    """
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return "&".join(
        f"{_encode_text(name)}={_encode_text(member)}"
        for name, value in items
        for member in (value if isinstance(value, list | tuple) else (value,))
        if member is not None
    )


def _split_pairs(text: str, and_: str, is_: str) -> list[tuple[str, str]]:
    # PERF: a tuple of one in the comprehension saves a tenth over slicing (benchmarks/in_process.py, row path + query).
    return [(name, value) for piece in text.split(and_) if piece for name, _, value in (piece.partition(is_),)]


def _encode_text(value: object) -> str:
    # `quote_plus` leaves `~`, the standard's set encodes it.
    return quote_plus(value if isinstance(value, str | bytes) else str(value), safe="*").replace("~", "%7E")


_EMPTY = QueryParams()
_ESCAPED_SEPARATOR = re.compile(rb"%(?:26|3[Dd])")
_MARKS = bytes.maketrans(b"&=", b"\xff\xfe")
_AND, _IS = "\udcff", "\udcfe"
