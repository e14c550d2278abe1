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
from time import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from ..errors import ConfigurationError, DecodeError, EncodeError, InvalidCookie, ServiceUnavailable
from ..exchange.lazy import lazy
from ..exchange.session import VARY, Session
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
        keys = _check_keys(secret_key, debug=debug)
        cookie = _Cookie(options)
        self._stored = None if options.store is None else _Stored(_check_store(options.store), cookie)
        self._signed = _Signed(keys, cookie)

    @property
    def has_own_key(self) -> bool:
        """Whether a key was given, so that sessions outlive the process."""
        return self._signed.has_keys

    @property
    def loader(self) -> Callable[[Request, Response], Awaitable[None]] | None:
        """The guard that loads a session from a store before anybody reads it; None where a cookie has it."""
        return None if self._stored is None else self._stored.load

    def open(self, req: Request) -> Session:
        """Give the session of a request, as it was when that came.

        Raises `DecodeError` for more cookies than `Limits` allows, `ServiceUnavailable` when the store failed.
        """
        return (self._stored or self._signed).open(req)

    async def close(self) -> None:
        """Give up what the store holds on to, at shutdown."""
        if self._stored is not None:
            await self._stored.store.close()


class _Cookie:
    """The cookie of one API's sessions. Raises `ConfigurationError` for attributes that no cookie can have."""

    def __init__(self, options: Sessions) -> None:
        self.name = options.cookie
        self.max_age = options.max_age
        self._options = options
        is_for_https = options.same_site == "none" or self.name.lower().startswith(("__host-", "__secure-"))
        self._secure = True if is_for_https else options.https_only
        try:
            format_set_cookie(self.name, max_age=self.max_age, domain=options.domain, path=options.path, secure=True)
        except InvalidCookie as error:
            raise ConfigurationError(f"Sessions: {error}") from error

    def read(self, req: Request) -> str:
        """Give its value, empty when there is none. Raises `DecodeError` for more cookies than `Limits` allows."""
        return req.cookies.get(self.name, "")

    def set(self, resp: Response, value: str) -> None:
        """Send it."""
        resp.set_cookie(self.name, value, max_age=self.max_age, **self._identify(resp.req))

    def delete(self, resp: Response) -> None:
        """Make the browser forget it, where it sent one."""
        if self.name in resp.req.cookies:
            resp.delete_cookie(self.name, **self._identify(resp.req))

    def _identify(self, req: Request) -> CookieIdentity:
        return {
            "domain": self._options.domain,
            "path": self._options.path,
            "secure": req.is_secure if self._secure is None else self._secure,
            "samesite": self._options.same_site,
        }


class _Signed:
    """Sessions in a signed cookie."""

    def __init__(self, keys: tuple[str, ...], cookie: _Cookie) -> None:
        self._keys = keys
        self._cookie = cookie

    @property
    def has_keys(self) -> bool:
        """Whether keys were given."""
        return bool(self._keys)

    @lazy
    def _seal(self) -> _Seal:
        keys = self._keys
        if not keys:
            keys = (_make_id(),)
            log.warning(
                "API(secret_key=...) is missing: sessions end with this process, and no other can read them. %s",
                _ADVICE,
            )
        return _make_seal(keys, f"responder.session.{self._cookie.name}".encode("ascii"), self._cookie.max_age)

    def open(self, req: Request) -> Session:
        """Give the session of a request; an empty one where the cookie is missing, forged or too old."""
        value = self._cookie.read(req)
        raw = self._seal.unseal(value) if value else None
        data = None if raw is None else _decode(raw)
        if raw is None or data is None:
            return Session(None, b"", self._save, {})
        return Session(None, raw, self._save, data)

    async def _save(self, session: Session, resp: Response) -> None:
        resp.policy_fields += VARY
        data = _find_change(session, resp)
        if data:
            self._cookie.set(resp, self._check_size(self._seal.seal(data)))
        elif data is not None:
            self._cookie.delete(resp)

    def _check_size(self, value: str) -> str:
        size = len(self._cookie.name) + len(value)
        if size > _PAIR:
            raise EncodeError(
                f"The session takes {size} bytes as a cookie, and browsers drop more than {_PAIR}. Keep less in it, "
                "or keep it in a store: API(sessions=Sessions(store=...))."
            )
        return value


