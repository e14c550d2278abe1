"""The page that a failure shows under `debug=True`: traceback, variables and request, with every secret left out.

What may be secret is told by its name (`password`, `Cookie`, `X-Api-Key`...). Values under such a name are never shown,
and once known they are struck out wherever else they stand: in messages, source lines and other values. A secret that
has no telling name anywhere cannot be known, which is why the page is for loopback clients alone; the caller sees to
that.

Variables are described here, from builtin types only, and the variable inspector of tracerite is not used: it shows the
`repr` of whole objects, from which no secret can be taken out any more. Nor does tracerite see the exception itself,
but a copy with the same traceback: an exception of the user may fail in `__str__` or be its own cause.
"""

from __future__ import annotations

import re
from itertools import islice
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import FrameType

REDACTED: Final = "[redacted]"

_WORDS: Final = (
    "password|passwd|passphrase|secret|token|api[-_ ]?key|authorization|cookie|session|credential|private[-_ ]?key"
)
_SENSITIVE: Final = re.compile(_WORDS, re.IGNORECASE)

# Every repetition is bounded, or ends at a character that its body cannot match: the patterns run in linear time.
# Between name and value stand `=`, `:`, `'] =`, `': ` or, in a pair, `', `; a text in a text has escaped quotes.
_NAME: Final = rf"(?:{_WORDS})[\w-]{{0,32}}"
_LITERAL: Final = r"""[bBrRuUfF]{0,2}(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")"""
_ESCAPED: Final = r"""[bBrRuUfF]{0,2}\\{1,3}['"][^\\\n]{0,300}(?:\\{1,3}['"])?"""
_LINK: Final = r"""(?:(?:\\{0,3}['"])?\]?\s{0,3}[:=]{1,2}|\\{0,3}['"],)\s{0,3}(?!\[redacted)"""
_HEADER_IN_TEXT: Final = re.compile(
    rf"((?:authorization|cookie)[\w-]{{0,32}}{_LINK})(?:{_LITERAL}|{_ESCAPED}|[^\n]+)", re.IGNORECASE
)
_VALUE_IN_TEXT: Final = re.compile(
    rf"({_NAME}{_LINK})(?:{_LITERAL}|{_ESCAPED}|(?:(?:bearer|basic)\s{{1,3}})?[^\s,;&}}\])]+)", re.IGNORECASE
)
_LITERAL_IN_SOURCE: Final = re.compile(rf"({_NAME}(?::[\w.\[\]| ]{{1,40}}(?==))?{_LINK}){_LITERAL}", re.IGNORECASE)
_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")
_SEPARATORS: Final = re.compile(r"[\s;,=&]+")

_TEXT_LIMIT: Final = 10_000
_VALUE_LIMIT: Final = 200
_ITEM_LIMIT: Final = 10
_DEPTH_LIMIT: Final = 3
_CHAIN_LIMIT: Final = 20
_ERROR_LIMIT: Final = 100
_SECRET_LIMIT: Final = 500
_SHORTEST_SECRET: Final = 6  # Striking out shorter strings would take words out of the whole page.
_SHORTEST_PIECE: Final = 8

_BRACKETS: Final[dict[type[Any], str]] = {dict: "{}", list: "[]", tuple: "()", set: "{}", frozenset: "{}"}
_UNSHOWN_TYPES: Final = (type, ModuleType, FunctionType, BuiltinFunctionType)
_PLAIN_TYPES: Final = frozenset({type(None), bool, float, complex})
_PLAIN_MODULES: Final = frozenset({"datetime", "decimal", "fractions", "pathlib", "uuid"})

