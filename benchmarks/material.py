"""What forms, uploads, documents, files and templates of the rows hold, for rows and applications alike.

The files lie in a folder that a run makes and removes. Its path is in the environment, where the servers of the part
over HTTP find it as well. The large file is written out in full: holes in a file cost nothing to read.
"""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Iterator

KB: Final = 1024
MB: Final = 1024 * KB
PIECE: Final = 64 * KB
"""Bytes of a request body that a server hands over at once."""

FOLDER: Final = "RESPONDER_BENCHMARK_FOLDER"
FILES: Final = {"small.bin": KB, "medium.bin": MB, "large.bin": 100 * MB}
"""The names in the folder, and their sizes in bytes."""

STYLE: Final = "style.css"
CSS: Final = "".join(
    f".column-{number:02} {{ grid-column: {number:02}; color: #20{number:02}40 }}\n" for number in range(87)
)
"""A style sheet of 4 KB."""

FIELDS: Final = {
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "street": "12 St. James's Square",
    "city": "London",
    "postcode": "SW1Y 4JH",
    "country": "GB",
    "telephone": "+44 20 7946 0000",
    "newsletter": "yes",
    "age": "36",
    "message": "Could the engine weave algebraic patterns & more?",
}
FORM: Final = urlencode(FIELDS).encode()
FORM_TYPE: Final = "application/x-www-form-urlencoded"

BOUNDARY: Final = "----WebKitFormBoundary7MA4YWxkTrZu0gW2"
UPLOAD_TYPE: Final = f"multipart/form-data; boundary={BOUNDARY}"
UPLOAD_HEAD: Final = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="film.bin"\r\n'
    "Content-Type: application/octet-stream\r\n\r\n"
).encode()
UPLOAD_TAIL: Final = f"\r\n--{BOUNDARY}--\r\n".encode()

PEOPLE: Final[list[dict[str, Any]]] = [
    {
        "id": number,
        "name": f"Person number {number}",
        "email": f"person{number}@example.org",
        "active": number % 3 > 0,
        "balance": number * 1.25,
        "tags": ["customer", "newsletter", f"group {number % 17}"],
        "address": {"street": f"{number} High Street", "city": "London", "postcode": None},
    }
    for number in range(4700)
]
"""About 1 MB of JSON."""

YAML_TYPE: Final = "application/yaml"
DOCUMENT: Final = """\
name: shop
version: 3
description: Sells books & pens, mostly.
owner:
  name: Ada Lovelace
  email: ada@example.org
services:
  web:
    image: shop/web:3.1
    replicas: 4
    ports: [8000, 8443]
    environment:
      LOG_LEVEL: info
      WORKERS: 2
      DEBUG: false
    limits:
      memory: 512
      cpu: 1.5
  mail:
    image: shop/mail:1.9
    replicas: 1
    ports: [2525]
    environment:
      LOG_LEVEL: warning
      RELAY: null
routes:
- path: /books
  service: web
  methods: [GET, POST]
- path: /pens
  service: web
  methods: [GET]
"""

TEMPLATE: Final = "orders"
"""The name of the template, in the folder as `.html` and, for BlackSheep, as `.jinja`."""

PAGE: Final = """\
<!doctype html>
<html lang="en">
<head><title>{{ title }}</title></head>
<body>
<h1>{{ title }}</h1>
<table>
{% for order in orders %}
<tr class="{{ 'odd' if loop.index is odd else 'even' }}">
<td>{{ order.number }}</td><td>{{ order.customer }}</td>
<td>{{ order.item }}</td><td>{{ "%.2f"|format(order.price) }}</td>
</tr>
{% endfor %}
</table>
</body>
</html>
"""
CONTEXT: Final[dict[str, Any]] = {
    "title": "Orders",
    "orders": [
        {
            "number": 73024 + number,
            "customer": "Ada & Charles <London>",
            "item": f"book {number}",
            "price": number * 1.25,
        }
        for number in range(10)
    ],
}

CHUNK: Final = bytes(range(256)) * 4
"""A piece of a stream, 1 KB."""


def make_upload(size: int) -> bytes:
    """Give a multipart body with one file of this size in bytes, which is as random as compressed files are."""
    return UPLOAD_HEAD + random.Random(0).randbytes(size) + UPLOAD_TAIL  # noqa: S311 - no secret


def stream_upload(size: int) -> Iterator[bytes]:
    """Give the same in pieces that exist one at a time, for a size that is a multiple of `PIECE`."""
    yield UPLOAD_HEAD
    for _ in range(size // PIECE):
        yield os.urandom(PIECE)
    yield UPLOAD_TAIL


def folder() -> Path:
    """Give the folder of this run, with the files, `static/`, `templates/` and `saved/`."""
    return Path(os.environ[FOLDER])


@contextlib.contextmanager
def keep_folder() -> Iterator[None]:
    """Make the folder for the block, which this process and those that it starts find with `folder()`."""
    with tempfile.TemporaryDirectory(prefix="responder-benchmark-") as name:
        os.environ[FOLDER] = name
        for file, size in FILES.items():
            with (folder() / file).open("wb") as target:
                for start in range(0, size, MB):
                    target.write(os.urandom(min(MB, size - start)))
        for part in ("static", "templates", "saved"):
            (folder() / part).mkdir()
        (folder() / "static" / STYLE).write_text(CSS)
        for ending in ("html", "jinja"):
            (folder() / "templates" / f"{TEMPLATE}.{ending}").write_text(PAGE)
        try:
            yield
        finally:
            del os.environ[FOLDER]
