"""Status codes by name (RFC 9110 section 15 and the IANA registry), and the predicates over their classes.

`HTTP_200` is the integer 200. The names carry numbers because that is what a reader of a service looks for.
"""

from __future__ import annotations

from functools import lru_cache

HTTP_100 = 100
HTTP_101 = 101
HTTP_102 = 102
HTTP_103 = 103
HTTP_200 = 200
HTTP_201 = 201
HTTP_202 = 202
HTTP_203 = 203
HTTP_204 = 204
HTTP_205 = 205
HTTP_206 = 206
HTTP_207 = 207
HTTP_208 = 208
HTTP_226 = 226
HTTP_300 = 300
HTTP_301 = 301
HTTP_302 = 302
HTTP_303 = 303
HTTP_304 = 304
HTTP_305 = 305
HTTP_307 = 307
HTTP_308 = 308
HTTP_400 = 400
HTTP_401 = 401
HTTP_402 = 402
HTTP_403 = 403
HTTP_404 = 404
HTTP_405 = 405
HTTP_406 = 406
HTTP_407 = 407
HTTP_408 = 408
HTTP_409 = 409
HTTP_410 = 410
HTTP_411 = 411
HTTP_412 = 412
HTTP_413 = 413
HTTP_414 = 414
HTTP_415 = 415
HTTP_416 = 416
HTTP_417 = 417
HTTP_418 = 418
HTTP_421 = 421
HTTP_422 = 422
HTTP_423 = 423
HTTP_424 = 424
HTTP_425 = 425
HTTP_426 = 426
HTTP_428 = 428
HTTP_429 = 429
HTTP_431 = 431
HTTP_451 = 451
HTTP_500 = 500
HTTP_501 = 501
HTTP_502 = 502
HTTP_503 = 503
HTTP_504 = 504
HTTP_505 = 505
HTTP_506 = 506
HTTP_507 = 507
HTTP_508 = 508
HTTP_510 = 510
HTTP_511 = 511

# RFC 9110 renamed some after Python 3.11 had named them.
_RENAMED = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


def is_100(status_code: int) -> bool:
    """Say whether the status is informational (RFC 9110 section 15.2)."""
    return 100 <= status_code < 200


def is_200(status_code: int) -> bool:
    """Say whether the status is a success (RFC 9110 section 15.3)."""
    return 200 <= status_code < 300


def is_300(status_code: int) -> bool:
    """Say whether the status is a redirection (RFC 9110 section 15.4)."""
    return 300 <= status_code < 400


def is_400(status_code: int) -> bool:
    """Say whether the status is a client error (RFC 9110 section 15.5)."""
    return 400 <= status_code < 500


def is_500(status_code: int) -> bool:
    """Say whether the status is a server error (RFC 9110 section 15.6)."""
    return 500 <= status_code < 600


@lru_cache(maxsize=1024)
def phrase(status_code: int) -> str:
    """Give the reason phrase of a status: `"Not Found"` for 404, `"Status 499"` for one that has no name."""
    from http import HTTPStatus  # noqa: PLC0415 - 2 ms of import, for the first response that needs a phrase

    if status_code in _RENAMED:
        return _RENAMED[status_code]
    try:
        return HTTPStatus(status_code).phrase
    except ValueError:
        return f"Status {status_code}"
