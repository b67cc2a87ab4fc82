"""``sccodec train hyperprior-scale``: zero-mean Gaussians whose scales come from z.

The scale hyperprior of Balle, Minnen, Singh, Hwang, Johnston, "Variational Image Compression with a Scale Hyperprior"
(2018), on the transforms and with the gains of ``hyperprior``.
"""

from __future__ import annotations

from pathlib import Path

from sccodec.codecs.hyperprior.networks import SCALE
from sccodec.training.loop import Options
from sccodec.training.recipes import hyperprior


def export(checkpoints: list[Path], out: Path, data: Path | None) -> Path:
    """Like hyperprior, as the variant ``scale``."""
    return hyperprior.export_configuration(checkpoints, out, data, SCALE, "scale", "hyperprior-scale")


def build(options: Options) -> hyperprior.HyperpriorTask:
    return hyperprior.HyperpriorTask(options, SCALE)
