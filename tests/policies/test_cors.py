"""The cases of the CORS protocol (Fetch standard, section 3.2), and what a client may do to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import responder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.conftest import Answer, Caller

APP = "https://app.example.org"
EVIL = "https://evil.example"
HERE: dict[str, Any] = {"allow_origins": [APP]}
ANY: dict[str, Any] = {"allow_origins": ["*"]}
WITH_CREDENTIALS: dict[str, Any] = {**HERE, "allow_credentials": True}


def make(params: dict[str, Any] | None = None, **options: Any) -> responder.API:
    api = responder.API(cors=True, cors_params=params, **options)

    @api.route("/data")
    async def data(req: responder.Request, resp: responder.Response) -> None:
        resp.media = {"method": req.method}

    @api.get("/broken")
    async def broken(req: responder.Request, resp: responder.Response) -> None:
        raise ZeroDivisionError

    @api.post("/large")
    async def large(req: responder.Request, resp: responder.Response) -> None:
        await req.content

    @api.get("/tagged")
    async def tagged(req: responder.Request, resp: responder.Response) -> None:
        resp.etag = "one"

    @api.get("/own")
    async def own(req: responder.Request, resp: responder.Response) -> None:
        resp.headers["Access-Control-Allow-Origin"] = "https://own.example"

    return api


def ask(call: Caller, api: responder.API, origin: str | None, path: str = "/data", **options: Any) -> Answer:
    headers = [] if origin is None else [(b"origin", origin.encode("latin-1"))]
    return call(api, path.encode(), **{"headers": headers, **options})


def ask_first(  # noqa: PLR0913 - what a preflight has
    call: Caller,
    api: responder.API,
    method: str = "GET",
    names: str | None = None,
    *,
    origin: str = APP,
    path: str = "/data",
    more: Sequence[tuple[bytes, bytes]] = (),
) -> Answer:
    """Send a preflight."""
    headers = [(b"origin", origin.encode("latin-1")), (b"access-control-request-method", method.encode("latin-1"))]
    if names is not None:
        headers.append((b"access-control-request-headers", names.encode("latin-1")))
    return call(api, path.encode(), method="OPTIONS", headers=[*headers, *more])


def shared(answer: Answer) -> dict[str, str]:
    """Give the CORS fields, of which each may be there once."""
    fields = [(name[15:], value) for name, value in answer.fields if name.startswith("access-control-")]
    assert len(dict(fields)) == len(fields)
    return dict(fields)


def varies(answer: Answer) -> bool:
    return "Origin" in [value for name, value in answer.fields if name == "vary"]


# Who may read


@pytest.mark.parametrize(
    ("params", "origin", "wanted"),
    [
        (None, APP, None),
        (HERE, APP, APP),
        (HERE, EVIL, None),
        (HERE, None, None),
        ({"allow_origins": ["HTTPS://App.Example.org:443"]}, APP, APP),
        ({"allow_origins": ["http://localhost:3000"]}, "http://localhost:3000", "http://localhost:3000"),
        ({"allow_origins": ["http://localhost:3000"]}, "http://localhost:3001", None),
        ({"allow_origins": ["http://[::1]:80"]}, "http://[::1]", "http://[::1]"),
        ({"allow_origins": ["http://app.example.org"]}, APP, None),
        ({"allow_origins": ["null"]}, "null", "null"),
        (HERE, "null", None),
        (ANY, APP, "*"),
        (ANY, "null", "*"),
        (ANY, "anything", "*"),
        ({"allow_origins": ["*", APP]}, APP, "*"),
        (WITH_CREDENTIALS, APP, APP),
        (WITH_CREDENTIALS, EVIL, None),
        ({"allow_origin_regex": r"https://.*\.example\.org"}, APP, APP),
        ({"allow_origin_regex": r"https://.*\.example\.org"}, "https://a.b.example.org", "https://a.b.example.org"),
        ({"allow_origin_regex": r"https://.*\.example\.org"}, "https://app.example.org.evil.example", None),
        ({"allow_origin_regex": r"https://.*\.example\.org"}, "http://app.example.org", None),
        ({"allow_origin_regex": r"https://a\.example|https://b\.example"}, "https://b.example.evil.example", None),
        ({"allow_origin_regex": ".*"}, "null", None),
        ({"allow_origin_regex": ".*", "allow_origins": ["null"]}, "null", "null"),
        ({"allow_origin_regex": "http://localhost:[0-9]+", **HERE}, "http://localhost:5173", "http://localhost:5173"),
        ({"allow_origin_regex": "http://localhost:[0-9]+", **HERE}, APP, APP),
    ],
)
def test_who_may_read_an_answer(
    call: Caller, params: dict[str, Any] | None, origin: str | None, wanted: str | None
) -> None:
    answer = ask(call, make(params), origin)
    assert (answer.status, varies(answer)) == (200, True)
    assert shared(answer).get("allow-origin") == wanted


def test_a_foreign_origin_gets_no_field_at_all(call: Caller) -> None:
    api = make({**WITH_CREDENTIALS, "expose_headers": ["X-Total"]})
    assert [shared(ask(call, api, origin)) for origin in (EVIL, None)] == [{}, {}]


@pytest.mark.parametrize(
    "origin",
    [
        *("", " ", APP + "/", APP + " ", " " + APP, APP + ":443", APP + ".", APP.upper(), APP + "\x00", APP + "\xff"),
        *(f"{APP}, {APP}", f"{APP} {EVIL}", f"{APP}@evil.example", f"{APP}#", f"{APP}?", "app.example.org", "*"),
        *(f"{EVIL}/.example.org", f"{EVIL}?.example.org", f"{EVIL}\r\nX: y.example.org", f"{EVIL}\\.example.org"),
        "https://" + "a" * 10_000 + ".example.org",
    ],
)
@pytest.mark.parametrize("params", [HERE, {**HERE, "allow_origin_regex": r"(?is)https://.*\.example\.org"}])
def test_what_a_browser_does_not_write_is_no_origin(call: Caller, params: dict[str, Any], origin: str) -> None:
    assert shared(ask(call, make(params), origin)) == {}


def test_an_expression_that_takes_long_is_not_given_much(call: Caller) -> None:
    api = make({"allow_origin_regex": r"https://(?:[a-z]*)*x\.example"})
    assert shared(ask(call, api, "https://" + "a" * 100_000)) == {}


@pytest.mark.parametrize("params", [HERE, ANY])
@pytest.mark.parametrize("first", [APP, EVIL])
def test_two_origins_are_none(call: Caller, params: dict[str, Any], first: str) -> None:
    headers = [(b"origin", first.encode()), (b"origin", APP.encode())]
    answer = ask(call, make(params), None, headers=headers)
    assert (answer.status, shared(answer), varies(answer)) == (200, {}, True)


def test_other_fields_may_come_twice(call: Caller) -> None:
    headers = [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"origin", APP.encode())]
    assert shared(ask(call, make(HERE), None, headers=headers)) == {"allow-origin": APP}


def test_credentials_and_readable_headers_are_told(call: Caller) -> None:
    api = make({**WITH_CREDENTIALS, "expose_headers": ["X-Total", "Link"]})
    assert shared(ask(call, api, APP)) == {
        "allow-origin": APP,
        "allow-credentials": "true",
        "expose-headers": "X-Total, Link",
    }


def test_every_header_may_be_readable(call: Caller) -> None:
    assert shared(ask(call, make({**ANY, "expose_headers": ["*"]}), APP)) == {
        "allow-origin": "*",
        "expose-headers": "*",
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
def test_the_answer_to_any_method_is_for_allowed_origins(call: Caller, method: str) -> None:
    assert shared(ask(call, make(HERE), APP, method=method)) == {"allow-origin": APP}


ERRORS = [
    ("/nothing", "GET", 404),
    ("/data/", "GET", 307),
    ("/broken", "GET", 500),
    ("/broken", "POST", 405),
    ("/large", "POST", 413),
    ("/data", "OPTIONS", 204),
]


@pytest.mark.parametrize(("path", "method", "status"), ERRORS)
def test_errors_are_readable_too(call: Caller, path: str, method: str, status: int) -> None:
    api = make(HERE, limits=responder.Limits(body=3))
    answer = ask(call, api, APP, path, method=method, body=[b"large"])
    assert (answer.status, shared(answer), varies(answer)) == (status, {"allow-origin": APP}, True)


@pytest.mark.parametrize(("path", "method", "status"), ERRORS)
@pytest.mark.parametrize("origin", [EVIL, None])
def test_errors_are_not_readable_for_others(
    call: Caller, path: str, method: str, status: int, origin: str | None
) -> None:
    api = make(HERE, limits=responder.Limits(body=3))
    answer = ask(call, api, origin, path, method=method, body=[b"large"])
    assert (answer.status, shared(answer), varies(answer)) == (status, {}, True)


@pytest.mark.parametrize("place", ["before_request", "after_request"])
def test_the_failure_of_a_hook_is_readable(call: Caller, place: str) -> None:
    api = make(HERE)

    async def fail(req: responder.Request, resp: responder.Response) -> None:
        raise ZeroDivisionError

    getattr(api, place)()(fail)
    answer = ask(call, api, APP)
    assert (answer.status, shared(answer)) == (500, {"allow-origin": APP})


def test_the_answer_of_an_exception_handler_is_readable(call: Caller) -> None:
    api = make(HERE)

    @api.exception_handler(ZeroDivisionError)
    async def explain(req: responder.Request, resp: responder.Response, error: Exception) -> None:
        resp.text = "sorry"

    answer = ask(call, api, APP, "/broken")
    assert (answer.body, shared(answer)) == (b"sorry", {"allow-origin": APP})


def test_an_answer_that_has_not_changed_is_readable(call: Caller) -> None:
    answer = ask(call, make(HERE), None, "/tagged", headers=[(b"origin", APP.encode()), (b"if-none-match", b'"one"')])
    assert (answer.status, shared(answer)) == (304, {"allow-origin": APP})


def test_files_are_readable(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "font.woff2").write_bytes(b"font")
    answer = ask(call, make(HERE, static_dir=tmp_path), APP, "/static/font.woff2")
    assert (answer.body, shared(answer)) == (b"font", {"allow-origin": APP})


def test_the_origin_that_a_view_names_stays_alone(call: Caller) -> None:
    answer = ask(call, make(HERE), APP, "/own")
    assert (shared(answer), varies(answer)) == ({"allow-origin": "https://own.example"}, True)


def test_what_a_view_varies_by_stays(call: Caller) -> None:
    api = make(HERE)

    @api.get("/varies")
    async def varies_too(req: responder.Request, resp: responder.Response) -> None:
        resp.vary("Accept-Language")

    answer = ask(call, api, APP, "/varies")
    assert [value for name, value in answer.fields if name == "vary"] == ["Accept-Language", "Origin"]


def test_without_the_option_nothing_is_said(call: Caller) -> None:
    api = responder.API()
    api.get("/data")(lambda req, resp: None)
    answers = [ask(call, api, APP), ask_first(call, api)]
    assert [(answer.status, shared(answer), varies(answer)) for answer in answers] == [
        (200, {}, False),
        (204, {}, False),
    ]


# Preflights that are granted


SAFELISTED = "Accept, Accept-Language, Content-Language, Content-Type"
GRANTED = {"allow-origin": APP, "allow-methods": "GET, HEAD", "allow-headers": SAFELISTED, "max-age": "60"}


def test_a_preflight_is_answered(call: Caller) -> None:
    answer = ask_first(call, make(HERE))
    assert (answer.status, answer.body, shared(answer), varies(answer)) == (204, b"", GRANTED, True)


@pytest.mark.parametrize("path", ["/data", "/data/", "/nothing", "/large", "/static/a.txt", "//", "*"])
def test_a_preflight_is_answered_on_every_path(call: Caller, path: str) -> None:
    answer = ask_first(call, make(HERE), path=path)
    assert (answer.status, shared(answer)) == (204, GRANTED)


def test_a_preflight_is_answered_before_a_view_that_serves_options(call: Caller) -> None:
    api, seen = make(HERE), []

    @api.route("/options", methods=["OPTIONS"])
    async def options(req: responder.Request, resp: responder.Response) -> None:
        seen.append(req)

    assert shared(ask_first(call, api, path="/options")) == GRANTED
    assert seen == []
    assert shared(ask(call, api, APP, "/options", method="OPTIONS")) == {"allow-origin": APP}
    assert len(seen) == 1


def test_a_preflight_is_answered_before_hooks_and_csrf(call: Caller) -> None:
    api, seen = make(WITH_CREDENTIALS), []
    api.before_request()(lambda req, resp: seen.append(req))
    more = [(b"cookie", b"a=1"), (b"sec-fetch-site", b"cross-site")]
    assert ask_first(call, api, more=more).status == 204
    assert seen == []


@pytest.mark.parametrize(
    ("allowed", "method", "wanted"),
    [
        (["GET"], "GET", "GET, HEAD"),
        (["GET"], "HEAD", "GET, HEAD"),
        (["POST"], "POST", "POST"),
        (["HEAD"], "HEAD", "HEAD"),
        (["get", "Patch"], "PATCH", "GET, PATCH, HEAD"),
        (["GET", "HEAD", "PUT"], "PUT", "GET, HEAD, PUT"),
        (["DELETE"], "DELETE", "DELETE"),
        (["*"], "DELETE", "*"),
        (["*"], "GET", "*"),
        (["*"], "X-OWN", "*"),
        (["*", "GET"], "PATCH", "*"),
    ],
)
def test_methods_that_are_allowed(call: Caller, allowed: list[str], method: str, wanted: str) -> None:
    answer = ask_first(call, make({**HERE, "allow_methods": allowed}), method)
    assert (answer.status, shared(answer).get("allow-methods")) == (204, wanted)


@pytest.mark.parametrize(
    ("allowed", "asked", "wanted"),
    [
        ([], None, SAFELISTED),
        ([], "", SAFELISTED),
        ([], " , ,", SAFELISTED),
        ([], "content-type", SAFELISTED),
        ([], "accept,accept-language,content-language,content-type", SAFELISTED),
        (["X-Token"], "x-token", f"{SAFELISTED}, X-Token"),
        (["X-Token"], "X-TOKEN ,\tcontent-type", f"{SAFELISTED}, X-Token"),
        (["Authorization"], "authorization", f"{SAFELISTED}, Authorization"),
        (["*"], None, "*"),
        (["*"], "x-any,x-other", "*"),
        (["*"], "x-any,authorization", "*, Authorization"),
    ],
)
def test_headers_that_are_allowed(call: Caller, allowed: list[str], asked: str | None, wanted: str) -> None:
    answer = ask_first(call, make({**HERE, "allow_headers": allowed}), "GET", asked)
    assert (answer.status, shared(answer).get("allow-headers")) == (204, wanted)


@pytest.mark.parametrize(
    ("asked", "wanted"), [(None, SAFELISTED), ("x-any,authorization", "x-any, authorization"), ("X-Any", "X-Any")]
)
def test_with_credentials_names_are_echoed_since_an_asterisk_is_a_name_then(
    call: Caller, asked: str | None, wanted: str
) -> None:
    api = make({**WITH_CREDENTIALS, "allow_methods": ["*"], "allow_headers": ["*"]})
    assert shared(ask_first(call, api, "PATCH", asked)) == {
        "allow-origin": APP,
        "allow-credentials": "true",
        "allow-methods": "PATCH",
        "allow-headers": wanted,
        "max-age": "60",
    }


@pytest.mark.parametrize(("params", "wanted"), [({}, "60"), ({"max_age": 0}, "0"), ({"max_age": 86400}, "86400")])
def test_a_preflight_is_remembered_for_max_age(call: Caller, params: dict[str, Any], wanted: str) -> None:
    assert shared(ask_first(call, make({**HERE, **params})))["max-age"] == wanted


def test_a_preflight_of_any_origin(call: Caller) -> None:
    assert shared(ask_first(call, make(ANY), origin=EVIL))["allow-origin"] == "*"


PRIVATE = (b"access-control-request-private-network", b"true")


def test_a_page_of_the_internet_may_ask_for_a_private_network(call: Caller) -> None:
    assert shared(ask_first(call, make(HERE), more=[PRIVATE])) == {**GRANTED, "allow-private-network": "true"}


@pytest.mark.parametrize("value", [b"", b"false", b"TRUE", b"true, true"])
def test_what_does_not_ask_for_a_private_network_is_granted_none(call: Caller, value: bytes) -> None:
    assert shared(ask_first(call, make(HERE), more=[(PRIVATE[0], value)])) == GRANTED


def test_an_answer_that_is_no_preflight_grants_no_private_network(call: Caller) -> None:
    headers = [(b"origin", APP.encode()), PRIVATE]
    assert shared(ask(call, make(HERE), None, headers=headers)) == {"allow-origin": APP}


# Preflights that are refused


@pytest.mark.parametrize(
    ("params", "origin", "method", "names", "reason"),
    [
        (None, APP, "GET", None, f"The origin '{APP}' is not in allow_origins."),
        (HERE, EVIL, "GET", None, f"The origin '{EVIL}' is not in allow_origins."),
        (HERE, "null", "GET", None, "The origin 'null' is not in allow_origins."),
        (
            {**HERE, "allow_origin_regex": "http://localhost"},
            EVIL,
            "GET",
            None,
            f"The origin '{EVIL}' is not in allow_origins and does not match allow_origin_regex.",
        ),
        (HERE, APP, "POST", None, "The method 'POST' is not in allow_methods."),
        (HERE, APP, "OPTIONS", None, "The method 'OPTIONS' is not in allow_methods."),
        (HERE, APP, "", None, "The method '' is not in allow_methods."),
        (HERE, APP, "get", None, "The method 'get' is not in allow_methods. Methods are case-sensitive."),
        ({**HERE, "allow_methods": ["*"]}, APP, "GET, PUT", None, "The method 'GET, PUT' is not in allow_methods."),
        (HERE, APP, "GET", "content-type,x-token,x-b", "The header 'x-token' is not in allow_headers."),
        ({**HERE, "allow_headers": ["*"]}, APP, "GET", "x y", "The header 'x y' is not in allow_headers."),
        ({**HERE, "allow_headers": ["*"]}, APP, "GET", "x\r\ny", r"The header 'x\r\ny' is not in allow_headers."),
        ({**HERE, "allow_headers": ["*"]}, APP, "GET", "\xe9", "The header '\xe9' is not in allow_headers."),
        (
            HERE,
            EVIL,
            "PUT",
            "x-token",
            (
                f"The origin '{EVIL}' is not in allow_origins. The method 'PUT' is not in allow_methods. "
                "The header 'x-token' is not in allow_headers."
            ),
        ),
    ],
)
def test_a_preflight_is_refused_with_the_reason(  # noqa: PLR0913, PLR0917 - a table of the protocol
    call: Caller, params: dict[str, Any] | None, origin: str, method: str, names: str | None, reason: str
) -> None:
    answer = ask_first(call, make(params), method, names, origin=origin, more=[PRIVATE])
    assert (answer.status, shared(answer), varies(answer)) == (400, {}, True)
    assert answer.media["detail"] == f"The CORS preflight is refused. {reason}"


@pytest.mark.parametrize("allow_credentials", [False, True])
def test_a_list_of_names_that_is_too_long_is_refused(call: Caller, *, allow_credentials: bool) -> None:
    api = make({**HERE, "allow_headers": ["*"], "allow_credentials": allow_credentials})
    answer = ask_first(call, api, "GET", "x-a," * 50_000)
    assert (answer.status, shared(answer), len(answer.body) < 300) == (400, {}, True)


@pytest.mark.parametrize("part", ["origin", "method", "names"])
def test_a_reason_is_short_whatever_was_sent(call: Caller, part: str) -> None:
    told: dict[str, Any] = {"origin": "https://", "method": "", "names": ""}
    told[part] += "a" * 4000
    assert len(ask_first(call, make(HERE), **told).body) < 600


@pytest.mark.parametrize(
    "more",
    [
        [(b"origin", APP.encode())],
        [(b"access-control-request-method", b"GET")],
        [(b"access-control-request-headers", b"x-token"), (b"access-control-request-headers", b"content-type")],
    ],
)
def test_a_field_that_comes_twice_counts_as_a_whole(call: Caller, more: list[tuple[bytes, bytes]]) -> None:
    answer = ask_first(call, make(HERE), more=more)
    assert (answer.status, shared(answer)) == (400, {})


def test_a_browser_that_shows_the_refusal_gets_a_page_that_is_escaped(call: Caller) -> None:
    answer = ask_first(call, make(HERE), origin="<script>", more=[(b"accept", b"text/html")])
    assert answer.headers["content-type"].startswith("text/html")
    assert b"<script>" not in answer.body


@pytest.mark.parametrize(
    "headers",
    [
        [(b"origin", APP.encode())],
        [(b"access-control-request-method", b"GET")],
        [(b"access-control-request-headers", b"x-token")],
        [],
    ],
)
def test_options_that_is_no_preflight_goes_on(call: Caller, headers: list[tuple[bytes, bytes]]) -> None:
    answer = ask(call, make(HERE), None, method="OPTIONS", headers=headers)
    assert (answer.status, "allow" in answer.headers, "allow-methods" in shared(answer)) == (204, True, False)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_another_method_is_no_preflight(call: Caller, method: str) -> None:
    headers = [(b"origin", APP.encode()), (b"access-control-request-method", b"GET")]
    answer = ask(call, make(HERE), None, method=method, headers=headers)
    assert (answer.status, shared(answer)) == (200, {"allow-origin": APP})


def test_a_handler_that_answers_a_refusal_does_not_grant_it(call: Caller) -> None:
    api = make(HERE)

    @api.exception_handler(400)
    async def answer(req: responder.Request, resp: responder.Response, error: Exception) -> None:
        resp.no_content()

    refused = ask_first(call, api, "DELETE")
    assert (refused.status, shared(refused)) == (204, {})


def test_a_preflight_whose_after_hook_fails_grants_nothing(call: Caller) -> None:
    api = make(HERE)

    @api.after_request()
    async def fail(req: responder.Request, resp: responder.Response) -> None:
        raise ZeroDivisionError

    answer = ask_first(call, api)
    assert (answer.status, shared(answer)) == (500, {})


def test_a_foreign_host_is_refused_before_the_preflight(call: Caller) -> None:
    answer = ask_first(call, make(HERE, allowed_hosts=["other.example"]))
    assert (answer.status, shared(answer)) == (400, {})


# Whatever a client sends


WORDS = st.text(st.characters(max_codepoint=255), max_size=30) | st.sampled_from([APP, "GET", "x-a", "null", "*"])
SERVED = [
    make({**HERE, "allow_origin_regex": r"https?://.*\.example\.net"}),
    make({**WITH_CREDENTIALS, "allow_methods": ["*"], "allow_headers": ["*"]}),
]


@given(st.sampled_from(SERVED), WORDS, WORDS, WORDS)
def test_whatever_is_asked_is_granted_or_refused(
    call: Caller, api: responder.API, origin: str, method: str, names: str
) -> None:
    answer = ask_first(call, api, method, names, origin=origin)
    assert answer.status in {204, 400}
    assert ("allow-origin" in shared(answer)) is (answer.status == 204)
    assert all(value.isprintable() for _, value in answer.fields)


@given(st.sampled_from(SERVED), WORDS)
def test_whatever_the_origin_is_it_is_allowed_as_it_is_or_not_at_all(
    call: Caller, api: responder.API, origin: str
) -> None:
    answer = ask(call, api, origin)
    assert answer.status == 200
    assert shared(answer).get("allow-origin") in {None, origin}


# Options


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"allow_origins": ["*"], "allow_credentials": True}, "browsers refuse"),
        ({"allow_origins": ["example.org"]}, "is no origin"),
        ({"allow_origins": ["https://example.org/"]}, "is no origin"),
        ({"allow_origins": "https://example.org"}, "must be a list of text"),
        ({"allow_origin_regex": "("}, "allow_origin_regex"),
        ({"allow_methods": ["GET POST"]}, "is no name"),
        ({"allow_headers": ["X Y"]}, "is no name"),
        ({"max_age": -1}, "max_age"),
        ({"origins": ["*"]}, "cors_params has 'origins'"),
    ],
)
def test_options_that_cannot_work_are_refused_at_once(params: dict[str, Any], message: str) -> None:
    with pytest.raises(responder.ConfigurationError, match=message):
        responder.API(cors=True, cors_params=params)


def test_parameters_without_the_option_are_a_mistake() -> None:
    with pytest.raises(responder.ConfigurationError, match="cors=True, which is missing"):
        responder.API(cors_params=HERE)
