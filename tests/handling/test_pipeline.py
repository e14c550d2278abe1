"""Where sync and async stages run, and what a request leaves behind."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import responder
from responder import Request, Response, Threads, abort
from responder.handling.threads import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Caller

    from responder.testing import Session

    Hook = Callable[[Request, Response], Any]

USER: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count the hand-overs to worker threads."""
    counted: list[str] = []
    submit = WorkerPool.submit

    def counting(self: WorkerPool, function: Callable[..., Any], *args: Any) -> Any:
        counted.append(function.__name__)
        return submit(self, function, *args)

    monkeypatch.setattr(WorkerPool, "submit", counting)
    return counted


def sync_stage(req: Request, resp: Response) -> None: ...


async def async_stage(req: Request, resp: Response) -> None: ...


def sync_around(req: Request, resp: Response) -> Iterator[None]:
    yield


async def async_around(req: Request, resp: Response) -> Any:
    yield


def wait_until(is_true: Callable[[], object]) -> Any:
    """Give the event loop turns until something has come true."""

    async def turn() -> None:
        while not is_true():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.001)

    return asyncio.wait_for(turn(), timeout=10)


def test_hooks_and_view_that_are_all_sync_share_one_hop(api: responder.API, session: Session, hops: list[str]) -> None:
    api.before_request(sync_stage)
    api.after_request(sync_stage)
    api.around(sync_around)
    api.add_route("/", sync_stage, before=[sync_stage, sync_stage], after=sync_stage, around=sync_around)
    assert session.get("/").status_code == 200
    assert len(hops) == 1


def test_on_request_and_on_get_share_one_hop(api: responder.API, session: Session, hops: list[str]) -> None:
    class Resource:
        def on_request(self, req: Request, resp: Response) -> None: ...

        def on_get(self, req: Request, resp: Response) -> None: ...

    api.add_route("/", Resource)
    session.get("/")
    assert len(hops) == 1


@pytest.mark.parametrize(
    ("before", "view", "after", "count"),
    [
        (async_stage, async_stage, async_stage, 0),
        (sync_stage, async_stage, async_stage, 1),
        (async_stage, sync_stage, sync_stage, 1),
        (sync_stage, sync_stage, async_stage, 1),
        (sync_stage, async_stage, sync_stage, 2),
    ],
)
def test_only_an_async_stage_in_between_costs_another_hop(  # noqa: PLR0913, PLR0917 - one row of the table
    api: responder.API, session: Session, hops: list[str], before: Hook, view: Hook, after: Hook, count: int
) -> None:
    api.add_route("/", view, before=before, after=after)
    session.get("/")
    assert len(hops) == count


def test_a_view_that_does_not_block_costs_no_hop(api: responder.API, session: Session, hops: list[str]) -> None:
    api.add_route("/", sync_stage, block=False)
    session.get("/")
    assert hops == []


def test_an_unknown_path_costs_no_hop(api: responder.API, session: Session, hops: list[str]) -> None:
    assert session.get("/missing").status_code == 404
    assert hops == []


def test_context_variables_go_from_async_hooks_to_sync_views(api: responder.API, session: Session) -> None:
    @api.before_request
    async def login(req: Request, resp: Response) -> None:
        USER.set("kenneth")

    api.add_route("/", lambda req, resp: USER.get())
    assert session.get("/").text == "kenneth"


def test_context_variables_go_from_sync_hooks_to_sync_views(api: responder.API, session: Session) -> None:
    api.before_request(lambda req, resp: (USER.set("kenneth"), None)[1])
    api.add_route("/", lambda req, resp: USER.get())
    assert session.get("/").text == "kenneth"


def test_context_variables_of_one_request_are_not_seen_by_the_next(api: responder.API, session: Session) -> None:
    @api.route("/")
    def view(req: Request, resp: Response) -> str:
        before = USER.get()
        USER.set("kenneth")
        return before

    assert [session.get("/").text, session.get("/").text] == ["nobody", "nobody"]


def test_worker_threads_are_gone_at_shutdown(api: responder.API) -> None:
    names: list[str] = []
    api.add_route("/", lambda req, resp: names.append(threading.current_thread().name))
    with api.session() as session:
        session.get("/")
    assert names == ["responder-worker-1"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("responder-worker")]


