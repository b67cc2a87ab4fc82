"""A 100-megapixel picture through the command line: memory, time, and how both grow with the picture.

    python -m benchmarks.machine.memory --kodak DIR [--spec SPEC] [--sizes WxH ...] [--quality Q] [--out JSON]

The pictures are mosaics of the Kodak pictures, mirrored in turn, saved as PNG into a temporary folder. Each is encoded
and decoded by a process of its own (`sccodec encode`, `sccodec decode`, PNG to .scc to PNG); peak memory is the largest
resident set of that process as the kernel counts it, PNG's part included. Linux only.

Takes some minutes on two cores; writes results/<subject of the spec>/memory.json, for hyperprior
results/hyperprior/memory.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.manifest import record
from benchmarks.measuring import (
    Picture,
    command_of,
    environment,
    last_line,
    model_name,
    parser_of,
    pictures_in,
    read_picture,
    result_of,
    user_environment,
    write_json,
)

SIZES = ("3072x2048", "6144x4096", "12288x8192")
MOST_SAMPLES = 1 << 24  # compared at a time


def mosaic(pictures: Sequence[Picture], width: int, height: int) -> Picture:
    """uint8 [height, width, 3] of the pictures in turn, row by row, those in odd columns and rows mirrored.

    Upright pictures are laid down; all have the size of the first then.
    """
    laid = [p if p.shape[1] >= p.shape[0] else np.rot90(p) for p in pictures]
    h, w = laid[0].shape[:2]
    if any(p.shape != laid[0].shape for p in laid):
        raise SystemExit("the pictures are not of one size")
    whole = np.empty((height, width, 3), np.uint8)
    columns = -(-width // w)
    for i, y in enumerate(range(0, height, h)):
        for j, x in enumerate(range(0, width, w)):
            tile = laid[(i * columns + j) % len(laid)][:: -1 if i % 2 else 1, :: -1 if j % 2 else 1]
            part = whole[y : y + h, x : x + w]
            part[:] = tile[: part.shape[0], : part.shape[1]]
    return whole


def compare(first: Path, second: Path) -> dict[str, float]:
    """PSNR of two picture files, in strips, because int32 differences of a large picture take gigabytes."""
    Image.MAX_IMAGE_PIXELS = None
    a, b = read_picture(first), read_picture(second)
    if a.shape != b.shape:
        raise SystemExit(f"decoded to {b.shape}, not {a.shape}")
    rows = max(1, MOST_SAMPLES // (a.shape[1] * 3))
    total = 0
    for y in range(0, len(a), rows):
        difference = a[y : y + rows].astype(np.int32) - b[y : y + rows]
        total += int(np.sum(difference * difference, dtype=np.int64))
    return {"psnr_db": round(float(10 * np.log10(255**2 * a.size / total)), 3) if total else 999.0}


def measure(command: Sequence[str], log: Path) -> dict[str, float]:
    """Wall seconds and peak resident MiB of a process; SystemExit where it fails.

    The kernel counts what a process inherits from the one that starts it: this one must stay small.
    """
    start = time.perf_counter()
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=user_environment())
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command[2:4])} failed: {last_line(log.read_text(errors='replace'))}")
    return {
        "seconds": round(seconds, 2),
        "peak_mib": round(usage.ru_maxrss / 1024, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
    }


def ask(*arguments: str) -> str:
    """Run this script as a process of its own, which keeps the picture out of this one; gives its last line."""
    done = subprocess.run(command_of(__file__, *arguments), capture_output=True, text=True, env=user_environment())
    if done.returncode != 0:
        raise SystemExit(f"{arguments[0]} failed: {last_line(done.stderr)}")
    return last_line(done.stdout)


def growth(rows: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Seconds for each further megapixel, from each size to the next: equal figures are linear time."""
    found: dict[str, list[float]] = {}
    for direction in ("encode", "decode"):
        found[direction] = [
            round((b[direction]["seconds"] - a[direction]["seconds"]) / (b["megapixels"] - a["megapixels"]), 4)
            for a, b in pairwise(rows)
        ]
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path)
    parser.add_argument("--spec", default="hyperprior")
    parser.add_argument("--quality", type=float, default=50.0)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), metavar="WxH")
    parser.add_argument("--suffix", default=".png", help="what decode writes; .ppm leaves PNG's time out")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--mosaic", nargs=2, metavar=("SIZE", "TARGET"), help=argparse.SUPPRESS)
    parser.add_argument("--compare", nargs=2, type=Path, metavar="PICTURE", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.compare:
        print(json.dumps(compare(*options.compare)))
        return
    if options.kodak is None:
        parser.error("--kodak is needed")
    if options.mosaic:
        width, height = map(int, options.mosaic[0].split("x"))
        pictures = [read_picture(p) for p in pictures_in(options.kodak)]
        Image.fromarray(mosaic(pictures, width, height)).save(options.mosaic[1], compress_level=1)
        return

    where = environment()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, coded, decoded = folder / "large.png", folder / "large.scc", folder / f"decoded{options.suffix}"
        ours = [sys.executable, "-m", "sccodec"]
        for size in options.sizes:
            width, height = map(int, size.split("x"))
            ask("--mosaic", size, str(source), "--kodak", str(options.kodak))
            encode = [*ours, "encode", str(source), "-m", options.spec, "-q", f"{options.quality:g}"]
            row: dict[str, Any] = {"width": width, "height": height, "megapixels": round(width * height / 1e6, 3)}
            row["encode"] = measure([*encode, "-o", str(coded), "--force"], folder / "log")
            row["decode"] = measure([*ours, "decode", str(coded), "-o", str(decoded), "--force"], folder / "log")
            row["file_bytes"] = coded.stat().st_size
            row["bpp"] = round(8 * row["file_bytes"] / (width * height), 4)
            row |= json.loads(ask("--compare", str(source), str(decoded)))
            rows.append(row)
            print(json.dumps(row), flush=True)
    rows.sort(key=lambda r: float(r["megapixels"]))
    result = {
        "what": f"mosaics of the Kodak pictures, -q {options.quality:g}, PNG to .scc to {options.suffix[1:].upper()}",
        "spec": options.spec,
        # So much of a process's peak may be what it inherited.
        "measured_from_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "sizes": rows,
        "seconds_a_further_megapixel": growth(rows),
        "environment": where,
        "model": model_name(options.spec),
    }
    out = options.out or result_of(options.spec, "memory.json")
    write_json(out, result)
    record(out, __file__, arguments, models=[options.spec], versions=where["versions"])
    print(json.dumps(result["seconds_a_further_megapixel"]))


if __name__ == "__main__":
    main()
