"""Large, slow and broken bodies in both directions, through bare sockets, on both servers."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from tests.safety.service import Service, request, reset, statuses

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024
LARGE = 512 * MIB
GROWTH = 30 * MIB

APP = """
import asyncio
import hashlib
import os
import sys
import tempfile
import threading
from pathlib import Path

from responder import API, Limits, Threads

folder = Path(sys.argv[2])
tempfile.tempdir = str(folder)
(folder / "large.bin").write_bytes(os.urandom(1024) * 8192)
api = API(limits=Limits(body=1024**3), threads=Threads(workers=4, queue=4))
counts = {"open": 0, "yielded": 0}


@api.get("/stats")
async def stats(req, resp):
    (board,) = api.boards.values()
    resp.media = {
        "live": len(board.live),
        "threads": threading.active_count(),
        "resident": int(Path("/proc/self/statm").read_text().split()[1]) * 4096,
        "descriptors": len(os.listdir("/proc/self/fd")),
        "files": len(set(os.listdir(folder)) - {"large.bin", "saved"}),
        **counts,
    }


@api.post("/save")
async def save(req, resp):
    saved = [await part.save(folder / "saved") async for part in req.parts() if part.filename]
    with saved[0].open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = saved[0].stat().st_size
    saved[0].unlink()
    return {"size": size, "sha256": digest}


@api.post("/form")
async def form(req, resp):
    data = await req.media()
    return {name: getattr(value, "size", value) for name, value in data.items()}


@api.post("/form-sync")
def form_sync(req, resp):
    return {name: getattr(value, "size", value) for name, value in req.media_sync().items()}


@api.get("/large")
async def large(req, resp):
    resp.file(folder / "large.bin")


@api.get("/stream/{kind}")
async def stream(req, resp, *, kind):
    async def asynchronous():
        counts["open"] += 1
        try:
            while True:
                counts["yielded"] += 65536
                yield b"x" * 65536
        finally:
            counts["open"] -= 1

    def synchronous():
        counts["open"] += 1
        try:
            while True:
                counts["yielded"] += 65536
                yield "x" * 65536
        finally:
            counts["open"] -= 1

    counts["yielded"] = 0
    resp.stream(asynchronous if kind == "async" else synchronous)


if __name__ == "__main__":
    api.run(port=0, server=sys.argv[1], grace=0.3)
"""


@pytest.fixture(scope="module", params=["granian", "uvicorn"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give one service for all; at its end nothing may be left: no request, descriptor, file, or line in its log."""
    one = Service(tmp_path_factory.mktemp("service"), request.param, APP, str(tmp_path_factory.mktemp("files")))
    try:
        before = one.stats()
        yield one
        one.wait_for(lambda numbers: numbers["live"] == 1 and numbers["open"] == 0 and numbers["files"] == 0)
        one.wait_for(lambda numbers: numbers["descriptors"] <= before["descriptors"] + 2)
        assert one.end() == 0
        # What uvicorn says of a response that is cut off in the middle; it knows no way to say so to the client.
        assert one.log().replace("ASGI callable returned without completing response.\n", "") == ""
    finally:
        one.close()


def multipart(*parts: bytes) -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"


def file_part(content: bytes, name: bytes = b"file", filename: bytes = b"x.bin") -> bytes:
    return b'Content-Disposition: form-data; name="%b"; filename="%b"\r\n\r\n%b' % (name, filename, content)


CONTENT_TYPE = b"Content-Type: multipart/form-data; boundary=b"


