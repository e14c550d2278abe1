from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from responder.testing import Session


def test_rows_are_sent_as_csv(session: Session) -> None:
    answer = session.get("/squares/3.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.text == "number,square\n0,0\n1,1\n2,4\n"


def test_an_upload_of_unknown_length_is_digested(session: Session) -> None:
    answer = session.post("/digest", data=iter([b"flour", b"water"]))
    assert answer.json() == {"bytes": 10, "sha256": sha256(b"flourwater").hexdigest()}


def test_the_ticks_end_when_the_client_leaves(
    example: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(example, "TICK_SECONDS", 0)

    async def read_two() -> list[str]:
        async with example.api.client() as client, client.stream("GET", "/ticks") as response:
            chunks = response.aiter_text()
            return [await anext(chunks) for _ in range(2)]

    assert asyncio.run(read_two()) == ["tick 1\n", "tick 2\n"]
    assert capfd.readouterr().out.startswith("The client left after ")
