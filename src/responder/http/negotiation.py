"""Media types and proactive negotiation (RFC 9110 sections 8.3 and 12.5.1).

What cannot be read is passed over: an `Accept` with nothing readable in it is as good as none. Rejected: 406 for a
malformed header, which helps nobody, and a cache of parsed headers, whose keys the client would choose.
"""

from __future__ import annotations

import re
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MAX_RANGES = 100
_NO_NAMES: Mapping[str, str] = MappingProxyType({})
_TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the `token` of RFC 9110 section 5.6.2, no secret
_MEDIA_TYPE = re.compile(f"{_TOKEN}/{_TOKEN}")
_QUOTED_TEXT = r"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"
_PARAMETER = re.compile(f'({_TOKEN})=(?:({_TOKEN})|"({_QUOTED_TEXT})")')
_QUOTED_PAIR = re.compile(r"\\(.)")
# Clients write `q=.2` and `q=0.33333334` as well, which the grammar of a qvalue does not have.
_QUALITY = re.compile(r"[01](?:\.[0-9]{0,20})?|\.[0-9]{1,20}")

# Every character is consumed once: a quoted string runs to its closing quote or, for want of one, to the end.
_QUOTED = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_SPLITTERS = {separator: re.compile(rf'(?:[^{separator}"]++|{_QUOTED})++', re.DOTALL) for separator in (",", ";")}

# How closely a range fits a media type; each parameter that fits adds one to `_EXACT`.
_NOT_COVERED, _ANY_TYPE, _ANY_SUBTYPE, _EXACT = range(4)


class MediaRange(NamedTuple):
    """One member of `Accept`: `text/html;level=1;q=0.5`, names in lower case and `q` not among the parameters."""

    type: str
    subtype: str
    parameters: dict[str, str]
    quality: float


def parse_media_type(value: str) -> tuple[str, dict[str, str]]:
    """Read `Content-Type`: `("text/html", {"charset": "utf-8"})` (RFC 9110 section 8.3.1).

    The type and the names of parameters are in lower case, values as they were sent, without their quotes. The first
    parameter of a name counts, malformed ones are passed over. Without a valid `type/subtype` it is `("", {})`.
    """
    media_type, _, rest = value.partition(";")
    media_type = media_type.strip(" \t").lower()
    if not _MEDIA_TYPE.fullmatch(media_type):
        return "", {}
    if not rest:
        return media_type, {}
    parameters: dict[str, str] = {}
    for name, content in _parse_parameters(rest):
        if content is not None:
            parameters.setdefault(name, content)
    return media_type, parameters


def _parse_parameters(text: str) -> Iterator[tuple[str, str | None]]:
    """Give each parameter; the value of a malformed one is `None`."""
    for piece in _split(text, ";"):
        found = _PARAMETER.fullmatch(piece.strip(" \t"))
        if found is None:
            yield piece.partition("=")[0].strip(" \t").lower(), None
        else:
            name, token, quoted = found.groups()
            yield name.lower(), _QUOTED_PAIR.sub(r"\1", quoted) if token is None else token


def _split(text: str, separator: str, limit: int | None = None) -> list[str]:
    """Split where the separator stands outside a quoted string; at most `limit` pieces are read."""
    if '"' not in text:
        return text.split(separator, -1 if limit is None else limit)[:limit]
    return [piece[0] for piece in islice(_SPLITTERS[separator].finditer(text), limit)]


def parse_accept(header: str, names: Mapping[str, str] = _NO_NAMES) -> list[MediaRange]:
    """Read `Accept`: its media ranges in the client's order (RFC 9110 section 12.5.1).

    Malformed ranges, and those of a malformed `q`, are passed over, and so is what follows the first 100. A lone `*`
    is read as `*/*`, since old Java clients send it; `names` are further words that stand for a media type.
    """
    ranges = (_parse_media_range(piece, names) for piece in _split(header, ",", _MAX_RANGES))
    return [media_range for media_range in ranges if media_range is not None]


def _parse_media_range(text: str, names: Mapping[str, str]) -> MediaRange | None:
    written, _, rest = text.partition(";")
    word = written.strip(" \t").lower()
    media_type = "*/*" if word == "*" else names.get(word) or parse_media_type(written)[0]
    main_type, _, subtype = media_type.partition("/")
    if not main_type or (main_type == "*" and subtype != "*"):
        return None
    parameters: dict[str, str] = {}
    quality: float | None = None
    for name, content in _parse_parameters(rest):
        if name == "q" and quality is None:
            quality = _parse_quality(content)
            if quality is None:
                return None
        elif name != "q" and content is not None:
            parameters.setdefault(name, content)
    return MediaRange(main_type, subtype, parameters, 1.0 if quality is None else quality)


