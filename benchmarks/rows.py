"""What is asked of every framework, what each must answer, and what ours may cost beside the best of the others.

The rows are data, so that the parts in process and over HTTP ask for the same bytes and check the same answers. Each
module in `apps/` builds three applications: `build()` serves small answers, `build_routes(count)` one of many routes
and `build_payloads()` forms, uploads, documents, files, streams and templates. The last is apart, so that its routes
do not make the others dearer for the peers that try one route after another. Those that have the policies themselves
build one service for each with `build_policy(name)`.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import jinja2
import material
import yaml
from material import KB, MB, PIECE

if TYPE_CHECKING:
    from pathlib import Path

SERVICE: Final = "service"
POLICIES: Final = "policy of "
PAYLOADS: Final = "payloads"
FRAMEWORKS: Final = {
    "bare": "apps.bare",
    "ours": "apps.ours",
    "falcon": "apps.falcon_app",
    "blacksheep": "apps.blacksheep_app",
    "starlette": "apps.starlette_app",
    "fastapi": "apps.fastapi_app",
    "litestar": "apps.litestar_app",
}
"""The name in the table and the module that builds the applications. Importing them is left to who needs them."""

HEADERS: Final = (
    ("host", "127.0.0.1:8000"),
    ("connection", "keep-alive"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "{accept}"),
    ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
)
"""What `fetch()` in a browser sends, but for the Sec-Fetch headers. A row says what it accepts."""

ORDER: Final = {
    "number": 73024,
    "customer": {"name": "Ada Lovelace", "city": "London"},
    "lines": [{"item": "book", "count": 2, "price": 12.5}, {"item": "pen", "count": 7, "price": 1.25}],
}
GREETING: Final = "Hello, world!"
NUMBERS: Final = range(1, 10_001)
"""What a path parameter may be. One path asked for again and again measures a peer's cache of paths, not its router."""


JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"
UPLOAD: Final = material.make_upload(8 * MB)
WHOLE: Final = 2 * MB
END: Final = 64 * KB


@dataclass
class Body:
    """A body as it arrives: its length, its first 2 MB and its last 64 KB, which is all of it unless it is long."""

    length: int = 0
    start: bytearray = field(default_factory=bytearray)
    end: bytes = b""

    def add(self, piece: bytes) -> None:
        """Take the next piece."""
        self.length += len(piece)
        self.start += piece[: WHOLE - len(self.start)]
        self.end = (self.end + piece[-END:])[-END:]


@dataclass(frozen=True)
class Stored:
    """The content of a file in the folder of the run."""

    name: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return material.folder() / self.name

    def read(self) -> Body:
        """Give what a body that has this content looks like."""
        with self.path.open("rb") as file:
            start = file.read(WHOLE)
            length = file.seek(0, 2)
            file.seek(max(0, length - END))
            return Body(length, bytearray(start), file.read())


