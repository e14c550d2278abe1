from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

import responder
from responder import RateLimit
from responder.policies import rates

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Answer, Caller
    from tests.policies.conftest import RedisServer

SECOND = 1_000_000_000


class Clock:
    """Nanoseconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 5 * SECOND

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rates, "monotonic_ns", clock)
    return clock


async def view(req: responder.Request, resp: responder.Response) -> None:
    resp.text = "hello"


def make(rate: RateLimit | None = None, **options: Any) -> responder.API:
    api = responder.API(**options)
    api.add_route("/", view, rate_limit=rate)
    return api


def come_from(host: str) -> dict[str, Any]:
    return {"client": (host, 50000)}


def limits(answer: Answer) -> list[str]:
    return [value for name, value in answer.fields if name == "ratelimit"]


def policies(answer: Answer) -> list[str]:
    return [value for name, value in answer.fields if name == "ratelimit-policy"]


# What is told


def test_each_answer_says_what_remains(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("3/minute"))
    answers = [call(api), call(api)]
    assert [policies(answer) for answer in answers] == [['"default";q=3;w=60']] * 2
    assert [limits(answer) for answer in answers] == [['"default";r=2;t=20'], ['"default";r=1;t=40']]


def test_too_many_requests_are_refused_with_the_time_to_wait(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("3/minute"))
    assert [call(api).status for _ in range(4)] == [200, 200, 200, 429]
    refused = call(api)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.media["detail"] == "More than 3 requests in 60 seconds. Ask again in 20 seconds."
    assert refused.headers["retry-after"] == "20"
    assert limits(refused) == ['"default";r=0;t=60']


def test_seconds_are_rounded_up(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("1/minute"))
    call(api)
    clock.advance(59.2)
    assert call(api).headers["retry-after"] == "1"


def test_who_waits_as_long_as_told_is_served(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("7/minute"))
    for _ in range(7):
        call(api)
    clock.advance(int(call(api).headers["retry-after"]))
    assert call(api).status == 200


def test_what_was_refused_does_not_count(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("1/second"))
    assert [call(api).status for _ in range(50)] == [200] + [429] * 49
    clock.advance(1)
    assert call(api).status == 200


def test_requests_come_back_evenly(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("2/10 seconds"))
    assert [call(api).status for _ in range(3)] == [200, 200, 429]
    clock.advance(5)
    assert [call(api).status for _ in range(2)] == [200, 429]
    clock.advance(1000)
    assert [call(api).status for _ in range(3)] == [200, 200, 429]


@given(st.integers(1, 50), st.integers(1, 100), st.lists(st.integers(0, 10 * SECOND), max_size=60))
def test_no_more_pass_than_fit_into_a_bucket_that_fills_at_the_rate(
    requests: int, seconds: int, pauses: list[int]
) -> None:
    clock = Clock()
    buckets = rates._Buckets(RateLimit(f"{requests}/{seconds} seconds"), clock)
    passed = 0
    begin = clock.now
    for pause in pauses:
        clock.now += pause
        count = buckets.count("me")
        assert 0 <= count.remaining <= requests
        assert (count.wait is None) or (count.remaining == 0 and count.wait >= 1)
        passed += count.wait is None
        assert passed <= requests + (clock.now - begin) * requests // (seconds * SECOND)


def test_errors_tell_it_too(call: Caller, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(req: responder.Request, resp: responder.Response) -> None:
        raise KeyError(req.method)

    api = make(rate_limit=RateLimit("9/minute"))
    api.add_route("/fail", fail)
    api.add_route("/get", view, methods=["GET"])
    answers = [call(api, b"/fail"), call(api, b"/missing"), call(api, b"/get", method="DELETE")]
    assert [answer.status for answer in answers] == [500, 404, 405]
    assert [len(limits(answer)) for answer in answers] == [1, 1, 1]


def test_a_failure_after_it_was_told_tells_it_once(
    call: Caller, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(req: responder.Request, resp: responder.Response) -> None:
        resp.media = object()

    api = responder.API()
    api.add_route("/", fail, rate_limit=RateLimit("9/minute"))
    answer = call(api)
    assert (answer.status, limits(answer)) == (500, ['"default";r=8;t=7'])


# Several limits


def test_limits_of_api_router_and_route_all_hold(call: Caller, clock: Clock) -> None:
    api = responder.API(rate_limit=RateLimit("9/hour", name="all"))
    router = responder.Router(prefix="/r", rate_limit=RateLimit("5/hour", name="some"))
    router.add_route("/", view, rate_limit=RateLimit("2/hour", name="one"))
    api.include(router)
    answer = call(api, b"/r/")
    assert policies(answer) == ['"all";q=9;w=3600', '"some";q=5;w=3600', '"one";q=2;w=3600']
    assert [limit.partition(";t")[0] for limit in limits(answer)] == ['"all";r=8', '"some";r=4', '"one";r=1']
    call(api, b"/r/")
    assert call(api, b"/r/").status == 429
    assert limits(call(api))[0].startswith('"all";r=5')


def test_one_record_on_two_routes_is_one_limit(call: Caller, clock: Clock) -> None:
    rate = RateLimit("2/hour")
    api = make(rate)
    api.add_route("/other", view, rate_limit=rate)
    assert [call(api, path).status for path in (b"/", b"/other", b"/")] == [200, 200, 429]


def test_equal_records_are_two_limits(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("1/hour"))
    api.add_route("/other", view, rate_limit=RateLimit("1/hour"))
    assert [call(api, path).status for path in (b"/", b"/other", b"/")] == [200, 200, 429]


def test_a_record_that_stands_twice_around_a_route_counts_once(call: Caller, clock: Clock) -> None:
    rate = RateLimit("4/minute")
    api = make(rate, rate_limit=rate)
    assert limits(call(api)) == ['"default";r=3;t=15']


# Who is counted


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("no:address", "no:address", True),
        ("no:address", "another:one", False),
    ],
)
def test_a_client_is_its_address_or_its_network(
    call: Caller, clock: Clock, one: str, other: str, *, is_same: bool
) -> None:
    api = make(RateLimit("1/minute"))
    assert [call(api, **come_from(host)).status for host in (one, other)] == [200, 429 if is_same else 200]


def test_clients_without_an_address_are_one(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("1/minute"))
    assert [call(api, client=None).status for _ in range(2)] == [200, 429]


def test_what_a_client_says_of_itself_is_not_believed(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("1/minute"))
    forged = [[(b"x-forwarded-for", b"192.0.2.%d" % number), (b"forwarded", b"for=1")] for number in range(3)]
    assert [call(api, headers=headers).status for headers in forged] == [200, 429, 429]


def test_by_says_who_is_counted(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("1/minute", by=lambda req: req.headers["x-key"]))
    keys = [b"a", b"b", b"a", b"", b"\xff\xfe", b"\xff\xfe"]
    assert [call(api, headers=[(b"x-key", key)]).status for key in keys] == [200, 200, 429, 200, 200, 429]


def test_by_may_refuse_a_request(call: Caller, clock: Clock) -> None:
    answer = call(make(RateLimit("1/minute", by=lambda req: req.headers["x-key"])))
    assert (answer.status, limits(answer)) == (400, [])


def test_none_is_not_counted(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("1/minute", by=lambda req: None))
    answers = [call(api) for _ in range(3)]
    assert [(answer.status, limits(answer), policies(answer)) for answer in answers] == [(200, [], [])] * 3


async def find_nobody(req: responder.Request) -> str:
    raise NotImplementedError


@pytest.mark.parametrize("by", [lambda req: 7, find_nobody])
def test_by_that_gives_no_text_is_a_mistake_that_is_told(clock: Clock, by: Any) -> None:
    api = make(RateLimit("1/minute", by=by))
    with pytest.raises(TypeError, match=r"RateLimit\(by=...\) gave .* It is a plain function that gives text"):
        api.requests.get("/")


def test_a_huge_key_is_kept_as_a_small_one(clock: Clock) -> None:
    keys = ["a" * 100_000, "\ud800", "é"]
    shortened = [rates._shorten(key) for key in keys]
    assert len(set(shortened)) == 3
    assert {len(key) for key in shortened} == {32}


# Memory


def test_clients_that_were_idle_longest_are_forgotten_first(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("1/hour", keys=2))
    hosts = ["1.1.1.1", "2.2.2.2", "1.1.1.1", "3.3.3.3", "1.1.1.1", "2.2.2.2"]
    assert [call(api, **come_from(host)).status for host in hosts] == [200, 200, 429, 200, 429, 200]


def test_no_more_clients_are_remembered_than_allowed(clock: Clock) -> None:
    buckets = rates._Buckets(RateLimit("1/hour", keys=10), clock)
    for number in range(100):
        buckets.count(str(number))
    assert len(buckets._full) == 10


def test_clients_whose_time_is_over_are_forgotten(clock: Clock) -> None:
    buckets = rates._Buckets(RateLimit("1/hour"), clock)
    for number in range(100):
        buckets.count(str(number))
    clock.advance(3600)
    for _ in range(100):
        buckets.count("me")
    assert list(buckets._full) == ["me"]


def test_a_single_client_may_be_remembered(call: Caller, clock: Clock) -> None:
    api = make(RateLimit("1/hour", keys=1))
    hosts = ["1.1.1.1", "1.1.1.1", "2.2.2.2", "1.1.1.1"]
    assert [call(api, **come_from(host)).status for host in hosts] == [200, 429, 200, 200]


# Redis


def shared(url: str, rate: str = "2/hour", **options: Any) -> RateLimit:
    return RateLimit(rate, store=url, name=uuid4().hex, **options)


def test_processes_share_their_counts_in_redis(call: Caller, redis_url: str) -> None:
    rate = shared(redis_url)
    one, other = make(rate), make(RateLimit("2/hour", store=redis_url, name=rate.name))
    first, second, third = call(one), call(other), call(one)
    assert [answer.status for answer in (first, second, third)] == [200, 200, 429]
    assert policies(third) == [f'"{rate.name}";q=2;w=3600']
    assert [limits(answer)[0].partition(";t=")[0] for answer in (first, second, third)] == [
        f'"{rate.name}";r={remaining}' for remaining in (1, 0, 0)
    ]
    assert 3590 <= int(third.headers["retry-after"]) <= 3601


def test_redis_counts_each_client_and_each_limit_by_itself(call: Caller, redis_url: str) -> None:
    api = make(shared(redis_url, "1/hour"))
    api.add_route("/other", view, rate_limit=shared(redis_url, "1/hour"))
    asked = [(b"/", "1.1.1.1"), (b"/", "2.2.2.2"), (b"/other", "1.1.1.1"), (b"/", "1.1.1.1")]
    assert [call(api, path, **come_from(host)).status for path, host in asked] == [200, 200, 200, 429]


def test_nothing_is_asked_of_redis_for_who_is_not_counted(call: Caller) -> None:
    assert call(make(RateLimit("1/hour", store="redis://127.0.0.1:1", by=lambda req: None))).status == 200


def test_many_requests_at_once_pass_as_often_as_allowed(redis_url: str) -> None:
    api = make(shared(redis_url, "70/hour"))

    async def scene() -> list[int]:
        async with api.client() as client:
            answers = await asyncio.gather(*(client.get("/") for _ in range(150)))
        return [answer.status_code for answer in answers]

    statuses = asyncio.run(scene())
    assert (statuses.count(200), statuses.count(429)) == (70, 80)


@pytest.mark.parametrize("key", ["{a}", "a/b", "*", "\r\nFLUSHALL\r\n", "é", "x" * 5000])
def test_keys_of_any_kind_are_kept_in_redis(call: Caller, redis_url: str, key: str) -> None:
    api = make(shared(redis_url, "1/hour", by=lambda req: key))
    assert [call(api).status for _ in range(2)] == [200, 429]


def test_without_redis_it_is_a_503_until_redis_is_there_again(
    call: Caller, start_redis: Callable[[], RedisServer]
) -> None:
    server = start_redis()
    api = make(shared(server.url, "9/hour"))

    async def scene() -> list[int]:
        async with api.client() as client:
            statuses = [(await client.get("/")).status_code]
            server.kill()
            statuses.append((await client.get("/")).status_code)
            server.start()
            statuses.append((await client.get("/")).status_code)
        return statuses

    assert asyncio.run(scene()) == [200, 503, 200]
    server.kill()
    refused = call(api)
    assert (refused.status, refused.headers["retry-after"], limits(refused)) == (503, "1", [])


def test_each_event_loop_has_connections_of_its_own(call: Caller, redis_url: str) -> None:
    rate = shared(redis_url)
    windows = rates._Windows(rate, redis_url)
    for _ in range(3):
        asyncio.run(windows.count("me"))
    assert len(windows._stores) == 1


@pytest.mark.parametrize(
    ("window", "wait"),
    [
        ((0, 0.0, 10, 119.5), 60),  # once this window becomes the earlier one
        ((10, 45.5, 5, 105.5), 16),  # once half of the earlier one is out of sight
        ((0, 0.0, 0, 0.0), 1),  # another request came between the two questions
    ],
)
def test_the_time_to_wait_follows_from_both_windows(
    redis_url: str, window: tuple[int, float, int, float], wait: int
) -> None:
    assert rates._Windows(RateLimit("10/minute"), redis_url)._find_wait(*window) == wait


@pytest.mark.parametrize("url", ["memcached://localhost", "localhost", "redis", ""])
def test_a_store_that_is_none_is_a_mistake(url: str) -> None:
    with pytest.raises(responder.ConfigurationError, match="is no store; write a URL such as"):
        make(RateLimit("1/minute", store=url))


@pytest.mark.parametrize("url", ["redis://:secret@localhost:port", "redis://[::1"])
def test_an_address_that_cannot_be_read_is_told_without_its_password(url: str) -> None:
    with pytest.raises(responder.ConfigurationError, match="takes a URL such as") as caught:
        make(RateLimit("1/minute", store=url))
    assert "secret" not in str(caught.value)


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "limits.aio.storage", None)
    with pytest.raises(responder.ConfigurationError, match=r"pip install 'responder\[limits\]'"):
        make(RateLimit("1/minute", store="redis://localhost"))


@pytest.mark.parametrize(
    ("url", "with_port"),
    [
        ("redis://localhost", "redis://localhost:6379"),
        ("redis://:secret@localhost/3", "redis://:secret@localhost:6379/3"),
        ("redis://[::1]/3?x=1", "redis://[::1]:6379/3?x=1"),
        ("redis://localhost:1", "redis://localhost:1"),
        ("redis+unix:///run/redis.sock", "redis+unix:///run/redis.sock"),
    ],
)
def test_redis_has_its_usual_port(url: str, with_port: str) -> None:
    assert rates._with_port(url) == with_port
    make(RateLimit("1/minute", store=url))
