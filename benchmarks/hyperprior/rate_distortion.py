"""Rate and distortion of the hyperprior codec on the Kodak pictures, beside JPEG, JPEG 2000 and WebP.

    python -m benchmarks.hyperprior.rate_distortion --kodak DIR --anchors DIR [--pictures N] [--out JSON]

--kodak holds the 24 pictures as PNG files. Each is encoded at every setting of every codec, and decoded from the bytes
alone: bits are those of whole files, PSNR is over all samples of the uint8 pictures, and a curve is the mean of bits
per pixel and of PSNR over the pictures at each setting. --anchors holds kodak_rd.json and
kodak_bpg444_measured.json, published curves of the same kind. Bjontegaard rates compare mean curves, by PCHIP through
log rate over PSNR, over the range of PSNR that both cover. Needs bjontegaard.

Takes about five minutes on two cores; writes results/hyperprior/rate_distortion.json, and its rows beside it, as JSON
lines (rate_distortion.jsonl.gz).
"""

from __future__ import annotations

import io
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import sccodec
from benchmarks.manifest import record
from benchmarks.measuring import (
    RESULTS,
    Picture,
    bpp,
    environment,
    model_name,
    parser_of,
    pictures_in,
    read_picture,
    write_json,
    write_lines,
)
from sccodec.metrics.image import psnr

OURS = "hyperprior"
# Up to here, published points go into our results, because the plot draws them.
PLOTTED_BPP = 1.7
JPEG, JPEG_HIGHER, BPG = "JPEG, published", "JPEG, published, with its highest rates", "BPG 4:4:4, published"
# (codec of kodak_rd.json, what the results call it)
PUBLISHED = (
    ("jpeg", JPEG),
    ("jpeg2000", "JPEG 2000, published"),
    ("webp", "WebP, published"),
    ("paper-bmshj2018-factorized", "factorized prior (bmshj2018), published"),
    ("paper-bmshj2018-hyperprior", "scale hyperprior (bmshj2018), published"),
    ("paper-mbt2018-mean", "mean-scale hyperprior (mbt2018-mean), published"),
)
# The same measurement of JPEG, subsampled otherwise: its points beyond those of "jpeg" reach 40.6 dB.
HIGHER_POINTS = "c3repo:JPEG"
BPG_SOURCE = "bpgenc 0.9.8 with x265, 4:4:4, mean of whole files over the 24 Kodak pictures; measured before this run"

Point = dict[str, float]


@dataclass(frozen=True)
class Contender:
    """A codec and the settings to run it at, lowest rate first. knob: what the settings are."""

    name: str
    knob: str
    settings: tuple[float, ...]
    encode: Callable[[Picture, float], bytes]
    decode: Callable[[bytes], Picture]


def by_pillow(picture: Picture, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, file_format, **options)
    return buffer.getvalue()