def _parse_quality(text: str | None) -> float | None:
    if text is None or not _QUALITY.fullmatch(text):
        return None
    quality = float(text)
    return quality if quality <= 1 else None


def accepts(header: str | None, media_type: str) -> bool:
    """Say whether the client takes `media_type`; without an `Accept`, or with a blank one, it takes everything.

    The most specific range that covers the type decides, so `text/html;q=0, */*` excludes HTML.
    """
    return _find_quality(parse_accept(header or ""), media_type) > 0


def preferred_media_type(
    header: str | None, candidates: Sequence[str], names: Mapping[str, str] = _NO_NAMES
) -> str | None:
    """Give the candidate of the highest quality, the earlier of two equal ones, or `None` when none is acceptable.

    `names` are words that stand for a media type in the header, as `yaml` for `application/yaml`.
    """
    ranges = parse_accept(header or "", names)
    best, best_quality = None, 0.0
    for candidate in candidates:
        quality = _find_quality(ranges, candidate)
        if quality > best_quality:
            best, best_quality = candidate, quality
    return best


def prefers_html(header: str | None) -> bool:
    """Say whether an error page should be HTML: `text/html` is named, and no JSON is wanted more.

    `*/*` and `text/*` do not name it, so that scripts and command lines are answered with problem documents.
    """
    if not header or "html" not in header.lower():
        return False
    ranges = parse_accept(header)
    fit, quality = _find_best(ranges, "text/html")
    json = max(_find_best(ranges, name)[1] for name in ("application/problem+json", "application/json"))
    return fit >= _EXACT and quality > 0 and quality >= json


def _find_quality(ranges: list[MediaRange], media_type: str) -> float:
    return _find_best(ranges, media_type)[1] if ranges else 1.0


def _find_best(ranges: list[MediaRange], media_type: str) -> tuple[int, float]:
    """Give the fit and the quality of the range that decides about the media type."""
    name, parameters = parse_media_type(media_type)
    main_type, _, subtype = name.partition("/")
    best = (_NOT_COVERED, 0.0)
    for media_range in ranges:
        fit = _measure_fit(media_range, main_type, subtype, parameters)
        if fit > best[0]:
            best = (fit, media_range.quality)
    return best


def _measure_fit(media_range: MediaRange, main_type: str, subtype: str, parameters: dict[str, str]) -> int:
    if media_range.type not in ("*", main_type) or media_range.subtype not in ("*", subtype):
        return _NOT_COVERED
    fitting = 0
    for name, content in media_range.parameters.items():
        own = parameters.get(name)
        if own is not None and own.lower() == content.lower():
            fitting += 1
        elif own is not None or name != "charset":
            # A client that asks for `application/json;charset=utf-8` means plain `application/json` too.
            return _NOT_COVERED
    if media_range.subtype != "*":
        return _EXACT + fitting
    return _ANY_TYPE if media_range.type == "*" else _ANY_SUBTYPE


def preferred_coding(header: str | None, codings: Sequence[str]) -> str | None:
    """Give the content coding that the client takes best, the earlier of two equal ones, or `None` for none of them.

    Read from `Accept-Encoding` (RFC 9110 section 12.5.3). Without the header none is taken, as clients that cannot
    decode anything send none.
    """
    qualities = _parse_codings(header or "")
    best, best_quality = None, 0.0
    as_it_is = qualities.get("identity", 0.0)
    for coding in codings:
        quality = qualities.get(coding, qualities.get("*", 0.0))
        if quality > best_quality and quality >= as_it_is:
            best, best_quality = coding, quality
    return best


def _parse_codings(header: str) -> dict[str, float]:
    qualities: dict[str, float] = {}
    for piece in header.split(",", _MAX_RANGES)[:_MAX_RANGES]:
        coding, _, rest = piece.partition(";")
        name, _, written = rest.partition("=")
        quality = _parse_quality(written.strip(" \t")) if name.strip(" \t").lower() == "q" else 1.0
        if quality is not None:
            qualities.setdefault(coding.strip(" \t").lower(), quality)
    return qualities
