"""The conceptual codec on the validation faces: bytes, LPIPS, PSNR of whole files; cold command lines; the segmenter.

    python -m benchmarks.faces.rate_distortion --faces DIR [--lpips DIR] [--quality Q ...] [--sheets DIR] [--out JSON]

--faces holds ``val/{images,labels}`` (or ``faces/val/{images,labels}``); the pictures are reduced to 256x256.
--lpips (or SCCODEC_LPIPS) holds the LPIPS weights, see sccodec.metrics.perceptual. Bytes are those of the
files that decode; LPIPS and PSNR are taken on the uint8 pictures; times are medians of whole cold processes,
file to file. --sheets writes contact sheets of all pictures, original beside decoded, into a folder outside
the repository: the faces' licence forbids to publish them.

Takes about five minutes on two cores, with five qualities; writes results/faces/rate_distortion.json.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

import sccodec
from benchmarks.manifest import record
from benchmarks.measuring import (
    REPOSITORY,
    RESULTS,
    Picture,
    bpp,
    environment,
    medians,
    parser_of,
    time_processes,
    write_json,
)
from sccodec import bundle
from sccodec.metrics.image import psnr
from sccodec.metrics.labels import confusion, mean_iou
from sccodec.metrics.perceptual import LPIPS, TRUNKS, lpips
from sccodec.training.faces import Labelled, find_split, load_labelled

SIZE = 256
# What issue 2 asks for: (figure, floor, aim, the smaller the better).
TARGETS = (
    ("file_bytes", 246.0, 197.0, True),
    ("bpp", 0.030, 0.0241, True),
    ("lpips_alex", 0.30, 0.20, True),
    ("psnr_db", None, 20.0, False),
    ("segmenter_miou", 0.60, 0.72, False),
    ("encode_seconds", 1.0, 0.4, True),
    ("decode_seconds", 0.6, 0.3, True),
)


def measure(
    images: Picture, names: Sequence[str], spec: str, quality: float | None, metrics: dict[str, LPIPS]
) -> tuple[list[dict[str, Any]], list[Picture]]:
    """Encode and decode each of [N, H, W, 3]; gives a row of figures a picture, and the decoded pictures.

    excess_bits: what the file holds beyond its overhead and the information content of its sections.
    """
    rows, decoded = [], []
    for image, name in zip(images, names, strict=True):
        start = time.perf_counter()
        data = sccodec.encode(image, spec, quality)
        middle = time.perf_counter()
        picture = sccodec.decode(data)
        end = time.perf_counter()
        info = sccodec.info(data)
        payload = sum(n_bytes for _, n_bytes in info.sections)
        row: dict[str, Any] = {
            "name": name,
            "file_bytes": len(data),
            "bpp": bpp(data, image),
            "overhead_bytes": info.overhead_bytes,
            "sections": {section: round(n_bytes, 2) for section, n_bytes in info.sections},
            "excess_bits": 8 * (len(data) - info.overhead_bytes - payload),
            "psnr_db": psnr(image, picture),
            "warm_encode_seconds": middle - start,
            "warm_decode_seconds": end - middle,
        }
        row |= {f"lpips_{trunk}": lpips(metric, image, picture) for trunk, metric in metrics.items()}
        rows.append(row)
        decoded.append(picture)
    return rows, decoded


def average(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean of every figure, section by section."""
    numbers = [k for k, v in rows[0].items() if isinstance(v, int | float)]
    means: dict[str, Any] = {k: round(statistics.fmean(r[k] for r in rows), 5) for k in numbers}
    sections = dict.fromkeys(s for r in rows for s in r["sections"])
    means["sections"] = {s: round(statistics.fmean(r["sections"].get(s, 0.0) for r in rows), 2) for s in sections}
    return means


def segmenter_miou(faces: Labelled, network: Any) -> dict[str, Any]:
    """The exported segmenter against the given labels, its logits brought up to the pictures' size."""
    name = network.inputs[0]
    counts = np.zeros((19, 19), np.int64)
    for image, truth in zip(faces.images, faces.labels, strict=True):
        x = image.transpose(2, 0, 1)[None].astype(np.float32) / 255
        logits = torch.from_numpy(network.run({name: x})[0])
        full = torch.nn.functional.interpolate(logits, truth.shape, mode="bilinear", align_corners=False)
        counts += confusion(full[0].argmax(0).to(torch.uint8).numpy(), truth, 19)
    miou, classes = mean_iou(counts)
    found = [None if np.isnan(v) else round(float(v), 4) for v in classes]
    return {"segmenter_miou": round(miou, 4), "segmenter_iou": found}


