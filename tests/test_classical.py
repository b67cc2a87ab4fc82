"""The codecs of public formats: real files of each, those that others made, options, and damage."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, features

import sccodec
from sccodec import api
from sccodec.cli import main
from sccodec.codec import Options, Spec
from sccodec.errors import BadInput, BadStream, CodecUnavailable, Corrupt, NotScc, TooLarge, Truncated
from sccodec.formats import files
from sccodec.formats.codec import FormatCodec
from sccodec.image import boxes, jpegxl
from sccodec.metrics.image import psnr

Picture = npt.NDArray[np.uint8]
NATIVE = ("avif", "heic", "jpeg", "jpeg2000", "jpegxl", "png", "webp")


def quiet(text: str) -> None:
    """Take a notice: png says that a quality is left unused."""


@pytest.fixture(params=NATIVE)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    if found == "avif" and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    if found == "jpegxl":
        pytest.importorskip("imagecodecs")
    return found


@pytest.fixture
def scene() -> Picture:
    """Colours that change slowly, with a patch of noise: uint8 [48, 64, 3]."""
    y, x = np.mgrid[:48, :64]
    planes = [128 + 100 * np.sin(x / 9 + y / 30), 5 * y, 255 - 2 * (x + y)]
    scene = np.stack(planes, -1).astype(np.uint8)
    scene[10:30, 20:40] += np.random.default_rng(0).integers(0, 60, (20, 20, 1), dtype=np.uint8)
    return scene


def native(name: str) -> FormatCodec:
    found = api.load(name)
    assert isinstance(found, FormatCodec)
    return found


def saved(array: npt.NDArray[Any], file_format: str, **options: Any) -> bytes:
    """What Pillow writes of an array."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, file_format, **options)
    return buffer.getvalue()


# --- the files


def test_quality_moves_rate_and_fidelity(name: str, scene: Picture) -> None:
    files = [sccodec.encode(scene, name, q, notice=quiet) for q in (0, 25, 50, 75, 100)]
    sizes = [len(data) for data in files]
    fidelity = [psnr(scene, sccodec.decode(data)) for data in files]
    assert sizes == sorted(sizes) and fidelity == sorted(fidelity)
    assert fidelity[-1] > (30 if name in ("jpeg", "webp") else 38)  # those two halve the chroma
    if name != "png":
        assert len(set(sizes)) == 5 and sizes[-1] > 3 * sizes[0] and fidelity[0] < 30


def test_anyone_reads_the_files(name: str, scene: Picture) -> None:
    """Pillow does, and takes them for what they are; HEIC and JPEG XL are told by their first bytes."""
    data = sccodec.encode(scene, name)
    assert files.recognise(data[: files.START_BYTES]) == name
    if name not in ("heic", "jpegxl"):
        with Image.open(io.BytesIO(data)) as opened:
            assert opened.format == name.upper()
            assert np.array_equal(np.asarray(opened.convert("RGB")), sccodec.decode(data))
    assert np.array_equal(
        sccodec.decode(data + b"what follows is not looked at" * (name == "jpeg")), sccodec.decode(data)
    )


def test_lossless_where_it_is_said(scene: Picture) -> None:
    pytest.importorskip("imagecodecs")
    for spec in ("png", "png:level=1", "jpegxl:distance=0", "jpegxl:distance=0,effort=1"):
        assert np.array_equal(sccodec.decode(sccodec.encode(scene, spec)), scene), spec


def test_info(name: str, scene: Picture) -> None:
    data = sccodec.encode(scene, name)
    found = sccodec.info(data)
    assert (found.codec, found.variant, found.tag) == (name, "", "")
    assert (found.width, found.height, found.file_bytes) == (64, 48, len(data))
    assert found.bpp == 8 * len(data) / (48 * 64)
    assert [part for part, _ in found.sections] == ["file"]
    assert found.overhead_bytes + found.sections[0][1] == len(data)
    assert (0 < found.overhead_bytes < 600) == (name in ("avif", "heic", "jpeg2000")), "boxes are overhead"
    made_by = native(name).made_by(Spec(name))
    assert any(digit in made_by for digit in "0123456789") and made_by in found.details["encoder"]


def test_the_boxes_of_jpeg_2000_are_overhead(scene: Picture) -> None:
    boxed, bare = (sccodec.encode(scene, f"jpeg2000:psnr=38,boxes={word}") for word in ("yes", "no"))
    assert boxed.endswith(bare) and bare.startswith(b"\xff\x4f\xff\x51")
    assert sccodec.info(boxed).overhead_bytes == len(boxed) - len(bare) == 85
    assert sccodec.info(bare).overhead_bytes == 0
    assert np.array_equal(sccodec.decode(boxed), sccodec.decode(bare))


