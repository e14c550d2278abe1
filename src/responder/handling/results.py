"""What a view returns, put onto the response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..exchange.response import Response

if TYPE_CHECKING:
    from collections.abc import Callable

# How models of each kind are known without importing what makes them: dataclasses, msgspec, attrs, pydantic.
_MODEL_MARKS = ("__dataclass_fields__", "__struct_fields__", "__attrs_attrs__", "model_dump")


def apply_result(resp: Response, result: Any) -> None:
    """Put a view's return value onto `resp`; the caller has seen to `None`.

    mapping, list, model: media · str: text · bytes: content · `(body, status)`, `(body, status, headers)` · `resp`.
    Raises `TypeError` for anything else.
    """
    if type(result) is tuple and len(result) in {2, 3}:
        _apply_tuple(resp, *result)
    elif result is not resp:
        _apply_body(resp, result)


def _apply_tuple(resp: Response, body: Any, status: Any, headers: Any = None) -> None:
    if body is not None and body is not resp:
        _apply_body(resp, body)
    resp.status_code = status
    if headers is not None:
        resp.headers.update(headers)


def _apply_body(resp: Response, body: Any) -> None:
    setter = _SETTERS.get(type(body)) or _find_setter(body)
    setter(resp, body)


def _set_text(resp: Response, body: str) -> None:
    resp.text = body


def _set_content(resp: Response, body: bytes) -> None:
    resp.content = body


def _set_media(resp: Response, body: Any) -> None:
    resp.media = body


_SETTERS: dict[type[Any], Callable[[Response, Any], None]] = {
    dict: _set_media,
    list: _set_media,
    str: _set_text,
    bytes: _set_content,
}


def _find_setter(body: Any) -> Callable[[Response, Any], None]:
    """Give the setter for a subclass, or for a model."""
    for kind, setter in _SETTERS.items():
        if isinstance(body, kind):
            return setter
    if isinstance(body, Mapping) or any(hasattr(type(body), mark) for mark in _MODEL_MARKS):
        return _set_media
    raise TypeError(_advice(body))


def _advice(body: Any) -> str:
    returned = f"A view returned {body!r:.80}, of type {type(body).__name__}."
    if hasattr(body, "__await__"):
        if hasattr(body, "close"):
            body.close()
        return f"{returned} Declare the view with `async def` and await it there."
    if isinstance(body, Response):
        return f"{returned} That is another response; return the one that the view was given."
    if hasattr(body, "__next__") or hasattr(body, "__anext__"):
        return f"{returned} To send it piece by piece, decorate the generator function with `@resp.stream`."
    return f"{returned} Return a dict, list, model, str, bytes, or (body, status[, headers]); or set resp.media."
