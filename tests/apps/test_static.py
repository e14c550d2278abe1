from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING, Any

import pytest

import responder
from responder.apps.static import FOREVER, REVALIDATED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Answer, Caller

CSS = b"body { color: teal }" * 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "docs").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("secret")
    (folder / ".env").write_text("secret")
    (folder / "docs" / ".hidden").write_text("secret")
    (folder / "index.html").write_text("<h1>home</h1>")
    (folder / "docs" / "index.html").write_text("<h1>docs</h1>")
    (folder / "site.css").write_bytes(CSS)
    (folder / "site.css.gz").write_bytes(gzip.compress(CSS))
    (folder / "site.css.br").write_bytes(b"brotli")
    (folder / "site.css.zst").write_bytes(b"zstandard")
    (folder / "plain.txt").write_text("plain")
    (folder / "only.txt.gz").write_bytes(gzip.compress(b"only"))
    (folder / "caf\u00e9 menu.txt").write_text("menu")
    return folder


@pytest.fixture
def api(folder: Path) -> responder.API:
    return responder.API(static_dir=folder)


@pytest.fixture
def get(call: Caller, api: responder.API) -> Callable[..., Answer]:
    def get(path: str, *, method: str = "GET", **headers: str) -> Answer:
        fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        return call(api, path.encode(), method=method, headers=fields)

    return get


# The folder


def test_a_file_is_served_below_the_route(get: Callable[..., Answer]) -> None:
    answer = get("/static/plain.txt")
    assert (answer.status, answer.body) == (200, b"plain")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == REVALIDATED
    assert get("/static/plain.txt", if_none_match=answer.headers["etag"]).status == 304
    assert get("/static/plain.txt", range="bytes=0-1").body == b"pl"


def test_head_and_other_methods(get: Callable[..., Answer]) -> None:
    assert get("/static/plain.txt", method="HEAD").headers["content-length"] == "5"
    answer = get("/static/plain.txt", method="POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_a_percent_encoded_name_is_found(get: Callable[..., Answer]) -> None:
    assert get("/static/caf%C3%A9%20menu.txt").body == b"menu"


def test_a_folder_is_its_index(get: Callable[..., Answer]) -> None:
    assert get("/static/").body == b"<h1>home</h1>"
    assert get("/static/docs/").body == b"<h1>docs</h1>"


def test_a_folder_without_its_slash_is_redirected(get: Callable[..., Answer]) -> None:
    for path in ("/static", "/static/docs"):
        answer = get(path)
        assert (answer.status, answer.headers["location"]) == (307, path + "/")


@pytest.mark.parametrize(
    "path",
    [
        "/static/missing.txt",
        "/static/empty",
        "/static/empty/",
        "/static/.env",
        "/static/.git/config",
        "/static/docs/.hidden",
        "/static/../static/plain.txt",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2fetc/passwd",
        "/static/..%5c..%5cetc%5cpasswd",
        "/static//etc/passwd",
        "/static/docs//index.html",
        "/static/plain.txt/",
        "/static/plain.txt%00.html",
        "/static/%0d%0aSet-Cookie:x",
        "/static/" + "x" * 256,
        "/static/" + "%F0%9F%98%80" * 100,
        "/static/" + "x/" * 2500,
        "/static/%ff",
        "/static/index.html/",
        "/static/only.txt",
    ],
)
def test_everything_else_is_a_404_that_tells_nothing(get: Callable[..., Answer], path: str) -> None:
    answer = get(path)
    assert answer.status == 404
    assert answer.media == {"status": 404, "title": "Not Found"}


def test_a_link_that_leads_out_is_a_404(get: Callable[..., Answer], folder: Path) -> None:
    (folder.parent / "secret").write_text("secret")
    (folder / "link.txt").symlink_to(folder.parent / "secret")
    assert get("/static/link.txt").status == 404


def test_a_file_that_may_not_be_read_or_is_none_is_a_404(get: Callable[..., Answer], folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    assert get("/static/fifo").status == 404


def test_a_file_is_there_when_it_is_there(get: Callable[..., Answer], folder: Path) -> None:
    assert get("/static/new.txt").status == 404
    (folder / "new.txt").write_text("new")
    assert get("/static/new.txt").body == b"new"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app.3f9c2b71aa04.js", FOREVER),
        ("app-3f9c2b71.css", FOREVER),
        ("app.3f9c2b71.js.map", FOREVER),
        ("app.js", REVALIDATED),
        ("report-20240101.pdf", REVALIDATED),
        ("app-deadbeef.js", REVALIDATED),
        ("app-3f9c2b7.js", REVALIDATED),
        ("app-settings.js", REVALIDATED),
        ("3f9c2b71aa04.js", REVALIDATED),
    ],
)
def test_a_name_with_a_hash_may_be_kept_for_ever(
    get: Callable[..., Answer], folder: Path, name: str, expected: str
) -> None:
    (folder / name).touch()
    assert get(f"/static/{name}").headers["cache-control"] == expected