def time_commands(image: Picture, spec: str, repetitions: int) -> dict[str, Any]:
    """Seconds of cold `sccodec encode` and `sccodec decode` processes: each one's median, and all of them."""
    ours = [sys.executable, "-m", "sccodec"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, target = folder / "face.png", folder / "face.scc"
        Image.fromarray(image).save(source)
        commands = {
            "encode": [*ours, "encode", str(source), "-m", spec, "-o", str(target), "--force"],
            "decode": [*ours, "decode", str(target), "-o", str(folder / "decoded.png"), "--force"],
        }
        seconds = time_processes(commands, repetitions, {}, folder / "compiled")
    return medians(seconds) | {"processes": {way: [round(v, 4) for v in values] for way, values in seconds.items()}}


def contact_sheets(
    folder: Path, images: Picture, decoded: Sequence[Picture], rows: Sequence[dict[str, Any]]
) -> list[Path]:
    """Write sheets of 4 x 5 pairs, original left, decoded right, with name, bytes and LPIPS below each."""
    folder = folder.resolve()
    if folder.is_relative_to(REPOSITORY):
        raise SystemExit(f"{folder} is inside the repository: the faces may not be published")
    folder.mkdir(parents=True, exist_ok=True)
    columns, lines, caption = 4, 5, 16
    height, width = images.shape[1:3]
    paths = []
    for first in range(0, len(images), columns * lines):
        sheet = Image.new("RGB", (columns * (2 * width + 8), lines * (height + caption)), "white")
        draw = ImageDraw.Draw(sheet)
        for place, i in enumerate(range(first, min(first + columns * lines, len(images)))):
            x, y = place % columns * (2 * width + 8), place // columns * (height + caption)
            sheet.paste(Image.fromarray(np.concatenate([images[i], decoded[i]], 1)), (x, y))
            distance = f", LPIPS {rows[i]['lpips_alex']:.3f}" if "lpips_alex" in rows[i] else ""
            text = f"{rows[i]['name']}: {rows[i]['file_bytes']} bytes{distance}, {rows[i]['psnr_db']:.1f} dB"
            draw.text((x + 4, y + height + 2), text, fill="black")
        paths.append(folder / f"faces-{first:03d}.png")
        sheet.save(paths[-1])
    return paths


def table(figures: dict[str, Any]) -> str:
    """The acceptance table, in Markdown."""
    lines = ["| | floor | aim | measured | |", "| --- | --- | --- | --- | --- |"]
    for name, floor, aim, smaller in TARGETS:
        if name not in figures:
            continue
        value = figures[name]
        reached = [
            label
            for label, target in (("aim", aim), ("floor", floor))
            if target is not None and (value <= target if smaller else value >= target)
        ]
        verdict = reached[0] if reached else "missed"
        lines.append(f"| {name} | {'' if floor is None else floor} | {aim} | {value:.4g} | {verdict} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--lpips", type=Path)
    parser.add_argument("--spec", default="conceptual:faces")
    parser.add_argument("--quality", type=float, nargs="+", help="further qualities beside the default")
    parser.add_argument("--trunks", nargs="+", choices=list(TRUNKS), default=list(TRUNKS))
    parser.add_argument("--pictures", type=int, help="only the first few, to try")
    parser.add_argument("--repetitions", type=int, default=5, help="cold processes of each command; 0 for none")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=RESULTS / "faces/rate_distortion.json")
    options = parser.parse_args(arguments)

    faces = load_labelled(find_split(options.faces, "faces", "val"), SIZE)
    n = options.pictures
    faces = Labelled(faces.images[:n], faces.labels[:n], faces.names[:n])
    model = bundle.default(*options.spec.split(",")[0].split(":"))
    result: dict[str, Any] = {
        "what": f"{len(faces)} validation faces at {SIZE}x{SIZE}, whole files",
        "spec": options.spec,
        "model": model.path.name,
        "bitstream": model.bitstream,
        "environment": environment(),
    }
    # Times first: nothing of ours competes with the processes yet.
    if options.repetitions > 0:
        result |= time_commands(faces.images[0], options.spec, options.repetitions)
    if "segmenter" in model.networks:
        result |= segmenter_miou(faces, model.network("segmenter"))
    metrics = {trunk: LPIPS(trunk, options.lpips) for trunk in options.trunks}
    result["results"] = []
    for quality in (None, *(options.quality or ())):
        rows, decoded = measure(faces.images, faces.names, options.spec, quality, metrics)
        result["results"].append({"quality": quality, "mean": average(rows), "pictures": rows})
        print(f"quality {'default' if quality is None else quality}: {json.dumps(average(rows))}")
        if options.sheets is not None:
            folder = options.sheets / ("default" if quality is None else f"q{quality:g}")
            contact_sheets(folder, faces.images, decoded, rows)
    write_json(options.out, result)
    record(options.out, __file__, arguments, models=[options.spec], versions=result["environment"]["versions"])
    print(table(result | result["results"][0]["mean"]))


if __name__ == "__main__":
    main()
