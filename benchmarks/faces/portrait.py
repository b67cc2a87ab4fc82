"""The portrait of the README and of docs/results.md: original and decoded files side by side, with their bytes.

    python -m benchmarks.faces.portrait [--quality Q ...]

The portrait is the public-domain one of tests/pictures. Takes a few seconds; writes results/faces/portrait.png and
portrait.json.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from PIL import Image

import sccodec
from benchmarks.manifest import record
from benchmarks.measuring import REPOSITORY, RESULTS, bpp, model_name, parser_of, write_json
from sccodec.metrics.image import psnr

SPEC = "conceptual:faces"
SOURCE = REPOSITORY / "tests" / "pictures" / "astronaut.png"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--quality", type=float, nargs="+", default=[0.0, 50.0, 100.0])
    options = parser.parse_args(arguments)
    original = np.asarray(Image.open(SOURCE).convert("RGB"))
    shown, rows = [original], []
    for quality in options.quality:
        data = sccodec.encode(original, SPEC, quality)
        decoded = sccodec.decode(data)
        shown.append(decoded)
        rate = round(bpp(data, original), 4)
        figures = {"bytes": len(data), "bpp": rate, "psnr_db": round(psnr(original, decoded), 2)}
        rows.append({"quality": quality} | figures)
    out = RESULTS / "faces/portrait.json"
    write_json(out, {"picture": SOURCE.name, "model": model_name(SPEC), "files": rows})
    Image.fromarray(np.concatenate(shown, 1)).save(out.with_suffix(".png"), optimize=True)
    record(out, __file__, arguments, models=[SPEC], also=[out.with_suffix(".png")])
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
