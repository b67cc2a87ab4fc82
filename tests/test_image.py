"""Every kind of picture file becomes uint8 [H, W, 3] in sRGB, or one clear error."""

from __future__ import annotations

import concurrent.futures
import contextlib
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms, ImageOps

from sccodec import image
from sccodec.errors import BadInput
from sccodec.image import raster

Picture = npt.NDArray[np.uint8]


@pytest.fixture(autouse=True, params=[2**22, 100], ids=["whole", "strips"])
def strips(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of this must hold for pictures that are converted at once and for those converted strip by strip."""
    monkeypatch.setattr(raster, "STRIP_PIXELS", request.param)


def stored(picture: Image.Image, suffix: str = "png", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, suffix, **options)
    return buffer.getvalue()


def loaded(data: bytes, *expected: str) -> Picture:
    """Load, with exactly these notices (by one word of each)."""
    heard: list[str] = []
    result = image.load(data, heard.append)
    assert result.dtype == np.uint8 and result.ndim == 3 and result.shape[2] == 3
    assert len(heard) == len(expected), heard
    assert all(word in text for word, text in zip(expected, heard, strict=True)), heard
    assert all("\n" not in text for text in heard)
    return result


def test_rgb(picture: Picture, tmp_path: Path) -> None:
    assert np.array_equal(loaded(stored(Image.fromarray(picture))), picture)
    path = tmp_path / "a.png"
    image.save(path, picture)
    assert np.array_equal(image.load(path, print), picture)
    assert np.array_equal(loaded(image.to_bytes(picture, ".webp")).shape, picture.shape)


def test_grey_and_bilevel(picture: Picture) -> None:
    grey = Image.fromarray(picture[:, :, 0])
    assert np.array_equal(loaded(stored(grey)), np.dstack([picture[:, :, 0]] * 3))
    assert set(np.unique(loaded(stored(grey.convert("1"))))) <= {0, 255}


def test_palette(picture: Picture) -> None:
    palette = Image.fromarray(picture).quantize(16)
    assert np.array_equal(loaded(stored(palette)), np.asarray(palette.convert("RGB")))
    clear = stored(palette, transparency=palette.getpixel((0, 0)))
    assert np.array_equal(loaded(clear, "white")[0, 0], [255, 255, 255])


def test_sixteen_bits() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.floor(values / 257 + 0.5)
    for suffix in ("png", "tiff"):
        got = loaded(stored(Image.fromarray(values), suffix), "16 bits")
        assert np.array_equal(got[:, :, 1], expected)
    wide = Image.fromarray(values.astype(np.int32))
    assert np.array_equal(loaded(stored(wide, "tiff"), "16 bits")[:, :, 0], expected)
    with pytest.raises(BadInput):
        loaded(stored(Image.fromarray(values.astype(np.int32) * 1000), "tiff"))


def test_sixteen_bits_with_a_transparent_value() -> None:
    """PNG's tRNS: Pillow's own conversion makes everything white."""
    grey = np.array([[0x1234, 0x4000, 0xFFFF]], np.uint16)
    data = stored(Image.fromarray(grey), transparency=0x1234)
    assert loaded(data, "white", "16 bits")[0, :, 0].tolist() == [255, 0x40, 255]


def test_floats() -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    assert np.array_equal(loaded(stored(Image.fromarray(ramp), "tiff"), "floating")[:, :, 0].ravel(), np.arange(256))
    with pytest.raises(BadInput):
        loaded(stored(Image.fromarray(ramp * np.nan), "tiff"))


def test_cmyk(picture: Picture) -> None:
    got = loaded(stored(Image.fromarray(picture).convert("CMYK"), "jpeg", quality=98))
    assert np.abs(got.astype(int) - picture).mean() < 4


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_on_white(picture: Picture, mode: str) -> None:
    with_alpha = Image.fromarray(picture).convert(mode)
    with_alpha.putalpha(Image.fromarray(np.full(picture.shape[:2], 51, np.uint8)))
    got = loaded(stored(with_alpha), "white")
    base = np.asarray(with_alpha.convert("RGB"))
    assert np.abs(got - (0.2 * base + 0.8 * 255)).max() <= 1


@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation(picture: Picture, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for suffix in ("png", "tiff"):
        data = stored(Image.fromarray(picture), suffix, exif=exif)
        with Image.open(io.BytesIO(data)) as opened:
            expected = np.asarray(ImageOps.exif_transpose(opened))
        assert np.array_equal(loaded(data), expected)
        assert image.size(data) == expected.shape[1::-1]
    if orientation == 6:
        assert np.array_equal(loaded(data), np.rot90(picture, -1))


def test_colour_profiles(picture: Picture) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(loaded(stored(Image.fromarray(picture), icc_profile=srgb)), picture)
    grey = Image.fromarray(np.full((4, 4, 3), (128, 128, 128), np.uint8))
    assert loaded(stored(grey)).shape == (4, 4, 3)
    loaded(stored(Image.fromarray(picture), icc_profile=b"nonsense" * 40), "profile")
    plain_grey = Image.fromarray(picture[:, :, 0])
    assert np.array_equal(loaded(stored(plain_grey, icc_profile=srgb)), np.dstack([picture[:, :, 0]] * 3))
    loaded(stored(plain_grey.convert("CMYK"), "tiff", icc_profile=srgb), "profile")


def test_swapped_primaries_are_converted(picture: Picture) -> None:
    """A profile whose red and green primaries are exchanged: the picture's colours must change places."""
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = srgb.index(b"rXYZ"), srgb.index(b"gXYZ")
    srgb[red : red + 4], srgb[green : green + 4] = b"gXYZ", b"rXYZ"
    while b"s\0R\0G\0B" in srgb:
        at = srgb.index(b"s\0R\0G\0B")
        srgb[at : at + 7] = b"x\0X\0X\0X"
    if b"sRGB" in srgb:
        srgb = bytearray(bytes(srgb).replace(b"sRGB", b"xXXX"))
    got = loaded(stored(Image.fromarray(picture), icc_profile=bytes(srgb)))
    assert np.abs(got.astype(int) - picture[:, :, [1, 0, 2]]).max() <= 3


def test_animations_give_their_first_picture(picture: Picture) -> None:
    frames = [Image.fromarray(picture), Image.fromarray(255 - picture)]
    data = stored(frames[0], "webp", save_all=True, append_images=frames[1:], lossless=True)
    assert np.array_equal(loaded(data, "first"), picture)
    assert loaded(stored(frames[0], "gif", save_all=True, append_images=frames[1:]), "first").shape == (
        24,
        32,
        3,
    )


def test_heic_and_avif(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(np.repeat(np.repeat(picture, 4, 0), 4, 1))).save(buffer, quality=90)
    assert loaded(buffer.getvalue()).shape == (96, 128, 3)
    with monkeypatch.context() as patch, pytest.raises(BadInput, match="limit"):
        patch.delattr(pillow_heif.HeifFile, "to_pillow")  # which decodes
        image.load(buffer.getvalue(), print, max_pixels=96 * 127)
    Image.init()
    if "AVIF" in Image.SAVE:
        assert loaded(stored(Image.fromarray(picture), "avif")).shape == picture.shape


def test_one_pixel_and_large() -> None:
    assert loaded(stored(Image.new("RGB", (1, 1), (1, 2, 3)))).tolist() == [[[1, 2, 3]]]
    assert loaded(stored(Image.new("RGB", (4000, 3000)), "jpeg")).shape == (3000, 4000, 3)


def test_limits_are_checked_before_pixels(picture: Picture) -> None:
    with pytest.raises(BadInput, match="limit"):
        image.load(stored(Image.fromarray(picture)), print, max_pixels=767)
    with pytest.raises(BadInput, match="a side"):
        image.load(stored(Image.new("L", (2**20 + 1, 1))), print)
    header = b"IHDR" + (2**31 - 1).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    chunk = len(header[4:]).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    with pytest.raises(BadInput):
        image.load(b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\x01IDAT\0", print)


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_our_limit_stands_in_place_of_pillows(picture: Picture, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow raises beyond twice its limit, in some formats when the file is opened, in others when it is decoded."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    data = stored(Image.fromarray(picture), suffix, lossless=True)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: image.load(data, print), range(20)):
            assert np.array_equal(got, picture)
    with pytest.raises(BadInput, match="limit is 767 in all"):
        image.load(data, print, max_pixels=767)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_damaged_and_foreign_files(picture: Picture, tmp_path: Path) -> None:
    jpeg = stored(Image.fromarray(np.repeat(np.repeat(picture, 8, 0), 8, 1)), "jpeg")
    png = stored(Image.fromarray(picture))
    tiff = stored(Image.fromarray(picture), "tiff")
    rng = np.random.default_rng(0)
    noisy = [bytes(rng.integers(0, 256, n, dtype=np.uint8)) for n in (1, 100, 5000)]
    bad = [jpeg[: len(jpeg) // 2], jpeg[:300], png[:60], png[:-30], tiff[:50], b"", b"PK\x03\x04", *noisy]
    for data in bad:
        with pytest.raises(BadInput) as caught:
            image.load(data, lambda text: None)
        assert "\n" not in str(caught.value)
    for path in (tmp_path, tmp_path / "missing.png"):
        with pytest.raises(BadInput):
            image.load(path, print)


def test_damage_anywhere_is_a_picture_or_a_bad_input(picture: Picture) -> None:
    rng = np.random.default_rng(1)
    for suffix in ("png", "jpeg", "gif", "tiff", "webp"):
        data = stored(Image.fromarray(picture), suffix)
        for _ in range(40):
            damaged = bytearray(data)
            for at in rng.integers(0, len(data), 3):
                damaged[at] = rng.integers(256)
            with contextlib.suppress(BadInput):
                image.load(bytes(damaged), lambda text: None)


def test_suffixes(picture: Picture) -> None:
    for suffix in (".png", ".JPG", ".jpeg", ".webp", ".tif", ".bmp", ".ppm"):
        assert loaded(image.to_bytes(picture, suffix)).shape == picture.shape
    for suffix in ("", ".xyz", ".scc", ".pdf"):
        with pytest.raises(BadInput, match="png"):
            image.format_of(suffix)


def test_what_a_format_does_not_hold(picture: Picture, capfd: pytest.CaptureFixture[str]) -> None:
    wide = np.zeros((1, 70000, 3), np.uint8)
    for suffix, content in ((".webp", wide), (".jpg", wide), (".gif", wide), (".tga", wide), (".xbm", picture)):
        with pytest.raises(BadInput, match=r"use \.png"):
            image.to_bytes(content, suffix)
    assert capfd.readouterr().err == ""
    with pytest.raises(FileNotFoundError):
        image.save(Path("absent") / "x.png", picture)


def test_label_maps_keep_their_classes() -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    with Image.open(io.BytesIO(image.labels_to_bytes(labels))) as stored_map:
        assert stored_map.mode == "P" and np.array_equal(np.asarray(stored_map), labels)
        assert len({tuple(c) for c in np.asarray(stored_map.convert("RGB")).reshape(-1, 3)}) == 256
