"""``sccodec train conceptual-faces-gaussian``: the paper's ablation, an independent Gaussian for the hyperprior."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sccodec.training.loop import Options
from sccodec.training.recipes import conceptual_faces

CONFIG = replace(conceptual_faces.CONFIG, hyper=0)


def export(checkpoints: list[Path], out: Path, data: Path | None) -> Path:
    """Like conceptual-faces, as the variant ``faces_gaussian``."""
    return conceptual_faces.export(checkpoints, out, data, CONFIG, "faces_gaussian")


def build(options: Options) -> conceptual_faces.FacesTask:
    return conceptual_faces.FacesTask(options, CONFIG)
