from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

import responder
from responder import (
    ConfigurationError,
    HTTPError,
    Problem,
    Request,
    Response,
    Router,
    ServiceUnavailable,
    UnsafeRedirect,
    abort,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Caller

    from responder.testing import Session

    Declare = Callable[[Exception], None]

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def failing(error: BaseException) -> Callable[[Request, Response], Any]:
    """Give a view that raises `error`."""

    def view(req: Request, resp: Response) -> None:
        raise error

    return view


# What the client is told


def test_abort_is_a_problem_document(api: responder.API, session: Session) -> None:
    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        abort(404, "No such pet.", headers={"X-Hint": "try /pets"})

    response = session.get("/")
    assert response.status_code == 404
    assert response.json() == {"status": 404, "title": "Not Found", "detail": "No such pet."}
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Hint"] == "try /pets"


def test_a_problem_carries_its_members(api: responder.API, session: Session) -> None:
    problem = Problem(409, title="Out of credit", type="https://example.com/credit", instance="/accounts/1", balance=30)
    api.add_route("/", failing(problem))
    assert session.get("/").json() == {
        "status": 409,
        "title": "Out of credit",
        "type": "https://example.com/credit",
        "instance": "/accounts/1",
        "balance": 30,
    }


def test_a_browser_gets_a_small_page(api: responder.API, session: Session) -> None:
    api.add_route("/", failing(HTTPError(404, "No <b>such</b> pet.", {"X-Hint": "1"})))
    response = session.get("/", headers=BROWSER)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["X-Hint"] == "1"
    assert "<h1>404 Not Found</h1><p>No &lt;b&gt;such&lt;/b&gt; pet.</p>" in response.text


def test_a_page_without_a_detail_has_its_title_alone(api: responder.API, session: Session) -> None:
    response = session.get("/missing", headers=BROWSER)
    assert "<h1>404 Not Found</h1></body>" in response.text


def test_a_page_shows_the_title_of_a_problem_escaped(api: responder.API, session: Session) -> None:
    api.add_route("/", failing(Problem(409, title="Out of <credit>")))
    assert "<h1>409 Out of &lt;credit&gt;</h1>" in session.get("/", headers=BROWSER).text


@pytest.mark.parametrize("headers", [{}, BROWSER])
def test_nothing_of_the_inside_is_in_a_500(api: responder.API, session: Session, headers: dict[str, str]) -> None:
    api.add_route("/", failing(ValueError("password=hunter2")))
    response = session.get("/", headers=headers)
    assert response.status_code == 500
    assert "Internal Server Error" in response.text
    assert not any(secret in response.text for secret in ("hunter2", "ValueError", "Traceback", ".py"))


def test_an_unsafe_redirect_is_a_400(api: responder.API, session: Session) -> None:
    api.add_route("/", lambda req, resp: resp.redirect(req.params["next"]))
    response = session.get("/?next=//evil.example/")
    assert response.status_code == 400
    assert "evil" not in response.text


def test_a_full_queue_says_when_to_try_again(api: responder.API, session: Session) -> None:
    api.add_route("/", failing(ServiceUnavailable("Busy.", retry_after=7)))
    response = session.get("/")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "7")


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), StopIteration("x"), GeneratorExit()])
def test_what_would_end_the_server_is_a_500_from_a_sync_view(
    api: responder.API, session: Session, error: BaseException
) -> None:
    api.add_route("/", failing(error))
    api.add_route("/alive", lambda req, resp: "alive")
    assert session.get("/").status_code == 500
    assert session.get("/alive").text == "alive"


# Exception handlers


def test_a_handler_answers_an_exception(api: responder.API, session: Session) -> None:
    @api.exception_handler(ZeroDivisionError)
    async def handle(req: Request, resp: Response, error: ZeroDivisionError) -> None:
        resp.text = f"handled {error}"
        resp.status_code = 418

    api.add_route("/", failing(ZeroDivisionError("it")))
    with api.session() as strict:
        response = strict.get("/")
    assert (response.status_code, response.text) == (418, "handled it")


def test_a_handler_may_return_what_a_view_may_return(api: responder.API, session: Session) -> None:
    @api.exception_handler(ZeroDivisionError)
    def handle(req: Request, resp: Response, error: ZeroDivisionError) -> Any:
        return {"error": str(error)}, 400

    api.add_route("/", failing(ZeroDivisionError("it")))
    response = session.get("/")
    assert (response.status_code, response.json()) == (400, {"error": "it"})