# Siblings that are encoded beforehand


@pytest.mark.parametrize(
    ("accepted", "coding", "body"),
    [
        ("gzip, deflate, br, zstd", "br", b"brotli"),
        ("gzip;q=1.0, br;q=0.5", "gzip", b"\x1f\x8b"),
        ("zstd", "zstd", b"zstandard"),
        ("*", "br", b"brotli"),
        ("GZIP", "gzip", b"\x1f\x8b"),
    ],
)
def test_a_sibling_is_sent_to_who_can_read_it(
    get: Callable[..., Answer], accepted: str, coding: str, body: bytes
) -> None:
    answer = get("/static/site.css", accept_encoding=accepted)
    assert answer.headers["content-encoding"] == coding
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.body.startswith(body)


@pytest.mark.parametrize(
    "accepted", ["", "identity", "br;q=0, gzip;q=0, zstd;q=0", "compress", "br;q=x", "gzip;q=0.1, identity"]
)
def test_the_plain_file_is_sent_to_everybody_else(get: Callable[..., Answer], accepted: str) -> None:
    answer = get("/static/site.css", accept_encoding=accepted)
    assert answer.body == CSS
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"


def test_each_coding_has_an_entity_tag_of_its_own(get: Callable[..., Answer]) -> None:
    tags = {get("/static/site.css", accept_encoding=coding).headers["etag"] for coding in ("", "br", "gzip", "zstd")}
    assert len(tags) == 4


def test_a_304_for_an_encoded_sibling_tells_on_what_it_depends(get: Callable[..., Answer]) -> None:
    etag = get("/static/site.css", accept_encoding="br").headers["etag"]
    answer = get("/static/site.css", accept_encoding="br", if_none_match=etag)
    assert (answer.status, answer.headers["vary"]) == (304, "Accept-Encoding")


def test_a_sibling_that_leads_out_is_not_sent(get: Callable[..., Answer], folder: Path) -> None:
    (folder.parent / "secret").write_text("secret")
    (folder / "plain.txt.br").symlink_to(folder.parent / "secret")
    assert get("/static/plain.txt", accept_encoding="br").body == b"plain"


def test_a_file_without_siblings_depends_on_nothing(get: Callable[..., Answer]) -> None:
    assert "vary" not in get("/static/plain.txt", accept_encoding="br").headers


# Where it is


def test_another_route_and_folder(folder: Path) -> None:
    api = responder.API(static_dir=folder, static_route="/assets")
    assert api.requests.get("/assets/plain.txt").text == "plain"
    assert api.url_for("static", path="docs/a b.txt") == "/assets/docs/a%20b.txt"


def test_the_root_may_be_the_route(folder: Path) -> None:
    api = responder.API(static_dir=folder, static_route="/")

    @api.get("/view")
    def view(req: responder.Request, resp: responder.Response) -> str:
        return "view"

    assert api.requests.get("/plain.txt").text == "plain"
    assert api.requests.get("/").text == "<h1>home</h1>"
    assert api.requests.get("/view").text == "view"


def test_hooks_meet_static_files(api: responder.API) -> None:
    @api.after_request
    async def mark(req: responder.Request, resp: responder.Response) -> None:
        resp.headers["X-Pizza"] = "42"

    assert api.requests.get("/static/plain.txt").headers["X-Pizza"] == "42"


def test_the_default_folder_need_not_exist() -> None:
    assert responder.API().requests.get("/static/x").status_code == 404
    assert responder.API(static_dir=None).requests.get("/static/x").status_code == 404


def test_another_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(responder.ConfigurationError, match=r"missing.* is no folder"):
        responder.API(static_dir=tmp_path / "missing")


def test_a_route_has_to_start_with_a_slash(folder: Path) -> None:
    with pytest.raises(responder.ConfigurationError, match="starts with '/'"):
        responder.API(static_dir=folder, static_route="assets")


def test_folders_are_relative_to_the_file_that_makes_the_api(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "app.py").write_text("import responder\napi = responder.API()\n")
    monkeypatch.chdir("/")
    namespace: dict[str, Any] = {}
    exec(compile((folder.parent / "app.py").read_text(), str(folder.parent / "app.py"), "exec"), namespace)  # noqa: S102 - a module in a folder of its own
    assert namespace["api"].requests.get("/static/plain.txt").text == "plain"


