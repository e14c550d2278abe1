"""Reading / Writing Cookies."""

from __future__ import annotations

from http.cookies import SimpleCookie

import responder
from responder import Request, Response

api = responder.API()


@api.route("/write")
def write(req: Request, resp: Response) -> None:
    resp.cookies["hello"] = "world"


@api.route("/read")
def read(req: Request, resp: Response) -> None:
    resp.media = req.cookies


@api.route("/directives")
def directives(req: Request, resp: Response) -> None:
    resp.set_cookie("hello", value="world", max_age=60)


@api.route("/every-directive")
def every_directive(req: Request, resp: Response) -> None:
    resp.set_cookie(
        key="hello", value="", expires=None, max_age=None, domain="example.com", path="/x", secure=True, httponly=False
    )


def test_a_cookie_that_was_written_is_read_in_the_next_request() -> None:
    with api.session() as session:
        assert session.get("http://;/read").json() == {}
        session.get("http://;/write")
        assert session.get("http://;/read").json() == {"hello": "world"}


def test_set_cookie_takes_directives() -> None:
    with api.session() as session:
        morsel = SimpleCookie(session.get("http://;/directives").headers["Set-Cookie"])["hello"]
    assert (morsel.value, morsel["max-age"], morsel["path"]) == ("world", "60", "/")
    assert morsel["httponly"]
    assert not morsel["secure"]


def test_the_defaults_of_every_directive_may_be_changed() -> None:
    with api.session() as session:
        morsel = SimpleCookie(session.get("http://;/every-directive").headers["Set-Cookie"])["hello"]
    assert (morsel.value, morsel["domain"], morsel["path"]) == ("", "example.com", "/x")
    assert not morsel["httponly"]
    assert morsel["secure"]


def test_cookies_set_by_name_get_the_defaults_of_set_cookie() -> None:
    with api.session() as session:
        morsel = SimpleCookie(session.get("http://;/write").headers["Set-Cookie"])["hello"]
    assert (morsel["path"], morsel["httponly"], morsel["expires"], morsel["max-age"]) == ("/", True, "", "")
