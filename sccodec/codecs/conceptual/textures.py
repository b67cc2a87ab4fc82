"""Labels and textures of the conceptual codec: what its bitstreams have in common.

The order of latents is stated once, in ``traverse_textures`` and in each bitstream's own ``code_stream``, for all who
drive it:

    driver       values of         who predicts
    Tables       arrays            IntegerPriors: for a Writer or a Reader
    Editor       pairs of arrays   PairedPriors: a file is read, and written with other textures
    Estimator    tensors           FloatPriors, in training
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

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


class Rows(Protocol):
    """Values by row, of which a part can be taken: arrays, tensors, pairs of arrays."""

    def __getitem__(self, rows: slice, /) -> Self: ...


V = TypeVar("V", bound=Rows)


class Driver(Protocol[V]):
    """Who codes latents, in quantisation steps: by rows [n, channels], section by section."""

    def factorized(self, section: str, z: V | None, n: int) -> V:
        """z [n, hyper] rounded, by the table of each channel."""
        ...

    def gaussian(self, section: str, y: V | None, mean: V, scale: V) -> V:
        """y_hat about its mean; scale: rows of the scale table."""
        ...


class Predictor(Protocol[V]):
    """Who says how textures are distributed, from what was decoded before."""

    def texture(self, z: V, rows: slice, parents: Ints, known: Sequence[V]) -> tuple[V, V]:
        """Mean and row of the scale table of the textures of one pass, both [n, textures]."""
        ...

    def join(self, parts: Sequence[V]) -> V: ...


class RegionPriors(Predictor[V], Protocol):
    """The same, and of a layer of cells that lies over the regions."""

    def detail(self, t_hat: V, cells: tuple[int, int]) -> tuple[V, V]:
        """Mean and row of the scale table of the detail layer, both [cells, channels]."""
        ...


class StreamDriver(Driver[V], Protocol):
    """A driver of a whole stream: ``coder`` codes what is no latent, ``priors`` are those of the regions found."""

    @property
    def coder(self) -> Coder: ...

    def priors(self, found: Regions, exponent: int) -> RegionPriors[V]: ...


def traverse_textures(driver: Driver[V], priors: Predictor[V], found: Regions, z: V | None, t: V | None) -> V:
    """Code hyperprior and textures, in this order; gives the decoded textures, in steps.

    Writer and Estimator take the latents z [K, hyper] and t [K, textures], the latter in quantisation steps; a Reader
    and an Editor take None for each.
    """
    z_hat = driver.factorized("hyper", z, len(found.labels))
    parts: list[V] = []
    for rows in found.passes:
        mean, scale = priors.texture(z_hat, rows, found.parents[rows], parts)
        parts.append(driver.gaussian("textures", None if t is None else t[rows], mean, scale))
    return priors.join(parts)


@dataclass(frozen=True)
class Texture:
    """A decoded texture: z [hyper] as coded, t [textures] in base units."""

    z: Ints
    t: Floats


class Tables(LatentCoder):
    """A LatentCoder that keeps z, int [K, hyper]."""

    z: Ints

    def priors(self, found: Regions, exponent: int) -> IntegerPriors:
        return IntegerPriors(self.model, found, exponent)

    def factorized(self, section: str, z: npt.NDArray[np.float64] | None, n: int) -> Ints:
        self.z = super().factorized(section, z, n)
        return self.z


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

    def check(self) -> None:
        self.reader.check()
        self.writer.check()

    def finish(self) -> bytes:
        """Check what was read to its end, end what was written."""
        self.reader.finish()
        return self.writer.finish()


@dataclass(frozen=True)
class Pair:
    """Values of the file that is read, and of the one that is written."""

    before: Ints
    after: Ints

    def __getitem__(self, rows: slice, /) -> Pair:
        return Pair(self.before[rows], self.after[rows])


class PairedPriors:
    """The priors of both files."""

    def __init__(self, priors: IntegerPriors) -> None:
        self.one = priors

    def texture(self, z: Pair, rows: slice, parents: Ints, known: Sequence[Pair]) -> tuple[Pair, Pair]:
        before = self.one.texture(z.before, rows, parents, [pair.before for pair in known])
        after = self.one.texture(z.after, rows, parents, [pair.after for pair in known])
        return Pair(before[0], after[0]), Pair(before[1], after[1])

    def join(self, parts: Sequence[Pair]) -> Pair:
        return Pair(self.one.join([p.before for p in parts]), self.one.join([p.after for p in parts]))

    def detail(self, t_hat: Pair, cells: tuple[int, int]) -> tuple[Pair, Pair]:
        before, after = self.one.detail(t_hat.before, cells), self.one.detail(t_hat.after, cells)
        return Pair(before[0], after[0]), Pair(before[1], after[1])


class Editor:
    """Drives the traversal of a file that is read, and written with the textures of some regions replaced.

    replace: from the regions of the file to the textures that some of its rows get. All others keep their values:
    where they are predicted from one that changes, rounded about other means. A detail layer keeps what it says beyond
    its prediction.
    """

    def __init__(self, relay: Relay, model: PriorModel, replace: Callable[[Regions], Mapping[int, Texture]]) -> None:
        self.coder = relay
        self._reading, self._writing = LatentCoder(relay.reader, model), LatentCoder(relay.writer, model)
        self._replace = replace

    def priors(self, found: Regions, exponent: int) -> PairedPriors:
        one = IntegerPriors(self._reading.model, found, exponent)
        self._replaced, self._step, self._row = self._replace(found), one.step / 256, 0
        return PairedPriors(one)

    def factorized(self, section: str, z: Pair | None, n: int) -> Pair:
        before = self._reading.factorized(section, None, n)
        wanted = before.astype(np.float64)
        for row, texture in self._replaced.items():
            wanted[row] = texture.z
        return Pair(before, self._writing.factorized(section, wanted, n))

    def gaussian(self, section: str, y: Pair | None, mean: Pair, scale: Pair) -> Pair:
        before = self._reading.gaussian(section, None, mean.before, scale.before)
        if section == "textures":
            wanted = before / MEAN_STEPS
            for i in range(len(wanted)):
                if self._row + i in self._replaced:
                    wanted[i] = self._replaced[self._row + i].t / self._step
            self._row += len(wanted)
        else:
            wanted = (before - mean.before + mean.after) / MEAN_STEPS
        return Pair(before, self._writing.gaussian(section, wanted, mean.after, scale.after))


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
