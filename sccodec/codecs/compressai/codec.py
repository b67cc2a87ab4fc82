"""The image models of compressai's zoo as codecs with files, to compare with: `compressai:mbt2018-mean:3`.

    picture -> pad -> the model's compress() -> y, z -> the model's decompress() -> crop -> picture

    section    content
    check      2 bytes: the low half of the CRC-32 over the decoded symbols, as int32, those of z before those of y
    length     of z: 7 bits a byte, the lowest first, the high bit set but in the last; not where there is no z
    z          the model's string for its hyper-latents; not for the factorized models
    y          the model's string for its latents, to the end of the file

Sides are padded to multiples of 16 (factorized) or 64 by repeating the edge; the strings' shapes follow from them.
There is no model file: the container's tag is of the weights (zoo.py), its entry for the
codec holds the spec, `compressai:NAME[:quality][,metric=ms-ssim]`. A file of weights that are no quality of the zoo's,
from a checkpoint, has no quality in its spec.

These models choose probabilities by floating-point networks. Another machine may read other symbols from an undamaged
file; the check then makes it a Desync. Balle et al. 2017 and 2018, Minnen et al. 2018, Cheng et al. 2020.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sccodec.codec import Codec, Encoder, Info, Notice, Options, Picture, Reading, Spec, Stream, spec_of_file
from sccodec.container import CODEC_EXTRA, Container
from sccodec.errors import BadInput, CodecUnavailable, Corrupt, Desync, ModelMismatch, ModelNotFound, TooLarge

if TYPE_CHECKING:
    from sccodec.codecs.compressai.zoo import ZooModel

MAX_PADDED_PIXELS = 2**24
"""The networks see whole pictures, and the largest takes about 900 bytes a pixel: 15 GiB for this many."""
METRICS = ("mse", "ms-ssim")
INSTALL = 'pip install "sccodec[peers]"'


@dataclass(frozen=True)
class Family:
    """What is known of a model without importing it: qualities, 1 to so many; strings it writes; its stride."""

    qualities: int
    strings: int = 2
    stride: int = 64
    variable: bool = False


FAMILIES = {
    "bmshj2018-factorized": Family(8, strings=1, stride=16),
    "bmshj2018-factorized-relu": Family(8, strings=1, stride=16),
    "bmshj2018-hyperprior": Family(8),
    "bmshj2018-hyperprior-vbr": Family(8, variable=True),
    "mbt2018": Family(8),
    "mbt2018-mean": Family(8),
    "mbt2018-mean-vbr": Family(8, variable=True),
    "cheng2020-anchor": Family(6),
    "cheng2020-attn": Family(6),
}
UNSUPPORTED = {"mbt2018-vbr": "its serial coder hides the symbols, so that a wrong picture could not be told"}


@dataclass(frozen=True)
class Peer:
    """A model of the zoo at one of its qualities, None for a checkpoint that is none of them."""

    model: str
    quality: int | None
    metric: str

    @property
    def family(self) -> Family:
        return FAMILIES[self.model]

    @property
    def variant(self) -> str:
        return self.model if self.quality is None else f"{self.model}:{self.quality}"

    def spec(self) -> str:
        return f"compressai:{self.variant}" + (f",metric={self.metric}" if self.metric != "mse" else "")

    @staticmethod
    def of(spec: Spec, quality: float | None, *, has_checkpoint: bool) -> Peer:
        """What a spec and -q ask for; raises BadInput."""
        metric = dict(spec.options).get("metric", "mse")
        if metric not in METRICS:
            raise BadInput(f"metric is {metric!r}, it must be one of: {', '.join(METRICS)}")
        model, _, native = (spec.variant or "").partition(":")
        if model in UNSUPPORTED:
            raise BadInput(f"compressai:{model} is not supported: {UNSUPPORTED[model]}")
        if model not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise BadInput(f"write compressai:NAME or compressai:NAME:QUALITY; the names are: {known}")
        family = FAMILIES[model]
        if native:
            if quality is not None:
                raise BadInput(f"the quality is given twice, as {quality:g} and in {str(spec)!r}")
            if not re.fullmatch("[1-9]", native) or int(native) > family.qualities:
                raise BadInput(f"the qualities of {model} are 1 to {family.qualities}, not {native!r}")
            return Peer(model, int(native), metric)
        if has_checkpoint and not family.variable:
            if quality is not None:
                raise BadInput(f"a checkpoint of {model} has a rate of its own: ask for no quality and no target")
            return Peer(model, None, metric)
        return Peer(model, nearest(family.qualities, 50 if quality is None else quality), metric)


def nearest(qualities: int, quality: float) -> int:
    """The one of 1 to so many qualities that is nearest to 0..100, the lower of two."""
    steps = (qualities - 1) * quality / 100
    return 1 + int(np.ceil(steps - 0.5))


@dataclass(frozen=True)
class CompressaiReading(Reading):
    """A file of these models: the model that it names, and the strings [y] or [y, z] that it holds with their check."""

    stream: Stream
    peer: Peer
    check: int
    strings: list[bytes]
    options: Options

    def info(self) -> Info:
        """Without weights, and without compressai."""
        file = self.stream.container
        sections = [(name, float(len(string))) for name, string in zip(("y", "z"), self.strings, strict=False)]
        return Info(
            codec=Compressai.name,
            variant=self.peer.variant,
            tag=file.tag.hex(),
            width=file.width,
            height=file.height,
            file_bytes=self.stream.file_bytes,
            bpp=8 * self.stream.file_bytes / (file.width * file.height),
            overhead_bytes=self.stream.file_bytes - sum(map(len, self.strings)),
            sections=sections,
            details={"metric": self.peer.metric},
        )

    def picture(self) -> Picture:
        file, peer, checkpoint = self.stream.container, self.peer, self.options.checkpoint
        if too_much := excess(peer.family, file.width, file.height):
            raise TooLarge(f"the file states {too_much}")
        if peer.quality is None and checkpoint is None:
            raise ModelNotFound(f"the file needs the checkpoint of {peer.model} that wrote it: --checkpoint FILE")
        model = load(peer, checkpoint)
        if model.tag != file.tag:
            raise ModelMismatch(
                f"the file was written with weights {file.tag.hex()} of {peer.spec()}, "
                f"{model.source} holds {model.tag.hex()}: the right ones go with --checkpoint FILE"
            )
        picture, crc = model.decompress(self.strings, *padded(peer.family, file.width, file.height))
        if crc & 0xFFFF != self.check:
            raise Desync(
                "the decoded symbols are not those that were written: the file was changed, or this machine computes "
                "compressai's networks otherwise than the one that wrote it"
            )
        return np.ascontiguousarray(picture[: file.height, : file.width])


class Compressai(Codec[Stream]):
    """The codec; see the module's docstring."""

    name = "compressai"
    summary = "the image models of compressai's zoo, to compare with: compressai:mbt2018-mean:3"
    peer = True
    others = ("metric", "checkpoint")

    def check_available(self) -> None:
        for package in ("torch", "compressai"):
            if importlib.util.find_spec(package) is None:
                raise CodecUnavailable(f"compressai's models need {package}: {INSTALL}")

    def encoder(self, picture: Picture, spec: Spec, notice: Notice, options: Options) -> Encoder:
        self.check(spec)
        height, width = picture.shape[:2]

        def encode(quality: float | None) -> Container:
            checkpoint = checkpoint_of(spec, options)
            peer = Peer.of(spec, quality, has_checkpoint=checkpoint is not None)
            if too_much := excess(peer.family, width, height):
                raise BadInput(f"the picture is {too_much}")
            model = load(peer, checkpoint)
            rows, columns = padded(peer.family, width, height)
            whole = np.pad(picture, ((0, rows - height), (0, columns - width), (0, 0)), mode="edge")
            strings, crc = model.compress(whole)
            extras = ((CODEC_EXTRA, peer.spec().encode("ascii")),)
            return Container(model.tag, width, height, 0, write_payload(strings, crc), extras)

        return encode

    def read(self, file: Stream, notice: Notice, options: Options) -> CompressaiReading:
        peer = peer_of(file.container)
        return CompressaiReading(file, peer, *read_payload(file.container.payload, peer.family.strings), options)


