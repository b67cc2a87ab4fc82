"""What the hyperprior of the conceptual codec for faces saves: the same quantised textures, coded under four priors.

    python -m benchmarks.faces.saving --faces DIR [--out JSON]

The paper replaces the hyperprior by an independent Gaussian a channel and compares at similar visual quality. Here the
quality is equal by construction: the textures of the validation faces are quantised once, and only their bits differ.
The Gaussians are fitted on the training faces (mean and deviation of each channel, and of each channel of each label);
bits are exact information contents under integer tables, z included.

Takes a few minutes on two cores; writes results/faces/saving.json.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, parser_of, write_json
from sccodec import bundle
from sccodec.codecs.conceptual.faces import FacesModel, Setting, traverse
from sccodec.codecs.conceptual.priors import IntegerPriors, LatentCoder
from sccodec.codecs.conceptual.regions import Regions
from sccodec.entropy.coder import Writer
from sccodec.entropy.tables import scales
from sccodec.training.faces import find_split, load_labelled

Floats = NDArray[np.floating[Any]]
SETTING = Setting(8, 0)


def latents(model: FacesModel, folder: Path, limit: int | None) -> list[tuple[Regions, Floats, Floats]]:
    """Regions, textures and detail of the faces of a folder, as the encoder finds them."""
    found = []
    for image in load_labelled(folder, model.size, limit).images:
        _, here, t, detail = model.analyse(model.prepare(image), SETTING)
        found.append((here, t, detail))
    return found


def hyperprior_bits(model: FacesModel, found: Regions, t: Floats, detail: Floats) -> tuple[float, float]:
    """Bits of z and of the textures as the codec writes them."""
    writer = Writer()
    priors = IntegerPriors(model.priors, found, SETTING.exponent)
    z = model.hyper_analysis(t, found).astype(np.float64)
    traverse(LatentCoder(writer, model.priors), priors, found, model.cells, z, t, detail)
    return writer.bits["hyper"], writer.bits["textures"]


def gaussian_bits(model: FacesModel, t: Floats, mean: Floats, deviation: Floats) -> float:
    """Bits of textures [K, textures] under Gaussians of the same shape."""
    writer = Writer()
    rows = np.clip(np.searchsorted(scales(), deviation), 0, len(scales()) - 1)
    fixed = np.rint(16 * mean).astype(np.int64)
    LatentCoder(writer, model.priors).gaussian("textures", t, fixed, rows)
    return writer.bits["textures"]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS / "faces/saving.json")
    parser.add_argument("--train", type=int, default=800, help="training faces to fit the Gaussians on")
    parser.add_argument("--val", type=int, default=None, help="validation faces, all by default")
    options = parser.parse_args(arguments)
    model = FacesModel(bundle.default("conceptual", "faces"))
    train = latents(model, find_split(options.faces, "faces", "train"), options.train)
    held = latents(model, find_split(options.faces, "faces", "val"), options.val)
    rows = np.concatenate([t for _, t, _ in train])
    labels = np.concatenate([found.labels for found, _, _ in train])
    overall = rows.mean(0), np.sqrt(rows.var(0) + 1 / 12)
    by_label_mean, by_label_deviation = (np.tile(v, (model.priors.classes, 1)) for v in overall)
    for n in np.unique(labels):
        here = rows[labels == n]
        by_label_mean[n], by_label_deviation[n] = here.mean(0), np.sqrt(here.var(0) + 1 / 12)
    sums = dict.fromkeys(("z", "textures_given_z", "independent", "independent_by_label"), 0.0)
    for found, t, detail in held:
        z_bits, texture_bits = hyperprior_bits(model, found, t, detail)
        shape = t.shape
        sums["z"] += z_bits
        sums["textures_given_z"] += texture_bits
        sums["independent"] += gaussian_bits(model, t, *(np.broadcast_to(v, shape) for v in overall))
        sums["independent_by_label"] += gaussian_bits(
            model, t, by_label_mean[found.labels], by_label_deviation[found.labels]
        )
    bytes_each = {k: round(v / 8 / len(held), 2) for k, v in sums.items()}
    with_hyper = bytes_each["z"] + bytes_each["textures_given_z"]
    result = {
        "model": model.bundle.path.name,
        "faces": len(held),
        "mean_bytes": bytes_each | {"hyperprior": round(with_hyper, 2)},
        "saving_over_independent": round(1 - with_hyper / bytes_each["independent"], 4),
        "saving_over_independent_by_label": round(1 - with_hyper / bytes_each["independent_by_label"], 4),
        "paper": 0.625,
    }
    write_json(options.out, result)
    record(options.out, __file__, arguments, models=["conceptual:faces"])
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
