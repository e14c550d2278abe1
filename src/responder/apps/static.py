"""A folder of files as it is, and a single-page app made of one.

Nothing is read at start-up and nothing is cached: a file is there when it is there, and 404 covers everything else,
so that nobody learns what is on the disk. Rejected: listings of folders, and hidden files, `.well-known` included,
for which a view says more.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from ..errors import ConfigurationError, HTTPError
from ..exchange.file import open_below
from ..handling.fallbacks import mended_location
from ..http.negotiation import accepts, preferred_coding, prefers_html
from ..routing.matcher import path_segments

if TYPE_CHECKING:
    from ..exchange.file import File
    from ..exchange.request import Request
    from ..exchange.response import Response

INDEX: Final = "index.html"

_SIBLINGS: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""Content codings, the best first, and the extension of a file that has been encoded beforehand."""

_LONGEST_SEGMENT: Final = 255
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\\]")
_READING: Final = frozenset({"GET", "HEAD"})
_PAGES: Final = frozenset({"document", "frame", "iframe", "embed", "object", "fencedframe"})

# A hash as bundlers write it before the extension: eight or more hexadecimal digits, letters and figures among them.
_HASHED: Final = re.compile(r"[.-](?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{8,64}(?:\.[A-Za-z0-9]{1,12}){1,2}\Z")

FOREVER: Final = "public, max-age=31536000, immutable"
REVALIDATED: Final = "no-cache"
"""Kept, but used only after asking whether it has changed (RFC 9111 section 5.2.2.4)."""


class StaticFiles:
    """The view of a folder: `await files(req, resp, path="css/site.css")`.

    Raises `ConfigurationError` for what is no folder.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = os.path.realpath(directory)
        if not os.path.isdir(self.directory):
            raise ConfigurationError(
                f"static_dir={os.fspath(directory)!r} is no folder: {self.directory}. Make it, or pass None."
            )

    async def __call__(self, req: Request, resp: Response, *, path: str) -> None:
        """Send the file of this path below the folder, or the index of a folder. Raises a 404."""
        name = path + INDEX if not path or path.endswith("/") else path
        if not self.send(req, resp, name):
            location = mended_location(req.scope) if self._is_site(path) else None
            if location is None:
                raise HTTPError(404)
            resp.redirect(location)

    def send(self, req: Request, resp: Response, name: str) -> bool:
        """Put a file onto the response, encoded beforehand where the client takes that, and say if there is one."""
        from ..http.content_types import content_type_of  # noqa: PLC0415 - its table loads when a file is sent

        file = self._open(name)
        if file is None:
            return False
        resp.send_file(file, content_type_of(name))
        resp.headers["cache-control"] = FOREVER if _HASHED.search(name) else REVALIDATED
        if codings := [coding for coding, end in _SIBLINGS.items() if os.path.exists(file.path + end)]:
            resp.vary("Accept-Encoding")
            coding = preferred_coding(req.headers.get("accept-encoding"), codings)
            if coding is not None and (sibling := self._open(name + _SIBLINGS[coding])):
                resp.send_file(sibling, content_type_of(name))
                resp.headers["content-encoding"] = coding
        return True

    def _open(self, name: str) -> File | None:
        if not _is_servable(name):
            return None
        try:
            return open_below(name, self.directory)
        except HTTPError:
            return None

    def _is_site(self, path: str) -> bool:
        """Say whether the path is that of a folder with an index, and lacks its slash."""
        return _is_servable(path) and os.path.isfile(f"{self.directory}/{path}/{INDEX}")


class SinglePage:
    """The view for whatever has no route: the file of that path, else the index, which does the routing itself.

    Raises `ConfigurationError` for a folder without index.
    """

    def __init__(self, files: StaticFiles) -> None:
        self._files = files
        if not os.path.isfile(f"{files.directory}/{INDEX}"):
            raise ConfigurationError(
                f"static=True sends {files.directory}/{INDEX}, which is missing. Build the app into that folder first."
            )

    async def __call__(self, req: Request, resp: Response) -> None:
        """Send the file of the request's path, or the index to who wants a page. Raises a 404."""
        self.send(req, resp, "/".join((path_segments(req.scope) or [""])[1:]))

    async def below(self, req: Request, resp: Response, *, path: str) -> None:
        """Do the same where the app stands below a path."""
        self.send(req, resp, path)

    def send(self, req: Request, resp: Response, name: str) -> None:
        """Send the file of this name, or the index to who wants a page. Raises a 404."""
        is_read = req.method in _READING
        if is_read and self._files.send(req, resp, name):
            return
        if not is_read or not wants_page(req) or not self._files.send(req, resp, INDEX):
            raise HTTPError(404)
        resp.vary("Accept", "Sec-Fetch-Dest")


def wants_page(req: Request) -> bool:
    """Say whether a page is an answer to this request: not to one for data, and not to one for a script or an image.

    Browsers tell what a request is for (Fetch Metadata, section 2.1). Of others, one that names HTML gets it, and one
    that takes anything does unless its path looks like that of a file.
    """
    accept = req.headers.get("accept")
    if purpose := req.headers.get("sec-fetch-dest"):
        return purpose in _PAGES and accepts(accept, "text/html")
    if prefers_html(accept):
        return True
    last = req.scope["path"].rpartition("/")[2]
    return "." not in last and "json" not in (accept or "") and accepts(accept, "text/html")


def _is_servable(name: str) -> bool:
    """Say whether a path may be looked up: no hidden file, nothing that leads up, nothing that the system refuses."""
    if _FORBIDDEN.search(name):
        return False
    return all(segment and segment[0] != "." and len(segment) <= _LONGEST_SEGMENT for segment in name.split("/"))
