"""``sccodec train hyperprior-detailed``: the hyperprior with latents for what 256 a block leave, up to higher rates.

Its file format is still to come: there is nothing to export to, and ``sccodec export`` says so.
"""

from __future__ import annotations

from dataclasses import replace

from sccodec.codecs.hyperprior.networks import SLICED
from sccodec.training.loop import Options
from sccodec.training.recipes import hyperprior

CONFIG = replace(SLICED, analysis_blocks=(4, 3), detail=160)
LAMBDAS = (0.0004, 0.3)


def build(options: Options) -> hyperprior.HyperpriorTask:
    return hyperprior.HyperpriorTask(options, CONFIG, LAMBDAS)
