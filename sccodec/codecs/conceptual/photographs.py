"""Bitstream 2 of the conceptual codec: any photograph at its own resolution, over a coarse layer of latents.

    picture -> / 2^k -> segmenter -> labels ------------------+-------------------> labels
       |                                                      |                       |
       +-> g_a -+-> features (1/8) -> mean of each region -> t -> Q -> t_hat ---------+-> generator -> picture
                |                                             |-> h_a -> z -> h_s     |
                +-> * gain(q) -> y (1/16) --------------------> Q -> y_hat * step(q) -+

    section    content
    labels     label map: one of the classes found without human labels for each cell of 16 * 2^k pixels a side
    hyper      z of the textures, as in bitstream 1: 4 integers a region that occurs
    textures   t: 32 integers a region, mean and scale from z and its label
    coarse     z (1/64) and y (1/16) of the hyperprior codec at its lowest rates, tile by tile; empty at level 0

All four share one range-coder stream and end in a check symbol. The parameter byte is the quality, 0..255 for -q
0..100: gains, steps, and whether there is a coarse layer at all follow from it. k, the map's scale, follows from the
picture's size: maps stop growing at MAP_PIXELS, and the segmenter sees what the map describes, so that what is where
does not depend on the number of megapixels.

The transforms see tiles with a margin as wide as their receptive field, and noise by its absolute position: tiles
leave no seams. Nothing but the picture, its latents and one tile's planes is held at a time.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np
import numpy.typing as npt

from sccodec.bundle import Bundle
from sccodec.codec import Encoder, Notice, Picture
from sccodec.codecs.conceptual import planes, regions
from sccodec.codecs.conceptual.model import Decoded, Model, Replace
from sccodec.codecs.conceptual.priors import LATENT_BITS, PriorModel, step_factors
from sccodec.codecs.conceptual.regions import Regions
from sccodec.codecs.conceptual.textures import (
    Editor,
    Floats,
    Relay,
    StreamDriver,
    Tables,
    V,
    analyse_rows,
    traverse_textures,
)
from sccodec.codecs.hyperprior.coding import QUALITY_LEVELS, STRIDE, HyperpriorModel
from sccodec.codecs.hyperprior.latents import TILE, Latents, code_tiles, pixels_around, shape_of, tiles
from sccodec.container import Container
from sccodec.entropy.coder import MEAN_STEPS, Reader, Writer
from sccodec.errors import ModelMismatch
from sccodec.image.tiles import widen
from sccodec.labels import choice, coding

BITSTREAM = 2
DEFAULT_QUALITY = 45.0
TEXTURE_EXPONENT = 0
"""Of the textures' step, at every quality: they take a few tens of bytes."""
MAP_PIXELS = 3 << 19
"""The most pixels, reduced by 2^k, that a label map describes."""

