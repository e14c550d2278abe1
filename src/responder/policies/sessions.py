"""Sessions: data of one client, in a signed cookie or in a store.

A cookie holds JSON that its reader can see and nobody else can make: itsdangerous signs it with HMAC-SHA-256, under a
key of its own for each cookie's name. With a store the cookie is a random id, of which the store knows only the
SHA-256, so that whoever reads the store cannot act for anybody. An id that the store does not know is never adopted.

Rejected: pickle, which runs what it reads; encrypted cookies, which hide data but still cannot end a session;
renewing the cookie of a session that was only read, which makes every page set a cookie.
"""

from __future__ import annotations

import logging
import re
from hashlib import sha256
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from ..errors import ConfigurationError, DecodeError, EncodeError, InvalidCookie, ServiceUnavailable
from ..exchange.lazy import lazy
from ..exchange.session import Session
from ..http.cookies import format_set_cookie
from ..media.guard import CODEC_ERRORS
from ..media.json import decode_json, is_deeper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ..config import Sessions
    from ..exchange.request import Request
    from ..exchange.response import Response
    from ..http.cookies import CookieIdentity
    from ..types import Store

T = TypeVar("T")

log = logging.getLogger("responder")

_ID: Final = re.compile(r"[A-Za-z0-9_\-]{43}")
"""What `token_urlsafe(32)` makes."""

_LOADED: Final = "loaded_session"
"""Where the loader leaves in a request what the store has: one that nobody opens is not decoded."""

_DEPTH: Final = 200
"""Arrays and objects inside each other: twice as many as a body may have, so that what came in one fits."""

_PAIR: Final = 4096
"""Bytes of a cookie's name and value that browsers take (RFC 6265bis section 5.6)."""

_SKEW: Final = 60
"""Seconds by which the clock of another machine that signs may be ahead."""

_SHORTEST: Final = 16
_KNOWN_KEYS: Final = frozenset(
    {
        *(
            "secret",
            "secretkey",
            "mysecretkey",
            "mysecretkey123",
            "yoursecretkey",
            "yoursecretkeyhere",
            "supersecretkey",
        ),
        *("changeme", "changemeinproduction", "changethis", "changethisinproduction", "pleasechangeme", "notasecret"),
        *("password", "passwordpassword", "development", "developmentkey", "devsecretkey", "insecuresecretkey"),
        *("topsecret", "topsecretkey", "replaceme", "keepitsecretkeepitsafe", "secretsecretsecret", "0123456789abcdef"),
        *("1234567890123456", "abcdefghijklmnop", "abcdefghijklmnopqrstuvwxyz"),
    }
)
"""Keys from documentation and templates, in lower case and without punctuation."""

_ADVICE: Final = "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


