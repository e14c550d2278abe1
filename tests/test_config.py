from __future__ import annotations

from typing import Any

import pytest

import responder
from responder.config import check_origin

RECORDS = [responder.Limits, responder.Threads]
OPTIONS = [(record, name) for record in RECORDS for name, kind in record.__annotations__.items() if kind == "int"]
TIMES = ["request_time", "write_stall", "header_time"]


def test_the_defaults_are_those_that_are_documented() -> None:
    limits, threads = responder.Limits(), responder.Threads()
    assert (limits.body, limits.query_pairs, limits.cookies, limits.depth) == (16 * 1024 * 1024, 1000, 150, 100)
    assert (threads.workers, threads.queue) == (40, 1000)


@pytest.mark.parametrize(("record", "option"), OPTIONS)
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "10", None])
def test_an_option_is_a_whole_number_of_one_or_more(record: Any, option: str, value: Any) -> None:
    with pytest.raises(responder.ConfigurationError) as caught:
        record(**{option: value})
    assert str(caught.value) == f"{record.__name__}({option}={value!r}) must be a whole number of 1 or more."


@pytest.mark.parametrize("option", TIMES)
@pytest.mark.parametrize("value", [0, -1.5, float("inf"), float("nan"), True, "10", ()])
def test_a_time_is_a_number_of_seconds(option: str, value: Any) -> None:
    with pytest.raises(responder.ConfigurationError) as caught:
        responder.Limits(**{option: value})
    assert str(caught.value) == f"Limits({option}={value!r}) must be a number of seconds above 0."


def test_only_the_time_of_a_request_may_be_without_end() -> None:
    assert responder.Limits(request_time=None).request_time is None
    with pytest.raises(responder.ConfigurationError):
        responder.Limits(write_stall=None)  # type: ignore[arg-type]


def refused(record: Any, **options: Any) -> str:
    with pytest.raises(responder.ConfigurationError) as caught:
        record(**options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("record", "options", "reason"),
    [
        (responder.Sessions, {"max_age": 0}, "Sessions(max_age=0) must be a whole number of 1 or more."),
        (responder.Sessions, {"cookie": "a b"}, "Sessions(cookie='a b') cannot name a cookie."),
        (responder.Sessions, {"same_site": "no"}, "Sessions(same_site='no') must be 'lax', 'strict' or 'none'."),
        (responder.Sessions, {"same_site": "none", "https_only": False}, "over HTTPS alone"),
        (responder.Sessions, {"cookie": "__Host-s", "path": "/a"}, "needs path='/' and no domain"),
        (responder.Sessions, {"cookie": "__Host-s", "domain": "example.com"}, "needs path='/' and no domain"),
        (responder.Sessions, {"cookie": "__Secure-s", "https_only": False}, "is for HTTPS alone"),
        (responder.HSTS, {"max_age": -1}, "HSTS(max_age=-1) must be a whole number of 0 or more."),
        (responder.HSTS, {"port": 0}, "HSTS(port=0) must be a port from 1 to 65535."),
        (responder.HSTS, {"port": "443"}, "HSTS(port='443') must be a port"),
        (responder.HSTS, {"preload": True}, "needs max_age of a year and include_subdomains=True"),
        (responder.CSRF, {"trusted_origins": "https://a.example"}, "must be a list of text"),
        (responder.CSRF, {"trusted_origins": ["a.example"]}, "'a.example' is no origin"),
        (responder.CSRF, {"trusted_origins": ["https://a.example/"]}, "'https://a.example/' is no origin"),
        (responder.Proxies, {"trusted": []}, "names no proxy"),
        (responder.Proxies, {"trusted": "10.0.0.0/8"}, "must be a list of text"),
        (responder.Proxies, {"trusted": ["10.0.0.1/8"]}, "has host bits set"),
        (responder.Proxies, {"trusted": ["proxy"]}, "Write '10.0.0.0/8' or '192.0.2.7'"),
        (responder.Proxies, {"trusted": ["10.0.0.1"], "header": "via"}, "must be 'x-forwarded' or 'forwarded'"),
        (responder.SecurityHeaders, {"frame_options": ""}, "must be text that a header can carry, or None"),
        (responder.SecurityHeaders, {"frame_options": "a\nb"}, "must be text that a header can carry, or None"),
        (responder.SecurityHeaders, {"frame_options": 5}, "must be text that a header can carry, or None"),
        (responder.Compression, {"codings": ["gzip", "lzma"]}, "has 'lzma'; known are zstd, br and gzip"),
        (responder.Compression, {"codings": "gzip"}, "must be a list of text"),
        (responder.Compression, {"minimum": 0}, "Compression(minimum=0) must be a whole number of 1 or more."),
        (responder.RateLimit, {"rate": "100"}, "write a rate such as '100/minute'"),
        (responder.RateLimit, {"rate": "0/minute"}, "write a rate such as"),
        (responder.RateLimit, {"rate": 5}, "write a rate such as"),
        (responder.RateLimit, {"rate": "1/day", "by": "ip"}, "must be a function of the request"),
        (responder.RateLimit, {"rate": "1/day", "store": object()}, "must be a URL such as 'redis://localhost'"),
        (responder.CSRF, {"trusted_origins": 5}, "must be a list of text"),
        (responder.RateLimit, {"rate": "1/day", "keys": 0}, "keys=0) must be a whole number of 1 or more."),
        (responder.RateLimit, {"rate": "1/day", "name": 'a"b'}, "has up to 64 letters"),
    ],
)
def test_a_record_says_what_is_wrong(record: Any, options: dict[str, Any], reason: str) -> None:
    assert reason in refused(record, **options)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"allow_origins": ["*"], "allow_credentials": True}, "browsers refuse '*' together with allow_credentials"),
        ({"expose_headers": ["*"], "allow_credentials": True}, "browsers refuse '*' together with allow_credentials"),
        ({"allow_origins": "https://a.example"}, "must be a list of text"),
        ({"allow_origins": ["a.example"]}, "'a.example' is no origin"),
        ({"allow_methods": ["GET "]}, "has 'GET ', which is no name"),
        ({"allow_headers": ["X-A\r\n"]}, "which is no name"),
        ({"allow_origin_regex": "("}, "CORS(allow_origin_regex='('): missing )"),
        ({"max_age": -1}, "CORS(max_age=-1) must be a whole number of 0 or more."),
        ({"allow_origin": []}, "cors_params has 'allow_origin'. Known: allow_credentials, allow_headers"),
    ],
)
def test_parameters_of_cors_say_what_is_wrong(params: dict[str, Any], reason: str) -> None:
    assert reason in refused(responder.API, cors=True, cors_params=params)


