"""What Seg-GAN's adversarial loss gains: pairs of trainings, with and without it, on CamVid's test split.

    python -m benchmarks.segmenters.seggan --camvid PATH --plain RUN ... --gan RUN ... [--out JSON]

RUN is the folder of a finished training of segmenter-street or segmenter-street-gan. The first of --plain and the first
of --gan are a pair, and so on: trained with equal --seed and --steps, which is checked. Each is exported into a folder
that is then removed, and measured as `sccodec bench --task segment` measures: mIoU of all pixels together, void left
out. The gain's interval is that of Student's t over the pairs of the same length, 95 %.

Takes half a minute a run on two cores; writes results/segmenters/seggan.json.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, environment, parser_of, write_json
from sccodec import bundle, image
from sccodec.bench import labelled
from sccodec.bench.labelled import Labelled
from sccodec.errors import SccodecError
from sccodec.labels import segmenters
from sccodec.labels.models import traits_of
from sccodec.metrics.labels import confusion, mean_iou
from sccodec.notices import ignore

T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""Student's t for 95 % of so many pairs."""


def measured(run: Path, recipe: str, found: Labelled) -> dict[str, Any]:
    """Steps, seed and mIoU of a training's result."""
    from importlib import import_module

    from sccodec.training.state import read_checkpoint

    state = read_checkpoint(run / "checkpoint.pt")
    with tempfile.TemporaryDirectory() as folder:
        import_module(f"sccodec.training.recipes.{recipe}").export([run / "checkpoint.pt"], Path(folder), None)
        opened = bundle.open_model(bundle.list_folder(Path(folder))[0])
        segmenter = segmenters.Segmenter(recipe, opened.tag.hex(), opened, traits_of(opened))
        classes = len(found.classes)
        counts = np.zeros((classes, classes), np.int64)
        for pair in found.pairs:
            picture = image.load(pair.picture.read(), ignore)
            truth = labelled.matching(pair, picture.shape[1], picture.shape[0])
            counts += confusion(segmenter.segment(picture), truth, classes)
    miou, per_class = mean_iou(counts)
    iou = {name: round(float(value), 5) for name, value in zip(found.classes, per_class, strict=True)}
    return {"seed": state["seed"], "steps": state["steps"], "miou": round(miou, 5), "iou": iou}


def gains(pairs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Points of mIoU that the loss gains, for each length of training: mean, and half the width of its interval."""
    by_length: dict[int, list[float]] = {}
    for pair in pairs:
        by_length.setdefault(pair["plain"]["steps"], []).append(pair["gain"])
    found = {}
    for steps, values in sorted(by_length.items()):
        n = len(values)
        half = T_95[n] * statistics.stdev(values) / n**0.5 if n in T_95 else None
        found[str(steps)] = {"pairs": n, "mean": round(statistics.fmean(values), 2)}
        found[str(steps)]["half_width"] = None if half is None else round(half, 2)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--camvid", type=Path, required=True)
    parser.add_argument("--plain", type=Path, nargs="+", required=True)
    parser.add_argument("--gan", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, default=RESULTS / "segmenters/seggan.json")
    options = parser.parse_args(arguments)
    if len(options.plain) != len(options.gan):
        raise SystemExit("--plain and --gan name runs in pairs: as many of one as of the other")
    pairs: list[dict[str, Any]] = []
    try:
        found = labelled.checked("camvid", options.camvid)
        for plain, adversarial in zip(options.plain, options.gan, strict=True):
            pair: dict[str, Any] = {
                "plain": measured(plain, "segmenter_street", found),
                "gan": measured(adversarial, "segmenter_street_gan", found),
            }
            for key in ("seed", "steps"):
                if pair["plain"][key] != pair["gan"][key]:
                    raise SystemExit(f"{plain} and {adversarial} are no pair: they differ in {key}")
            pair["gain"] = round(100 * (pair["gan"]["miou"] - pair["plain"]["miou"]), 2)
            print(plain, adversarial, pair["plain"]["miou"], pair["gan"]["miou"], flush=True)
            pairs.append(pair)
    except SccodecError as error:
        raise SystemExit(str(error)) from None
    result = {
        "what": f"mIoU on the {len(found.pairs)} pictures of CamVid's test split, with Seg-GAN's loss and without",
        "environment": environment("torch"),
        "gains": gains(pairs),
        "pairs": pairs,
    }
    write_json(options.out, result)
    record(options.out, __file__, arguments)


if __name__ == "__main__":
    main()
