"""The label map to send, chosen by rate: a region is kept where what it says is worth the bits it takes.

The segmenter's log-probabilities say how many bits of evidence a sample's class has; the label model says how many bits
a map takes. The chosen map makes

    cost(map) = bits of evidence given up + strength * (bits of the map + price * classes that occur)

small: at strength 1 it is the likeliest map where the label model is the prior, beyond that regions are fewer. The
bits of a map are guessed from its edges and its connected regions, and maps found by that guess are then compared with
what the label model really takes; a step that does not pay is undone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sccodec.entropy.coder import Writer
from sccodec.errors import BadInput
from sccodec.labels import features
from sccodec.labels.coding import LabelModel, code

EDGE_BITS, REGION_BITS = 1.2, 9.0
"""About what the label model takes for a pair of neighbours that differ, and for a connected region."""
PRICE = 64.0
"""Bits of a texture vector: what a class costs by occurring."""
FACTORS = (0.6, 1.0, 1.6)
"""Guesses are made with the guessed bits taken this many times."""
SWEEPS = 6
PARTS = (1.0, 0.5, 0.25)
"""Shares of the regions that seem not to pay which are given up at once, the largest that pays being kept."""


@dataclass(frozen=True)
class Costs:
    """Bits: evidence [classes, h, w] given up, of an edge, of a region, of a class that occurs."""

    evidence: NDArray[np.float32]
    edge: float
    region: float
    occurs: float


def strength_of(quality: float) -> float:
    """How much a bit counts at quality 0..100: 1 at 0, where labels and textures are the whole file, 1/2 from 50 on.

    Elsewhere a file is so much longer that a map of a few dozen bytes more is hardly felt; Kodak's maps take 57 bytes
    at 1, 71 at 1/2 (benchmarks/labels/photographs.py).
    """
    return 1.0 - min(max(quality, 0.0), 50.0) / 100.0


def cell_evidence(logits: NDArray[np.float32], cell: int = 4) -> NDArray[np.float32]:
    """Log-probabilities [classes, H/cell, W/cell] from the segmenter's logits [classes, H, W], a cell's by mean."""
    classes, height, width = logits.shape
    if height % cell or width % cell:
        raise BadInput(f"logits of {width}x{height} are no whole cells of {cell}x{cell}")
    mean = logits.reshape(classes, height // cell, cell, width // cell, cell).mean((2, 4), dtype=np.float64)
    mean -= mean.max(0)
    result: NDArray[np.float32] = (mean - np.log(np.exp(mean).sum(0))).astype(np.float32)
    return result


def choose(
    evidence: NDArray[np.float32], model: LabelModel | None, strength: float = 1.0, price: float = PRICE
) -> NDArray[np.uint8]:
    """The map uint8 [h, w] to send for log-probabilities [classes, h, w].

    model: what codes the map; None leaves the guess as it is, which is what training takes its maps by.
    price: bits of a class that occurs. Raises BadInput for evidence of another shape, of 0 samples, or not finite.
    """
    if evidence.ndim != 3 or evidence.size == 0 or not np.isfinite(evidence).all():
        raise BadInput("log-probabilities of a label map are finite and of shape [classes, h, w]")
    lost = (evidence.max(0) - evidence) / math.log(2)
    costs = Costs(lost.astype(np.float32), strength * EDGE_BITS, strength * REGION_BITS, strength * price)
    if model is None:
        return guess(costs, 1.0)
    found = {g.tobytes(): g for g in (guess(costs, factor) for factor in FACTORS)}
    weighed = [Weighed.of(g, costs, model, strength) for g in found.values()]
    return improve(min(weighed, key=lambda each: each.cost), costs, model, strength)


@dataclass(frozen=True)
class Weighed:
    """A map [h, w], what the label model takes for each sample, and its cost by that."""

    labels: NDArray[np.uint8]
    bits: NDArray[np.float64]
    cost: float

    @classmethod
    def of(cls, labels: NDArray[np.uint8], costs: Costs, model: LabelModel, strength: float) -> Weighed:
        bits = sample_bits(labels, model)
        return cls(labels, bits, price_of(labels, costs) + strength * float(bits.sum()))


def price_of(labels: NDArray[np.uint8], costs: Costs) -> float:
    """Evidence given up, and the classes' price."""
    given_up = np.take_along_axis(costs.evidence, labels[None].astype(np.intp), 0).sum(dtype=np.float64)
    return float(given_up) + costs.occurs * np.unique(labels).size


