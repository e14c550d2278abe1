"""YAML through PyYAML and libyaml. What is read must have a form in JSON too, so that it can be answered in any format.

libyaml scans and parses; PyYAML's own functions say what a scalar is. Values are built from libyaml's events as these
come, so that depth, aliases, merge keys (`<<`) and numbers are within their bounds before anything is made of them:
an alias is one object in memory, and as many as refer to it in any answer. Rejected: `CSafeLoader.get_single_data`,
which builds a tree of nodes first, takes twice the time and twenty times the memory, and copies what `<<` refers to
however much that is; to refuse aliases, which people use in configuration; PyYAML's parser in Python, ten times slower.
"""

from __future__ import annotations

import math
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import msgspec
import yaml

from ..errors import ConfigurationError, ContentTooLarge, DecodeError
from .guard import CODEC_ERRORS, describe_failure, find_place
from .values import check_key, convert, make_encode_other

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

if not yaml.__with_libyaml__:
    raise ConfigurationError("PyYAML was built without libyaml, and is ten times slower so. Install its wheel instead.")

_WHAT: Final = "The YAML body"
_SPARE: Final = 1000
"""How many values aliases may add to as many as the body has bytes."""

_LONGEST_NUMBER: Final = 5000
"""Characters of a number, which has 4300 digits at most (`sys.set_int_max_str_digits`)."""

_MOST_COLONS: Final = 10
"""Of a number to the base of 60, `1:30:00`; to compute a long one takes time that grows with the square of it."""

_MOST_DIRECTIVES: Final = 100
"""`%TAG` in one document; libyaml compares each with all before it."""

_LONG_NUMBER: Final = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|[0-9_:.]+(?:[eE][-+]?[0-9]+)?)")

_PREFIX: Final = "tag:yaml.org,2002:"
_TEXT: Final = _PREFIX + "str"
_MERGE_TAG: Final = _PREFIX + "merge"
_CONSTRUCT: Final[dict[str, Callable[[Any, yaml.ScalarNode], Any]]] = {
    _PREFIX + "null": yaml.CSafeLoader.construct_yaml_null,
    _PREFIX + "bool": yaml.CSafeLoader.construct_yaml_bool,
    _PREFIX + "int": yaml.CSafeLoader.construct_yaml_int,
    _PREFIX + "float": yaml.CSafeLoader.construct_yaml_float,
    _PREFIX + "timestamp": yaml.CSafeLoader.construct_yaml_timestamp,
    _PREFIX + "binary": yaml.CSafeLoader.construct_yaml_binary,
    _PREFIX + "value": yaml.CSafeLoader.construct_scalar,
    _MERGE_TAG: yaml.CSafeLoader.construct_scalar,
}
_SEQUENCE_TAGS: Final = {None, "!", _PREFIX + "seq", _PREFIX + "omap", _PREFIX + "pairs"}
_MAPPING_TAGS: Final = {None, "!", _PREFIX + "map", _PREFIX + "set"}


# Reading


def decode_yaml(raw: bytes, model: Any = Any, *, depth: int = 100, limit: int = 1024 * 1024) -> Any:
    """Give the value of one YAML document, as `model` when one is given; an empty one is `None`.

    Raises `ContentTooLarge` (413) beyond `limit` bytes, `DecodeError` (400) with line and column for what is
    malformed, has unsafe tags, unfolds too far, is deeper than `depth`, or has no form in JSON, `Problem` (422) for
    what does not fit the model, and `ConfigurationError` for a model that cannot be filled.
    """
    if len(raw) > limit:
        raise ContentTooLarge(limit, "A YAML body")
    try:
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            raw = raw.decode("utf-16").encode()
        value = _load(raw, depth)
    except yaml.YAMLError as error:
        raise _locate(error, raw) from error
    except CODEC_ERRORS as error:
        raise describe_failure(_WHAT, error) from error
    return value if model is Any else convert(value, model)


