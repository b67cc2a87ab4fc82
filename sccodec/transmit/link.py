"""What a link is: a transmitter that makes symbols of a picture, and a receiver that makes a picture of what arrives.

    picture -> Link.send -> Sent: symbols, frame -> a channel -> Received, frame -> Link.receive -> Arrived: picture, ..

A link is named by a spec as codecs are, with the ratio among its options: ``deepjscc:ratio=1/24``,
``separate:hyperprior,code=ldpc,ratio=1/12``. The ratio is k / n: k complex channel uses, over the n = 3 H W samples of
the source (the bandwidth ratio of Bourtsoulatze et al. 2019). Papers also divide by pixels: k / (H W), three times it.

A frame is what the receiver knows without being sent it: both sides have agreed on it, or it stands in the metadata.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from sccodec.codec import Notice, Options, Picture, Spec
from sccodec.container import MAX_SIDE
from sccodec.errors import BadInput
from sccodec.transmit.channels import SNRS, Received, Symbols

LABEL = "ratio"
PARTS = ("channels", "link", "modulation", "recordings", "run")
"""Modules of this folder that are no links."""
DEFAULT_RATIO = Fraction(1, 12)
RATIOS = (Fraction(1, 1000), Fraction(1, 1))
"""Between which a ratio lies, whatever the link: a link may cover fewer."""
RATIO = re.compile(r"\d{1,9}/\d{1,9}|\d{0,3}\.?\d{1,12}", re.ASCII)
"""How a ratio is written: of other texts some are numbers of many digits."""
MOST_SPEC = 300
"""Characters of a spec in a frame."""


@dataclass(frozen=True)
class Frame:
    """What the receiver knows beside the symbols.

    link: the spec, canonical. tag: of its model file, hexadecimal, or "". width, height: of the picture. ratio: what
    was asked for. k: symbols. snr: in dB, that the transmitter assumed. bits: that the symbols carry; None where they
    carry none. settings: numbers of the link's own.
    """

    link: str
    tag: str
    width: int
    height: int
    ratio: Fraction
    k: int
    snr: float
    bits: int | None = None
    settings: Mapping[str, float] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Samples of the source, 3 H W."""
        return 3 * self.width * self.height

    @property
    def over_samples(self) -> float:
        """The bandwidth ratio k / n, of the symbols that there are."""
        return self.k / self.n

    @property
    def over_pixels(self) -> float:
        """k / (H W), which some papers call the ratio."""
        return 3 * self.k / self.n

    def described(self) -> dict[str, object]:
        """For JSON: with both definitions of the ratio."""
        return {
            "link": self.link,
            "model": self.tag or None,
            "width": self.width,
            "height": self.height,
            "k": self.k,
            "n": self.n,
            "ratio": str(self.ratio),
            "k_over_samples": self.over_samples,
            "k_over_pixels": self.over_pixels,
            "transmitter_snr_db": float(self.snr),
            "bits": self.bits,
            "settings": {key: float(value) for key, value in self.settings.items()},
        }

    @staticmethod
    def of(found: Mapping[str, object]) -> Frame:
        """What described() gave; raises BadInput for anything else, and for numbers that do not fit together."""
        link, tag, snr, bits = (found.get(key) for key in ("link", "model", "transmitter_snr_db", "bits"))
        settings, ratio = found.get("settings"), found.get("ratio")
        if not isinstance(link, str) or len(link) > MOST_SPEC:
            raise BadInput("no link is named")
        if not (tag is None or (isinstance(tag, str) and re.fullmatch("[0-9a-f]{8}", tag))):
            raise BadInput(f"model is {tag!r:.60}: expected 8 hexadecimal digits")
        if not is_number(snr) or not SNRS[0] <= float(snr) <= SNRS[1]:
            raise BadInput(f"transmitter_snr_db is {snr!r:.60}: expected {SNRS[0]:g} to {SNRS[1]:g}")
        if not isinstance(settings, dict) or not all(is_number(value) for value in settings.values()):
            raise BadInput("settings hold something else than numbers")
        frame = Frame(
            link=link,
            tag=tag or "",
            width=whole(found, "width", 1, MAX_SIDE),
            height=whole(found, "height", 1, MAX_SIDE),
            ratio=ratio_of(ratio if isinstance(ratio, str) else repr(ratio)),
            k=whole(found, "k", 1, 3 * MAX_SIDE**2),
            snr=float(snr),
            bits=None if bits is None else whole(found, "bits", 0, 1 << 50),
            settings={str(key): float(value) for key, value in settings.items()},
        )
        most = max(1, uses(frame.ratio, frame.height, frame.width))
        if frame.k > most:
            size = f"{frame.width}x{frame.height} pixels"
            raise BadInput(f"k is {frame.k}, and {size} at a ratio of {frame.ratio} take {most} at most")
        return frame


