"""The folder that belongs to the user, for what sccodec is told or downloads: data sets, weights of metrics."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """What SCCODEC_DATA names, or `sccodec` in the user's data folder; it need not exist."""
    named = os.environ.get("SCCODEC_DATA")
    if named:
        return Path(named)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "sccodec"


def lpips() -> Path:
    """The folder within it where the LPIPS weights lie once they were fetched."""
    return folder() / "lpips"
