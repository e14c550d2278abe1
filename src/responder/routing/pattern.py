r"""A route's path, read once: `/pets/{id:int}.json` becomes literal and parameter segments.

The path is written decoded, as people read it; the client's percent-escapes are undone segment by segment, so that
`%2F` never makes two segments of one. Regular expressions over whole paths were rejected: their cost grows with the
number of routes, and `$`, `\d` and case folding each match more than they show.
"""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..errors import ConfigurationError, RouteNotFoundError, UnknownConverter
from ..http.url import canonical_path, encode_path, encode_segment
from .converters import UNFIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .converters import Converter

_PARAMETER = re.compile(r"\{([^{}:]*)(?::([^{}]*))?\}")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_RESERVED = frozenset({"req", "resp", "self"})


class Parameter(NamedTuple):
    """One `{name:converter}`, with the literal text before and after it in its segment."""

    name: str
    converter: Converter
    prefix: str
    suffix: str


Segment: TypeAlias = str | Parameter


class Pattern(NamedTuple):
    """A path as its segments; the text after each `/`, so that `/` alone is one empty segment."""

    path: str
    segments: tuple[Segment, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in the order of the path."""
        return tuple(segment for segment in self.segments if isinstance(segment, Parameter))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What two patterns have in common that match the same paths, whatever their parameters are called."""
        return tuple(
            segment if isinstance(segment, str) else (segment.prefix, segment.converter.name, segment.suffix)
            for segment in self.segments
        )

    @property
    def literal(self) -> bytes | None:
        """The raw path that this pattern matches and no other, or None when it has parameters."""
        return None if self.parameters else canonical_path(self.path)

    def format(self, values: Mapping[str, Any]) -> str:
        """Give the percent-encoded path with these values in it.

        Raises `RouteNotFoundError` for a missing, unknown or unfitting value.
        """
        if unknown := sorted(values.keys() - set(self.names)):
            raise RouteNotFoundError(f"{self.path!r} has no parameter {unknown[0]!r}. It has: {_listed(self.names)}.")
        path = "/" + "/".join(self._format_segment(segment, values) for segment in self.segments)
        if path.startswith("//"):
            raise RouteNotFoundError(f"{self.path!r} with these values is {path!r}, which browsers take for a host.")
        return path

    def _format_segment(self, segment: Segment, values: Mapping[str, Any]) -> str:
        if isinstance(segment, str):
            return encode_segment(segment)
        if segment.name not in values:
            raise RouteNotFoundError(f"{self.path!r} needs a value for {segment.name!r}.")
        converter, value = segment.converter, values[segment.name]
        try:
            text = converter.format(value)
            converter.parse(text)
            whole = segment.prefix + text + segment.suffix
            return encode_path(whole) if converter.spans else encode_segment(whole)
        except UNFIT as error:
            raise RouteNotFoundError(
                f"{value!r} is no {converter.name} for {segment.name!r} in {self.path!r}: {error}"
            ) from error


def parse_pattern(path: str, converters: Mapping[str, Converter]) -> Pattern:
    """Read a path. Raises `ConfigurationError`, or `UnknownConverter`, with what to write instead."""
    if not path.startswith("/"):
        raise ConfigurationError(f"A path starts with '/': write {'/' + path!r} instead of {path!r}.")
    if path.startswith("//"):
        raise ConfigurationError(f"Path {path!r} starts with '//', which browsers take for a host; write one '/'.")
    if not path.isprintable() or "?" in path or "#" in path or _ESCAPE.search(path):
        raise ConfigurationError(
            f"Path {path!r} is written as people read it: without query, fragment, escapes or control characters."
        )
    segments = tuple(_parse_segment(path, text, converters) for text in path[1:].split("/"))
    pattern = Pattern(path, segments)
    _check_parameters(pattern)
    return pattern


def _parse_segment(path: str, text: str, converters: Mapping[str, Converter]) -> Segment:
    found = list(_PARAMETER.finditer(text))
    if len(found) > 1:
        raise ConfigurationError(f"{path!r} has two parameters in segment {text!r}; put a '/' between them.")
    prefix, suffix = (text[: found[0].start()], text[found[0].end() :]) if found else (text, "")
    if set(prefix + suffix) & set("{}"):
        raise ConfigurationError(
            f"{path!r} has a brace without its partner; a parameter is written {{name:converter}}."
        )
    if not found:
        if text in {".", ".."}:
            raise ConfigurationError(f"{path!r} has the segment {text!r}, which clients resolve away.")
        return text
    name, kind = found[0][1], found[0][2]
    if not name.isidentifier() or iskeyword(name) or name in _RESERVED:
        raise ConfigurationError(
            f"{path!r}: a parameter is named like a variable other than req and resp, not {name!r}."
        )
    kind = "str" if kind is None else kind
    if kind not in converters:
        raise UnknownConverter(
            f"{path!r} uses converter {kind!r}, which is not registered. Known: {_listed(converters)}."
        )
    return Parameter(name, converters[kind], prefix, suffix)


def _check_parameters(pattern: Pattern) -> None:
    names = pattern.names
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{pattern.path!r} has two parameters called {name!r}; give each its own name.")
    for segment in pattern.segments:
        if isinstance(segment, str) or not segment.converter.spans:
            continue
        if segment is not pattern.segments[-1] or segment.prefix or segment.suffix:
            raise ConfigurationError(
                f"{pattern.path!r}: {{{segment.name}:path}} takes the rest, so it stands alone at the end."
            )


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