def body_of(received: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(received.partition(b"\r\n\r\n")[2])
    return found


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_large_upload_flows_to_the_disk_without_filling_the_memory(service: Service, *, is_chunked: bool) -> None:
    before = service.stats()["resident"]
    head, tail = multipart(file_part(b"SPLIT")).split(b"SPLIT")
    piece = bytes(range(256)) * (MIB // 256)
    digest = hashlib.sha256()
    most = before
    framing = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % (LARGE + len(head) + len(tail))

    def write(client: socket.socket, content: bytes) -> None:
        client.sendall(b"%x\r\n%b\r\n" % (len(content), content) if is_chunked else content)

    with service.connect() as client:
        client.sendall(request(b"POST", b"/save", CONTENT_TYPE, framing, b"Connection: close"))
        write(client, head)
        for number in range(LARGE // MIB):
            write(client, piece)
            digest.update(piece)
            if number % 64 == 63:
                most = max(most, service.stats()["resident"])
        write(client, tail)
        if is_chunked:
            client.sendall(b"0\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert body_of(received) == {"size": LARGE, "sha256": digest.hexdigest()}
    assert most - before < GROWTH


@pytest.mark.parametrize("target", [b"/form", b"/form-sync"])
def test_a_form_with_files_above_and_below_what_memory_keeps(service: Service, target: bytes) -> None:
    body = multipart(
        b'Content-Disposition: form-data; name="title"\r\n\r\nholiday',
        file_part(b"s" * 1000, b"small"),
        file_part(b"l" * (5 * MIB), b"large"),
    )
    received = service.ask(target, CONTENT_TYPE, method=b"POST", body=body)
    assert body_of(received) == {"title": "holiday", "small": 1000, "large": 5 * MIB}


@pytest.mark.parametrize("target", [b"/form", b"/form-sync", b"/save"])
def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(service: Service, target: bytes) -> None:
    body = multipart(file_part(b"l" * (5 * MIB)))
    for leave in (reset, socket.socket.close):
        client = service.connect()
        client.sendall(request(b"POST", target, CONTENT_TYPE, b"Content-Length: %d" % len(body)) + body[: 3 * MIB])
        leave(client)
    service.wait_for(lambda numbers: numbers["live"] == 1 and numbers["files"] == 0)


@pytest.mark.parametrize("target", [b"/form", b"/form-sync", b"/save"])
def test_a_length_that_lies_is_refused_or_waited_for(service: Service, target: bytes) -> None:
    body = multipart(file_part(b"hello"))
    for length in (0, 10, len(body) - 4, len(body) + 10):
        raw = request(b"POST", target, CONTENT_TYPE, b"Content-Length: %d" % length, b"Connection: close") + body
        received = service.exchange(raw, is_whole=False)
        assert all(400 <= status < 500 for status in statuses(received)), received


def test_a_body_beyond_the_limit_is_refused_before_it_is_sent(service: Service) -> None:
    for target in (b"/form", b"/save"):
        with service.connect() as client:
            length = b"Content-Length: %d" % (1024**3 + 1)
            client.sendall(request(b"POST", target, CONTENT_TYPE, length, b"Connection: close"))
            assert statuses(client.recv(65536)) == [413]


def test_a_download_is_whole_and_can_be_resumed(service: Service) -> None:
    whole = service.ask(b"/large").partition(b"\r\n\r\n")[2]
    assert len(whole) == 8 * MIB
    rest = service.ask(b"/large", b"Range: bytes=1048576-").partition(b"\r\n\r\n")[2]
    assert rest == whole[MIB:]


@pytest.mark.parametrize("target", [b"/stream/async", b"/stream/sync", b"/large"])
def test_a_slow_reader_makes_the_service_wait_and_not_hold(service: Service, target: bytes) -> None:
    before = service.stats()
    readers = []
    for _ in range(32):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", service.port))
        client.sendall(request(b"GET", target))
        client.recv(1024)
        readers.append(client)
    last = [-1]

    def stands_still(numbers: dict[str, int]) -> bool:
        seen, last[0] = last[0], numbers["yielded"]
        return seen == numbers["yielded"]

    service.wait_for(stands_still)
    held = service.stats()["resident"] - before["resident"]
    for client in readers:
        reset(client)
    service.wait_for(lambda numbers: numbers["live"] == 1 and numbers["open"] == 0)
    assert held < 32 * 768 * 1024


def test_a_flood_of_small_pieces_is_read_in_linear_time(service: Service) -> None:
    body = multipart(*[file_part(b"x" * 50, b"f%d" % number) for number in range(200)])
    with service.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(request(b"POST", b"/form", CONTENT_TYPE, b"Transfer-Encoding: chunked", b"Connection: close"))
        for start in range(0, len(body), 7):
            piece = body[start : start + 7]
            client.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        client.sendall(b"0\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert len(body_of(received)) == 200


def test_uploads_that_never_end_do_not_stop_others(service: Service) -> None:
    slow = []
    for _ in range(3):
        client = service.connect()
        client.sendall(request(b"POST", b"/form-sync", CONTENT_TYPE, b"Content-Length: 100000") + b"--b\r\n")
        slow.append(client)
    answers: list[bytes] = []
    others = [threading.Thread(target=lambda: answers.append(service.ask(b"/stats"))) for _ in range(4)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    for client in slow:
        with suppress(OSError):
            client.close()
    assert all(statuses(answer) == [200] for answer in answers)


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (b"multipart/form-data", b"x", 400),
        (b"multipart/form-data; boundary=", b"x", 400),
        (b"multipart/form-data; boundary=" + b"b" * 71, b"x", 400),
        (b"multipart/form-data; boundary=b", b"", 400),
        (b"multipart/form-data; boundary=b", b"--b", 400),
        (b"multipart/form-data; boundary=b", b"--b\r\n\r\nnameless\r\n--b--\r\n", 400),
        (b"multipart/form-data; boundary=b", b"--b\r\n" + b"x" * 100_000, 400),
        (b"multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\nendless", 400),
        (b"multipart/mixed; boundary=b", b"x", 415),
        (b"application/x-www-form-urlencoded", b"a=1&" * 1001, 400),
        (b"application/x-www-form-urlencoded", b"a=%ff", 400),
        (b"application/x-www-form-urlencoded; charset=rot13", b"a=1", 400),
        (b"application/yaml", b"[" * 100_000, 400),
        (b"application/yaml", b"a: !!python/object:os.system x", 400),
        (b"application/msgpack", b"\x91" * 100_000, 400),
        (b"application/json", b"[" * 100_000, 400),
        (b"application/json", b"1" * 5000, 400),
        (b"text/csv", b"a,b", 415),
        (b"nonsense", b"a,b", 415),
    ],
)
@pytest.mark.parametrize("target", [b"/form", b"/form-sync"])
def test_what_does_not_parse_is_refused(
    service: Service, target: bytes, content_type: bytes, body: bytes, status: int
) -> None:
    received = service.ask(target, b"Content-Type: " + content_type, method=b"POST", body=body)
    assert statuses(received) == [status], received
