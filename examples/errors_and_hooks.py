"""Hooks around every request, and exceptions that become the right response."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import responder
from responder import HTTPError, Problem, Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

api = responder.API()

USERS = {"Bearer ada-token": "ada", "Bearer bob-token": "bob"}
accounts = {"ada": 100, "bob": 10}


class OutOfCredit(Exception):
    def __init__(self, balance: int) -> None:
        super().__init__(f"The balance is {balance}.")
        self.balance = balance


@api.around
async def measure(req: Request, resp: Response) -> AsyncIterator[None]:
    begin = time.perf_counter()
    try:
        yield  # before hooks, view and after hooks run here; what they raise is raised here
    finally:
        print(f"{req.method} {req.url.path} took {1000 * (time.perf_counter() - begin):.1f} ms", flush=True)


@api.before_request
async def find_user(req: Request, resp: Response) -> None:
    req.state.user = USERS.get(req.headers.get("authorization", ""))


@api.after_request
async def forbid_sniffing(req: Request, resp: Response) -> None:
    resp.headers["X-Content-Type-Options"] = "nosniff"  # on errors too


async def require_user(req: Request, resp: Response) -> None:
    if req.state.user is None:
        resp.headers["WWW-Authenticate"] = "Bearer"
        resp.problem(401, detail="Send a token.")  # a before hook that sets the response ends the request


@api.post("/withdraw/{amount:int}", before=require_user)
async def withdraw(req: Request, resp: Response, *, amount: int) -> dict[str, int]:
    if amount == 0:
        responder.abort(422, "Withdraw at least 1.")
    balance = accounts[req.state.user]
    if amount > balance:
        raise OutOfCredit(balance)
    accounts[req.state.user] = balance - amount
    return {"balance": accounts[req.state.user]}


@api.get("/maintenance")
async def maintenance(req: Request, resp: Response) -> None:
    raise Problem(503, title="Closed on Sundays", headers={"Retry-After": "3600"}, opens="Monday")


@api.get("/mistake")
async def mistake(req: Request, resp: Response) -> float:
    return 1 / 0  # a bare 500 for the client, the traceback for the log


@api.exception_handler(OutOfCredit)
async def explain_credit(req: Request, resp: Response, error: OutOfCredit) -> None:
    resp.problem(409, title="Out of credit", balance=error.balance)


@api.exception_handler(404)
async def not_found(req: Request, resp: Response, error: HTTPError) -> tuple[str, int]:
    return "Nothing to see here.", 404  # a handler sets the status as well


if __name__ == "__main__":
    api.run()
