"""JPEG (ITU-T T.81), by libjpeg-turbo inside Pillow, or by a program with the options of `cjpeg`.

    option             values
    quality            1 to 100, libjpeg's scale: -q is the same number, 1 for 0; default 75
    chroma             420 (default), 444; subsampling is another name for it
    optimise           yes (default): Huffman tables of the picture's own; no: the standard's, as published curves have
    progressive        no (default), yes
    program            cjpeg, or a path: a program that takes cjpeg's options, a PPM file on its standard input

The standard's tables cost 5 to 30 % at low rates, and nothing else. Decoding is always Pillow's.
"""

from __future__ import annotations

import shutil
import subprocess

from sccodec.codec import Notice, Picture, Spec
from sccodec.codecs._native import Asked, Native, by_pillow, pillow_and, said
from sccodec.errors import BadInput, CodecUnavailable

SECONDS = 600
"""How long a program may take."""


class Jpeg(Native):
    """The codec; see the module's docstring."""

    name = "jpeg"
    summary = "JPEG, 4:2:0 unless chroma=444"
    suffix = ".jpg"
    options = ("quality", "chroma", "subsampling", "optimise", "progressive", "program")
    max_side = 65500

    def write(self, picture: Picture, asked: Asked, notice: Notice) -> bytes:
        quality = asked.whole_scale("quality", 1, 100, lambda q: max(1, q), 75)
        is_420 = asked.chroma("420", "444") == "420"
        optimise = asked.word("optimise", "yes", "no") == "yes"
        progressive = asked.word("progressive", "no", "yes") == "yes"
        program = asked.options.get("program")
        if program is None:
            return by_pillow(
                picture,
                "JPEG",
                quality=quality,
                subsampling=2 if is_420 else 0,
                optimize=optimise,
                progressive=progressive,
            )
        arguments = ["-quality", str(quality), "-sample", "2x2" if is_420 else "1x1"]
        arguments += ["-optimize"] * optimise + ["-progressive"] * progressive
        data = run(program, arguments, by_pillow(picture, "PPM"))
        if not data.startswith(b"\xff\xd8\xff"):
            raise CodecUnavailable(f"{program} wrote no JPEG file: it takes no PPM, or is another program")
        return data

    def qualities(self) -> list[float]:
        return [0.0, *(float(q) for q in range(2, 101))]

    def made_by(self, spec: Spec) -> str:
        program = dict(spec.options).get("program")
        if program is None:
            return pillow_and("libjpeg_turbo", "libjpeg-turbo")
        return f"{program}, {version_of(program)}"


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


def version_of(program: str) -> str:
    """The first line that `cjpeg -version` prints; raises CodecUnavailable where there is no such program."""
    found = find(program)
    try:
        done = subprocess.run(
            [found, "-version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "of unknown version"
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    return lines[0].strip()[:100] if lines else "of unknown version"


def codec() -> Jpeg:
    return Jpeg()
