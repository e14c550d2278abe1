"""Formats: which codec reads the body of a request and writes `resp.media`, found by media type and by name.

`api.formats` is a mapping from names to `Format`s. JSON, YAML, MessagePack and the two of HTML forms are in it from the
start. Codecs other than JSON are imported when the first body of theirs comes or goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..errors import ConfigurationError, UnsupportedMediaType
from ..http.negotiation import parse_media_type, preferred_media_type
from .guard import decode_guarded, describe_failure
from .json import decode_json, make_json_encoder
from .kind import Kind

if TYPE_CHECKING:
    from ..config import Limits

Encoders: TypeAlias = Mapping[type[Any], Callable[[Any], Any]]
"""`API(encoders={Money: str})`: what makes a plain value of objects that no format knows."""

JSON_ONLY: Final = frozenset({b"*/*", b"application/json", b"application/json, text/plain, */*"})
"""PERF: the usual values of `Accept`, since a look-up costs less than a search (benchmarks/in_process.py, row JSON)."""

_NOT_ACCEPTED: Final = r"q=0(?:\.0*)?(?![.0-9])"


class Format:
    """A format of bodies: `api.formats["csv"] = Format("text/csv", decode=read_csv, encode=write_csv)`.

    - `media_types`: those it reads; the first is the one that it writes.
    - `decode(raw: bytes)`: gives the value; a `ValueError` or its like is a 400. Without it the format is not read.
    - `encode(value)`: gives the bytes. Without it the format is not written.
    - `errors`: what `decode` raises on bad bytes beside `ValueError` and its like, as `csv.Error`.
    - `is_text`: whether a charset in the Content-Type means something: `decode` gets UTF-8 then.

    Raises `ConfigurationError` for what is no media type.
    """

    inline_bytes: int | None = None
    """Up to which size it is decoded and encoded on the event loop, which it would hold up beyond; None for any."""

    def __init__(
        self,
        *media_types: str,
        decode: Callable[[bytes], Any] | None = None,
        encode: Callable[[Any], bytes] | None = None,
        errors: tuple[type[Exception], ...] = (),
        is_text: bool = False,
    ) -> None:
        for media_type in media_types:
            if parse_media_type(media_type) != (media_type, {}):
                raise ConfigurationError(f"{media_type!r} is no media type; write one in lower case, as 'text/csv'.")
        if not media_types:
            raise ConfigurationError("A format needs a media type: Format('text/csv', decode=..., encode=...).")
        self.media_types = media_types
        self.is_text = is_text
        self._decode = decode
        self._errors = errors
        content_type = (b"content-type", media_types[0].encode("ascii"))
        self.kind = None if encode is None else Kind(encode, content_type, self.inline_bytes)
        """How a body of this format is sent, if it can be."""

    def __repr__(self) -> str:
        return f"Format({', '.join(map(repr, self.media_types))})"

    def read(self, raw: bytes, model: Any, limits: Limits) -> Any:  # noqa: ARG002 - those of the built-in formats use it
        """Give the value of the bytes, as `model` unless that is `Any`.

        Raises `DecodeError` (400), `Problem` (422) for a value that does not fit, `UnsupportedMediaType` (415).
        """
        if self._decode is None:
            raise UnsupportedMediaType(f"A body of type {self.media_types[0]} is not read here.")
        what = f"The {self.media_types[0]} body"
        try:
            value = decode_guarded(what, self._decode, raw)
        except self._errors as error:
            raise describe_failure(what, error) from error
        if model is Any:
            return value
        from .values import convert  # noqa: PLC0415 - few read a format of their own into a model

        return convert(value, model)


class _JSON(Format):
    def read(self, raw: bytes, model: Any, limits: Limits) -> Any:
        return decode_json(raw, model, depth=limits.depth)


class _YAML(Format):
    inline_bytes = 16 * 1024  # 10 ms

    def read(self, raw: bytes, model: Any, limits: Limits) -> Any:
        from .yaml import decode_yaml  # noqa: PLC0415 - PyYAML loads when it is used

        return decode_yaml(raw, model, depth=limits.depth, limit=limits.yaml)


class _MessagePack(Format):
    def read(self, raw: bytes, model: Any, limits: Limits) -> Any:
        from .msgpack import decode_msgpack  # noqa: PLC0415 - few services use it

        return decode_msgpack(raw, model, depth=limits.depth)


FORM: Final = Format("application/x-www-form-urlencoded")
"""Fields of an HTML form. The request reads it, since its values may be uploads in the other one."""

MULTIPART: Final = Format("multipart/form-data")
"""Fields and files of an HTML form (RFC 7578)."""


class Formats(MutableMapping[str, Format]):
    """The formats of one API by name, and the choice among them."""

    json: Kind
    """How `resp.media` is sent to whoever asks for nothing else."""

    def __init__(self, encoders: Encoders) -> None:
        encode = make_json_encoder(encoders)
        self.json = Kind(encode, (b"content-type", b"application/json"))
        self.problem = Kind(encode, (b"content-type", b"application/problem+json"))
        self._formats: dict[str, Format] = {
            "json": _JSON("application/json", encode=encode, is_text=True),
            "yaml": _YAML(
                "application/yaml", "application/x-yaml", "text/yaml", encode=_yaml_encoder(encoders), is_text=True
            ),
            "msgpack": _MessagePack(
                "application/msgpack",
                "application/x-msgpack",
                "application/vnd.msgpack",
                encode=_msgpack_encoder(encoders),
            ),
            "form": FORM,
            "multipart": MULTIPART,
        }
        self._index()

    def _index(self) -> None:
        """Prepare the look-ups. Where two formats share a media type, the one that came first has it."""
        forms = self._formats
        self.by_media_type = {name: form for form in reversed(forms.values()) for name in form.media_types}
        self.by_content_type = {name.encode("ascii"): form for name, form in self.by_media_type.items()}
        self._tokens = {name: form.media_types[0] for name, form in forms.items() if form.kind is not None}
        self._offers = {
            media_type: form.kind
            for form in (forms["json"], *forms.values())
            if form.kind is not None
            for media_type in form.media_types
        }
        others = {re.escape(media_type.partition("/")[2]) for media_type in self._offers} - {"json"}
        names = {re.escape(name) for name in self._tokens} - {"json"}
        matters = "|".join([*others, *names, r"text/\*", _NOT_ACCEPTED])
        self._matters = re.compile(matters.encode(), re.IGNORECASE)

    def find(self, media_type: str) -> Format | None:
        """Give the format that reads this media type; `application/problem+json` is read as JSON."""
        form = self.by_media_type.get(media_type)
        if form is None and "+" in media_type:
            return self.by_media_type.get(f"application/{media_type.rpartition('+')[2]}")
        return form

    def choose(self, accept: bytes | None) -> Kind:
        """Give how `resp.media` is sent: as what the client likes best (RFC 9110 section 12.5.1), else as JSON.

        A format's bare name is understood too: `Accept: yaml`.
        """
        if accept is None or accept in JSON_ONLY or not self._matters.search(accept):
            return self.json
        best = preferred_media_type(accept.decode("latin-1"), list(self._offers), self._tokens)
        return self.json if best is None else self._offers[best]

    def kind_of(self, content_type: str) -> Kind:
        """Give how `resp.media` is sent where the view has set the Content-Type: in its format, else as JSON."""
        form = self.find(parse_media_type(content_type)[0])
        return self.json if form is None or form.kind is None else form.kind

    def __getitem__(self, name: str) -> Format:
        return self._formats[name]

    def __setitem__(self, name: str, form: Format) -> None:
        if not isinstance(form, Format):
            raise ConfigurationError(f"api.formats[{name!r}] is a Format, not {form!r}.")
        if name == "json" and form.kind is None:
            raise ConfigurationError("The format 'json' needs `encode`: what fits no `Accept` is sent in it.")
        self._formats[name] = form
        self.json = self._formats["json"].kind or self.json
        self._index()

    def __delitem__(self, name: str) -> None:
        if name == "json":
            raise ConfigurationError("The format 'json' stays, since what fits no `Accept` is sent in it. Replace it.")
        del self._formats[name]
        self._index()

    def __iter__(self) -> Iterator[str]:
        return iter(self._formats)

    def __len__(self) -> int:
        return len(self._formats)


def _yaml_encoder(encoders: Encoders) -> Callable[[Any], bytes]:
    def make() -> Callable[[Any], bytes]:
        from .yaml import make_yaml_encoder  # noqa: PLC0415 - PyYAML loads when it is used

        return make_yaml_encoder(encoders)

    return _made_later(make)


def _msgpack_encoder(encoders: Encoders) -> Callable[[Any], bytes]:
    def make() -> Callable[[Any], bytes]:
        from .msgpack import make_msgpack_encoder  # noqa: PLC0415 - few services use it

        return make_msgpack_encoder(encoders)

    return _made_later(make)


def _made_later(make: Callable[[], Callable[[Any], bytes]]) -> Callable[[Any], bytes]:
    """Give an encoder that is made, and its codec imported, for the first value."""
    made = cache(make)

    def encode(value: Any) -> bytes:
        return made()(value)

    return encode
