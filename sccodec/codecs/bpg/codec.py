"""BPG (Bellard, 2014): one intra picture of HEVC in a container of a few bytes, by x265 and without a BPG program.

    x -> Y, Cb, Cr, edges repeated to whole blocks -> x265 inside pillow-heif -> PPS, slices behind a BPG header -> file
    file -> VPS and SPS made from the BPG header -> libde265 inside pillow-heif -> Y, Cb, Cr, cropped -> x_hat

    option     values
    qp         0 (best) to 51, the scale of `bpgenc -q` and of x265: slices start with 3 less; -q 0 to 100 is 51 to 8;
               default 30 (-q 50)
    chroma     444 (default), 420; subsampling is another name for it
    program    bpgenc, or a path: a program that takes bpgenc's options. Pictures with a side below 64 need it

    section    content
    overhead   the BPG header, and the PPS
    file       the slices

Files are those of the public BPG container (file.py): YCbCr of BT.601, full range, 8 bits. Those of others decode
too where they are of 8 bits, full range, grey, 4:2:0 or 4:4:4, without transparency or animation, in any of BPG's
colours; the rest is left to the program `bpgdec`, where it is on the PATH. There is no checksum in the format: a
changed byte may decode to another picture.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np

from sccodec import image
from sccodec.codec import Notice, Options, Picture, Rate, Spec
from sccodec.codecs.bpg import colour, heif, hevc
from sccodec.codecs.bpg.file import CHROMA_420, CHROMA_NAMES, COLOUR_NAMES, Bpg, parse, picture_of, serialise
from sccodec.errors import BadStream, CodecUnavailable, Corrupt
from sccodec.formats.codec import Asked, FormatCodec, pillow_heif_and_x265
from sccodec.formats.program import check_size, first_line, run

WORST_QP, BEST_QP = 51, 8
DECODER = "bpgdec"


class BpgCodec(FormatCodec):
    """The codec; see the module's docstring."""

    name = "bpg"
    summary = "BPG (HEVC intra), 4:4:4 unless chroma=420"
    suffix = ".bpg"
    rates = (Rate("qp", 0, 51),)
    max_side = 65528  # of 8x8 blocks; decoders refuse more
    others = ("chroma", "subsampling", "program")

    def write(self, picture: Picture, asked: Asked, notice: Notice) -> bytes:
        qp = asked.whole_scale("qp", lambda q: WORST_QP - (WORST_QP - BEST_QP) * q / 100, 50)
        halve = asked.chroma("444", "420") == "420"
        program = asked.options.get("program")
        if program is not None:
            return by_program(program, picture, qp, "420" if halve else "444")
        height, width = picture.shape[:2]
        if min(height, width) < heif.LEAST_SIDE:
            raise CodecUnavailable(
                f"the picture is {width}x{height}: below {heif.LEAST_SIDE} pixels a side, BPG takes the program "
                "bpgenc; install it and write bpg:program=bpgenc"
            )
        planes = colour.to_planes(picture, heif.STRIDE, halve=halve)
        sequence, nals = heif.encode(planes, qp, halve=halve)
        return serialise(Bpg(width, height, sequence.chroma, picture_of(sequence.tools, nals)))

    def pixels(self, data: bytes, notice: Notice, options: Options) -> Picture:
        file = parse(data)
        if lacking := file.lacking():
            return by_decoder(data, lacking, file, notice, options)
        tools, nals = file.tools()
        sequence = hevc.Sequence(tools.padded(file.width), tools.padded(file.height), file.chroma, tools)
        planes = heif.decode(sequence, nals)
        halved = file.chroma == CHROMA_420
        return colour.to_picture(planes, file.colours, file.height, file.width, halved=halved)

    def size(self, data: bytes) -> tuple[int, int]:
        file = parse(data)
        return file.width, file.height

    def overhead(self, data: bytes) -> int:
        file = parse(data)
        if file.lacking():
            return len(data) - len(file.picture)
        _, nals = file.tools()
        return len(data) - sum(len(nal) for nal in nals if hevc.nal_type(nal) != hevc.PPS)

    def details(self, data: bytes) -> dict[str, object]:
        """Chroma, colours and bits, and slice_qp where the file can be decoded here."""
        file = parse(data)
        found: dict[str, object] = {
            "chroma": CHROMA_NAMES[file.chroma],
            "colours": COLOUR_NAMES[file.colours],
            "bits": file.depth,
        }
        if not file.lacking():
            tools, nals = file.tools()
            found["slice_qp"] = hevc.quantiser(nals, tools, file.chroma)
        return found

    def qualities(self) -> list[float]:
        """One for each parameter."""
        steps = WORST_QP - BEST_QP
        return [100 * i / steps for i in range(steps + 1)]

    def made_by(self, spec: Spec) -> str:
        program = dict(spec.options).get("program")
        if program is not None:
            return f"{program}, {first_line(program, '-h')}"
        return pillow_heif_and_x265("BPG")


def by_program(program: str, picture: Picture, qp: int, chroma: str) -> bytes:
    """The file that a program with the options of bpgenc writes; raises CodecUnavailable or BadInput."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "picture.png"), Path(folder, "picture.bpg")
        image.save(source, picture)
        run(program, ["-q", str(qp), "-f", chroma, "-b", "8", "-o", str(target), str(source)], b"")
        data = target.read_bytes() if target.exists() else b""
    try:
        file = parse(data)
    except BadStream as error:
        raise CodecUnavailable(f"{program} wrote no BPG file: {error}") from None
    check_size(program, picture, file.width, file.height)
    return data


def by_decoder(data: bytes, lacking: str, file: Bpg, notice: Notice, options: Options) -> Picture:
    """What bpgdec makes of a file; raises CodecUnavailable without it."""
    if shutil.which(DECODER) is None:
        raise CodecUnavailable(f"the file has {lacking}: decoding it takes the program {DECODER}, on the PATH")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "picture.bpg"), Path(folder, "picture.png")
        source.write_bytes(data)
        run(DECODER, ["-o", str(target), str(source)], b"")
        if not target.exists():
            raise Corrupt(f"the file is damaged: {DECODER} makes no picture of it")
        picture = image.load(target, notice, options.max_pixels)
    if picture.shape[:2] != (file.height, file.width):
        raise Corrupt(f"the file is damaged: {DECODER} makes a picture of another size of it")
    return np.ascontiguousarray(picture)


def codec() -> BpgCodec:
    return BpgCodec()
