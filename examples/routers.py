"""Routers: groups of routes with a prefix, hooks and converters of their own, one inside the other."""

from __future__ import annotations

from datetime import date

import responder
from responder import Request, Response, Router

api = responder.API()
api.add_converter("date", date.fromisoformat, date.isoformat)

v1 = Router(prefix="/v1")
diary = Router(prefix="/diary")
admin = Router(prefix="/admin")


@v1.after_request
async def name_version(req: Request, resp: Response) -> None:
    resp.headers["X-API-Version"] = "1"


@diary.get("/{day:date}")
async def show_day(req: Request, resp: Response, *, day: date) -> dict[str, str]:
    tomorrow = date.fromordinal(day.toordinal() + 1)
    return {"weekday": f"{day:%A}", "next": api.url_for(show_day, day=tomorrow)}


@diary.get("/today")  # a literal segment beats a parameter, in whatever order they are declared
async def show_today(req: Request, resp: Response) -> str:
    return "today"


@admin.before_request
async def require_key(req: Request, resp: Response) -> None:
    if req.headers.get("x-key") != "sesame":
        responder.abort(401, headers={"WWW-Authenticate": "Key"})


@admin.route("/users")
class Users:
    async def on_get(self, req: Request, resp: Response) -> list[str]:
        return ["ada", "grace"]

    async def on_delete(self, req: Request, resp: Response) -> None:
        resp.no_content()


@admin.get("/files/{path:path}", name="file")
async def show_file(req: Request, resp: Response, *, path: str) -> dict[str, str]:
    return {"path": path}


api.include(v1)
v1.include(diary)  # routes that a router gets later are taken over too
v1.include(admin)


@api.route("/", default=True)
async def everything_else(req: Request, resp: Response) -> str:
    return f"Nothing special at {req.url.path}."


if __name__ == "__main__":
    api.run()
