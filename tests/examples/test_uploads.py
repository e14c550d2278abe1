from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from responder.testing import Session

ROOT = Path(__file__).parents[2]


def test_uploads_are_listed_and_come_back(session: Session) -> None:
    files = [("files", ("a.txt", b"first")), ("files", ("../b.txt", b"second")), ("files", ("a.txt", b"third"))]
    page = session.post("/files", files=files)
    assert page.url.endswith("/")
    assert [name in page.text for name in ("a.txt", "a-1.txt", "b.txt")] == [True] * 3
    assert session.get("/files/a-1.txt").content == b"third"
    assert session.get("/files/b.txt").headers["Content-Disposition"] == 'attachment; filename="b.txt"'


def test_names_are_escaped_in_the_page(session: Session) -> None:
    assert "<b>" not in session.post("/files", files={"files": ("<b>bold<b>.txt", b"")}).text


@pytest.mark.parametrize("name", ["missing.txt", "../uploads.py", "%2e%2e%2fuploads.py"])
def test_nothing_else_can_be_downloaded(session: Session, name: str) -> None:
    assert session.get(f"/files/{name}").status_code == 404


def test_a_download_resumes_where_it_broke_off(tmp_path: Path) -> None:
    """Curl asks for the rest of a file; the first part was cut off by a connection that was closed."""
    curl = which("curl")
    if curl is None:
        pytest.skip("needs curl: apt-get install curl")
    content = bytes(range(256)) * 40_000
    (tmp_path / "film.bin").write_bytes(content)
    command = [sys.executable, "-c", "from responder.serving.cli import main; main()", "run", "examples/uploads.py"]
    with subprocess.Popen([*command, "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - the test's own words
        try:
            assert process.stdout is not None
            address = "http://127.0.0.1:" + process.stdout.readline().partition(" - ")[0].rpartition(":")[2]
            run(curl, "-sS", "-F", "files=@film.bin", f"{address}/files", cwd=tmp_path)
            target = tmp_path / "resumed.bin"
            target.write_bytes(content[:1_000_003])
            run(curl, "-sS", "-C", "-", "-o", str(target), f"{address}/files/film.bin", cwd=tmp_path)
            assert target.read_bytes() == content
        finally:
            process.terminate()


def run(*command: str, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, check=True, timeout=30)  # noqa: S603 - the test's own words
