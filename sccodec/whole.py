"""Files that are complete or not there: written under another name first."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place, and rename it; what was there is replaced, or stays as it was.

    Raises OSError, which names the file, and leaves nothing else.
    """
    temporary = _beside(path)
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise
    finally:
        temporary.unlink(missing_ok=True)


def create(temporary: Path, place: Path) -> None:
    """Give a file its name if nothing has it, at once; raises FileExistsError. The temporary name may stay."""
    try:
        os.link(temporary, place)
        return
    except FileExistsError:
        raise
    except OSError:
        pass  # not every file system has links
    with place.open("xb") as file:
        try:
            file.write(temporary.read_bytes())
            file.flush()
        except BaseException:
            place.unlink(missing_ok=True)
            raise


def write_together(files: Mapping[Path, bytes], *, replace: bool = True) -> None:
    """Write files that belong together: all of them, or none; then what was there is as it was.

    They get their names in the order given. What was there is put aside first, from the last to the first: whoever
    finds the last one finds those before it as they belong to it, also where the process was killed meanwhile. Without
    replace, FileExistsError is raised for a name that is taken. Raises OSError, which names the file.
    """
    made = {place: _beside(place) for place in files}
    aside: dict[Path, Path] = {}
    done: list[Path] = []
    current = next(iter(files))
    try:
        for current, data in files.items():
            if current.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            made[current].write_bytes(data)
            if replace and current.exists():
                made[current].chmod(stat.S_IMODE(current.stat().st_mode))
        for current in reversed(made) if replace else ():
            if os.path.lexists(current):
                aside[current] = _beside(current)
                current.rename(aside[current])
        for current, temporary in made.items():
            create(temporary, current)
            done.append(current)
    except BaseException as error:
        for place in done:
            place.unlink()
        for place, old in reversed(aside.items()):
            with contextlib.suppress(FileNotFoundError):  # where it was interrupted before it was put aside
                old.rename(place)
        aside.clear()
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(current), None
        raise
    finally:
        for temporary in (*made.values(), *aside.values()):
            temporary.unlink(missing_ok=True)


def _beside(place: Path) -> Path:
    return place.with_name(f".{os.urandom(4).hex()}.tmp")
