"""Policies: what guards a request and finishes every response, as functions over `(req, resp)`.

Each is made once from its record in `config.py`, and only when it is wanted; `compose.py` puts them in order.
"""
