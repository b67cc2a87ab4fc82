"""Separation: any codec's file, protected by a channel code and modulated: what papers compare with.

    separate:bpg,code=capacity          as much as the channel carries at most (Shannon 1948): a bound, and no code

``code=capacity`` needs k log2(1 + SNR) bits, all that is in the file included; where the channel is worse than the
transmitter assumed, nothing arrives. What does not arrive is shown as the mean colour, which is charged: the receiver
knows no picture's.
"""

from __future__ import annotations

import math

import numpy as np

from sccodec import api
from sccodec.codec import Notice, Options, Picture, Spec
from sccodec.errors import BadInput, BadStream
from sccodec.transmit import channels, modulation
from sccodec.transmit.channels import Received
from sccodec.transmit.link import Arrived, Frame, Link, Sent, ratio_in, uses

CAPACITY = "capacity"
CODES = (CAPACITY,)
MEAN_BYTES = 3
"""At the end of what is sent: the picture's mean colour, for an outage of the rest."""


class Separate(Link):
    name = "separate"
    summary = "any codec's file, behind a channel code"
    others = ("code", "q")

    def check(self, spec: Spec) -> None:
        super().check(spec)
        api.check_known(codec_of(spec))
        if code_of(spec) not in CODES:
            raise BadInput(f"code is {code_of(spec)!r}, expected {' or '.join(CODES)}")

    def send(self, picture: Picture, spec: Spec, snr: float, notice: Notice, options: Options) -> Sent:
        ratio, (height, width) = ratio_in(spec), picture.shape[:2]
        k = uses(ratio, height, width)
        bits = math.floor(k * modulation.capacity(snr))
        if bits < 8:
            raise BadInput(f"{k} symbols at {snr:g} dB carry {bits} bits, which are no file")
        data, quality = api.encode_within(picture, codec_of(spec), bits // 8, notice=notice, options=options)
        frame = Frame(str(spec.canonical()), "", width, height, ratio, k, snr, 8 * len(data))
        stand_in = channels.normalised(channels.normal(k, np.random.default_rng(0)))
        return Sent(stand_in, frame, {"quality": quality, "file_bytes": len(data), "carried_bits": bits}, data)

    def receive(self, got: Received, frame: Frame, notice: Notice, options: Options) -> Arrived:
        raise BadInput("code=capacity is a bound, whose symbols mean nothing: choose a code that can be sent")

    def receive_ideal(self, ideal: bytes, got: Received, frame: Frame, notice: Notice, options: Options) -> Arrived:
        _, noise = got.equalised()
        carried = float(np.sum(np.log2(1 + 1 / np.maximum(noise, np.float32(1e-12)), dtype=np.float64)))
        if carried < 8 * len(ideal):
            notice(f"the channel carries {carried:.0f} bits, and the file has {8 * len(ideal)}: nothing arrives")
            return Arrived(grey(frame), (1, 1))
        try:
            return Arrived(api.decode(ideal, notice=notice, options=options), (0, 1))
        except BadStream as error:
            raise BadInput(f"the file that was sent cannot be decoded: {error}") from None


def codec_of(spec: Spec) -> str:
    """The codec's spec, that stands as the variant: "hyperprior"; raises BadInput where none does."""
    if spec.variant is None:
        raise BadInput("separate needs a codec: separate:hyperprior,code=capacity")
    return spec.variant


def code_of(spec: Spec) -> str:
    return dict(spec.options).get("code", CAPACITY)


def grey(frame: Frame) -> Picture:
    """What is shown where nothing arrives, uint8 [H, W, 3]: middle grey, as nothing was sent to say otherwise."""
    return np.full((frame.height, frame.width, 3), 128, np.uint8)


def link() -> Separate:
    return Separate()