@dataclass(frozen=True)
class Row:
    """One request, its answer and its target.

    A `{}` in the path makes a row of many paths: each of `NUMBERS` in its place and, in the answer, in theirs.
    `answer` is the decoded body (a `str` for text, `bytes` as they are, a `Stored` file, anything else for JSON or
    YAML) or `None` where the frameworks word it differently. `sized` tells whether it must come with its length.
    `application` is which one answers, with `routes` if it has many of them; `without` the frameworks that cannot.
    `fields` are header fields that it has besides. `callers` is how many tasks ask at once in process, `connections`
    how many wrk opens; with 0 the row is not asked over HTTP. `every` is in which of the rounds in process a dear row
    is asked, once. `overhead_limit` is the most that our overhead may be, as a share of the best peer's;
    `over_http_floor` the least that our requests a second may be, as a share of the bare application's. `None`: no
    target.
    """

    name: str
    path: str
    answer: Any
    media_type: str | None = "text/plain"
    method: str = "GET"
    query: str = ""
    body: bytes = field(default=b"", repr=False)
    content_type: str = JSON
    accept: str = "*/*"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    sized: bool = True
    application: str = SERVICE
    routes: int = 0
    without: frozenset[str] = frozenset()
    fields: tuple[tuple[str, str], ...] = ()
    callers: int = 1
    connections: int = 64
    every: int = 1
    overhead_limit: float | None = 0.5
    over_http_floor: float | None = None

    @cached_property
    def pieces(self) -> tuple[bytes, ...]:
        """The body as a server hands it over."""
        return tuple(self.body[start : start + PIECE] for start in range(0, len(self.body), PIECE))

    @property
    def reads_file(self) -> bool:
        """Whether the answer is a file."""
        return isinstance(self.answer, Stored)

    @property
    def varied(self) -> bool:
        """Whether the path changes from request to request."""
        return "{}" in self.path

    def choose(self, number: int) -> Row:
        """Give the row with this number in its path and answer."""
        if not self.varied:
            return self
        if self.answer is NUMBERS:
            answer: Any = str(number)
        else:
            answer = {key: number if value is NUMBERS else value for key, value in self.answer.items()}
        return replace(self, path=self.path.format(number), answer=answer)

    @property
    def paths(self) -> list[str]:
        """The paths of many requests: random as users are, the same in every run."""
        if not self.varied:
            return [self.path]
        return [self.path.format(number) for number in random.Random(0).choices(NUMBERS, k=len(NUMBERS))]  # noqa: S311 - no secret

    @property
    def target(self) -> str:
        """The request target as it stands in the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def request_headers(self) -> list[tuple[str, str]]:
        """The header fields sent with this request."""
        headers = [*((name, value.format(accept=self.accept)) for name, value in HEADERS), *self.fields]
        if not self.body:
            return headers
        return [*headers, ("content-type", self.content_type), ("content-length", str(len(self.body)))]

    def check(self, status: int, headers: list[tuple[str, str]], body: Body) -> None:
        """Raise `WrongAnswerError` unless this is the answer; header names are in lower case."""
        found, shown = dict(headers), bytes(body.start[:200])
        if status != self.status:
            raise WrongAnswerError(self, f"status {status} instead of {self.status}, body {shown!r}")
        if len(found) != len(headers):
            raise WrongAnswerError(self, f"a header field comes twice: {headers}")
        if (length := found.get("content-length")) != str(body.length) and (self.sized or length is not None):
            raise WrongAnswerError(self, f"content-length {length}, the body has {body.length} bytes")
        if self.media_type and found.get("content-type", "").partition(";")[0] != self.media_type:
            raise WrongAnswerError(self, f"content-type {found.get('content-type')!r} instead of {self.media_type!r}")
        for name, value in self.headers.items():
            if found.get(name) != value:
                raise WrongAnswerError(self, f"header {name} is {found.get(name)!r} instead of {value!r}")
        if self.answer is not None and not self.is_answer(body):
            raise WrongAnswerError(self, f"body {shown!r} instead of {str(self.answer)[:200]!r}")

    def is_answer(self, body: Body) -> bool:
        """Tell whether the body says what it must: as a file, as bytes, as text, or as the value that it encodes."""
        if isinstance(self.answer, Stored):
            return body == self.answer.read()
        content = bytes(body.start)
        if isinstance(self.answer, bytes):
            return content == self.answer
        if isinstance(self.answer, str):
            return content.decode() == self.answer
        value = yaml.load(content, yaml.CSafeLoader) if self.media_type == material.YAML_TYPE else json.loads(content)
        return bool(value == self.answer)


class WrongAnswerError(Exception):
    """A framework did not answer a row as it must, so its time would mean nothing."""

    def __init__(self, row: Row, reason: str) -> None:
        super().__init__(f"row {row.name!r}, {row.method} {row.target}: {reason}")


def weigh(name: str, path: str, answer: Any, media_type: str = JSON, **options: Any) -> Row:
    """Give a row of the payloads: ahead of each peer in process, and not asked over HTTP unless the options say so."""
    defaults: dict[str, Any] = {"application": PAYLOADS, "connections": 0, "overhead_limit": 1.0}
    return Row(name, path, answer, media_type, **(defaults | options))


def send(content_type: str, body: bytes) -> dict[str, Any]:
    """Give the options of a row that sends this body."""
    return {"method": "POST", "content_type": content_type, "body": body}


def guard(
    name: str, path: str = "/text", answer: Any = GREETING, media_type: str = "text/plain", **options: Any
) -> Row:
    """Give the row of a policy, beside Starlette's middleware; the others have none, or none like it."""
    application = POLICIES + name
    others = frozenset(FRAMEWORKS) - {"bare", "ours", "starlette"}
    return Row(name, path, answer, media_type, application=application, without=others, connections=0, **options)


