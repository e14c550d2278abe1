from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import re
import time
from datetime import date
from typing import TYPE_CHECKING, Any

import itsdangerous
import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder import (
    API,
    ConfigurationError,
    EncodeError,
    HTTPError,
    InvalidCookie,
    Limits,
    ServiceUnavailable,
    Sessions,
)
from responder.policies import sessions
from responder.policies.stores import MemoryStore, RedisStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.conftest import Answer, Caller

    from responder import Request, Response
    from responder.types import Store

KEY = "correct horse battery staple"
OTHER = "another horse, another battery"
NAME = "Responder-Session"


class Recorder(MemoryStore):
    """A store that tells what it was asked, and can be down or full."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []
        self.is_down = False
        self.is_full = False

    def note(self, what: str, name: str) -> None:
        self.asked.append((what, name))
        if self.is_down:
            raise ServiceUnavailable("down")

    async def read(self, id: str) -> bytes | None:  # noqa: A002 - as in the protocol
        self.note("read", id)
        return await super().read(id)

    async def write(self, id: str, data: bytes, max_age: int, *, create: bool) -> bool:  # noqa: A002 - the same
        self.note("create" if create else "replace", id)
        return not self.is_full and await super().write(id, data, max_age, create=create)

    async def delete(self, id: str) -> None:  # noqa: A002 - the same
        self.note("delete", id)
        await super().delete(id)

    @property
    def names(self) -> list[str]:
        return list(self._entries)


def make_api(*, store: Store | None = None, key: Any = KEY, **options: Any) -> API:  # noqa: C901 - one small view after another
    """Give an API whose views do what tests of sessions want."""
    api = API(secret_key=key, sessions=Sessions(store=store, **options))

    @api.post("/set")
    async def put(req: Request, resp: Response) -> None:
        resp.session.update(await req.media())

    @api.get("/")
    async def get(req: Request, resp: Response) -> None:
        resp.media = dict(req.session)

    @api.get("/untouched")
    async def ignore(req: Request, resp: Response) -> None:
        resp.text = "untouched"

    @api.post("/login")
    def login(req: Request, resp: Response) -> None:
        req.session.rotate()
        resp.session["user"] = "kenneth"

    @api.post("/logout")
    async def logout(req: Request, resp: Response) -> None:
        resp.session.clear()

    @api.post("/again")
    async def begin_again(req: Request, resp: Response) -> None:
        resp.session.clear()
        resp.session["user"] = "another"

    @api.post("/append")
    async def append(req: Request, resp: Response) -> None:
        resp.session["cart"]["items"].append(1)

    @api.post("/empty")
    async def empty(req: Request, resp: Response) -> None:
        for name in list(resp.session):
            del resp.session[name]

    @api.post("/fail")
    async def fail(req: Request, resp: Response) -> None:
        resp.session["user"] = "never"
        raise HTTPError(409)

    return api


@pytest.fixture(params=["cookie", "store"])
def api(request: pytest.FixtureRequest) -> API:
    """Give an API that keeps sessions in one way, and then in the other."""
    return make_api(store=Recorder() if request.param == "store" else None)


def cookie_of(answer: Answer) -> str | None:
    """Give the value of the session's cookie in an answer, empty when it is deleted."""
    lines = [value for name, value in answer.fields if name == "set-cookie"]
    assert len(lines) <= 1
    return lines[0].partition("=")[2].partition(";")[0] if lines else None


def ask(call: Caller, api: API, path: str = "/", cookie: str | None = None, data: Any = None, **scope: Any) -> Answer:
    """Send a request with a session's cookie: a POST when it has data, or goes where the session changes."""
    headers = [] if cookie is None else [(b"cookie", f"{api.sessions.options.cookie}={cookie}".encode("latin-1"))]
    if path not in {"/", "/untouched"}:
        scope.setdefault("method", "POST")
    body = [] if data is None else [json.dumps(data).encode()]
    if data is not None:
        headers.append((b"content-type", b"application/json"))
    return call(api, path.encode(), headers=headers, body=body, **scope)


def begin(call: Caller, api: API, **data: Any) -> str:
    cookie = cookie_of(ask(call, api, "/set", data=data or {"user": "kenneth"}))
    assert cookie
    return cookie


# What holds wherever sessions are


def test_what_a_view_sets_is_read_with_the_next_request(api: API) -> None:
    with api.session() as client:
        client.post("/set", json={"user": "kenneth"})
        assert client.get("/").json() == {"user": "kenneth"}