_STYLE: Final = """\
:root { color-scheme: light dark; font-family: system-ui, sans-serif }
body { margin: 0 auto; max-width: 75rem; padding: 1rem }
pre { overflow-x: auto; padding: 1rem; border: 1px solid #8884; border-radius: .4rem; line-height: 1.4 }
.message { white-space: pre-wrap; font-size: 1.15rem }
th { text-align: left; vertical-align: top; padding-right: 1rem }
td { overflow-wrap: anywhere; font-family: ui-monospace, monospace }
"""

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="robots" content="noindex">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; font-src data:">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<p class="message">{message}</p>
<p><code>{request}</code></p>
{traceback}
<h2>Request headers</h2>
<table>
{headers}
</table>
<p>This page is shown because <code>debug=True</code>, and to clients on this machine only.</p>
</body>
</html>
"""


def render_debug_page(error: BaseException, *, method: str, path: str, headers: Mapping[str, str]) -> str:
    """Give a complete HTML page about `error`, drawn by tracerite where that is installed.

    The page loads nothing and runs no script; everything on it is escaped, secrets are `[redacted]`, and it can always
    be encoded as UTF-8. Show it to loopback clients only.
    """
    from html import escape  # noqa: PLC0415 - a service that runs well never needs it

    redactor = _Redactor()
    redactor.learn_from_headers(headers)
    redactor.learn_from_frames(_frames_of(error))
    copy = _copy(error, redactor)
    traceback, style = _draw_traceback(copy, redactor)
    rows = (
        f"<tr><th>{escape(redactor.clean_text(name))}</th><td>{escape(redactor.clean_header(name, value))}</td></tr>"
        for name, value in headers.items()
    )
    page = _PAGE.format(
        title=escape(type(error).__name__),
        style=_STYLE + style,
        message=escape(str(copy)),
        request=escape(redactor.clean_text(f"{method} {path}")),
        traceback=traceback,
        headers="\n".join(rows),
    )
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


def is_sensitive(name: str) -> bool:
    """Say whether a header, variable or key of this name holds what must not be shown."""
    return _SENSITIVE.search(name) is not None


class _Redactor:
    """Knows the secrets of one failure, and takes them out of texts and values."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._longest_first: list[str] | None = None

    def learn_from_headers(self, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            self._search(name, value, 0)

    def learn_from_frames(self, frames: Iterable[FrameType]) -> None:
        """Look through local variables in depth, and through module variables by name."""
        modules: set[int] = set()
        for frame in frames:
            for name, value in dict(frame.f_locals).items():
                self._search(name, value, _DEPTH_LIMIT)
            if id(frame.f_globals) not in modules:
                modules.add(id(frame.f_globals))
                for name, value in list(frame.f_globals.items()):
                    self._search(name, value, 0)

    def _search(self, name: object, value: object, depth: int) -> None:
        if is_sensitive(_text_of(name)):
            self._learn(value, _DEPTH_LIMIT)
        elif depth and issubclass(type(value), dict):
            for key, item in islice(_items_of(value), 50):
                self._search(key, item, depth - 1)

    def _learn(self, value: object, depth: int) -> None:
        kind = type(value)
        if issubclass(kind, (str, bytes)):
            self._add(_text_of(value))
        elif depth and issubclass(kind, dict):
            for _, item in islice(_items_of(value), 50):
                self._learn(item, depth - 1)
        elif depth:
            for item in islice(_elements_of(value), 50):
                self._learn(item, depth - 1)

    def _add(self, secret: str) -> None:
        pieces = [piece for piece in _SEPARATORS.split(secret) if len(piece) >= _SHORTEST_PIECE]
        for text in (secret.strip(), *pieces):
            if len(text) >= _SHORTEST_SECRET and len(self._secrets) < _SECRET_LIMIT:
                self._secrets.add(text)

    def strike_out(self, text: str) -> str:
        """Replace every known secret; the longest first, since one may be part of another."""
        if self._longest_first is None:
            self._longest_first = sorted(self._secrets, key=len, reverse=True)
        for secret in self._longest_first:
            text = text.replace(secret, REDACTED)
        return text

    def clean_text(self, text: str) -> str:
        """Clean prose, a path or a header value: `token=abc` and `'password': 'x'` lose their values."""
        text = self.strike_out(text[:_TEXT_LIMIT])
        text = _HEADER_IN_TEXT.sub(_keep_name, text)
        return _VALUE_IN_TEXT.sub(_keep_name, text)

    def clean_source(self, text: str) -> str:
        """Clean source code: a string literal that is given a sensitive name is left out."""
        return _LITERAL_IN_SOURCE.sub(_keep_name, self.strike_out(text))

    def clean_header(self, name: str, value: str) -> str:
        return REDACTED if is_sensitive(name) else self.clean_text(value)

    def describe(self, name: object, value: Any, depth: int = _DEPTH_LIMIT) -> str:
        """Describe a value without calling any code of the user; no attribute of an object is shown."""
        if is_sensitive(_text_of(name)):
            return REDACTED
        kind = type(value)
        if issubclass(kind, (str, bytes)):
            return self._describe_text(value)
        if kind is int:
            return _describe_integer(value)
        if kind in _PLAIN_TYPES or kind.__module__ in _PLAIN_MODULES:
            return _cut(self.strike_out(repr(value)))
        for base, brackets in _BRACKETS.items():
            if issubclass(kind, base):
                return f"{brackets[0]}{self._describe_items(value, depth)}{brackets[1]}"
        return f"<{kind.__module__}.{kind.__qualname__} object>"

    def _describe_text(self, value: object) -> str:
        text = _text_of(value)
        if is_sensitive(text):
            return REDACTED
        return ("b" if issubclass(type(value), bytes) else "") + _cut(repr(self.strike_out(text)))

    def _describe_items(self, value: object, depth: int) -> str:
        items = _items_of(value) if issubclass(type(value), dict) else _elements_of(value)
        if items and not depth:
            return f"{len(items)} items"
        describe = self._describe_entry if issubclass(type(value), dict) else self._describe_element
        shown = [describe(item, depth - 1) for item in items[:_ITEM_LIMIT]]
        if len(items) > _ITEM_LIMIT:
            shown.append(f"and {len(items) - _ITEM_LIMIT} more")
        return ", ".join(shown)

    def _describe_entry(self, entry: tuple[object, object], depth: int) -> str:
        key, value = entry
        return f"{self._describe_key(key)}: {self.describe(key, value, depth)}"

    def _describe_element(self, element: Any, depth: int) -> str:
        """Describe an element; in a pair of name and value, as headers are, the name decides about the value."""
        if type(element) in (tuple, list) and len(element) == 2 and is_sensitive(_text_of(element[0])):
            return f"({self._describe_key(element[0])}, {REDACTED})"
        return self.describe("", element, depth)

    def _describe_key(self, key: object) -> str:
        if issubclass(type(key), (str, bytes)):
            return _cut(repr(self.clean_text(_text_of(key))))
        return self.describe("", key, 0)


def _text_of(value: Any) -> str:
    """Give the text of a string or of bytes, bounded; of anything else, nothing."""
    if issubclass(type(value), str):
        return str.__str__(value)[:_TEXT_LIMIT]
    if issubclass(type(value), bytes):
        return bytes.decode(value, "latin-1")[:_TEXT_LIMIT]
    return ""


def _items_of(value: Any) -> list[Any]:
    """List the entries of a dictionary as the base class knows them; a subclass may compute, or fail."""
    return list(dict.items(value))


def _elements_of(value: Any) -> list[Any]:
    """List the elements of a builtin sequence or set in the same way; of anything else, nothing."""
    for base in (list, tuple, set, frozenset):
        if issubclass(type(value), base):
            return list(base.__iter__(value))
    return []


def _describe_integer(value: int) -> str:
    """Describe an integer; Python refuses to write one of thousands of digits."""
    return repr(value) if value.bit_length() <= 256 else f"<int of {value.bit_length()} bits>"


def _cut(text: str) -> str:
    return text if len(text) <= _VALUE_LIMIT else f"{text[:_VALUE_LIMIT]}…"


def _keep_name(match: re.Match[str]) -> str:
    return match[1] + REDACTED


def _errors_of(error: BaseException) -> Iterator[BaseException]:
    """Give `error` and what it came from or is made of, each once and not without end."""
    waiting, seen = [error], {id(error)}
    while waiting and len(seen) <= _ERROR_LIMIT:
        current = waiting.pop(0)
        yield current
        members = current.exceptions if isinstance(current, BaseExceptionGroup) else ()
        for related in (current.__cause__, current.__context__, *members):
            if related is not None and id(related) not in seen:
                seen.add(id(related))
                waiting.append(related)


def _frames_of(error: BaseException) -> Iterator[FrameType]:
    from traceback import walk_tb  # noqa: PLC0415 - as above

    for each in _errors_of(error):
        for frame, _ in walk_tb(each.__traceback__):
            yield frame


def _copy(
    error: BaseException, redactor: _Redactor, seen: set[int] | None = None, depth: int = _CHAIN_LIMIT
) -> BaseException:
    """Copy an exception with its chain: same names, tracebacks and links, texts redacted, no code of the user.

    Each exception is copied once, so that the copy has no cycle even where the original has one.
    """
    copied = {id(error)} if seen is None else seen

    def copy_related(related: BaseException | None) -> BaseException | None:
        if related is None or id(related) in copied or not depth or len(copied) >= _ERROR_LIMIT:
            return None
        copied.add(id(related))
        return _copy(related, redactor, copied, depth - 1)

    members = map(copy_related, error.exceptions if isinstance(error, BaseExceptionGroup) else ())
    copy = _substitute(error, redactor, [member for member in members if member is not None])
    copy.__cause__ = copy_related(error.__cause__)
    copy.__context__ = copy_related(error.__context__)
    copy.__suppress_context__ = error.__suppress_context__
    notes = getattr(error, "__notes__", None)
    for note in _elements_of(notes):
        copy.add_note(redactor.clean_text(_text_of(note)))
    return copy.with_traceback(error.__traceback__)


def _substitute(error: BaseException, redactor: _Redactor, members: list[BaseException]) -> BaseException:
    from traceback import TracebackException  # noqa: PLC0415 - as above

    if isinstance(error, BaseExceptionGroup) and members:
        group = ExceptionGroup if isinstance(error, Exception) else BaseExceptionGroup
        return _derive(group, type(error))(redactor.clean_text(error.message), members)
    # It says "<exception str() failed>" where that is so.
    message = str(TracebackException(type(error), error, None, limit=0, compact=True))
    plain = Exception if isinstance(error, Exception) else BaseException
    return _derive(plain, type(error))(redactor.clean_text(message))


def _derive(base: type[BaseException], named: type[BaseException]) -> type[BaseException]:
    """Make a subclass of `base` that has nothing but the name of another class."""
    return type(named.__name__, (base,), {"__module__": named.__module__, "__qualname__": named.__qualname__})


def _draw_traceback(error: BaseException, redactor: _Redactor) -> tuple[str, str]:
    """Give the HTML of the traceback, and the style that it needs."""
    try:
        import tracerite  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        return _draw_plainly(error, redactor), ""
    chain = tracerite.extract_chain(error)
    variables = {id(frame): frame for frame in _frames_of(error)}
    for drawn in _all_drawn(chain["frames"]):
        _redact_lines(drawn, redactor)
        if drawn["variables"]:
            drawn["variables"] = _list_variables(drawn, variables[drawn["idframe"]], redactor)
    return str(tracerite.html_traceback(chain=chain, include_js_css=False)), tracerite.html_style


def _draw_plainly(error: BaseException, redactor: _Redactor) -> str:
    from html import escape  # noqa: PLC0415 - as above
    from traceback import TracebackException  # noqa: PLC0415 - as above

    lines = TracebackException.from_exception(error).format()
    return f"<pre>{escape(''.join(map(redactor.clean_source, lines)))}</pre>"


def _all_drawn(frames: list[Any]) -> Iterator[Any]:
    """Give the frames that tracerite draws, those of the members of exception groups included."""
    for drawn in frames:
        yield drawn
        for branch in drawn.get("parallel", ()):
            yield from _all_drawn(branch)


def _redact_lines(drawn: Any, redactor: _Redactor) -> None:
    """Clean the source lines of a frame; where one changes, that frame's lines are marked as a whole."""
    lines = [("".join(part["code"] for part in line["fragments"]), line) for line in drawn.get("fragments", ())]
    if all(redactor.clean_source(code) == code for code, _ in lines):
        return
    for code, line in lines:
        text = redactor.clean_source(code.rstrip("\r\n"))
        mark = {"mark": "solo"} if any("mark" in part for part in line["fragments"]) else {}
        line["fragments"] = [{"code": text, **mark}, {"code": "\n", "trailing": "solo"}]


def _list_variables(drawn: Any, frame: FrameType, redactor: _Redactor) -> list[Any]:
    """List the variables that the shown lines name, without modules, functions and classes."""
    local = dict(frame.f_locals)
    names = [name for name in dict.fromkeys(_IDENTIFIER.findall(drawn["lines"])) if name in local]
    return [
        {
            "name": name,
            "typename": type(local[name]).__name__,
            "value": redactor.describe(name, local[name]),
            "format_hint": "inline",
        }
        for name in names
        if not issubclass(type(local[name]), _UNSHOWN_TYPES)
    ]
