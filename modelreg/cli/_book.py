"""The registry as the commands want it (it lives in `modelreg.book`, which the Python API shares)."""

from modelreg.book import Book, open_book

__all__ = ["Book", "open_book"]
