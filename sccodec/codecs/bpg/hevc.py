"""The parts of an HEVC stream that BPG keeps, drops or writes otherwise (ITU-T H.265; the BPG specification, 3).

BPG drops the VPS and the SPS and keeps the coding tools that the SPS names, in a header of a few bytes; what follows,
the PPS and the slices, is HEVC's own. Both ways are needed: from x265's SPS to that header, and from the header to a
VPS and an SPS that any HEVC decoder takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sccodec.codecs.bpg.bits import BitReader, Bits, BitWriter, escape, unescape
from sccodec.errors import BadStream, CodecUnavailable, Corrupt

IDR_W_RADL, IDR_N_LP, VPS, SPS, PPS = 19, 20, 32, 33, 34
IGNORED = (35, 36, 37, 38, 39, 40)
"""Delimiters, ends, filler and supplemental information: no picture depends on them."""
N_RANGE_FLAGS = 9
EXTENDED_PRECISION, HIGH_PRECISION_OFFSETS, BYPASS_ALIGNMENT = 4, 6, 8
"""The range extension's flags that BPG forbids, by their places; the second does not matter to intra pictures."""

PROFILE_STILL, PROFILE_RANGE_EXTENSIONS = 3, 4
LEVEL_WITHOUT_LIMITS = 255


@dataclass(frozen=True)
class Pcm:
    """Bits a sample, and log2 sizes of the blocks, that are sent as plain samples."""

    luma_bits: int = 8
    chroma_bits: int = 8
    log2_min: int = 3
    log2_diff: int = 0
    unfiltered: bool = False


@dataclass(frozen=True)
class Tools:
    """What the BPG header says of the coding: log2 block sizes and switches, as the SPS has them."""

    log2_min_block: int = 3
    log2_diff_block: int = 3
    log2_min_transform: int = 2
    log2_diff_transform: int = 3
    intra_depth: int = 0
    offset: bool = True  # sample-adaptive
    pcm: Pcm | None = None
    strong_smoothing: bool = True
    range_flags: tuple[bool, ...] | None = None

    def check(self) -> None:
        """Raise Corrupt for what HEVC does not allow: a decoder need not survive it."""
        log2_tree = self.log2_min_block + self.log2_diff_block
        log2_transform = self.log2_min_transform + self.log2_diff_transform
        fine = (
            4 <= log2_tree <= 6
            and self.log2_min_transform < self.log2_min_block
            and log2_transform <= min(log2_tree, 5)
            and self.intra_depth <= log2_tree - self.log2_min_transform
        )
        if self.pcm is not None:
            fine = fine and min(self.log2_min_block, 5) <= self.pcm.log2_min <= min(log2_tree, 5)
            fine = fine and self.pcm.log2_min + self.pcm.log2_diff <= min(log2_tree, 5)
            fine = fine and max(self.pcm.luma_bits, self.pcm.chroma_bits) <= 8
        flags = self.range_flags or (False,) * N_RANGE_FLAGS
        if not fine or flags[EXTENDED_PRECISION] or flags[BYPASS_ALIGNMENT]:
            raise Corrupt("the file is damaged: its HEVC header states what HEVC or BPG does not allow")

    def padded(self, side: int) -> int:
        """The side of the coded picture: whole smallest blocks."""
        return -(-side >> self.log2_min_block) << self.log2_min_block


def code_tools(bits: Bits, tools: Tools) -> Tools:
    """The BPG header's fields, without the zeros that fill the last byte."""
    blocks = _code_blocks(bits, tools)
    return Tools(
        *blocks,
        intra_depth=bits.ue(tools.intra_depth),
        offset=bits.flag(tools.offset),
        pcm=_code_pcm(bits, tools.pcm),
        strong_smoothing=bits.flag(tools.strong_smoothing),
        range_flags=_code_extension(bits, tools.range_flags),
    )


def _code_blocks(bits: Bits, tools: Tools) -> tuple[int, int, int, int]:
    log2_min_block = 3 + bits.ue(tools.log2_min_block - 3)
    log2_diff_block = bits.ue(tools.log2_diff_block)
    log2_min_transform = 2 + bits.ue(tools.log2_min_transform - 2)
    return log2_min_block, log2_diff_block, log2_min_transform, bits.ue(tools.log2_diff_transform)


