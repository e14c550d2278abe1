"""Query strings: `application/x-www-form-urlencoded` by the URL Standard (section 5), strict about UTF-8.

The standard replaces what is not UTF-8 with U+FFFD; that is refused here, because a replaced value is a value that the
client never sent. `;` parts nothing: proxies that disagree about it have been used to poison caches. Rejected:
`urllib.parse.parse_qsl` (replaces quietly, drops pairs without a value unless told otherwise, splits before it counts).
"""

from __future__ import annotations

from binascii import a2b_qp
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
        return encode_query(self.multi_items())

    def __str__(self) -> str:
        return self.encode()


def parse_query(raw: bytes, max_pairs: int = 1000) -> QueryParams:
    """Parse a raw query string, without its `?` (URL Standard section 5.1).

    Empty pieces are skipped, but they count towards `max_pairs`. Raises `DecodeError` for more than `max_pairs` and for
    what is not UTF-8.
    """
    if not raw:
        return _EMPTY
    try:
        return QueryParams.from_texts(parse_texts(raw, max_pairs, "The query string", "pairs"))
    except UnicodeDecodeError:
        raise DecodeError("The query string is not valid UTF-8; percent-encode the bytes of UTF-8 text.") from None


def parse_texts(raw: bytes, limit: int, what: str, unit: str, charset: str = "utf-8") -> list[str]:
    """Give the names and values of a query string or of a form in turn, for `Pairs.from_texts`.

    `+` is a space, `%XX` a byte, and a `%` without two hexadecimal digits stays as it is. Empty pieces are skipped, but
    they count. Raises `DecodeError` for more pieces than `limit`, in which `what` has too many of a `unit`,
    `UnicodeError` for bytes that are not in the charset, `LookupError` for what is no charset.

    PERF: where each name has its `=` and all escapes are sound, as browsers write them, all is done in C, in a third of
    the time of pair after pair (benchmarks/in_process.py, row form). Python has no decoder of `%XX` in C, but one of
    quoted-printable (RFC 2045 section 6.7), where an escape is `=XX`. The separators become NUL; if escapes are not
    sound, or give one more NUL, the numbers tell.
    """
    if raw.count(b"&") >= limit:
        raise DecodeError(f"{what} has more than the {limit} {unit} that this service takes.")
    if charset == "utf-8":
        escapes = raw.count(b"%")
        if not escapes:
            text = raw.replace(b"+", b" ").decode()
            return [part for piece in text.split("&") if piece for part in piece.partition("=")[::2]]
        separators = raw.translate(None, _NO_SEPARATORS)
        if separators == (b"=&" * (len(separators) // 2 + 1))[:-1]:
            content = a2b_qp(raw.translate(_QUOTED_PRINTABLE))
            if len(content) == len(raw) - 2 * escapes:
                texts = content.decode().split("\0")
                if len(texts) == len(separators) + 1:
                    return texts
    return [
        decode_text(unquote_to_bytes(part), charset)
        for piece in raw.replace(b"+", b" ").split(b"&")
        if piece
        for part in piece.partition(b"=")[::2]
    ]


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


def _encode_text(value: object) -> str:
    # `quote_plus` leaves `~`, the standard's set encodes it.
    return quote_plus(value if isinstance(value, str | bytes) else str(value), safe="*").replace("~", "%7E")


_EMPTY = QueryParams()
_NO_SEPARATORS = bytes(byte for byte in range(256) if byte not in b"&=")
_QUOTED_PRINTABLE = bytes.maketrans(b"%+&=\r\n", b"= \0\0\0\0")  # with the ends of lines, which it minds
