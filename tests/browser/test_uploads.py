from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote
from urllib.request import urlopen

from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

if TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver import Chrome


def test_a_page_uploads_files_and_lists_them(chrome: Chrome, address: str, tmp_path: Path) -> None:
    names = ["plain.txt", "caf\u00e9 \U0001f600.bin"]
    contents = [b"hello", os.urandom(3 * 1024 * 1024)]
    for name, content in zip(names, contents, strict=True):
        (tmp_path / name).write_bytes(content)
    chrome.get(address)
    chrome.find_element(By.NAME, "files").send_keys("\n".join(str(tmp_path / name) for name in names))
    chrome.find_element(By.TAG_NAME, "button").click()
    WebDriverWait(chrome, 15).until(lambda _: len(chrome.find_elements(By.CSS_SELECTOR, "li a")) == len(names))
    assert {link.text for link in chrome.find_elements(By.CSS_SELECTOR, "li a")} == set(names)
    for name, content in zip(names, contents, strict=True):
        with urlopen(f"{address}/files/{quote(name)}") as response:  # noqa: S310 - this machine
            assert response.read() == content
