"""``sccodec train segmenter-street-scratch``: below a million parameters, whose weights begin at random.

It has ERFNet's blocks, and the same teachers as segmenter-street-small.
"""

from __future__ import annotations

from pathlib import Path

from sccodec.networks.erfnet import ErfConfig, ErfSegmenter
from sccodec.training import street
from sccodec.training.loop import Options
from sccodec.training.recipes.segmenter_street import StreetTask
from sccodec.training.street_export import export_segmenter

CONFIG = ErfConfig(classes=street.CLASSES)


def export(checkpoints: list[Path], out: Path, data: Path | None) -> Path:
    """Write the model file ``segmenter-street_scratch-TAG``."""
    return export_segmenter(checkpoints, out, "street_scratch", ErfSegmenter(CONFIG))


class ScratchTask(StreetTask):
    batch = 10


def build(options: Options) -> StreetTask:
    return ScratchTask(options, ErfSegmenter(CONFIG), taught=True)