def test_request_and_response_have_the_same_session(api: API, call: Caller) -> None:
    seen = []

    @api.get("/same")
    async def look(req: Request, resp: Response) -> None:
        seen.append(req.session is resp.session)

    ask(call, api, "/same", method="GET")
    assert seen == [True]


def test_a_session_that_is_not_touched_leaves_no_trace(api: API, call: Caller) -> None:
    answer = ask(call, api, "/untouched", begin(call, api))
    assert {name for name, _ in answer.fields} == {"content-type", "content-length"}


def test_a_session_that_was_read_makes_the_answer_vary(api: API, call: Caller) -> None:
    answer = ask(call, api, "/", begin(call, api))
    assert cookie_of(answer) is None
    assert "Cookie" in [name for field, value in answer.fields if field == "vary" for name in value.split(", ")]


def test_a_session_that_is_new_and_empty_sets_no_cookie(api: API, call: Caller) -> None:
    assert cookie_of(ask(call, api)) is None
    assert cookie_of(ask(call, api, "/set", data={})) is None


def test_setting_what_was_set_already_writes_nothing(api: API, call: Caller) -> None:
    cookie = begin(call, api)
    assert cookie_of(ask(call, api, "/set", cookie, {"user": "kenneth"})) is None


def test_a_change_deep_inside_is_kept(api: API) -> None:
    with api.session() as client:
        client.post("/set", json={"cart": {"items": []}})
        client.post("/append")
        client.post("/append")
        assert client.get("/").json() == {"cart": {"items": [1, 1]}}


def test_the_cookie_has_safe_attributes(api: API, call: Caller) -> None:
    line = ask(call, api, "/set", data={"user": "kenneth"}).headers["set-cookie"]
    assert line.startswith(f"{NAME}=")
    assert line.split("; ")[1:] == ["Max-Age=1209600", "Path=/", "HttpOnly", "SameSite=Lax"]


def test_the_cookie_is_for_https_alone_when_it_was_made_there(api: API, call: Caller) -> None:
    assert "; Secure" in ask(call, api, "/set", data={"user": "kenneth"}, scheme="https").headers["set-cookie"]


@pytest.mark.parametrize("path", ["/logout", "/empty"])
def test_ending_a_session_deletes_its_cookie(api: API, call: Caller, path: str) -> None:
    line = ask(call, api, path, begin(call, api)).headers["set-cookie"]
    assert line.split("; ") == [
        f"{NAME}=",
        "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "Max-Age=0",
        "Path=/",
        "HttpOnly",
        "SameSite=Lax",
    ]


@pytest.mark.parametrize("path", ["/logout", "/empty"])
def test_ending_a_session_that_is_none_sends_no_cookie(api: API, call: Caller, path: str) -> None:
    assert cookie_of(ask(call, api, path)) is None


def test_ending_a_session_clears_away_a_cookie_that_means_nothing(api: API, call: Caller) -> None:
    assert cookie_of(ask(call, api, "/logout", "stale")) == ""


def test_logging_in_gives_another_cookie_and_keeps_the_data(api: API, call: Caller, monkeypatch: Any) -> None:
    before = begin(call, api, cart=[1])
    pass_seconds(monkeypatch, 1)
    after = cookie_of(ask(call, api, "/login", before))
    assert after not in {None, "", before}
    assert ask(call, api, "/", after).media == {"cart": [1], "user": "kenneth"}


def test_what_is_set_after_clear_is_a_session_of_its_own(api: API, call: Caller) -> None:
    before = begin(call, api, cart=[1])
    after = cookie_of(ask(call, api, "/again", before))
    assert after not in {None, "", before}
    assert ask(call, api, "/", after).media == {"user": "another"}


def test_a_request_that_fails_keeps_nothing(api: API, call: Caller) -> None:
    cookie = begin(call, api)
    answer = ask(call, api, "/fail", cookie)
    assert (answer.status, cookie_of(answer)) == (409, None)
    assert ask(call, api, "/", cookie).media == {"user": "kenneth"}


def test_the_handler_of_a_failure_has_the_session_as_it_came(api: API, call: Caller) -> None:
    seen = []

    @api.exception_handler(HTTPError)
    async def handle(req: Request, resp: Response, error: HTTPError) -> None:
        seen.append(dict(req.session))
        resp.session["failed"] = error.status

    cookie = begin(call, api)
    answer = ask(call, api, "/fail", cookie)
    assert (answer.status, seen) == (409, [{"user": "kenneth"}])
    assert ask(call, api, "/", cookie_of(answer) or cookie).media == {"user": "kenneth", "failed": 409}


