"""Forms and uploads through the front door: views, hooks, limits and what is left behind."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - msgspec reads the annotation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import responder
from responder.exchange.form import FILES_IN_MEMORY
from responder.exchange.upload import UploadFile  # noqa: TC001 - as above

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Caller

    from responder.testing import Session

LARGE = b"x" * (FILES_IN_MEMORY + 1)


class Order(msgspec.Struct):
    item: str
    count: int = 1
    day: dt.date | None = None
    is_gift: bool = False
    tags: list[str] = []
    weights: list[float] = []
    photo: UploadFile | None = None


@pytest.fixture
def orders(api: responder.API) -> responder.API:
    @api.post("/")
    async def add(req: responder.Request, resp: responder.Response) -> dict[str, Any]:
        order = await req.media(Order)
        return {name: getattr(order, name) for name in Order.__struct_fields__[:-1]} | {
            "photo": order.photo and order.photo.size
        }

    @api.post("/sync")
    def add_sync(req: responder.Request, resp: responder.Response) -> dict[str, Any]:
        order = req.media_sync(Order)
        return {name: getattr(order, name) for name in Order.__struct_fields__[:-1]} | {
            "photo": order.photo and order.photo.size
        }

    return api


@pytest.mark.parametrize("path", ["/", "/sync"])
def test_a_form_fills_a_model(orders: responder.API, path: str) -> None:
    data = {"item": "pen", "count": "2", "day": "2024-02-29", "is_gift": "on", "tags": ["a", "b"]}
    expected = {
        "item": "pen",
        "count": 2,
        "day": "2024-02-29",
        "is_gift": True,
        "tags": ["a", "b"],
        "weights": [],
        "photo": None,
    }
    assert orders.requests.post(path, data=data).json() == expected
    files = {"photo": ("p.png", b"12345")}
    assert orders.requests.post(path, data=data, files=files).json() == expected | {"photo": 5}


def test_what_was_left_empty_has_its_default(orders: responder.API) -> None:
    answer = orders.requests.post("/", data={"item": "", "count": "", "day": "", "is_gift": "", "unknown": "x"})
    assert answer.json() == {
        "item": "",
        "count": 1,
        "day": None,
        "is_gift": False,
        "tags": [],
        "weights": [],
        "photo": None,
    }


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"item": "pen", "count": "two"},
        {"item": "pen", "day": "tomorrow"},
        {"item": "pen", "weights": ["1", "-Inf"]},
    ],
)
def test_a_form_that_does_not_fit_is_a_422(orders: responder.API, data: dict[str, str]) -> None:
    with orders.session(raise_exceptions=False) as session:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert session.post("/", data=data, headers=headers).status_code == 422


def test_a_plain_mapping_and_models_that_are_none(api: responder.API, session: Session) -> None:
    models: dict[str, Any] = {"mapping": dict[str, str], "none": dict[str, list[int] | tuple[int, ...]]}

    @api.post("/{name}")
    async def read(req: responder.Request, resp: responder.Response, *, name: str) -> Any:
        return await req.media(models[name])

    assert session.post("/mapping", data={"a": ["1", "2"]}).json() == {"a": "2"}
    assert session.post("/none", data={"a": "1"}).status_code == 500


def test_a_field_that_was_not_sent_is_a_400_that_names_it(api: responder.API, session: Session) -> None:
    @api.post("/")
    async def read(req: responder.Request, resp: responder.Response) -> None:
        (await req.media())["title"]

    answer = session.post("/", data={"a": "1"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "The form field 'title' is missing.")


def test_a_form_may_be_read_by_hooks_and_views_alike(api: responder.API) -> None:
    @api.before_request
    async def look(req: responder.Request, resp: responder.Response) -> None:
        req.state.first = await req.media()

    @api.post("/")
    def read(req: responder.Request, resp: responder.Response) -> dict[str, Any]:
        form = req.media_sync()
        return {"same": form is req.state.first, "content": form["file"].read_sync().decode()}

    assert api.requests.post("/", files={"file": b"hello"}).json() == {"same": True, "content": "hello"}


def test_a_body_that_was_read_gives_its_parts_from_memory(api: responder.API) -> None:
    @api.post("/")
    async def read(req: responder.Request, resp: responder.Response) -> dict[str, Any]:
        size = len(await req.content)
        return {"size": size, "parts": [[part.name, await part.text()] async for part in req.parts()]}

    assert api.requests.post("/", files={"a": b"1", "b": b"2"}).json()["parts"] == [["a", "1"], ["b", "2"]]


def test_a_form_can_be_answered_back(api: responder.API) -> None:
    @api.post("/")
    async def echo(req: responder.Request, resp: responder.Response) -> Any:
        return await req.media()

    answer = api.requests.post("/", data={"a": ["1", "2"]}, files={"f": ("x.png", b"123", "image/png")})
    assert answer.json() == {"a": "2", "f": {"filename": "x.png", "content_type": "image/png", "size": 3}}


def test_only_a_multipart_form_has_parts(api: responder.API, session: Session) -> None:
    @api.post("/")
    async def read(req: responder.Request, resp: responder.Response) -> None:
        req.parts()

    answer = session.post("/", data={"a": "1"})
    assert answer.status_code == 415
    assert "has no parts" in answer.json()["detail"]


LIMITS = responder.Limits(body=100_000, form_fields=3, field_size=1000, parts=4, part_headers=2)


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ([(f"f{n}", (None, "x")) for n in range(3)], 200),
        ([(f"f{n}", (None, "x")) for n in range(4)], 400),
        ([(f"f{n}", ("x", b"x")) for n in range(5)], 400),
        ([("f", (None, "x" * 1000))], 200),
        ([("f", (None, "x" * 1001))], 413),
        ([("f", ("x", b"x", "text/plain", {"a": "1"}))], 400),
        ([("f", ("x", b"x" * 100_000))], 413),
    ],
)
@pytest.mark.parametrize("path", ["/media", "/sync", "/parts"])
@pytest.mark.parametrize("is_declared", [True, False])
def test_limits_hold_on_every_path(files: list[Any], status: int, path: str, *, is_declared: bool) -> None:
    api = responder.API(limits=LIMITS)

    @api.post("/media")
    async def media(req: responder.Request, resp: responder.Response) -> None:
        await req.media()

    @api.post("/sync")
    def sync(req: responder.Request, resp: responder.Response) -> None:
        req.media_sync()

    @api.post("/parts")
    async def parts(req: responder.Request, resp: responder.Response) -> None:
        async for part in req.parts():
            if part.filename is None:
                await part.read()

    with api.session(raise_exceptions=False) as session:
        prepared = session.prepare_request(responder_request(files))
        body: bytes = prepared.body  # type: ignore[assignment] # made of bytes
        if not is_declared:
            del prepared.headers["Content-Length"]
            prepared.body = (body[start : start + 100] for start in range(0, len(body), 100))  # type: ignore[assignment] # requests streams it
        prepared.url = f"http://;{path}"
        assert session.send(prepared).status_code == status


def responder_request(files: list[Any]) -> Any:
    import requests

    return requests.Request("POST", "http://;/media", files=files)


def test_urlencoded_fields_are_counted(call: Caller) -> None:
    api = responder.API(limits=LIMITS)

    @api.post("/")
    async def media(req: responder.Request, resp: responder.Response) -> None:
        await req.media()

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    assert call(api, method="POST", headers=headers, body=[b"a=1&b=2", b"&c=3"]).status == 200
    assert call(api, method="POST", headers=headers, body=[b"a=1&b=2", b"&c=3&"]).status == 400


def test_a_large_yaml_body_is_read_on_a_thread_and_a_larger_one_refused(api: responder.API, session: Session) -> None:
    @api.post("/")
    async def media(req: responder.Request, resp: responder.Response) -> int:
        return {"items": len(await req.media())}  # type: ignore[return-value] # a dict, which the route takes

    headers = {"Content-Type": "application/yaml"}
    assert session.post("/", data="- item\n" * 5000, headers=headers).json() == {"items": 5000}
    assert session.post("/", data="- item\n" * 200_000, headers=headers).status_code == 413


# What is left behind


def open_temporary_files() -> int:
    """Count this process's files that have no name."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            count += "(deleted)" in str(link.readlink())
        except FileNotFoundError:
            continue
    return count


