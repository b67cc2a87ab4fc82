"""What becomes of each kind of picture file: depths, colours, broken parts, notices. The files: inputs/README.md."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

import sccodec
from sccodec import image
from sccodec.errors import BadInput, BadStream
from sccodec.image import boxes, colour, jpegxl

tifffile = pytest.importorskip("tifffile")
imagecodecs = pytest.importorskip("imagecodecs")

Picture = npt.NDArray[np.uint8]
HERE = Path(__file__).parent / "inputs"
WHITE = (255, 255, 255)


def load(data: bytes | str, *expected: str) -> Picture:
    """Load a file, or one of those here, with exactly these notices, by a word of each."""
    source = HERE / data if isinstance(data, str) else data
    heard: list[str] = []
    picture = image.load(source, heard.append)
    assert len(heard) == len(expected), heard
    assert all(any(word in text for text in heard) for word in expected), heard
    assert all("\n" not in text for text in heard)
    assert image.size(source) == picture.shape[1::-1]
    return picture


def near(picture: Picture, expected: Sequence[float] | npt.NDArray[np.floating], tolerance: float) -> None:
    assert np.abs(picture - np.asarray(expected, np.float64)).max() <= tolerance, picture[0, 0].tolist()


def ramp(shape: tuple[int, ...], most: int) -> npt.NDArray[np.int64]:
    return np.linspace(0, most, int(np.prod(shape))).round().astype(np.int64).reshape(shape)


def eight(samples: npt.NDArray[np.integer], most: int) -> npt.NDArray[np.float64]:
    """Samples from 0 to most in 8 bits, as three channels."""
    values = np.floor(samples * (255 / most) + 0.5)
    return (
        values if values.ndim == 3 and values.shape[2] == 3 else np.repeat(values.reshape(*samples.shape[:2], 1), 3, 2)
    )


def by_lcms(stored: Image.Image, profile: bytes) -> Picture:
    """A picture in sRGB, by lcms through Pillow."""
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    found = ImageCms.profileToProfile(stored, opened, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return np.asarray(found)


FLAT = {
    "white10.jxl": (WHITE, 0, ["10 bits"]),
    "white10.jp2": (WHITE, 0, ["10 bits"]),
    "white16.jp2": (WHITE, 0, ["16 bits"]),
    "white12.tif": (WHITE, 0, ["12 bits"]),
    "adobe_lossy.jxl": ((129, 129, 129), 1, []),
    "p3_lossless.jxl": ((0, 142, 85), 2, []),
    "p3src.png": ((0, 142, 85), 2, []),
    "cicp_p3.png": ((0, 142, 85), 1, []),
    "p310.avif": ((0, 142, 85), 1, ["10 bits"]),
    "skia_p3.png": ((0, 143, 84), 1, []),
    "gimp_linear.png": ((187, 187, 187), 1, []),
    "gama1.png": ((133, 196, 160), 1, []),
    "linear10.avif": ((133, 196, 160), 1, ["10 bits"]),
    "exif_garbage.png": ((60, 140, 90), 0, ["EXIF"]),
    "exif_garbage.heic": ((60, 140, 90), 2, ["EXIF"]),
    "rawprofile.png": ((60, 140, 90), 0, ["EXIF"]),
    "text_badcrc.png": ((60, 140, 90), 0, ["checksum of tEXt"]),
    "iccp_method1.png": ((60, 140, 90), 0, ["profile"]),
    "two.heic": ((254, 0, 0), 1, ["several"]),
    "anim.webp": ((255, 0, 2), 2, ["several"]),
    "bgr8.jp2": ((200, 100, 50), 1, []),
    "bgr12.jp2": ((200, 100, 50), 1, ["12 bits"]),
    "argb8.jp2": ((255, 255, 255), 0, ["transparency"]),
    "argb12.jp2": ((255, 255, 255), 0, ["transparency", "12 bits"]),
    "la12.jp2": ((200, 200, 200), 1, ["transparency", "12 bits"]),
    "rgb420_8.jp2": ((200, 100, 50), 1, []),
    **{
        f"sycc{chroma}_{bits}.jp2": ((187, 111, 61), 1, ["12 bits"] * (bits == 12))
        for chroma in (420, 444)
        for bits in (8, 12)
    },
}
"""By file: the colour that its first pixel must have, within so much, and its notices."""


@pytest.mark.parametrize("name", FLAT)
def test_a_file_gives_its_colour(name: str) -> None:
    expected, tolerance, notices = FLAT[name]
    near(load(name, *notices)[:1, :1], expected, tolerance)


def test_a_linear_ramp_of_16_bits_keeps_its_levels() -> None:
    """Colours are managed before the rounding: 8 bits of linear light would leave 64 levels, and errors up to 11."""
    with Image.open(HERE / "linear16.png") as opened:
        profile = opened.info["icc_profile"]
    samples = np.asarray(imagecodecs.png_decode((HERE / "linear16.png").read_bytes()))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    wanted = imagecodecs.cms_transform(samples, profile, srgb, colorspace="rgb", outcolorspace="rgb", outdtype="u2")
    got = load("linear16.png", "16 bits")
    near(got, wanted / 257, 1)
    assert len(np.unique(got)) >= 137


# --- depths


def tiff(samples: npt.NDArray[np.generic], **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_tiffs_of_16_bits(order: str, compression: str | None) -> None:
    rgb = ramp((12, 16, 3), 65535).astype(np.uint16)
    grey = rgb[:, :, 0]
    options = {"byteorder": order, "compression": compression}
    assert np.array_equal(load(tiff(rgb, photometric="rgb", **options), "16 bits"), eight(rgb, 65535))
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1))
    planar = tiff(planes, photometric="rgb", planarconfig="separate", **options)
    assert np.array_equal(load(planar, "16 bits"), eight(rgb, 65535))
    for photometric, stored in (("minisblack", grey), ("miniswhite", 65535 - grey)):
        assert np.array_equal(load(tiff(stored, photometric=photometric, **options), "16 bits"), eight(grey, 65535))
    ink = np.concatenate([65535 - rgb, np.zeros((12, 16, 1), np.uint16)], 2)
    assert np.array_equal(load(tiff(ink, photometric="separated", **options), "16 bits"), eight(rgb, 65535))
    floats = (rgb / 65535).astype(np.float32)
    near(load(tiff(floats, photometric="rgb", **options), "floating"), eight(rgb, 65535), 1)


@pytest.mark.parametrize("bits", [1, 2, 4, 10, 12, 14])
def test_grey_tiffs_of_any_depth(bits: int) -> None:
    samples = ramp((12, 16), (1 << bits) - 1).astype(np.uint16 if bits > 8 else np.uint8)
    expected = eight(samples, (1 << bits) - 1)
    notices = [f"{bits} bits"] if bits > 8 else []
    data = packed_tiff(samples, bits)
    assert np.array_equal(load(data, *notices), expected)
    white_is_zero = packed_tiff(samples, bits, photometric=0)
    assert np.abs(load(white_is_zero, *notices) - (255 - expected)).max() <= (bits > 8)


def packed_tiff(samples: npt.NDArray[np.unsignedinteger], bits: int, photometric: int = 1) -> bytes:
    """A grey TIFF of one strip, its rows packed bit by bit, written by hand."""
    height, width = samples.shape
    spread = (samples[:, :, None].astype(np.uint32) >> np.arange(bits - 1, -1, -1)) & 1
    strip = np.packbits(spread.reshape(height, -1).astype(np.uint8), axis=1).tobytes()
    tags = (
        (256, width),
        (257, height),
        (258, bits),
        (259, 1),
        (262, photometric),
        (273, 8),
        (277, 1),
        (278, height),
        (279, len(strip)),
    )
    entries = b"".join(struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in tags)
    at = 8 + len(strip) + len(strip) % 2
    head = b"II*\0" + struct.pack("<I", at) + strip + b"\0" * (len(strip) % 2)
    return head + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
def test_alpha_of_tiffs(alpha: str) -> None:
    rgb = ramp((12, 16, 3), 65535).astype(np.uint16)
    opacity = ramp((12, 16, 1), 65535)[::-1].astype(np.uint16)
    stored = (rgb.astype(np.uint64) * opacity // 65535).astype(np.uint16) if alpha == "assocalpha" else rgb
    on_white = (rgb * (opacity / 65535) + 65535 - opacity) / 257
    data = tiff(np.concatenate([stored, opacity], 2), photometric="rgb", extrasamples=[alpha])
    near(load(data, "transparency", "16 bits"), on_white, 1)


@pytest.mark.parametrize("most", [1, 100, 255, 1023, 4095, 65535])
def test_netpbm_scales_by_its_own_white(most: int) -> None:
    """Pillow scales 8 bits and digits, and rounds halves to even."""
    kind, bits = (">u2", [f"{most.bit_length()} bits"]) if most > 255 else ("u1", [])
    grey, rgb = ramp((12, 16), most), ramp((12, 16, 3), most)
    header = b"\n# 99 99\n16 12\n%d\n" % most
    near(load(b"P5" + header + grey.astype(kind).tobytes(), *bits), eight(grey, most), most in (1, 100))
    near(load(b"P6" + header + rgb.astype(kind).tobytes(), *bits), eight(rgb, most), most in (1, 100))
    digits = b" ".join(b"%d" % value for value in grey.ravel())
    near(image.load(b"P2" + header + digits, print), eight(grey, most), 1)


@pytest.mark.parametrize("name", ["g16.jxl", "ga16.jxl", "rgba16.jxl", "g9.jp2", "ramp12.jpg"])
def test_ramps_and_alpha_beyond_8_bits(name: str) -> None:
    bits = {"g9.jp2": "9 bits", "ramp12.jpg": "12 bits"}.get(name, "16 bits")
    got = load(name, *["transparency"] * ("a16" in name), bits)
    if "a16" in name:
        colours = (200, 100, 50) if name == "rgba16.jxl" else (200, 200, 200)
        near(got[:, :8], colours, 0)
        near(got[:, 8:], WHITE, 0)
    elif name == "ramp12.jpg":
        near(got, np.arange(256).reshape(16, 16).repeat(4, 0).repeat(4, 1)[:, :, None], 2)
    else:
        near(got, np.arange(256).reshape(16, 16, 1), 1)


def png(depth: int, kind: int, rows: npt.NDArray[np.unsignedinteger], *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of rows [H, W, C], of 8 or 16 bits; chunks: those before the pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    height, width = rows.shape[:2]
    pixels = b"".join(b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header),
        *(chunk(*c) for c in chunks),
        chunk(b"IDAT", zlib.compress(pixels)),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_pngs_of_16_bits(kind: int, channels: int) -> None:
    samples = ramp((12, 16, channels), 65535)
    rows = samples.astype(np.uint16)
    if kind in (4, 6):
        rows[:, :, -1] = np.where(np.arange(16) < 8, 65535, 0)
    expected = eight(rows[:, :, : channels - (kind in (4, 6))].astype(np.int64), 65535)
    if kind in (4, 6):
        expected[:, 8:] = 255
    assert np.array_equal(load(png(16, kind, rows), *["transparency"] * (kind > 3), "16 bits"), expected)


def test_a_clear_colour_of_16_bits_is_one_colour() -> None:
    """Of two colours that are one in 8 bits, tRNS names one."""
    rows = np.array([[[0x1234, 0x5678, 0x9ABC], [0x1235, 0x5678, 0x9ABC]]], np.uint16)
    got = load(png(16, 2, rows, (b"tRNS", struct.pack(">3H", *rows[0, 0].tolist()))), "transparency", "16 bits")
    assert got[0].tolist() == [[255, 255, 255], [18, 86, 154]]


# --- colours


def test_profiles_are_known_by_what_they_do() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert colour.is_srgb(srgb)
    for name in ("skia_p3.png", "gimp_linear.png"):
        with Image.open(HERE / name) as opened:
            profile = opened.info["icc_profile"]
        assert b"s\0R\0G\0B" in profile or b"sRGB" in profile
        assert not colour.is_srgb(profile)


@pytest.mark.parametrize("gamma", [0.35, 0.55, 1.0, 2.5])
def test_gamma_of_png(gamma: float) -> None:
    """gAMA is the exponent by which light became samples; a profile of that curve must give the same through lcms."""
    rows = ramp((16, 16, 3), 255).astype(np.uint8)
    profile = imagecodecs.cms_profile(
        "rgb", whitepoint=[0.3127, 0.3290], primaries=[0.64, 0.33, 0.3, 0.6, 0.15, 0.06], gamma=1 / gamma
    )
    got = load(png(8, 2, rows, (b"gAMA", struct.pack(">I", round(gamma * 100000)))))
    wanted = by_lcms(Image.fromarray(rows), profile)
    near(got, wanted, 2)


def test_gamma_of_srgb_changes_nothing() -> None:
    rows = ramp((16, 16, 3), 255).astype(np.uint8)
    for chunks in ([(b"gAMA", struct.pack(">I", 45455))], [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100000))]):
        assert np.array_equal(load(png(8, 2, rows, *chunks)), rows)


def test_chromaticities_of_png() -> None:
    """cHRM of Display P3, beside sRGB's gamma, and cICP: three ways to say one thing."""
    rows = np.full((2, 2, 3), (60, 140, 90), np.uint8)
    points = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    gamma = (b"gAMA", struct.pack(">I", 45455))
    near(load(png(8, 2, rows, gamma, (b"cHRM", struct.pack(">8I", *points)))), (0, 142, 85), 1)
    near(load(png(8, 2, rows, gamma, (b"cICP", bytes([12, 13, 0, 1])))), (0, 142, 85), 1)
    load(png(8, 2, rows, (b"cICP", bytes([99, 98, 0, 1]))), "primaries", "transfer")


