"""Odd and broken picture files, by format: what readers that see few of them get wrong."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms
from test_inputs import HERE, load, near, png, ramp

from sccodec import image
from sccodec.errors import BadInput
from sccodec.image import jpegxl
from sccodec.image.load import _said

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


@pytest.mark.parametrize("depth", [8, 16])
def test_grey_in_linear_light(depth: int) -> None:
    profile = imagecodecs.cms_profile("gray", gamma=1.0)
    light = np.arange(256) / 255
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    rows = np.arange(256).reshape(16, 16, 1).astype(f"u{depth // 8}") * (257 if depth == 16 else 1)
    got = load(png(depth, 0, rows, (b"iCCP", b"grey\0\0" + zlib.compress(profile))), *["16 bits"] * (depth == 16))
    near(got, srgb.reshape(16, 16, 1), 1)


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


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TypeError("unsupported operand type(s) for //"), "damaged"),
        (RuntimeError("'Decoding of color planes failed' (Unknown OBU type 0)"), "damaged"),
        (ValueError("Invalid input: Unknown NCLX matrix"), "damaged"),
        (ValueError("Unsupported marker\n\x7f 4"), r"not read here \(Unsupported marker 4\)"),
    ],
)
def test_what_libraries_say_is_told_where_it_tells_something(error: Exception, words: str) -> None:
    assert re.search(words, _said(error))


def test_threads_leave_the_filter_of_warnings_as_it_was() -> None:
    files = [(HERE / name).read_bytes() for name in ("z.tif", "g16.jxl", "gama1.png")] * 20
    before = warnings.filters[:]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda data: image.load(data, lambda text: None), files))
    assert warnings.filters[:] == before


def test_a_picture_has_the_size_that_its_file_states() -> None:
    """The limit on pixels holds for what is stated; libheif goes by the coded data."""
    data = (HERE / "two.heic").read_bytes()
    with pytest.raises(BadInput, match="size"):
        image.load(data.replace(b"ispe", b"free"), print)


# --- JPEG 2000


def jp2(samples: npt.NDArray[np.uint8], space: int | bytes, *parts: tuple[bytes, bytes]) -> bytes:
    """A file of samples [H, W] or [H, W, C]; space: an enumerated one, or a profile; parts: further boxes of jp2h."""

    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + kind + content

    stream = imagecodecs.jpeg2k_encode(samples, level=0, codecformat="j2k")
    height, width, channels = (*samples.shape, 1)[:3]
    colours = b"\2\0\0" + space if isinstance(space, bytes) else b"\1\0\0" + struct.pack(">I", space)
    header = box(b"ihdr", struct.pack(">IIHBBBB", height, width, channels, 7, 7, 0, 0)) + box(b"colr", colours)
    header += b"".join(box(*part) for part in parts)
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 " + bytes(4) + b"jp2 ")
    return start + box(b"jp2h", header) + box(b"jp2c", stream)


@pytest.mark.parametrize("bits", [5, 8, 12, 16])
def test_palettes_of_jpeg_2000(bits: int) -> None:
    index = ramp((12, 16), 255).astype(np.uint8)
    most = (1 << bits) - 1
    colours = np.random.default_rng(0).integers(0, most + 1, (256, 4))
    colours[:, 3] = 0
    mapped = (b"cmap", b"".join(struct.pack(">HBB", 0, 1, i) for i in range(4)))
    defined = (b"cdef", struct.pack(">H", 4) + struct.pack(">12H", 0, 0, 1, 1, 0, 2, 2, 0, 3, 3, 1, 0))
    deep = [f"{bits} bits"] * (bits > 8)

    def palette(channels: int) -> tuple[bytes, bytes]:
        values = colours[:, :channels].astype(">u2" if bits > 8 else "u1").tobytes()
        return b"pclr", struct.pack(">HB", 256, channels) + bytes([bits - 1] * channels) + values

    near(load(jp2(index, 16, palette(3), (b"cmap", mapped[1][:12])), *deep), colours[index][:, :, :3] * 255 / most, 1)
    near(load(jp2(index, 16, palette(4), mapped, defined), "transparency", *deep), 255, 0)
    with pytest.raises(BadInput, match="palette"):
        image.load(jp2(index, 16, palette(3)), print)


def test_four_channels_of_jpeg_2000() -> None:
    """Transparency, ink, or nothing that is known."""
    samples = np.concatenate([ROWS, np.full((12, 16, 1), 51, np.uint8)], 2)
    near(load(jp2(samples, 16), "transparency"), ROWS * 0.2 + 204, 1)
    near(load(jp2(samples, 12)), (255 - ROWS.astype(float)) * 0.8, 1)
    profile = jpegxl.profile((HERE / "cmyk8.jxl").read_bytes())
    assert profile is not None
    wanted = ImageCms.profileToProfile(
        Image.frombytes("CMYK", (16, 12), samples.tobytes()),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    )
    near(load(jp2(samples, profile)), np.asarray(wanted), 1)
    unknown = (b"cdef", struct.pack(">H", 4) + struct.pack(">12H", 0, 0, 1, 1, 0, 2, 2, 0, 3, 3, 65535, 65535))
    near(load(jp2(samples, 16, unknown)), ROWS, 0)


def test_pictures_of_jpeg_2000_that_are_subsampled_as_a_whole_are_refused() -> None:
    """Pillow would make a larger one of it, its colours mixed up."""
    stream = bytearray(imagecodecs.jpeg2k_encode(ROWS, level=0, codecformat="j2k"))
    stream[43:45] = stream[46:48] = stream[49:51] = b"\2\2"
    stream[8:16] = stream[24:32] = struct.pack(">II", 32, 24)
    with pytest.raises(BadInput, match="subsampled"):
        image.load(bytes(stream), print)


# --- JPEG XL


def test_high_dynamic_range_in_jpeg_xl() -> None:
    """By its code points as in other formats, and not by the profile that libjxl makes of them."""
    stated = png(8, 2, np.full((16, 16, 3), (60, 140, 90), np.uint8), (b"cICP", bytes([9, 16, 0, 1])))
    assert np.array_equal(load("pq.jxl", "dynamic range"), load(stated, "dynamic range"))


# --- BMP


def test_the_profile_of_a_bmp() -> None:
    pixels = bytes([90, 140, 60, 0]) * 64
    header = struct.pack("<IiiHHIIiiII", 124, 8, 8, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    header += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0) + b"DEBM" + bytes(48)
    header += struct.pack("<4I", 4, 124 + len(pixels), len(p3()), 0)
    start = b"BM" + struct.pack("<IHHI", 14 + 124 + len(pixels) + len(p3()), 0, 0, 14 + 124)
    near(load(start + header + pixels + p3()), (0, 143, 84), 1)
    near(load(start + header + pixels), (60, 140, 90), 0)
    near(load(start + header + pixels + p3()[:200], "profile"), (60, 140, 90), 0)


# --- GIF


def test_around_a_frame_of_a_gif_there_is_nothing() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (60, 140, 90)).save(buffer, "GIF")
    data = bytearray(buffer.getvalue())
    frame = data.index(b"\x2c")
    data[6:10] = struct.pack("<2H", 8, 6)
    data[frame + 1 : frame + 5] = struct.pack("<2H", 3, 1)
    expected = np.full((6, 8, 3), 255)
    expected[1:5, 3:7] = (60, 140, 90)
    near(load(bytes(data), "transparency"), expected, 0)