@pytest.fixture
def kept(api: responder.API) -> list[UploadFile]:
    kept: list[UploadFile] = []

    @api.post("/{what}")
    async def read(req: responder.Request, resp: responder.Response, *, what: str) -> dict[str, Any]:
        upload = (await req.media())["file"]
        kept.append(upload)
        if what == "fail":
            raise ValueError
        if what == "full":
            req.api.boards.current().file_pool._limit = 0
        return {"size": upload.size, "files": open_temporary_files()}

    return kept


@pytest.mark.parametrize("content", [b"small", LARGE])
@pytest.mark.parametrize("what", ["answer", "fail", "full"])
def test_an_upload_is_closed_with_its_request(
    api: responder.API, kept: list[UploadFile], content: bytes, what: str, wait_until: Callable[..., None]
) -> None:
    before = open_temporary_files()
    with api.session(raise_exceptions=False) as session:
        answer = session.post(f"/{what}", files={"file": content})
        if what != "fail":
            assert answer.json() == {"size": len(content), "files": before + (content is LARGE)}
        wait_until(lambda: open_temporary_files() == before)
    with pytest.raises(ValueError, match="closed"):
        kept[0].read_sync()


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Give a function that waits until something is so."""
    import time

    def wait(is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not is_so():
            assert time.monotonic() < end
            time.sleep(0.01)

    return wait


def test_a_stream_of_text_and_views_of_bytes_is_cut_into_pieces(api: responder.API) -> None:
    from responder.exchange.file import PIECE

    @api.get("/")
    async def stream(req: responder.Request, resp: responder.Response) -> None:
        pieces: list[Any] = ["a" * (PIECE + 1), memoryview(b"b" * (2 * PIECE)), bytearray(b"c"), b"", ""]
        resp.stream(pieces)

    assert api.requests.get("/").content == b"a" * (PIECE + 1) + b"b" * (2 * PIECE) + b"c"
