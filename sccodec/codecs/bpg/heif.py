"""HEVC pictures in and out of pillow-heif: planes to NAL units by x265, and NAL units to planes by libde265.

pillow-heif takes and gives RGB pictures in HEIF files. Under the identity matrix its three channels are the coded
planes themselves, G for the first, B for the second and R for the third. Where chroma is halved, libheif averages 2x2
samples on the way in and repeats samples on the way out, so that repeated samples pass unchanged.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from sccodec.codecs.bpg import hevc
from sccodec.errors import BadInput, CodecUnavailable, Corrupt
from sccodec.formats.codec import pillow_heif

Planes = npt.NDArray[np.uint8]

LEAST_SIDE = 64
"""libheif pads smaller pictures."""
STRIDE = 8
IDENTITY = 0
_CHANNELS = [2, 0, 1]  # of planes 0, 1, 2 as R, G, B
_PLANES = [1, 2, 0]
X265 = {
    "preset": "slower",
    "x265:psy-rd": "0",
    "x265:psy-rdoq": "0",
    "x265:aq-mode": "0",
    "x265:wpp": "0",
}
"""What serves PSNR, measured on Kodak pictures at equal rate. Psychovisual tuning and adaptive quantisation cost 0.4 to
1 dB; presets above this one, tskip, tu-intra-depth and libheif's own "tune" change 0.05 dB at most, either way."""


def encode(planes: Planes, qp: int, *, halve: bool) -> tuple[hevc.Sequence, list[bytes]]:
    """The SPS, and PPS and slices, of planes [h, w, 3] whose sides are multiples of 8 and at least 64.

    halve: chroma by 2x2. qp: 0 to 51. Raises CodecUnavailable, or BadInput for a picture that x265 does not take.
    """
    library = pillow_heif("BPG")
    height, width = planes.shape[:2]
    file = io.BytesIO()
    try:
        library.encode(
            "RGB",
            (width, height),
            np.ascontiguousarray(planes[..., _CHANNELS]).data,
            file,
            enc_params=X265 | {"x265:qp": str(qp)},
            chroma=420 if halve else 444,
            matrix_coefficients=IDENTITY,
            full_range_flag=1,
        )
    except (ValueError, RuntimeError, OSError) as error:
        raise BadInput(f"x265 does not take the picture of {width}x{height} pixels: {one_line(error)}") from error
    sequence, nals = read_heif(file.getvalue())
    if (sequence.width, sequence.height, sequence.chroma) != (width, height, 1 if halve else 3):
        raise CodecUnavailable("this pillow-heif codes another size or chroma format than it is given")
    return sequence, nals


def decode(sequence: hevc.Sequence, nals: list[bytes]) -> Planes:
    """Planes [h, w, 3], or [h, w] of a grey picture, at full size: halved chroma is repeated. Raises Corrupt."""
    library = pillow_heif("BPG")
    try:
        file = library.open_heif(io.BytesIO(write_heif(sequence, nals)))
        decoded = np.asarray(file)
    except (ValueError, EOFError, SyntaxError, RuntimeError, OSError) as error:
        raise Corrupt(f"the file is damaged: its HEVC data cannot be decoded: {one_line(error)}") from error
    if sequence.chroma == 0 and decoded.ndim == 3:  # older libraries make grey RGB
        decoded = decoded[..., 1]
    n_planes = () if sequence.chroma == 0 else (3,)
    if decoded.dtype != np.uint8 or decoded.shape != (sequence.height, sequence.width, *n_planes):
        raise Corrupt("the file is damaged: its HEVC data hold another picture than its header states")
    if sequence.chroma == 1 and not np.array_equal(
        decoded[::2, ::2, _CHANNELS[:2]], decoded[1::2, 1::2, _CHANNELS[:2]]
    ):
        raise CodecUnavailable("this pillow-heif does not give chroma as it was coded")
    # Copies in either case: what numpy sees belongs to the file, and goes with it.
    return decoded[..., _PLANES] if n_planes else decoded.copy()