class _Stored:
    """Sessions in a store, each under the hash of the id that is in the cookie."""

    def __init__(self, store: Store, cookie: _Cookie) -> None:
        self.store = store
        self._cookie = cookie
        self._is_down = False

    async def load(self, req: Request, _resp: Response) -> None:
        """Ask the store for the session of a request, if that has one; a failure is for whoever opens it."""
        id = self._find_id(req) if b"cookie" in req.fields else None  # noqa: A001 - what it is
        if id is None:
            return
        try:
            raw = await self._ask(self.store.read(_hash(id)))
        except ServiceUnavailable as error:
            vars(req)[_LOADED] = error
        else:
            vars(req)[_LOADED] = (id, raw)

    def _find_id(self, req: Request) -> str | None:
        value = self._cookie.read(req)
        return value if _ID.fullmatch(value) else None

    def open(self, req: Request) -> Session:
        """Give the session of a request, empty where the store has none. Raises `ServiceUnavailable`."""
        loaded = vars(req).get(_LOADED)
        if loaded is None:
            # Who is refused before the store was asked may have a session that nobody has seen: it stays as it is.
            is_unseen = self._find_id(req) is not None
            return Session(None, b"", _save_nothing if is_unseen else self._save, {})
        if isinstance(loaded, ServiceUnavailable):
            raise loaded
        id, raw = loaded  # noqa: A001 - what it is
        data = None if raw is None else _decode(raw)
        if data is None:
            return Session(None, b"", self._save, {})
        return Session(id, raw, self._save, data)

    async def _save(self, session: Session, resp: Response) -> None:
        resp.policy_fields += VARY
        data = _find_change(session, resp)
        if data is None:
            return
        if not data:
            if session.id is not None:
                await self._ask(self.store.delete(_hash(session.id)))
            self._cookie.delete(resp)
        elif (id := await self._write(session, data)) is not None:  # noqa: A001 - what it is
            self._cookie.set(resp, id)
        # Else another request has ended the session, and may have begun one whose cookie is not to be touched.

    async def _write(self, session: Session, data: bytes) -> str | None:
        """Keep the data, and give the id; None when the session was ended while this request had it."""
        old, store, max_age = session.id, self.store, self._cookie.max_age
        if old is not None and not session.is_ended:
            if not session.is_rotated:
                return old if await self._ask(store.write(_hash(old), data, max_age, create=False)) else None
            if await self._ask(store.read(_hash(old))) is None:
                return None
        new = _make_id()
        if not await self._ask(store.write(_hash(new), data, max_age, create=True)):
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
                log.error("The session store cannot be reached: %s", _describe(error.__cause__ or error))  # noqa: TRY400 - no mistake in the code
            self._is_down = True
            raise
        if self._is_down:
            self._is_down = False
            log.warning("The session store is back.")
        return result


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


async def _save_nothing(_session: Session, resp: Response) -> None:
    resp.policy_fields += VARY


def _hash(id: str) -> str:  # noqa: A002 - what it is
    """Give the name under which a store has a session: from it nobody finds the id, which is 256 random bits."""
    import hashlib  # noqa: PLC0415 - it loads where there is a store

    return hashlib.sha256(id.encode("ascii")).hexdigest()


def _make_id() -> str:
    import secrets  # noqa: PLC0415 - it loads when a session is made

    return secrets.token_urlsafe(32)


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
    """Give the seal of these keys, of which the first signs. What is signed is the data in base64, and the time.

    PERF: the keys are derived here and not for each signature, and the time is a plain number, where itsdangerous'
    own `TimestampSigner` makes a date of it: to sign takes 5 us instead of 7, to verify 7 instead of 12.
    """
    from hashlib import sha256  # noqa: PLC0415 - it loads when a session is used

    from itsdangerous import BadData, Signer  # noqa: PLC0415 - it loads when a session is used
    from itsdangerous.encoding import base64_decode, base64_encode  # noqa: PLC0415 - the same

    derive = Signer(b"", salt=purpose, key_derivation="hmac", digest_method=sha256).derive_key
    derived = [derive(key.encode("utf-8", "surrogatepass")) for key in reversed(keys)]
    signer = Signer(derived, salt=purpose, key_derivation="none", digest_method=sha256)

    def seal(data: bytes) -> str:
        return signer.sign(b"%b.%d" % (base64_encode(data), time())).decode("ascii")

    def unseal(value: str) -> bytes | None:
        try:
            data, _, signed = signer.unsign(value).rpartition(b".")
            age = int(time()) - int(signed)
            raw = base64_decode(data)
        except (BadData, ValueError):
            return None
        return raw if -_SKEW <= age <= max_age else None

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


def _check_store(store: Store) -> Store:
    methods = ("read", "write", "delete", "close")
    is_store = not isinstance(store, type) and all(callable(getattr(store, name, None)) for name in methods)
    if not is_store:
        raise ConfigurationError(
            f"Sessions(store=...) is an object with {', '.join(methods)}, such as RedisStore(url), "
            f"not {store if isinstance(store, type) else type(store)!r}."
        )
    return store
