"""Separation: any codec's file, protected by a channel code and modulated: what papers compare with.

    separate:hyperprior,code=ldpc       LDPC of 5G NR, BPSK to 64-QAM; needs the package sionna-no-rt
    separate:bpg,code=capacity          as much as the channel carries at most (Shannon 1948): a bound, and no code
    separate:jpeg,code=ldpc,chroma=444  further options are the codec's

The file is the best of its codec that fits into what the channel carries at the SNR that is assumed (plan.py,
capacity.py), unless q states its quality; where none does, the mean colour alone is sent. What the receiver is told
beside the symbols is how they are cut (Plan), and the factor that brought their mean power to 1. The file's end and the
mean colour are among what is sent, and charged.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sccodec import api
from sccodec.codec import Notice, Options, Picture, Spec
from sccodec.errors import BadInput, BadStream, NothingFits
from sccodec.transmit.channels import Received
from sccodec.transmit.link import LABEL, Arrived, Frame, Link, Sent, ratio_in, uses
from sccodec.transmit.separate import blocks, capacity, ldpc, partial
from sccodec.transmit.separate.plan import Plan, choose

CAPACITY, LDPC = "capacity", "ldpc"
CODES = (CAPACITY, LDPC)
MODULATIONS = {1: "BPSK", 2: "4-QAM", 4: "16-QAM", 6: "64-QAM"}
SCALES = (0.01, 100.0)
"""Between which the factor of the symbols lies."""
GREY = (128, 128, 128)
NO_FILE = b""
"""In place of a file, where the channel carries none of the codec's."""


class Separate(Link):
    name = "separate"
    summary = "any codec's file, behind a channel code"
    others = ("code", "q")

    def check(self, spec: Spec) -> None:
        self.check_ratio(ratio_in(spec))
        codec = codec_of(spec)
        api.load(codec.codec).check(without_quality(codec))
        if code_of(spec) not in CODES:
            raise BadInput(f"code is {code_of(spec)!r:.40}, expected {' or '.join(CODES)}")

    def send(self, picture: Picture, spec: Spec, snr: float, notice: Notice, options: Options) -> Sent:
        ratio, (height, width) = ratio_in(spec), picture.shape[:2]
        k = uses(ratio, height, width)
        is_bound = code_of(spec) == CAPACITY
        if not is_bound:
            ldpc.part("ldpc")  # whose absence is said before the picture is encoded many times
        plan = None if is_bound else choose(k, snr)
        room = capacity.room(k, snr) if plan is None else blocks.room(plan)
        if room < 1:
            raise BadInput(f"{k} symbols at {snr:g} dB carry {max(0, room)} bytes of a file, which are none")
        data, quality = fitted(picture, codec_of(spec), room, notice, options)
        details: dict[str, object] = {"quality": quality, "file_bytes": len(data), "carried_bytes": room}

        def frame(settings: dict[str, float]) -> Frame:
            return Frame(str(spec.canonical()), "", width, height, ratio, k, snr, 8 * len(data), settings)

        colour = mean_colour(picture)
        if plan is None:
            return Sent(capacity.stand_in(k), frame({}), details, bytes(colour) + data)
        symbols, scale = blocks.send(data, colour, plan)
        details |= {"modulation": MODULATIONS[plan.order], "code_rate": round(plan.rate, 4), "blocks": plan.blocks}
        details |= {"block_bits": plan.block_bits, "colour_symbols": plan.spare if plan.has_colour else 0}
        return Sent(symbols, frame(plan.settings() | {"scale": scale}), details)

    def receive(self, got: Received, frame: Frame, notice: Notice, options: Options) -> Arrived:
        if code_of(Spec.parse(frame.link)) == CAPACITY:
            raise BadInput("code=capacity is a bound, whose symbols mean nothing: choose a code that can be sent")
        ldpc.part("ldpc")
        plan = Plan.of(frame.settings, len(got.symbols))
        scale = np.float32(frame.settings["scale"])
        if not SCALES[0] <= scale <= SCALES[1]:
            raise BadInput(f"the frame's scale is {scale:g}: expected {SCALES[0]:g} to {SCALES[1]:g}")
        symbols, noise = got.equalised()
        whole, arrived, colour = blocks.receive(symbols / scale, noise / scale**2, plan)
        failed = int(plan.blocks - arrived.sum()), plan.blocks
        if failed[0] == 0:
            file = blocks.file_of(whole)
            return Arrived(filled(frame, colour or GREY) if file == NO_FILE else decoded(file, notice, options), failed)
        first = int(np.argmin(arrived))
        found = partial.shown(whole[: first * plan.block_bytes], options)
        size = (frame.height, frame.width, 3)
        what = "what came before them is shown"
        if found is None or found.shape != size:
            what = "nothing came with which to show more than grey" if colour is None else "the mean colour is shown"
            found = filled(frame, colour or GREY)
        notice(f"{failed[0]} of {failed[1]} blocks could not be decoded: {what}")
        return Arrived(found, failed)

    def receive_ideal(self, ideal: bytes, got: Received, frame: Frame, notice: Notice, options: Options) -> Arrived:
        carried = capacity.carried(got)
        colour, file = tuple(ideal[: capacity.MEAN_BYTES]), ideal[capacity.MEAN_BYTES :]
        if carried >= 8 * len(ideal):
            return Arrived(filled(frame, colour) if file == NO_FILE else decoded(file, notice, options), (0, 1))
        if carried < 8 * capacity.MEAN_BYTES:
            colour = GREY
        notice(f"the channel carries {carried:.0f} bits of {8 * len(ideal)}: no more than the mean colour arrives")
        return Arrived(filled(frame, colour), (1, 1))