def test_hooks_and_views_share_the_session(api: API) -> None:
    @api.before_request
    def count(req: Request, resp: Response) -> None:
        resp.session["seen"] = resp.session.get("seen", 0) + 1

    @api.after_request
    async def note(req: Request, resp: Response) -> None:
        resp.session["after"] = True

    with api.session() as client:
        client.get("/")
        assert client.get("/").json() == {"seen": 2, "after": True}


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "x",
        ".",
        "..",
        "e30.aaaaaa.x",
        "a" * 43,
        "-" * 43,
        "a" * 42 + "=",
        "A" * 100_000,
        "." * 5000,
        "\xff\xfe\x80",
        '"quoted"',
        "../../etc/passwd",
        "%00%0d%0a",
        "null",
        "{}",
    ],
)
def test_a_cookie_that_is_not_ours_is_an_empty_session(api: API, call: Caller, cookie: str) -> None:
    answer = ask(call, api, "/", cookie)
    assert (answer.status, answer.media, cookie_of(answer)) == (200, {}, None)


@given(cookie=st.text(st.characters(min_codepoint=0, max_codepoint=255, blacklist_characters=";"), max_size=80))
def test_no_bytes_in_a_cookie_do_harm(call: Caller, cookie: str) -> None:
    for api in APIS:
        answer = ask(call, api, "/", cookie)
        assert (answer.status, answer.media) == (200, {})


APIS = [make_api(), make_api(store=MemoryStore())]


def test_every_change_of_one_character_is_noticed(api: API, call: Caller) -> None:
    cookie = begin(call, api)
    for place, letter in enumerate(cookie):
        other = "A" if letter != "A" else "B"
        forged = cookie[:place] + other + cookie[place + 1 :]
        # The last character of base64 has bits that mean nothing, so that another may stand for the same.
        if place < len(cookie) - 1 and "." not in cookie[place : place + 2]:
            assert ask(call, api, "/", forged).media == {}, place


def test_a_truncated_cookie_is_an_empty_session(api: API, call: Caller) -> None:
    cookie = begin(call, api)
    assert [ask(call, api, "/", cookie[:size]).media for size in range(1, len(cookie) - 1)] == [{}] * (len(cookie) - 2)


def test_of_two_cookies_the_first_counts(api: API, call: Caller) -> None:
    cookie = begin(call, api)
    assert ask(call, api, "/", f"{cookie}; {NAME}=forged").media == {"user": "kenneth"}
    assert ask(call, api, "/", f"forged; {NAME}={cookie}").media == {}


def test_a_cookie_of_another_name_is_not_read(api: API, call: Caller) -> None:
    cookie = begin(call, api)
    assert ask(call, api, "/", f"; responder-session={cookie}").media == {}


def test_too_many_cookies_are_a_400(api: API, call: Caller) -> None:
    many = "; ".join(f"c{number}=1" for number in range(1000))
    assert ask(call, api, "/", many).status == 400


def test_a_session_works_in_a_sync_view(api: API) -> None:
    with api.session() as client:
        client.post("/login")
        assert client.get("/").json() == {"user": "kenneth"}


def test_two_clients_have_two_sessions(api: API) -> None:
    with api.session() as first, api.session() as second:
        first.post("/set", json={"user": "kenneth"})
        second.post("/set", json={"user": "another"})
        assert [client.get("/").json()["user"] for client in (first, second)] == ["kenneth", "another"]


# What JSON cannot carry


def fail_to_set(call: Caller, change: Callable[[Any], object], store: Store | None = None, **options: Any) -> Exception:
    """Give what a client of the tests gets to see when a view changes the session so."""
    api = make_api(store=store, **options)

    @api.get("/change")
    async def view(req: Request, resp: Response) -> None:
        change(resp.session)

    with pytest.raises((EncodeError, InvalidCookie)) as caught, api.session() as client:
        client.get("/change")
    return caught.value


def nest(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"user": object()}, r"The session cannot be encoded at \$\.user, of type object"),
        ({"cart": [1, {"item": object()}]}, r"at \$\.cart\[1\]\.item"),
        ({"text": "\ud800"}, r"at \$\.text"),
        ({7: "seven"}, r"the key 7, of type int"),
        ({"deep": nest(250)}, r"more than 200 lists"),
    ],
)
@pytest.mark.parametrize("store", [None, MemoryStore()])
def test_a_value_that_cannot_be_kept_is_named(call: Caller, data: Any, place: str, store: Store | None) -> None:
    assert re.search(place, str(fail_to_set(call, lambda session: session.update(data), store)))


def test_a_session_that_contains_itself_is_named(call: Caller) -> None:
    assert "contains itself" in str(fail_to_set(call, lambda session: session.update(me=session)))