def test_parameters_of_cors_without_it_are_a_mistake() -> None:
    assert "cors=True, which is missing" in refused(responder.API, cors_params={})


def test_a_switch_is_true_false_or_a_record() -> None:
    assert refused(responder.API, enable_hsts=1) == "1 is neither True, False nor a HSTS."
    assert "nor a CSRF" in refused(responder.API, csrf="on")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"proxies": ["127.0.0.1"]}, "proxies=['127.0.0.1'] must be a Proxies: proxies=Proxies(...)."),
        ({"limits": {"body": 5}}, "limits={'body': 5} must be a Limits: limits=Limits(...)."),
        ({"threads": 10}, "threads=10 must be a Threads: threads=Threads(...)."),
        ({"sessions": True}, "sessions=True must be a Sessions: sessions=Sessions(...)."),
        ({"rate_limit": "5/minute"}, "rate_limit='5/minute' must be a RateLimit: rate_limit=RateLimit(...)."),
        ({"debug": "no"}, "debug='no' must be True or False."),
    ],
)
def test_an_option_of_another_kind_is_refused(options: dict[str, Any], reason: str) -> None:
    assert refused(responder.API, **options) == reason


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"limits": 5}, "limits=5 must be a Limits"),
        ({"rate_limit": "5/minute"}, "must be a RateLimit"),
        ({"csrf": "no"}, "csrf='no' of a route must be False, to let other sites in, or True."),
    ],
)
def test_an_option_of_a_route_of_another_kind_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(responder.ConfigurationError, match=reason):
        responder.API().get("/", **options)
    with pytest.raises(responder.ConfigurationError, match="must be a RateLimit"):
        responder.Router(rate_limit="5/minute")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rate", "requests", "seconds"),
    [
        ("10/second", 10, 1),
        ("100/minute", 100, 60),
        ("5/10 seconds", 5, 10),
        ("1000/5 hours", 1000, 18000),
        ("1/day", 1, 86400),
    ],
)
def test_a_rate_is_read(rate: str, requests: int, seconds: int) -> None:
    limit = responder.RateLimit(rate)
    assert (limit.requests, limit.seconds) == (requests, seconds)


@pytest.mark.parametrize(
    ("origin", "checked"),
    [
        ("HTTPS://A.Example:443", "https://a.example"),
        ("http://[::1]:80", "http://[::1]"),
        ("app://x:443", "app://x:443"),
    ],
)
def test_an_origin_is_normal(origin: str, checked: str) -> None:
    assert check_origin(origin) == checked


@pytest.mark.parametrize(("record", "option"), OPTIONS)
def test_an_option_may_be_one(record: Any, option: str) -> None:
    assert getattr(record(**{option: 1}), option) == 1


@pytest.mark.parametrize(("record", "option"), OPTIONS)
def test_a_record_does_not_change(record: Any, option: str) -> None:
    with pytest.raises(AttributeError, match="does not change"):
        setattr(record(), option, 5)
    with pytest.raises(AttributeError, match="does not change"):
        delattr(record(), option)


def test_records_with_the_same_options_are_equal() -> None:
    assert responder.Limits(body=5) == responder.Limits(body=5) != responder.Limits()
    assert len({responder.Limits(depth=100), responder.Limits(), responder.Limits(body=5)}) == 2
    assert responder.Limits() != responder.Threads()
    assert responder.Limits() != "Limits()"


def test_a_record_shows_what_was_set() -> None:
    assert repr(responder.Limits(body=5)) == "Limits(body=5)"


def test_another_record_is_made_of_one() -> None:
    limits = responder.Limits(body=5).replace(depth=3)
    assert (limits.body, limits.depth) == (5, 3)
    with pytest.raises(responder.ConfigurationError):
        limits.replace(depth=0)


def test_an_option_that_is_not_there_is_refused() -> None:
    options: dict[str, Any] = {"bodies": 5}
    with pytest.raises(TypeError, match=r"Limits has no option 'bodies'. Known: body, query_pairs"):
        responder.Limits(**options)


def test_an_option_without_a_default_is_needed() -> None:
    with pytest.raises(TypeError, match=r"Proxies needs trusted=..."):
        responder.Proxies()  # type: ignore[call-arg]
