"""The public BPG container, version 0.9.8: parse and serialise.

magic            4 bytes, 42 50 47 FB
format           3 bits: 0 grey, 1 4:2:0 with chroma between the luma samples, 2 4:2:2, 3 4:4:4, 4 and 5 4:2:0 and
                 4:2:2 with chroma at the left; 1 bit: alpha; 4 bits: bits a sample, less 8
colours          4 bits: 0 YCbCr of BT.601, 1 RGB (planes G, B, R), 2 YCgCo, 3 YCbCr of BT.709, 4 and 5 of BT.2020;
                 a bit each: extensions are there, a second kind of alpha, limited range, animation
width, height    ue7 each: 7 bits a byte, the highest first, the high bit set but in the last
length           ue7, of what follows the extensions; 0: to the end of the file
extensions       where they are: their length as ue7, then entries that shape no pixels
header           its length as ue7, then the coding tools (hevc.code_tools); one more before it for alpha
data             NAL units, PPS and slices, between start codes of which the first is left out
"""

from __future__ import annotations

from dataclasses import dataclass

from sccodec.codecs.bpg import hevc
from sccodec.codecs.bpg.bits import BitReader, BitWriter, read_ue7, write_ue7
from sccodec.errors import Corrupt, NotScc, Truncated, UnsupportedVersion

MAGIC = b"BPG\xfb"
GREY, CHROMA_420, CHROMA_444 = 0, 1, 3
CHROMA_NAMES = ("grey", "420", "422", "444", "420 at the left", "422 at the left")
COLOUR_NAMES = ("YCbCr BT.601", "RGB", "YCgCo", "YCbCr BT.709", "YCbCr BT.2020", "YCbCr BT.2020 constant luminance")
YCBCR_601, RGB, YCGCO, YCBCR_709, YCBCR_2020 = range(5)
MAX_DEPTH = 14


@dataclass(frozen=True)
class Bpg:
    """A file. picture: the HEVC header and data, with alpha's. extensions: the bytes of all entries."""

    width: int
    height: int
    chroma: int
    picture: bytes
    colours: int = YCBCR_601
    depth: int = 8
    alpha: bool = False
    limited: bool = False
    animated: bool = False
    extensions: bytes = b""

    def lacking(self) -> str:
        """What this module's neighbours do not decode, in words; empty where they do."""
        return next(
            (
                words
                for words, here in (
                    ("transparency", self.alpha),
                    ("animation", self.animated),
                    (f"{self.depth} bits a sample", self.depth != 8),
                    (f"chroma {CHROMA_NAMES[self.chroma]}", self.chroma not in (GREY, CHROMA_420, CHROMA_444)),
                    ("limited range", self.limited),
                    (f"colours {COLOUR_NAMES[self.colours]}", self.colours > YCBCR_2020),
                    (f"colours {COLOUR_NAMES[self.colours]} and chroma 420", self.colours == RGB and self.chroma != 3),
                )
                if here
            ),
            "",
        )

    def tools(self) -> tuple[hevc.Tools, list[bytes]]:
        """What the HEVC header says, and the NAL units; raises BadStream. Only for a file that lacks nothing."""
        length, start = read_ue7(self.picture, 0)
        if length > len(self.picture) - start:
            raise Truncated("the file ends within its HEVC header")
        bits = BitReader(self.picture[start : start + length])
        tools = hevc.code_tools(bits, hevc.Tools())
        tools.check()
        if bits.left > 7:
            raise Corrupt("the file is damaged: its HEVC header is too long")
        return tools, hevc.split(self.picture[start + length :])


def picture_of(tools: hevc.Tools, nals: list[bytes]) -> bytes:
    """The reverse of Bpg.tools()."""
    bits = BitWriter()
    hevc.code_tools(bits, tools)
    header = bytes(bits)
    return write_ue7(len(header)) + header + hevc.join(nals)


def serialise(file: Bpg) -> bytes:
    """Write the file."""
    flags = 8 * bool(file.extensions) + 2 * file.limited + file.animated
    head = [
        MAGIC,
        bytes([file.chroma << 5 | file.alpha << 4 | file.depth - 8, file.colours << 4 | flags]),
        write_ue7(file.width),
        write_ue7(file.height),
        write_ue7(len(file.picture)),
    ]
    if file.extensions:
        head += [write_ue7(len(file.extensions)), file.extensions]
    return b"".join([*head, file.picture])


def parse(data: bytes) -> Bpg:
    """Read a file as far as its HEVC header; raises BadStream. The size is as stated, whatever it is."""
    if data[:4] != MAGIC[: len(data)] or not data:
        raise NotScc("not a BPG file")
    if len(data) < 6:
        raise Truncated("the file ends within its header")
    chroma, alpha, depth = data[4] >> 5, bool(data[4] & 16), 8 + (data[4] & 15)
    colours, flags = data[5] >> 4, data[5] & 15
    if chroma >= len(CHROMA_NAMES) or colours >= len(COLOUR_NAMES) or depth > MAX_DEPTH:
        raise UnsupportedVersion("the file is damaged, or of a later version of BPG: it states unknown formats")
    width, position = read_ue7(data, 6)
    height, position = read_ue7(data, position)
    if not width or not height:
        raise Corrupt("the file is damaged: it states a picture without pixels")
    length, position = read_ue7(data, position)
    extensions = b""
    if flags & 8:
        n_bytes, position = read_ue7(data, position)
        extensions = data[position : position + n_bytes]
        if len(extensions) < n_bytes:
            raise Truncated("the file ends within its extensions")
        position += n_bytes
    picture = data[position:]
    if not picture or len(picture) < length:
        raise Truncated("the file ends within its picture")
    if 0 < length < len(picture):
        raise Corrupt(f"the file is damaged: {len(picture) - length} bytes follow its end")
    return Bpg(
        width,
        height,
        chroma,
        picture,
        colours=colours,
        depth=depth,
        alpha=alpha or bool(flags & 4),
        limited=bool(flags & 2),
        animated=bool(flags & 1),
        extensions=extensions,
    )
