"""``sccodec train hyperprior-factorized``: latents of learned densities, a channel each, and no hyperprior.

The prior of Balle, Laparra, Simoncelli, "End-to-end Optimized Image Compression" (2017), on the transforms and with the
gains of ``hyperprior``: what remains between their curves is the entropy model's.
"""

from __future__ import annotations

from pathlib import Path

from sccodec.codecs.hyperprior.networks import FACTORIZED
from sccodec.training.loop import Options
from sccodec.training.recipes import hyperprior


def export(checkpoints: list[Path], out: Path, data: Path | None) -> Path:
    """Like hyperprior, as the variant ``factorized``."""
    return hyperprior.export_configuration(checkpoints, out, data, FACTORIZED, "factorized", "hyperprior-factorized")


def build(options: Options) -> hyperprior.HyperpriorTask:
    return hyperprior.HyperpriorTask(options, FACTORIZED)
