"""Hyperprior (Balle et al. 2018, Minnen et al. 2018), at any rate from one set of weights, for pictures of any size.

    x -> g_a -> * gain(q) -> y -> Q -> y_hat -> * step(q) -> g_s -> x_hat
                             |         ^
                             +-> h_a -> z -> Q -> z_hat -> h_s and steps -> mean, scale

    section    content
    hyper      z at 1/64 of the resolution, a table a channel
    latents    y at 1/16, about means and with scales from z and from the latents before (coding.py)

The picture is brought to multiples of 16 by its edges. Tiles of 1024x1024 pixels are coded one after another, each with
its hyper before its latents, in one range-coder stream that ends in a check symbol. The transforms see a tile with a
margin as wide as their receptive field, so that tiles leave no seams. The parameter byte is the quality: 0..255 for
-q 0..100.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sccodec import bundle
from sccodec.bundle import Bundle
from sccodec.codec import Codec, Encoder, Info, Notice, Options, Picture, Progressive, Reading, Spec, Stream
from sccodec.codecs.hyperprior.coding import QUALITY_LEVELS, STRIDE
from sccodec.codecs.hyperprior.latents import (
    Floats,
    Latent16,
    Latents,
    code_tiles,
    entropy_of,
    pixels_around,
    tiles,
)
from sccodec.container import Container
from sccodec.entropy.coder import MEAN_STEPS, Beginning, Coder, Reader, Writer
from sccodec.errors import ModelMismatch
from sccodec.image.tiles import widen

BITSTREAM = 1
DEFAULT_QUALITY = 50.0
FLOOR = (20.0, 33.0)
"""PSNR in dB at qualities 0 and 100 that photographs have and more (benchmarks/hyperprior/promise.py)."""


class Model(Latents):
    """A model file of this codec, ready for one quality; ModelMismatch for one of another kind."""

    def __init__(self, opened: Bundle, quality: int) -> None:
        if opened.bitstream != BITSTREAM:
            raise ModelMismatch(
                f"{opened.path} is of bitstream version {opened.bitstream}, this sccodec reads {BITSTREAM}: "
                "update sccodec"
            )
        config = opened.config
        try:
            super().__init__(opened, entropy_of(opened), quality)
            # A block looks one position around itself: those at 1/8 count half a latent each.
            self.margins = tuple(
                sum(config[name][i] for i in coarse) + -(-sum(config[name][i] for i in fine) // 2)
                for name, fine, coarse in (("analysis_blocks", [0], [1]), ("synthesis_blocks", [1], [0]))
            )
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise ModelMismatch(f"{opened.path} has no configuration that can be used: {error}") from error

    def analyse(self, picture: Picture) -> Floats:
        """y [h, w, latents] in quantisation steps, of uint8 [16h, 16w, 3]."""
        inputs: dict[str, npt.NDArray[Any]] = {
            "image": picture[None],
            "factor": self.vector("analysis"),
            "gain": self.vector("gain"),
        }
        (y,) = self.bundle.network("analysis", blocked=True).run(inputs)
        return np.ascontiguousarray(y[0].transpose(1, 2, 0))

    def synthesise(self, y_hat: npt.NDArray[np.int16]) -> Picture:
        """uint8 [16h, 16w, 3] of y_hat [h, w, latents] in 16ths of a step."""
        inputs = {
            "y_hat": (y_hat * np.float32(1 / MEAN_STEPS))[None],
            "step": self.vector("step"),
            "factor": self.vector("synthesis"),
        }
        (image,) = self.bundle.network("synthesis", blocked=True).run(inputs)
        picture: Picture = image[0]
        return picture


def code_stream(
    coder: Coder, model: Model, height: int, width: int, y: Callable[[tuple[slice, slice]], Floats] | None
) -> Latent16 | None:
    """The order of the bitstream, for a Writer, which is given the latents tile by tile, and for a Reader.

    height, width: of the picture.
    """
    y_hat = code_tiles(coder, model, (-(-height // STRIDE), -(-width // STRIDE)), y)
    coder.check()
    return y_hat


def analyse_tile(model: Model, image: Picture, rows: slice, columns: slice) -> Floats:
    """y [h, w, latents] of a tile of latents, from its pixels and a margin of others."""
    part, top, left = pixels_around(image, rows, columns, model.margins[0])
    y = model.analyse(part)
    return y[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def synthesise_tile(model: Model, y_hat: npt.NDArray[np.int16], rows: slice, columns: slice) -> Picture:
    """The pixels of a tile of latents, from them and a margin of others."""
    top, down = widen(rows, model.margins[1], y_hat.shape[0])
    left, right = widen(columns, model.margins[1], y_hat.shape[1])
    picture = model.synthesise(y_hat[top:down, left:right])
    return picture[
        STRIDE * (rows.start - top) : STRIDE * (rows.stop - top),
        STRIDE * (columns.start - left) : STRIDE * (columns.stop - left),
    ]


class HyperpriorReading(Reading):
    """A file of this codec, up to its synthesis. y_hat: the decoded latents, in 16ths of a quantisation step."""

    y_hat: Latent16

    def __init__(self, stream: Stream, options: Options, reads: type[Reader] = Reader) -> None:
        self.stream = stream
        file = stream.container
        self.model = Model(bundle.open_model(stream.model, options.device), file.params)
        reader = reads(file.payload)
        found = code_stream(reader, self.model, file.height, file.width, None)
        assert found is not None
        reader.finish()
        self.y_hat, self.bits = found, reader.bits

    def info(self) -> Info:
        details: dict[str, object] = {"quality": round(100 * self.stream.container.params / QUALITY_LEVELS, 1)}
        return Info.of_stream(Hyperprior.name, self.model.bundle.variant, self.stream, self.bits, details)

    def picture(self) -> Picture:
        file, y_hat = self.stream.container, self.y_hat
        picture = np.empty((file.height, file.width, 3), np.uint8)
        for rows, columns in tiles(y_hat.shape[0], y_hat.shape[1]):
            target = picture[STRIDE * rows.start : STRIDE * rows.stop, STRIDE * columns.start : STRIDE * columns.stop]
            target[:] = synthesise_tile(self.model, y_hat, rows, columns)[: target.shape[0], : target.shape[1]]
        return picture


class Hyperprior(Codec[Stream], Progressive):
    """See the module's docstring."""

    name = "hyperprior"
    summary = "photographs of any size at any rate: variable-rate hyperprior with channel slices"
    gpu = True

    def qualities(self) -> Sequence[float]:
        """Those that differ: a file has a byte for them."""
        return [100 * k / QUALITY_LEVELS for k in range(QUALITY_LEVELS + 1)]

    def encoder(self, picture: Picture, spec: Spec, notice: Notice, options: Options) -> Encoder:
        """Spec options: none."""
        self.check(spec)
        opened = bundle.default(self.name, spec.variant, options.device)
        height, width = picture.shape[:2]

        def encode(quality: float | None) -> Container:
            level = round((DEFAULT_QUALITY if quality is None else quality) / 100 * QUALITY_LEVELS)
            model = Model(opened, level)
            writer = Writer()
            code_stream(writer, model, height, width, lambda tile: analyse_tile(model, picture, *tile))
            return Container(opened.tag, width, height, level, writer.finish())

        return encode

    def promise(self, quality: float | None) -> float:
        low, high = FLOOR
        return low + (high - low) * (DEFAULT_QUALITY if quality is None else quality) / 100

    def read(self, file: Stream, notice: Notice, options: Options) -> HyperpriorReading:
        return HyperpriorReading(file, options)

    def beginning(self, file: Stream, options: Options) -> Picture:
        """Latents that are missing equal their means, which z and the steps before predict."""
        return HyperpriorReading(file, options, Beginning).picture()


def codec() -> Hyperprior:
    return Hyperprior()