# Single-page apps


@pytest.fixture
def page(api: responder.API) -> responder.API:
    api.add_route("/", static=True)

    @api.get("/api/pets")
    def pets(req: responder.Request, resp: responder.Response) -> list[str]:
        return ["rex"]

    return api


HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("path", ["/", "/pets/7", "/deep/er/link", "/pets/7/", "/user@example.com", "/static-ish"])
def test_a_page_is_the_answer_to_every_undefined_path(
    page: responder.API, get: Callable[..., Answer], path: str
) -> None:
    answer = get(path, accept=HTML)
    assert (answer.status, answer.body) == (200, b"<h1>home</h1>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == REVALIDATED
    assert "Accept" in answer.headers["vary"]


@pytest.mark.parametrize("headers", [{}, {"accept": "*/*"}, {"accept": "text/html"}, {"accept": "text/*"}])
def test_who_takes_anything_takes_a_page(
    page: responder.API, get: Callable[..., Answer], headers: dict[str, str]
) -> None:
    assert get("/pets/7", **headers).body == b"<h1>home</h1>"
    assert get("/pets/7", method="HEAD", **headers).headers["content-length"] == "13"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/unknown", {"accept": "application/json"}),
        ("/api/unknown", {"accept": "application/json, text/plain, */*"}),
        ("/api/unknown", {"accept": "application/json, text/html;q=0.5"}),
        ("/api/unknown", {"accept": "*/*", "sec_fetch_dest": "empty"}),
        ("/missing.js", {"accept": "*/*"}),
        ("/missing.js", {"accept": "*/*", "sec_fetch_dest": "script"}),
        ("/logo", {"accept": "image/avif,image/webp,*/*;q=0.8", "sec_fetch_dest": "image"}),
        ("/static/missing.js", {"accept": HTML}),
        ("/x", {"accept": "image/png"}),
    ],
)
def test_who_wants_something_else_gets_a_404(
    page: responder.API, get: Callable[..., Answer], path: str, headers: dict[str, str]
) -> None:
    assert get(path, **headers).status == 404


def test_a_request_for_data_gets_a_problem(page: responder.API, get: Callable[..., Answer]) -> None:
    answer = get("/api/unknown", accept="application/json")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_find_nothing(page: responder.API, get: Callable[..., Answer], method: str) -> None:
    assert get("/pets/7", method=method, accept=HTML).status == 404


def test_routes_and_files_come_before_the_page(page: responder.API, get: Callable[..., Answer]) -> None:
    assert get("/api/pets", accept=HTML).media == ["rex"]
    assert get("/plain.txt", accept=HTML).body == b"plain"
    assert get("/site.css", accept="*/*", sec_fetch_dest="style").body == CSS
    assert get("/docs/", accept=HTML).body == b"<h1>home</h1>"
    assert get("/.env", accept="*/*").status == 404


def test_a_browsers_navigation_gets_the_page(page: responder.API, get: Callable[..., Answer]) -> None:
    assert get("/v1.2/notes.page", accept=HTML, sec_fetch_dest="document").status == 200


def test_the_place_of_the_whole_service_does_not_count(page: responder.API, call: Caller) -> None:
    headers = [(b"accept", b"text/html")]
    assert call(page, b"/app/plain.txt", headers=headers, root_path="/app").body == b"plain"


def test_a_page_may_stand_below_a_path(api: responder.API, get: Callable[..., Answer]) -> None:
    api.add_route("/admin", static=True)
    assert get("/admin/users", accept=HTML).body == b"<h1>home</h1>"
    assert get("/admin/plain.txt").body == b"plain"
    assert get("/admin").headers["location"] == "/admin/"
    assert get("/other", accept=HTML).status == 404


def test_a_page_that_is_gone_is_a_404(page: responder.API, get: Callable[..., Answer], folder: Path) -> None:
    (folder / "index.html").unlink()
    assert get("/pets", accept=HTML).status == 404


def test_what_cannot_be_a_page_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(responder.ConfigurationError, match="there is none"):
        responder.API(static_dir=None).add_route("/", static=True)
    with pytest.raises(responder.ConfigurationError, match="takes a path and no view"):
        responder.API(static_dir=folder).add_route("/", print, static=True)
    with pytest.raises(responder.ConfigurationError, match="takes a path and no view"):
        responder.API(static_dir=folder).add_route(None, static=True)
    with pytest.raises(responder.ConfigurationError, match="is missing"):
        responder.API(static_dir=tmp_path / "static" / "empty").add_route("/", static=True)
    with pytest.raises(responder.ConfigurationError, match="static_route"):
        responder.API(static_dir=folder, static_route="/").add_route("/", static=True)
