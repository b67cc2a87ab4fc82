"""Labels and textures of the conceptual codec: what its bitstreams have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sccodec.codecs.conceptual.priors import IntegerPriors, LatentCoder, PriorModel
from sccodec.codecs.conceptual.regions import Regions
from sccodec.engine import Runner
from sccodec.entropy.coder import MEAN_STEPS, Coder, Int32, Reader, Writer
from sccodec.entropy.tables import Table
from sccodec.errors import BadInput

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[Any]
Encoder = Callable[[float | None], bytes]
"""From a quality, None for the default, to a file."""


def traverse_textures(coder: Any, priors: Any, found: Regions, z: Any, t: Any) -> Any:
    """Code hyperprior and textures, in this order, with whichever coder is given.

    Writer and Estimator take the latents z [K, hyper] and t [K, textures], the latter in quantisation steps; a Reader
    takes None for each. Gives the decoded textures, in steps.
    """
    z_hat = coder.factorized("hyper", z, len(found.labels))
    parts: list[Any] = []
    for rows in found.passes:
        mean, scale = priors.texture(z_hat, rows, found.parents[rows], parts)
        parts.append(coder.gaussian("textures", None if t is None else t[rows], mean, scale))
    return priors.join(parts)


class Recorder(LatentCoder):
    """A LatentCoder that keeps z, int [K, hyper]."""

    z: Ints

    def factorized(self, section: str, z: npt.NDArray[np.float64] | None, n: int) -> Ints:
        self.z = super().factorized(section, z, n)
        return self.z


@dataclass(frozen=True)
class Texture:
    """A decoded texture: z [hyper] as coded, t [textures] in base units."""

    z: Ints
    t: Floats


class Relay(Coder):
    """Reads with one coder, and writes what it has read with another."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        super().__init__()
        self.reader, self.writer = reader, writer

    def symbols(self, section: str, values: npt.ArrayLike | None, rows: npt.ArrayLike, table: Table) -> Int32:
        return self.writer.symbols(section, self.reader.symbols(section, None, rows, table), rows, table)

    def frequencies(self, section: str, values: npt.ArrayLike | None, freq: npt.ArrayLike) -> Int32:
        return self.writer.frequencies(section, self.reader.frequencies(section, None, freq), freq)

    def note(self, values: Ints) -> Int32:
        return self.writer.note(self.reader.note(values))

    def finish(self) -> bytes:
        """Check what was read to its end, end what was written."""
        self.reader.check()
        self.reader.finish()
        self.writer.check()
        return self.writer.finish()


def replace_textures(
    relay: Relay, model: PriorModel, found: Regions, exponent: int, replaced: Mapping[int, Texture]
) -> tuple[Ints, Ints]:
    """Read the textures of a file, write them with some replaced, by label; gives both as decoded, in 16ths of a step.

    The others keep their values: where they are predicted from one that changes, rounded about other means.
    """
    reading = Recorder(relay.reader, model)
    priors = IntegerPriors(model, found, exponent)
    before = traverse_textures(reading, priors, found, None, None)
    z, t = reading.z.astype(np.float64), before / MEAN_STEPS
    for label, texture in replaced.items():
        row = found.labels.tolist().index(label)
        z[row], t[row] = texture.z, texture.t / (priors.step / 256)
    return before, traverse_textures(LatentCoder(relay.writer, model), priors, found, z, t)


def analyse_rows(network: Runner, t: Floats, labels: npt.NDArray[Any], classes: int) -> npt.NDArray[np.float64]:
    """z [K, hyper], not yet rounded, of textures [K, textures] and their labels."""
    one_hot = np.eye(classes, dtype=np.float32)[labels]
    (z,) = network.run({"rows": np.concatenate([t.astype(np.float32), one_hot], 1)})
    return z.astype(np.float64)


def choose_labels(logits: Floats, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The most probable class of each sample of a map, uint8 [h, w], from logits [classes, H, W].

    The map is coarser by a whole factor (probabilities are averaged) or twice as fine (logits are interpolated).
    """
    classes, height, width = logits.shape
    h, w = shape
    if h <= height:
        odds = np.exp(logits - logits.max(0))
        odds /= odds.sum(0)
        scores = odds.reshape(classes, h, height // h, w, width // w).mean((2, 4))
    else:
        scores = double(double(logits, 1), 2)
    if scores.shape[1:] != shape:
        raise BadInput(f"the label map cannot be brought to {h}x{w}")
    chosen: npt.NDArray[np.uint8] = scores.argmax(0).astype(np.uint8)
    return chosen


def double(x: Floats, axis: int) -> Floats:
    """Twice as many samples along an axis, linearly interpolated, edges held."""
    x = np.moveaxis(x, axis, 0)
    before, after = np.concatenate([x[:1], x[:-1]]), np.concatenate([x[1:], x[-1:]])
    pairs = np.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], 1)
    return np.moveaxis(pairs.reshape(-1, *x.shape[1:]), 0, axis)


def pool(features: Floats, found: Regions) -> Floats:
    """Semantic-wise average pooling: the mean of features [C, H, W] over each region, float32 [K, C]."""
    channels, height, width = features.shape
    index = found.index[0]
    rows, columns = height // index.shape[0], width // index.shape[1]
    if rows == 0:
        features = features.repeat(index.shape[0] // height, 1).repeat(index.shape[1] // width, 2)
    else:
        index = index.repeat(rows, 0).repeat(columns, 1)
    member = (index.ravel() == np.arange(len(found.labels))[:, None]).astype(np.float32)
    means: Floats = (member @ features.reshape(channels, -1).T) / member.sum(1, keepdims=True)
    return means
