"""Notes in memory: a JSON service with models, entity-tags, and the right status for everything."""

from __future__ import annotations

from itertools import count

import msgspec

import responder
from responder import Request, Response

api = responder.API()


class Draft(msgspec.Struct):
    text: str
    tags: tuple[str, ...] = ()


class Note(Draft, kw_only=True):
    number: int
    version: int = 1


notes: dict[int, Note] = {}
numbers = count(1)


def find(number: int) -> Note:
    if number not in notes:
        responder.abort(404, f"There is no note {number}.")
    return notes[number]


@api.get("/notes")
async def list_notes(req: Request, resp: Response) -> list[Note]:
    tag = req.params.get("tag")
    return [note for note in notes.values() if tag is None or tag in note.tags]


@api.post("/notes")
async def add_note(req: Request, resp: Response) -> None:
    draft = await req.media(Draft)
    note = Note(number=next(numbers), text=draft.text, tags=draft.tags)
    notes[note.number] = note
    resp.created(note, location=api.url_for(show_note, number=note.number))


@api.get("/notes/{number:int}")
async def show_note(req: Request, resp: Response, *, number: int) -> Note:
    note = find(number)
    resp.etag = f"v{note.version}"  # a client that has this version already gets a 304
    return note


@api.put("/notes/{number:int}")
async def change_note(req: Request, resp: Response, *, number: int) -> Note:
    draft = await req.media(Draft)
    note = find(number)
    resp.etag = f"v{note.version}"
    resp.check_preconditions()  # a client that changes another version gets a 412
    note.text, note.tags, note.version = draft.text, draft.tags, note.version + 1
    resp.etag = f"v{note.version}"
    return note


@api.delete("/notes/{number:int}")
async def delete_note(req: Request, resp: Response, *, number: int) -> None:
    del notes[find(number).number]
    resp.no_content()


if __name__ == "__main__":
    api.run()
