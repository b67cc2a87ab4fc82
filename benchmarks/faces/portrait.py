"""The portrait in the README: original and decoded files side by side, with their bytes.

    python benchmarks/portrait.py [--quality Q ...]

Writes results/portrait.png and results/portrait.json. The portrait is the public-domain one of tests/pictures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

import sccodec
from sccodec import bundle
from sccodec.metrics.image import psnr

HERE = Path(__file__).parent
SOURCE = HERE.parent / "tests" / "pictures" / "astronaut.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quality", type=float, nargs="+", default=[0.0, 50.0, 100.0])
    options = parser.parse_args()
    original = np.asarray(Image.open(SOURCE).convert("RGB"))
    shown, rows = [original], []
    for quality in options.quality:
        data = sccodec.encode(original, "conceptual:faces", quality)
        decoded = sccodec.decode(data)
        shown.append(decoded)
        bpp = round(8 * len(data) / (original.shape[0] * original.shape[1]), 4)
        figures = {"bytes": len(data), "bpp": bpp, "psnr_db": round(psnr(original, decoded), 2)}
        rows.append({"quality": quality} | figures)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    Image.fromarray(np.concatenate(shown, 1)).save(results / "portrait.png", optimize=True)
    report = {"picture": SOURCE.name, "model": bundle.default("conceptual", "faces").path.name, "files": rows}
    (results / "portrait.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