def checkpoint_of(spec: Spec, options: Options) -> Path | None:
    """The checkpoint that the spec or the options name; raises BadInput where both do, differently."""
    named = dict(spec.options).get("checkpoint")
    if named is None:
        return options.checkpoint
    if options.checkpoint not in (None, Path(named)):
        raise BadInput(f"the checkpoint is given twice, as {options.checkpoint} and in {str(spec)!r}")
    return Path(named)


def load(peer: Peer, checkpoint: Path | None) -> ZooModel:
    """The model with its weights; raises CodecUnavailable or ModelError."""
    try:
        from sccodec.codecs.compressai import zoo

        return zoo.load(peer.model, peer.quality or 1, peer.metric, checkpoint)
    except ImportError as error:
        missing = error.name or "a package that is not installed"
        raise CodecUnavailable(f"compressai's models need {missing}: {INSTALL}") from error


def padded(family: Family, width: int, height: int) -> tuple[int, int]:
    """Height and width of what the model sees."""
    return -(-height // family.stride) * family.stride, -(-width // family.stride) * family.stride


def excess(family: Family, width: int, height: int) -> str:
    """How a picture exceeds what is given to these models, in words; empty where it does not."""
    rows, columns = padded(family, width, height)
    if rows * columns <= MAX_PADDED_PIXELS:
        return ""
    return f"{width}x{height} pixels, the limit for compressai's models is {MAX_PADDED_PIXELS}, padding included"


def peer_of(file: Container) -> Peer:
    """The model that a file names; raises Corrupt."""
    spec = spec_of_file(dict(file.extras).get(CODEC_EXTRA, b""))
    try:
        spec.check_options("metric")
        return Peer.of(spec, None, has_checkpoint=":" not in (spec.variant or ""))
    except BadInput as error:
        raise Corrupt(f"the file is damaged, or of a later version: {error}") from None


def write_payload(strings: list[bytes], crc: int) -> bytes:
    """Strings [y] or [y, z] and their symbols' CRC-32 as the docstring's table says."""
    parts = [(crc & 0xFFFF).to_bytes(2, "big")]
    for string in strings[:0:-1]:
        parts += [varint(len(string)), string]
    return b"".join([*parts, strings[0]])


def read_payload(payload: bytes, n_strings: int) -> tuple[int, list[bytes]]:
    """The check and the strings [y] or [y, z]; raises Corrupt."""
    if len(payload) < 2:
        raise Corrupt("the file is damaged: its check is missing")
    position, strings = 2, []
    for _ in range(n_strings - 1):
        found = re.compile(rb"[\x80-\xff]{0,4}[\x00-\x7f]").match(payload, position)
        if not found:
            raise Corrupt("the file is damaged: a length cannot be read")
        length = sum((byte & 127) << 7 * i for i, byte in enumerate(found[0]))
        position = found.end() + length
        if position > len(payload):
            raise Corrupt("the file is damaged: a string is longer than the file")
        strings.append(payload[found.end() : position])
    return int.from_bytes(payload[:2], "big"), [payload[position:], *reversed(strings)]


def varint(value: int) -> bytes:
    """7 bits a byte, the lowest first; the high bit says that more follow."""
    groups = [value >> shift & 127 for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])


def codec() -> Compressai:
    return Compressai()