def test_no_labels(name: str, scene: Picture) -> None:
    with pytest.raises(BadInput, match="labels"):
        api.labels(sccodec.encode(scene, name))


def test_targets(name: str, scene: Picture) -> None:
    smallest = len(sccodec.encode(scene, name, 0, notice=quiet))
    most = 2 * smallest
    data, quality = api.encode_within(scene, name, most, notice=quiet)
    assert len(data) <= most and data == sccodec.encode(scene, name, quality, notice=quiet)
    with pytest.raises(BadInput, match="smallest file"):
        sccodec.encode(scene, name, target_bytes=smallest - 1, notice=quiet)


def test_listed_qualities_differ(scene: Picture) -> None:
    """No two of the settings that a target tries are one and the same setting."""
    for one in ("jpeg", "heic"):
        listed = api.load(one).qualities()
        sizes = [len(sccodec.encode(scene[:16, :16], one, q)) for q in listed[:: len(listed) // 8]]
        assert len(set(sizes)) == len(sizes), one


# --- options


def test_native_scales(scene: Picture) -> None:
    pytest.importorskip("imagecodecs")
    same = [
        ("jpeg:quality=40", "jpeg", 40.0),
        ("webp:quality=40.5", "webp", 40.5),
        ("jpeg2000:psnr=35", "jpeg2000", 50.0),
        ("heic:qp=51", "heic", 0.0),
        ("heic:qp=8", "heic", 100.0),
        ("jpegxl:distance=25", "jpegxl", 0.0),
        ("jpegxl:distance=0.1", "jpegxl", 100.0),
    ]
    same += [("avif:quality=40,speed=8", "avif:speed=8", 40.0)] if features.check("avif") else []
    for stated, spec, quality in same:
        assert sccodec.encode(scene, stated) == sccodec.encode(scene, spec, quality), stated


def test_jpegs_quality_is_libjpegs(scene: Picture) -> None:
    assert sccodec.encode(scene, "jpeg:optimise=no,quality=37") == saved(scene, "JPEG", quality=37)
    assert sccodec.encode(scene, "jpeg", 0) == sccodec.encode(scene, "jpeg:quality=1")
    progressive = sccodec.encode(scene, "jpeg:progressive=yes")
    assert b"\xff\xc2" in progressive and b"\xff\xc0" in sccodec.encode(scene, "jpeg")


@pytest.mark.parametrize("one", ["jpeg", "avif", "heic"])
def test_chroma(one: str, scene: Picture) -> None:
    if one == "avif" and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    red = scene.copy()
    red[:, ::2] = (255, 0, 0)
    red[:, 1::2] = (0, 0, 255)
    full, half, alias = (
        sccodec.encode(red, f"{one}:{o}", 100) for o in ("chroma=444", "chroma=420", "subsampling=444")
    )
    assert full == alias
    assert psnr(red, sccodec.decode(full)) > psnr(red, sccodec.decode(half)) + 10
    default = sccodec.encode(red, one, 100)
    assert default == (half if one == "jpeg" else full)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_tunes_of_avif(scene: Picture) -> None:
    qualities = (0, 99, 100)
    plain = [sccodec.encode(scene, "avif:speed=9", q) for q in qualities]
    for tune in ("ssim", "iq"):
        files = [sccodec.encode(scene, f"avif:speed=9,tune={tune}", q) for q in qualities]
        assert files[:2] != plain[:2] and files[2] == plain[2], "at 100 nothing is quantised"


def test_rate_is_aimed_at_too() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    for bpp in (0.5, 2.0):
        n_bytes = len(sccodec.encode(noise, f"jpeg2000:bpp={bpp},boxes=no"))
        assert 0.6 * bpp < 8 * n_bytes / 128**2 < 1.05 * bpp


@pytest.mark.parametrize(
    ("spec", "quality"),
    [
        ("jpeg:quality=0", None),
        ("jpeg:quality=101", None),
        ("jpeg:quality=40.5", None),
        ("jpeg:quality=x", None),
        ("jpeg:quality=40", 40.0),
        ("jpeg:chroma=422", None),
        ("jpeg:chroma=420,subsampling=420", None),
        ("jpeg:optimise=perhaps", None),
        ("jpeg:speed=4", None),
        ("jpeg:444", None),
        ("jpeg2000:psnr=5", None),
        ("jpeg2000:psnr=nan", None),
        ("jpeg2000:bpp=0", None),
        ("jpeg2000:bpp=1", 50.0),
        ("jpeg2000:bpp=1,psnr=30", None),
        ("jpeg2000:boxes=some", None),
        ("webp:quality=-1", None),
        ("webp:method=7", None),
        ("webp:chroma=444", None),
        ("avif:speed=11", None),
        ("avif:quality=40.5", None),
        ("avif:tune=vmaf", None),
        ("heic:qp=52", None),
        ("heic:qp=30", 10.0),
        ("heic:quality=50", None),
        ("jpegxl:distance=26", None),
        ("jpegxl:effort=0", None),
        ("png:level=10", None),
        ("png:q=x", None),
    ],
)
def test_options_that_are_refused(spec: str, quality: float | None, scene: Picture) -> None:
    with pytest.raises(BadInput) as refused:
        sccodec.encode(scene, spec, quality)
    assert "\n" not in str(refused.value)


def test_sides_that_a_format_does_not_hold() -> None:
    for spec, side in (("jpeg", 65501), ("webp", 16384), ("avif", 32769)):
        with pytest.raises(BadInput, match=f"{side}"):
            sccodec.encode(np.zeros((1, side, 3), np.uint8), spec)


# --- files made elsewhere


def test_jpegs_of_others(scene: Picture) -> None:
    grey = scene[:, :, 1]
    decoded = sccodec.decode(saved(grey, "JPEG", quality=95))
    assert decoded.shape == (48, 64, 3) and np.array_equal(decoded[:, :, 0], decoded[:, :, 2])
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = saved(scene, "JPEG", quality=95, exif=exif)
    found = sccodec.info(turned)
    assert (found.width, found.height) == (48, 64)
    assert np.array_equal(sccodec.decode(turned), np.rot90(sccodec.decode(saved(scene, "JPEG", quality=95)), -1))


def test_pngs_of_others(scene: Picture) -> None:
    deep = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 21
    assert np.abs(sccodec.decode(saved(deep, "PNG"))[:, :, 1] - deep / 257).max() < 1
    clear = np.dstack([scene, np.zeros((48, 64), np.uint8)])
    assert sccodec.decode(saved(clear, "PNG")).min() == 255
    assert np.array_equal(sccodec.decode(saved(scene[:, :, 0], "PNG"))[:, :, 2], scene[:, :, 0])


def test_webps_and_avifs_of_others(scene: Picture) -> None:
    half = np.dstack([scene, np.full((48, 64), 128, np.uint8)])
    expected = (scene * 128.0 + 255 * 127) / 255
    files = [saved(half, "WEBP", lossless=True)]
    files += [saved(half, "AVIF", quality=95, subsampling="4:4:4", speed=9)] if features.check("avif") else []
    for data in files:
        assert np.abs(sccodec.decode(data) - expected).mean() < 2


def test_jpeg_xls_of_others(scene: Picture) -> None:
    library = pytest.importorskip("imagecodecs")
    as_floats = np.float32(scene / 255)
    boxed = library.jpegxl_encode(scene, lossless=True, usecontainer=True)
    assert boxed.startswith(jpegxl.SIGNATURE) and sccodec.info(boxed).width == 64
    assert np.array_equal(sccodec.decode(library.jpegxl_encode(scene, lossless=True)), scene)
    # imagecodecs states that more than 8 bits, and floats, are linear light.
    encoded = np.where(as_floats <= 0.0031308, 12.92 * as_floats, 1.055 * as_floats ** (1 / 2.4) - 0.055)
    for samples in (scene.astype(np.uint16) * 257, as_floats):
        decoded = sccodec.decode(library.jpegxl_encode(samples, lossless=True), notice=print)
        assert np.abs(decoded - 255 * encoded).max() <= 1
    assert np.array_equal(sccodec.decode(boxed), scene)
    grey = sccodec.decode(library.jpegxl_encode(scene[:, :, 0], lossless=True))
    assert np.array_equal(grey, np.dstack([scene[:, :, 0]] * 3))
    clear = np.dstack([scene, np.zeros((48, 64), np.uint8)])
    assert sccodec.decode(library.jpegxl_encode(clear, lossless=True)).min() == 255


@pytest.mark.parametrize("shape", [(1, 1), (8, 16), (17, 33), (256, 256), (600, 9), (5, 2000)])
def test_sizes_of_jpeg_xl(shape: tuple[int, int]) -> None:
    library = pytest.importorskip("imagecodecs")
    for boxed in (False, True):
        data = library.jpegxl_encode(np.zeros((*shape, 3), np.uint8), effort=1, usecontainer=boxed)
        assert jpegxl.size(data) == shape[::-1]


def test_a_turned_jpeg_xl() -> None:
    """Small: 8 * (2 + 1) rows, of ratio 7, 2:1; metadata not all default, with extra fields, orientation 6."""
    bits = "1" + "01000" + "111" + "0" + "1" + "101"
    stream = b"\xff\x0a" + int(bits[::-1], 2).to_bytes(2, "little")
    assert jpegxl.size(stream) == (24, 48)


# --- damage


def test_every_prefix_is_refused(name: str, scene: Picture) -> None:
    data = sccodec.encode(scene[:16, :16], name)
    for n in range(0, len(data), max(1, len(data) // 200)):
        # A codestream of JPEG XL has no mark at its end, and its header is all that info() looks at.
        for read in (sccodec.decode,) if name == "jpegxl" else (sccodec.decode, sccodec.info):
            with pytest.raises(BadStream) as refused:
                read(data[:n])
            assert "\n" not in str(refused.value)
    with pytest.raises(BadStream):
        sccodec.decode(data[:-1])


def test_changed_bytes_are_refused_or_decode(name: str, scene: Picture) -> None:
    data = sccodec.encode(scene[:32, :32], name)
    rng = np.random.default_rng(5)
    for _ in range(100):
        changed = bytearray(data)
        for at in rng.integers(0, len(data), int(rng.integers(1, 4))):
            changed[at] ^= int(rng.integers(1, 256))
        try:
            decoded = sccodec.decode(bytes(changed), options=Options(max_pixels=2**16))
        except BadStream as error:
            assert "\n" not in str(error)
        else:
            assert decoded.dtype == np.uint8 and decoded.ndim == 3 and decoded.size <= 3 * 2**16


def test_a_limit_on_pixels(name: str, scene: Picture) -> None:
    data = sccodec.encode(scene, name)
    for read in (sccodec.decode, sccodec.info):
        read(data, options=Options(max_pixels=48 * 64))
        with pytest.raises(TooLarge, match="64x48"):
            read(data, options=Options(max_pixels=48 * 64 - 1))


def test_sizes_that_are_only_claimed(scene: Picture) -> None:
    """The limit holds before pixels are allocated: these would take gigabytes."""
    png = bytearray(sccodec.encode(scene, "png"))
    png[16:24] = (2**19).to_bytes(4, "big") * 2
    png[29:33] = zlib.crc32(png[12:29]).to_bytes(4, "big")
    jxl = b"\xff\x0a" + int(("0" + "11" + "1" * 30 + "100" + "1")[::-1], 2).to_bytes(5, "little")
    for data in (bytes(png), jxl):
        for read in (sccodec.decode, sccodec.info):
            with pytest.raises(TooLarge):
                read(data)


def test_a_size_of_nothing_is_damage(name: str, scene: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries pass on what the file states: an AVIF of 0 columns, for one."""
    data, found = sccodec.encode(scene, name), native(name)
    for stated in ((0, 48), (64, 0)):
        monkeypatch.setattr(found, "size", lambda data, stated=stated: stated)
        with pytest.raises(Corrupt, match="without pixels"):
            found.read(data, print, Options())


def test_an_avif_that_states_no_size(scene: Picture) -> None:
    """Pillow and libavif open it, as one of 0x0 pixels."""
    if not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    data = sccodec.encode(scene, "avif").replace(b"ispe", b"free")
    for read in (sccodec.decode, sccodec.info):
        with pytest.raises(Corrupt):
            read(data)


def test_a_codec_reads_its_own_format_only(name: str, scene: Picture) -> None:
    other = sccodec.encode(scene, "png" if name != "png" else "webp")
    for data in (other, b""):
        with pytest.raises(Corrupt, match=name):
            native(name).read(data, print, Options())


# --- what is written is what decoders take


@pytest.mark.parametrize("name", ["heic", "bpg"])
def test_sizes_that_decoders_refuse_are_not_written(name: str) -> None:
    pytest.importorskip("pillow_heif")
    for shape in ((64, 65529, 3), (65535, 64, 3)):
        with pytest.raises(BadInput, match="65528 a side"):
            sccodec.encode(np.zeros(shape, np.uint8), name)
    largest = np.zeros((64, 65528, 3), np.uint8)
    assert sccodec.decode(sccodec.encode(largest, name, 0)).shape == largest.shape


def test_a_file_that_would_not_be_read_again_is_not_written(
    name: str, scene: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = native(name)
    whole, small = sccodec.encode(scene, name), sccodec.encode(scene[:-16, :-16].repeat(2, 0), name)
    monkeypatch.setattr(type(found), "write", lambda self, *given: small)
    with pytest.raises(BadInput, match="made a file of 48x64 pixels"):
        sccodec.encode(scene, name)
    monkeypatch.setattr(type(found), "write", lambda self, *given: whole[:2])
    with pytest.raises(BadInput, match="cannot hold"):
        sccodec.encode(scene, name)


# --- telling formats apart


def ftyp(*brands: bytes) -> bytes:
    """A box `ftyp`: the major brand, a version, the compatible brands."""
    contents = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return (4 + len(contents)).to_bytes(4, "big") + contents


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (ftyp(b"avif", b"mif1", b"miaf"), "avif"),
        (ftyp(b"mif1", b"miaf", b"avif"), "avif"),
        (ftyp(b"mif1", b"heic"), "heic"),
        (ftyp(b"heix", b"mif1"), "heic"),
        (ftyp(b"mif1"), "heic"),
        (ftyp(b"isom", b"mp42"), None),
        (ftyp(b"isom") + b"avif", None),
        (b"\0\0\0\xffftypavif", "avif"),
        (b"BPG\xfb\x20", "bpg"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"\xff\xd8", None),
        (b"\xff\x0a", "jpegxl"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"GIF89a", None),
        (b"", None),
    ],
)
def test_formats_by_their_first_bytes(start: bytes, expected: str | None) -> None:
    assert files.recognise(start) == expected


def test_every_codec_of_a_format_stands_in_the_table() -> None:
    assert {one.codec for one in files.FORMATS} == {name for name in api.names() if api.load(name).native}


def test_what_is_recognised_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format whose codec is not there is as unknown as any."""
    assert api.recognise(b"\xff\xd8\xff\xe0") == "jpeg"
    monkeypatch.setattr(api, "names", lambda: ["conceptual"])
    assert api.recognise(b"\xff\xd8\xff\xe0") is None
    with pytest.raises(NotScc):
        api.open_file(b"\xff\xd8\xff\xe0")


def test_boxes_end_within_the_file() -> None:
    whole = ftyp(b"avif") + (8).to_bytes(4, "big") + b"free" + b"\0\0\0\1mdat" + (20).to_bytes(8, "big") + b"1234"
    assert boxes.check_boxes(whole) == [b"ftyp", b"free", b"mdat"]
    assert boxes.check_boxes(whole + b"\0\0\0\0mdat..") == [b"ftyp", b"free", b"mdat", b"mdat"]
    for bad in (whole[:-1], whole + b"\0\0", whole + b"\xff\0\0\0mdat"):
        with pytest.raises(Truncated):
            boxes.check_boxes(bad)
    for length in (7, 2):
        with pytest.raises(Corrupt):
            boxes.check_boxes(whole + length.to_bytes(4, "big") + b"mdat" + bytes(20))


# --- programs


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """What takes cjpeg's options, written in Python."""
    path = tmp_path / "cjpeg-of-ours"
    path.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "from PIL import Image\n"
        "if '-version' in sys.argv:\n"
        "    sys.exit('cjpeg of ours, version 7')\n"
        "if sys.argv[2] == '13':\n"
        "    sys.exit('no such\\nluck')\n"
        "if sys.argv[2] == '14':\n"
        "    sys.exit(print('no picture'))\n"
        "image = Image.open(sys.stdin.buffer)\n"
        "if sys.argv[2] == '15':\n"
        "    sys.exit(image.resize((7, 9)).save(sys.stdout.buffer, 'JPEG'))\n"
        "if sys.argv[2] == '16':\n"
        "    sys.exit(sys.stdout.buffer.write(b'\\xff\\xd8\\xff\\xe0') and 0)\n"
        "quality, chroma = int(sys.argv[2]), {'2x2': 2, '1x1': 0}[sys.argv[4]]\n"
        "image.save(sys.stdout.buffer, 'JPEG', quality=quality, subsampling=chroma, optimize='-optimize' in sys.argv)\n"
    )
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a script that names its interpreter")
def test_a_program_writes_jpeg(program: Path, scene: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    for options in ("", ",chroma=444", ",optimise=no"):
        plain = "jpeg" + options.replace(",", ":", 1)
        assert sccodec.encode(scene, f"jpeg:program={program}{options}", 60) == sccodec.encode(scene, plain, 60)
    assert "version 7" in native("jpeg").made_by(api.parse(f"jpeg:program={program}"))
    monkeypatch.setenv("PATH", str(program.parent))
    assert sccodec.encode(scene, f"jpeg:program={program.name}") == sccodec.encode(scene, "jpeg")
    with pytest.raises(BadInput, match="exit code 1: no such luck"):
        sccodec.encode(scene, f"jpeg:program={program}", 13)
    for quality, why in ((14, "wrote no JPEG"), (15, "7x9 pixels of a picture of 64x48"), (16, "cut short")):
        with pytest.raises(CodecUnavailable, match=why):
            sccodec.encode(scene, f"jpeg:program={program}", quality)


def test_a_program_that_is_missing(tmp_path: Path, scene: Picture) -> None:
    for missing in ("no-such-cjpeg", str(tmp_path / "cjpeg")):
        with pytest.raises(CodecUnavailable, match=missing):
            sccodec.encode(scene, f"jpeg:program={missing}")
        with pytest.raises(CodecUnavailable, match=missing):
            native("jpeg").made_by(Spec("jpeg", None, (("program", missing),)))


def test_a_pillow_without_avif(scene: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda feature: False)
    assert sccodec.decode(sccodec.encode(scene, "png")).shape == scene.shape
    with pytest.raises(CodecUnavailable, match="Pillow"):
        sccodec.encode(scene, "avif")
    with pytest.raises(CodecUnavailable, match="Pillow"):
        sccodec.decode(ftyp(b"avif", b"mif1") + b"\0\0\0\0mdat")


def test_jpeg_xl_without_imagecodecs(scene: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(CodecUnavailable, match="imagecodecs"):
        sccodec.encode(scene, "jpegxl")


def test_heic_without_pillow_heif(scene: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    data = sccodec.encode(scene, "heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for use in (lambda: sccodec.encode(scene, "heic"), lambda: sccodec.decode(data), lambda: sccodec.info(data)):
        with pytest.raises(CodecUnavailable, match="pip install pillow-heif"):
            use()


# --- the command line


def shell(*args: str | Path) -> int | str | None:
    with pytest.raises(SystemExit) as stopped:
        main([str(a) for a in args])
    return stopped.value.code


def test_files_by_the_command_line(
    name: str, scene: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(scene).save("picture.tif")
    suffix = api.load(name).suffix
    assert shell("encode", "picture.tif", "-m", name, "-q", "40") == 0
    assert Path(f"picture{suffix}").read_bytes() == sccodec.encode(scene, name, 40, notice=quiet)
    assert shell("decode", f"picture{suffix}") == 0 and Path("picture.decoded.png").is_file()
    assert shell("verify", f"picture{suffix}") == 0
    capfd.readouterr()
    assert shell("info", f"picture{suffix}") == 0
    out, err = capfd.readouterr()
    assert f"codec       {name}\n" in out and "64x48" in out and err == ""
    Path(f"picture{suffix}").write_bytes(sccodec.encode(scene, name)[:100])
    assert shell("decode", f"picture{suffix}", "-o", "other.png") == 1
    out, err = capfd.readouterr()
    assert err.count("\n") == 1 and "Traceback" not in err and not Path("other.png").exists()


def test_a_file_is_not_encoded_into_itself(
    scene: Picture, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jpg").write_bytes(sccodec.encode(scene, "jpeg"))
    assert shell("encode", "a.jpg", "-m", "jpeg") == 1
    assert "not overwritten" in capfd.readouterr().err


@pytest.mark.parametrize("args", ["codecs", "info FILE", "decode FILE -o OTHER"])
def test_nothing_heavy_is_imported(args: str, scene: Picture, tmp_path: Path) -> None:
    """Nor imagecodecs, which JPEG XL alone needs."""
    path = tmp_path / "a.jpg"
    path.write_bytes(sccodec.encode(scene, "jpeg"))
    words = args.replace("FILE", str(path)).replace("OTHER", str(tmp_path / "b.png")).split()
    show = "print('\\n'.join(sys.modules), file=sys.stderr)"
    code = f"import sys\nfrom sccodec.cli import main\ntry:\n    main({words!r})\nexcept SystemExit:\n    {show}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    heavy = {"torch", "onnxruntime", "imagecodecs", "pillow_heif", "scipy", "sccodec.training"}
    assert not heavy & set(done.stderr.split())