def test_a_sync_handler_may_be_told_not_to_block(api: responder.API, session: Session) -> None:
    @api.exception_handler(ZeroDivisionError, block=False)
    def handle(req: Request, resp: Response, error: ZeroDivisionError) -> str:
        return "handled"

    api.add_route("/", failing(ZeroDivisionError()))
    assert session.get("/").text == "handled"


def test_the_handler_of_the_nearest_class_wins(api: responder.API, session: Session) -> None:
    for kind in (Exception, ArithmeticError, LookupError, 500):
        api.exception_handler(kind)(lambda req, resp, error, kind=kind: getattr(kind, "__name__", str(kind)))
    api.add_route("/arithmetic", failing(ZeroDivisionError()))
    api.add_route("/value", failing(ValueError()))
    assert session.get("/arithmetic").text == "ArithmeticError"
    assert session.get("/value").text == "500"


def test_without_one_for_its_status_the_handler_for_every_exception_answers(
    api: responder.API, session: Session
) -> None:
    api.exception_handler(Exception)(lambda req, resp, error: f"any {type(error).__name__}")
    api.add_route("/", failing(ValueError()))
    assert session.get("/").text == "any ValueError"
    assert session.get("/missing").text == "any HTTPError"


def test_a_class_beats_a_status_and_a_status_beats_http_error(api: responder.API, session: Session) -> None:
    api.exception_handler(Problem)(lambda req, resp, error: "Problem")
    api.exception_handler(409)(lambda req, resp, error: "409")
    api.exception_handler(HTTPError)(lambda req, resp, error: "HTTPError")
    api.add_route("/problem", failing(Problem(409)))
    api.add_route("/conflict", failing(HTTPError(409)))
    api.add_route("/gone", failing(HTTPError(410)))
    assert [session.get(path).text for path in ("/problem", "/conflict", "/gone")] == ["Problem", "409", "HTTPError"]


def test_the_status_of_an_unsafe_redirect_is_400(api: responder.API, session: Session) -> None:
    api.exception_handler(400)(lambda req, resp, error: type(error).__name__)
    api.add_route("/", failing(UnsafeRedirect("away")))
    assert session.get("/").text == "UnsafeRedirect"


def test_the_nearest_router_wins_even_over_a_nearer_class(api: responder.API, session: Session) -> None:
    outer, inner = Router(prefix="/outer"), Router(prefix="/inner")
    api.exception_handler(ZeroDivisionError)(lambda req, resp, error: "api")
    outer.exception_handler(Exception)(lambda req, resp, error: "outer")
    for router in (api, outer, inner):
        router.add_route("/fail", failing(ZeroDivisionError()))
    outer.include(inner)
    api.include(outer)
    paths = ("/fail", "/outer/fail", "/outer/inner/fail")
    assert [session.get(path).text for path in paths] == ["api", "outer", "outer"]


def test_404_and_405_have_handlers_of_their_own(api: responder.API, session: Session) -> None:
    @api.exception_handler(404)
    def missing(req: Request, resp: Response, error: HTTPError) -> Any:
        return "nothing here", 404

    @api.exception_handler(405)
    def refused(req: Request, resp: Response, error: HTTPError) -> Any:
        return f"only {error.headers['Allow']}", 405

    api.add_route("/", lambda req, resp: None, methods=["GET"])
    assert session.get("/missing").text == "nothing here"
    assert session.post("/").text == "only GET, HEAD, OPTIONS"


def test_a_handler_sees_the_error_of_each_request_anew(api: responder.API, session: Session) -> None:
    seen: list[HTTPError] = []
    api.exception_handler(404)(lambda req, resp, error: seen.append(error))
    session.get("/a")
    session.get("/b")
    assert seen[0] is not seen[1]


def test_an_async_view_that_fails_meets_the_same_handlers(api: responder.API, session: Session) -> None:
    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        raise KeyError("x")

    api.exception_handler(LookupError)(lambda req, resp, error: "handled")
    assert session.get("/").text == "handled"


def test_media_that_cannot_be_encoded_meets_the_handlers_too(api: responder.API, session: Session) -> None:
    api.add_route("/", lambda req, resp: [object()])
    api.exception_handler(TypeError)(lambda req, resp, error: "handled")
    assert session.get("/").text == "handled"


@pytest.mark.parametrize("kind", [399, 600, True, "404", int, BaseException, None])
def test_a_handler_for_what_is_no_failure_is_refused(api: responder.API, kind: Any) -> None:
    with pytest.raises(ConfigurationError, match="an exception class or a status from 400 to 599"):
        api.exception_handler(kind)


