"""Streams for faces against the Estimator: what integer networks, stored tables and the range coder cost.

    python -m benchmarks.faces.estimate --faces DIR --state FILE [--out JSON]

The Estimator drives the same traversal with the float networks that training left (--state: a checkpoint, or the state
kept beside the checkpoint that the model file came of) on the latents of the validation faces; the streams are those of
the files. Needs compressai.

Takes a few minutes on two cores; writes results/faces/estimate.json.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, parser_of, write_json
from sccodec import bundle
from sccodec.codecs.conceptual.faces import FacesModel, Setting, traverse
from sccodec.codecs.conceptual.networks.faces import ConceptualConfig
from sccodec.codecs.conceptual.networks.priors import DetailPrior, TexturePrior
from sccodec.codecs.conceptual.priors import step_factors
from sccodec.networks.labels import LabelContext, from_state
from sccodec.training.conceptual.rate import FloatPriors
from sccodec.training.estimator import EntropyModels, Estimator
from sccodec.training.faces import find_split, load_labelled
from sccodec.training.labels import float_bits
from sccodec.training.state import read_weights


def part(weights: Mapping[str, Tensor], network: str) -> dict[str, Tensor]:
    """The weights of one network, in float32."""
    mine = {k.removeprefix(f"{network}."): v for k, v in weights.items() if k.startswith(f"{network}.")}
    return {k: v.float() if v.is_floating_point() else v for k, v in mine.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--quality", type=float, nargs="+", default=[20.0, 50.0, 80.0])
    parser.add_argument("--out", type=Path, default=RESULTS / "faces/estimate.json")
    options = parser.parse_args(arguments)
    model = FacesModel(bundle.default("conceptual", "faces"))
    known = {k: v for k, v in model.config.items() if k in ConceptualConfig.__dataclass_fields__}
    config = ConceptualConfig(**known)
    weights = read_weights(options.state)
    texture, detail, entropy = TexturePrior(config), DetailPrior(config), EntropyModels(config.hyper)
    for name, network in (("texture_prior", texture), ("detail_prior", detail), ("entropy", entropy)):
        network.load_state_dict(part(weights, name))
        network.eval()
    label_context = from_state(part(weights, "label_context"))
    label_context.eval()
    faces = load_labelled(find_split(options.faces, "faces", "val"), model.size, options.pictures)
    result: dict[str, Any] = {"model": model.bundle.path.name, "faces": len(faces), "by_quality": {}}
    for quality in options.quality:
        rows = [compare(model, image, Setting.of_quality(quality), (texture, detail, entropy), label_context)
                for image in faces.images]  # fmt: skip
        result["by_quality"][f"{quality:g}"] = {
            "stream_bytes": round(statistics.fmean(s for s, _ in rows) / 8, 2),
            "estimate_bytes": round(statistics.fmean(e for _, e in rows) / 8, 2),
            "largest_excess_bits": round(max(s - e for s, e in rows), 1),
            "within_1_percent_and_64_bits": sum(abs(s - e) <= 0.01 * e + 64 for s, e in rows),
        }
    write_json(options.out, result)
    record(options.out, __file__, arguments, models=["conceptual:faces"])
    print(json.dumps(result, indent=1))


@torch.no_grad()
def compare(
    model: FacesModel,
    image: np.ndarray,
    setting: Setting,
    networks: tuple[TexturePrior, DetailPrior, EntropyModels],
    label_context: LabelContext,
) -> tuple[float, float]:
    """Bits of the stream, flush and check symbol included, and of the Estimator."""
    labels, found, t, w = model.analyse(model.prepare(image), setting)
    stream = model.write(setting, labels, found, t, w)
    texture, detail, entropy = networks
    step = step_factors(setting.exponent)[0] / 256
    estimator = Estimator(entropy)
    priors = FloatPriors(texture, detail, torch.tensor([float(setting.exponent)]), found)
    z = texture.analyse(torch.from_numpy(t).float(), priors.labels)
    t_steps, w_steps = (torch.from_numpy(v / step).float() for v in (t, w))
    traverse(estimator, priors, found, model.cells, z, t_steps, w_steps)
    estimate = sum(float(torch.cat(parts).sum()) for parts in estimator.bits.values())
    return 8.0 * len(stream), estimate + float_bits(label_context, labels)


if __name__ == "__main__":
    main()
