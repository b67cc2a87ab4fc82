"""Odd TIFF files, written tag by tag: tags that are missing, in vain or rare, and parts without data."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms
from test_inputs import eight, load, near, ramp

from sccodec import image
from sccodec.errors import BadInput

tifffile = pytest.importorskip("tifffile")
imagecodecs = pytest.importorskip("imagecodecs")

Value = int | list[int]
HEIGHT, WIDTH = 12, 16
RGB = ramp((HEIGHT, WIDTH, 3), 255).astype(np.uint8)


def tiff(photometric: int, bits: Value, n_samples: int, parts: list[bytes], tags: dict[int, Value | None]) -> bytes:
    """A TIFF file of 12 rows of 16 pixels; of tags, those that are None are left out."""
    starts = [8 + sum(len(part) for part in parts[:i]) for i in range(len(parts))]
    stated: dict[int, Value | None] = {256: WIDTH, 257: HEIGHT, 258: bits, 259: 1, 262: photometric, 277: n_samples}
    stated |= {278: HEIGHT, 273: starts, 279: [len(part) for part in parts], **tags}
    pixels = b"".join(parts)
    pixels += bytes(len(pixels) % 2)
    at, behind, entries = 8 + len(pixels), b"", b""
    present = {tag: value if isinstance(value, list) else [value] for tag, value in stated.items() if value is not None}
    for tag in sorted(present):
        values = struct.pack(f"<{len(present[tag])}I", *present[tag])
        place = at + 6 + 12 * len(present) + len(behind)
        entries += struct.pack("<HHI", tag, 4, len(present[tag]))
        entries += values if len(values) == 4 else struct.pack("<I", place)
        behind += values if len(values) > 4 else b""
    return b"II*\0" + struct.pack("<I", at) + pixels + struct.pack("<H", len(present)) + entries + bytes(4) + behind


@pytest.mark.parametrize(
    ("parts", "tags"),
    [
        ([RGB[:6].tobytes(), b""], {278: 6}),
        ([RGB[:6].tobytes()], {278: 6}),
        ([RGB.tobytes()], {279: 0}),
        ([RGB.tobytes()], {273: 0}),
    ],
)
def test_a_part_without_data_is_not_black(parts: list[bytes], tags: dict[int, Value | None]) -> None:
    with pytest.raises(BadInput, match="no data"):
        image.load(tiff(2, [8, 8, 8], 3, parts, tags), print)


def test_tags_in_vain_and_missing_ones() -> None:
    """As libtiff reads them: no predictor without compression, and colours by the number of samples."""
    for tags in ({317: 2}, {262: None}):
        assert np.array_equal(load(tiff(2, [8, 8, 8], 3, [RGB.tobytes()], tags)), RGB)
    grey = RGB[:, :, 0]
    assert np.array_equal(load(tiff(1, 8, 1, [grey.tobytes()], {262: None})), eight(grey, 255))


@pytest.mark.parametrize("scale", [1, 256, 257])
def test_palettes_of_any_scale(scale: int) -> None:
    palette = np.random.default_rng(0).integers(0, 256, (256, 3))
    index = ramp((HEIGHT, WIDTH), 255).astype(np.uint8)
    tags: dict[int, Value | None] = {320: (palette.T * scale).ravel().tolist()}
    assert np.array_equal(load(tiff(3, 8, 1, [index.tobytes()], tags)), palette[index])
    with_alpha = np.stack([index, np.full_like(index, 51)], 2)
    data = tiff(3, [8, 8], 2, [with_alpha.tobytes()], {**tags, 338: 2})
    near(load(data, "transparency"), palette[index] * 0.2 + 204, 1)


def test_alpha_is_found_among_extra_samples() -> None:
    extra, alpha = np.zeros((HEIGHT, WIDTH, 1), np.uint8), np.full((HEIGHT, WIDTH, 1), 51, np.uint8)
    data = tiff(2, [8] * 5, 5, [np.concatenate([RGB, extra, alpha], 2).tobytes()], {338: [0, 2]})
    near(load(data, "transparency"), RGB * 0.2 + 204, 1)


@pytest.mark.parametrize("kind", ["i1", "i2"])
def test_samples_with_a_sign(kind: str) -> None:
    most = np.iinfo(kind).max
    samples = ramp((HEIGHT, WIDTH, 3), most)
    bits = [8 * np.dtype(kind).itemsize] * 3
    data = tiff(2, bits, 3, [samples.astype(kind).tobytes()], {339: [2, 2, 2]})
    near(load(data, *["bits"] * (kind == "i2")), eight(samples, most), 1)
    with pytest.raises(BadInput, match="below 0"):
        image.load(tiff(2, bits, 3, [(samples - 1).astype(kind).tobytes()], {339: [2, 2, 2]}), print)


def ycbcr(picture: npt.NDArray[np.uint8], across: int, down: int) -> bytes:
    """The units of a picture of flat blocks of 4 x 4."""
    planes = np.asarray(Image.fromarray(picture).convert("YCbCr"))
    luma = planes[:, :, 0].reshape(HEIGHT // down, down, WIDTH // across, across).transpose(0, 2, 1, 3)
    units = luma.reshape(HEIGHT // down, WIDTH // across, across * down)
    return np.concatenate([units, planes[::down, ::across, 1:]], 2).tobytes()


@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 1), (2, 2), (4, 4)])
@pytest.mark.parametrize("compression", [1, 5, 8])
def test_ycbcr_outside_jpeg(across: int, down: int, compression: int, capfd: pytest.CaptureFixture[str]) -> None:
    picture = RGB[::4, ::4].repeat(4, 0).repeat(4, 1)
    units = ycbcr(picture, across, down)
    coded = {1: bytes, 5: imagecodecs.lzw_encode, 8: zlib.compress}[compression](units)
    tags: dict[int, Value | None] = {530: [across, down], 259: compression}
    near(load(tiff(6, [8, 8, 8], 3, [coded], tags)), picture, 3)
    with pytest.raises(BadInput, match="damaged"):
        image.load(tiff(6, [8, 8, 8], 3, [coded[: len(coded) // 2]], tags), print)
    assert capfd.readouterr().err == ""


def test_lab() -> None:
    grey = eight(RGB[:, :, 0], 255).astype(np.uint8)
    lab = np.asarray(
        ImageCms.profileToProfile(
            Image.fromarray(grey), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
    )
    signed = lab.copy()
    signed[:, :, 1:] = 0  # CIE L*a*b* has a sign, ICC's an offset
    for photometric, neutral in ((8, 0), (9, 128)):
        signed[:, :, 1:] = neutral
        near(load(tiff(photometric, [8, 8, 8], 3, [signed.tobytes()], {})), grey, 2)


def test_fax_compression_writes_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    """libtiff would tell standard error of each line that is damaged."""
    if not hasattr(imagecodecs, "CCITTFAX4") or not imagecodecs.CCITTFAX4.available:
        pytest.skip("imagecodecs without fax compression")
    bilevel = Image.fromarray(RGB[:, :, 0]).convert("1")
    buffer = io.BytesIO()
    bilevel.save(buffer, "TIFF", compression="group4")
    data = buffer.getvalue()
    assert np.array_equal(load(data)[:, :, 0] > 0, np.asarray(bilevel))
    start = 8
    image.load(data[: start + 3] + b"\0\0\x55" + data[start + 6 :], print)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("photometric", "bits", "tags", "words"),
    [
        (32803, 8, {}, "photometric interpretation 32803"),
        (2, 8, {259: 77}, "compression 77"),
        (2, [5, 6, 5], {}, "5, 6, 5 bits"),
        (8, 16, {}, "of 16 bits"),
        (5, 8, {332: 2}, "inks"),
        (2, 64, {339: [3, 3, 3], 256: 16000, 257: 16000, 278: 16000}, "5.7 GiB of samples"),
    ],
)
def test_what_is_not_read_is_said_in_words(
    photometric: int, bits: Value, tags: dict[int, Value | None], words: str
) -> None:
    data = tiff(photometric, bits if isinstance(bits, list) else [bits] * 3, 3, [bytes(2000)], tags)
    with pytest.raises(BadInput, match=words):
        image.load(data, print)


def test_the_first_page_that_is_no_smaller_copy() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(RGB[::4, ::4].copy(), photometric="rgb", subfiletype=1)
        file.write(RGB, photometric="rgb")
    assert np.array_equal(load(buffer.getvalue()), RGB)
    raw = tiff(2, [8, 8, 8], 3, [RGB.tobytes()], {254: 1, 330: 8})
    with pytest.raises(BadInput, match="smaller copy"):
        image.load(raw, print)


def test_stacks_of_imagej_are_several_pictures() -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.stack([RGB[:, :, 0], RGB[:, :, 1]]), imagej=True)
    load(buffer.getvalue(), "several")
    single = io.BytesIO()
    tifffile.imwrite(single, RGB[:, :, 0], imagej=True)
    load(single.getvalue())
