"""Kind: how the body of a response becomes bytes, and the content type that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import RawHeader


class Kind(NamedTuple):
    """What a body is: how it becomes bytes, and the content type that says so."""

    encode: Callable[[Any], bytes]
    content_type: RawHeader
    inline_bytes: int | None = None
    """How large a value may be, as JSON, to be encoded on the event loop; None for any size."""
