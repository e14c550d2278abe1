"""From the path of a request to what stands there: a dictionary for literal paths, then a tree over segments.

The cost is a look-up for each segment, however many routes there are. Nothing is kept from one request to the next, so
that no client can fill memory. A matcher is built whole and never changed; a new route means a new matcher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from ..http.url import split_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..types import Scope
    from .pattern import Parameter, Pattern

T = TypeVar("T")

# Whatever a converter of the user's raises on the text of a client means that the segment does not match.
_NO_MATCH = (ValueError, LookupError, TypeError, AttributeError, OverflowError)


class Match(NamedTuple, Generic[T]):
    """A place that a path leads to: what stands there for each method, and the values of the parameters."""

    methods: dict[str, T]
    values: tuple[Any, ...]


class _Node(Generic[T]):
    """One step of a path: what may follow, and what stands here if the path ends."""

    __slots__ = ("literals", "methods", "parameters")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.parameters: list[tuple[Parameter, _Node[T]]] = []
        self.methods: dict[str, T] = {}

    def grow(self, segment: str | Parameter) -> _Node[T]:
        """Give the node after `segment`, made when it is not there yet."""
        if isinstance(segment, str):
            return self.literals.setdefault(segment, _Node())
        for known, node in self.parameters:
            if _kind(known) == _kind(segment):
                return node
        node = _Node[T]()
        self.parameters.append((segment, node))
        self.parameters.sort(key=lambda entry: _precedence(entry[0]))
        return node


def _kind(parameter: Parameter) -> tuple[str, str, str]:
    return parameter.prefix, parameter.converter.name, parameter.suffix


def _precedence(parameter: Parameter) -> tuple[int, int]:
    """Put first what has more literal text, then what has the stricter converter."""
    return -len(parameter.prefix + parameter.suffix), parameter.converter.rank


class Matcher(Generic[T]):
    """Finds what was declared for a path. `T` is whatever stands for one route and method."""

    def __init__(self, entries: Iterable[tuple[Pattern, dict[str, T]]]) -> None:
        self._root: _Node[T] = _Node()
        self.literals: dict[bytes, dict[str, T]] = {}
        for pattern, methods in entries:
            node = self._root
            for segment in pattern.segments:
                node = node.grow(segment)
            node.methods.update(methods)
            if pattern.literal is not None:
                self.literals[pattern.literal] = node.methods

    def find(self, segments: tuple[str, ...]) -> Iterator[Match[T]]:
        """Give every place that the decoded segments lead to, the most literal first."""
        return _descend(self._root, segments, 0, ())


def _descend(node: _Node[T], segments: tuple[str, ...], depth: int, values: tuple[Any, ...]) -> Iterator[Match[T]]:
    if depth == len(segments):
        if node.methods:
            yield Match(node.methods, values)
        return
    text = segments[depth]
    if (following := node.literals.get(text)) is not None:
        yield from _descend(following, segments, depth + 1, values)
    for parameter, following in node.parameters:
        if parameter.converter.spans:
            rest = segments[depth:]
            if not any("/" in segment for segment in rest):  # an encoded slash is part of a name, no border
                yield Match(following.methods, (*values, "/".join(rest)))
            continue
        try:
            value = _read(parameter, text)
        except _NO_MATCH:
            continue
        yield from _descend(following, segments, depth + 1, (*values, value))


def _read(parameter: Parameter, text: str) -> Any:
    prefix, suffix = parameter.prefix, parameter.suffix
    if prefix or suffix:
        if not (text.startswith(prefix) and text.endswith(suffix) and len(text) > len(prefix) + len(suffix)):
            raise ValueError("The literal part differs.")
        text = text[len(prefix) : len(text) - len(suffix)]
    return parameter.converter.parse(text)


def path_segments(scope: Scope) -> tuple[str, ...] | None:
    """Give the decoded segments of a request's path below its `root_path`, or None for a path that is malformed.

    `raw_path` keeps apart what `path` has mixed up (`%2F`); a server that gives none has decoded already.
    """
    raw: bytes | None = scope.get("raw_path")
    segments = split_path(raw) if raw else tuple(scope["path"].split("/")[1:])
    root = scope.get("root_path")
    if not root or segments is None:
        return segments
    above = tuple(root.strip("/").split("/"))
    return segments[len(above) :] if segments[: len(above)] == above else segments