def test_a_second_handler_for_one_kind_is_refused(api: responder.API) -> None:
    def first(req: Request, resp: Response, error: Exception) -> None: ...

    api.exception_handler(404)(first)
    with pytest.raises(ConfigurationError, match=r"first already handles 404 here"):
        api.exception_handler(404)(first)


# What survives a failure


def test_headers_of_before_hooks_survive_a_failure(api: responder.API, session: Session) -> None:
    @api.before_request
    def prepare(req: Request, resp: Response) -> None:
        resp.headers["X-Pizza"] = "42"
        resp.cookies["visited"] = "yes"

    api.add_route("/", failing(ValueError()))
    for path, status in (("/", 500), ("/missing", 404)):
        response = session.get(path)
        assert (response.status_code, response.headers["X-Pizza"]) == (status, "42")
        assert response.headers["Set-Cookie"].startswith("visited=yes;")


@pytest.mark.parametrize("is_async", [True, False])
def test_nothing_that_the_failing_view_has_set_survives(
    api: responder.API,
    session: Session,
    is_async: bool,  # noqa: FBT001 - pytest hands it over
) -> None:
    done: list[str] = []
    api.before_request(lambda req, resp: resp.headers.update({"X-Before": "1"}))

    def fill(req: Request, resp: Response) -> None:
        resp.headers["X-View"] = "1"
        resp.headers["X-Before"] = "2"
        resp.cookies["view"] = "1"
        resp.etag = "v1"
        resp.mimetype = "text/csv"
        resp.text = "half done"
        resp.status_code = 201
        resp.background(done.append, "background")
        raise ValueError("in the middle")

    async def async_fill(req: Request, resp: Response) -> None:
        fill(req, resp)

    api.add_route("/", async_fill if is_async else fill)
    response = session.get("/")
    assert (response.status_code, response.json()) == (500, {"status": 500, "title": "Internal Server Error"})
    assert dict(response.headers) == {
        "content-type": "application/problem+json",
        "content-length": response.headers["Content-Length"],
        "x-before": "1",
    }
    session.close()
    assert done == []


def test_headers_of_before_hooks_survive_their_own_failure(api: responder.API, session: Session) -> None:
    api.before_request(lambda req, resp: resp.headers.update({"X-First": "1"}))

    @api.before_request
    def fail(req: Request, resp: Response) -> None:
        resp.headers["X-Second"] = "2"
        abort(403)

    response = session.get("/")
    assert (response.status_code, response.headers.get("X-First"), response.headers.get("X-Second")) == (403, "1", "2")


def test_after_hooks_see_the_response_of_a_failure(api: responder.API, session: Session) -> None:
    @api.after_request
    async def stamp(req: Request, resp: Response) -> None:
        resp.headers["X-Seen"] = f"{resp.status_code} {resp.media['title']}"

    api.add_route("/", failing(HTTPError(409)))
    assert session.get("/").headers["X-Seen"] == "409 Conflict"


# Failures of what handles failures


def broken_handler(req: Request, resp: Response, error: Exception) -> None:
    resp.headers["X-Handler"] = "1"
    raise KeyError("in the handler")


