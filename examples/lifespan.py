"""What a service opens when it starts and closes when it ends: a database that lives as long as the API."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, closing
from threading import Lock
from typing import TYPE_CHECKING, Any

import responder
from responder import Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def open_database(api: responder.API) -> AsyncIterator[dict[str, Any]]:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as database:
        database.execute("create table visits (name text primary key, count integer)")
        yield {"database": database, "lock": Lock()}  # these become api.state.database and api.state.lock


api = responder.API(lifespan=open_database)


@api.on_event("startup")
async def say_hello() -> None:
    print("Starting.", flush=True)


@api.on_event("shutdown")
def say_goodbye() -> None:
    print("Every request is over, and the database is closed.", flush=True)


@api.get("/visit/{name}")
def visit(req: Request, resp: Response, *, name: str) -> dict[str, Any]:  # sync: it runs on a worker thread
    with api.state.lock, api.state.database as database:
        database.execute(
            "insert into visits values (?, 1) on conflict (name) do update set count = count + 1",
            (name,),
        )
        (visits,) = database.execute("select count from visits where name = ?", (name,)).fetchone()
    return {"name": name, "visits": visits}


if __name__ == "__main__":
    api.run()
