from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading

import pytest

from responder.testing import signals
from responder.testing.loop import LoopClosed, LoopThread


async def give(value: int) -> int:
    return value


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_a_coroutine_gives_its_result_and_the_thread_ends() -> None:
    loop = LoopThread()
    assert loop.run(give(7)) == 7
    loop.close()
    loop.close()
    assert "responder-testing" not in names()


def test_the_very_exception_comes_out() -> None:
    async def fail() -> None:
        raise error

    error = TimeoutError("boom")
    loop = LoopThread()
    with pytest.raises(TimeoutError) as caught:
        loop.run(fail())
    assert caught.value is error
    loop.close()


def test_nothing_is_submitted_to_a_loop_that_ended() -> None:
    loop = LoopThread()
    loop.stop()
    with pytest.raises(LoopClosed, match="The session was closed"):
        loop.run(give(7))


def test_waiting_for_the_loop_on_the_loop_is_refused() -> None:
    async def wait() -> None:
        loop.refuse_to_wait_here()

    loop = LoopThread()
    loop.refuse_to_wait_here()
    with pytest.raises(RuntimeError, match="cannot wait for the session"):
        loop.run(wait())
    loop.close()


def test_a_loop_may_be_stopped_from_itself() -> None:
    async def stop() -> None:
        loop.stop()

    loop = LoopThread()
    task = loop.submit(stop())
    assert task.result().result() is None
    loop.stop()


def test_a_cancelled_submission_cancels_its_task() -> None:
    cancelled = threading.Event()
    begun = threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    loop = LoopThread()
    future = loop.submit(wait())
    assert begun.wait(20)
    future.cancel()
    assert cancelled.wait(20)
    loop.close()


def test_what_still_runs_is_cancelled() -> None:
    loop = LoopThread()
    waiting = loop.submit(asyncio.Event().wait())
    loop.stop()
    assert waiting.result().cancelled()


def test_a_task_that_refuses_to_end_does_not_hold_up_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "GRACE", 0.05)

    async def refuse() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                refused.append("refused")

    refused: list[str] = []
    loop = LoopThread()
    loop.submit(refuse())
    loop.run(give(1))
    gc.collect()  # it holds a task that nobody waits for
    loop.stop()
    gc.collect()
    assert refused == ["refused"]
    assert "responder-testing" not in names()


def test_an_exit_ends_its_task_and_not_the_loop() -> None:
    async def leave() -> None:
        raise SystemExit(3)

    loop = LoopThread()
    with pytest.raises(SystemExit):
        loop.run(leave())
    assert loop.run(give(7)) == 7
    loop.close()


def test_a_failed_callback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def go_wrong() -> None:
        asyncio.get_running_loop().call_soon(int, "x")

    loop = LoopThread()
    with caplog.at_level(logging.ERROR, "asyncio"):
        loop.run(go_wrong())
        loop.close()
    assert "ValueError" in caplog.text


def test_threads_of_the_loop_end_with_it() -> None:
    async def work() -> None:
        await asyncio.to_thread(int)

    before = names()
    loop = LoopThread()
    loop.run(work())
    loop.close()
    assert names() == before


EXIT = """
import sys
from responder import testing

class App:
    def __init__(self):
        self.requests = testing.session(self)

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            print("shutdown")
            if sys.argv[1] == "fail":
                raise ValueError("boom")
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"hello"})

app = App()
print(app.requests.get("/").text)
if sys.argv[1] == "closed":
    app.requests.close()
"""


@pytest.mark.parametrize("how", ["open", "closed", "fail"])
def test_a_process_ends_quietly_with_a_session_that_nobody_closed(how: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-X", "dev", "-c", EXIT, how], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["hello", "shutdown"], "")
