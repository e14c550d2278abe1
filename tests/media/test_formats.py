from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import responder
from responder.media.formats import Formats

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Answer, Caller

PET = {"name": "Rex", "age": 3}
FORMATS = Formats({})


def read(answer: Answer) -> Any:
    """Decode an answer by what it says that it is, with decoders that are not ours."""
    decoders: dict[str, Callable[[bytes], Any]] = {
        "application/json": json.loads,
        "application/yaml": yaml.safe_load,
        "application/msgpack": msgspec.msgpack.decode,
    }
    return decoders[answer.headers["content-type"]](answer.body)


@pytest.fixture
def ask(call: Caller, api: responder.API) -> Callable[..., Answer]:
    @api.get("/")
    async def pet(req: responder.Request, resp: responder.Response) -> None:
        resp.media = PET

    def ask(accept: str | None = None, **scope: Any) -> Answer:
        return call(api, headers=[] if accept is None else [(b"accept", accept.encode("latin-1"))], **scope)

    return ask


# What is sent


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "json"),
        ("", "json"),
        ("*/*", "json"),
        ("application/json", "json"),
        ("application/*", "json"),
        ("json", "json"),
        ("application/json, text/plain, */*", "json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
        ("application/yaml", "yaml"),
        ("application/x-yaml", "yaml"),
        ("text/yaml", "yaml"),
        ("yaml", "yaml"),
        ("YAML", "yaml"),
        ("yaml;q=0.9, json;q=0.5", "yaml"),
        ("json, yaml", "json"),
        ("yaml, json;q=0.9", "yaml"),
        ("application/yaml;q=0.3, application/json;q=0.2", "yaml"),
        ("application/yaml;q=0.1, */*", "json"),
        ("application/yaml, */*;q=0.1", "yaml"),
        ("application/json;q=0, */*", "yaml"),
        ("application/json;q=0.000, */*", "yaml"),
        ("application/json;q=0, application/yaml;q=0, */*;q=0.5", "yaml"),
        ("text/*", "yaml"),
        ("application/msgpack", "msgpack"),
        ("application/vnd.msgpack", "msgpack"),
        ("msgpack", "msgpack"),
        ("image/png", "json"),
        ("text/html", "json"),
        ("application/yaml;q=0", "json"),
        ("nonsense, yaml;q=broken", "json"),
        (", ".join(["text/x"] * 200 + ["yaml"]), "json"),
    ],
)
def test_media_is_sent_as_what_the_client_likes_best(
    ask: Callable[..., Answer], accept: str | None, expected: str
) -> None:
    answer = ask(accept)
    assert answer.headers["content-type"] == f"application/{expected}"
    assert answer.headers["vary"] == "Accept"
    assert read(answer) == PET


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_accept_gives_one_of_the_formats(accept: str) -> None:
    assert FORMATS.choose(accept.encode("latin-1")).encode(PET)


def test_head_tells_the_length_of_what_get_would_send(ask: Callable[..., Answer]) -> None:
    answer = ask("yaml", method="HEAD")
    assert answer.headers["content-length"] == str(len(ask("yaml").body))
    assert answer.body == b""


def test_vary_is_added_to_what_the_view_says(call: Caller, api: responder.API) -> None:
    @api.get("/")
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.vary("Cookie")
        resp.media = PET

    assert call(api).headers["vary"] == "Cookie, Accept"


def test_a_304_says_on_what_it_depends(call: Caller, api: responder.API) -> None:
    @api.get("/")
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.media = PET
        resp.etag = "one"

    answer = call(api, headers=[(b"if-none-match", b'"one"')])
    assert (answer.status, answer.headers["vary"]) == (304, "Accept")


