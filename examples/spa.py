"""A single-page app and the API behind it: the pages are made in the browser, from `examples/spa`.

Every path that no route answers gets `index.html`, so that `/pets/2` can be opened, reloaded and sent to a friend.
"""

from __future__ import annotations

from typing import TypedDict

import responder
from responder import Request, Response, abort


class Pet(TypedDict):
    name: str
    kind: str


pets: dict[int, Pet] = {
    1: {"name": "Rex", "kind": "dog"},
    2: {"name": "Mia", "kind": "cat"},
    3: {"name": "Bubbles", "kind": "fish"},
}

api = responder.API(static_dir="spa")
api.add_route("/", static=True)


@api.get("/api/pets")
async def list_pets(req: Request, resp: Response) -> list[dict[str, object]]:
    return [{"id": number, **pet} for number, pet in pets.items()]


@api.get("/api/pets/{number:int}")
async def show_pet(req: Request, resp: Response, *, number: int) -> dict[str, object]:
    if number not in pets:
        abort(404, "There is no such pet.")
    return {"id": number, **pets[number]}


@api.post("/api/pets")
async def add_pet(req: Request, resp: Response) -> None:
    number = max(pets) + 1
    pets[number] = await req.media(Pet)
    resp.created({"id": number, **pets[number]}, location=f"/api/pets/{number}")


if __name__ == "__main__":
    api.run()