def test_bt2020() -> None:
    """Against lcms, with a profile of those primaries."""
    rows = np.full((2, 2, 3), (60, 140, 90), np.uint8)
    primaries = [0.708, 0.292, 0.170, 0.797, 0.131, 0.046]
    profile = imagecodecs.cms_profile(
        "rgb", whitepoint=[0.3127, 0.3290], primaries=primaries, transferfunction=None, gamma=2.2
    )
    wanted = by_lcms(Image.fromarray(rows), profile)
    near(load(png(8, 2, rows, (b"cICP", bytes([9, 4, 0, 1])))), wanted, 2)
    near(load("bt202010.avif", "10 bits"), load(png(8, 2, rows, (b"cICP", bytes([9, 13, 0, 1]))))[0, 0], 1)


def test_high_dynamic_range_says_so() -> None:
    """White of 203 cd/m2 stays bright, and what is far above it does not clip."""
    pq, hlg = load("pq10.avif", "10 bits", "dynamic range"), load("hlg10.avif", "10 bits", "dynamic range")
    assert 235 <= pq.min() <= pq.max() <= 250
    near(hlg, (137, 137, 137), 1)  # 0.5 of HLG's range: (0.25 / 3) ** 1.2 * 1000 / 203 of white
    brighter = [
        int(load(png(8, 2, np.full((1, 1, 3), v, np.uint8), (b"cICP", bytes([9, 16, 0, 1]))), "dynamic")[0, 0, 0])
        for v in (100, 148, 170, 190)
    ]
    assert brighter == sorted(set(brighter)) and brighter[-1] <= 255


