"""Segmenters of street scenes on CamVid's test split: as they are, refined by their ConvCRF, and behind a codec.

    python -m benchmarks.segmenters.camvid --camvid PATH [--segmenters NAME ...] [--out JSON]

PATH is CamVid as a folder or an archive, whose test split is checked as `sccodec data add camvid` checks it. Every
segmenter that is installed and has its classes is measured, with and without refinement where it holds a ConvCRF, on
the pictures and on what hyperprior decodes at -q 40 and 70, as `sccodec bench --task segment` does it: mIoU is of the
pixels of all pictures together, void left out. What is interrupted goes on where it was.

Takes about two minutes a segmenter on two cores; writes results/segmenters/camvid.json, and its rows beside it, as JSON
lines (camvid.jsonl.gz).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, environment, model_name, packed, parser_of, write_json
from sccodec.bench import labelled, processes, rows, segment_rows
from sccodec.bench.labelled import Labelled
from sccodec.bench.segment_plan import Plan, Wish, make_plan
from sccodec.codec import Options
from sccodec.errors import SccodecError
from sccodec.labels import segmenters
from sccodec.report.segments import Figures, group_of, sort

CODEC = "hyperprior"
QUALITIES = (40, 70)
REPEATS = 3


def fitting(classes: int, names: Sequence[str]) -> list[str]:
    """The segmenters of so many classes, of those named or of all that are installed; SystemExit without any."""
    found = [name for name in names or segmenters.names() if len(segmenters.find(name).names) == classes]
    if not found:
        raise SystemExit(f"no segmenter of {classes} classes is installed: export one into models/, or name its folder "
                         "in SCCODEC_MODELS")  # fmt: skip
    return found


def spec_of(name: str) -> str:
    """Codec and variant of a segmenter's model file, as a spec."""
    return ":".join(segmenters.find(name).opened.path.name.split("-")[:2])


def specs_of(names: Sequence[str]) -> list[str]:
    """Each segmenter, and again refined where it can be."""
    return [
        spec
        for name in names
        for spec in (name, f"{name}:refine=yes")
        if spec == name or segmenters.find(name).can_refine
    ]


def measure(found: Labelled, specs: Sequence[str], path: Path) -> Plan:
    """Append the rows that the file lacks; gives what was asked for. SystemExit where a measurement failed."""
    through = [f"{CODEC}:q={quality}" for quality in QUALITIES]
    plan = make_plan(found, Wish(specs, through, Options(), REPEATS), segment_rows.read(path, print), print)
    failed: list[str] = []

    def keep(row: segment_rows.SegmentRow) -> None:
        rows.append(path, row)
        if row.error is not None:
            failed.append(f"{row.label} on {row.picture}: {row.error}")

    processes.run(plan.setup, plan.chunks, 1, keep)
    if failed:
        raise SystemExit(f"{len(failed)} measurements failed: {failed[0]}")
    return plan


def told(figures: Figures) -> dict[str, Any]:
    """The figures of a setting, for JSON."""
    found = {"pictures": figures.n_pictures, "parameters": figures.parameters, "miou": rounded(figures.miou, 5)}
    found |= {"points_lost": rounded(figures.lost, 3), "bpp": rounded(figures.bpp, 4)}
    found |= {"pixel_accuracy": rounded(figures.accuracy, 5), "seconds": rounded(figures.seconds, 4)}
    return found | {"iou": {name: rounded(value, 5) for name, value in figures.iou.items()}}


def rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or math.isnan(value) else round(value, digits)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--camvid", type=Path, required=True)
    parser.add_argument("--segmenters", nargs="+", default=[], metavar="NAME", help="instead of all that fit")
    parser.add_argument("--out", type=Path, default=RESULTS / "segmenters/camvid.json")
    options = parser.parse_args(arguments)
    try:
        found = labelled.checked("camvid", options.camvid)
        names = fitting(len(found.classes), options.segmenters)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        plain = options.out.with_suffix(".jsonl")
        plan = measure(found, specs_of(names), plain)
    except SccodecError as error:
        raise SystemExit(str(error)) from None
    kept = [row for row in segment_rows.read(plain, print) if plan.asks_for(row)]
    place = {label: i for i, label in enumerate(plan.labels())}
    group = group_of(found.name, sort(sorted(kept, key=lambda row: place[row.label])).rows)
    result = {
        "what": f"the {len(plan.pairs)} pictures of CamVid's test split, {kept[0].width}x{kept[0].height}",
        "models": {name: segmenters.find(name).opened.path.name for name in names},
        "codec": model_name(CODEC),
        "environment": environment(),
        "results": {s.name: told(f) for s, f in zip(group.settings, group.figures, strict=True)},
    }
    write_json(options.out, result)
    data = options.out.with_suffix(".jsonl.gz")
    data.write_bytes(packed(b"".join(map(rows.line_of, kept))))
    plain.unlink()
    models = [*map(spec_of, names), CODEC]
    record(options.out, __file__, arguments, models=models, also=[data])


if __name__ == "__main__":
    main()
