"""Where the weights of metrics lie; imports no torch."""

from __future__ import annotations

import os
from pathlib import Path

from sccodec import userdata
from sccodec.errors import BadInput


def file_name(trunk: str) -> str:
    """Of the weights of LPIPS for one of its trunks."""
    return f"lpips_{trunk}.safetensors"


def find_weights(trunk: str, folder: Path | None = None) -> Path:
    """The file of LPIPS's weights: in ``folder``, else in what SCCODEC_LPIPS names, else where they were fetched to.

    Raises BadInput where there is none.
    """
    name = file_name(trunk)
    named = folder if folder is not None else os.environ.get("SCCODEC_LPIPS")
    path = Path(named) / name if named else userdata.lpips() / name
    if path.is_file():
        return path
    if named:
        raise BadInput(f"LPIPS weights not found: {path} does not exist")
    raise BadInput("LPIPS needs its weights: `sccodec data fetch lpips`, or set SCCODEC_LPIPS to their folder")
