"""Programs of others that encode or decode: finding them, running them, and what their failures become."""

from __future__ import annotations

import shutil
import subprocess

from sccodec.codec import Picture
from sccodec.errors import BadInput, CodecUnavailable
from sccodec.formats.codec import said

SECONDS = 600
"""How long a program may take."""


def run(program: str, arguments: list[str], given: bytes) -> bytes:
    """What a program writes to its standard output; raises CodecUnavailable where it is missing, BadInput otherwise."""
    found = find(program)
    try:
        done = subprocess.run([found, *arguments], input=given, capture_output=True, timeout=SECONDS, check=False)
    except OSError as error:
        raise CodecUnavailable(f"{program} cannot be run: {error.strerror or error}") from None
    except subprocess.TimeoutExpired:
        raise BadInput(f"{program} was stopped after {SECONDS} seconds") from None
    if done.returncode != 0:
        message = said(Exception(done.stderr.decode("utf-8", "replace")))
        raise BadInput(f"{program} failed with exit code {done.returncode}: {message}")
    return done.stdout


def find(program: str) -> str:
    """The program's path; raises CodecUnavailable."""
    found = shutil.which(program)
    if found is None:
        raise CodecUnavailable(f"the program {program!r} is not there: install it, or name it by program=PATH")
    return found


def check_size(program: str, picture: Picture, width: int, height: int) -> None:
    """Raise CodecUnavailable where the file that a program wrote of a picture states another size."""
    if picture.shape[:2] != (height, width):
        given = f"{picture.shape[1]}x{picture.shape[0]}"
        raise CodecUnavailable(f"{program} made a file of {width}x{height} pixels of a picture of {given}")


def first_line(program: str, *arguments: str) -> str:
    """The first line that a program prints about itself; raises CodecUnavailable where there is no such program."""
    found = find(program)
    try:
        done = subprocess.run(
            [found, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "of unknown version"
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").strip().splitlines()
    return lines[0].strip()[:100] if lines else "of unknown version"
