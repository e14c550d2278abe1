"""The nginx of `examples/deploy/nginx.conf` before the service of `examples/deploy/app.py`, over TLS.

Clients come from 127.0.0.2, so that they are not the proxy, which is 127.0.0.1.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DEADLINE = 20.0
CLIENT = "127.0.0.2"
NGINX = which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
OPENSSL = which("openssl")

pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx-light"),
    pytest.mark.skipif(OPENSSL is None, reason="needs openssl, for a certificate: apt-get install openssl"),
]

MAIN = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Front:
    """The ports of nginx, and a client of it that sends what it is told."""

    def __init__(self, http: int, https: int, service: int) -> None:
        self.http, self.https, self.service = http, https, service

    def connect(self, *, tls: bool = True, name: str = "example.com") -> socket.socket:
        """Open a connection as a client elsewhere."""
        port = self.https if tls else self.http
        plain = socket.create_connection(("127.0.0.1", port), DEADLINE, source_address=(CLIENT, 0))
        if not tls:
            return plain
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            return context.wrap_socket(plain, server_hostname=name)
        except ssl.SSLError:
            plain.close()
            raise

    def ask(self, target: str = "/", *fields: str, host: str = "example.com", tls: bool = True) -> Answer:
        """Send a GET and give the whole answer."""
        with self.connect(tls=tls) as client:
            client.sendall(request("GET", target, *fields, host=host))
            return read(client)


def request(method: str, target: str, *fields: str, host: str = "example.com") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *fields, "", ""]
    return "\r\n".join(lines).encode()


def read(client: socket.socket) -> Answer:
    response = HTTPResponse(client)
    response.begin()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Give nginx before the service, both in processes of their own."""
    folder = tmp_path_factory.mktemp("nginx")
    with ExitStack() as stack:
        line = stack.enter_context(run_service())
        ports = Front(free_port(), free_port(), int(line.partition(" - ")[0].rpartition(":")[2]))
        stack.enter_context(run_nginx(folder, ports, site(folder, ports)))
        yield ports


RUN = """
import sys
from pathlib import Path
from responder.serving.loader import load

load("examples/deploy/app.py").run(port=0, **({"uds": Path(sys.argv[1])} if sys.argv[1:] else {}))
"""


@contextmanager
def run_service(*socket: Path) -> Iterator[str]:
    """Serve the example, and give what it prints."""
    command = [sys.executable, "-B", "-c", RUN, *map(str, socket)]
    environment = {**os.environ, "SECRET_KEY": "uGhr4Tn0ZcP2xq7VbY5wKm9sLd3fJe8A"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - the test's own words
        try:
            assert process.stdout is not None
            yield process.stdout.readline()
        finally:
            process.terminate()


def site(folder: Path, ports: Front) -> str:
    """Give the site as it is shipped, with other ports and paths."""
    shipped = (ROOT / "examples/deploy/nginx.conf").read_text()
    for before, after in (
        (r"listen 80\b", f"listen 127.0.0.1:{ports.http}"),
        (r"listen 443\b", f"listen 127.0.0.1:{ports.https}"),
        (r"127\.0\.0\.1:5042", f"127.0.0.1:{ports.service}"),
        (r"/etc/ssl/example.com.pem", f"{folder}/cert.pem"),
        (r"/etc/ssl/private/example.com.key", f"{folder}/key.pem"),
    ):
        shipped, count = re.subn(before, after, shipped)
        assert count, before
    return shipped


@contextmanager
def run_nginx(folder: Path, ports: Front, site: str) -> Iterator[None]:
    assert NGINX is not None
    make_certificate(folder)
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user()))
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:  # noqa: S603 - the same
        try:
            wait_for(ports.https, process, folder / "log")
            yield
        finally:
            process.send_signal(signal.SIGTERM)


def user() -> str:
    """Keep the workers of a root's nginx root as well, whose folder others cannot write to."""
    return "user root root;" if os.geteuid() == 0 else ""