def _load(raw: bytes, depth: int) -> Any:
    if raw.count(b"%TAG") > _MOST_DIRECTIVES:
        raise ValueError(f"it has more than {_MOST_DIRECTIVES} tag directives")
    loader = yaml.CSafeLoader(raw)
    try:
        return _Reader(loader, depth, len(raw) + _SPARE).read()
    finally:
        loader.dispose()


def _locate(error: yaml.YAMLError, raw: bytes) -> DecodeError:
    if isinstance(error, yaml.reader.ReaderError):
        reason = error.reason
        line, column = find_place(raw, error.position)
    else:
        failure: Any = error  # a MarkedYAMLError, the one other kind that libyaml raises
        mark = failure.problem_mark or failure.context_mark
        reason = ", ".join(part for part in (failure.context, failure.problem) if part)
        line, column = mark.line + 1, mark.column + 1
    return DecodeError(f"{_WHAT} cannot be decoded: {reason}.", line=line, column=column)


class _Anchored:
    """What an anchor names: the value, how many values it unfolds to, how deep it is."""

    __slots__ = ("height", "value", "weight")

    def __init__(self, value: Any, weight: int, height: int) -> None:
        self.value = value
        self.weight = weight
        self.height = height


class _List:
    """A sequence that has begun and not ended."""

    __slots__ = ("anchor", "before", "height", "tag", "value")
    takes_key = False

    def __init__(self, event: Any, before: int) -> None:
        self.anchor = event.anchor
        self.tag = event.tag
        self.before = before
        self.height = 1
        self.value: list[Any] = []

    def add(self, value: Any) -> None:
        self.value.append(value)

    def finish(self) -> Any:
        if self.tag in {_PREFIX + "omap", _PREFIX + "pairs"}:
            if not all(type(one) is dict and len(one) == 1 for one in self.value):
                raise ValueError("an ordered mapping is a sequence of mappings with one key each")
            return [pair for one in self.value for pair in one.items()]
        return self.value


class _Dict:
    """A mapping that has begun and not ended."""

    __slots__ = ("_key", "_merged", "anchor", "before", "height", "tag", "takes_key", "value")

    def __init__(self, event: Any, before: int) -> None:
        self.anchor = event.anchor
        self.tag = event.tag
        self.before = before
        self.height = 1
        self.value: dict[Any, Any] = {}
        self.takes_key = True
        self._merged: list[dict[Any, Any]] = []

    def add(self, value: Any) -> None:
        if self.takes_key:
            if type(value) is not str and value is not _MERGE:
                check_key(value)
                if type(value) is int and value.bit_length() > 64:  # larger ones can be chosen to have one hash
                    raise ValueError("a key is a number of more than 64 bits")
            self._key = value
        elif self._key is _MERGE:
            self._merge(value)
        else:
            self.value[self._key] = value
        self.takes_key = not self.takes_key

    def _merge(self, value: Any) -> None:
        """Keep the mappings that `<<` names; of several, what the first says counts."""
        mappings = value[::-1] if type(value) is list else [value]
        if not all(type(one) is dict for one in mappings):
            raise ValueError("'<<' takes a mapping, or a list of mappings")
        self._merged += mappings

    @property
    def merged_size(self) -> int:
        return sum(map(len, self._merged))

    def finish(self) -> Any:
        if self._merged:
            own = self.value
            self.value = {}
            for one in (*self._merged, own):
                self.value.update(one)
        return set(self.value) if self.tag == _PREFIX + "set" else self.value


