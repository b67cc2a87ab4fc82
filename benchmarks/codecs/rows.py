"""Rows of every codec on the Kodak pictures and on the validation faces: what `sccodec bench` measures, all metrics.

    python benchmarks/every_codec.py --kodak PATH --faces DIR [--jobs N] [--metric NAME,...]

--kodak is a folder or archive of the 24 pictures, which are checked; --faces holds ``val/images`` (or
``faces/val/images``), which are reduced to 256x256. The LPIPS weights are those of `sccodec data fetch lpips`, or of
SCCODEC_LPIPS. Rows go into results/rows_kodak.jsonl and results/rows_faces.jsonl; those that are there are not measured
again, and a run that was interrupted goes on. About an hour on two cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from sccodec import userdata
from sccodec.training.faces import find_split, load_labelled

RESULTS = Path(__file__).resolve().parent / "results"
SIZE = 256
# From about 0.04 to 2 bits per pixel, as far down as each format goes.
KODAK = (
    "jpeg:q=2,5,10,20,35,55,75,88",
    "jpeg2000:q=5,12,20,28,36,44,52",
    "webp:q=0,5,15,35,60,80,92",
    "avif:q=1,4,10,20,32,48,66",
    "avif:chroma=420,q=1,4,10,20,32,48,66",
    "heic:q=5,12,20,28,37,46,56",
    "bpg:qp=51,49,47,44,41,37,33,29,25",
    "bpg:chroma=420,qp=51,47,42,37,32,27",
    "jpegxl:q=0,6,14,24,34,45,58",
    "hyperprior:q=0..100/10",
    "conceptual:general,q=0,25,45,75,100",
    "png",
)
# What reaches down towards the conceptual codec's rates.
FACES = (
    "jpeg:q=2,8,20,50",
    "jpeg2000:q=5,15,25,35",
    "webp:q=0,10,30,60",
    "avif:q=1,5,15,35",
    "avif:chroma=420,q=1,5,15,35",
    "heic:q=3,12,24,38",
    "bpg:qp=51,48,44,38,32",
    "bpg:chroma=420,qp=51,48,44,38",
    "jpegxl:q=0,8,20,35",
    "hyperprior:q=0,20,40,60",
    "conceptual:q=0..100/25",
)


def bench(dataset: str, specs: Sequence[str], output: Path, options: argparse.Namespace) -> int:
    """Run `sccodec bench`; its exit code."""
    command = [sys.executable, "-m", "sccodec", "bench", "--dataset", dataset, "-o", str(output)]
    command += ["--jobs", str(options.jobs)]
    if options.metric:
        command += ["--metric", options.metric]
    for spec in specs:
        command += ["-m", spec]
    return subprocess.run(command, check=False).returncode


def reduced_faces(data: Path, folder: Path) -> Path:
    """The validation faces as uncompressed files, the same bytes wherever they are made, in a folder of that name."""
    folder = folder / f"faces-{SIZE}"
    folder.mkdir()
    faces = load_labelled(find_split(data, "faces", "val"), SIZE)
    for picture, name in zip(faces.images, faces.names, strict=True):
        Image.fromarray(picture).save(folder / f"{name}.ppm")
    return folder


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kodak", type=Path)
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--metric", help="all that there are, if left out; LPIPS with VGG16 takes most of the time")
    options = parser.parse_args(arguments)
    code = 0
    with tempfile.TemporaryDirectory() as folder:
        if options.kodak is not None:
            os.environ.setdefault("SCCODEC_LPIPS", str(userdata.lpips()))
            os.environ["SCCODEC_DATA"] = folder  # the user's own list of data sets stays as it is
            subprocess.run([sys.executable, "-m", "sccodec", "data", "add", "kodak", str(options.kodak)], check=True)
            code |= bench("kodak", KODAK, RESULTS / "rows_kodak.jsonl", options)
        if options.faces is not None:
            faces = reduced_faces(options.faces, Path(folder))
            code |= bench(str(faces), FACES, RESULTS / "rows_faces.jsonl", options)
    sys.exit(code)


if __name__ == "__main__":
    main()