@pytest.mark.parametrize(
    ("mimetype", "decode"),
    [
        ("application/yaml", yaml.safe_load),
        ("application/vnd.api+json", json.loads),
        ("text/x-unknown", json.loads),
        ("application/msgpack", msgspec.msgpack.decode),
        ("application/x-www-form-urlencoded", json.loads),
    ],
)
def test_a_type_that_the_view_has_set_decides(
    call: Caller, api: responder.API, mimetype: str, decode: Callable[[bytes], Any]
) -> None:
    @api.get("/")
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.media = PET
        resp.mimetype = mimetype

    answer = call(api, headers=[(b"accept", b"application/json")])
    assert answer.headers["content-type"].startswith(mimetype)
    assert "vary" not in answer.headers
    assert decode(answer.body) == PET


def test_a_problem_is_json_whatever_is_asked_for(call: Caller, api: responder.API) -> None:
    answer = call(api, b"/missing", headers=[(b"accept", b"application/yaml")])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.media["status"] == 404


def test_an_after_hook_sees_the_value_and_what_it_will_be(api: responder.API) -> None:
    seen: list[object] = []

    @api.get("/")
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.media = PET

    @api.after_request
    async def look(req: responder.Request, resp: responder.Response) -> None:
        seen.extend([resp.media, resp.mimetype, resp.content])

    api.requests.get("/", headers={"Accept": "yaml"})
    assert seen == [PET, "application/yaml", b"name: Rex\nage: 3\n"]


def test_what_cannot_be_sent_is_a_500_that_names_it_in_the_log_alone(
    api: responder.API, caplog: pytest.LogCaptureFixture
) -> None:
    class Socket: ...

    @api.get("/")
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.media = {"pets": [{"owner": Socket()}]}

    with api.session(raise_exceptions=False) as session:
        for accept in ("json", "yaml", "msgpack"):
            answer = session.get("/", headers={"Accept": accept})
            assert answer.status_code == 500
            assert "Socket" not in answer.text
    assert caplog.text.count("$.pets[0].owner") >= 3
    with pytest.raises(responder.EncodeError, match=r"\$\.pets\[0\]\.owner.*Socket"):
        api.requests.get("/")


def test_encoders_make_values_of_what_no_format_knows() -> None:
    class Money:
        def __init__(self, amount: int) -> None:
            self.amount = amount

    api = responder.API(encoders={Money: lambda money: {"EUR": money.amount}})

    @api.get("/")
    async def view(req: responder.Request, resp: responder.Response) -> None:
        resp.media = [Money(5)]

    @api.get("/problem")
    async def problem(req: responder.Request, resp: responder.Response) -> None:
        raise responder.Problem(402, price=Money(7))

    assert api.requests.get("/").json() == [{"EUR": 5}]
    assert api.requests.get("/", headers={"Accept": "yaml"}).text == "- EUR: 5\n"
    assert msgspec.msgpack.decode(api.requests.get("/", headers={"Accept": "msgpack"}).content) == [{"EUR": 5}]
    assert api.requests.get("/problem").json()["price"] == {"EUR": 7}


# What is read


@pytest.fixture
def echo(call: Caller, api: responder.API) -> Callable[..., Answer]:
    @api.post("/")
    async def echo(req: responder.Request, resp: responder.Response) -> Any:
        return {"read": await req.media()}

    @api.post("/sync")
    def echo_sync(req: responder.Request, resp: responder.Response) -> Any:
        return {"read": req.media_sync()}

    @api.post("/named/{name}")
    async def named(req: responder.Request, resp: responder.Response, *, name: str) -> Any:
        return {"read": await req.media(name)}

    def send(content_type: str | None, body: bytes, path: str = "/") -> Answer:
        headers = [] if content_type is None else [(b"content-type", content_type.encode("latin-1"))]
        return call(api, path.encode(), method="POST", headers=headers, body=[body])

    return send


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("Application/JSON; charset=UTF-8", b'{"a": 1}', {"a": 1}),
        ("application/problem+json", b'{"a": 1}', {"a": 1}),
        ("application/json; charset=utf-16", '{"a": "\u00e9"}'.encode("utf-16"), {"a": "\u00e9"}),
        ("application/json; charset=iso-8859-1", b'{"a": "\xe9"}', {"a": "\u00e9"}),
        ("application/yaml", b"a: 1\n", {"a": 1}),
        ("APPLICATION/X-YAML;v=1", b"a: 1\n", {"a": 1}),
        ("text/yaml", b"a: 1\n", {"a": 1}),
        ("application/openapi+yaml", b"a: 1\n", {"a": 1}),
        ("application/msgpack", b"\x81\xa1a\x01", {"a": 1}),
        ("application/vnd.api+msgpack", b"\x81\xa1a\x01", {"a": 1}),
        ("application/x-www-form-urlencoded", b"a=1&b=%C3%A9+x", {"a": "1", "b": "\u00e9 x"}),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
            {"a": "1"},
        ),
    ],
)
@pytest.mark.parametrize("path", ["/", "/sync"])
def test_the_content_type_says_how_to_read(
    echo: Callable[..., Answer], content_type: str, body: bytes, value: Any, path: str
) -> None:
    answer = echo(content_type, body, path)
    assert (answer.status, answer.media) == (200, {"read": value})


