"""Stores of sessions: `MemoryStore` for one process, `SQLiteStore` for one machine, `RedisStore` for many.

Each is a `Store` of `types.py`; anything else with its four methods will do as well.
"""

from .memory import MemoryStore as MemoryStore
from .redis import RedisStore as RedisStore
from .sqlite import SQLiteStore as SQLiteStore