def test_there_are_no_more_threads_than_workers() -> None:
    api = responder.API(threads=Threads(workers=2, queue=100))
    busy = threading.Barrier(2)
    names: set[str] = set()

    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        busy.wait(timeout=10)  # as long as both workers are busy, a third would have to take the next call
        names.add(threading.current_thread().name)

    async def main() -> None:
        async with api.client() as client:
            await asyncio.gather(*(client.get("/") for _ in range(20)))

    asyncio.run(main())
    assert names == {"responder-worker-1", "responder-worker-2"}


def test_a_full_queue_is_a_503_with_retry_after() -> None:
    api = responder.API(threads=Threads(workers=1, queue=1))
    release = threading.Event()

    @api.route("/")
    def view(req: Request, resp: Response) -> str:
        release.wait(timeout=10)
        return "served"

    async def main() -> list[Any]:
        async with api.client() as client:
            waiting = [asyncio.create_task(client.get("/")) for _ in range(2)]
            await wait_until(lambda: any(board.pool.pending == 2 for board in api.boards.values()))
            refused = await client.get("/")
            release.set()
            return [refused, *await asyncio.gather(*waiting)]

    refused, *served = asyncio.run(main())
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert refused.json()["detail"] == "The service is busy. Try again in a moment."
    assert [answer.text for answer in served] == ["served", "served"]


def test_a_full_queue_leaves_async_views_alone() -> None:
    api = responder.API(threads=Threads(workers=1, queue=1))
    release = threading.Event()
    api.add_route("/sync", lambda req, resp: (release.wait(timeout=10), None)[1])
    api.add_route("/async", async_stage)

    async def main() -> int:
        async with api.client() as client:
            waiting = [asyncio.create_task(client.get("/sync")) for _ in range(2)]
            await wait_until(lambda: any(board.pool.pending == 2 for board in api.boards.values()))
            answer = await client.get("/async")
            release.set()
            await asyncio.gather(*waiting)
            return answer.status_code

    assert asyncio.run(main()) == 200


def test_sync_views_read_the_body_while_the_loop_serves_others(api: responder.API, session: Session) -> None:
    @api.route("/")
    def view(req: Request, resp: Response) -> Any:
        return {"content": len(req.content_sync), "text": req.text_sync, "media": req.media_sync()}

    assert session.post("/", json=[1]).json() == {"content": 3, "text": "[1]", "media": [1]}


def test_sync_hooks_and_handlers_read_the_body_too(api: responder.API, session: Session) -> None:
    @api.exception_handler(ZeroDivisionError)
    def handle(req: Request, resp: Response, error: Exception) -> str:
        return req.text_sync

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        raise ZeroDivisionError

    assert session.post("/", data=b"kept").text == "kept"


def test_the_view_has_at_most_three_of_our_frames_above_it(api: responder.API, call: Caller) -> None:
    package = responder.__file__.removesuffix("__init__.py")
    frames: list[str] = []

    async def view(req: Request, resp: Response) -> None:
        frame = sys._getframe(1)
        while frame.f_back is not None:
            if frame.f_code.co_filename.startswith(package):
                frames.append(frame.f_code.co_name)
            frame = frame.f_back

    api.add_route("/", view, before=async_stage, after=sync_stage, around=async_around)
    call(api)
    assert len(frames) <= 3


def test_nothing_of_a_request_stays_alive_after_it(api: responder.API) -> None:
    kept: list[weakref.ref[Any]] = []

    @api.route("/sync")
    def view(req: Request, resp: Response) -> None:
        kept.extend([weakref.ref(req), weakref.ref(resp)])

    @api.route("/async")
    async def async_view(req: Request, resp: Response) -> None:
        view(req, resp)

    @api.route("/fail", around=[sync_around, async_around])
    async def fail(req: Request, resp: Response) -> None:
        view(req, resp)
        abort(409)  # which no log keeps

    with api.session(raise_exceptions=False) as session:
        for path in ("/sync", "/async", "/fail", "/async"):
            session.get(path)
        assert all(not board.live for board in api.boards.values())
    gc.collect()
    assert [reference() for reference in kept] == [None] * 8
    assert not api.boards