ORIGIN: Final = (("origin", "https://app.example.org"),)
HTML: Final = jinja2.Environment(autoescape=True).from_string(material.PAGE).render(material.CONTEXT)
ROWS: Final = (
    Row("text", "/text", GREETING, overhead_limit=0.7, over_http_floor=0.92),
    Row("JSON", "/json", {"message": GREETING}, "application/json", over_http_floor=0.92),
    Row("path + query", "/users/{}/items", {"id": NUMBERS, "q": "books"}, "application/json", query="q=books"),
    Row("JSON echo", "/echo", ORDER, "application/json", method="POST", body=json.dumps(ORDER).encode()),
    Row("class view", "/class", GREETING, overhead_limit=0.7),
    Row("hooks", "/hooks", GREETING, headers={"x-before": "1", "x-after": "1"}, overhead_limit=0.7),
    Row("404", "/missing", None, None, status=404),
    Row("10 routes", "/r9/{}", NUMBERS, application="10 routes", routes=10, connections=0, overhead_limit=None),
    Row("1000 routes", "/r999/{}", NUMBERS, application="1000 routes", routes=1000, overhead_limit=0.7),
    Row("sync, 64 callers", "/sync", GREETING, callers=64, over_http_floor=0.5),
    weigh("form", "/form", material.FIELDS, **send(material.FORM_TYPE, material.FORM)),
    weigh("upload 8 MB", "/upload", {"size": 8 * MB}, **send(material.UPLOAD_TYPE, UPLOAD), every=3),
    weigh("same, to disk", "/upload/disk", {"size": 8 * MB}, **send(material.UPLOAD_TYPE, UPLOAD), every=3),
    weigh("big JSON", "/people", material.PEOPLE),
    weigh(
        "YAML echo",
        "/yaml",
        yaml.load(material.DOCUMENT, yaml.CSafeLoader),
        material.YAML_TYPE,
        **send(material.YAML_TYPE, material.DOCUMENT.encode()),
        accept=material.YAML_TYPE,
    ),
    weigh("file 1 KB", "/files/small.bin", Stored("small.bin"), BINARY, sized=False),
    weigh("file 1 MB", "/files/medium.bin", Stored("medium.bin"), BINARY, sized=False),
    weigh(
        "file 100 MB",
        "/files/large.bin",
        Stored("large.bin"),
        BINARY,
        sized=False,
        every=15,
        connections=4,
        over_http_floor=0.95,
    ),
    weigh("static file", f"/static/{material.STYLE}", Stored(f"static/{material.STYLE}"), "text/css"),
    weigh("stream", "/stream/64", material.CHUNK * 64, BINARY, sized=False, connections=64),
    weigh("template", "/orders", HTML, "text/html"),
    guard("no policy"),
    guard("hosts"),
    guard("CORS", fields=ORIGIN, headers={"access-control-allow-origin": "https://app.example.org"}),
    guard("HTTPS", answer=None, media_type="", status=307),
    guard("CORS, hosts, session"),
    guard("session written", "/session"),
    guard("gzip", "/people", None, JSON, headers={"content-encoding": "gzip"}, fields=(("accept-encoding", "gzip"),)),
)
