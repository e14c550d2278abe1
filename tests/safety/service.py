"""A service in a process of its own for tests that attack it through bare sockets, and the bytes to do it with."""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEADLINE = 15.0


class Service:
    """A service in a process of its own, and the raw connections to it."""

    def __init__(self, directory: Path, server: str, source: str, *arguments: str) -> None:
        (directory / "app.py").write_text(source)
        self._log = directory / "errors.txt"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - the test's own words
                [sys.executable, "-B", "app.py", server, *arguments], cwd=directory, stdout=subprocess.PIPE, stderr=log
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert "Serving" in line, self.log()
        self.port = int(line.partition(" - ")[0].rpartition(":")[2])

    def log(self) -> str:
        """Give what was printed on standard error."""
        return self._log.read_text()

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), DEADLINE)

    def exchange(self, *pieces: bytes, is_whole: bool = True) -> bytes:
        """Send raw bytes, and give all that comes back until the server closes; after a part of a request, end it."""
        received = b""
        with self.connect() as client, suppress(ConnectionError):
            for piece in pieces:
                client.sendall(piece)
            if not is_whole:
                client.shutdown(socket.SHUT_WR)
            while chunk := client.recv(65536):
                received += chunk
        return received

    def ask(self, target: bytes, *fields: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
        """Send one request with a length, and give the whole response."""
        return self.exchange(request(method, target, b"Connection: close", *fields, body=body))

    def stats(self) -> dict[str, int]:
        """Give what the service says of itself."""
        answer: dict[str, int] = json.loads(self.ask(b"/stats").partition(b"\r\n\r\n")[2])
        return answer

    def wait_for(self, is_true: Callable[[dict[str, int]], bool]) -> None:
        """Wait until the service's numbers are so."""
        end = time.monotonic() + DEADLINE
        while not is_true(numbers := self.stats()):
            assert time.monotonic() < end, numbers
            time.sleep(0.02)

    def end(self) -> int:
        """End the service by SIGTERM; give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)

    def close(self) -> None:
        """Be rid of the process, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def request(
    method: bytes, target: bytes, *fields: bytes, body: bytes = b"", host: bytes = b"Host: example.com"
) -> bytes:
    """Give the bytes of a request; a body comes with its length."""
    length = [b"Content-Length: %d" % len(body)] if body else []
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", *filter(None, [host]), *fields, *length, b"", body])


def chunked(target: bytes, body: bytes) -> bytes:
    """Give the bytes of a POST whose body says itself where it ends."""
    return request(b"POST", target, b"Transfer-Encoding: chunked") + body


def statuses(received: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3})", received)]


def reset(client: socket.socket) -> None:
    """Close a connection so that the other end sees a reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