@pytest.mark.parametrize(
    "content_type", [None, "", "text/csv", "nonsense", "application/xml", "x" * 5000, "a/b+json/c"]
)
@pytest.mark.parametrize("path", ["/", "/sync"])
def test_another_type_is_a_415_that_says_what_is_read(
    echo: Callable[..., Answer], content_type: str | None, path: str
) -> None:
    answer = echo(content_type, b"{}", path)
    assert answer.status == 415
    assert "application/json, application/yaml" in answer.media["detail"]


@pytest.mark.parametrize("charset", ["rot13", "punycode", "utf-7", "unknown", "../x", "base64", "idna"])
@pytest.mark.parametrize("media_type", ["application/json", "application/yaml", "application/x-www-form-urlencoded"])
def test_a_charset_that_is_none_is_a_400(echo: Callable[..., Answer], media_type: str, charset: str) -> None:
    assert echo(f'{media_type}; charset="{charset}"', b"a").status == 400


@pytest.mark.parametrize(
    ("name", "body", "value"),
    [("json", b"[1]", [1]), ("yaml", b"- 1", [1]), ("msgpack", b"\x91\x01", [1]), ("form", b"a=1", {"a": "1"})],
)
def test_a_name_says_how_to_read_whatever_the_type(
    echo: Callable[..., Answer], name: str, body: bytes, value: Any
) -> None:
    assert echo("text/plain", body, f"/named/{name}").media == {"read": value}


def test_a_name_that_is_none_is_the_developers_mistake(api: responder.API) -> None:
    @api.post("/")
    async def view(req: responder.Request, resp: responder.Response) -> None:
        await req.media("xml")

    with pytest.raises(responder.ConfigurationError, match="Known: json, yaml, msgpack, form, multipart"):
        api.requests.post("/")


@pytest.mark.parametrize(
    ("content_type", "body", "line", "column"),
    [("application/json", b'{"a": 1,\n "b": x}', 2, 7), ("application/yaml", b"a: 1\nb: [2\n", 3, 1)],
)
def test_a_malformed_body_is_a_400_with_its_place(
    echo: Callable[..., Answer], content_type: str, body: bytes, line: int, column: int
) -> None:
    answer = echo(content_type, body)
    assert answer.status == 400
    assert (answer.media["line"], answer.media["column"]) == (line, column)
    assert answer.headers["content-type"] == "application/problem+json"


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("name", ["json", "yaml", "msgpack"])
def test_what_is_read_can_be_answered_or_is_refused(name: str, raw: bytes) -> None:
    try:
        value = FORMATS[name].read(raw, Any, responder.Limits())
    except responder.HTTPError as error:
        assert 400 <= error.status < 500  # noqa: PT017 - both outcomes are right
    else:
        FORMATS.json.encode(value)


# Formats of one's own


def split_lines(raw: bytes) -> list[str]:
    return raw.decode().splitlines()