def make_certificate(folder: Path) -> None:
    assert OPENSSL is not None
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command = [OPENSSL, "req", "-x509", *curve, *files, "-subj", "/CN=example.com"]
    subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE)  # noqa: S603 - the same


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until somebody listens."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), DEADLINE).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        else:
            return


def test_the_service_sees_the_client_and_https(front: Front) -> None:
    answer = front.ask("/?q=1")
    assert json.loads(answer.body) == {"client": CLIENT, "is_secure": True, "url": "https://example.com/?q=1"}
    assert answer.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.parametrize(
    "field",
    [
        "X-Forwarded-For: 6.6.6.6",
        "X-Forwarded-For: 6.6.6.6, 127.0.0.1",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: evil.example",
        "Forwarded: for=6.6.6.6;proto=http;host=evil.example",
        "X_Forwarded_For: 6.6.6.6",
    ],
)
def test_what_a_client_says_of_itself_is_not_believed(front: Front, field: str) -> None:
    seen = json.loads(front.ask("/", field, field).body)
    assert seen == {"client": CLIENT, "is_secure": True, "url": "https://example.com/"}


def test_nor_where_nginx_adds_to_what_came(tmp_path: Path, front: Front) -> None:
    """The other line that the comment names, for a proxy before nginx."""
    ports = Front(free_port(), free_port(), front.service)
    adding = site(tmp_path, ports).replace("X-Forwarded-For $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for")
    with run_nginx(tmp_path, ports, adding):
        assert json.loads(ports.ask("/", "X-Forwarded-For: 6.6.6.6, 127.0.0.1").body)["client"] == CLIENT


def test_a_unix_socket_does_as_well(tmp_path: Path) -> None:
    ports = Front(free_port(), free_port(), 0)
    path = tmp_path / "http.sock"
    by_socket = site(tmp_path, ports).replace("server 127.0.0.1:0;", f"server unix:{path};")
    with run_service(path), run_nginx(tmp_path, ports, by_socket):
        seen = json.loads(ports.ask("/", "X-Forwarded-For: 6.6.6.6").body)
    assert seen == {"client": CLIENT, "is_secure": True, "url": "https://example.com/"}


def test_a_foreign_host_is_refused(front: Front) -> None:
    assert front.ask(host="evil.example").status == 421
    assert front.ask(host="evil.example", tls=False).status == 421
    with pytest.raises(ssl.SSLError):
        front.connect(name="evil.example")


def test_a_foreign_host_beside_a_good_target_does_not_go_through(front: Front) -> None:
    seen = json.loads(front.ask("https://example.com/", host="evil.example").body)
    assert seen["url"] == "https://example.com/"


def test_the_service_itself_refuses_a_foreign_host(front: Front) -> None:
    with socket.create_connection(("127.0.0.1", front.service), DEADLINE) as client:
        client.sendall(request("GET", "/", "X-Forwarded-Proto: https", host="evil.example"))
        assert read(client).status == 400


def test_http_is_redirected(front: Front) -> None:
    answer = front.ask("/old?q=1", tls=False)
    assert (answer.status, answer.headers["location"]) == (308, "https://example.com/old?q=1")


def test_redirects_of_the_service_have_the_scheme_of_the_client(front: Front) -> None:
    answer = front.ask("/old?q=1")
    assert (answer.status, answer.headers["location"]) == (308, "https://example.com/?q=1")


def test_a_stream_arrives_piece_by_piece(front: Front) -> None:
    """The stream has no end and few bytes, so that nothing of it would come through a buffer."""
    with front.connect() as client:
        client.sendall(request("GET", "/ticks"))
        received = b""
        while b"tick 1" not in received:
            piece = client.recv(65536)
            assert piece
            received += piece


def test_a_body_beyond_the_limit_is_a_413(front: Front) -> None:
    with front.connect() as client:
        client.sendall(request("POST", "/size", "Content-Length: 16777217"))
        assert read(client).status == 413


def test_a_body_within_the_limit_arrives(front: Front) -> None:
    body = bytes(1024 * 1024)
    with front.connect() as client:
        client.sendall(request("POST", "/size", f"Content-Length: {len(body)}") + body)
        assert json.loads(read(client).body) == {"bytes": len(body)}
