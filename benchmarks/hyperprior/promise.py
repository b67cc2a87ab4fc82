"""The PSNR that photographs have at each quality: what `hyperprior` promises, and a notice compares with.

    python -m benchmarks.hyperprior.promise --kodak DIR --photos DIR [--out JSON]

Of the Kodak pictures and of every 32nd photograph of the folder --photos, which training holds out: the least PSNR of
whole files at each quality, the mean, and how much detail the pictures have (choice.detail).

Takes about five minutes on two cores; writes results/hyperprior/promise.json.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import sccodec
from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, environment, parser_of, pictures_in, write_json
from sccodec import choice, image
from sccodec.codecs.hyperprior.codec import FLOOR
from sccodec.metrics.image import psnr
from sccodec.training.photos import HELD_EVERY, find_photos

QUALITIES = (0, 25, 50, 75, 100)
SPEC = "hyperprior"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS / "hyperprior" / "promise.json")
    given = parser.parse_args(arguments)
    paths = [*pictures_in(given.kodak), *find_photos(given.photos)[::HELD_EVERY]]
    found: dict[int, list[float]] = {quality: [] for quality in QUALITIES}
    details = []
    for path in paths:
        picture = image.load(path, lambda text: None)
        details.append(choice.detail(picture))
        for quality in QUALITIES:
            decoded = sccodec.decode(sccodec.encode(picture, SPEC, quality, notice=lambda text: None))
            found[quality].append(psnr(picture, decoded))
    write_json(
        given.out,
        {
            "what": "whole files of photographs, RGB PSNR",
            "spec": SPEC,
            "pictures": len(paths),
            "promised": {str(q): round(FLOOR[0] + (FLOOR[1] - FLOOR[0]) * q / 100, 2) for q in QUALITIES},
            "least": {str(q): round(min(values), 2) for q, values in found.items()},
            "mean": {str(q): round(statistics.fmean(values), 2) for q, values in found.items()},
            "most_detail": round(max(details), 1),
            "environment": environment(),
        },
    )
    record(given.out, __file__, arguments, models=[SPEC])


if __name__ == "__main__":
    main()