def test_many_paths_and_hosts_leave_nothing_behind(api: responder.API, call: Caller) -> None:
    api.add_route("/{name}", async_stage)

    def size() -> int:
        gc.collect()
        return len(gc.get_objects())

    def ask(count: int) -> None:
        async def main() -> None:
            async with api.client() as client:
                for number in range(count):
                    await client.get(f"http://h{number}.example/{number}?q={number}")

        asyncio.run(main())

    ask(20)
    before = size()
    ask(200)
    assert size() - before < 150


def test_an_async_view_may_use_every_kind_of_stage_around_it(api: responder.API, session: Session) -> None:
    api.add_route("/", async_stage, before=sync_stage, after=sync_stage, around=[sync_around, async_around])
    assert session.get("/").status_code == 200


def test_the_api_serves_on_two_loops_at_once(api: responder.API) -> None:
    both = threading.Barrier(2)

    @api.route("/")
    def view(req: Request, resp: Response) -> str:
        both.wait(timeout=10)
        return "served"

    def serve(answers: list[str]) -> None:
        with api.session() as session:
            answers.append(session.get("/").text)

    answers: list[str] = []
    threads = [threading.Thread(target=serve, args=(answers,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["served", "served"]


def test_the_board_of_a_loop_that_was_closed_without_a_shutdown_goes_with_the_next(
    api: responder.API, call: Caller
) -> None:
    api.add_route("/", async_stage)
    for _ in range(3):
        assert call(api).status == 200
    assert len(api.boards) == 1


def test_sync_views_get_new_threads_on_a_new_loop(api: responder.API, call: Caller) -> None:
    api.add_route("/", sync_stage)
    assert [call(api).status, call(api).status] == [200, 200]


def test_a_view_that_waits_for_something_cancelled_is_a_500(call: Caller) -> None:
    api = responder.API()

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    assert call(api).status == 500


@pytest.mark.parametrize("block", [True, False])
def test_a_view_that_exits_is_a_500_and_the_server_goes_on(call: Caller, block: bool) -> None:  # noqa: FBT001 - pytest names it
    api = responder.API()

    @api.route("/async")
    async def view(req: Request, resp: Response) -> None:
        sys.exit(2)

    @api.route("/sync", block=block)
    def sync_view(req: Request, resp: Response) -> None:
        sys.exit(2)

    assert call(api, b"/async").status == 500
    assert call(api, b"/sync").status == 500


# Large answers in a format that takes long


class Noted:
    """A value whose encoder notes the thread that it runs on."""


@pytest.mark.parametrize(
    ("count", "accept", "is_inline"),
    [(3, "application/yaml", True), (5000, "application/yaml", False), (5000, "application/json", True)],
)
@pytest.mark.parametrize("headers", [{}, {"vary": "Origin"}])
def test_large_yaml_is_encoded_on_a_worker_thread(
    count: int, accept: str, headers: dict[str, str], *, is_inline: bool
) -> None:
    on_loop: list[bool] = []

    def note(_value: Noted) -> str:
        on_loop.append(asyncio._get_running_loop() is not None)
        return "noted"

    api = responder.API(encoders={Noted: note})

    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.media = [Noted(), *range(count)]
        resp.headers.update(headers)

    response = api.requests.get("/", headers={"Accept": accept})
    assert on_loop[-1] is is_inline
    assert response.status_code == 200
    assert response.headers["content-type"] == accept
    assert "Accept" in response.headers["vary"]
    assert response.headers["content-length"] == str(len(response.content))


def test_large_yaml_of_a_handler_and_with_a_content_type_of_its_own(api: responder.API, session: Session) -> None:
    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        raise KeyError

    @api.exception_handler(KeyError)
    async def handle(req: Request, resp: Response, error: KeyError) -> None:
        resp.status_code = 409
        resp.media = list(range(5000))
        resp.mimetype = "application/yaml"

    response = session.get("/")
    assert response.status_code == 409
    assert response.text.startswith("- 0\n- 1\n")
    assert "vary" not in response.headers


def test_large_yaml_that_cannot_be_encoded_is_a_mistake(api: responder.API) -> None:
    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        resp.media = [*range(5000), object()]

    with pytest.raises(responder.EncodeError, match=r"at \$\[5000\], of type object"):
        api.requests.get("/", headers={"Accept": "yaml"})
