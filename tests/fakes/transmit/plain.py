"""A link without a model, samples as amplitudes, to test commands and recordings alone.

Every so many samples one is sent, two in a symbol; the receiver repeats them. ``text=1`` adds a sentence and a map.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from sccodec.codec import Notice, Options, Picture, Spec
from sccodec.errors import BadInput
from sccodec.transmit.channels import Received, mean_power, normalised
from sccodec.transmit.link import Arrived, Frame, Link, Sent, ratio_in, uses


class Plain(Link):
    name = "plain"
    summary = "samples as amplitudes, for tests"
    others = ("text",)

    def check_ratio(self, ratio: Fraction) -> None:
        if ratio < Fraction(1, 24):
            raise BadInput(f"plain covers ratios from 1/24 on, not {ratio}")

    def check_snr(self, snr: float) -> None:
        if not -10 <= snr <= 30:
            raise BadInput(f"plain covers SNRs from -10 to 30 dB, not {snr:g}")

    def send(self, picture: Picture, spec: Spec, snr: float, notice: Notice, options: Options) -> Sent:
        height, width = picture.shape[:2]
        k = uses(ratio_in(spec), height, width)
        if k < 1:
            raise BadInput("the picture has too few samples for that ratio")
        taken = picture.ravel()[places(k, picture.size)].astype(np.float32) / 127.5 - 1
        pairs = np.ascontiguousarray(taken.reshape(2, k).T).view(np.complex64)[:, 0] + np.complex64(1e-3)
        symbols = normalised(pairs)
        scale = mean_power(pairs) ** 0.5
        frame = Frame(str(spec.canonical()), "", width, height, ratio_in(spec), k, snr, 0, {"scale": scale})
        return Sent(symbols, frame, {"taken": len(taken)})

    def receive(self, got: Received, frame: Frame, notice: Notice, options: Options) -> Arrived:
        symbols, _ = got.equalised()
        pairs = symbols * np.complex64(frame.settings["scale"]) - np.complex64(1e-3)
        taken = np.concatenate([pairs.real, pairs.imag])
        held = places(frame.k, frame.n)
        which = np.searchsorted(held, np.arange(frame.n), side="right") - 1
        samples = np.rint(np.clip((taken[which] + 1) * 127.5, 0, 255)).astype(np.uint8)
        picture = samples.reshape(frame.height, frame.width, 3)
        if "text" not in frame.link:
            return Arrived(picture, (0, 2))
        labels = (picture[::2, ::2, 0] > 127).astype(np.uint8)
        return Arrived(picture, (0, 2), labels, ("dark", "bright"), f"a mean of {picture.mean():.0f}")


def places(k: int, n: int) -> np.ndarray:
    """Of the 2 k samples that are sent, of n."""
    return np.arange(2 * k) * n // (2 * k)


def link() -> Plain:
    return Plain()