class SessionPolicy:
    """Opens and saves the sessions of one API.

    Raises `ConfigurationError` for a key that can be guessed (with `debug` it is a warning), for what is no store,
    and for attributes that no cookie can have.
    """

    def __init__(self, options: Sessions, secret_key: str | Sequence[str] | None, *, debug: bool) -> None:
        self.options = options
        self._keys = _check_keys(secret_key, debug=debug)
        self._store = _check_store(options.store)
        is_for_https = options.same_site == "none" or options.cookie.lower().startswith(("__host-", "__secure-"))
        self._secure = True if is_for_https else options.https_only
        self._is_down = False
        try:
            format_set_cookie(
                options.cookie, max_age=options.max_age, domain=options.domain, path=options.path, secure=True
            )
        except InvalidCookie as error:
            raise ConfigurationError(f"Sessions: {error}") from error

    @property
    def loader(self) -> Callable[[Request, Response], Awaitable[None]] | None:
        """The guard that loads a session from a store before anybody reads it; None where a cookie has it."""
        return None if self._store is None else self._load

    def open(self, req: Request) -> Session:
        """Give the session of a request, as it was when that came.

        Raises `DecodeError` for more cookies than `Limits` allows, `ServiceUnavailable` when the store failed.
        """
        return self._open_signed(req) if self._store is None else self._open_stored(req)

    async def close(self) -> None:
        """Give up what the store holds on to, at shutdown."""
        if self._store is not None:
            await self._store.close()

    # In a signed cookie

    @lazy
    def _seal(self) -> _Seal:
        keys = self._keys
        if not keys:
            keys = (token_urlsafe(32),)
            log.warning(
                "API(secret_key=...) is missing: sessions end with this process, and no other can read them. %s",
                _ADVICE,
            )
        return _make_seal(keys, f"responder.session.{self.options.cookie}".encode("ascii"), self.options.max_age)

    def _open_signed(self, req: Request) -> Session:
        cookie = req.cookies.get(self.options.cookie)
        raw = self._seal.unseal(cookie) if cookie else None
        data = None if raw is None else _decode(raw)
        if raw is None or data is None:
            return Session(None, b"", self._save_signed, {})
        return Session(None, raw, self._save_signed, data)

    async def _save_signed(self, session: Session, resp: Response) -> None:
        resp.vary("Cookie")
        data = _find_change(session, resp)
        if data:
            self._set_cookie(resp, self._check_size(self._seal.seal(data)))
        elif data is not None:
            self._delete_cookie(resp)

    def _check_size(self, value: str) -> str:
        size = len(self.options.cookie) + len(value)
        if size > _PAIR:
            raise InvalidCookie(
                f"The session takes {size} bytes as a cookie, and browsers drop more than {_PAIR}. Keep less in it, "
                "or keep it in a store: API(sessions=Sessions(store=...))."
            )
        return value

    # In a store

    async def _load(self, req: Request, _resp: Response) -> None:
        """Ask the store for the session of a request, if that has one; a failure is for whoever opens it."""
        id = self._find_id(req) if b"cookie" in req.fields else None  # noqa: A001 - what it is
        if id is None:
            return
        try:
            raw = await self._ask(self._kept.read(_hash(id)))
        except ServiceUnavailable as error:
            vars(req)[_LOADED] = error
        else:
            vars(req)[_LOADED] = (id, raw)

    @property
    def _kept(self) -> Store:
        if self._store is None:
            raise ConfigurationError("Sessions have no store.")
        return self._store

    def _find_id(self, req: Request) -> str | None:
        cookie = req.cookies.get(self.options.cookie, "")
        return cookie if _ID.fullmatch(cookie) else None

    def _open_stored(self, req: Request) -> Session:
        loaded = vars(req).get(_LOADED)
        if loaded is None:
            # A request that was refused before the store was asked has a session that nobody knows, and keeps it.
            is_unknown = self._find_id(req) is not None
            return Session(None, b"", _save_nothing if is_unknown else self._save_stored, {})
        if isinstance(loaded, ServiceUnavailable):
            raise loaded
        id, raw = loaded  # noqa: A001 - what it is
        data = None if raw is None else _decode(raw)
        if data is None:
            return Session(None, b"", self._save_stored, {})
        return Session(id, raw, self._save_stored, data)

    async def _save_stored(self, session: Session, resp: Response) -> None:
        resp.vary("Cookie")
        data = _find_change(session, resp)
        if data is None:
            return
        id = None  # noqa: A001 - what it is
        if data:
            id = await self._write(session, data)  # noqa: A001 - the same
        elif session.id is not None:
            await self._ask(self._kept.delete(_hash(session.id)))
        if id is None:
            self._delete_cookie(resp)
        else:
            self._set_cookie(resp, id)

    async def _write(self, session: Session, data: bytes) -> str | None:
        """Keep the data, and give the id; None when the session was ended while this request had it."""
        old, store = session.id, self._kept
        if old is not None and not session.is_rotated and not session.is_ended:
            is_alive = await self._ask(store.write(_hash(old), data, self.options.max_age, create=False))
            return old if is_alive else None
        if old is not None and not session.is_ended and await self._ask(store.read(_hash(old))) is None:
            return None
        new = token_urlsafe(32)
        if not await self._ask(store.write(_hash(new), data, self.options.max_age, create=True)):
            raise ServiceUnavailable("The session could not be kept.")
        if old is not None:
            await self._ask(store.delete(_hash(old)))
        return new

    async def _ask(self, answer: Awaitable[T]) -> T:
        """Await what the store does, and log when it goes down and when it is back: once, not for each request."""
        try:
            result = await answer
        except ServiceUnavailable as error:
            if not self._is_down:
                log.error("The session store cannot be reached: %r", error.__cause__ or error)  # noqa: TRY400 - no mistake in the code
            self._is_down = True
            raise
        if self._is_down:
            self._is_down = False
            log.warning("The session store is back.")
        return result

    # The cookie

    def _set_cookie(self, resp: Response, value: str) -> None:
        resp.set_cookie(self.options.cookie, value, max_age=self.options.max_age, **self._identify(resp))

    def _delete_cookie(self, resp: Response) -> None:
        if self.options.cookie in resp.req.cookies:
            resp.delete_cookie(self.options.cookie, **self._identify(resp))

    def _identify(self, resp: Response) -> CookieIdentity:
        options = self.options
        return {
            "domain": options.domain,
            "path": options.path,
            "secure": resp.req.is_secure if self._secure is None else self._secure,
            "samesite": options.same_site,
        }


async def _save_nothing(_session: Session, resp: Response) -> None:
    resp.vary("Cookie")


def _hash(id: str) -> str:  # noqa: A002 - what it is
    """Give the name under which a store has a session: from it nobody finds the id, which is 256 random bits."""
    return sha256(id.encode("ascii")).hexdigest()


