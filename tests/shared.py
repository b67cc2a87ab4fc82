"""What several test modules call, and that is no fixture."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from sccodec.cli import main


def run(capfd: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    """The exit code of a command, and what it wrote to both streams; never a traceback."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main([str(a) for a in args])
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err and isinstance(stopped.value.code, int)
    return stopped.value.code, out, err


def ppm_digest(picture: npt.NDArray[np.uint8]) -> str:
    """The SHA-256 of a picture as a PPM file, by which data sets know it."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PPM")
    return hashlib.sha256(buffer.getvalue()).hexdigest()
