"""What `import sccodec` offers: find the codec, frame and unframe, encode, decode, info, labels, edit.

    encode: picture, spec -> codec -> Container -> the bytes of a .scc file; a codec of a public format makes the file
    decode: bytes -> Container, the model file that it names -> codec -> Reading -> picture

A codec is a module ``sccodec/codecs/<name>.py``, or a folder of that name, with a function ``codec()``; nothing else
has to be told about it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy.typing as npt

from sccodec import bundle, choice, codecs, container, fit
from sccodec.codec import (
    DEFAULT_OPTIONS,
    Codec,
    Editable,
    Info,
    Labelled,
    Notice,
    Options,
    Picture,
    Reading,
    Spec,
    Stream,
    spec_of_file,
)
from sccodec.errors import BadInput, Corrupt, NothingFits, NotScc, UnknownCodec, UnsupportedVersion
from sccodec.formats import files
from sccodec.image import load as load_file
from sccodec.image.arrays import as_picture
from sccodec.metrics.image import psnr
from sccodec.notices import ignore, once

AnyCodec = Codec[Any]
"""A codec whose files are streams or bytes: which of the two, only what the file begins with will tell."""
Data = bytes | bytearray | memoryview
"""The bytes of a file, as they are given to the library."""


def names() -> list[str]:
    """Every codec, by listing the package."""
    return list(_listed(tuple(codecs.__path__)))


@functools.lru_cache(maxsize=4)
def _listed(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Memoised, because each encoding and decoding asks twice or more, and a listing takes half a millisecond."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(folders) if not m.name.startswith("_")))


def parse(text: str) -> Spec:
    """Read "codec[:variant][,key=value...]"; raises UnknownCodec, which lists the known, or BadInput."""
    check_known(text.partition(":")[0])
    return Spec.parse(text)


def check_known(name: str) -> None:
    """Raise UnknownCodec for a codec that there is not; it lists the known."""
    if name not in names():
        raise UnknownCodec(f"no codec is named {name!r}; there are: {', '.join(names()) or 'none'}")


def load(name: str) -> AnyCodec:
    """The codec of that name; raises UnknownCodec."""
    check_known(name)
    return cast(AnyCodec, importlib.import_module(f"sccodec.codecs.{name}").codec())


def suffix_of(spec: str) -> str:
    """Of the files that a spec makes; raises as parse() does."""
    return load(parse(spec).codec).suffix


def recognise(start: bytes) -> str | None:
    """The format that the first files.START_BYTES of a file show, or None: "scc", or the codec that decodes it."""
    if container.is_scc(start):
        return "scc"
    found = files.recognise(start)
    return found if found in names() else None


def load_picture(source: Path | bytes, notice: Notice, options: Options = DEFAULT_OPTIONS) -> Picture:
    """The picture in a file, or in its bytes, of any format that is read or decoded here; as image.load() gives it.

    Raises BadInput, CodecUnavailable, and BadStream or ModelError for a .scc file.
    """
    try:
        data = source if isinstance(source, bytes) else source.read_bytes()
    except OSError:
        return load_file(source, notice, options.max_pixels)  # which says what is wrong
    found = recognise(data[: files.START_BYTES])
    if found == "scc":
        notice("it is decoded first: what its own coding took is not there any more")
    if found in ("scc", "bpg"):
        return decode(data, notice=notice, options=options)
    return load_file(data, notice, options.max_pixels)


class File:
    """The codec that decodes a file, and the file as that codec takes it."""

    def __init__(self, codec: AnyCodec, content: Stream | bytes) -> None:
        self.codec, self.content = codec, content

    @property
    def stream(self) -> Stream:
        """Of a codec of ours; raises BadInput for a file of a public format."""
        if isinstance(self.content, bytes):
            raise BadInput(f"a file of {self.codec.name} holds a picture, and nothing else")
        return self.content

    def read(self, notice: Notice, options: Options) -> Reading:
        return self.codec.read(self.content, notice, options)


def open_file(data: Data, max_pixels: int = container.MAX_PIXELS) -> File:
    """Take a file apart, once: its container, the model file that it names, its codec.

    Raises BadStream or ModelError; BadInput for what are no bytes.
    """
    if not isinstance(data, Data):
        raise BadInput(f"a file is given as its bytes, and not as {type(data).__name__}")
    data = bytes(data)
    recognised = recognise(data[: files.START_BYTES])
    if data and recognised is None:
        raise NotScc
    if recognised is not None and recognised != "scc":
        return File(load(recognised), data)
    parsed = container.parse(data, max_pixels)
    name, model = named_by(parsed)
    found = load(name)
    if found.native:
        raise Corrupt(f"the file is damaged: it names {name}, whose files are of another format")
    return File(found, Stream(parsed, model, len(data)))


def named_by(file: container.Container) -> tuple[str, bundle.Installed | None]:
    """The codec of a file: that of the model file that its tag names, or without a model what its own entry says.

    Raises ModelNotFound, Corrupt, or UnsupportedVersion for a codec that there is not.
    """
    named = dict(file.extras).get(container.CODEC_EXTRA)
    if named is None:
        model = bundle.locate(file.tag)
        if model.codec not in names():
            raise Corrupt(f"the file is damaged: it names {model.path.name}, which is no codec's model")
        return model.codec, model
    name = spec_of_file(named).codec
    if name not in names():
        raise UnsupportedVersion(f"the file needs the codec {name[:40]!r}, which is not in this sccodec: update it")
    return name, None


@dataclass(frozen=True)
class Job:
    """Arguments of encode() that have been checked: all that a codec asks for."""

    codec: AnyCodec
    picture: Picture
    spec: Spec
    quality: float | None
    notice: Notice
    options: Options

    def encoder(self) -> Callable[[float | None], bytes]:
        """A function from quality to file; the picture is analysed once for all of them, where the codec can."""
        encode = self.codec.encoder(self.picture, self.spec, self.notice, self.options)
        return lambda quality: frame(encode(quality))

    def encode(self) -> bytes:
        data = self.encoder()(self.quality)
        self.judge(data, self.quality)
        return data

    def judge(self, data: bytes, quality: float | None) -> None:
        """Say so where a file is worse than its quality promises, and what would be better at its size."""
        promised = self.codec.promise(quality)
        height, width = self.picture.shape[:2]
        if promised is None or not self.options.judge or height * width > choice.CHEAP_PIXELS:
            return
        if choice.detail(self.picture) < choice.BUSY:
            return
        mine = psnr(self.picture, decode(data, notice=ignore, options=self.options))
        if mine < promised:
            rival = rival_of(self.picture, len(data), (choice.LOSSLESS, choice.CLASSICAL), self.options)
            self.notice(choice.verdict(choice.Choice(str(self.spec), data, quality, mine), promised, rival))


def frame(made: container.Container | bytes) -> bytes:
    """The file of what a codec made."""
    return made if isinstance(made, bytes) else container.serialise(made)


def prepare(image: npt.ArrayLike, spec: str, quality: float | None, notice: Notice, options: Options) -> Job:
    """Check what encode() was given; raises BadInput, UnknownCodec or CodecUnavailable."""
    chosen = parse(spec)
    found = load(chosen.codec)
    picture = as_picture(image, options.max_pixels)
    if "q" in dict(chosen.options):
        if quality is not None:
            raise BadInput(f"the quality is given twice, as {quality:g} and in {spec!r}")
        quality = _number(dict(chosen.options)["q"])
        chosen = Spec(chosen.codec, chosen.variant, tuple(o for o in chosen.options if o[0] != "q"))
    if quality is not None and not 0 <= quality <= 100:
        raise BadInput(f"quality is {quality:g}, it goes from 0 to 100")
    return Job(found, picture, chosen, quality, notice, settle(found, options, notice))


def settle(found: AnyCodec, options: Options, notice: Notice) -> Options:
    """The options with a device that is there and that the codec runs on; raises CodecUnavailable or BadInput."""
    if options.checkpoint is not None and not found.peer:
        notice(f"{found.name} takes no checkpoint: {options.checkpoint} is left unused")
    if options.device == "cpu":
        return options
    if not found.gpu:
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

    spec: "codec[:variant][,option=value]", or "auto" (see choose). quality: 0..100, higher is better, None for the
    codec's default; it may stand in the spec instead, as q, or be left to target_bytes: the best file that is no
    larger. notice takes one-line warnings; without it they are Python warnings. Raises BadInput, UnknownCodec,
    CodecUnavailable or ModelError.
    """
    if quality is not None and target_bytes is not None:
        raise BadInput(f"quality {quality:g} and a target of {target_bytes} bytes: give one of them")
    if spec == choice.AUTO:
        return choose(image, quality, target_bytes, notice=notice, options=options).data
    if target_bytes is None:
        return prepare(image, spec, quality, notice or warnings.warn, options).encode()
    return encode_within(image, spec, target_bytes, notice=notice, options=options)[0]