class _Reader:
    """Builds the value of one document from the events of libyaml, without recursion.

    `spare` is how many values may come from aliases, as often as these are used, and from merging. Of text, eight
    characters count as one.
    """

    def __init__(self, loader: Any, depth: int, spare: int) -> None:
        self._loader = loader
        self._depth = depth
        self._spare = spare
        self._weight = 0
        self._open: list[_List | _Dict] = []
        self._anchors: dict[str, _Anchored | None] = {}  # None while what has the anchor is open

    def read(self) -> Any:
        """Give the value. Raises `yaml.YAMLError`, and `CODEC_ERRORS` for what has no place in the document."""
        self._loader.get_event()
        if type(self._loader.get_event()) is yaml.StreamEndEvent:
            return None
        value = self._read_node()
        self._loader.get_event()
        event = self._loader.get_event()
        if type(event) is not yaml.StreamEndEvent:
            raise _refusal(event, "it has several documents")
        return value

    def _read_node(self) -> Any:
        get_event = self._loader.get_event
        is_open = self._open
        while True:
            event: Any = get_event()
            kind = type(event)
            try:
                if kind is yaml.ScalarEvent:
                    value, height = self._read_scalar(event), 0
                elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                    self._begin(event)
                    continue
                elif kind is yaml.AliasEvent:
                    value, height = self._read_alias(event.anchor)
                else:
                    value, height = self._end()
                if not is_open:
                    return value
                parent = is_open[-1]
                parent.add(value)
            except ValueError as error:
                raise _refusal(event, str(error)) from error
            if parent.height <= height:
                parent.height = height + 1

    def _begin(self, event: Any) -> None:
        if len(self._open) == self._depth:
            raise ValueError(f"it is nested deeper than {self._depth} levels")
        is_list = type(event) is yaml.SequenceStartEvent
        if event.tag not in (_SEQUENCE_TAGS if is_list else _MAPPING_TAGS):
            raise ValueError(f"the tag {event.tag!r:.60} is not read here")
        self._open.append(_List(event, self._weight) if is_list else _Dict(event, self._weight))
        self._weight += 1
        if event.anchor:
            self._name(event.anchor, None)

    def _end(self) -> tuple[Any, int]:
        one = self._open.pop()
        if type(one) is _Dict:
            self._spend(one.merged_size)
        value = one.finish()
        if one.anchor:
            self._anchors[one.anchor] = _Anchored(value, self._weight - one.before, one.height)
        return value, one.height

    def _spend(self, weight: int) -> None:
        self._spare -= weight
        self._weight += weight
        if self._spare < 0:
            raise ValueError("its aliases unfold beyond its size")

    def _read_alias(self, name: str) -> tuple[Any, int]:
        if name not in self._anchors:
            raise ValueError(f"the alias {name!r:.60} refers to nothing before it")
        anchored = self._anchors[name]
        if anchored is None:
            raise ValueError(f"the alias {name!r:.60} refers to what it is part of")
        self._spend(anchored.weight)
        if len(self._open) + anchored.height > self._depth:
            raise ValueError(f"it is nested deeper than {self._depth} levels")
        return anchored.value, anchored.height

    def _read_scalar(self, event: Any) -> Any:
        text = event.value
        weight = 1 + len(text) // 8
        self._weight += weight
        is_text = event.implicit[1]  # in quotes, or a block
        value = text if is_text else self._resolve(event, text)
        if event.anchor:
            self._name(event.anchor, _Anchored(text if value is _MERGE else value, weight, 0))
        return value

    def _name(self, anchor: str, anchored: _Anchored | None) -> None:
        if anchor in self._anchors:
            raise ValueError(f"the anchor {anchor!r:.60} is there twice")
        self._anchors[anchor] = anchored

    def _resolve(self, event: Any, text: str) -> Any:
        """Give what a plain or a tagged scalar means."""
        tag = event.tag
        if tag is None or tag == "!":
            if len(text) > _LONGEST_NUMBER:  # PyYAML's patterns take 70 bytes of memory for some characters
                if _LONG_NUMBER.fullmatch(text):
                    raise ValueError("a number is too long")
                return text
            tag = self._loader.resolve(yaml.ScalarNode, text, event.implicit)
        if tag == _TEXT:
            return text
        if tag == _MERGE_TAG and self._open and self._open[-1].takes_key:
            return _MERGE
        return self._construct(event, tag, text)

    def _construct(self, event: Any, tag: str, text: str) -> Any:
        construct = _CONSTRUCT.get(tag)
        if construct is None:
            raise ValueError(f"the tag {tag!r:.60} is not read here")
        name = tag.removeprefix(_PREFIX)
        if (len(text) > _LONGEST_NUMBER and name != "binary") or text.count(":") > _MOST_COLONS:
            raise ValueError(f"a value of type {name} is too long")
        try:
            value = construct(self._loader, yaml.ScalarNode(tag, text, event.start_mark, event.end_mark))
        except CODEC_ERRORS as error:
            raise ValueError(f"{text[:40]!r} is no {name} that is read here") from error
        if type(value) is float and not math.isfinite(value):
            raise ValueError("a number is not finite")
        if type(value) is int and value.bit_length() > 1024:
            str(value)  # which has a limit to its digits
        return value


