"""Standard streams as the commands use them: what is written to standard output is whole, or it is an error."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

import click

OUTPUT = "standard output"


class ClosedOutput(io.TextIOWrapper):
    """In place of a standard output that was closed before the start: every write to it fails when it is flushed."""


def settle() -> None:
    """Have all three streams there, and standard output whole: python has None in place of one that was closed.

    Files opened later would otherwise get its number, and whatever libraries print there. Under PYTHONUNBUFFERED python
    hands bytes to the system and does not look how many of them it took: a buffer does. Characters that the encoding
    of standard output does not have are written as escapes, as they are on standard error.
    """
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115  # open to the end, like the others
    if sys.stdout is None:
        refusing = os.open(os.devnull, os.O_RDONLY)
        sys.stdout = ClosedOutput(io.BufferedWriter(io.FileIO(refusing, "w")), encoding="utf-8", line_buffering=True)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    own = sys.stdout is sys.__stdout__  # and not in its place, as tests have it
    if own and isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        whole = io.BufferedWriter(io.FileIO(sys.stdout.fileno(), "w", closefd=False))
        sys.stdout = io.TextIOWrapper(whole, sys.stdout.encoding, line_buffering=True)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """A line of what a command was asked for; raises OSError, which names standard output."""
    with _named():
        click.echo(text)


def write(data: bytes) -> None:
    """All bytes to standard output; raises OSError, which names it."""
    with _named():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def tell(text: str) -> None:
    """A line on standard error; where that takes none, there is nobody to tell so."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def read(file: BinaryIO, most: int) -> bytes:
    """What a file, a pipe or a device gives to its end, at most that many bytes; waits where it has nothing yet."""
    found = io.BytesIO()
    while (left := most - found.tell()) > 0:
        part: bytes | None = file.read(min(left, 2**20))
        if part is None:  # it does not block, and whoever writes has not yet
            select.select([file], [], [])
        elif not part:
            break
        else:
            found.write(part)
    return found.getvalue()


def finish(code: int) -> int:
    """Write out what is left, before the process ends; gives the exit code.

    What could not be written would be tried once more at exit, and make lines of python's own: it is dropped.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if stream is sys.stdout and not code:
                if not isinstance(error, BrokenPipeError):
                    tell(f"sccodec: error: {OUTPUT}: {error.strerror or error}")
                code = 1
            _drop(stream)
    return code


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep what C libraries print on standard error from the user, and let through what goes to sys.stderr.

    Only for a command that works in one thread: descriptor 2 is one for the whole process. With SCCODEC_DEBUG they may
    print.
    """
    try:
        original = os.dup(2)
    except OSError:
        original = -1
    if original < 0 or os.environ.get("SCCODEC_DEBUG"):
        yield
        return
    ours, swapped = sys.stderr, _number(sys.stderr) == 2
    ours.flush()
    if swapped:
        through = os.fdopen(os.dup(original), "w", encoding=ours.encoding, errors="backslashreplace", buffering=1)
        sys.stderr = through
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)
        if swapped:
            sys.stderr = ours
            with contextlib.suppress(OSError):
                through.close()


def _number(stream: IO[str]) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        error.filename = OUTPUT
        raise


def _drop(stream: IO[str]) -> None:
    number = _number(stream)
    if number is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
