"""A sheet of pictures and their maps by the segmenter of street scenes, for docs/segment.md.

    python -m benchmarks.segmenters.sheet --kodak DIR [--out JPG]

CamVid's pictures may not be shown, so these are Kodak's: houses, a fence, and what is no street scene at all. Each has
the map beside it, laid over the picture. Takes seconds; writes results/segmenters/street.jpg.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, parser_of, read_picture
from benchmarks.segmenters.camvid import spec_of
from sccodec.image.palette import blend
from sccodec.labels import segmenters

PICTURES = ("kodim08", "kodim24", "kodim23", "kodim05")
NAME, OPACITY = "street", 0.55
WIDTH, QUALITY = 420, 80


def main(arguments: Sequence[str] | None = None) -> None:
    parser: argparse.ArgumentParser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS / "segmenters/street.jpg")
    options = parser.parse_args(arguments)
    segmenter = segmenters.find(NAME)
    rows = []
    for name in PICTURES:
        picture = read_picture(options.kodak / f"{name}.png")
        shown = blend(picture, segmenter.segment(picture), segmenter.colours, OPACITY)
        height = round(WIDTH * picture.shape[0] / picture.shape[1])
        halves = [Image.fromarray(half).resize((WIDTH, height), Image.Resampling.LANCZOS) for half in (picture, shown)]
        rows.append(np.concatenate([np.asarray(half) for half in halves], 1))
    sheet = np.concatenate([np.concatenate(rows[at : at + 2], 1) for at in range(0, len(rows), 2)], 0)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(options.out, quality=QUALITY, subsampling=0)
    record(options.out, __file__, arguments, models=[spec_of(NAME)])


if __name__ == "__main__":
    main()