def open_pillow(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


def jpeg2000(picture: Picture, rate: float) -> bytes:
    """OpenJPEG as it does best: irreversible colour and wavelet transforms, a bare codestream, rate-controlled."""
    return by_pillow(
        picture,
        "JPEG2000",
        irreversible=True,
        mct=1,
        no_jp2=True,
        quality_mode="rates",
        quality_layers=[24 / rate],
    )


def contenders(spec: str, qualities: Sequence[float]) -> list[Contender]:
    """Ours first."""

    def encode(picture: Picture, quality: float) -> bytes:
        return sccodec.encode(picture, spec, quality)

    def jpeg(picture: Picture, quality: float) -> bytes:
        return by_pillow(picture, "JPEG", quality=int(quality))

    def optimised_jpeg(picture: Picture, quality: float) -> bytes:
        return by_pillow(picture, "JPEG", quality=int(quality), optimize=True)

    def webp(picture: Picture, quality: float) -> bytes:
        return by_pillow(picture, "WEBP", quality=int(quality), method=6)

    scale = (5.0, 10.0, 15.0, 25.0, 35.0, 50.0, 65.0, 75.0, 85.0, 95.0)
    rates = (0.08, 0.12, 0.2, 0.3, 0.45, 0.65, 0.9, 1.2, 1.6, 2.2)
    return [
        Contender(OURS, "-q", tuple(qualities), encode, sccodec.decode),
        Contender("jpeg", "quality, 4:2:0", scale, jpeg, open_pillow),
        Contender("jpeg-optimised", "quality, 4:2:0, optimised tables", scale, optimised_jpeg, open_pillow),
        Contender("jpeg2000", "bits per pixel aimed at, irreversible", rates, jpeg2000, open_pillow),
        Contender("webp", "quality, method 6", (0.0, *scale), webp, open_pillow),
    ]


def measure(contender: Contender, picture: Picture, name: str) -> list[dict[str, Any]]:
    """A row for each setting, decoded from the bytes alone."""
    rows = []
    for setting in contender.settings:
        data = contender.encode(picture, setting)
        decoded = contender.decode(data)
        rows.append({
            "codec": contender.name,
            "picture": name,
            "setting": setting,
            "bytes": len(data),
            "bpp": round(bpp(data, picture), 6),
            "psnr_db": round(psnr(picture, decoded), 4),
        })  # fmt: skip
    return rows


def mean_curve(rows: Sequence[dict[str, Any]]) -> list[Point]:
    """Means over the pictures at each setting of one codec, in the order of the settings' first appearance."""
    settings = dict.fromkeys(row["setting"] for row in rows)
    curve = []
    for setting in settings:
        here = [row for row in rows if row["setting"] == setting]
        curve.append({
            "setting": setting,
            "bytes": round(statistics.fmean(row["bytes"] for row in here), 1),
            "bpp": round(statistics.fmean(row["bpp"] for row in here), 6),
            "psnr_db": round(statistics.fmean(row["psnr_db"] for row in here), 4),
        })  # fmt: skip
    return curve


def bd_rate(anchor: Sequence[Point], test: Sequence[Point]) -> dict[str, float]:
    """By how many percent `test` needs more rate than `anchor` at equal PSNR (negative: less), and over which range.

    Each curve has two points or more, no two of one PSNR. ValueError where the curves cover no PSNR in common.
    """
    import bjontegaard

    curves = []
    for curve in (anchor, test):
        ordered = sorted(curve, key=lambda p: p["psnr_db"])
        curves.append(([p["bpp"] for p in ordered], [p["psnr_db"] for p in ordered]))
    (anchor_rate, anchor_psnr), (test_rate, test_psnr) = curves
    low, high = max(anchor_psnr[0], test_psnr[0]), min(anchor_psnr[-1], test_psnr[-1])
    if low >= high:
        raise ValueError("the curves have no PSNR in common")
    # Curves differ in their number of points and in their range; the range is told beside the figure instead.
    percent = bjontegaard.bd_rate(
        anchor_rate, anchor_psnr, test_rate, test_psnr, method="pchip", require_matching_points=False, min_overlap=0
    )
    return {"percent": round(float(percent), 3), "psnr_from_db": round(low, 3), "psnr_to_db": round(high, 3)}


def knob(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How far one codec's settings reach, and where a higher one gives a smaller file or a worse picture."""
    curve = mean_curve(rows)
    violations: dict[str, list[dict[str, Any]]] = {"bytes": [], "psnr_db": []}
    steps = 0
    for name in dict.fromkeys(row["picture"] for row in rows):
        mine = sorted((row for row in rows if row["picture"] == name), key=lambda row: row["setting"])
        for lower, higher in zip(mine[:-1], mine[1:], strict=True):
            steps += 1
            for figure, found in violations.items():
                if higher[figure] < lower[figure]:
                    found.append({"picture": name, "from": lower["setting"], "to": higher["setting"],
                                  "by": round(lower[figure] - higher[figure], 4)})  # fmt: skip
    return {
        "lowest": curve[0],
        "highest": curve[-1],
        "steps": steps,
        "steps_to_fewer_bytes": len(violations["bytes"]),
        "steps_to_less_psnr": len(violations["psnr_db"]),
        "violations": violations,
    }


def anchors(folder: Path) -> dict[str, list[Point]]:
    """The published mean curves that ours is compared with, by the names of this script."""
    published = json.loads((folder / "kodak_rd.json").read_text(encoding="utf-8"))["codecs"]
    curves = {name: published[codec]["points"] for codec, name in PUBLISHED}
    jpeg = published["jpeg"]["points"]
    highest = max(p["bpp"] for p in jpeg)
    curves[JPEG_HIGHER] = jpeg + [p for p in published[HIGHER_POINTS]["points"] if p["bpp"] > highest]
    curves[BPG] = json.loads((folder / "kodak_bpg444_measured.json").read_text(encoding="utf-8"))
    return {k: [{"bpp": p["bpp"], "psnr_db": p["psnr"]} for p in points] for k, points in curves.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--anchors", type=Path, required=True)
    parser.add_argument("--spec", default="hyperprior")
    parser.add_argument("--quality", type=float, nargs="+", default=[float(q) for q in range(0, 101, 5)])
    parser.add_argument("--pictures", type=int, help="only the first few, to try")
    parser.add_argument("--out", type=Path, default=RESULTS / "hyperprior/rate_distortion.json")
    options = parser.parse_args(arguments)

    where = environment("bjontegaard")
    published = anchors(options.anchors)
    paths = pictures_in(options.kodak)[: options.pictures]
    codecs = contenders(options.spec, sorted(options.quality))
    rows: list[dict[str, Any]] = []
    for path in paths:
        picture = read_picture(path)
        for contender in codecs:
            rows += measure(contender, picture, path.stem)
        print(f"{path.stem} done", flush=True)
    of = {c.name: [row for row in rows if row["codec"] == c.name] for c in codecs}
    curves = {name: mean_curve(mine) for name, mine in of.items()}
    compared = {name: bd_rate(curve, curves[OURS]) for name, curve in (curves | published).items() if name != OURS}
    result = {
        "what": f"{len(paths)} Kodak pictures, whole files, RGB PSNR, means over the pictures",
        "spec": options.spec,
        "model": model_name(options.spec),
        "environment": where,
        "bd_rate_against": compared,
        "knob": knob(of[OURS]),
        "curves": {c.name: {"knob": c.knob, "points": curves[c.name]} for c in codecs},
        "published": {
            BPG: {"source": BPG_SOURCE, "points": [p for p in published[BPG] if p["bpp"] <= PLOTTED_BPP]},
        },
    }
    write_json(options.out, result)
    measured = options.out.with_suffix(".jsonl.gz")
    write_lines(measured, rows)
    record(options.out, __file__, arguments, models=[options.spec], also=[measured], versions=where["versions"])
    for name, figures in compared.items():
        print(f"{figures['percent']:+7.2f} % against {name}, {figures['psnr_from_db']} to {figures['psnr_to_db']} dB")


if __name__ == "__main__":
    main()
