"""``sccodec train segmenter-street-small``: below a million parameters, taught by labels and by ``street``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sccodec.networks.pyramid import SMALL, PyramidSegmenter
from sccodec.training import street
from sccodec.training.loop import Options
from sccodec.training.recipes.segmenter_street import StreetTask
from sccodec.training.street_export import export_segmenter

CONFIG = replace(SMALL, classes=street.CLASSES)


def export(checkpoints: list[Path], out: Path, data: Path | None) -> Path:
    """Write the model file ``segmenter-street_small-TAG``."""
    return export_segmenter(checkpoints, out, "street_small", PyramidSegmenter(CONFIG))


def build(options: Options) -> StreetTask:
    return StreetTask(options, PyramidSegmenter(CONFIG), taught=True)
