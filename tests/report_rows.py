"""Rows as `sccodec bench` writes them, made up for tests of the report."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PICTURES = ("a.png", "b.png", "c.png")


def row(spec: str, picture: str = "a.png", file_bytes: int = 1000, **known: Any) -> dict[str, Any]:
    """A row of a picture of 80x100 pixels: a byte is a thousandth of a bit per pixel."""
    return {
        "spec": spec,
        "tag": "",
        "encoder": None,
        "dataset": "tiny",
        "picture": picture,
        "sha256": picture[0] * 64,
        "width": 80,
        "height": 100,
        "file_bytes": file_bytes,
        "bpp": file_bytes / 1000,
        "psnr": 30.0,
        "ssim": 0.9,
        "ms_ssim": 0.95,
        "lpips_alex_v0.1": None,
        "lpips_vgg_v0.1": None,
        "reasons": {},
        "encode_seconds": 0.1,
        "decode_seconds": 0.05,
        "load_seconds": 0.2,
        "peak_rss_bytes": 2**27,
        "versions": {"numpy": "2.0"},
        "device": "cpu",
        "error": None,
    } | known


def curve(codec: str, gain_db: float = 0.0, pictures: Sequence[str] = PICTURES, **known: Any) -> list[dict[str, Any]]:
    """Four settings on each picture: PSNR is 30 + gain_db + 10 log10(bytes / 100), straight in the logarithm."""
    rows = []
    for q, file_bytes in ((10, 100), (20, 200), (40, 400), (80, 800)):
        for i, picture in enumerate(pictures):
            psnr = 30 + gain_db + 10 * math.log10(file_bytes / 100) + i
            rows.append(
                row(f"{codec}:q={q}", picture, file_bytes, psnr=psnr, ms_ssim=1 - 0.05 * 100 / file_bytes, **known)
            )
    return rows


def write(path: Path, rows: Sequence[Any]) -> Path:
    """One line a row; texts are written as they are."""
    lines = [r if isinstance(r, str) else json.dumps(r) for r in rows]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path
