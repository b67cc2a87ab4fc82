"""Rows of every codec on the Kodak pictures and on the validation faces: what `sccodec bench` measures, all metrics.

    python -m benchmarks.codecs.rows --kodak PATH --faces DIR [--jobs N] [--metric NAME,...]

--kodak is a folder or archive of the 24 pictures, which are checked; --faces holds ``val/images`` (or
``faces/val/images``), which are reduced to 256x256. The LPIPS weights are those of `sccodec data fetch lpips`, or of
SCCODEC_LPIPS.

Takes about an hour on two cores; writes results/codecs/rows_kodak.jsonl.gz and rows_faces.jsonl.gz. Rows that are there
are not measured again, unless they are of a model that does not encode any more; those go. A run that was interrupted
leaves the rows uncompressed beside the file, and goes on from there.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from PIL import Image

from benchmarks.manifest import record, tags_of
from benchmarks.measuring import RESULTS, packed, parser_of
from sccodec import userdata
from sccodec.training.faces import find_split, load_labelled

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


# Specs of ours in the rows -> the spec of the model that encodes for them there.
OURS = {
    "kodak": {"hyperprior": "hyperprior", "conceptual:general": "conceptual:general"},
    "faces": {"hyperprior": "hyperprior", "conceptual": "conceptual:faces"},
}


def working_copy(packed_rows: Path, tags: Collection[str]) -> Path:
    """The rows uncompressed beside their file, to go on from: what an interrupted run left, or those of current models.

    tags: of the models that encode now; rows without a tag are of codecs that have no model.
    """
    plain = packed_rows.with_suffix("")
    if not plain.exists():
        lines = gzip.decompress(packed_rows.read_bytes()).splitlines(keepends=True) if packed_rows.exists() else []
        plain.write_bytes(b"".join(line for line in lines if json.loads(line)["tag"] in ("", *tags)))
    return plain


def bench(name: str, dataset: str, specs: Sequence[str], options: argparse.Namespace) -> int:
    """Run `sccodec bench` for the rows of that name; its exit code. Rows are compressed where it is 0."""
    tags = tags_of(OURS[name].values())
    out = RESULTS / "codecs" / f"rows_{name}.jsonl.gz"
    rows = working_copy(out, tags.values())
    command = [sys.executable, "-m", "sccodec", "bench", "--dataset", dataset, "-o", str(rows)]
    command += ["--jobs", str(options.jobs)]
    if options.metric:
        command += ["--metric", options.metric]
    for spec in specs:
        command += ["-m", spec]
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        out.write_bytes(packed(rows.read_bytes()))
        rows.unlink()
        chosen = [f"--metric={options.metric}"] if options.metric else []
        record(out, __file__, [f"--{name}", dataset, *chosen], models=tags)
    return code


def reduced_faces(data: Path, folder: Path) -> Path:
    """The validation faces as uncompressed files, the same bytes wherever they are made, in a folder of that name."""
    folder = folder / f"faces-{SIZE}"
    folder.mkdir()
    faces = load_labelled(find_split(data, "faces", "val"), SIZE)
    for picture, name in zip(faces.images, faces.names, strict=True):
        Image.fromarray(picture).save(folder / f"{name}.ppm")
    return folder


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
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
            code |= bench("kodak", "kodak", KODAK, options)
        if options.faces is not None:
            faces = reduced_faces(options.faces, Path(folder))
            code |= bench("faces", str(faces), FACES, options)
    sys.exit(code)


if __name__ == "__main__":
    main()