def read_heif(data: bytes) -> tuple[hevc.Sequence, list[bytes]]:
    """The SPS, and PPS and slices, of a HEIF file that libheif wrote for one picture; raises CodecUnavailable."""
    try:
        configuration = _find(data, b"meta", b"iprp", b"ipco", b"hvcC")
        headers: list[bytes] = []
        position = 23
        for _ in range(configuration[22]):
            (n_nals,) = struct.unpack_from(">H", configuration, position + 1)
            found, position = _read_nals(configuration, position + 3, ">H", n_nals)
            headers += found
        slices, _ = _read_nals(_find(data, b"mdat"), 0, ">I", None)
    except (struct.error, IndexError, StopIteration):
        raise CodecUnavailable("this pillow-heif writes HEIF files of an unknown make") from None
    by_type = {hevc.nal_type(nal): nal for nal in headers}
    if not {hevc.SPS, hevc.PPS} <= set(by_type):
        raise CodecUnavailable("this pillow-heif writes HEIF files without an SPS or PPS")
    kept = [nal for nal in slices if hevc.nal_type(nal) not in hevc.IGNORED]
    return hevc.read_sps(by_type[hevc.SPS]), [by_type[hevc.PPS], *kept]


def write_heif(sequence: hevc.Sequence, nals: list[bytes]) -> bytes:
    """A HEIF file of one picture, under the identity matrix."""
    pps = [nal for nal in nals if hevc.nal_type(nal) == hevc.PPS]
    slices = [nal for nal in nals if hevc.nal_type(nal) != hevc.PPS]
    sps = sequence.write_sps()
    arrays = [(hevc.VPS, [sequence.write_vps()]), (hevc.SPS, [sps]), (hevc.PPS, pps)]
    # As in the SPS: its profile; then no segmentation, no parallelism, chroma format, 8 bits, one layer, long lengths.
    head = b"\x01" + sps[3:15] + b"\xf0\x00\xfc" + bytes([0xFC | sequence.chroma]) + b"\xf8\xf8\x00\x00\x0f"
    listed = [bytes([0x80 | kind]) + struct.pack(">H", len(units)) + _write_nals(units, ">H") for kind, units in arrays]
    configuration = head + bytes([len(listed)]) + b"".join(listed)
    properties = [
        _box(b"hvcC", configuration),
        _box(b"ispe", struct.pack(">III", 0, sequence.width, sequence.height)),
        _box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, IDENTITY, 0x80)),
    ]
    associations = bytes([0x81, 0x02, 0x03])
    content = _write_nals(slices, ">I")

    def head_of(offset: int) -> bytes:
        location = struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, offset, len(content))
        return _box(b"ftyp", b"heic\x00\x00\x00\x00mif1heic") + _box(
            b"meta",
            bytes(4),
            _box(b"hdlr", bytes(8) + b"pict" + bytes(13)),
            _box(b"pitm", struct.pack(">IH", 0, 1)),
            _box(b"iloc", location),
            _box(b"iinf", struct.pack(">IH", 0, 1), _box(b"infe", struct.pack(">IHH", 2 << 24, 1, 0), b"hvc1\x00")),
            _box(
                b"iprp",
                _box(b"ipco", *properties),
                _box(b"ipma", struct.pack(">IIHB", 0, 1, 1, len(associations)), associations),
            ),
        )

    return head_of(len(head_of(0)) + 8) + _box(b"mdat", content)


def one_line(error: Exception) -> str:
    """A library's message without line ends, at most 200 characters."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _find(data: bytes, *path: bytes) -> bytes:
    """The content of the first box at a path of types; raises struct.error or StopIteration."""
    for kind in path:
        data = next(content for found, content in _boxes(data) if found == kind)
        if kind == b"meta":
            data = data[4:]
    return data


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if length < 8:
            length = len(data) - position
        yield kind, data[position + 8 : position + length]
        position += length


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _read_nals(data: bytes, position: int, form: str, n_nals: int | None) -> tuple[list[bytes], int]:
    """So many NAL units behind lengths, or all to the end, and where they end."""
    nals: list[bytes] = []
    while position < len(data) if n_nals is None else len(nals) < n_nals:
        (length,) = struct.unpack_from(form, data, position)
        position += struct.calcsize(form) + length
        nals.append(data[position - length : position])
    return nals, position


def _write_nals(nals: list[bytes], form: str) -> bytes:
    return b"".join(struct.pack(form, len(nal)) + nal for nal in nals)
