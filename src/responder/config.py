"""Frozen records of options. Each checks itself once, when it is made, and says what is wrong.

Flat keywords of `API` stay flat; whatever has several values of its own is a record here, so that the
constructor never becomes a wall.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from .errors import ConfigurationError


def _require_positive_integers(record: Limits | Threads) -> None:
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            name = f"{type(record).__name__}({field.name}={value!r})"
            raise ConfigurationError(f"{name} must be a whole number of 1 or more.")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a client may send at most. Beyond it the answer is a 4xx, whichever way the bytes came.

    - `body`: bytes of a request body, declared or chunked (413). Default 16 MiB.
    - `query_pairs`: pairs in a query string (400). Default 1000.
    - `cookies`: cookies in one request (400). Default 150.
    - `depth`: arrays and objects inside each other in a JSON, YAML or MessagePack body (400). Default 100.
    - `yaml`: bytes of a YAML body (413), which takes a hundred times as long to read as JSON. Default 1 MiB.
    - `form_fields`: fields of a form, urlencoded or multipart, files not counted (400). Default 1000.
    - `field_size`: bytes of one field of a multipart form, files not counted (413). Default 1 MiB.
    - `parts`: parts of a multipart body, fields and files (400). Default 1000.
    - `part_headers`: header fields of one part (400); each is at most 4 KiB. Default 8.
    - `ranges`: ranges of a file in one request; with more it is sent whole. Default 16.
    """

    body: int = 16 * 1024 * 1024
    query_pairs: int = 1000
    cookies: int = 150
    depth: int = 100
    yaml: int = 1024 * 1024
    form_fields: int = 1000
    field_size: int = 1024 * 1024
    parts: int = 1000
    part_headers: int = 8
    ranges: int = 16

    def __post_init__(self) -> None:
        _require_positive_integers(self)


@dataclass(frozen=True, kw_only=True)
class Threads:
    """The worker threads of sync views.

    - `workers`: threads at most, started on demand. Default 40.
    - `queue`: calls that may wait for a thread; one more is a 503 with `Retry-After`. Default 1000.
    """

    workers: int = 40
    queue: int = 1000

    def __post_init__(self) -> None:
        _require_positive_integers(self)