def _code_pcm(bits: Bits, pcm: Pcm | None) -> Pcm | None:
    if not bits.flag(pcm is not None):
        return None
    pcm = pcm or Pcm()
    return Pcm(
        luma_bits=1 + bits.u(4, pcm.luma_bits - 1),
        chroma_bits=1 + bits.u(4, pcm.chroma_bits - 1),
        log2_min=3 + bits.ue(pcm.log2_min - 3),
        log2_diff=bits.ue(pcm.log2_diff),
        unfiltered=bits.flag(pcm.unfiltered),
    )


def _code_extension(bits: Bits, flags: tuple[bool, ...] | None) -> tuple[bool, ...] | None:
    if not bits.flag(flags is not None):
        return None
    has_range = bits.flag(flags is not None)
    if bits.u(7):
        raise Corrupt("the file is damaged, or of a later version: its HEVC header has an unknown extension")
    if not has_range:
        return None
    return tuple(bits.flag(flag) for flag in flags or (False,) * N_RANGE_FLAGS)


@dataclass(frozen=True)
class Sequence:
    """An SPS as far as intra pictures of 8 bits depend on it. chroma: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4."""

    width: int = 0
    height: int = 0
    chroma: int = 3
    tools: Tools = Tools()

    def write_sps(self) -> bytes:
        """The NAL unit."""
        bits = BitWriter()
        _code_sps(bits, self)
        bits.flag(True)
        return (SPS << 9 | 1).to_bytes(2, "big") + escape(bytes(bits))

    def write_vps(self) -> bytes:
        """The NAL unit of a VPS to that SPS."""
        bits = BitWriter()
        bits.u(4)
        bits.u(2, 3)  # a base layer, inside the stream
        bits.u(6)
        bits.u(3)
        bits.flag(True)
        bits.u(16, 0xFFFF)
        _code_profile(bits, self.chroma)
        _code_buffering(bits, 0)
        bits.u(6)
        bits.ue(0)
        bits.u(2)  # neither timing nor extension
        bits.flag(True)
        return (VPS << 9 | 1).to_bytes(2, "big") + escape(bytes(bits))


def read_sps(nal: bytes) -> Sequence:
    """What x265's SPS says; raises CodecUnavailable for what a BPG file cannot say."""
    try:
        return _code_sps(BitReader(unescape(nal[2:])), Sequence())
    except BadStream as error:
        raise CodecUnavailable(f"this pillow-heif's x265 writes a stream that BPG does not hold: {error}") from None


def _code_sps(bits: Bits, sps: Sequence) -> Sequence:
    """The SPS, but for the bits that end it. Raises Corrupt for what a BPG file cannot say."""
    bits.u(4)
    n_layers = 1 + bits.u(3)
    bits.flag(True)
    _code_profile(bits, sps.chroma)
    bits.ue(0)
    chroma = bits.ue(sps.chroma)
    separate = chroma == 3 and bits.flag()
    width, height = bits.ue(sps.width), bits.ue(sps.height)
    cropped = bits.flag()
    deep = bits.ue(0) + bits.ue(0)
    if n_layers > 1 or separate or cropped or deep:
        raise Corrupt("its SPS has layers, planes, a cropping window or a bit depth of its own")
    log2_order = bits.ue(4)
    _code_buffering(bits, 0)
    blocks = _code_blocks(bits, sps.tools)
    bits.ue(0)  # the depth in inter pictures
    intra_depth = bits.ue(sps.tools.intra_depth)
    scaling = bits.flag()
    bits.flag(True)  # asymmetric partitions
    offset = bits.flag(sps.tools.offset)
    pcm = _code_pcm(bits, sps.tools.pcm)
    if scaling or log2_order > 12 or bits.ue(0) or bits.flag():
        raise Corrupt("its SPS has scaling lists or reference pictures")
    bits.flag(True)  # temporal motion vectors
    strong_smoothing = bits.flag(sps.tools.strong_smoothing)
    if bits.flag():
        _code_usability(bits)
    range_flags = _code_extension(bits, sps.tools.range_flags)
    tools = Tools(
        *blocks,
        intra_depth=intra_depth,
        offset=offset,
        pcm=pcm,
        strong_smoothing=strong_smoothing,
        range_flags=range_flags,
    )
    return Sequence(width, height, chroma, tools)


