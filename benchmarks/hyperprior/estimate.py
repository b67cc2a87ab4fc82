"""The hyperprior's streams against what training estimates, and against the same stream with float networks.

    python -m benchmarks.hyperprior.estimate --kodak DIR --state FILE [--out JSON]

Three rates of the same latents of the Kodak pictures: of the file's stream, of the Estimator (float networks,
continuous Gaussians), and of a stream whose means and rows of the scale table the float networks choose, which is what
the integer networks are to be compared with. --state: a checkpoint, or the state kept beside the checkpoint that the
model file came of. Needs compressai.

Takes about ten minutes on two cores; writes results/hyperprior/estimate.json.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.faces.estimate import part
from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, environment, parser_of, pictures_in, read_picture, write_json
from sccodec import bundle
from sccodec.codecs.hyperprior.codec import Model, Picture
from sccodec.codecs.hyperprior.coding import QUALITY_LEVELS, GridCoder, IntegerDistributions, lattice, traverse
from sccodec.codecs.hyperprior.networks import SLICED, Distributions, Gains
from sccodec.entropy.coder import MEAN_STEPS, Writer
from sccodec.entropy.tables import SCALE_COUNT
from sccodec.training.estimator import EntropyModels
from sccodec.training.hyperprior.rate import FloatDistributions, GridEstimator
from sccodec.training.state import read_weights

QUALITIES = (10, 30, 50, 70, 90)


class FloatGrid:
    """Float networks in the place of the integer ones: their means and rows, rounded as a stream needs them."""

    def __init__(self, floats: FloatDistributions, shape: tuple[int, int, int]) -> None:
        self.floats, self.steps = floats, floats.steps
        self.known = np.zeros(shape, np.int32)

    def begin(self, z_hat: np.ndarray) -> None:
        self.floats.begin(to_tensor(z_hat))

    def predict(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        mean, row = (v[0].permute(1, 2, 0).double().numpy() for v in self.floats.predict(step))
        rows = np.clip(np.rint(row), 0, SCALE_COUNT - 1)
        return np.rint(mean * MEAN_STEPS).astype(np.int32), rows.astype(np.int16)

    def take(self, y: np.ndarray, step: int) -> np.ndarray:
        return lattice(y, step)

    def learn(self, step: int, y_hat: np.ndarray) -> None:
        self.floats.learn(step, to_tensor(y_hat) / MEAN_STEPS)


def to_tensor(x: np.ndarray) -> Tensor:
    """[h, w, C] -> float32 [1, C, h, w]."""
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1))).float()[None]


@torch.no_grad()
def compare(
    model: Model, picture: Picture, networks: tuple[Distributions, Gains, EntropyModels]
) -> tuple[float, float, float, float]:
    """Bits: of the stream, its content as the tables count it, the same with float networks, and estimated.

    The picture's sides are multiples of 64.
    """
    distributions, gains, entropy = networks
    y = model.analyse(picture)
    shape = (y.shape[0], y.shape[1])
    z = model.hyper_analyse(y).astype(np.float64)
    writer = Writer()
    model.code(writer, y, shape)
    content = sum(writer.bits.values())
    writer.check()
    stream = 8.0 * len(writer.finish())
    q = torch.tensor([100.0 * model.quality / QUALITY_LEVELS])
    other = Writer()
    hyper_shape = IntegerDistributions(model.entropy, model.quality, *shape).hyper_shape
    grid = FloatGrid(FloatDistributions(distributions, gains, q), y.shape)
    traverse(GridCoder(other, model.entropy, hyper_shape), grid, z, y)
    estimator = GridEstimator(entropy)
    traverse(estimator, FloatDistributions(distributions, gains, q), to_tensor(z), to_tensor(y))
    estimate = float(sum(v.sum() for v in estimator.bits.values()))
    return stream, content, sum(other.bits.values()), estimate


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS / "hyperprior/estimate.json")
    options = parser.parse_args(arguments)
    weights = read_weights(options.state)
    networks = (Distributions(SLICED), Gains(SLICED), EntropyModels(SLICED.hyper))
    for name, network in zip(("distributions", "gains", "entropy"), networks, strict=True):
        network.load_state_dict(part(weights, name))
        network.eval()
    opened = bundle.default("hyperprior")
    by_quality: dict[str, Any] = {}
    for quality in QUALITIES:
        model = Model(opened, round(quality / 100 * QUALITY_LEVELS))
        rows = np.array([compare(model, read_picture(path), networks) for path in pictures_in(options.kodak)])
        stream, content, floats, estimate = rows.T
        by_quality[str(quality)] = {
            "stream_bytes": round(stream.mean() / 8, 1),
            "estimate_bytes": round(estimate.mean() / 8, 1),
            "integer_loss_percent": round(100 * (content.sum() / floats.sum() - 1), 4),
            "stream_excess_percent": round(100 * (stream.sum() / estimate.sum() - 1), 4),
            "largest_stream_excess_percent": round(100 * float((stream / estimate - 1).max()), 4),
        }
        print(quality, by_quality[str(quality)], flush=True)
    result = {
        "model": opened.path.name,
        "integer_loss_percent": round(statistics.fmean(v["integer_loss_percent"] for v in by_quality.values()), 4),
        "stream_excess_percent": round(statistics.fmean(v["stream_excess_percent"] for v in by_quality.values()), 4),
        "by_quality": by_quality,
        "environment": environment("torch", "compressai"),
    }
    write_json(options.out, result)
    record(options.out, __file__, arguments, models=["hyperprior"], versions=result["environment"]["versions"])


if __name__ == "__main__":
    main()
