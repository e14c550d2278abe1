"""A real Redis for the tests that need one: started on a free port, in a folder of its own, ended with them."""

from __future__ import annotations

import socket
import subprocess
from shutil import which
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 20.0


class RedisServer:
    """A redis-server that keeps nothing, and can be killed and started again on its port."""

    def __init__(self, binary: str, folder: Path) -> None:
        self._binary = binary
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self._port: int = taken.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        options = ["--bind", "127.0.0.1", "--port", str(self._port), "--save", "", "--appendonly", "no"]
        command = [self._binary, *options, "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - the test's own words
        end = monotonic() + PATIENCE
        while not self._answers():
            if monotonic() > end or self._process.poll() is not None:
                self.kill()
                pytest.fail("redis-server did not start")
            sleep(0.01)

    def kill(self) -> None:
        """End it at once, as a crash would; harmless when it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


@pytest.fixture(scope="session")
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], RedisServer]]:
    """Give a function that starts one more Redis; all of them end with the tests."""
    binary = which("redis-server")
    if binary is None:
        pytest.skip("needs redis-server: apt-get install redis-server")
    servers: list[RedisServer] = []

    def start() -> RedisServer:
        server = RedisServer(binary, tmp_path_factory.mktemp("redis"))
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def redis_url(start_redis: Callable[[], RedisServer]) -> str:
    """Give the address of a Redis that all tests share, so each needs keys of its own."""
    return start_redis().url
