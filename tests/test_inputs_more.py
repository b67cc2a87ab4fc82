"""Odd and broken picture files, by format: what readers that see few of them get wrong."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms
from test_inputs import HERE, load, near, png, ramp

from sccodec import image
from sccodec.errors import BadInput

pytest.importorskip("tifffile")
imagecodecs = pytest.importorskip("imagecodecs")


def p3() -> bytes:
    with Image.open(HERE / "skia_p3.png") as opened:
        profile: bytes = opened.info["icc_profile"]
    return profile


def by_lcms(picture: npt.NDArray[np.uint8], profile: bytes) -> npt.NDArray[np.uint8]:
    """A picture of 8 bits in sRGB, as Pillow has it from lcms."""
    given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return np.asarray(
        ImageCms.profileToProfile(Image.fromarray(picture), given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    )


def test_a_profile_does_the_same_at_16_bits_as_at_8() -> None:
    """lcms's own table for 16 bits would be off by 15 of 255 where a colour leaves sRGB's gamut."""
    rows = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    chunk = (b"iCCP", b"p3\0\0" + zlib.compress(p3()))
    near(load(png(16, 2, rows.astype(np.uint16) * 257, chunk), "16 bits"), by_lcms(rows, p3()), 1)


def test_an_avif_sequence_of_10_bits() -> None:
    """Of its tracks imagecodecs writes beyond its buffer, which ends the process sooner or later."""
    for _ in range(3):
        near(load("anim10.avif", "several", "transparency", "10 bits"), (60, 140, 90), 1)


# --- PNG

ROWS = ramp((12, 16, 3), 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (b"gAMA", b"\xff" * 4),
        (b"gAMA", b"\xff" * 3),
        (b"gAMA", bytes(4)),
        (b"cHRM", b"\xff" * 32),
        (b"cHRM", bytes(32)),
        (b"cHRM", struct.pack(">8I", *[33000] * 8)),
        (b"cHRM", b"\x01"),
    ],
)
def test_what_a_png_cannot_mean_is_left_out(kind: bytes, content: bytes) -> None:
    assert np.array_equal(load(png(8, 2, ROWS, (kind, content)), "damaged"), ROWS)


def test_pngs_that_are_none() -> None:
    grey = ROWS[:, :, :1]
    for data, words in (
        (png(8, 3, grey), "no palette"),
        (png(8, 3, grey, (b"PLTE", b"abcd")), "no palette"),
        (png(16, 3, grey), "no colour type 3 of 16 bits"),
        (png(8, 2, ROWS[:, :0]), "without pixels"),
    ):
        with pytest.raises(BadInput, match=words):
            image.load(data, print)


# --- JPEG


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (24, 16), (60, 140, 90)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def with_segments(*segments: tuple[int, bytes]) -> bytes:
    """A JPEG file with further segments, by their markers."""
    data = jpeg()
    added = (bytes([255, marker]) + struct.pack(">H", len(content) + 2) + content for marker, content in segments)
    return data[:2] + b"".join(added) + data[2:]


def profile_parts(profile: bytes) -> list[tuple[int, bytes]]:
    parts = [profile[i : i + 200] for i in range(0, len(profile), 200)]
    return [(0xE2, b"ICC_PROFILE\0" + bytes([i + 1, len(parts)]) + part) for i, part in enumerate(parts)]


def test_a_profile_in_parts_is_whole_or_left_out_with_a_notice() -> None:
    parts = profile_parts(p3())
    near(load(with_segments(*reversed(parts))), (0, 142, 85), 2)
    near(load(with_segments(*parts[:-1]), "not whole"), (60, 140, 90), 2)
    near(load(with_segments(parts[0], *parts)), (0, 142, 85), 2)


@pytest.mark.parametrize(
    ("segment", "notices"),
    [
        ((0xE0, b"JFIF\0"), ["metadata"]),
        ((0xE2, b"ICC_PROFILE\0"), ["metadata", "not whole"]),
        ((0xE1, b"Exif\0\0zzzzzzzzzz"), ["EXIF"]),
    ],
)
def test_broken_metadata_of_jpeg(segment: tuple[int, bytes], notices: list[str]) -> None:
    near(load(with_segments(segment), *notices), (60, 140, 90), 2)


# --- messages, sizes


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GIF89a;", "begins as GIF files do"),
        (b"\0\0\1\0\0\0", "begins as ICO files do"),
        (b"RIFF\0\0\0\0WEBP", "begins as WEBP files do"),
        (b"P7\nWIDTH 1\n", "PAM"),
        (b"\0", "not a picture"),
    ],
)
def test_a_broken_file_is_said_to_be_of_its_format(data: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        image.load(data, print)


def test_a_picture_has_the_size_that_its_file_states() -> None:
    """The limit on pixels holds for what is stated; libheif goes by the coded data."""
    data = (HERE / "two.heic").read_bytes()
    with pytest.raises(BadInput, match="size"):
        image.load(data.replace(b"ispe", b"free"), print)