def encode_within(
    image: npt.ArrayLike,
    spec: str,
    target_bytes: int,
    *,
    notice: Notice | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> tuple[bytes, float]:
    """The file of the highest quality that has at most target_bytes, and that quality; otherwise as encode().

    Raises NothingFits where even the smallest file is larger (the message states its size), BadInput where the spec
    states a quality.
    """
    job = prepare(image, spec, None, once(notice or warnings.warn), options)
    if job.quality is not None:
        raise BadInput(f"{spec!r} states a quality, and a target is to find it: give one of them")
    found, smallest = fit.search(job.encoder(), job.codec.qualities(), target_bytes)
    if found is None:
        height, width = job.picture.shape[:2]
        raise NothingFits(
            f"the target is {target_bytes} bytes, but the smallest file that {job.spec} makes of this picture has "
            f"{smallest} bytes ({8 * smallest / (width * height):.4g} bpp)"
        )
    job.judge(*found)
    return found


def choose(
    image: npt.ArrayLike,
    quality: float | None = None,
    target_bytes: int | None = None,
    *,
    suffix: str | None = None,
    notice: Notice | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> choice.Choice:
    """What spec "auto" stands for: of a learned codec, lossless JPEG XL and WebP the best, by trying.

    Files are compared at one size: target_bytes, or what the learned codec's file of that quality has. Where none of
    them is so small, the file is one that paints. suffix: of the files that count, where it is one of theirs. Raises as
    encode() and encode_within() do.
    """
    picture = as_picture(image, options.max_pixels)
    quiet = replace(options, judge=False)
    tell = once(notice or warnings.warn)
    learned = None
    if target_bytes is None:
        learned = encode(picture, choice.LEARNED, quality, notice=tell, options=quiet)
        target_bytes = len(learned)
    specs = [choice.LOSSLESS, choice.LEARNED, choice.CLASSICAL]
    specs = [spec for spec in specs if suffix_of(spec) == suffix] or specs
    best = rival_of(picture, target_bytes, specs, quiet, learned, quality)
    if best is not None:
        return best
    last = choice.LAST.get(suffix or "", choice.PAINTED)
    data, reached = encode_within(picture, last, target_bytes, notice=tell, options=quiet)
    return choice.Choice(last, data, reached, psnr(picture, decode(data, notice=ignore, options=quiet)))


def rival_of(
    picture: Picture,
    target_bytes: int,
    specs: Sequence[str],
    options: Options,
    learned: bytes | None = None,
    quality: float | None = None,
) -> choice.Choice | None:
    """The best file of at most target_bytes that any of the specs makes, or None. learned: LEARNED's, if known."""

    def within(spec: str) -> tuple[bytes, float | None]:
        if spec == choice.LEARNED and learned is not None:
            return learned, quality
        if spec != choice.LOSSLESS:
            return encode_within(picture, spec, target_bytes, notice=ignore, options=options)
        data = encode(picture, spec, notice=ignore, options=options)
        if len(data) > target_bytes:
            raise BadInput(f"the file has {len(data)} bytes, beyond {target_bytes}")
        return data, None

    return choice.best(picture, specs, within, lambda data: decode(data, notice=ignore, options=options))


def decode(data: Data, *, notice: Notice | None = None, options: Options = DEFAULT_OPTIONS) -> Picture:
    """Decode the bytes of a file into uint8 [H, W, 3]; raises BadStream, ModelError or CodecUnavailable.

    notice takes one-line warnings; without it they are Python warnings.
    """
    return read(data, notice=notice, options=options).picture()


def read(data: Data, *, notice: Notice | None = None, options: Options = DEFAULT_OPTIONS) -> Reading:
    """Read the bytes of a file to their end, once, for what is asked of it: its picture, its info; as decode()."""
    file = open_file(data, options.max_pixels)
    tell = once(notice or warnings.warn)
    return file.read(tell, settle(file.codec, options, tell))


def info(data: Data, *, options: Options = DEFAULT_OPTIONS) -> Info:
    """What a file says about itself; raises BadStream or ModelError."""
    return open_file(data, options.max_pixels).read(ignore, replace(options, device="cpu")).info()


def labels(data: Data, *, options: Options = DEFAULT_OPTIONS) -> Picture:
    """The semantic map of a file, uint8 [h, w]; raises BadStream, ModelError, or BadInput without one."""
    file = open_file(data, options.max_pixels)
    if not isinstance(file.codec, Labelled):
        raise BadInput(f"a file of the {file.codec.name} codec holds no labels")
    return file.codec.labels(file.stream, replace(options, device="cpu"))


def edit(
    data: Data,
    texture_from: Data,
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
    file, other = open_file(data, options.max_pixels), open_file(texture_from, options.max_pixels)
    for each in (file, other):
        if not isinstance(each.codec, Editable):
            raise BadInput(f"a file of the {each.codec.name} codec holds no textures of regions")
    others = labels_from if len(labels_from) == len(labels) else [*labels_from] * len(labels) or labels
    swaps = [(str(mine), str(theirs)) for mine, theirs in zip(labels, others, strict=True)]
    assert isinstance(file.codec, Editable)
    return frame(file.codec.edit(file.stream, other.stream, swaps, replace(options, device="cpu")))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"quality is {text!r}, it must be a number") from None