_MERGE: Final = object()
"""The key `<<`."""


def _refusal(event: Any, reason: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=reason, problem_mark=event.start_mark)


# Writing


_PLAIN: Final = (True, False)
"""That a scalar has no tag since it is plain; `(False, True)` says the same of one in quotes."""

_NEVER_FOLDED: Final = -1
"""A width that libyaml takes for none."""


def make_yaml_encoder(encoders: Mapping[type[Any], Any]) -> Callable[[Any], bytes]:
    """Give what makes the YAML bytes of a value: the same data as in JSON, in block style.

    What comes twice is written twice, and what is not finite is null. `encoders` are those of `make_encode_other`.
    It raises what JSON's raises, for the same values.
    """
    encode_other = make_encode_other(encoders)

    def encode(value: Any) -> bytes:
        return _Writer().write(msgspec.to_builtins(value, str_keys=True, enc_hook=encode_other))

    return encode


class _Writer:
    """Gives the events of plain values to libyaml; `yaml.dump` makes nodes of all first, in thrice the time."""

    def __init__(self) -> None:
        self._output = BytesIO()
        self._dumper: Any = yaml.CSafeDumper(
            self._output, encoding="utf-8", allow_unicode=True, default_flow_style=False, width=_NEVER_FOLDED
        )
        self._emit = self._dumper.emit
        self._keys: dict[str, tuple[bool, bool]] = {}

    def write(self, value: Any) -> bytes:
        """Give the document."""
        self._emit(yaml.StreamStartEvent(encoding="utf-8"))
        self._emit(yaml.DocumentStartEvent(explicit=False))
        self._write_value(value)
        self._emit(yaml.DocumentEndEvent(explicit=False))
        self._emit(yaml.StreamEndEvent())
        return self._output.getvalue()

    def _write_value(self, value: Any) -> None:
        kind = type(value)
        if kind is dict:
            self._emit(yaml.MappingStartEvent(None, None, implicit=True, flow_style=False))
            for key, child in value.items():
                self._write_key(key)
                self._write_value(child)
            self._emit(yaml.MappingEndEvent())
        elif kind is list or kind is tuple:
            self._emit(yaml.SequenceStartEvent(None, None, implicit=True, flow_style=False))
            for child in value:
                self._write_value(child)
            self._emit(yaml.SequenceEndEvent())
        elif kind is str:
            self._emit(yaml.ScalarEvent(None, None, self._implicit(value), value))
        else:
            self._emit(yaml.ScalarEvent(None, None, _PLAIN, self._format(value)))

    def _write_key(self, key: str) -> None:
        implicit = self._keys.get(key)
        if implicit is None:
            implicit = self._keys[key] = self._implicit(key)
        self._emit(yaml.ScalarEvent(None, None, implicit, key))

    def _implicit(self, text: str) -> tuple[bool, bool]:
        """Say whether text stays text when it is plain, and that it does in quotes."""
        return self._dumper.resolve(yaml.ScalarNode, text, _PLAIN) == _TEXT, True

    def _format(self, value: Any) -> str:
        if value is None or (type(value) is float and not math.isfinite(value)):
            return "null"
        if value is True or value is False:
            return "true" if value else "false"
        if type(value) is int:
            return str(value)
        if type(value) is float:
            text: str = self._dumper.represent_float(value).value  # which YAML 1.1 reads as one: 1.0e+17
            return text
        raise TypeError(f"{type(value).__name__} has no form there")
