"""Query strings: `application/x-www-form-urlencoded` by the URL Standard (section 5), strict about UTF-8.

The standard replaces what is not UTF-8 with U+FFFD; that is refused here, because a replaced value is a value that the
client never sent. `;` parts nothing: proxies that disagree about it have been used to poison caches. Rejected:
`urllib.parse.parse_qsl` (replaces quietly, drops pairs without a value unless told otherwise, splits before it counts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload
from urllib.parse import quote_plus, unquote_to_bytes

from ..errors import DecodeError, MissingValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


class QueryParams(Mapping[str, str]):
    """The pairs of a query string: immutable, in order, names possibly repeated.

    `params["q"]` is the last value of that name and raises `MissingValue`, a 400, when there is none; `get_list` gives
    all values, `multi_items` all pairs. Iteration gives each name once, in the order of first appearance. Two of them
    are equal when each name has the same values in the same order; against another mapping the last values count.
    """

    __slots__ = ("_last", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs: list[tuple[str, str]] = pairs if isinstance(pairs, list) else list(pairs)
        self._last = dict(self._pairs)

    def __getitem__(self, name: str) -> str:
        try:
            return self._last[name]
        except KeyError:
            raise MissingValue("query parameter", name) from None

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str) -> str: ...
    @overload
    def get(self, name: str, /, default: T) -> str | T: ...
    def get(self, name: str, /, default: Any = None) -> Any:
        """Give the last value of the name, or the default."""
        return self._last.get(name, default)

    def get_list(self, name: str) -> list[str]:
        """Give every value of the name in order; an empty list when there is none."""
        return [value for key, value in self._pairs if key == name]

    def multi_items(self) -> list[tuple[str, str]]:
        """Give every pair in order, repeated names included."""
        return list(self._pairs)

    def encode(self) -> str:
        """Give the query string of these pairs, without `?`."""
        return encode_query(self._pairs)

    def __contains__(self, name: object) -> bool:
        return name in self._last

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, QueryParams):
            return _grouped(self._pairs) == _grouped(other._pairs)
        if not isinstance(other, Mapping):
            return NotImplemented
        return self._last == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.encode()

    def __repr__(self) -> str:
        return f"QueryParams({list(self._pairs)!r})"


def parse_query(raw: bytes, max_pairs: int = 1000) -> QueryParams:
    """Parse a raw query string, without its `?` (URL Standard section 5.1).

    `+` is a space, `%XX` a byte, and a `%` without two hexadecimal digits stays as it is. Empty pieces are skipped, but
    they count towards `max_pairs`. Raises `DecodeError` for more than `max_pairs` and for what is not UTF-8.
    """
    if not raw:
        return _EMPTY
    if raw.count(b"&") >= max_pairs:
        raise DecodeError(f"The query string has more than the {max_pairs} pairs that this service takes.")
    try:
        if b"%" in raw or b"+" in raw:
            pairs = _decode_pairs(raw)
        else:
            pairs = [piece.partition("=")[::2] for piece in raw.decode("utf-8").split("&") if piece]
    except UnicodeDecodeError:
        raise DecodeError("The query string is not valid UTF-8; percent-encode the bytes of UTF-8 text.") from None
    return QueryParams(pairs)


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


def _decode_pairs(raw: bytes) -> list[tuple[str, str]]:
    pairs = []
    for piece in raw.replace(b"+", b" ").split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            pairs.append((unquote_to_bytes(name).decode("utf-8"), unquote_to_bytes(value).decode("utf-8")))
    return pairs


def _encode_text(value: object) -> str:
    # `quote_plus` leaves `~`, the standard's set encodes it.
    return quote_plus(value if isinstance(value, str | bytes) else str(value), safe="*").replace("~", "%7E")


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


_EMPTY = QueryParams()
