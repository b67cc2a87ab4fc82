"""Odd and broken picture files, by format: what readers that see few of them get wrong."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms
from test_inputs import HERE, load, near, png

tifffile = pytest.importorskip("tifffile")
imagecodecs = pytest.importorskip("imagecodecs")


def p3() -> bytes:
    with Image.open(HERE / "skia_p3.png") as opened:
        profile: bytes = opened.info["icc_profile"]
    return profile


def by_lcms(picture: np.ndarray, profile: bytes) -> np.ndarray:
    """A picture of 8 bits in sRGB, as Pillow has it from lcms."""
    given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return np.asarray(
        ImageCms.profileToProfile(Image.fromarray(picture), given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    )


def test_a_profile_does_the_same_at_16_bits_as_at_8() -> None:
    """lcms's own table for 16 bits would be off by 15 of 255 where a colour leaves sRGB's gamut."""
    from zlib import compress

    rows = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    chunk = (b"iCCP", b"p3\0\0" + compress(p3()))
    near(load(png(16, 2, rows.astype(np.uint16) * 257, chunk), "16 bits"), by_lcms(rows, p3()), 1)


def test_an_avif_sequence_of_10_bits() -> None:
    """Of its tracks imagecodecs writes beyond its buffer, which ends the process sooner or later."""
    for _ in range(3):
        near(load("anim10.avif", "several", "transparency", "10 bits"), (60, 140, 90), 1)
