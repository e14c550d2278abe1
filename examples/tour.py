"""A short tour, served by `make run` on http://127.0.0.1:5042. Try `curl -i http://127.0.0.1:5042/hello`."""

from __future__ import annotations

import time

import responder
from responder import Request, Response

api = responder.API()

NAP_SECONDS = 2.0


@api.route(before_request=True)
def prepare_response(req: Request, resp: Response) -> None:
    resp.headers["X-Pizza"] = "42"


@api.get("/")
async def home(req: Request, resp: Response) -> dict[str, list[str]]:
    return {"try": ["/hello", "/add/40/2", "/cookies/set", "/cookies", "/background", "POST /echo"]}


@api.route("/{greeting}")
class GreetingResource:
    def on_request(self, req: Request, resp: Response, *, greeting: str) -> None:  # or on_get...
        resp.text = f"{greeting}, world!"
        resp.headers.update({"X-Life": "42"})
        resp.status_code = api.status_codes.HTTP_200


@api.get("/add/{a:int}/{b:int}")
async def add(req: Request, resp: Response, *, a: int, b: int) -> None:
    resp.media = {"a": a, "b": b, "sum": a + b}


@api.post("/echo")
async def echo(req: Request, resp: Response) -> None:
    resp.media = {"you sent": await req.media()}


@api.get("/cookies/set")
async def set_cookies(req: Request, resp: Response) -> None:
    resp.cookies["hello"] = "world"
    resp.set_cookie("visited", "yes", max_age=60)
    resp.redirect(api.url_for(show_cookies))


@api.get("/cookies")
async def show_cookies(req: Request, resp: Response) -> None:
    resp.media = req.cookies


def nap(seconds: float) -> None:
    time.sleep(seconds)
    print(f"Slept for {seconds:g} seconds.", flush=True)


@api.get("/background")
async def background(req: Request, resp: Response) -> None:
    resp.background(nap, NAP_SECONDS)
    resp.text = "processing"


if __name__ == "__main__":
    api.run()
