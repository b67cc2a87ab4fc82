"""The golden files decode to what is recorded, with the libraries that are installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_golden_files_decode() -> None:
    script = Path(__file__).parent / "decode_golden.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
