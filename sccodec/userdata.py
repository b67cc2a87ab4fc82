"""The folder that belongs to the user, for what sccodec is told or downloads: data sets, weights of metrics."""

from __future__ import annotations

import os
from pathlib import Path

from sccodec.errors import BadInput


def folder() -> Path:
    """What SCCODEC_DATA names, or `sccodec` in the user's data folder; it need not exist.

    Raises BadInput where nothing is named, and the user has no home.
    """
    named = os.environ.get("SCCODEC_DATA")
    if named:
        return Path(named)
    try:
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    except RuntimeError:
        raise BadInput("you have no home folder: set SCCODEC_DATA to one for data sets and weights") from None
    return Path(base) / "sccodec"


def lpips() -> Path:
    """The folder within it where the LPIPS weights lie once they were fetched."""
    return folder() / "lpips"
