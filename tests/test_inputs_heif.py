"""HEIC: colours by code points, and what beside the picture is no picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from sccodec import image
from sccodec.errors import BadInput
from sccodec.image import boxes

pillow_heif = pytest.importorskip("pillow_heif")
FLAT = np.full((64, 64, 3), (60, 140, 90), np.uint8)


@pytest.mark.parametrize(
    ("primaries", "transfer", "expected"),
    [(1, 13, (60, 140, 90)), (2, 2, (60, 140, 90)), (12, 13, (0, 142, 85)), (1, 8, (133, 196, 160))],
)
def test_code_points_count(primaries: int, transfer: int, expected: Sequence[int]) -> None:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(FLAT)).save(
        buffer,
        quality=-1,
        chroma="444",
        save_nclx_profile=True,
        color_primaries=primaries,
        transfer_characteristics=transfer,
        matrix_coefficients=1,
        full_range_flag=1,
    )
    found = boxes.primary_item(buffer.getvalue()).nclx
    if found is None:
        pytest.skip("this pillow-heif writes no code points")
    assert (found.primaries, found.transfer) == (primaries, transfer)
    heard: list[str] = []
    got = image.load(buffer.getvalue(), heard.append)
    assert np.abs(got.astype(int) - np.array(expected)).max() <= 3 and heard == []


def test_masks_and_thumbnails_are_no_pictures_of_their_own() -> None:
    large = Image.fromarray(np.repeat(np.repeat(FLAT, 4, 0), 4, 1)).convert("RGBA")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(large).save(buffer, quality=90, thumbnails=[32])
    heard: list[str] = []
    assert image.load(buffer.getvalue(), heard.append).shape == (256, 256, 3)
    assert heard == ["transparency is flattened onto white"]


@pytest.mark.parametrize("bits", [10, 12])
def test_more_than_8_bits(bits: int) -> None:
    ramp = np.repeat(np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64, 1), 3, 2)
    buffer = io.BytesIO()
    pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    try:
        pillow_heif.from_bytes("RGB;16", (64, 64), ramp.tobytes()).save(buffer, quality=-1, chroma="444")
    finally:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    heard: list[str] = []
    got = image.load(buffer.getvalue(), heard.append)
    assert np.abs(got - ramp / 257).max() <= 3 and heard == [f"samples of {bits} bits are rounded to 8 bits"]


@pytest.mark.parametrize(("kind", "name"), [(b"unci", "uncompressed"), (b"j2k1", "JPEG 2000")])
def test_other_data_are_refused_by_their_name(kind: bytes, name: str) -> None:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(FLAT)).save(buffer, quality=50)
    data = buffer.getvalue()
    at = data.index(b"infe")
    changed = data[:at] + data[at : at + 40].replace(b"hvc1", kind) + data[at + 40 :]
    assert changed != data
    with pytest.raises(BadInput, match=f"HEIF file of {name} data"):
        image.load(changed, print)