@pytest.mark.parametrize("name", ["cmyk8.jxl", "cmyk16.jxl"])
def test_cmyk_of_jpeg_xl_keeps_its_black(name: str) -> None:
    most = 255 if name == "cmyk8.jxl" else 65535
    y, x = np.mgrid[0:12, 0:16]
    ink = np.stack([x * most // 15, y * most // 11, (x + y) * most // 26, (15 - x) * y * most // 165], -1)
    eight_bits = ((ink * 255 + most // 2) // most).astype(np.uint8)
    profile = jpegxl.profile((HERE / name).read_bytes())
    assert profile is not None
    wanted = by_lcms(Image.frombytes("CMYK", (16, 12), eight_bits.tobytes()), profile)
    near(load(name, *["16 bits"] * (most > 255)), wanted, 1)


def test_a_lossy_jpeg_xl_with_a_profile_keeps_its_dark_levels() -> None:
    """libjxl gives linear light of it, of which 8 bits would make 12 of the 40 darkest levels."""
    pictures = pytest.importorskip("pillow_jxl")
    assert pictures is not None
    stream = (HERE / "adobe_lossy.jxl").read_bytes()
    found = jpegxl.header(jpegxl.codestream(stream))
    assert (found.bits, found.xyb, found.plain) == (8, True, False)
    changed = jpegxl._of_12_bits(jpegxl.codestream(stream), found.depth_at)
    assert jpegxl.header(changed).bits == 12 and imagecodecs.jpegxl_decode(changed).dtype == np.uint16


# --- the shape of the picture


def test_clean_apertures_and_turns() -> None:
    near(load("crop.avif"), (202, 29, 30), 3)
    assert load("crop.avif").shape == (30, 40, 3)
    quarters = np.zeros((24, 32, 3))
    quarters[:12, :16], quarters[:12, 16:], quarters[12:, :16], quarters[12:, 16:] = (
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 0),
    )
    near(load("turned_crop.avif"), np.rot90(quarters[4:20, 8:24]), 6)
    near(load("turned.jxl"), np.rot90(quarters, -1), 0)
    near(load("anim.jxl", "several"), quarters, 0)


def test_several_pictures_are_said_in_both_directions() -> None:
    for name in ("two.heic", "anim.webp", "anim.jxl"):
        heard: list[str] = []
        sccodec.decode((HERE / name).read_bytes(), notice=heard.append)
        assert any("several" in text for text in heard), name
    pages = tiff(np.zeros((2, 8, 8, 3), np.uint8), photometric="rgb")
    load(pages, "several")


def test_layers_are_one_picture() -> None:
    def psd(layers: int) -> bytes:
        width, height = 20, 10
        body = struct.pack(">h", layers)
        for _ in range(layers):
            body += struct.pack(">iiiiH", 0, 0, height, width, 3)
            body += b"".join(struct.pack(">hI", channel, 2 + width * height) for channel in range(3))
            body += b"8BIMnorm\xff\0\0\0" + struct.pack(">III", 12, 0, 0) + b"\3abc"
        body += (b"\0\0" + b"\xc8" * width * height) * 3 * layers
        body += b"\0" * (len(body) % 2)
        section = struct.pack(">I", len(body)) + body + bytes(4)
        header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, height, width, 8, 3) + bytes(8)
        planes = b"".join(bytes([value]) * width * height for value in (10, 20, 30))
        return header + (struct.pack(">I", len(section)) + section if layers else bytes(4)) + bytes(2) + planes

    for layers in range(4):
        near(load(psd(layers), *["layers"] * (layers > 1)), (10, 20, 30), 0)


def test_subsampling_that_openjpeg_leaves_is_refused() -> None:
    """It would hand on unconverted components, with a line of its own on standard error."""
    data = bytearray((HERE / "sycc420_12.jp2").read_bytes())
    at = data.index(b"\xff\x51") + 40 + 3  # the second component's depth and steps, behind the marker and its length
    assert bytes(data[at : at + 3]) == b"\x0b\2\2"
    data[at + 1] = 4
    with pytest.raises(BadInput, match="subsampled"):
        image.load(bytes(data), print)


# --- damage


def test_damage_is_no_picture() -> None:
    for name, words in (("idat_badcrc.png", "IDAT"), ("zbad.tif", "damaged")):
        with pytest.raises(BadInput, match=words) as caught:
            image.load(HERE / name, print)
        assert "\n" not in str(caught.value)
    assert load("z.tif").shape == (48, 64, 3)
    with pytest.raises(BadStream, match="IDAT"):
        sccodec.info((HERE / "idat_badcrc.png").read_bytes())


def test_a_heic_of_tiles_is_whole_or_refused() -> None:
    """Of a tile without data decoders make grey: encode and decode must refuse it alike."""
    data = (HERE / "grid.heic").read_bytes()
    assert load(data).shape == (64, 128, 3)
    (_, first), (_, second) = [item for item in boxes.coded_items(data) if item[0] == b"hvc1"]
    (start, end), (begin, last) = first[0], second[0]
    box = data.index(b"mdat") - 4
    cut = data[:box] + (begin + 50 - box).to_bytes(4, "big") + data[box + 4 : begin + 50]
    for bad in (
        data[: end + 5],
        cut,
        data[:begin] + bytes(last - begin) + data[last:],
        data[: start + 200] + bytes(60) + data[start + 260 :],
        data[:start] + b"\xff" * 4 + data[start + 4 :],
    ):
        with pytest.raises(BadInput):
            image.load(bad, print)
        with pytest.raises(BadStream):
            sccodec.decode(bad)


def test_a_jpeg_in_a_tiff_is_whole_or_refused() -> None:
    picture = ramp((64, 64, 3), 255).astype(np.uint8)
    data = tiff(picture, photometric="rgb", compression="jpeg")
    assert load(data).shape == (64, 64, 3)
    start = data.index(b"\xff\xd8")
    end = data.index(b"\xff\xd9", start)
    for bad in (
        data[:end] + bytes(2) + data[end + 2 :],
        data[:start] + bytes(40) + data[start + 40 :],
        data[:start] + bytes(end - start) + data[end:],
    ):
        with pytest.raises(BadInput, match="damaged"):
            image.load(bad, print)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", "PostScript"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 4, 4, 16, 3) + bytes(200), "PSD"),
        (b"not a picture at all", "not a picture"),
        (b"\0\0\0\x18ftypmp42" + bytes(12), "video"),
    ],
)
def test_what_is_no_picture_is_said_to_be_what_it_is(data: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        image.load(data, print)


def test_no_program_is_run_for_a_picture() -> None:
    """Pillow would hand PostScript to Ghostscript."""
    from sccodec.image import pillow

    formats = pillow._formats_of(b"%!PS-Adobe-3.0 EP")
    assert "EPS" not in formats and "PNG" in Image.ID


@pytest.mark.parametrize("first", [["a.tga"], []])
def test_what_was_opened_before_does_not_matter(first: list[str], tmp_path: Path) -> None:
    """Pillow's reader of TGA takes nearly anything, once it is there."""
    Image.new("RGB", (16, 16), (10, 200, 10)).save(tmp_path / "b.ico", sizes=[(16, 16)])
    names = [str(HERE / name) for name in first] + [str(tmp_path / "b.ico")]
    code = (
        "import sys; from sccodec import image\n"
        "print([image.load(open(name, 'rb').read(), str)[0, 0].tolist() for name in sys.argv[1:]])"
    )
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[10, 200, 10]]")