def codec_of(spec: Spec) -> Spec:
    """The codec, that stands as the variant, "hyperprior", with its options; raises BadInput where none does."""
    if spec.variant is None:
        raise BadInput("separate needs a codec: separate:hyperprior,code=ldpc")
    name, _, variant = spec.variant.partition(":")
    return Spec(name, variant or None, tuple(o for o in spec.options if o[0] not in (LABEL, "code")))


def without_quality(codec: Spec) -> Spec:
    return Spec(codec.codec, codec.variant, tuple(o for o in codec.options if o[0] != "q"))


def code_of(spec: Spec) -> str:
    return dict(spec.options).get("code", CAPACITY)


def fitted(picture: Picture, codec: Spec, room: int, notice: Notice, options: Options) -> tuple[bytes, object]:
    """The best file of at most that many bytes, or that of a stated quality, and the quality; raises BadInput.

    NO_FILE where none is so small.
    """
    stated, options = dict(codec.options).get("q"), replace(options, judge=False)  # it is not for keeping
    if stated is None:
        try:
            return api.encode_within(picture, str(codec), room, notice=notice, options=options)
        except NothingFits as error:
            notice(f"{error}: the mean colour alone is sent")
            return NO_FILE, None
    data = api.encode(picture, str(codec), notice=notice, options=options)
    if len(data) > room:
        raise BadInput(f"at q={stated} the file has {len(data)} bytes, and the channel carries {room}")
    return data, float(stated)


def decoded(file: bytes | None, notice: Notice, options: Options) -> Picture:
    """The picture of a file that arrived whole; raises BadInput where it is of other metadata."""
    if file is None:
        raise BadInput("what arrived ends as no file does: the metadata are of another transmission")
    try:
        return api.decode(file, notice=notice, options=options)
    except BadStream as error:
        raise BadInput(f"the file that was sent cannot be decoded: {error}") from None


def mean_colour(picture: Picture) -> blocks.Colour:
    red, green, blue = np.rint(picture.reshape(-1, 3).mean(0, dtype=np.float64)).astype(np.uint8).tolist()
    return red, green, blue


def filled(frame: Frame, colour: tuple[int, ...]) -> Picture:
    """What is shown where no file arrives, uint8 [H, W, 3]."""
    return np.full((frame.height, frame.width, 3), np.array(colour, np.uint8), np.uint8)


def link() -> Separate:
    return Separate()
