"""Files that come and go: a page that uploads them, and downloads that can be resumed.

Open http://127.0.0.1:5042 in a browser, or use curl:

    curl -F files=@film.mp4 http://127.0.0.1:5042/files
    curl -C - -O http://127.0.0.1:5042/files/film.mp4
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import responder
from responder import Limits, Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GIGABYTE = 1024**3

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Files</title>
<h1>Files</h1>
<form action="/files" method="post" enctype="multipart/form-data">
  <input type="file" name="files" multiple required>
  <button>Upload</button>
</form>
<ul>{% for name in names %}<li><a href="{{ url_for('download', name=name) }}">{{ name }}</a></li>{% endfor %}</ul>
"""


@asynccontextmanager
async def lifespan(api: responder.API) -> AsyncIterator[dict[str, Path]]:
    with TemporaryDirectory() as folder:
        yield {"folder": Path(folder)}


api = responder.API(limits=Limits(body=4 * GIGABYTE), lifespan=lifespan)


@api.get("/")
def page(req: Request, resp: Response) -> None:
    names = sorted(path.name for path in api.state.folder.iterdir())
    resp.html = api.template_string(PAGE, names=names)


@api.post("/files")
async def upload(req: Request, resp: Response) -> None:
    async for part in req.parts():
        if part.filename:
            await part.save(api.state.folder)  # a folder: the name is made safe, and nothing is overwritten
    resp.redirect("/", status_code=303)


@api.get("/files/{name}", name="download")
async def download(req: Request, resp: Response, *, name: str) -> None:
    resp.download(name, root=api.state.folder)


if __name__ == "__main__":
    api.run()
