"""``sccodec train labels-general``: the context model of the label-map coder, on maps of photographs.

The maps are what ``labels.choice`` makes of a trained segmenter's logits, which ``--init`` names: in varying
strength, so that the model knows maps of few regions and of many.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sccodec.errors import BadInput
from sccodec.labels.choice import cell_evidence, choose
from sccodec.networks.labels import LabelContext, to_label_model
from sccodec.networks.segmenter import Segmenter, SegmenterConfig
from sccodec.training.checkpoint import kept_seeds
from sccodec.training.clusters import CELL, CLASSES, class_colours, whole_cells
from sccodec.training.labels import ContextTask, LabelMap, coded_bits, export_model, float_bits
from sccodec.training.loop import Options, place
from sccodec.training.photos import HELD_EVERY, Photo, as_tensor, load_photos, training_photos

SCALES, LEAST = (1.0, 0.6, 1.0, 1.4, 0.8), 192
"""Photographs are taken at these sizes by turns: maps of full working pictures have 96x64 samples, small ones few."""
EXTRA_SCALE, MOST_EXTRAS = 0.75, 100
STRENGTHS = (0.35, 2.5)
HELD_STRENGTHS = (0.5, 1.0, 2.0)
POOL, RENEWED = 480, 4
"""Maps that samples are drawn from, and how many of them a step makes anew."""
CROPPED, LEAST_SIDE = 0.6, 10
SHIFTING, SHIFTED = 0.7, 4
"""Noise added to the evidence, in patches of so many cells a side: borders of regions move, some come and go."""
DECAY = 0.2
FROM_ONE_MAP = 160

Evidence = NDArray[np.float16]


class LabelsTask(ContextTask):
    """Validation codes maps of the held-out photographs with the integer model and with the float network."""

    needed = ("segmenter",)

    def __init__(self, options: Options) -> None:
        super().__init__(CLASSES, DECAY)
        if not options.init and not options.checkpoint.exists():
            raise BadInput("labels-general makes its maps with a segmenter-general: name its checkpoint with --init")
        self.modules["segmenter"] = place(Segmenter(SegmenterConfig(CLASSES)).requires_grad_(requires_grad=False))
        self.data = options.data
        self.evidence: list[Evidence] = []
        self.odds = np.empty(0)
        self.held: list[Evidence] = []
        self.maps: list[LabelMap] = []
        self.seeds = np.arange(POOL)

    def prepare(self, steps: int) -> None:
        """What takes the segmenter's weights: evidence of all photographs, and the first maps."""
        segmenter = self.modules["segmenter"].eval()
        paths, extras = training_photos(self.data)
        kept = [p for i, p in enumerate(paths) if i % HELD_EVERY]
        every = max(1, -(-len(extras) // MOST_EXTRAS))
        taken = [(p, SCALES[i % len(SCALES)]) for i, p in enumerate(kept)]
        taken += [(p, EXTRA_SCALE) for p in extras[::every]]
        self.evidence = list(self.evidence_of(segmenter, taken))
        self.held = list(self.evidence_of(segmenter, [(p, 1.0) for p in paths[::HELD_EVERY]]))
        if not self.evidence or not self.held:
            raise BadInput(f"{self.data}: too few photographs of {LEAST} pixels a side and more")
        sizes = np.array([math.sqrt(e[0].size) for e in self.evidence])
        self.odds = sizes / sizes.sum()
        self.maps = [self.make(seed) for seed in self.seeds]
        if steps == 0:
            self.remember()

    def evidence_of(self, segmenter: nn.Module, taken: list[tuple[Path, float]]) -> Iterator[Evidence]:
        """Log-probabilities [classes, h, w] of photographs, each at its scale; one is read at a time."""
        for path, scale in taken:
            for photo in whole_cells(load_photos([path], (scale,), LEAST)):
                yield evidence_of(segmenter, photo, self.device)

    def make(self, seed: np.int64) -> LabelMap:
        """A new map: of a photograph or a part of it, mirrored or not, chosen in random strength, by its seed alone."""
        rng = np.random.default_rng(seed)
        evidence = self.evidence[int(rng.choice(len(self.evidence), p=self.odds))]
        if rng.random() < CROPPED:
            window = []
            for side in evidence.shape[1:]:
                size = int(rng.integers(min(LEAST_SIDE, side), side + 1))
                start = int(rng.integers(side - size + 1))
                window.append(slice(start, start + size))
            evidence = evidence[:, window[0], window[1]]
        h, w = evidence.shape[1:]
        noise = rng.normal(scale=SHIFTING, size=(CLASSES, h // SHIFTED + 1, w // SHIFTED + 1))
        noise = noise.repeat(SHIFTED, 1).repeat(SHIFTED, 2)[:, :h, :w]
        low, high = STRENGTHS
        labels = choose((evidence + noise).astype(np.float32), None, low * (high / low) ** rng.random())
        return np.ascontiguousarray(labels[:, ::-1]) if rng.random() < 0.5 else labels

    def renew(self, rng: np.random.Generator) -> None:
        for at in rng.integers(len(self.maps), size=RENEWED):
            self.seeds[at] = rng.integers(2**63)
            self.maps[at] = self.make(self.seeds[at])

    def drawn_so_far(self) -> dict[str, Tensor]:
        """Seeds stand for the maps that they make."""
        return {"seeds": torch.from_numpy(self.seeds)}

    def go_on_drawing(self, kept: dict[str, Tensor]) -> None:
        seeds = kept_seeds(kept, "seeds", POOL)
        self.seeds = self.seeds if seeds is None else seeds

    def drawn(self, batch: int, rng: np.random.Generator) -> Iterator[tuple[LabelMap, int]]:
        for at in rng.integers(len(self.maps), size=max(1, round(batch / FROM_ONE_MAP))):
            yield self.maps[at], FROM_ONE_MAP

    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], NDArray[np.uint8]]:
        """Mean bytes of the held-out maps at each strength, by the integer model and by the float network."""
        network = modules["label_context"].eval()
        assert isinstance(network, LabelContext)
        model = to_label_model(network)
        figures = {}
        maps: list[LabelMap] = []
        for strength in HELD_STRENGTHS:
            maps = [choose(e.astype(np.float32), None, strength) for e in self.held]
            figures[f"bytes_{strength}"] = float(np.mean([coded_bits(m, model) for m in maps])) / 8
            figures[f"float_bytes_{strength}"] = float(np.mean([float_bits(network, m) for m in maps])) / 8
        height = max(m.shape[0] for m in maps[:4])
        shown = [np.pad(class_colours(CLASSES)[m], ((0, height - len(m)), (0, 0), (0, 0))) for m in maps[:4]]
        return figures, np.concatenate(shown, 1)


@torch.no_grad()
def evidence_of(segmenter: nn.Module, photo: Photo, where: torch.device) -> Evidence:
    """Log-probabilities [classes, H/16, W/16] of uint8 [H, W, 3], whose sides are multiples of 16."""
    assert photo.shape[0] % CELL == photo.shape[1] % CELL == 0
    picture = as_tensor(photo).to(where, memory_format=torch.channels_last)
    with torch.autocast(where.type, dtype=torch.bfloat16):
        logits = segmenter(picture)
    return cell_evidence(logits[0].float().cpu().numpy()).astype(np.float16)


def export(checkpoints: list[Path], out: Path, data: Path | None) -> Path:
    """Write the label model to a folder as ``labels-general.npz``: the arrays model files hold. data is not used."""
    return export_model(checkpoints, out, "labels-general", CLASSES)


def build(options: Options) -> LabelsTask:
    return LabelsTask(options)