Latent16 = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Geometry:
    """What follows from a picture's size: the grid of latents (h, w), and the label map (rows, columns) at scale k."""

    h: int
    w: int
    k: int

    @staticmethod
    def of(height: int, width: int) -> Geometry:
        h, w = -(-height // STRIDE), -(-width // STRIDE)
        k = 0
        while h * w * STRIDE**2 > MAP_PIXELS << 2 * k:
            k += 1
        return Geometry(h, w, k)

    @property
    def map_shape(self) -> tuple[int, int]:
        return -(-self.h >> self.k), -(-self.w >> self.k)

    def spread(self, index: npt.NDArray[Any], rows: slice, columns: slice) -> npt.NDArray[Any]:
        """What a map of map_shape says at positions of the latents: [rows, columns]."""
        y, x = (np.arange(part.start, part.stop) >> self.k for part in (rows, columns))
        spread: npt.NDArray[Any] = index[y[:, None], x]
        return spread


@dataclass(frozen=True)
class Parts:
    """What of a model file needs no network: entropy models, and how far transforms see (analysis, generator)."""

    priors: PriorModel
    coarse: HyperpriorModel
    label_model: coding.LabelModel
    margins: tuple[int, int]


@functools.lru_cache(maxsize=4)
def parts_of(opened: Bundle) -> Parts:
    """Kept while the bundle is; ModelMismatch where it has no configuration that can be used."""
    config = opened.config
    arrays = opened.arrays("tables.") | opened.arrays("integer.")
    try:
        analysis, generator = (int(m) for m in config["margins"])
        return Parts(
            PriorModel.from_arrays(arrays, config),
            HyperpriorModel.from_arrays(arrays, config["coarse"]),
            coding.LabelModel.from_arrays(opened.arrays("labels."), "labels"),
            (analysis, generator),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelMismatch(f"{opened.path} has no configuration that can be used: {error}") from error


@dataclass(frozen=True)
class DecodedPhotograph(Decoded):
    """y_hat: [h, w, latents] in 16ths of a step, None where there is no coarse layer."""

    geometry: Geometry
    level: int
    y_hat: Latent16 | None


@dataclass(frozen=True)
class Given(Generic[V]):
    """What a Writer is given: the label map uint8 [rows, columns], z [K, hyper], and in steps t [K, textures] and y.

    y: [h, w, latents], None without a coarse layer.
    """

    labels: npt.NDArray[np.uint8]
    z: V
    t: V
    y: npt.NDArray[np.float32] | None


class PhotographsModel(Model[DecodedPhotograph]):
    """A model file of this bitstream. tile: positions a side that the transforms see at a time, without margins."""

    def __init__(self, opened: Bundle, tile: int = TILE) -> None:
        self.bundle = opened
        self.tile = tile
        self.parts = parts_of(opened)

    def latents(self, level: int) -> Latents:
        return Latents(self.bundle, self.parts.coarse, level, "coarse")

    def encoder(self, image: Picture, notice: Notice) -> Encoder:
        height, width = image.shape[:2]
        geometry = Geometry.of(height, width)
        evidence = self.evidence(image, geometry)

        def encode(quality: float | None) -> Container:
            level = round((DEFAULT_QUALITY if quality is None else quality) / 100 * QUALITY_LEVELS)
            labels = self.choose_map(evidence, level)
            found = regions.find_regions(labels[None], self.parts.priors.parents)
            t, y = self.analyse(image, geometry, found, level)
            payload = self.write(geometry, level, labels, found, t, y)
            return Container(self.bundle.tag, width, height, level, payload)

        return encode

    def evidence(self, image: Picture, geometry: Geometry) -> npt.NDArray[np.float32]:
        """Log-probabilities [classes, rows, columns] of the label map's samples."""
        (logits,) = self.bundle.network("segmenter").run({"image": working_picture(image, geometry)})
        return choice.cell_evidence(logits[0])

    def choose_map(self, evidence: npt.NDArray[np.float32], level: int) -> npt.NDArray[np.uint8]:
        """By rate: the lower the quality, the fewer regions."""
        strength = choice.strength_of(100 * level / QUALITY_LEVELS)
        return choice.choose(evidence, self.parts.label_model, strength)

    def analyse(
        self, image: Picture, geometry: Geometry, found: Regions, level: int
    ) -> tuple[Floats, npt.NDArray[np.float32] | None]:
        """Textures [K, textures], and y [h, w, latents] in steps, None at level 0; tile by tile."""
        latents = self.latents(level)
        inputs: dict[str, npt.NDArray[Any]] = {"factor": latents.vector("analysis"), "gain": latents.vector("gain")}
        network = self.bundle.network("analysis", blocked=True)
        y = np.empty((geometry.h, geometry.w, self.parts.coarse.latents), np.float32) if level else None
        sums = np.zeros((len(found.labels), self.parts.priors.textures))
        counts = np.zeros(len(found.labels))
        for rows, columns in tiles(geometry.h, geometry.w, self.tile):
            part, top, left = pixels_around(image, rows, columns, self.parts.margins[0])
            y_part, features = network.run({"image": part[None], **inputs})
            down, right = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
            if y is not None:
                y[rows, columns] = y_part[0, :, down, right].transpose(1, 2, 0)
            fine, wide = (slice(2 * s.start, 2 * s.stop) for s in (down, right))
            index = geometry.spread(found.index[0], rows, columns).repeat(2, 0).repeat(2, 1).ravel()
            for channel, values in enumerate(features[0, :, fine, wide]):
                sums[:, channel] += np.bincount(index, values.ravel(), len(sums))
            counts += np.bincount(index, minlength=len(sums))
        return sums / counts[:, None], y

    def hyper_analysis(self, t: Floats, found: Regions) -> npt.NDArray[np.float64]:
        """z [K, hyper] of textures, not yet rounded."""
        priors = self.parts.priors
        if not priors.hyper_channels:
            return np.zeros((len(t), 0))
        return analyse_rows(self.bundle.network("texture_hyper_analysis"), t, found.labels, priors.classes)

    def write(
        self,
        geometry: Geometry,
        level: int,
        labels: npt.NDArray[np.uint8],
        found: Regions,
        t: Floats,
        y: npt.NDArray[np.float32] | None,
    ) -> bytes:
        """The stream; t in base units, y in steps."""
        writer = Writer()
        step = np.float64(step_factors(TEXTURE_EXPONENT)[0] / 256)
        given = Given(labels, self.hyper_analysis(t, found), t / step, y)
        self.code_stream(Tables(writer, self.parts.priors), geometry, level, given)
        return writer.finish()

    def code_stream(
        self, driver: StreamDriver[V], geometry: Geometry, level: int, given: Given[V] | None
    ) -> tuple[Regions, V, Latent16 | None]:
        """The order of this bitstream, for a Writer, which is given values, a Reader and an Editor.

        Gives the regions, and as decoded the textures, in 16ths of a step, and y_hat, None without a coarse layer and
        for a Writer.
        """
        maps = None if given is None else given.labels
        labels = coding.code(driver.coder, "labels", maps, geometry.map_shape, self.parts.label_model)
        found = regions.find_regions(labels[None], self.parts.priors.parents)
        priors = driver.priors(found, TEXTURE_EXPONENT)
        if given is None:
            t_hat = traverse_textures(driver, priors, found, None, None)
        else:
            t_hat = traverse_textures(driver, priors, found, given.z, given.t)
        y_hat = None
        if level:
            y = None if given is None or given.y is None else given.y.__getitem__
            y_hat = code_tiles(driver.coder, self.latents(level), (geometry.h, geometry.w), y)
        driver.coder.check()
        return found, t_hat, y_hat

    def read(self, file: Container) -> DecodedPhotograph:
        geometry = Geometry.of(file.height, file.width)
        reader = Reader(file.payload)
        driver = Tables(reader, self.parts.priors)
        found, t_hat, y_hat = self.code_stream(driver, geometry, file.params, None)
        reader.finish()
        t = driver.priors(found, TEXTURE_EXPONENT).base(t_hat) / float(1 << LATENT_BITS)
        return DecodedPhotograph(found, driver.z, t, reader.bits, geometry, file.params, y_hat)

    def paint(self, got: DecodedPhotograph, file: Container) -> Picture:
        latents = self.latents(got.level)
        inputs = {
            "step": latents.vector("step"),
            "factor": latents.vector("synthesis"),
            "textures": got.t.astype(np.float32),
            "labels": got.found.labels,
        }
        picture = np.empty((file.height, file.width, 3), np.uint8)
        for rows, columns in tiles(got.geometry.h, got.geometry.w, self.tile):
            target = picture[STRIDE * rows.start : STRIDE * rows.stop, STRIDE * columns.start : STRIDE * columns.stop]
            target[:] = self.synthesise(got, inputs, rows, columns)[: target.shape[0], : target.shape[1]]
        return picture

    def synthesise(
        self, got: DecodedPhotograph, inputs: dict[str, npt.NDArray[Any]], rows: slice, columns: slice
    ) -> Picture:
        """The pixels of a tile, from its latents and a margin of others. inputs: what all tiles have alike."""
        top, down = widen(rows, self.parts.margins[1], got.geometry.h)
        left, right = widen(columns, self.parts.margins[1], got.geometry.w)
        h, w = down - top, right - left
        if got.y_hat is None:
            y_hat = np.zeros((h, w, self.parts.coarse.latents), np.float32)
        else:
            y_hat = got.y_hat[top:down, left:right] * np.float32(1 / MEAN_STEPS)
        noise = {f"noise{s}": noise_of(16 // s, h, w, top, left) for s in (4, 2, 1)}
        index = got.geometry.spread(got.found.index[0], slice(top, down), slice(left, right))
        network = self.bundle.network("generator", blocked=True)
        (image,) = network.run({"y_hat": y_hat[None], **inputs, "index": index[None], **noise})
        y, x = STRIDE * (rows.start - top), STRIDE * (columns.start - left)
        height, width = (STRIDE * n for n in shape_of(rows, columns))
        picture: Picture = image[0, y : y + height, x : x + width]
        return picture

    def details(self, got: DecodedPhotograph) -> dict[str, object]:
        return {
            "quality": round(100 * got.level / QUALITY_LEVELS, 1),
            "map_size": list(got.geometry.map_shape),
            "map_scale": STRIDE << got.geometry.k,
            "step_exponent": TEXTURE_EXPONENT,
            "labels_present": sorted(got.found.labels.tolist()),
        }

    def edit(self, file: Container, replace: Replace) -> bytes:
        relay = Relay(Reader(file.payload), Writer())
        geometry = Geometry.of(file.height, file.width)
        self.code_stream(Editor(relay, self.parts.priors, replace), geometry, file.params, None)
        return relay.finish()


def noise_of(finer: int, h: int, w: int, top: int, left: int) -> npt.NDArray[Any]:
    """The part of a noise plane that covers some positions of 1/16, so many times finer."""
    return planes.noise(finer * h, finer * w, finer * top, finer * left)


def working_picture(image: Picture, geometry: Geometry) -> npt.NDArray[np.float32]:
    """float32 [1, 3, 16 * rows, 16 * columns] in 0..1 of the label map's rows and columns: the picture by 2^k smaller.

    Every sample is the mean of 2^k x 2^k pixels; edges are repeated up to whole cells of the map.
    """
    side, cell = 1 << geometry.k, STRIDE << geometry.k
    rows, columns = geometry.map_shape
    result = np.empty((1, 3, STRIDE * rows, STRIDE * columns), np.float32)
    for row in range(rows):
        strip = image[cell * row : cell * (row + 1)]
        missing = (cell - strip.shape[0], cell * columns - strip.shape[1])
        strip = np.pad(strip, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
        blocks = strip.reshape(STRIDE, side, STRIDE * columns, side, 3)
        sums = blocks.sum((1, 3), dtype=np.uint32) if side > 1 else strip
        result[0, :, STRIDE * row : STRIDE * (row + 1)] = sums.transpose(2, 0, 1) * np.float32(1 / (255 * side**2))
    return result