def test_a_handler_that_fails_is_a_500_that_passes_the_after_hooks(
    api: responder.API, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    api.exception_handler(ZeroDivisionError)(broken_handler)
    api.after_request(lambda req, resp: resp.headers.update({"X-After": "1"}))
    api.add_route("/", failing(ZeroDivisionError("in the view")))
    response = session.get("/")
    assert (response.status_code, response.headers["X-After"], response.headers.get("X-Handler")) == (500, "1", None)
    assert "in the handler" in caplog.text


def test_the_log_of_a_handler_that_fails_shows_what_it_was_handling(
    api: responder.API, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    api.exception_handler(ZeroDivisionError)(broken_handler)
    api.add_route("/", failing(ZeroDivisionError("in the view")))
    session.get("/")
    assert "in the view" in caplog.text


def test_a_handler_may_raise_another_answer(api: responder.API, session: Session) -> None:
    @api.exception_handler(ZeroDivisionError)
    def handle(req: Request, resp: Response, error: ZeroDivisionError) -> None:
        abort(422, "No division by zero.")

    api.add_route("/", failing(ZeroDivisionError()))
    assert session.get("/").json()["detail"] == "No division by zero."


def test_a_handler_may_raise_what_it_was_given(api: responder.API) -> None:
    @api.exception_handler(ZeroDivisionError)
    def handle(req: Request, resp: Response, error: ZeroDivisionError) -> None:
        raise error

    api.add_route("/", failing(ZeroDivisionError("it")))
    with api.session() as strict, pytest.raises(ZeroDivisionError, match="it"):
        strict.get("/")


def test_a_failing_after_hook_is_a_500_and_does_not_run_again(api: responder.API, session: Session) -> None:
    runs: list[str] = []

    @api.after_request
    def fail(req: Request, resp: Response) -> None:
        runs.append("after")
        resp.headers["X-After"] = "1"
        raise KeyError("in the after hook")

    api.add_route("/", lambda req, resp: "fine")
    response = session.get("/")
    assert (response.status_code, response.headers.get("X-After"), runs) == (500, None, ["after"])


def test_a_failing_after_hook_has_its_handler(api: responder.API, session: Session) -> None:
    @api.after_request
    def fail(req: Request, resp: Response) -> None:
        raise KeyError("in the after hook")

    api.exception_handler(KeyError)(lambda req, resp, error: "handled")
    assert session.get("/").text == "handled"


def test_a_failing_view_handler_and_after_hook_are_still_one_500(
    api: responder.API, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    runs: list[str] = []

    @api.after_request
    def fail(req: Request, resp: Response) -> None:
        runs.append("after")
        raise KeyError("in the after hook")

    api.exception_handler(ZeroDivisionError)(broken_handler)
    api.exception_handler(KeyError)(broken_handler)
    api.add_route("/", failing(ZeroDivisionError()))
    response = session.get("/")
    assert (response.status_code, response.json()["title"], runs) == (500, "Internal Server Error", ["after"])
    assert len(caplog.messages) == 2


def test_an_after_hook_that_fails_after_a_handled_failure_is_a_500(api: responder.API, session: Session) -> None:
    @api.after_request
    def fail(req: Request, resp: Response) -> None:
        raise KeyError("in the after hook")

    api.exception_handler(ZeroDivisionError)(lambda req, resp, error: "handled")
    api.add_route("/", failing(ZeroDivisionError()))
    assert session.get("/").status_code == 500


def test_a_handler_whose_answer_cannot_be_encoded_is_a_500(api: responder.API, session: Session) -> None:
    api.exception_handler(ZeroDivisionError)(lambda req, resp, error: {"error": error})
    api.add_route("/", failing(ZeroDivisionError()))
    assert session.get("/").status_code == 500


# The log


def test_a_mistake_is_one_record_with_its_traceback(
    api: responder.API, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    api.add_route("/", failing(ValueError("the reason")))
    session.get("/?token=secret")
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("responder", logging.ERROR)
    assert record.getMessage() == "'GET' '/' failed: ValueError"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the reason"


@pytest.mark.parametrize("error", [HTTPError(503), Problem(409), UnsafeRedirect("away")])
def test_an_answer_is_not_logged(
    api: responder.API, session: Session, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    api.add_route("/", failing(error))
    session.get("/")
    assert caplog.records == []


def test_a_handled_exception_is_not_logged(
    api: responder.API, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    api.exception_handler(ValueError)(lambda req, resp, error: "handled")
    api.add_route("/", failing(ValueError()))
    session.get("/")
    assert caplog.records == []


@pytest.mark.parametrize("path", ["/a\nb", "/a\r\n2026-01-01 ERROR forged", "/\x1b[31m", "/\u2028", "/\x85\x00"])
def test_a_path_cannot_forge_a_line_of_the_log(
    api: responder.API, caplog: pytest.LogCaptureFixture, call: Caller, path: str
) -> None:
    api.add_route("/{rest:path}", failing(ValueError()))
    raw = "".join(f"%{byte:02X}" for byte in path[1:].encode())
    assert call(api, f"/{raw}".encode(), path=path).status == 500
    (message,) = caplog.messages
    assert message.isprintable()


# Debug mode


@pytest.mark.parametrize("client", [("127.0.0.1", 1), ("::1", 1), ("127.8.8.8", 1)])
def test_in_debug_mode_a_client_on_this_machine_gets_a_traceback_page(call: Caller, client: tuple[str, int]) -> None:
    api = responder.API(debug=True)
    api.add_route("/", failing(ValueError("the reason")))
    answer = call(api, headers=[(b"accept", b"text/html"), (b"authorization", b"Bearer hunter2")], client=client)
    page = answer.body.decode()
    assert (answer.status, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "the reason" in page
    assert "hunter2" not in page


@pytest.mark.parametrize("client", [("192.0.2.1", 1), ("testclient", 1), ("", 1), None])
@pytest.mark.parametrize("accept", [b"text/html", b"application/json"])
def test_in_debug_mode_nobody_else_does(call: Caller, client: tuple[str, int] | None, accept: bytes) -> None:
    api = responder.API(debug=True)
    api.add_route("/", failing(ValueError("the reason")))
    answer = call(api, headers=[(b"accept", accept)], client=client)
    assert answer.status == 500
    assert b"the reason" not in answer.body


@pytest.mark.parametrize("name", [b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"])
def test_in_debug_mode_a_proxy_on_this_machine_gets_nothing_for_others(call: Caller, name: bytes) -> None:
    api = responder.API(debug=True)
    api.add_route("/", failing(ValueError("the reason")))
    answer = call(api, headers=[(name, b"198.51.100.7")], client=("127.0.0.1", 1))
    assert b"the reason" not in answer.body


def test_in_debug_mode_a_program_gets_the_reason_as_a_problem(call: Caller) -> None:
    api = responder.API(debug=True)
    api.add_route("/", failing(ValueError("the reason")))
    answer = call(api)
    assert (answer.status, answer.media["detail"]) == (500, "ValueError: the reason")


def test_debug_mode_leaves_answers_as_they_are(call: Caller) -> None:
    api = responder.API(debug=True)
    answer = call(api, b"/missing")
    assert answer.media == {"status": 404, "title": "Not Found"}


def test_debug_mode_may_be_turned_on_later(api: responder.API, call: Caller) -> None:
    api.add_route("/", failing(ValueError("the reason")))
    assert b"the reason" not in call(api).body
    api.debug = True
    assert b"the reason" in call(api).body


def test_an_exception_that_cannot_be_shown_is_a_500_all_the_same(call: Caller) -> None:
    class Unshowable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    api = responder.API(debug=True)
    api.add_route("/", failing(Unshowable()))
    assert call(api).status == 500


def test_a_body_that_breaks_off_because_the_client_left_is_no_mistake(
    api: responder.API, call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    @api.route("/")
    async def view(req: Request, resp: Response) -> None:
        await req.content
        await req.content

    async def leave() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await api(scope, leave, send)

    assert call(app).status == 400
    assert caplog.records == []


@pytest.mark.parametrize("name", [b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"])
def test_in_debug_mode_a_client_behind_a_proxy_on_this_machine_does_not(call: Caller, name: bytes) -> None:
    api = responder.API(debug=True)
    api.add_route("/", failing(ValueError("the reason")))
    answer = call(api, headers=[(b"host", b"example.com"), (name, b"127.0.0.1")], client=("127.0.0.1", 1))
    assert answer.status == 500
    assert b"the reason" not in answer.body


# What a client leaves out, and what it makes a view put where HTTP cannot carry it


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (lambda req: req.params["q"], "query parameter 'q'"),
        (lambda req: req.headers["X-Key"], "header 'X-Key'"),
        (lambda req: req.cookies["visit"], "cookie 'visit'"),
    ],
)
def test_a_value_that_the_client_did_not_send_is_a_400(
    api: responder.API, session: Session, caplog: pytest.LogCaptureFixture, read: Callable[[Request], str], what: str
) -> None:
    api.add_route("/", lambda req, resp: read(req))
    response = session.get("/")
    assert (response.status_code, response.json()["detail"]) == (400, f"The {what} is missing.")
    assert caplog.records == []


def test_a_missing_value_is_a_key_error_for_the_view(api: responder.API, session: Session) -> None:
    @api.route("/")
    def view(req: Request, resp: Response) -> str:
        try:
            return req.params["q"]
        except KeyError:
            return "all"

    assert session.get("/").text == "all"


@pytest.mark.parametrize("place", ["headers", "cookies"])
def test_a_clients_text_where_a_header_cannot_carry_it_is_a_400_and_one_line(
    api: responder.API, session: Session, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    @api.route("/")
    def view(req: Request, resp: Response) -> None:
        getattr(resp, place)["x-echo"] = req.params["text"]

    response = session.get("/", params={"text": "a\r\nx-injected: 1"})
    assert response.status_code == 400
    assert "x-injected" not in response.headers
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert record.exc_info is None


@pytest.mark.parametrize(("error", "status"), [(ValueError("x"), 500), (responder.HTTPError(409), 409)])
def test_a_handler_that_sets_no_status_answers_with_that_of_the_error(
    api: responder.API, session: Session, error: Exception, status: int
) -> None:
    api.add_route("/", failing(error))
    api.exception_handler(type(error))(lambda req, resp, error: "sorry")
    response = session.get("/")
    assert (response.status_code, response.text) == (status, "sorry")
