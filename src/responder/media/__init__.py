"""Bytes to Python values and back, one file a format, and the guard that every decoder stands behind."""
