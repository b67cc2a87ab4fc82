"""Channels: what becomes of complex symbols of mean power 1 on their way.

    y = h x + n,   E|h|^2 = 1,   E|n|^2 = N0 = 10^(-SNR / 10)

SNR is Es/N0 in dB: a symbol's mean energy over the noise's, both complex. A channel is named by a spec as codecs are:

    awgn                          h = 1
    rayleigh                      h is complex normal
    rician:k=6                    beside a path in line of sight, k dB stronger than all others together
    rayleigh:fading=block         one h for all symbols (default); fading=fast: another for each
    rayleigh:csi=perfect          the receiver knows h (default); csi=none: it does not

Goldsmith 2005, "Wireless Communications", chapters 3 and 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sccodec.codec import Spec
from sccodec.errors import BadInput

Symbols = npt.NDArray[np.complex64]
"""[k], complex baseband samples, one a channel use."""
Reals = npt.NDArray[np.float32]

KINDS = ("awgn", "rayleigh", "rician")
FADINGS, KNOWLEDGES = ("block", "fast"), ("perfect", "none")
LINE_OF_SIGHT = 6.0
"""The Rician factor in dB where a spec states none."""
SNRS, FACTORS = (-60.0, 100.0), (-40.0, 60.0)
"""Decibels that are taken: of the SNR, and of the Rician factor."""


@dataclass(frozen=True)
class Received:
    """What a receiver has: symbols y [k], its estimate of h [k], and N0, 0 for a channel without noise.

    Without knowledge of the channel its estimate is 1.
    """

    symbols: Symbols
    gains: Symbols
    noise_power: float

    def equalised(self) -> tuple[Symbols, Reals]:
        """y / h [k], and the noise's power behind that [k], both at most 1e12 where nothing came through."""
        power = np.maximum(np.abs(self.gains) ** 2, np.float32(1e-12))
        symbols = (self.symbols * np.conj(self.gains) / power).astype(np.complex64)
        return symbols, np.asarray(self.noise_power / power, np.float32)


@dataclass(frozen=True)
class Channel:
    """A channel; see the module. factor: of Rician fading, in dB."""

    kind: str = "awgn"
    fading: str = "block"
    csi: str = "perfect"
    factor: float = LINE_OF_SIGHT

    @staticmethod
    def parse(text: str) -> Channel:
        """The channel of a spec; raises BadInput."""
        spec = Spec.parse(text)
        if spec.codec not in KINDS:
            raise BadInput(f"no channel is named {spec.codec!r:.60}; there are: {', '.join(KINDS)}")
        options = dict(spec.options)
        known = {"awgn": (), "rayleigh": ("fading", "csi"), "rician": ("fading", "csi", "k")}[spec.codec]
        for key in options:
            if key not in known:
                raise BadInput(f"the channel {spec.codec} has no option {key!r}; it has: {', '.join(known) or 'none'}")
        if spec.variant is not None:
            raise BadInput(f"the channel {spec.codec} has no variant {spec.variant!r}")
        fading, csi = options.get("fading", FADINGS[0]), options.get("csi", KNOWLEDGES[0])
        for key, value, allowed in (("fading", fading, FADINGS), ("csi", csi, KNOWLEDGES)):
            if value not in allowed:
                raise BadInput(f"{key} is {value!r} in {text!r}: expected {' or '.join(allowed)}")
        return Channel(spec.codec, fading, csi, decibels(options.get("k", str(LINE_OF_SIGHT)), "k", FACTORS))

    def __str__(self) -> str:
        """The spec in its canonical form."""
        if self.kind == "awgn":
            return self.kind
        factor = f",k={self.factor:.12g}" if self.kind == "rician" else ""
        return f"{self.kind}:csi={self.csi},fading={self.fading}{factor}"

    def gains(self, k: int, rng: np.random.Generator) -> Symbols:
        """h of k symbols."""
        if self.kind == "awgn":
            return np.ones(k, np.complex64)
        drawn = normal(1 if self.fading == "block" else k, rng)
        if self.kind == "rician":
            ratio = 10 ** (self.factor / 10)
            drawn = (math.sqrt(ratio / (1 + ratio)) + drawn / math.sqrt(1 + ratio)).astype(np.complex64)
        return np.ascontiguousarray(np.broadcast_to(drawn, k))

    def send(self, symbols: npt.ArrayLike, snr: float, rng: np.random.Generator) -> Received:
        """What arrives of symbols [k] at an SNR in dB, inf for none of the noise; raises BadInput.

        What is drawn comes from rng alone: h first, then the noise.
        """
        sent = checked(symbols)
        n0 = noise_power(snr)
        gains = self.gains(len(sent), rng)
        noise = normal(len(sent), rng) * np.float32(math.sqrt(n0))
        known = gains if self.csi == "perfect" else np.ones_like(gains)
        return Received((gains * sent + noise).astype(np.complex64), known, n0)


def normal(k: int, rng: np.random.Generator) -> Symbols:
    """Circular complex normal of power 1, [k]."""
    parts = rng.standard_normal((k, 2), np.float32) * np.float32(math.sqrt(0.5))
    symbols: Symbols = parts.view(np.complex64)[:, 0]
    return symbols


def noise_power(snr: float) -> float:
    """N0 of an SNR in dB, of symbols of power 1; raises BadInput for what is none."""
    if snr == math.inf:
        return 0.0
    if not SNRS[0] <= snr <= SNRS[1]:
        raise BadInput(f"an SNR goes from {SNRS[0]:g} to {SNRS[1]:g} dB, not {snr:g}")
    return float(10 ** (-snr / 10))


def mean_power(symbols: Symbols) -> float:
    """Of symbols [k], 0 where there are none."""
    return float(np.mean(np.square(np.abs(symbols), dtype=np.float64))) if len(symbols) else 0.0


def peak_to_average(symbols: Symbols) -> float:
    """The largest power of a symbol over the mean power, in dB."""
    mean = mean_power(symbols)
    return 10 * math.log10(float(np.max(np.abs(symbols))) ** 2 / mean) if mean > 0 else 0.0


def normalised(symbols: npt.ArrayLike) -> Symbols:
    """Symbols [k] brought to mean power 1; raises BadInput where all are 0, or where some are not finite."""
    sent = checked(symbols)
    power = mean_power(sent)
    if not power > 0:
        raise BadInput("the symbols have no power: all of them are 0")
    return (sent / math.sqrt(power)).astype(np.complex64)


def checked(symbols: npt.ArrayLike) -> Symbols:
    """Symbols as complex64 [k]; raises BadInput for other shapes and for numbers that are not finite."""
    sent = np.asarray(symbols)
    if sent.ndim != 1 or sent.dtype.kind not in "fc" or not len(sent):
        raise BadInput(f"symbols are complex numbers [k], not {sent.dtype} {list(sent.shape)}")
    with np.errstate(over="ignore", invalid="ignore"):  # is seen from what comes of it
        single = sent.astype(np.complex64)
    if not np.isfinite(single).all():
        raise BadInput("symbols that are no finite numbers cannot be sent")
    return single


def decibels(text: str, name: str, allowed: tuple[float, float]) -> float:
    """The number that a text is; raises BadInput."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not allowed[0] <= value <= allowed[1]:
        raise BadInput(f"{name} is {text!r}: expected decibels from {allowed[0]:g} to {allowed[1]:g}")
    return value
