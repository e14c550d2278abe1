"""A page, data for the pages of a partner, and a hook for a machine, with every protection on.

Open http://localhost:5042, or ask as a page of another origin would:

    curl -i -H 'Origin: https://partner.example' http://localhost:5042/prices
    curl -i -H 'Origin: https://evil.example' -H 'Cookie: a=b' -d word=x http://localhost:5042/words
    curl -i -H 'Host: evil.example' http://localhost:5042/
"""

from __future__ import annotations

import hmac
import os

import responder
from responder import CSRF, HSTS, HTTPError, Request, Response, SecurityHeaders

IS_PUBLIC = "PUBLIC_HOST" in os.environ
HOOK_SECRET = os.environ.get("HOOK_SECRET", "a secret between two machines").encode()

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Words</title>
<h1>Words</h1>
<form action="/words" method="post"><input name="word" required> <button>Add</button></form>
<ul>{% for word in words %}<li>{{ word }}</li>{% endfor %}</ul>
<p id="count"></p>
<script nonce="{{ request.csp_nonce }}">
  document.querySelector("#count").textContent = document.querySelectorAll("li").length + " words";
</script>
"""

api = responder.API(
    allowed_hosts=[os.environ["PUBLIC_HOST"]] if IS_PUBLIC else ["localhost", "127.0.0.1", "[::1]"],
    enable_hsts=HSTS(include_subdomains=True) if IS_PUBLIC else False,
    cors=True,
    cors_params={
        "allow_origins": ["https://partner.example"],
        "allow_methods": ["GET", "PUT"],
        "expose_headers": ["X-Currency"],
    },
    csrf=CSRF(trusted_origins=["https://admin.partner.example"]),
    security_headers=SecurityHeaders(
        content_security_policy="default-src 'none'; script-src 'nonce-{nonce}'; form-action 'self'",
    ),
)

words: list[str] = []
prices = {"apple": 3}


@api.get("/")
async def page(req: Request, resp: Response) -> None:
    resp.html = api.template_string(PAGE, words=words)  # what somebody typed is escaped


@api.post("/words")
async def add_word(req: Request, resp: Response) -> None:
    form = await req.media("form")
    words.append(form["word"])
    resp.redirect("/", status_code=303)


@api.get("/prices")
async def list_prices(req: Request, resp: Response) -> dict[str, int]:
    resp.headers["X-Currency"] = "EUR"
    return prices


@api.put("/prices/{name}")
async def set_price(req: Request, resp: Response, *, name: str) -> tuple[dict[str, int], int]:
    prices[name] = await req.media(int)  # JSON, for which a browser asks first
    return prices, 200


@api.post("/hook", csrf=False)
async def hear(req: Request, resp: Response) -> None:
    """Take what a machine sends, which shows by a signature who it is, so that no cookie counts."""
    expected = hmac.new(HOOK_SECRET, await req.content, "sha256").hexdigest()
    if not hmac.compare_digest(expected.encode(), req.headers.get("x-signature", "").encode()):
        raise HTTPError(403, "The signature is wrong.")
    resp.no_content()


if __name__ == "__main__":
    api.run()
