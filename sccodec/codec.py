"""What a codec is: a base class with defaults, and what passes between a codec and sccodec.api.

    picture -> Codec.encoder -> quality -> Container, or bytes -> api frames it -> a file
    a file -> api takes it apart -> Stream, or bytes -> Codec.read -> Reading -> picture(), info()

A codec of our own container gets and gives parsed streams (``Codec[Stream]``); one of a public format gets and gives
whole files (``Codec[bytes]``, see sccodec.formats.codec). What only some codecs can do is a class that they inherit:
``Labelled``, ``Editable``.

A spec names a codec, a variant and options: ``conceptual``, ``conceptual:faces``, ``conceptual:faces,q=30``. A variant
may have parts of its own: ``compressai:mbt2018-mean:3``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from sccodec import container
from sccodec.bundle import Installed, locate
from sccodec.container import Container
from sccodec.errors import BadInput, Corrupt
from sccodec.notices import Notice as Notice

Picture = npt.NDArray[np.uint8]
Encoder = Callable[[float | None], Container | bytes]
"""From a quality 0..100, None for the codec's default, to what api makes a file of."""

QUALITIES: tuple[float, ...] = tuple(i / 4 for i in range(401))
"""The settings that a search tries where a codec does not list its own."""


OTHER_NAMES = {"subsampling": "chroma"}
"""Options with two names, and the one that canonical specs have."""
TEXTS = ("program", "checkpoint")
"""Options whose values are names, also where they look like numbers."""
NUMBER = re.compile(r"[+-]?(\d{1,20}\.?\d{0,20}|\.\d{1,20})([eE][+-]?\d{1,2})?")


@dataclass(frozen=True)
class Spec:
    """A codec, one of its variants or None for its default, and options as they were written."""

    codec: str
    variant: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def parse(text: str) -> Spec:
        """Read "codec[:variant][,key=value...]"; raises BadInput. Whether there is such a codec is not asked."""
        name, colon, rest = text.partition(":")
        variant: str | None = None
        options: dict[str, str] = {}
        for i, item in enumerate(rest.split(",") if colon else []):
            key, equals, value = item.partition("=")
            form = r"[\w.-]+" if equals else r"[\w.-]+(:[\w.-]+)*"
            if not re.fullmatch(form, key) or bool(value) != bool(equals) or (not equals and i > 0):
                raise BadInput(f"cannot read {item!r} in {text!r}; write codec:variant,option=value,...")
            if not equals:
                variant = key
            elif key in options:
                raise BadInput(f"option {key!r} stands twice in {text!r}")
            else:
                options[key] = value
        return Spec(name, variant, tuple(options.items()))

    def canonical(self) -> Spec:
        """The one spec of all that ask for the same: options by name, each under its first name, numbers as they are.

        ``jpeg:subsampling=444,q=50.0`` becomes ``jpeg:chroma=444,q=50``. What an option is left to be is no part of it.
        """
        named = dict(self.options)
        for other, first in OTHER_NAMES.items():
            if other in named and first not in named:
                named[first] = named.pop(other)
        options = ((key, value if key in TEXTS else plain_number(value)) for key, value in named.items())
        return Spec(self.codec, self.variant, tuple(sorted(options)))

    def __str__(self) -> str:
        items = ([self.variant] if self.variant else []) + [f"{k}={v}" for k, v in self.options]
        return self.codec + (":" + ",".join(items) if items else "")

    def check_options(self, *known: str) -> None:
        """Raise BadInput for an option that is not among the known."""
        for key, _ in self.options:
            if key not in known:
                raise BadInput(f"{self.codec} has no option {key!r}; it has: {', '.join(known) or 'none'}")


@dataclass(frozen=True)
class Options:
    """How to run; nothing here changes what a file means.

    device: "cpu", "cuda", or "auto" (CUDA where torch finds it, otherwise the CPU). max_pixels: pictures and files
    beyond it are refused. checkpoint: weights of a compressai peer, instead of those that its zoo downloads. judge:
    whether a picture of much detail is compared with what its file decodes to, for a notice where that falls short.
    """

    device: str = "cpu"
    max_pixels: int = container.MAX_PIXELS
    checkpoint: Path | None = None
    judge: bool = True


DEFAULT_OPTIONS = Options()


@dataclass(frozen=True)
class Stream:
    """A file of ours, taken apart. named: the model file that its tag names, None where an entry names its codec."""

    container: Container
    named: Installed | None
    file_bytes: int

    @property
    def model(self) -> Installed:
        """The model file that the tag names, for a codec that has such; raises ModelNotFound."""
        return locate(self.container.tag) if self.named is None else self.named


