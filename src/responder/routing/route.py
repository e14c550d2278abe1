"""A route: everything that was declared about one path and one view, as a frozen record.

The view itself is never written to: one view may stand on many routes with different options.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypedDict

from ..config import Limits, RateLimit, expect
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from ..types import ErrorHandler, Hook, View
    from .router import Router

STANDARD_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
"""What a route serves that names no methods. TRACE echoes secrets and CONNECT is for proxies, so neither is here."""

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


Hooks: TypeAlias = "Hook | Iterable[Hook]"
"""One hook or several."""


class RouteOptions(TypedDict, total=False):
    """The options of `Router.route` that every verb decorator takes as well."""

    name: str | None
    default: bool
    block: bool
    before: Hooks
    after: Hooks
    around: Hooks
    csrf: bool
    rate_limit: RateLimit | None
    limits: Limits | None


class HookEntry(NamedTuple):
    """A hook or handler as declared; `block=False` runs a sync one on the event loop instead of a worker thread."""

    function: Hook | ErrorHandler
    block: bool = True


@dataclass(frozen=True, kw_only=True)
class Route:
    """What was declared. `methods` is None for every standard method; `owners` are its routers, outermost first."""

    path: str
    endpoint: View
    methods: frozenset[str] | None = None
    name: str = ""
    default: bool = False
    block: bool = True
    before: tuple[HookEntry, ...] = ()
    after: tuple[HookEntry, ...] = ()
    around: tuple[HookEntry, ...] = ()
    csrf: bool = True
    rate_limit: RateLimit | None = None
    limits: Limits | None = None
    owners: tuple[Router, ...] = ()
    place: str = ""

    def below(self, prefix: str, owner: Router) -> Route:
        """Give this route as `owner` has it, which includes it under `prefix`."""
        return replace(self, path=prefix + self.path, owners=(owner, *self.owners))

    @property
    def served_methods(self) -> frozenset[str]:
        """The methods that lead to the view. Without a list, all but OPTIONS, which is answered from the others."""
        return frozenset(STANDARD_METHODS) - {"OPTIONS"} if self.methods is None else self.methods

    @property
    def options(self) -> dict[str, Any]:
        """What was declared beyond path, methods and view, as `responder routes` shows it."""
        hooks = {
            kind: [getattr(entry.function, "__qualname__", repr(entry.function)) for entry in getattr(self, kind)]
            for kind in ("before", "after", "around")
        }
        flags = {"default": True} if self.default else {}
        inline = {} if self.block else {"block": False}
        exempt = {} if self.csrf else {"csrf": False}
        rates = [owner.rate_limit for owner in self.owners[1:]] + [self.rate_limit]
        told = [rate.rate for rate in rates if rate is not None]
        rate = {"rate_limit": ", ".join(told)} if told else {}
        limits = {} if self.limits is None else {"limits": repr(self.limits)}
        return flags | inline | exempt | rate | limits | {kind: names for kind, names in hooks.items() if names}


def check_methods(methods: Iterable[str] | None) -> frozenset[str] | None:
    """Give the methods in upper case. Raises `ConfigurationError` for one that is not standard, or for none."""
    if methods is None:
        return None
    if isinstance(methods, str):
        raise ConfigurationError(f"methods is a list: write methods=[{methods!r}].")
    known = frozenset(method.upper() for method in methods)
    if not known:
        raise ConfigurationError("methods is empty; leave it out to serve every standard method.")
    if unknown := sorted(known - set(STANDARD_METHODS)):
        raise ConfigurationError(f"{unknown[0]!r} is no method served here. Known: {', '.join(STANDARD_METHODS)}.")
    return known


def hook_entries(hooks: Hooks) -> tuple[HookEntry, ...]:
    """Give the entries of a route's `before=`, `after=` or `around=`: one callable or several."""
    several = (hooks,) if callable(hooks) else tuple(hooks)
    for hook in several:
        check_callable("A hook", hook)
    return tuple(HookEntry(hook) for hook in several)


def check_safety(*, csrf: object, rate_limit: object, limits: object) -> None:
    """Raise `ConfigurationError` for options of a route that are not what they have to be."""
    if not isinstance(csrf, bool):
        raise ConfigurationError(f"csrf={csrf!r} of a route must be False, to let other sites in, or True.")
    expect(RateLimit, "rate_limit", rate_limit)
    expect(Limits, "limits", limits)


def check_callable(what: str, function: object) -> None:
    """Raise `ConfigurationError` unless `function` can be called."""
    if not callable(function):
        raise ConfigurationError(f"{what} is a function, not {function!r}.")


def find_place() -> str:
    """Give `file.py:12` of the user's line that is declaring something: the nearest frame outside this package."""
    frame = _user_frame()
    here = os.getcwd() + os.sep
    return f"{frame.f_code.co_filename.removeprefix(here)}:{frame.f_lineno}"


def find_folder() -> str:
    """Give the folder of the user's file that is declaring something, or the current one where there is no file."""
    return os.path.dirname(os.path.abspath(_user_frame().f_code.co_filename))


def _user_frame() -> FrameType:
    frame = sys._getframe(1)  # noqa: SLF001 - `inspect.stack` reads source files for every frame
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame
