"""One request and one response: what a view holds, and how it leaves."""