def _code_profile(bits: Bits, chroma: int) -> None:
    """profile_tier_level() of one layer."""
    profile = PROFILE_STILL if chroma == 1 else PROFILE_RANGE_EXTENSIONS
    bits.u(8, profile)
    bits.u(32, 1 << 31 - profile)
    bits.u(48, 0b1001 << 44)  # progressive, frames only
    bits.u(8, LEVEL_WITHOUT_LIMITS)


def _code_buffering(bits: Bits, n_pictures: int) -> None:
    """The pictures to keep, those to reorder and the latency, of one layer."""
    bits.flag(True)
    for _ in range(3):
        bits.ue(n_pictures)


def _code_usability(bits: Bits) -> None:
    """vui_parameters(), to be read over: none of it shapes samples."""
    if bits.flag() and bits.u(8) == 255:  # aspect ratio
        bits.u(32)
    if bits.flag():  # overscan
        bits.flag()
    if bits.flag():  # video signal
        bits.u(4)
        if bits.flag():
            bits.u(24)
    if bits.flag():  # place of chroma
        bits.ue()
        bits.ue()
    bits.u(3)
    if bits.flag():  # display window
        for _ in range(4):
            bits.ue()
    if bits.flag():  # timing
        bits.u(32)
        bits.u(32)
        if bits.flag():
            bits.ue()
        if bits.flag():
            raise Corrupt("its SPS has buffering parameters")
    if bits.flag():  # restrictions
        bits.u(3)
        for _ in range(5):
            bits.ue()


def nal_type(nal: bytes) -> int:
    return nal[0] >> 1 & 63


def split(data: bytes) -> list[bytes]:
    """The NAL units of a BPG file's HEVC data, whose first start code is left out: PPSs, then slices of one picture.

    Raises Corrupt where it holds anything else.
    """
    kept = []
    for nal in re.split(b"\x00\x00\x01", data):
        nal = nal.rstrip(b"\x00")  # trailing zeros, or the first byte of a long start code
        if len(nal) < 3 or nal[0] & 0x81 or nal[1] != 1:
            raise Corrupt("the file is damaged: its HEVC data are not NAL units of one layer")
        if nal_type(nal) not in (PPS, IDR_N_LP, IDR_W_RADL, *IGNORED):
            raise Corrupt(f"the file is damaged: its HEVC data have a NAL unit of type {nal_type(nal)}")
        if nal_type(nal) not in IGNORED:
            kept.append(nal)
    types = [nal_type(nal) for nal in kept]
    slices = [nal for nal in kept if nal_type(nal) != PPS]
    starts = [bool(nal[2] & 128) for nal in slices]
    if types[:1] != [PPS] or starts[:1] != [True] or any(starts[1:]) or PPS in types[types.count(PPS) :]:
        raise Corrupt("the file is damaged: its HEVC data are not the slices of one picture")
    return kept


def join(nals: list[bytes]) -> bytes:
    """The reverse of split()."""
    return b"\x00\x00\x01".join(nals)


def quantiser(nals: list[bytes], tools: Tools, chroma: int) -> int:
    """The QP that the first slice starts with; raises BadStream."""
    bits = BitReader(unescape(nals[0][2:66]))
    identifiers = bits.ue(), bits.ue()
    bits.flag()
    output_flag, n_extra = bits.flag(), bits.u(3)
    bits.u(2)
    bits.ue()
    bits.ue()
    start = 26 + bits.se()
    first = next(nal for nal in nals if nal_type(nal) != PPS)
    bits = BitReader(unescape(first[2:66]))
    bits.u(2)
    if identifiers != (bits.ue(), 0):
        raise Corrupt("the file is damaged: its first slice refers to another PPS than its first, or to another SPS")
    bits.u(n_extra)
    if bits.ue() != 2:
        raise Corrupt("the file is damaged: its first slice is not an intra slice")
    bits.u(int(output_flag))
    if tools.offset:
        bits.u(2 if chroma else 1)
    return start + bits.se()
