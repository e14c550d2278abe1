"""The policies together: their order, that every response passes them, and that what is off is not there."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import responder
from responder import Compression, RateLimit, Router

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.conftest import Caller

    from responder import Request, Response

ORIGIN = "https://app.example"
EVERYTHING: dict[str, Any] = {
    "allowed_hosts": ["example.com"],
    "enable_hsts": True,
    "cors": True,
    "cors_params": {"allow_origins": [ORIGIN]},
    "security_headers": True,
    "rate_limit": RateLimit("1000/minute"),
    "compression": True,
}
FINISHED = {
    "strict-transport-security": "max-age=31536000",
    "access-control-allow-origin": ORIGIN,
    "x-frame-options": "DENY",
    "ratelimit-policy": '"default";q=1000;w=60',
}


def ask(call: Caller, api: responder.API, path: bytes = b"/", *fields: tuple[bytes, bytes], **scope: Any) -> Any:
    headers = [(b"origin", ORIGIN.encode()), *fields]
    return call(api, path, headers=headers, **({"scheme": "https"} | scope))


def is_finished(answer: Any) -> bool:
    return bool(FINISHED.items() <= answer.headers.items())


@pytest.fixture
def guarded() -> responder.API:
    return responder.API(**EVERYTHING)


# Every response


async def view(req: Request, resp: Response) -> None:
    resp.text = "view"


def sync_view(req: Request, resp: Response) -> None:
    resp.text = "view"


async def failing(req: Request, resp: Response) -> None:
    raise KeyError


@pytest.mark.parametrize(
    ("endpoint", "method", "status"),
    [
        (view, "GET", 200),
        (sync_view, "GET", 200),
        (view, "HEAD", 200),
        (view, "OPTIONS", 204),
        (view, "DELETE", 405),
        (failing, "GET", 500),
        (lambda req, resp: responder.abort(403), "GET", 403),
        (lambda req, resp: resp.no_content(), "GET", 204),
    ],
)
def test_every_response_is_finished(
    call: Caller, guarded: responder.API, endpoint: Any, method: str, status: int
) -> None:
    guarded.route("/", methods=["GET"])(endpoint)
    answer = ask(call, guarded, method=method)
    assert answer.status == status
    assert is_finished(answer)


@pytest.mark.parametrize("path", [b"/missing", b"/pets"])
def test_what_no_view_answers_is_finished(call: Caller, guarded: responder.API, path: bytes) -> None:
    guarded.get("/pets/")(view)
    answer = ask(call, guarded, path)
    assert answer.status in {404, 307}
    assert is_finished(answer)


def test_a_stream_is_finished(call: Caller, guarded: responder.API) -> None:
    @guarded.get("/")
    async def stream(req: Request, resp: Response) -> None:
        @resp.stream
        async def chunks() -> AsyncIterator[str]:
            yield "chunk"

    answer = ask(call, guarded)
    assert answer.body == b"chunk"
    assert is_finished(answer)


@pytest.mark.parametrize("place", ["before_request", "after_request"])
def test_a_hook_that_fails_is_finished(call: Caller, guarded: responder.API, place: str) -> None:
    guarded.get("/")(view)
    getattr(guarded, place)(failing)
    answer = ask(call, guarded)
    assert answer.status == 500
    assert is_finished(answer)


def test_what_an_around_hook_swallows_is_finished(call: Caller, guarded: responder.API) -> None:
    @guarded.around
    def around(req: Request, resp: Response) -> Iterator[None]:
        try:
            yield
        except KeyError:
            resp.text = "swallowed"

    guarded.get("/")(failing)
    answer = ask(call, guarded)
    assert (answer.status, answer.body) == (200, b"swallowed")
    assert is_finished(answer)


def test_what_a_handler_answers_is_finished(call: Caller, guarded: responder.API) -> None:
    @guarded.exception_handler(KeyError)
    async def handle(req: Request, resp: Response, error: KeyError) -> None:
        resp.text = "handled"

    guarded.get("/")(failing)
    answer = ask(call, guarded)
    assert (answer.status, answer.body) == (500, b"handled")
    assert is_finished(answer)


def test_a_refusal_is_finished_and_seen_by_after_hooks(call: Caller, guarded: responder.API) -> None:
    seen: list[int] = []

    @guarded.before_request
    async def before(req: Request, resp: Response) -> None:
        seen.append(0)

    @guarded.after_request
    async def after(req: Request, resp: Response) -> None:
        seen.append(resp.status_code)

    guarded.get("/")(view)
    answer = ask(call, guarded, b"/", (b"host", b"evil.example"))
    assert answer.status == 400
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert seen == [400]


def test_a_finisher_that_fails_is_a_mistake_that_the_others_finish(call: Caller, guarded: responder.API) -> None:
    @guarded.exception_handler(500)
    async def handle(req: Request, resp: Response, error: Exception) -> None:
        resp.media = object()

    @guarded.after_request
    async def after(req: Request, resp: Response) -> None:
        resp.headers["x-after"] = str(resp.status_code)

    @guarded.get("/")
    async def unencodable(req: Request, resp: Response) -> None:
        resp.media = object()

    answer = ask(call, guarded, b"/", (b"accept-encoding", b"gzip"))
    assert (answer.status, answer.media) == (500, {"status": 500, "title": "Internal Server Error"})
    assert is_finished(answer)
    assert answer.headers["x-after"] == "500"


def test_after_hooks_that_always_spoil_the_answer_leave_a_bare_500(call: Caller, guarded: responder.API) -> None:
    @guarded.after_request
    async def after(req: Request, resp: Response) -> None:
        resp.media = object()

    guarded.get("/")(view)
    answer = ask(call, guarded, b"/", (b"accept-encoding", b"gzip"))
    assert answer.status == 500
    assert is_finished(answer)


# Order


def test_a_guard_that_answers_ends_the_request(call: Caller, guarded: responder.API) -> None:
    seen: list[str] = []

    @guarded.around
    async def around(req: Request, resp: Response) -> AsyncIterator[None]:
        seen.append("in")
        yield
        seen.append("out")

    @guarded.get("/")
    async def never(req: Request, resp: Response) -> None:
        seen.append("view")

    @guarded.after_request
    async def after(req: Request, resp: Response) -> None:
        seen.append(f"after {resp.status_code}")

    answer = ask(call, guarded, scheme="http")
    assert answer.status == 307
    assert answer.headers["location"] == "https://example.com/"
    assert seen == ["after 307"]
    assert "ratelimit" not in answer.headers


def test_a_preflight_comes_before_hooks_csrf_and_limits(call: Caller, guarded: responder.API) -> None:
    @guarded.before_request
    async def log_in(req: Request, resp: Response) -> None:
        responder.abort(401)

    guarded.get("/")(view)
    fields = [(b"access-control-request-method", b"GET"), (b"cookie", b"a=1"), (b"sec-fetch-site", b"cross-site")]
    answer = ask(call, guarded, b"/", *fields, method="OPTIONS")
    assert answer.status == 204
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD"


# Rate limits stand where they were put


def statuses(api: responder.API, *paths: str) -> list[int]:
    with api.session() as session:
        return [session.get(path).status_code for path in paths]


def test_a_limit_of_a_router_counts_all_its_routes() -> None:
    api, router = responder.API(), Router(prefix="/v1", rate_limit=RateLimit("2/hour"))
    router.get("/a")(view)
    router.get("/b")(view)
    api.get("/free")(view)
    api.include(router)
    assert statuses(api, "/v1/a", "/v1/b", "/v1/a", "/v1/b", "/free") == [200, 200, 429, 429, 200]


def test_routes_with_limits_of_their_own_are_counted_apart() -> None:
    api = responder.API()
    api.get("/a", rate_limit=RateLimit("1/hour"))(view)
    api.get("/b", rate_limit=RateLimit("1/hour"))(view)
    assert statuses(api, "/a", "/b", "/a", "/b") == [200, 200, 429, 429]


def test_one_limit_on_two_routes_counts_both() -> None:
    api, limit = responder.API(), RateLimit("1/hour")
    api.get("/a", rate_limit=limit)(view)
    api.get("/b", rate_limit=limit)(view)
    assert statuses(api, "/a", "/b") == [200, 429]


def test_counts_stay_when_a_route_is_added() -> None:
    api = responder.API(rate_limit=RateLimit("2/hour"))
    api.get("/a")(view)
    assert statuses(api, "/a") == [200]
    api.get("/b")(view)
    assert statuses(api, "/b", "/a", "/missing") == [200, 429, 429]


def test_a_limit_may_look_into_the_session() -> None:
    async def log_in(req: Request, resp: Response) -> None:
        resp.session["user"] = req.params["name"]

    api = responder.API(rate_limit=RateLimit("1/hour", by=lambda req: req.session.get("user")))
    api.get("/in")(log_in)
    api.get("/")(view)
    with api.session() as session:
        answers = [session.get(path).status_code for path in ("/in?name=a", "/", "/", "/in?name=b")]
    assert answers == [200, 200, 429, 429]


# What is off


def test_an_api_without_options_adds_nothing(call: Caller) -> None:
    api = responder.API()
    api.get("/")(view)
    answer = call(api)
    assert [name for name, _ in answer.fields] == ["content-type", "content-length"]


def test_what_is_not_wanted_is_not_imported() -> None:
    source = """
import sys, responder
api = responder.API()
api.get("/")(lambda req, resp: "x")
loaded = {name for name in sys.modules if name.startswith("responder.policies")}
unwanted = {"compression", "cors", "hosts", "https", "proxies", "rates", "security_headers"}
found = sorted(loaded & {f"responder.policies.{name}" for name in unwanted})
found += sorted({"itsdangerous", "redis", "sqlite3", "limits", "brotli", "secrets"} & set(sys.modules))
print(*found)
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)  # noqa: S603 - our own words
    assert done.stdout == "\n"


def test_compressed_bodies_are_read_only_where_that_is_wanted() -> None:
    for compression, status in ((False, 415), (True, 415), (Compression(requests=True), 400)):
        api = responder.API(compression=compression)

        @api.post("/")
        async def read(req: Request, resp: Response) -> None:
            resp.content = await req.content

        headers = {"Content-Encoding": "gzip"}
        assert api.requests.post("/", data=b"no gzip", headers=headers).status_code == status
