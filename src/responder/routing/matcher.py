"""From the path of a request to what stands there: a dictionary for literal paths, then a tree over segments.

The cost is a look-up for each segment, however many routes there are. Nothing is kept from one request to the next, so
that no client can fill memory. A matcher is built whole and never changed; a new route means a new matcher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar

from ..http.url import has_surrogates, split_path
from .converters import UNFIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..types import Scope
    from .pattern import Parameter, Pattern

T = TypeVar("T")


Match: TypeAlias = tuple[dict[str, T], "Sequence[Any]"]
"""A place that a path leads to: what stands there for each method, and the values of the parameters."""


class _Branch(NamedTuple, Generic[T]):
    """A parameter that may follow: how it reads its segment, whether it takes the rest, and what comes after it."""

    read: Callable[[str], Any]
    spans: bool
    node: _Node[T]
    parameter: Parameter


class _Node(Generic[T]):
    """One step of a path: what may follow, and what stands here if the path ends."""

    __slots__ = ("branches", "literals", "methods")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.branches: list[_Branch[T]] = []
        self.methods: dict[str, T] = {}

    def grow(self, segment: str | Parameter) -> _Node[T]:
        """Give the node after `segment`, made when it is not there yet."""
        if isinstance(segment, str):
            return self.literals.setdefault(segment, _Node())
        for branch in self.branches:
            if _kind(branch.parameter) == _kind(segment):
                return branch.node
        branch = _Branch(_reader(segment), segment.converter.spans, _Node[T](), segment)
        self.branches.append(branch)
        self.branches.sort(key=lambda branch: _precedence(branch.parameter))
        return branch.node


def _kind(parameter: Parameter) -> tuple[str, str, str]:
    return parameter.prefix, parameter.converter.name, parameter.suffix


def _precedence(parameter: Parameter) -> tuple[int, int]:
    """Put first what has more literal text, then what has the stricter converter."""
    return -len(parameter.prefix + parameter.suffix), parameter.converter.rank


def _reader(parameter: Parameter) -> Callable[[str], Any]:
    """Give what reads a segment: the converter, after the literal text around the parameter is taken off."""
    parse, prefix, suffix = parameter.converter.parse, parameter.prefix, parameter.suffix
    if not prefix and not suffix:
        return parse

    def read(text: str) -> Any:
        if not (text.startswith(prefix) and text.endswith(suffix) and len(text) > len(prefix) + len(suffix)):
            raise ValueError("The literal part differs.")
        return parse(text[len(prefix) : len(text) - len(suffix)])

    return read


class Matcher(Generic[T]):
    """Finds what was declared for a path. `T` is whatever stands for one route and method."""

    def __init__(self, entries: Iterable[tuple[Pattern, dict[str, T]]]) -> None:
        self._root: _Node[T] = _Node()
        self.literals: dict[bytes, dict[str, T]] = {}
        for pattern, methods in entries:
            node = self._root.grow("")  # before the first slash
            for segment in pattern.segments:
                node = node.grow(segment)
            node.methods.update(methods)
            if pattern.literal is not None:
                self.literals[pattern.literal] = node.methods

    def find(self, segments: Sequence[str]) -> Iterator[Match[T]]:
        """Give every place that the decoded segments lead to, the most literal first."""
        return _descend(self._root, segments, 0, ())

    def find_first(self, segments: Sequence[str]) -> Match[T] | None:
        """Give the first place that the decoded segments lead to, or None.

        PERF: most paths need no second look, and a loop takes a third of the search that can turn back
        (benchmarks/in_process.py, row path + query).
        """
        node, is_branched = self._root, False
        values: list[Any] = []
        for text in segments:
            following = node.literals.get(text)
            if node.branches:
                is_branched = True
                following = following or _follow(node.branches, text, values)
            if following is None:
                break
            node = following
        else:
            if node.methods:
                return node.methods, values
        return next(self.find(segments), None) if is_branched else None


def _follow(branches: list[_Branch[T]], text: str, values: list[Any]) -> _Node[T] | None:
    """Give the node after the first parameter that reads `text`, and keep the value."""
    for read, spans, node, _ in branches:
        if spans:
            return None
        try:
            values.append(read(text))
        except UNFIT:
            continue
        return node
    return None


def _descend(node: _Node[T], segments: Sequence[str], depth: int, values: tuple[Any, ...]) -> Iterator[Match[T]]:
    if depth == len(segments):
        if node.methods:
            yield node.methods, values
        return
    text = segments[depth]
    if (following := node.literals.get(text)) is not None:
        yield from _descend(following, segments, depth + 1, values)
    for read, spans, following, _ in node.branches:
        if spans:
            rest = segments[depth:]
            if not any("/" in segment for segment in rest):  # an encoded slash is part of a name, no border
                yield following.methods, (*values, "/".join(rest))
            continue
        try:
            value = read(text)
        except UNFIT:
            continue
        yield from _descend(following, segments, depth + 1, (*values, value))


def path_segments(scope: Scope) -> list[str] | None:
    """Give the decoded segments of a request's path below its `root_path`, or None for a path that is malformed.

    What stands before the first slash is the first segment, and empty. `raw_path` keeps apart what `path` has mixed up
    (`%2F`); a server that gives none has decoded already.
    """
    raw: bytes = scope.get("raw_path") or b""
    if not raw:
        path: str = scope["path"]
        if has_surrogates(path):  # which no answer could carry
            return None
        segments = path.split("/")
    elif b"%" not in raw and raw.isascii():
        segments = raw.decode("ascii").split("/")
    else:
        decoded = split_path(raw)
        if decoded is None:
            return None
        segments = ["", *decoded]
    if len(segments) == 1:  # without any slash
        return None
    if root := scope.get("root_path", "").strip("/"):
        above = ["", *root.split("/")]
        if segments[: len(above)] == above:
            return ["", *segments[len(above) :]]
    return segments
