"""Maps of segmenters made tile by tile, beside those of the whole picture; and memory and time of a large picture.

    python -m benchmarks.labels.tiles --kodak DIR [--segmenters NAME ...] [--margins N ...] [--out JSON]

The picture is a mosaic of Kodak pictures, each enlarged threefold, so that tiles cut through what is in them. Its map
is made as a whole and in tiles with margins of several widths, at the picture's own size; what is told is the share of
equal pixels. The large picture, a mosaic of 5472x3648, goes through `sccodec segment --long-side full`, and through it
without that option, each in a process of its own, PNG to PNG.

Takes some minutes on two cores; writes results/labels/tiles.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.machine.memory import ask, measure, mosaic
from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, Picture, environment, parser_of, pictures_in, read_picture, write_json
from sccodec.labels import segmenters, working

SIZE = (2304, 1536)
LARGE = (5472, 3648)
MARGINS = (64, 128, 192, 256, 320, 384)
ENLARGED = 3
UNTILED = 8192
SEEN = 1408
"""Pixels a side that a network sees of the picture at a time: less than for users, so that there are more seams."""


def enlarged(picture: Picture) -> Picture:
    size = (ENLARGED * picture.shape[1], ENLARGED * picture.shape[0])
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def equal_shares(name: str, picture: Picture, margins: Sequence[int]) -> dict[str, float]:
    """Of the pixels, by the margin."""
    found = segmenters.find(name)
    known = working.SEEN, working.MARGIN
    try:
        working.SEEN = UNTILED
        whole = found.segment(picture, long_side=0)
        working.SEEN = SEEN
        shares = {}
        for margin in margins:
            working.MARGIN = margin
            shares[str(margin)] = round(float((found.segment(picture, long_side=0) == whole).mean()), 6)
    finally:
        working.SEEN, working.MARGIN = known
    return shares


def large(names: Sequence[str], kodak: Path) -> dict[str, Any]:
    """Seconds and peak memory of the command, by segmenter."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "large.png", Path(folder) / "map.png"
        ask("--mosaic", "x".join(map(str, LARGE)), str(source), "--kodak", str(kodak))
        for name in names:
            command = [
                sys.executable,
                "-m",
                "sccodec",
                "segment",
                str(source),
                "-m",
                name,
                "-o",
                str(target),
                "--force",
            ]
            found[name] = {
                "full": measure([*command, "--long-side", "full"], Path(folder) / "log"),
                "reduced": measure(command, Path(folder) / "log"),
            }
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser: argparse.ArgumentParser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--segmenters", nargs="+", metavar="NAME")
    parser.add_argument("--margins", nargs="+", type=int, default=list(MARGINS))
    parser.add_argument("--out", type=Path, default=RESULTS / "labels" / "tiles.json")
    options = parser.parse_args(arguments)
    names = options.segmenters or segmenters.names()
    where = environment()
    result: dict[str, Any] = {
        "what": f"maps in tiles of {SEEN} pixels with margins, beside that of the whole picture at its own size",
        "margin": working.MARGIN,
        "width": SIZE[0],
        "height": SIZE[1],
        "equal": {},
        "large": {"width": LARGE[0], "height": LARGE[1], "seen": working.SEEN},
        "environment": where,
    }
    # First, while this process is small: the kernel counts what the others inherit.
    result["large"]["segmenters"] = large(names, options.kodak)
    picture = mosaic([enlarged(read_picture(path)) for path in pictures_in(options.kodak)[:4]], *SIZE)
    for name in names:
        result["equal"][name] = equal_shares(name, picture, options.margins)
        print(name, result["equal"][name], result["large"]["segmenters"][name], flush=True)
    write_json(options.out, result)
    opened = [segmenters.find(name).opened for name in names]
    specs = [f"{each.codec}:{each.variant}" for each in opened]
    record(options.out, __file__, arguments, models=specs, versions=where["versions"])


if __name__ == "__main__":
    main()
