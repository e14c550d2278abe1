"""The two streams of a terminal: what goes well on standard output, what does not on standard error.

Lines are flushed one by one, because a server's output usually goes into a pipe that somebody follows.
"""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Print one line on standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    """Print one line on standard error, at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def flatten(text: str) -> str:
    """Put a text of several lines on one."""
    return " ".join(text.split())
