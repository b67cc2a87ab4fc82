"""Bytes of the label maps of faces: the label-map coder beside FLIF, JPEG XL and PNG, on the same maps.

    python -m benchmarks.labels.faces --faces DIR [--model FILE.npz] [--flif COMMAND] [--out RESULTS.json]

DIR holds ``val/labels`` (or ``faces/val/labels``). Maps are the given label maps reduced by majority to 32,
64, 128 and 256 pixels. FLIF comes from the PATH, or from npm: ``npm install flif-wasm`` and
``--flif "node node_modules/flif-wasm/bin/flif-wasm"``; without it its column is left out. Every stream of ours
is decoded again and compared; its times are processor time, which a busy machine changes least.

Takes about five minutes on two cores, most of it FLIF's; writes results/labels/faces.json.
"""

from __future__ import annotations

import functools
import io
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, model_name, parser_of, write_json
from sccodec.entropy.coder import Reader, Writer
from sccodec.labels.coding import LabelModel, code
from sccodec.labels.maps import pyramid

SIZES = (256, 128, 64, 32)
CLASSES = 19
SPEC = "conceptual:faces"


def flif(command: list[str]) -> Callable[[np.ndarray], int]:
    """Bytes of FLIF at its highest effort, non-interlaced or interlaced, whichever is smaller."""

    def measure(labels: np.ndarray) -> int:
        sizes = []
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "map.pgm"
            height, width = labels.shape
            source.write_bytes(b"P5 %d %d 255\n" % (width, height) + labels.tobytes())
            for interlacing in ("-N", "-I"):
                target = Path(folder) / f"map{interlacing}.flif"
                call = [*command, "-e", "-E100", interlacing, str(source), str(target)]
                subprocess.run(call, check=True, capture_output=True)
                sizes.append(target.stat().st_size)
        return min(sizes)

    return measure


def jpegxl(labels: np.ndarray) -> int:
    return len(imagecodecs.jpegxl_encode(labels, lossless=True, effort=9))


def png(labels: np.ndarray, colours: int = 0) -> int:
    """The smaller of greyscale and palette; that has an entry a class that can occur, at least ``colours``."""
    sizes = []
    for mode in ("L", "P"):
        picture = Image.fromarray(labels)
        if mode == "P":
            picture = picture.convert("P")
            picture.putdata(labels.ravel().tolist())
            picture.putpalette([v for c in range(max(colours, int(labels.max()) + 1)) for v in (c, c, c)])
        stream = io.BytesIO()
        picture.save(stream, "png", optimize=True)
        sizes.append(stream.tell())
    return min(sizes)


def ours(model: LabelModel, seconds: dict[str, list[float]]) -> Callable[[np.ndarray], int]:
    def measure(labels: np.ndarray) -> int:
        shape = (labels.shape[0], labels.shape[1])
        start = time.process_time()
        writer = Writer()
        code(writer, "labels", labels, shape, model)
        data = writer.finish()
        middle = time.process_time()
        reader = Reader(data)
        if not np.array_equal(code(reader, "labels", None, shape, model), labels):
            raise SystemExit("the decoded map differs")
        reader.finish()
        seconds["encode"].append(middle - start)
        seconds["decode"].append(time.process_time() - middle)
        return len(data)

    return measure


def coders_beside(flif_command: str | None, colours: int = 0) -> dict[str, Callable[[np.ndarray], int]]:
    """JPEG XL, PNG, and FLIF where it is: by the command given, or on the PATH."""
    coders: dict[str, Callable[[np.ndarray], int]] = {"jpegxl": jpegxl, "png": functools.partial(png, colours=colours)}
    command = shlex.split(flif_command) if flif_command else [p for p in [shutil.which("flif")] if p]
    if command:
        coders["flif"] = flif(command)
    return coders


def load_model(path: Path | None) -> LabelModel:
    if path is not None:
        with np.load(path) as arrays:
            return LabelModel.from_arrays(dict(arrays), "labels")
    from sccodec.bundle import default

    return LabelModel.from_arrays(default("conceptual", "faces").arrays("labels."), "labels")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="arrays of a LabelModel; otherwise the installed faces model")
    parser.add_argument("--flif", help="command of the FLIF encoder; otherwise flif on the PATH")
    parser.add_argument("--out", type=Path, default=RESULTS / "labels/faces.json")
    options = parser.parse_args(arguments)
    folders = [options.faces / "faces" / "val", options.faces / "val"]
    paths = sorted(p for folder in folders for p in (folder / "labels").glob("*.png"))
    originals = [np.asarray(Image.open(p), np.uint8) for p in paths]
    maps = [pyramid(m, [m.shape[0] // size for size in SIZES], CLASSES) for m in originals]
    seconds: dict[str, list[float]] = {}
    coders = {"ours": ours(load_model(options.model), seconds)} | coders_beside(options.flif, CLASSES)
    results: dict[str, dict[str, float]] = {}
    for level, size in reversed(list(enumerate(SIZES))):
        seconds |= {"encode": [], "decode": []}
        row = {name: float(np.mean([measure(m[level]) for m in maps])) for name, measure in coders.items()}
        row = {k: round(v, 1) for k, v in row.items()} | {
            f"{k}_cpu_ms": round(1000 * float(np.median(v)), 1) for k, v in seconds.items()
        }
        if "flif" in row:
            row["of_flif"] = round(row["ours"] / row["flif"], 3)
        results[str(size)] = row
        print(size, row)
    models = [SPEC] if options.model is None else None
    told = {"model": model_name(SPEC)} if models else {}
    write_json(options.out, {"maps": len(maps)} | told | {"mean_bytes_by_size": results})
    record(options.out, __file__, arguments, models=models)


if __name__ == "__main__":
    main()