def join_lines(value: list[str]) -> bytes:
    return "\n".join(value).encode()


@pytest.fixture
def lines(api: responder.API) -> responder.API:
    api.formats["lines"] = responder.Format("text/x-lines", decode=split_lines, encode=join_lines, is_text=True)
    return api


def test_a_format_of_ones_own_is_read_and_sent(lines: responder.API) -> None:
    @lines.post("/")
    async def view(req: responder.Request, resp: responder.Response) -> Any:
        return await req.media(list[str])

    session = lines.session()
    for accept in ("text/x-lines", "lines"):
        answer = session.post("/", data=b"b\na", headers={"Content-Type": "text/x-lines", "Accept": accept})
        assert (answer.text, answer.headers["content-type"]) == ("b\na", "text/x-lines")
    latin = {"Content-Type": "text/x-lines; charset=latin-1"}
    assert session.post("/", data=b"\xe9", headers=latin).json() == ["\u00e9"]


def test_what_its_decoder_raises_is_a_400(lines: responder.API, echo: Callable[..., Answer]) -> None:
    answer = echo("text/x-lines", b"\xff")
    assert (answer.status, "text/x-lines" in answer.media["detail"]) == (400, True)


def test_what_its_decoder_raises_of_its_own_is_a_400_when_it_is_named(
    api: responder.API, echo: Callable[..., Answer]
) -> None:
    class OwnError(Exception): ...

    def fail(raw: bytes) -> None:
        raise OwnError("not so")

    api.formats["own"] = responder.Format("text/x-own", decode=fail, errors=(OwnError,))
    answer = echo("text/x-own", b"")
    assert (answer.status, "not so" in answer.media["detail"]) == (400, True)


def test_a_value_that_does_not_fit_the_model_is_a_422(lines: responder.API) -> None:
    @lines.post("/")
    async def view(req: responder.Request, resp: responder.Response) -> Any:
        return await req.media(dict[str, int])

    with lines.session(raise_exceptions=False) as session:
        assert session.post("/", data=b"a", headers={"Content-Type": "text/x-lines"}).status_code == 422


def test_a_format_may_be_read_only_or_written_only(api: responder.API, echo: Callable[..., Answer]) -> None:
    api.formats["in"] = responder.Format("text/x-in", decode=split_lines)
    api.formats["out"] = responder.Format("text/x-out", encode=join_lines)
    assert echo("text/x-in", b"a").media == {"read": ["a"]}
    assert echo("text/x-out", b"a").status == 415
    assert api.formats.choose(b"text/x-in") is api.formats.json
    assert api.formats.choose(b"text/x-out").encode(["a"]) == b"a"


def test_a_format_may_be_taken_away_or_replaced(api: responder.API, echo: Callable[..., Answer]) -> None:
    del api.formats["yaml"]
    assert echo("application/yaml", b"a: 1").status == 415
    assert api.formats.choose(b"application/yaml") is api.formats.json
    api.formats["json"] = responder.Format("application/json", decode=json.loads, encode=lambda _: b"mine")
    assert echo("application/json", b"{}").body == b"mine"
    assert (len(api.formats), next(iter(api.formats))) == (4, "json")


def test_what_is_no_format_is_refused(api: responder.API) -> None:
    for wrong in ({"media_types": ()}, {"media_types": ("Text/CSV",)}, {"media_types": ("csv",)}):
        with pytest.raises(responder.ConfigurationError, match="media type"):
            responder.Format(*wrong["media_types"])
    with pytest.raises(responder.ConfigurationError, match="is a Format"):
        api.formats["x"] = "text/x"  # type: ignore[assignment] # the mistake
    with pytest.raises(responder.ConfigurationError, match="needs `encode`"):
        api.formats["json"] = responder.Format("application/json", decode=json.loads)
    with pytest.raises(responder.ConfigurationError, match="stays"):
        del api.formats["json"]
    assert repr(api.formats["yaml"]) == "Format('application/yaml', 'application/x-yaml', 'text/yaml')"
