"""What a codec is, and how it is named.

A codec is a module ``sccodec/codecs/<name>.py``, or a folder, with a function ``codec()``; nothing else has to be told
about it. A spec names a codec, a variant and options: ``conceptual``, ``conceptual:faces``,
``conceptual:faces,q=30``. A variant may have parts of its own: ``compressai:mbt2018-mean:3``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sccodec import container
from sccodec.errors import BadInput, Corrupt

Picture = npt.NDArray[np.uint8]
Notice = Callable[[str], None]
Encoder = Callable[[float], bytes]

QUALITIES: tuple[float, ...] = tuple(i / 4 for i in range(401))
"""The settings that are tried where a codec does not list its own."""


@dataclass(frozen=True)
class Spec:
    """A codec, one of its variants or None for its default, and options as they were written."""

    codec: str
    variant: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def parse(text: str) -> Spec:
        """Read "codec[:variant][,key=value...]", whether there is such a codec or not; raises BadInput."""
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
    beyond it are refused. checkpoint: weights of a compressai peer, instead of those that its zoo downloads.
    """

    device: str = "cpu"
    max_pixels: int = container.MAX_PIXELS
    checkpoint: Path | None = None


DEFAULT_OPTIONS = Options()


@dataclass(frozen=True)
class Info:
    """What can be said about a file without its picture.

    tag: hexadecimal. bpp: 8 * file_bytes / (width * height). overhead_bytes: all that is not entropy-coded
    picture. sections: (name, bytes) of the entropy-coded parts; they share one stream, so bytes are
    fractions. details: quality fields and whatever else the codec has to say.
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
    details: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of_stream(
        codec: str,
        variant: str,
        data: bytes,
        file: container.Container,
        bits: Mapping[str, float],
        details: dict[str, Any],
    ) -> Info:
        """Of a .scc file whose payload is one range-coded stream.

        bits: of every section, and of the check symbol as ``check``, as the stream's Reader counted them.
        """
        return Info(
            codec=codec,
            variant=variant,
            tag=file.tag.hex(),
            width=file.width,
            height=file.height,
            file_bytes=len(data),
            bpp=8 * len(data) / (file.width * file.height),
            overhead_bytes=container.overhead_bytes(file) + round(bits["check"] / 8),
            sections=[(name, n_bits / 8) for name, n_bits in bits.items() if name != "check"],
            details=details,
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON: sections as objects with `name` and `bytes`."""
        sections = [{"name": name, "bytes": round(n_bytes, 1)} for name, n_bytes in self.sections]
        return asdict(self) | {"bpp": round(self.bpp, 5), "sections": sections}


class Codec(Protocol):
    """Pictures to bytes and back. Pictures are uint8 [H, W, 3], sRGB. options.device is "cpu" or a CUDA device.

    A codec may also have
        gpu = True                                     its networks run on CUDA; without it options.device is "cpu"
        peer = True                                    options.checkpoint names its weights
        qualities() -> the qualities that differ, ascending, where they are few: see qualities_of()
        encoder(image, spec, notice, options) -> a function from quality to bytes, which analyses the picture once
        edit(data, donor, swaps, options) -> bytes     with the textures of some regions from the donor: see edit()
        suffix = ".scc"                                of the files that it writes, where they are of another format
        made_by(spec) -> the library or the program that encodes for that spec, with its version
    """

    name: str
    summary: str

    def encode(self, image: Picture, spec: Spec, quality: float | None, notice: Notice, options: Options) -> bytes:
        """quality: 0..100, higher is better, None for the default. notice takes one-line warnings."""
        ...

    def decode(self, data: bytes, options: Options) -> Picture:
        """The picture at its own width and height; raises BadStream or ModelError."""
        ...

    def info(self, data: bytes, options: Options) -> Info: ...

    def labels(self, data: bytes, options: Options) -> Picture:
        """The semantic map at the scale that was sent, uint8 [h, w]; raises BadInput for a codec without."""
        ...


def qualities_of(found: Codec) -> Sequence[float]:
    """The settings that differ, as the codec lists them, ascending; QUALITIES where it does not."""
    listed: Callable[[], Sequence[float]] | None = getattr(found, "qualities", None)
    return QUALITIES if listed is None else listed()


def spec_of_file(named: bytes) -> Spec:
    """The spec that a file's own entry holds, whether there is such a codec or not; raises Corrupt for no spec."""
    try:
        return Spec.parse(named[:1000].decode("ascii"))
    except (BadInput, UnicodeDecodeError):
        raise Corrupt("the file is damaged: what names its codec cannot be read") from None
