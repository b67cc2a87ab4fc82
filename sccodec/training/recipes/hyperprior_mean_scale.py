"""``sccodec train hyperprior-mean-scale``: Gaussians whose means and scales come from z, all latents in one step.

The mean and scale hyperprior of Minnen, Balle, Toderici, "Joint Autoregressive and Hierarchical Priors for Learned
Image Compression" (2018), without its context model, on the transforms and with the gains of ``hyperprior``.
"""

from __future__ import annotations

from pathlib import Path

from sccodec.codecs.hyperprior.networks import MEAN_SCALE
from sccodec.training.loop import Options
from sccodec.training.recipes import hyperprior


def export(checkpoints: list[Path], out: Path, data: Path | None) -> Path:
    """Like hyperprior, as the variant ``meanscale``."""
    return hyperprior.export_configuration(checkpoints, out, data, MEAN_SCALE, "meanscale", "hyperprior-mean-scale")


def build(options: Options) -> hyperprior.HyperpriorTask:
    return hyperprior.HyperpriorTask(options, MEAN_SCALE)
