"""Libraries that tell the log about files: what they say there would stand on standard error where nobody set it up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unlogged(name: str) -> Iterator[None]:
    """Keep a library's warnings out of the log while it works."""
    logger = logging.getLogger(name)

    def nothing(record: logging.LogRecord) -> bool:  # one for each use, which another thread does not remove
        return False

    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)
