"""The decode guard: whatever a codec raises on bytes of a client becomes one 400.

Codecs fail in more ways than their documentation tells: deep nesting ends in `RecursionError`, a wrong charset in
`LookupError`, a number in `OverflowError`. A list of expected errors at each call would miss one, so the list is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ..errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

CODEC_ERRORS = (
    ValueError,  # UnicodeError is among these
    LookupError,
    AttributeError,
    TypeError,
    OverflowError,
    RecursionError,
)


def decode_guarded(what: str, decode: Callable[[bytes], T], raw: bytes) -> T:
    """Run `decode(raw)`; whatever it raises on bad bytes is a `DecodeError` that starts with `what`."""
    try:
        return decode(raw)
    except CODEC_ERRORS as error:
        raise describe_failure(what, error) from error


def describe_failure(what: str, error: Exception) -> DecodeError:
    """Give the 400 for an error of a codec, for a decoder that catches `CODEC_ERRORS` itself."""
    return DecodeError(f"{what} cannot be decoded: {_reason(error)}.")


def find_place(raw: bytes, position: int) -> tuple[int, int]:
    """Give the line and the column of a byte of UTF-8, both from 1 on; columns count characters."""
    before = raw[:position]
    return before.count(b"\n") + 1, len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not valid {error.encoding.upper()}"
    return (str(error) or "it is malformed").rstrip(".")
