"""HEIC: colours by code points, and what beside the picture is no picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sccodec import image
from sccodec.errors import BadInput
from sccodec.image import boxes

pillow_heif = pytest.importorskip("pillow_heif")
HERE = Path(__file__).parent / "inputs"
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


@pytest.mark.parametrize("name", ["grid.heic", "crop.avif", "g9.jp2", "ga16.jxl", "g16.jxl", "cmyk8.jxl"])
@pytest.mark.parametrize("tail", [bytes(64), b"\0\0\x41\x0aImage_UTC_DataSEFHk\0\0\0SEFT"])
def test_what_cameras_add_behind_the_boxes_is_passed_over(name: str, tail: bytes) -> None:
    data = (HERE / name).read_bytes()
    assert np.array_equal(image.load(data + tail, print), image.load(data, print))


@pytest.mark.parametrize("name", ["grid.heic", "crop.avif", "g9.jp2"])
def test_a_box_that_is_cut_short_is_none_that_was_added(name: str) -> None:
    data = (HERE / name).read_bytes()
    for left_out in (1, 9, 40):
        with pytest.raises(BadInput):
            image.load(data[:-left_out], print)
        with pytest.raises(BadInput):
            image.load(data + (100).to_bytes(4, "big") + b"mdat", print)