@dataclass(frozen=True)
class Sent:
    """symbols: [k], of mean power 1. details: what there is to say beside the frame, as JSON holds it.

    ideal: of a code that is a bound and no code, what arrives where the channel carries it; such symbols are nothing
    but as many as would be sent, and may not be written.
    """

    symbols: Symbols
    frame: Frame
    details: Mapping[str, object] = field(default_factory=dict)
    ideal: bytes | None = None


@dataclass(frozen=True)
class Arrived:
    """What a receiver makes of it. failed: parts of the transmission that could not be decoded, of how many.

    labels: a map of classes uint8 [h, w], and their names; caption: a sentence; where the link carries such.
    """

    picture: Picture
    failed: tuple[int, int] = (0, 0)
    labels: npt.NDArray[np.uint8] | None = None
    label_names: tuple[str, ...] = ()
    caption: str | None = None


class Link(ABC):
    """Pictures over a channel.

    name: that of its module or folder. summary: a line. others: options beside the ratio.
    """

    name: str
    summary: str
    others: tuple[str, ...] = ()

    def check_available(self) -> None:  # noqa: B027 - nothing is missing unless a link says so
        """Raise CodecUnavailable where something is not installed that the link always needs, models apart."""

    def check(self, spec: Spec) -> None:
        """Raise BadInput for what the link does not have, and for a ratio that it does not cover."""
        spec.check_options(LABEL, *self.others)
        self.check_ratio(ratio_in(spec))

    def check_ratio(self, ratio: Fraction) -> None:  # noqa: B027 - any, unless a link says otherwise
        """Raise BadInput for a ratio that the link does not cover; the message says which it does."""

    def check_snr(self, snr: float) -> None:
        """Raise BadInput for an SNR in dB that the transmitter cannot go by; the message says by which it can."""
        if not SNRS[0] <= snr <= SNRS[1]:
            raise BadInput(f"the SNR that a transmitter goes by is from {SNRS[0]:g} to {SNRS[1]:g} dB, not {snr:g}")

    @abstractmethod
    def send(self, picture: Picture, spec: Spec, snr: float, notice: Notice, options: Options) -> Sent:
        """Symbols of a picture for a channel of about that SNR; raises BadInput, ModelError or CodecUnavailable."""

    @abstractmethod
    def receive(self, got: Received, frame: Frame, notice: Notice, options: Options) -> Arrived:
        """The picture that arrives; raises BadInput where symbols and frame do not fit together, ModelError."""

    def receive_ideal(self, ideal: bytes, got: Received, frame: Frame, notice: Notice, options: Options) -> Arrived:
        """As receive(), for what Sent.ideal holds; raises BadInput where the link has no such thing."""
        raise BadInput(f"the link {self.name} sends nothing but symbols")


def names() -> list[str]:
    """Every link: the modules and folders beside this one that have a function link()."""
    folders = importlib.import_module(__package__).__path__
    return sorted(m.name for m in pkgutil.iter_modules(folders) if m.name not in PARTS)


def load(name: str) -> Link:
    """The link of that name; raises BadInput, which lists the known."""
    if name not in names():
        raise BadInput(f"no link is named {name!r:.60}; there are: {', '.join(names()) or 'none'}")
    found: Link = importlib.import_module(f"sccodec.transmit.{name}").link()
    return found


def parse(text: str) -> Spec:
    """The spec of a link in its canonical form; raises BadInput. The link checks its other options."""
    return canonical(Spec.parse(text))


def canonical(spec: Spec) -> Spec:
    """The one spec of all that ask for the same: it states the ratio, in lowest terms; raises BadInput."""
    options = dict(spec.canonical().options) | {LABEL: str(ratio_in(spec))}
    return replace(spec, options=tuple(sorted(options.items())))


def ratio_in(spec: Spec) -> Fraction:
    """The ratio that a spec states, or the default; raises BadInput."""
    return ratio_of(dict(spec.options).get(LABEL, str(DEFAULT_RATIO)))


def ratio_of(text: str) -> Fraction:
    """k / n of "1/24" or "0.04"; raises BadInput."""
    try:
        found = Fraction(text) if RATIO.fullmatch(text) else Fraction(0)
    except ZeroDivisionError:
        found = Fraction(0)
    if not RATIOS[0] <= found <= RATIOS[1]:
        raise BadInput(f"a ratio is {text!r:.40}: expected channel uses a sample, 1/1000 to 1, as 1/24 or 0.04")
    return found


def uses(ratio: Fraction, height: int, width: int) -> int:
    """The most channel uses k that a ratio allows for a picture: the whole part of ratio * 3 H W."""
    return math.floor(ratio * 3 * height * width)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a finite number as JSON has them, and float() takes it."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < 1 << 1000
    return isinstance(value, float) and math.isfinite(value)


def whole(found: Mapping[str, object], key: str, least: int, most: int) -> int:
    """A whole number among what was found; raises BadInput."""
    value = found.get(key)
    if type(value) is not int or not least <= value <= most:
        raise BadInput(f"{key} is {value!r:.60}: expected a whole number from {least} to {most}")
    return value
