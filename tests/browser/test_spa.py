from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


FETCH = """
const [path, done] = arguments;
fetch(path).then((response) => done([response.status, response.headers.get("content-type")]));
"""

LOAD_SCRIPT = """
const [source, done] = arguments;
const script = document.createElement("script");
script.onerror = () => done("error");
script.onload = () => done("loaded");
script.src = source;
document.head.append(script);
"""

ASSETS = """
return performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => name.includes("/assets/"));
"""


def page_at(chrome: Chrome, path: str) -> str:
    """Wait until the app shows the page of a path, and give its text."""
    main = chrome.find_element(By.TAG_NAME, "main")
    WebDriverWait(chrome, 15).until(lambda _: main.get_attribute("data-path") == path)
    return main.text


def test_the_app_starts_and_follows_links_without_loading_anew(chrome: Chrome, address: str) -> None:
    chrome.get(f"{address}/")
    assert "Rex" in page_at(chrome, "/")
    chrome.execute_script("window.mark = 42")
    chrome.find_element(By.LINK_TEXT, "Mia").click()
    assert "Mia is a cat." in page_at(chrome, "/pets/2")
    assert chrome.execute_script("return window.mark") == 42
    chrome.back()
    assert "Bubbles" in page_at(chrome, "/")


def test_a_deep_link_can_be_opened_and_reloaded(chrome: Chrome, address: str) -> None:
    chrome.get(f"{address}/pets/3")
    assert "Bubbles is a fish." in page_at(chrome, "/pets/3")
    chrome.refresh()
    assert "Bubbles is a fish." in page_at(chrome, "/pets/3")


def test_a_form_of_the_app_posts_json(chrome: Chrome, address: str) -> None:
    chrome.get(f"{address}/new")
    page_at(chrome, "/new")
    chrome.find_element(By.NAME, "name").send_keys("Ada <b>")
    chrome.find_element(By.NAME, "kind").send_keys("parrot")
    chrome.find_element(By.TAG_NAME, "button").click()
    assert "Ada <b> is a parrot." in page_at(chrome, "/pets/4")


def test_what_the_api_does_not_find_the_app_shows(chrome: Chrome, address: str) -> None:
    chrome.get(f"{address}/pets/99")
    assert "There is no such pet." in page_at(chrome, "/pets/99")
    chrome.get(f"{address}/no/such/page")
    assert "Nothing here" in page_at(chrome, "/no/such/page")


def fetch(chrome: Chrome, path: str) -> Any:
    return chrome.execute_async_script(FETCH, path)


def test_a_missing_asset_is_a_404_and_no_page(chrome: Chrome, address: str) -> None:
    chrome.get(f"{address}/")
    page_at(chrome, "/")
    assert fetch(chrome, "/assets/missing.js") == [404, "application/problem+json"]
    assert fetch(chrome, "/api/missing") == [404, "application/problem+json"]
    assert chrome.execute_async_script(LOAD_SCRIPT, "/assets/missing.js") == "error"


def test_assets_are_kept_and_the_page_is_asked_for(chrome: Chrome, address: str) -> None:
    chrome.get(f"{address}/pets/1")
    page_at(chrome, "/pets/1")
    assets = chrome.execute_script(ASSETS)
    assert len(assets) == 2
    for asset in assets:
        with urlopen(Request(asset)) as response:  # noqa: S310 - this machine
            assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    with urlopen(Request(f"{address}/pets/1", headers={"Accept": "text/html"})) as response:  # noqa: S310 - this machine
        assert response.headers["cache-control"] == "no-cache"