# Data and bytes


def _find_change(session: Session, resp: Response) -> bytes | None:
    """Give the encoded form to be kept, empty when the session is over; None when nothing has changed.

    Raises `EncodeError` for what JSON cannot carry.
    """
    # The formats' JSON for problem documents: it knows the encoders, and stays JSON whatever "json" was made to be.
    data = _encode(session, resp.req.api.formats.problem.encode) if session else b""
    is_same = data == session.loaded and not session.is_rotated and not session.is_ended
    return None if is_same else data


def _encode(session: Session, encode: Callable[[Any], bytes]) -> bytes:
    if wrong := [key for key in session if not isinstance(key, str)]:
        raise EncodeError(f"The session has the key {wrong[0]!r}, of type {type(wrong[0]).__name__}; keys are text.")
    try:
        data = encode(session)
    except CODEC_ERRORS as error:
        raise _explain(session, encode, error) from error
    if is_deeper(data, _DEPTH):
        raise EncodeError(f"The session has more than {_DEPTH} lists and dicts inside each other.")
    return data


def _explain(session: Session, encode: Callable[[Any], bytes], error: Exception) -> EncodeError:
    from ..media.values import explain_failure  # noqa: PLC0415 - only a mistake needs it

    return EncodeError(f"The session{str(explain_failure(session, encode, error)).removeprefix('The body')}")


def _decode(raw: bytes) -> dict[str, Any] | None:
    """Give the data of a session; None for bytes that are none, which another program may have written."""
    try:
        data = decode_json(raw, depth=_DEPTH)
    except DecodeError:
        return None
    return data if isinstance(data, dict) else None


class _Seal(NamedTuple):
    """What signs the data of a cookie, and what gives them back if they are ours and not too old."""

    seal: Callable[[bytes], str]
    unseal: Callable[[str], bytes | None]


def _make_seal(keys: Sequence[str], purpose: bytes, max_age: int) -> _Seal:
    """Give the seal of these keys, of which the first signs.

    PERF: the keys are derived here and not for each signature, which saves a third (benchmarks/in_process.py).
    """
    from itsdangerous import BadData, Signer, TimestampSigner  # noqa: PLC0415 - it loads when a session is used
    from itsdangerous.encoding import base64_decode, base64_encode  # noqa: PLC0415 - the same

    derive = Signer(b"", salt=purpose, key_derivation="hmac", digest_method=sha256).derive_key
    derived = [derive(key.encode("utf-8", "surrogatepass")) for key in reversed(keys)]
    signer = TimestampSigner(derived, salt=purpose, key_derivation="none", digest_method=sha256)

    def seal(data: bytes) -> str:
        return signer.sign(base64_encode(data)).decode("ascii")

    def unseal(value: str) -> bytes | None:
        try:
            data, signed = signer.unsign(value, return_timestamp=True)
            raw = base64_decode(data)
        except BadData:
            return None
        return raw if -_SKEW <= signer.get_timestamp() - signed.timestamp() <= max_age else None

    return _Seal(seal, unseal)


# What is given to the API


def _check_keys(secret_key: object, *, debug: bool) -> tuple[str, ...]:
    """Give the keys, none where none was given. The messages never have a key in them, since they are logged."""
    if secret_key is None:
        return ()
    keys = (secret_key,) if isinstance(secret_key, str) else secret_key
    if not isinstance(keys, list | tuple) or not keys or not all(isinstance(key, str) for key in keys):
        raise ConfigurationError("secret_key is text, or a list of texts of which the first signs and all verify.")
    for number, key in enumerate(keys, 1):
        if weakness := _find_weakness(key):
            place = "secret_key" if len(keys) == 1 else f"Key {number} of secret_key"
            if not debug:
                raise ConfigurationError(f"{place} {weakness}, so that anybody may forge sessions. {_ADVICE}")
            log.warning("%s %s, which debug=True alone allows. %s", place, weakness, _ADVICE)
    return tuple(keys)


def _find_weakness(key: str) -> str | None:
    if not key.strip():
        return "is empty"
    if re.sub(r"[\W_]+", "", key.lower()) in _KNOWN_KEYS:
        return "is one that everybody knows"
    if len(key) < _SHORTEST:
        return f"has {len(key)} characters, fewer than {_SHORTEST}"
    return "repeats a few characters" if len(set(key)) < _SHORTEST // 3 else None


def _check_store(store: Store | None) -> Store | None:
    methods = ("read", "write", "delete", "close")
    is_store = not isinstance(store, type) and all(callable(getattr(store, name, None)) for name in methods)
    if store is not None and not is_store:
        raise ConfigurationError(
            f"Sessions(store=...) is an object with {', '.join(methods)}, such as RedisStore(url), "
            f"not {store if isinstance(store, type) else type(store)!r}."
        )
    return store
