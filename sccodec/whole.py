"""Files that are complete or not there: written under another name first."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place, and rename it; what was there is replaced, or stays as it was.

    Raises OSError, which names the file, and leaves nothing else.
    """
    temporary = path.with_name(f".{os.urandom(4).hex()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise
    finally:
        temporary.unlink(missing_ok=True)
