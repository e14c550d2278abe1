"""Header fields: those a client sent, and those a response will carry (RFC 9110 section 5).

`Headers` is built for every request and often never read, so it keeps the server's list and indexes it at the first
look-up. `ResponseHeaders` keeps the very list that goes to the server, so that nothing is converted when the response
is emitted. Rejected: one class for both (a request's headers never change, a response's are checked as they are set),
and a dictionary inside `ResponseHeaders` (the lists are short, and a response is written more often than it is read).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ..errors import InvalidHeader, MissingValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..types import RawHeader

T = TypeVar("T")

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SECRET_NAMES = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})

_NAMES_KEPT = 512
_NAME_LENGTH_KEPT = 64
# A name may be made from what a client sent, hence both bounds above.
_encoded_names: dict[str, bytes] = {}


def is_token(text: str) -> bool:
    """Say whether the text is a token (RFC 9110 section 5.6.2), as names of fields and methods must be."""
    return _TOKEN.fullmatch(text) is not None


def has_control_characters(text: str) -> bool:
    """Say whether the text has a C0 or C1 control character or DEL in it; HTAB counts.

    C1 counts because clients that read Latin-1 with `str.splitlines` take U+0085 for the end of a line.
    """
    return _CONTROL.search(text) is not None


class Headers(Mapping[str, str]):
    """The header fields of a request: immutable, case-insensitive, in the order in which they came.

    `headers["accept"]` joins repeated fields with ", " (RFC 9110 section 5.3) and `cookie` with "; " (RFC 9113 section
    8.2.3); `get_list` gives one string a field line. Iteration gives each name once, in lower case. Values are Latin-1
    text, as HTTP carries them. A missing name raises `MissingValue`, a `KeyError` that becomes a 400.
    """

    _index: dict[str, list[str]] | None = None

    def __init__(self, raw: Iterable[RawHeader] = ()) -> None:
        self._raw = raw

    @property
    def raw(self) -> list[RawHeader] | tuple[RawHeader, ...]:
        """The pairs of name and value, both bytes, as the server handed them over. Not to be changed."""
        if not isinstance(self._raw, list | tuple):
            self._raw = tuple(self._raw)
        return self._raw

    def _build(self) -> dict[str, list[str]]:
        index: dict[str, list[str]] = {}
        for name, value in self.raw:
            index.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        self._index = index
        return index

    def __getitem__(self, name: str) -> str:
        index = self._index
        if index is None:
            index = self._build()
        key = name.lower()
        if key not in index:
            raise MissingValue("header", name)
        return _join(key, index[key])

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str) -> str: ...
    @overload
    def get(self, name: str, /, default: T) -> str | T: ...
    def get(self, name: str, /, default: Any = None) -> Any:
        """Give the value of the name as `headers[name]` does, or the default."""
        index = self._index
        if index is None:
            index = self._build()
        key = name.lower()
        fields = index.get(key)
        return default if fields is None else _join(key, fields)

    def get_list(self, name: str) -> list[str]:
        """Give one string for each field line of that name; an empty list when there is none."""
        index = self._index
        if index is None:
            index = self._build()
        return index.get(name.lower(), [])[:]

    def __contains__(self, name: object) -> bool:
        index = self._index
        if index is None:
            index = self._build()
        return isinstance(name, str) and name.lower() in index

    def __iter__(self) -> Iterator[str]:
        return iter(self._build() if self._index is None else self._index)

    def __len__(self) -> int:
        return len(self._build() if self._index is None else self._index)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return _lower_keys(self) == _lower_keys(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return _describe(self)


class ResponseHeaders(MutableMapping[str, str]):
    """The header fields of a response: case-insensitive, in the order in which they were set.

    `headers[name] = value` replaces every field of that name, `add` appends one more. A value is a `str` or an `int`;
    spaces and tabs around it are dropped. `InvalidHeader` is raised where a name is no token (RFC 9110 section 5.1) or
    a value cannot travel (section 5.5).

    `headers[name]` joins repeated fields with ", ", except `set-cookie`, which cannot be joined (section 5.3): it gives
    the last one, and `get_list` gives all. For the same reason `update` with the headers of another response takes the
    last cookie alone.

    `raw` is the live list of pairs, names in lower case, that goes to the server.
    """

    __slots__ = ("raw",)

    def __init__(self) -> None:
        self.raw: list[RawHeader] = []

    def __setitem__(self, name: str, value: str | int) -> None:
        key = _encoded_names.get(name) or _encode_name(name)
        field = (key, _encode_value(name, value))
        if self.raw:
            self._remove(key)
        self.raw.append(field)

    def add(self, name: str, value: str | int) -> None:
        """Append one more field, beside those of the same name. Raises `InvalidHeader`."""
        self.raw.append((_encoded_names.get(name) or _encode_name(name), _encode_value(name, value)))

    def __getitem__(self, name: str) -> str:
        fields = self.get_list(name)
        if not fields:
            raise KeyError(name)
        key = name.lower()
        return fields[-1] if key == "set-cookie" else _join(key, fields)

    def get_list(self, name: str) -> list[str]:
        """Give one string for each field of that name; an empty list when there is none."""
        key = _key(name)
        return [value.decode("latin-1") for existing, value in self.raw if existing == key]

    def __delitem__(self, name: str) -> None:
        if not self._remove(_key(name)):
            raise KeyError(name)

    def _remove(self, key: bytes) -> bool:
        raw = self.raw
        for existing, _ in raw:
            if existing == key:
                raw[:] = [field for field in raw if field[0] != key]
                return True
        return False

    def setdefault(self, name: str, default: str | int) -> str:
        """Set the header unless it is there, and give its value. Raises `InvalidHeader`."""
        if name not in self:
            self[name] = default
        return self[name]

    def clear(self) -> None:
        """Remove every field."""
        self.raw.clear()

    def copy(self) -> ResponseHeaders:
        """Give headers of their own with the same fields."""
        twin = ResponseHeaders()
        twin.raw[:] = self.raw
        return twin

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        key = _key(name)
        return any(existing == key for existing, _ in self.raw)

    def __iter__(self) -> Iterator[str]:
        return iter({name.decode("latin-1"): None for name, _ in self.raw})

    def __len__(self) -> int:
        return len({name for name, _ in self.raw})

    def __bool__(self) -> bool:
        return bool(self.raw)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ResponseHeaders):
            return {name: self.get_list(name) for name in self} == {name: other.get_list(name) for name in other}
        if not isinstance(other, Mapping):
            return NotImplemented
        return _lower_keys(self) == _lower_keys(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return _describe(self)


def _join(key: str, fields: list[str]) -> str:
    if len(fields) == 1:
        return fields[0]
    return ("; " if key == "cookie" else ", ").join(fields)


def _lower_keys(headers: Mapping[Any, Any]) -> dict[Any, Any]:
    return {name.lower() if isinstance(name, str) else name: value for name, value in headers.items()}


def _describe(headers: Headers | ResponseHeaders) -> str:
    shown = []
    for name_bytes, value in headers.raw:
        name = name_bytes.decode("latin-1").lower()
        shown.append((name, "[hidden]" if name in _SECRET_NAMES else value.decode("latin-1")))
    return f"{type(headers).__name__}({shown!r})"


def _key(name: str) -> bytes:
    # Encoded before it is lowered, so that no other letter (U+212A, say) folds into an ASCII one.
    return _encoded_names.get(name) or name.encode("ascii", "replace").lower()


def _encode_name(name: str) -> bytes:
    if not is_token(name):
        raise InvalidHeader(
            f"{name!r} is no header name; use letters, digits and !#$%&'*+-.^_`|~ only, as in 'X-Request-Id'."
        )
    encoded = name.encode("ascii").lower()
    if len(_encoded_names) < _NAMES_KEPT and len(name) <= _NAME_LENGTH_KEPT:
        _encoded_names[name] = encoded
    return encoded


def _encode_value(name: str, value: object) -> bytes:
    if not isinstance(value, str):
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidHeader(
                f"Header {name!r} was given {value!r}, a {type(value).__name__}; give a str or an int instead."
            )
        return b"%d" % value
    text = value.strip(" \t")
    if text.isascii() and text.isprintable():
        return text.encode("ascii")
    if has_control_characters(text.replace("\t", " ")):
        raise InvalidHeader(
            f"Header {name!r} has a control character in its value {value!r}; remove it, "
            "or set one header for each line with `add`."
        )
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise InvalidHeader(
            f"Header {name!r} has {text[error.start]!r} in its value, which is beyond Latin-1; "
            "percent-encode it, or use the form name*=UTF-8''... of RFC 8187."
        ) from None