@dataclass(frozen=True)
class Info:
    """What can be said about a file without its picture.

    tag: hexadecimal. bpp: 8 * file_bytes / (width * height). overhead_bytes: all that is not entropy-coded
    picture. sections: (name, bytes) of the entropy-coded parts; they share one stream, so bytes are
    fractions. details: quality fields and whatever else the codec has to say, as JSON holds it.
    """

    codec: str
    variant: str
    tag: str
    width: int
    height: int
    file_bytes: int
    bpp: float
    overhead_bytes: int
    sections: list[tuple[str, float]]
    details: dict[str, object] = field(default_factory=dict)

    @staticmethod
    def of_stream(
        codec: str, variant: str, stream: Stream, bits: Mapping[str, float], details: dict[str, object]
    ) -> Info:
        """Of a .scc file whose payload is one range-coded stream.

        bits: of every section, and of the check symbol as ``check``, as the stream's Reader counted them.
        """
        file = stream.container
        return Info(
            codec=codec,
            variant=variant,
            tag=file.tag.hex(),
            width=file.width,
            height=file.height,
            file_bytes=stream.file_bytes,
            bpp=8 * stream.file_bytes / (file.width * file.height),
            overhead_bytes=stream.file_bytes - len(file.payload) + round(bits["check"] / 8),
            sections=[(name, n_bits / 8) for name, n_bits in bits.items() if name != "check"],
            details=details,
        )

    def as_dict(self) -> dict[str, object]:
        """For JSON: sections as objects with `name` and `bytes`."""
        sections = [{"name": name, "bytes": round(n_bytes, 1)} for name, n_bytes in self.sections]
        return asdict(self) | {"bpp": round(self.bpp, 5), "sections": sections}


class Reading(ABC):
    """A file that was read to its end, all but its pixels: one reading serves whatever is asked of the file."""

    @abstractmethod
    def info(self) -> Info:
        """What the file says, and where its bytes went."""

    @abstractmethod
    def picture(self) -> Picture:
        """uint8 [H, W, 3], sRGB, at the picture's own width and height; raises BadStream or ModelError."""


class Rate(NamedTuple):
    """An option of a spec that sets the rate as q does, and its range."""

    name: str
    low: float
    high: float


Content = TypeVar("Content", Stream, bytes)


class Codec(ABC, Generic[Content]):
    """Pictures to files and back: what every codec has, and its defaults. Pictures are uint8 [H, W, 3], sRGB.

    name: that of its module or folder. summary: a line for `sccodec codecs`. suffix: of the files that it writes.
    native: whether those are of a public format, which others read. gpu: whether its networks run on CUDA; without it
    options.device is "cpu". peer: its models are others', which run where they are named, with the weights of
    options.checkpoint. lossless: its pictures are the same at every quality. rates: options of a spec that set the
    rate beside q. others: all further options of a spec.
    """

    name: str
    summary: str
    suffix: str = ".scc"
    native: bool = False
    gpu: bool = False
    peer: bool = False
    lossless: bool = False
    rates: tuple[Rate, ...] = ()
    others: tuple[str, ...] = ()

    def check_available(self) -> None:  # nothing is missing unless a codec says so
        """Raise CodecUnavailable where something is not installed that the codec needs, models apart."""

    def qualities(self) -> Sequence[float]:
        """The qualities that differ, ascending; QUALITIES where they are too many to list."""
        return QUALITIES

    def promise(self, quality: float | None) -> float | None:
        """The PSNR in dB that photographs have at a quality, but for rare ones; None where nothing is promised."""
        return None

    def made_by(self, spec: Spec) -> str:
        """The library or the program that encodes for that spec, with its version; "" for this package itself."""
        return ""

    def check(self, spec: Spec) -> None:
        """Raise BadInput for options that the codec does not have."""
        spec.check_options(*(rate.name for rate in self.rates), *self.others)

    @abstractmethod
    def encoder(self, picture: Picture, spec: Spec, notice: Notice, options: Options) -> Encoder:
        """What encodes the picture at any quality; what does not depend on the quality is done once.

        notice takes one-line warnings. This and the encoder raise BadInput, CodecUnavailable or ModelError.
        """

    @abstractmethod
    def read(self, file: Content, notice: Notice, options: Options) -> Reading:
        """Read a file to its end; raises BadStream, ModelError or CodecUnavailable. options.device: of its networks.

        notice takes one-line warnings, of the reading's picture, too.
        """


class Progressive(ABC):
    """What a codec is whose files show something before they have ended."""

    @abstractmethod
    def beginning(self, file: Stream, options: Options) -> Picture:
        """The picture of a file whose payload lacks its end, uint8 [H, W, 3]; raises BadStream or ModelError."""


class Labelled(ABC):
    """What a codec is whose files hold a semantic map."""

    @abstractmethod
    def labels(self, file: Stream, options: Options) -> npt.NDArray[np.uint8]:
        """The map at the scale that was sent, uint8 [h, w]; raises BadStream or ModelError."""


class Editable(ABC):
    """What a codec is whose files hold a texture for each region, which may be another file's."""

    @abstractmethod
    def edit(self, file: Stream, donor: Stream, swaps: Sequence[tuple[str, str]], options: Options) -> Container:
        """The file with other textures. swaps: labels of the file, and those of the donor whose textures they get.

        Raises BadInput for labels that are in neither, BadStream or ModelError.
        """


def plain_number(text: str) -> str:
    """A finite number in its shortest decimal form, without an exponent; any other text as it is."""
    if not NUMBER.fullmatch(text):
        return text
    from decimal import Decimal  # which costs milliseconds, and only benchmarks ask

    value = Decimal(text)
    return format(value.normalize(), "f") if value else "0"


def spec_of_file(named: bytes) -> Spec:
    """The spec that a file's own entry holds; raises Corrupt for what is none."""
    try:
        return Spec.parse(named[:1000].decode("ascii"))
    except (BadInput, UnicodeDecodeError):
        raise Corrupt("the file is damaged: what names its codec cannot be read") from None
