"""What is asked of every framework, what each must answer, and what ours may cost beside the best of the others.

The rows are data, so that the parts in process and over HTTP ask for the same bytes and check the same answers. Each
module in `apps/` builds two applications: `build()` serves every row but the routes, `build_routes(count)` those.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from typing import Any, Final

SERVICE: Final = "service"
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
    ("accept", "*/*"),
    ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
)
"""What `fetch()` in a browser sends, but for the Sec-Fetch headers."""

ORDER: Final = {
    "number": 73024,
    "customer": {"name": "Ada Lovelace", "city": "London"},
    "lines": [{"item": "book", "count": 2, "price": 12.5}, {"item": "pen", "count": 7, "price": 1.25}],
}
GREETING: Final = "Hello, world!"
NUMBERS: Final = range(1, 10_001)
"""What a path parameter may be. One path asked for again and again measures a peer's cache of paths, not its router."""


@dataclass(frozen=True)
class Row:
    """One request, its answer and its target.

    A `{}` in the path makes a row of many paths: each of `NUMBERS` in its place and, in the answer, in theirs.
    `answer` is the decoded body (a `str` for text, anything else for JSON) or `None` where the frameworks word it
    differently. `routes` is 0 for the service, otherwise how many routes the application has. `callers` is how many
    tasks ask at once. `overhead_limit` is the most that our overhead may be, as a share of the best peer's;
    `over_http_floor` the least that our requests a second may be, as a share of the bare application's. `None`: no
    target.
    """

    name: str
    path: str
    answer: Any
    media_type: str | None = "text/plain"
    method: str = "GET"
    query: str = ""
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    routes: int = 0
    callers: int = 1
    overhead_limit: float | None = 0.5
    over_http_floor: float | None = None

    @property
    def application(self) -> str:
        """Which of a framework's applications answers this row."""
        return f"{self.routes} routes" if self.routes else SERVICE

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
        if not self.body:
            return list(HEADERS)
        return [*HEADERS, ("content-type", "application/json"), ("content-length", str(len(self.body)))]

    def check(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Raise `WrongAnswerError` unless this is the answer; header names are in lower case."""
        found = dict(headers)
        if status != self.status:
            raise WrongAnswerError(self, f"status {status} instead of {self.status}, body {body[:200]!r}")
        if len(found) != len(headers):
            raise WrongAnswerError(self, f"a header field comes twice: {headers}")
        if found.get("content-length") != str(len(body)):
            raise WrongAnswerError(
                self, f"content-length {found.get('content-length')}, the body has {len(body)} bytes"
            )
        if self.media_type and found.get("content-type", "").partition(";")[0] != self.media_type:
            raise WrongAnswerError(self, f"content-type {found.get('content-type')!r} instead of {self.media_type!r}")
        for name, value in self.headers.items():
            if found.get(name) != value:
                raise WrongAnswerError(self, f"header {name} is {found.get(name)!r} instead of {value!r}")
        if self.answer is not None and self.decode(body) != self.answer:
            raise WrongAnswerError(self, f"body {body[:200]!r} instead of {self.answer!r}")

    def decode(self, body: bytes) -> Any:
        """Give the body as this row's answer is written: text, or the JSON value."""
        return body.decode() if isinstance(self.answer, str) else json.loads(body)


class WrongAnswerError(Exception):
    """A framework did not answer a row as it must, so its time would mean nothing."""

    def __init__(self, row: Row, reason: str) -> None:
        super().__init__(f"row {row.name!r}, {row.method} {row.target}: {reason}")


ROWS: Final = (
    Row("text", "/text", GREETING, overhead_limit=0.7, over_http_floor=0.92),
    Row("JSON", "/json", {"message": GREETING}, "application/json", over_http_floor=0.92),
    Row("path + query", "/users/{}/items", {"id": NUMBERS, "q": "books"}, "application/json", query="q=books"),
    Row("JSON echo", "/echo", ORDER, "application/json", method="POST", body=json.dumps(ORDER).encode()),
    Row("class view", "/class", GREETING, overhead_limit=0.7),
    Row("hooks", "/hooks", GREETING, headers={"x-before": "1", "x-after": "1"}, overhead_limit=0.7),
    Row("404", "/missing", None, None, status=404),
    Row("10 routes", "/r9/{}", NUMBERS, routes=10, overhead_limit=None),
    Row("1000 routes", "/r999/{}", NUMBERS, routes=1000, overhead_limit=0.7),
    Row("sync, 64 callers", "/sync", GREETING, callers=64, over_http_floor=0.5),
)
