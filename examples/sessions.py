"""A guest book that knows who signs it: log in, write, log out.

Sessions are in a SQLite file, so that they outlive a restart, and logging out ends them on the server too. Without
`sessions=` they would be in the signed cookie. Open http://127.0.0.1:5042 in a browser.
"""

from __future__ import annotations

import os

import responder
from responder import Request, Response, Sessions, SQLiteStore

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Guest book</title>
<h1>Guest book</h1>
{% if user %}
<p>Hello, {{ user }}! You have written {{ count }} {{ "entry" if count == 1 else "entries" }}.</p>
<form action="/entries" method="post"><input name="text" required> <button>Write</button></form>
<form action="/logout" method="post"><button>Log out</button></form>
{% else %}
<form action="/login" method="post"><input name="user" placeholder="Your name" required> <button>Log in</button></form>
{% endif %}
<ul>{% for entry in entries %}<li>{{ entry }}</li>{% endfor %}</ul>
"""

store = SQLiteStore(os.environ.get("SESSIONS", "sessions.db"))
entries: list[str] = []

api = responder.API(sessions=Sessions(store=store, max_age=7 * 24 * 60 * 60))


async def require_user(req: Request, resp: Response) -> None:
    if "user" not in req.session:
        responder.abort(401, "Log in first.", headers={"WWW-Authenticate": "Form"})


@api.get("/")
async def page(req: Request, resp: Response) -> None:
    user, count = req.session.get("user"), req.session.get("count", 0)
    resp.html = api.template_string(PAGE, user=user, count=count, entries=entries)


@api.post("/login")
async def log_in(req: Request, resp: Response) -> None:
    form = await req.media()
    req.session.rotate()  # an id that somebody planted in this browser before is worth nothing now
    req.session["user"] = form["user"]
    resp.redirect("/", status_code=303)


@api.post("/entries", before=require_user)
async def write(req: Request, resp: Response) -> None:
    form = await req.media()
    entries.append(f"{req.session['user']}: {form['text']}")
    req.session["count"] = req.session.get("count", 0) + 1
    resp.redirect("/", status_code=303)


@api.post("/logout")
async def log_out(req: Request, resp: Response) -> None:
    req.session.clear()
    resp.redirect("/", status_code=303)


if __name__ == "__main__":
    api.run()
