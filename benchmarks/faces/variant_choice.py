"""How often the conceptual codec takes other photographs for portraits, and portraits for other photographs.

    python -m benchmarks.faces.variant_choice --faces DIR --photos DIR [DIR ...] [--out JSON]

Faces are whole pictures of the folder's train and val; of the others, every one gives its middle square and one at a
random place. Runs the faces model's segmenter on each, as encoding without a variant does. Some squares of photographs
are portraits: they are named, to be looked at. Takes about five minutes on two cores for 3600 pictures; writes
results/faces/variant_choice.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, parser_of, write_json
from sccodec import bundle
from sccodec.codecs.conceptual import faces, portrait

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}


def pictures(folder: Path) -> list[Path]:
    """Every picture below a folder, but for label maps."""
    found = (p for p in sorted(folder.rglob("*")) if p.suffix.lower() in SUFFIXES)
    return [p for p in found if "labels" not in p.parts]


def squares(path: Path, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """The middle square of a picture and one of 0.35 to 0.95 times its side, with their places as text."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    side = min(image.size)
    small = int(side * rng.uniform(0.35, 0.95))
    corner = (int(rng.integers(image.width - small + 1)), int(rng.integers(image.height - small + 1)))
    for n, (left, top) in ((side, ((image.width - side) // 2, (image.height - side) // 2)), (small, corner)):
        yield f"{path.name}@{left},{top}+{n}", np.asarray(image.crop((left, top, left + n, top + n)))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--every", type=int, default=1, help="take one picture of so many")
    parser.add_argument("--out", type=Path, default=RESULTS / "faces/variant_choice.json")
    options = parser.parse_args(arguments)
    model = faces.FacesModel(bundle.default("conceptual", "faces"))

    def is_portrait(picture: np.ndarray) -> bool:
        return portrait.has_shape(picture) and model.is_portrait(model.prepare(picture))

    result: dict[str, Any] = {"model": model.bundle.path.name}
    for split in ("train", "val"):
        paths = pictures(options.faces / split)[:: options.every]
        missed = [p.name for p in paths if not is_portrait(np.asarray(Image.open(p).convert("RGB")))]
        result[f"faces_{split}"] = {"pictures": len(paths), "missed": len(missed), "names": missed}
    rng = np.random.default_rng(0)
    for folder in options.photos:
        shown = [pair for p in pictures(folder)[:: options.every] for pair in squares(p, rng)]
        taken = [name for name, picture in shown if is_portrait(picture)]
        result[folder.name] = {"squares": len(shown), "taken": len(taken), "names": taken}
    write_json(options.out, result)
    record(options.out, __file__, arguments, models=["conceptual:faces"])
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