class Meter(Writer):
    """A Writer that only keeps what each symbol takes, in coding order."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[NDArray[np.float64]] = []

    def frequencies(self, section: str, values: ArrayLike | None, freq: ArrayLike) -> NDArray[np.int32]:
        rows, symbols = np.asarray(freq), np.asarray(values, np.int32)
        chosen = np.take_along_axis(rows, symbols[:, None], 1)[:, 0]
        self.taken.append(np.log2(rows[0].sum()) - np.log2(chosen))
        return symbols


def sample_bits(labels: NDArray[np.uint8], model: LabelModel) -> NDArray[np.float64]:
    """Bits [h, w] that the label model takes for each sample of a map."""
    meter = Meter()
    shape = (labels.shape[0], labels.shape[1])
    code(meter, "labels", labels, shape, model)
    bits = np.empty(labels.size)
    bits[features.Waves.of(shape).order] = np.concatenate(meter.taken)
    return bits.reshape(shape)


def guess(costs: Costs, factor: float) -> NDArray[np.uint8]:
    """A map of little cost, its bits guessed and taken ``factor`` times."""
    costs = Costs(costs.evidence, costs.edge * factor, costs.region * factor, costs.occurs)
    labels = costs.evidence.argmin(0)
    for _ in range(2):
        labels = relax(labels, costs)
        labels = merge(labels, costs)
    chosen: NDArray[np.uint8] = labels.astype(np.uint8)
    return chosen


def relax(labels: NDArray[np.intp], costs: Costs) -> NDArray[np.intp]:
    """Each sample takes the class that is best beside its four neighbours, half the samples at a time."""
    present = np.unique(labels)
    evidence = costs.evidence[present]
    index = np.searchsorted(present, labels)
    parity = np.indices(labels.shape).sum(0) % 2 == 1
    names = np.arange(present.size)[:, None, None]
    for sweep in range(2 * SWEEPS):
        same = np.pad((names == index).astype(np.float32), ((0, 0), (1, 1), (1, 1)))
        agree = same[:, :-2, 1:-1] + same[:, 2:, 1:-1] + same[:, 1:-1, :-2] + same[:, 1:-1, 2:]
        better = np.where(parity == bool(sweep % 2), (evidence - costs.edge * agree).argmin(0), index)
        if sweep > 1 and np.array_equal(better, index):
            break
        index = better
    return present[index]


def merge(labels: NDArray[np.intp], costs: Costs) -> NDArray[np.intp]:
    """Regions that cost more than they earn join the neighbour that suits best; so do all regions of such a class."""
    while True:
        parts = Parts.of(labels, costs)
        joins = parts.gain < 0
        # Of neighbours only the one that gains most: afterwards the others have other neighbours.
        for a, b in (parts.pairs, parts.pairs[::-1]):
            joins[a[(parts.gain[b] < parts.gain[a]) | ((parts.gain[b] == parts.gain[a]) & (b < a))]] = False
        if not joins.any():
            gains = np.bincount(parts.own, np.minimum(parts.gain, 1e9), minlength=len(costs.evidence)) - costs.occurs
            # Regions alone in their class have its price in their gain already.
            gains[np.bincount(parts.own, minlength=gains.size) < 2] = 0
            least = int(gains.argmin())
            if gains[least] >= 0:
                return labels
            joins = parts.own == least
        labels = np.where(joins, parts.best, parts.own)[parts.index]


@dataclass(frozen=True)
class Parts:
    """The connected regions of a map, and what changes when one joins a neighbour.

    index: [h, w], the region of each sample. own: [n], class of each. best: [n], the neighbours' class that suits it
    best. gain: [n], bits by which the cost changes then (less than 0 where it pays). pairs: two arrays of regions
    that touch.
    """

    index: NDArray[np.intp]
    own: NDArray[np.intp]
    best: NDArray[np.intp]
    gain: NDArray[np.float64]
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]]

    @classmethod
    def of(cls, labels: NDArray[np.intp], costs: Costs) -> Parts:
        classes = len(costs.evidence)
        index = connected(labels)
        n = int(index.max()) + 1
        own = np.zeros(n, np.intp)
        own[index] = labels
        flat = index.ravel()
        lost = np.stack([np.bincount(flat, plane.ravel(), minlength=n) for plane in costs.evidence], 1)
        a = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
        b = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
        a, b = a[a != b], b[a != b]
        a, b = np.concatenate([a, b]), np.concatenate([b, a])
        touching = np.bincount(a * classes + own[b], minlength=n * classes).reshape(n, classes)
        change = lost - lost[np.arange(n), own][:, None] - costs.edge * touching
        change = np.where(touching > 0, change, np.inf)
        best = change.argmin(1)
        alone = np.bincount(own, minlength=classes)[own] == 1
        gain = change[np.arange(n), best] - costs.region - costs.occurs * alone
        return cls(index, own, best, gain, (a, b))


def connected(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """The 4-connected region, 0 and up, of each sample [h, w]."""
    new = np.ones(labels.shape, bool)
    new[:, 1:] = labels[:, 1:] != labels[:, :-1]
    runs = np.cumsum(new.ravel()).reshape(labels.shape) - 1
    same = labels[1:] == labels[:-1]
    parent = list(range(int(runs[-1, -1]) + 1))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for pair in np.unique(runs[:-1][same] * len(parent) + runs[1:][same]).tolist():
        upper, lower = root(pair // len(parent)), root(pair % len(parent))
        parent[max(upper, lower)] = min(upper, lower)
    roots = np.array([root(i) for i in range(len(parent))])
    index: NDArray[np.intp] = np.unique(roots, return_inverse=True)[1].reshape(-1)[runs]
    return index


def improve(best: Weighed, costs: Costs, model: LabelModel, strength: float) -> NDArray[np.uint8]:
    """Give up regions that by the label model's bits seem not to pay, as many as do pay when it codes the map again."""
    parts = Parts.of(best.labels.astype(np.intp), costs)
    if parts.own.size < 2:
        return best.labels
    # A region's border is in the surroundings of what is coded next to it, which takes bits too.
    spent = np.bincount(parts.index.ravel(), best.bits.ravel())
    edges = np.bincount(parts.pairs[0], minlength=parts.own.size)
    guessed = EDGE_BITS * edges + REGION_BITS
    seems = parts.gain + strength * (guessed - np.maximum(guessed, spent))
    order = np.argsort(seems)
    order = order[seems[order] < 0]
    for share in PARTS:
        chosen = order[: math.ceil(order.size * share)]
        if chosen.size == 0:
            break
        joins = np.zeros(parts.own.size, bool)
        joins[chosen] = True
        fewer = np.where(joins, parts.best, parts.own)[parts.index].astype(np.uint8)
        if Weighed.of(fewer, costs, model, strength).cost < best.cost:
            return fewer
    return best.labels