def test_a_failure_to_keep_is_a_500_that_says_nothing(call: Caller, caplog: pytest.LogCaptureFixture) -> None:
    api = make_api()

    @api.get("/change")
    async def view(req: Request, resp: Response) -> None:
        resp.session["user"] = object()

    answer = ask(call, api, "/change", method="GET")
    assert (answer.status, cookie_of(answer)) == (500, None)
    assert b"user" not in answer.body
    assert "$.user" in caplog.text


def test_what_a_body_may_hold_fits_a_session(api: API, call: Caller) -> None:
    cookie = begin(call, api, deep=nest(90))
    assert ask(call, api, "/", cookie).media == {"deep": nest(90)}


def test_encoders_of_the_api_are_used(call: Caller) -> None:
    class Money:
        pass

    api = API(secret_key=KEY, encoders={Money: lambda _: "5 EUR"})

    @api.get("/")
    async def view(req: Request, resp: Response) -> None:
        resp.media = dict(req.session)
        resp.session.setdefault("price", Money())
        resp.session.setdefault("day", date(2026, 1, 2))

    assert ask(call, api, "/", cookie_of(ask(call, api))).media == {"price": "5 EUR", "day": "2026-01-02"}


# In a signed cookie


def pass_seconds(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Let the clock of signatures run ahead, or behind."""
    now = time.time()
    monkeypatch.setattr(sessions, "time", lambda: now + seconds)


def sign(data: bytes, *, key: str = KEY, name: str = NAME, moment: str | None = None) -> str:
    """Sign as the framework does, as who has the key could."""
    return sign_text(itsdangerous.encoding.base64_encode(data), key=key, name=name, moment=moment)


def sign_text(text: bytes, *, key: str = KEY, name: str = NAME, moment: str | None = None) -> str:
    signer = itsdangerous.Signer(
        key, salt=f"responder.session.{name}", key_derivation="hmac", digest_method=hashlib.sha256
    )
    signed_at = str(int(time.time())) if moment is None else moment
    return signer.sign(text + b"." + signed_at.encode()).decode()


def test_a_cookie_is_json_that_everybody_can_read(call: Caller) -> None:
    data = begin(call, make_api()).partition(".")[0]
    assert json.loads(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))) == {"user": "kenneth"}


def test_a_cookie_is_signed_with_a_key_for_this_purpose(call: Caller) -> None:
    assert ask(call, make_api(), "/", sign(b'{"user":"kenneth"}')).media == {"user": "kenneth"}


def test_a_cookie_of_another_name_or_key_is_not_trusted(call: Caller) -> None:
    forged = [sign(b'{"admin":1}', name="Admin-Session"), sign(b'{"admin":1}', key=OTHER)]
    assert [ask(call, make_api(), "/", cookie).media for cookie in forged] == [{}, {}]


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b'"text"', b"7", b"{", b"\xff", b"{" * 5000, b'{"a":' * 300])
def test_signed_bytes_that_are_no_session_are_an_empty_one(call: Caller, data: bytes) -> None:
    answer = ask(call, make_api(), "/", sign(data))
    assert (answer.status, answer.media) == (200, {})


def test_signed_text_that_is_not_base64_is_an_empty_session(call: Caller) -> None:
    assert ask(call, make_api(), "/", sign_text(b"a")).media == {}


@pytest.mark.parametrize("moment", ["", "soon", "1e9", "-1", "0", "9" * 40, "9" * 2000, "٣"])
def test_a_signed_moment_that_is_none_is_an_empty_session(call: Caller, moment: str) -> None:
    assert ask(call, make_api(), "/", sign(b'{"user":1}', moment=moment).encode().decode("latin-1")).media == {}


def test_a_cookie_is_too_old_after_its_age(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api(max_age=3600)
    cookie = begin(call, api)
    pass_seconds(monkeypatch, 3590)
    assert ask(call, api, "/", cookie).media == {"user": "kenneth"}
    pass_seconds(monkeypatch, 3610)
    assert ask(call, api, "/", cookie).media == {}


def test_a_clock_that_is_a_little_ahead_ends_no_session(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api()
    cookie = begin(call, api)
    pass_seconds(monkeypatch, -30)
    assert ask(call, api, "/", cookie).media == {"user": "kenneth"}


def test_a_cookie_from_the_future_is_not_trusted(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api()
    cookie = begin(call, api)
    pass_seconds(monkeypatch, -3600)
    assert ask(call, api, "/", cookie).media == {}


def test_every_key_verifies_and_the_first_signs(call: Caller) -> None:
    old = begin(call, make_api(key=OTHER))
    both = make_api(key=[KEY, OTHER])
    assert ask(call, both, "/", old).media == {"user": "kenneth"}
    new = cookie_of(ask(call, both, "/set", old, {"more": 1}))
    assert ask(call, make_api(key=KEY), "/", new).media == {"user": "kenneth", "more": 1}
    assert ask(call, make_api(key=OTHER), "/", new).media == {}


def test_a_session_that_no_cookie_holds_is_an_error(call: Caller) -> None:
    error = fail_to_set(call, lambda session: session.update(text="x" * 4000))
    assert isinstance(error, EncodeError)
    assert re.search(r"takes 5\d\d\d bytes as a cookie.*more than 4096.*store=", str(error))


def test_a_session_that_just_fits_its_cookie_comes_back(call: Caller) -> None:
    api = make_api()
    cookie = begin(call, api, text="x" * 2980)
    assert 4000 < len(NAME) + len(cookie) <= 4096
    assert ask(call, api, "/", cookie).media == {"text": "x" * 2980}


@pytest.mark.parametrize("name", ["__Host-id", "__host-id", "__Secure-id"])
def test_a_name_for_https_makes_a_secure_cookie_always(call: Caller, name: str) -> None:
    line = ask(call, make_api(cookie=name), "/set", data={"a": 1}).headers["set-cookie"]
    assert line.startswith(f"{name}=")
    assert "; Secure;" in line


@pytest.mark.parametrize(("https_only", "scheme", "is_secure"), [(True, "http", True), (False, "https", False)])
def test_https_only_decides(call: Caller, https_only: bool, scheme: str, is_secure: bool) -> None:  # noqa: FBT001 - a case
    line = ask(call, make_api(https_only=https_only), "/set", data={"a": 1}, scheme=scheme).headers["set-cookie"]
    assert ("Secure" in line) is is_secure


def test_a_cookie_for_every_site_is_secure(call: Caller) -> None:
    line = ask(call, make_api(same_site="none"), "/set", data={"a": 1}).headers["set-cookie"]
    assert line.endswith("; Secure; HttpOnly; SameSite=None")


def test_options_become_attributes_also_of_the_deletion(call: Caller) -> None:
    api = make_api(domain="example.com", path="/app", same_site="strict", max_age=60, https_only=True)
    cookie = begin(call, api)
    line = ask(call, api, "/logout", cookie).headers["set-cookie"]
    assert line.endswith("Max-Age=0; Domain=example.com; Path=/app; Secure; HttpOnly; SameSite=Strict")


def test_the_views_own_vary_and_cookies_stay(call: Caller) -> None:
    api = make_api()

    @api.get("/own")
    async def view(req: Request, resp: Response) -> None:
        resp.vary("Accept-Language")
        resp.cookies["hello"] = "world"
        resp.session["user"] = "kenneth"
        resp.text = "hello"

    answer = ask(call, api, "/own", method="GET")
    assert [value for name, value in answer.fields if name == "vary"] == ["Accept-Language", "Cookie"]
    assert [value.partition("=")[0] for name, value in answer.fields if name == "set-cookie"] == ["hello", NAME]


# Keys


def test_without_a_key_sessions_work_and_one_warning_is_logged(call: Caller, caplog: pytest.LogCaptureFixture) -> None:
    api = make_api(key=None)
    ask(call, api, "/untouched")
    assert caplog.records == []
    cookie = begin(call, api)
    assert ask(call, api, "/", cookie).media == {"user": "kenneth"}
    assert [(record.name, record.levelno) for record in caplog.records] == [("responder", logging.WARNING)]
    assert "secret_key" in caplog.text


def test_without_a_key_no_other_api_trusts_the_cookie(call: Caller) -> None:
    assert ask(call, make_api(key=None), "/", begin(call, make_api(key=None))).media == {}


WEAK = [
    ("", "empty"),
    (" " * 40, "empty"),
    ("secret", "everybody knows"),
    ("changeme", "everybody knows"),
    ("NOTASECRET", "everybody knows"),
    ("password", "everybody knows"),
    ("Your-Secret-Key-Here!", "everybody knows"),
    ("fifteen letters", "15 characters"),
    ("aaaaaaaaaaaaaaaaaaaaaaaa", "repeats"),
]


@pytest.mark.parametrize(("key", "reason"), WEAK)
def test_a_key_that_can_be_guessed_is_refused(key: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        API(secret_key=key)
    assert len(key.strip()) < 8 or key not in str(caught.value)


@pytest.mark.parametrize(("key", "reason"), WEAK)
def test_while_debugging_it_is_a_warning(key: str, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    API(secret_key=key, debug=True)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert reason in caplog.text


def test_every_key_of_a_list_is_looked_at() -> None:
    with pytest.raises(ConfigurationError, match="Key 2 of secret_key"):
        API(secret_key=[KEY, "short"])


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "key", [b"correct horse battery staple", 7, [], [KEY, None], [b"bytes"], {KEY}, {KEY: 1}, True]
)
def test_what_is_no_key_is_refused(key: Any, debug: bool) -> None:  # noqa: FBT001 - a case
    with pytest.raises(ConfigurationError, match="secret_key is text"):
        API(secret_key=key, debug=debug)


@pytest.mark.parametrize("key", ["ключ от всех дверей", "half a pair \ud800 in a key", (KEY, OTHER)])
def test_any_long_text_is_a_key(call: Caller, key: Any) -> None:
    api = make_api(key=key)
    assert ask(call, api, "/", begin(call, api)).media == {"user": "kenneth"}


# In a store


@pytest.fixture
def store() -> Recorder:
    return Recorder()


def test_the_cookie_is_an_id_that_the_store_does_not_have(call: Caller, store: Recorder) -> None:
    cookie = begin(call, make_api(store=store))
    assert re.fullmatch(r"[A-Za-z0-9_\-]{43}", cookie)
    assert store.names == [hashlib.sha256(cookie.encode()).hexdigest()]


def test_who_reads_the_store_cannot_use_its_ids(call: Caller, store: Recorder) -> None:
    api = make_api(store=store)
    begin(call, api)
    assert [ask(call, api, "/", cookie).media for cookie in (store.names[0], store.names[0][:43])] == [{}, {}]


def test_two_sessions_have_two_ids(call: Caller, store: Recorder) -> None:
    api = make_api(store=store)
    assert begin(call, api) != begin(call, api)


def test_an_id_that_the_store_does_not_know_is_never_adopted(call: Caller, store: Recorder) -> None:
    planted = "planted" + "x" * 36
    cookie = cookie_of(ask(call, make_api(store=store), "/set", planted, {"user": "kenneth"}))
    assert cookie not in {None, "", planted}


@pytest.mark.parametrize("cookie", [None, "", "short", "a" * 44, "a" * 42 + "!", "\xe4" * 43])
def test_the_store_is_not_asked_for_what_is_no_id(call: Caller, store: Recorder, cookie: str | None) -> None:
    ask(call, make_api(store=store), "/", cookie)
    assert store.asked == []


def test_reading_asks_the_store_once_and_writes_nothing(call: Caller, store: Recorder) -> None:
    api = make_api(store=store)
    cookie = begin(call, api)
    store.asked.clear()
    ask(call, api, "/", cookie)
    assert [what for what, _ in store.asked] == ["read"]


def test_a_change_keeps_the_id_and_renews_the_cookie(call: Caller, store: Recorder) -> None:
    api = make_api(store=store)
    cookie = begin(call, api)
    assert cookie_of(ask(call, api, "/set", cookie, {"more": 1})) == cookie


def test_the_old_id_is_worth_nothing_after_a_log_in(call: Caller, store: Recorder) -> None:
    api = make_api(store=store)
    planted = begin(call, api, cart=[1])
    ask(call, api, "/login", planted)
    assert ask(call, api, "/", planted).media == {}
    assert len(store.names) == 1


def test_the_old_id_never_has_what_the_log_in_set(call: Caller, store: Recorder) -> None:
    """Should the store go down half-way, an id that was planted must not be logged in."""
    api = make_api(store=store)
    planted = begin(call, api, cart=[1])
    store.asked.clear()
    ask(call, api, "/login", planted)
    assert [what for what, _ in store.asked] == ["read", "read", "create", "delete"]


def test_ending_a_session_ends_it_in_the_store(call: Caller, store: Recorder) -> None:
    api = make_api(store=store)
    cookie = begin(call, api)
    ask(call, api, "/logout", cookie)
    assert store.names == []
    assert ask(call, api, "/", cookie).media == {}


def test_what_follows_clear_has_a_new_id_and_ends_the_old(call: Caller, store: Recorder) -> None:
    api = make_api(store=store)
    before = begin(call, api)
    after = cookie_of(ask(call, api, "/again", before))
    assert after is not None
    assert store.names == [hashlib.sha256(after.encode()).hexdigest()]


@pytest.mark.parametrize("action", ["change", "rotate"])
def test_a_session_that_is_ended_meanwhile_stays_ended(call: Caller, store: Recorder, action: str) -> None:
    api = make_api(store=store)

    @api.post("/change")
    async def change(req: Request, resp: Response) -> None:
        resp.session["late"] = True

    @api.post("/rotate")
    async def rotate(req: Request, resp: Response) -> None:
        resp.session.rotate()

    @api.before_request
    async def end_elsewhere(req: Request, resp: Response) -> None:
        if req.session:
            await store.delete(store.names[0])

    cookie = begin(call, api)
    answer = ask(call, api, f"/{action}", cookie)
    assert (answer.status, cookie_of(answer), store.names) == (200, None, [])


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"null", b"{"])
def test_what_another_program_left_in_the_store_is_an_empty_session(call: Caller, store: Recorder, data: bytes) -> None:
    api = make_api(store=store)
    cookie = begin(call, api)
    asyncio.run(store.write(store.names[0], data, 60, create=False))
    answer = ask(call, api, "/", cookie)
    assert (answer.status, answer.media) == (200, {})


def test_a_store_that_is_down_is_a_503_for_those_who_open_a_session(call: Caller, store: Recorder) -> None:
    api = make_api(store=store)
    cookie = begin(call, api)
    store.is_down = True
    assert [ask(call, api, path, cookie).status for path in ("/", "/untouched", "/login", "/logout")] == [
        503,
        200,
        503,
        503,
    ]
    assert ask(call, api, "/set", data={"user": "kenneth"}).status == 503
    store.is_down = False
    assert ask(call, api, "/", cookie).media == {"user": "kenneth"}


def test_a_store_that_goes_down_and_comes_back_is_logged_once(
    call: Caller, store: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    api = make_api(store=store)
    cookie = begin(call, api)
    store.is_down = True
    ask(call, api, "/", cookie)
    ask(call, api, "/", cookie)
    store.is_down = False
    ask(call, api, "/", cookie)
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


def test_a_store_that_takes_nothing_is_a_503(call: Caller, store: Recorder) -> None:
    store.is_full = True
    assert ask(call, make_api(store=store), "/set", data={"user": "kenneth"}).status == 503


def test_a_request_that_is_refused_before_the_store_was_asked_changes_no_session(call: Caller, store: Recorder) -> None:
    api = make_api(store=store)
    seen = []

    @api.exception_handler(HTTPError)
    async def handle(req: Request, resp: Response, error: HTTPError) -> None:
        seen.append(dict(resp.session))
        resp.session["refused"] = True

    cookie = begin(call, api)
    headers = [(b"cookie", f"{NAME}={cookie}".encode()), (b"sec-fetch-site", b"cross-site")]
    answer = call(api, b"/login", method="POST", headers=headers)
    assert (answer.status, cookie_of(answer), seen) == (403, None, [{}])
    assert ask(call, api, "/", cookie).media == {"user": "kenneth"}


def test_a_path_that_is_not_there_loads_the_session_as_well(call: Caller, store: Recorder) -> None:
    api = make_api(store=store)
    seen = []

    @api.after_request
    async def look(req: Request, resp: Response) -> None:
        seen.append(dict(req.session))

    cookie = begin(call, api)
    assert ask(call, api, "/missing", cookie).status == 404
    assert seen[-1] == {"user": "kenneth"}


def test_sessions_in_a_store_need_no_key(call: Caller, caplog: pytest.LogCaptureFixture) -> None:
    api = make_api(store=MemoryStore(), key=None)
    assert ask(call, api, "/", begin(call, api)).media == {"user": "kenneth"}
    assert caplog.records == []


def test_a_session_in_a_store_may_be_large(call: Caller) -> None:
    api = make_api(store=MemoryStore())
    assert len(ask(call, api, "/", begin(call, api, text="x" * 100_000)).body) > 100_000


def test_a_store_of_redis_serves_one_client_after_another(redis_url: str) -> None:
    api = make_api(store=RedisStore(redis_url, "test_sessions:"))
    for _ in range(2):
        with api.session() as client:
            client.post("/login")
            assert client.get("/").json() == {"user": "kenneth"}


@pytest.mark.parametrize("store", ["redis://localhost", MemoryStore, object(), {}, 7])
def test_what_is_no_store_is_refused(store: Any) -> None:
    with pytest.raises(ConfigurationError, match="read, write, delete, close"):
        API(sessions=Sessions(store=store))


@pytest.mark.parametrize("options", [{"domain": "example.com:80"}, {"path": "app"}, {"max_age": 2**70}])
def test_attributes_that_no_cookie_has_are_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="Sessions"):
        API(sessions=Sessions(**options))


def test_the_policy_closes_its_store() -> None:
    closed = []

    class Closing(MemoryStore):
        async def close(self) -> None:
            closed.append(True)

    asyncio.run(API(sessions=Sessions(store=Closing())).sessions.close())
    asyncio.run(API().sessions.close())
    assert closed == [True]


def test_itsdangerous_loads_when_a_session_is_used() -> None:
    import subprocess
    import sys

    code = "import sys, responder; responder.API(); print('itsdangerous' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - the test's own words
    assert done.stdout.strip() == "False"


def test_limits_of_cookies_hold_for_sessions(call: Caller) -> None:
    api = API(secret_key=KEY, limits=Limits(cookies=2))

    @api.get("/")
    async def view(req: Request, resp: Response) -> None:
        resp.media = dict(req.session)

    assert ask(call, api, "/", "a; b=1; c=2").status == 400


# Failures beside the view's


@pytest.mark.parametrize("place", ["handler", "after hook"])
def test_what_answers_a_failure_and_fails_keeps_nothing(call: Caller, store: Recorder, place: str) -> None:
    api = make_api(store=store)

    async def spoil(req: Request, resp: Response, *_: object) -> None:
        resp.session["evil"] = 1
        raise ValueError

    if place == "handler":
        api.exception_handler(KeyError)(spoil)
    else:
        api.after_request(spoil)

    @api.get("/boom")
    async def boom(req: Request, resp: Response) -> None:
        raise KeyError

    answer = ask(call, api, "/boom", method="GET")
    assert (answer.status, cookie_of(answer), store.names) == (500, None, [])


@pytest.mark.parametrize("kind", ["text", "html", "charset", "problem", "media"])
def test_a_body_that_cannot_be_encoded_keeps_nothing(call: Caller, store: Recorder, kind: str) -> None:
    api = make_api(store=store)

    @api.get("/spoilt")
    async def spoilt(req: Request, resp: Response) -> None:
        resp.session.rotate()
        resp.session["user"] = "kenneth"
        if kind == "charset":
            resp.text = "\u00e9"
            resp.encoding = "ascii"
        elif kind == "problem":
            resp.problem(400, detail="\ud800")
        else:
            setattr(resp, kind, "\ud800")

    cookie = begin(call, api, user="somebody")
    assert ask(call, api, "/spoilt", cookie, method="GET").status == 500
    assert ask(call, api, "/", cookie).media == {"user": "somebody"}


def test_a_request_that_looked_into_the_session_and_failed_varies_by_it(api: API, call: Caller) -> None:
    @api.get("/who")
    async def who(req: Request, resp: Response) -> None:
        if not req.session.get("user"):
            raise HTTPError(404)

    answer = ask(call, api, "/who", method="GET")
    assert (answer.status, answer.headers["vary"]) == (404, "Cookie")
    assert "vary" not in ask(call, api, "/missing", method="GET").headers


def test_a_slow_request_leaves_the_cookie_of_a_new_log_in_alone(call: Caller, store: Recorder) -> None:
    api = make_api(store=store)

    @api.get("/slow")
    async def slow(req: Request, resp: Response) -> None:
        resp.session["seen"] = True
        await store.delete(store.names[0])

    cookie = begin(call, api)
    assert cookie_of(ask(call, api, "/slow", cookie, method="GET")) is None


def test_a_stream_cannot_open_a_session(call: Caller) -> None:
    api = make_api()

    @api.get("/stream")
    async def stream(req: Request, resp: Response) -> None:
        @resp.stream
        async def chunks() -> AsyncIterator[str]:
            yield "chunk"
            yield str(req.session)

    with pytest.raises(RuntimeError, match="Read it in the view"):
        api.requests.get("/stream")


def test_the_store_is_closed_at_shutdown() -> None:
    closed: list[bool] = []

    class Closing(MemoryStore):
        async def close(self) -> None:
            closed.append(True)

    api = make_api(store=Closing())
    with api.session() as session:
        session.get("/")
        assert closed == []
    assert closed == [True]


def test_a_stream_goes_with_a_session_that_the_view_has_changed(call: Caller) -> None:
    api = make_api()

    @api.get("/stream")
    async def stream(req: Request, resp: Response) -> None:
        resp.session["user"] = "kenneth"

        @resp.stream
        async def chunks() -> AsyncIterator[str]:
            yield "chunk"

    answer = ask(call, api, "/stream", method="GET")
    assert answer.body == b"chunk"
    assert ask(call, api, "/", cookie_of(answer)).media == {"user": "kenneth"}
