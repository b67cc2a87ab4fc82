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
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from sccodec.codec import Notice, Options, Picture, Spec
from sccodec.container import MAX_SIDE
from sccodec.errors import BadInput
from sccodec.transmit.channels import Received, Symbols

LABEL = "ratio"
PARTS = ("channels", "link", "modulation", "recordings", "run")
"""Modules of this folder that are no links."""
DEFAULT_RATIO = Fraction(1, 12)
RATIOS = (Fraction(1, 1000), Fraction(1, 1))
"""Between which a ratio lies, whatever the link: a link may cover fewer."""


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
            "k_over_samples": self.k / self.n,
            "k_over_pixels": 3 * self.k / self.n,
            "transmitter_snr_db": self.snr,
            "bits": self.bits,
            "settings": dict(self.settings),
        }

    @staticmethod
    def of(found: Mapping[str, object]) -> Frame:
        """What described() gave; raises BadInput for anything else."""

        def whole(key: str, most: int) -> int:
            value = found.get(key)
            if type(value) is not int or not 1 <= value <= most:
                raise BadInput(f"{key} is {value!r:.60}: expected a whole number from 1 to {most}")
            return value

        link, tag, snr, bits = (found.get(key) for key in ("link", "model", "transmitter_snr_db", "bits"))
        settings = found.get("settings", {})
        if not isinstance(link, str) or not (tag is None or isinstance(tag, str)):
            raise BadInput("the metadata name no link")
        if isinstance(snr, bool) or not isinstance(snr, int | float) or math.isnan(snr):
            raise BadInput(f"transmitter_snr_db is {snr!r:.60}: expected a number")
        if bits is not None and (type(bits) is not int or bits < 0):
            raise BadInput(f"bits is {bits!r:.60}: expected a whole number")
        if not isinstance(settings, dict) or not all(is_number(value) for value in settings.values()):
            raise BadInput("settings hold something else than numbers")
        return Frame(
            link,
            tag or "",
            whole("width", MAX_SIDE),
            whole("height", MAX_SIDE),
            ratio_of(str(found.get("ratio"))),
            whole("k", 1 << 40),
            float(snr),
            bits,
            {str(key): float(value) for key, value in settings.items()},
        )


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

    def check(self, spec: Spec) -> None:
        """Raise BadInput for what the link does not have, and for a ratio that it does not cover."""
        spec.check_options(LABEL, *self.others)
        self.check_ratio(ratio_in(spec))

    def check_ratio(self, ratio: Fraction) -> None:  # noqa: B027 - any, unless a link says otherwise
        """Raise BadInput for a ratio that the link does not cover; the message says which it does."""

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
    import sccodec.transmit as folder

    return sorted(m.name for m in pkgutil.iter_modules(folder.__path__) if m.name not in PARTS)


def load(name: str) -> Link:
    """The link of that name; raises BadInput, which lists the known."""
    if name not in names():
        raise BadInput(f"no link is named {name!r}; there are: {', '.join(names()) or 'none'}")
    found: Link = importlib.import_module(f"sccodec.transmit.{name}").link()
    return found


def parse(text: str) -> Spec:
    """The spec of a link, whose ratio may be a fraction; raises BadInput. Options are checked by the link."""
    spec = Spec.parse(text)
    if LABEL in dict(spec.options):
        ratio_in(spec)
    return spec


def ratio_in(spec: Spec) -> Fraction:
    """The ratio that a spec states, or the default; raises BadInput."""
    return ratio_of(dict(spec.options).get(LABEL, str(DEFAULT_RATIO)))


def ratio_of(text: str) -> Fraction:
    """k / n of "1/24" or "0.04"; raises BadInput."""
    try:
        found = Fraction(text)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not RATIOS[0] <= found <= RATIOS[1]:
        raise BadInput(f"a ratio is {text!r:.40}: expected channel uses a sample, 1/1000 to 1, as 1/24 or 0.04")
    return found


def uses(ratio: Fraction, height: int, width: int) -> int:
    """The most channel uses k that a ratio allows for a picture: the whole part of ratio * 3 H W."""
    return math.floor(ratio * 3 * height * width)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
