"""What a codec is, how it is named and found, and which one decodes a file.

A codec is a module ``sccodec/codecs/<name>.py`` with a function ``codec()``; nothing else has to be told
about it. A spec names a codec, a variant and options: ``conceptual``, ``conceptual:faces``,
``conceptual:faces,q=30``. A variant may have parts of its own: ``compressai:mbt2018-mean:3``.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from sccodec import codecs, container
from sccodec.errors import BadInput, Corrupt, NotScc, UnknownCodec, UnsupportedVersion
from sccodec.formats import files

Picture = npt.NDArray[np.uint8]
Notice = Callable[[str], None]


@dataclass(frozen=True)
class Spec:
    """A codec, one of its variants or None for its default, and options as they were written."""

    codec: str
    variant: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def parse(text: str) -> Spec:
        """Read "codec[:variant][,key=value...]"; raises UnknownCodec, which lists the known, or BadInput."""
        name, colon, rest = text.partition(":")
        if name not in names():
            raise UnknownCodec(f"no codec is named {name!r}; there are: {', '.join(names()) or 'none'}")
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
        qualities() -> the qualities that differ, ascending, where they are few: see sccodec.fit
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


def names() -> list[str]:
    """Every codec, by listing the package."""
    return list(_listed(tuple(codecs.__path__)))


@functools.lru_cache(maxsize=4)
def _listed(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Memoised, because each encoding and decoding asks twice or more, and a listing takes half a millisecond."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(folders) if not m.name.startswith("_")))


def load(name: str) -> Codec:
    """The codec of that name; raises UnknownCodec."""
    if name not in names():
        raise UnknownCodec(f"no codec is named {name!r}; there are: {', '.join(names()) or 'none'}")
    return cast(Codec, importlib.import_module(f"sccodec.codecs.{name}").codec())


def codec_of_tag(tag: bytes) -> str:
    """The codec whose model file has that tag; raises ModelNotFound."""
    from sccodec import bundle

    return bundle.locate(tag).codec


def recognise(start: bytes) -> str | None:
    """The format that the first files.START_BYTES of a file show, or None: "scc", or the codec that decodes it."""
    if container.is_scc(start):
        return "scc"
    found = files.recognise(start)
    return found if found in names() else None


def suffix_of(found: Codec) -> str:
    """The suffix of the files that a codec writes."""
    return str(getattr(found, "suffix", ".scc"))


def codec_of_file(data: bytes, max_pixels: int = container.MAX_PIXELS) -> Codec:
    """The codec that decodes a file; raises BadStream or ModelError."""
    recognised = recognise(data[: files.START_BYTES])
    if data and recognised is None:
        raise NotScc
    if recognised is not None and recognised != "scc":
        return load(recognised)
    file = container.parse(data, max_pixels)
    named = dict(file.extras).get(container.CODEC_EXTRA)
    return load(codec_of_tag(file.tag) if named is None else spec_of_file(named).codec)


def spec_of_file(named: bytes) -> Spec:
    """The spec that a file's own entry holds; raises UnsupportedVersion for an unknown codec, Corrupt for no spec."""
    try:
        return Spec.parse(named[:1000].decode("ascii"))
    except UnknownCodec:
        name = named.partition(b":")[0][:40]
        raise UnsupportedVersion(
            f"the file needs the codec {name.decode('ascii')!r}, which is not in this sccodec: update it"
        ) from None
    except (BadInput, UnicodeDecodeError):
        raise Corrupt("the file is damaged: what names its codec cannot be read") from None


@dataclass(frozen=True)
class Job:
    """Arguments of encode() that have been checked: all that a codec asks for."""

    codec: Codec
    picture: Picture
    spec: Spec
    quality: float | None
    notice: Notice
    options: Options

    def encode(self) -> bytes:
        return self.codec.encode(self.picture, self.spec, self.quality, self.notice, self.options)


def prepare(image: npt.ArrayLike, spec: str, quality: float | None, notice: Notice, options: Options) -> Job:
    """Check what encode() was given; raises BadInput, UnknownCodec or CodecUnavailable."""
    chosen = Spec.parse(spec)
    picture = as_picture(image, options.max_pixels)
    if "q" in dict(chosen.options):
        if quality is not None:
            raise BadInput(f"the quality is given twice, as {quality:g} and in {spec!r}")
        quality = _number(dict(chosen.options)["q"])
        chosen = Spec(chosen.codec, chosen.variant, tuple(o for o in chosen.options if o[0] != "q"))
    if quality is not None and not 0 <= quality <= 100:
        raise BadInput(f"quality is {quality:g}, it goes from 0 to 100")
    found = load(chosen.codec)
    return Job(found, picture, chosen, quality, notice, settle(found, options, notice))


