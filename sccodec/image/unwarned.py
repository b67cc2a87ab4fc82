"""Remarks of libraries on odd files, which are many lines long, are not shown while a picture is read.

Python's filter of warnings is one for all threads: it is set by the first that reads, and set back by the last.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_LOCK = threading.Lock()
_FILTER = ExitStack()
_reading = 0
if hasattr(os, "register_at_fork"):  # no process begins with the lock held
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


@contextmanager
def unwarned() -> Iterator[None]:
    global _reading
    with _LOCK:
        if _reading == 0:
            _FILTER.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _reading += 1
    try:
        yield
    finally:
        with _LOCK:
            _reading -= 1
            if _reading == 0:
                _FILTER.close()
