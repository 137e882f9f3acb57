"""Importing py_ecc and py-evm without what they do to the whole process."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def recursion_limit_kept() -> Iterator[None]:
    """Leave Python's recursion limit as it is, whatever is imported in the block.

    py_ecc raises it to 100,000, and py-evm to 102,400 for contracts that call each other 1,024 deep (their
    ``__init__.py``). The C stack ends before that: then deep recursion anywhere, such as in parsing a
    stranger's JSON, is no RecursionError but a segmentation fault. The contracts here call nobody.
    """
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