def settle(found: Codec, options: Options, notice: Notice) -> Options:
    """The options with a device that is there and that the codec runs on; raises CodecUnavailable or BadInput."""
    if options.checkpoint is not None and not getattr(found, "peer", False):
        notice(f"{found.name} takes no checkpoint: {options.checkpoint} is left unused")
    if options.device == "cpu":
        return options
    if not getattr(found, "gpu", False):
        if options.device != "auto":
            notice(f"{found.name} runs on the CPU only: device {options.device} is left unused")
        return replace(options, device="cpu")
    from sccodec import engine

    return replace(options, device=engine.find_device(options.device))


def encode(
    image: npt.ArrayLike,
    spec: str = "conceptual",
    quality: float | None = None,
    *,
    notice: Notice | None = None,
    options: Options = DEFAULT_OPTIONS,
    target_bytes: int | None = None,
) -> bytes:
    """Encode a picture, uint8 [H, W, 3] sRGB or [H, W] grey, into the bytes of a file.

    spec: "codec[:variant][,option=value]". quality: 0..100, higher is better, None for the codec's default;
    it may stand in the spec instead, as q, or be left to target_bytes: the best file that is no larger.
    notice takes one-line warnings; without it they are Python warnings. Raises BadInput, UnknownCodec,
    CodecUnavailable or ModelError.
    """
    if target_bytes is None:
        return prepare(image, spec, quality, notice or warnings.warn, options).encode()
    if quality is not None:
        raise BadInput(f"quality {quality:g} and a target of {target_bytes} bytes: give one of them")
    from sccodec import fit

    return fit.encode(image, spec, target_bytes, notice=notice, options=options)[0]


def decode(data: bytes, *, notice: Notice | None = None, options: Options = DEFAULT_OPTIONS) -> Picture:
    """Decode the bytes of a file into uint8 [H, W, 3]; raises BadStream, ModelError or CodecUnavailable.

    notice takes one-line warnings; without it they are Python warnings.
    """
    found = codec_of_file(data, options.max_pixels)
    return found.decode(data, settle(found, options, notice or warnings.warn))


def info(data: bytes, *, options: Options = DEFAULT_OPTIONS) -> Info:
    """What a file says about itself; raises BadStream or ModelError."""
    return codec_of_file(data, options.max_pixels).info(data, replace(options, device="cpu"))


def labels(data: bytes, *, options: Options = DEFAULT_OPTIONS) -> Picture:
    """The semantic map of a file, uint8 [h, w]; raises BadStream, ModelError, or BadInput without one."""
    return codec_of_file(data, options.max_pixels).labels(data, replace(options, device="cpu"))


def edit(
    data: bytes,
    texture_from: bytes,
    labels: Sequence[str | int],
    labels_from: Sequence[str | int] = (),
    *,
    options: Options = DEFAULT_OPTIONS,
) -> bytes:
    """A file with the textures of some of its regions taken from another file; no pixels are decoded for it.

    labels: of the file, by name or number. labels_from: those of the other file, one for each of labels or one for all;
    without, they are the same. Raises BadInput where the files are of different models or of codecs without textures,
    or where a label is in either not to be found; BadStream or ModelError.
    """
    if not labels or len(labels_from) not in (0, 1, len(labels)):
        raise BadInput(f"{len(labels)} labels take their textures from as many others, or from one, or from the same")
    found, other = codec_of_file(data, options.max_pixels), codec_of_file(texture_from, options.max_pixels)
    for each in (found, other):
        if not hasattr(each, "edit"):
            raise BadInput(f"a file of the {each.name} codec holds no textures of regions")
    others = labels_from if len(labels_from) == len(labels) else [*labels_from] * len(labels) or labels
    swaps = [(str(mine), str(theirs)) for mine, theirs in zip(labels, others, strict=True)]
    edited: bytes = found.edit(data, texture_from, swaps, replace(options, device="cpu"))  # type: ignore[attr-defined]
    return edited


def as_picture(image: npt.ArrayLike, max_pixels: int = container.MAX_PIXELS) -> Picture:
    """uint8 [H, W, 3], contiguous, from uint8 [H, W], [H, W, 1] or [H, W, 3]; raises BadInput.

    So it does for a picture beyond the limits, which a decoder under the same limits would not take back.
    """
    array = np.asarray(image)
    if array.dtype != np.uint8:
        raise BadInput(f"the picture's samples are {array.dtype}, they must be uint8")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3) or 0 in array.shape:
        raise BadInput(f"the picture's shape is {np.shape(image)}, it must be [H, W], [H, W, 1] or [H, W, 3]")
    height, width = array.shape[:2]
    if too_much := container.excess(width, height, max_pixels):
        raise BadInput(f"the picture is {too_much}")
    return np.ascontiguousarray(np.broadcast_to(array, (height, width, 3)))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"quality is {text!r}, it must be a number") from None
