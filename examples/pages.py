"""A small site: pages of one layout, a search that shows what was typed, a page for what is not there."""

from __future__ import annotations

from typing import Any

import msgspec

import responder
from responder import HTTPError, Request, Response

api = responder.API()  # the templates are in the folder `templates` beside this file


class Pet(msgspec.Struct):
    name: str
    kind: str
    age: int
    story: str


pets = {
    "ada": Pet("Ada", "cat", 3, "Sleeps on keyboards & guards the warm laptop."),
    "bruno": Pet("Bruno", "dog", 7, "Fetches one stick a day, then calls it a career."),
    "cleo": Pet("Cleo", "cat", 1, 'Answers to "dinner" only.'),
    "dot": Pet("Dot", "rabbit", 2, "Has dug <two> tunnels and plans a third."),
}


@api.templates.context
def describe_site(req: Request | None) -> dict[str, Any]:
    return {"site": "Four Paws", "menu": {"list_pets": "Our pets", "show_about": "About us"}}


@api.get("/")
def list_pets(req: Request, resp: Response) -> None:
    query = req.params.get("q", "").strip()
    found = [pet for pet in pets.values() if query.lower() in f"{pet.name} {pet.kind}".lower()]
    resp.render("pets.html", pets=found, query=query)


@api.get("/pets/{name}")
def show_pet(req: Request, resp: Response, *, name: str) -> None:
    if name not in pets:
        responder.abort(404, f"No pet here is called {name}.")
    resp.render("pet.html", pet=pets[name])


@api.get("/about")
def show_about(req: Request, resp: Response) -> None:
    resp.render("about.html", number=len(pets))


@api.get("/pets.txt")
def list_as_text(req: Request, resp: Response) -> None:
    resp.render("pets.txt", pets=pets.values())  # text/plain, by its name, and not escaped


@api.exception_handler(404)
def show_missing(req: Request, resp: Response, error: HTTPError) -> None:
    resp.render("missing.html", reason=error.detail or "Nothing is kept at this address.")
    resp.status_code = 404


if __name__ == "__main__":
    api.run()
