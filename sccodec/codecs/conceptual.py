"""Conceptual coding with a semantic prior (Chang et al., "Thousand to One", 2021).

    picture -> segmenter -> labels ------------------+--------------------> labels
       |                                             |                        |
       +-> texture encoder -> mean of each region -> t -> Q -> t_hat ---------+-> generator -> picture
       |                                             |-> h_a -> z -> h_s      |
       +-> detail (1/32) ----------------------------> w -> Q -> w_hat -------+

    section    content
    labels     the label map, context-coded without loss
    hyper      z: 4 integers a region that occurs (cross-channel hyperprior, 16 times fewer channels)
    textures   t: 64 integers a region, mean and scale from z, its label and the texture of a related region
    detail     w: a few channels at 1/32, mean and scale from the labels and textures that each cell covers

All four share one range-coder stream and end in a check symbol. The picture is coded at the model's working size and
restored to its own width and height. The paper has neither the detail layer nor prediction between regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sccodec import bundle, container, regions
from sccodec.bundle import Bundle
from sccodec.codec import Info, Notice, Options, Picture, Spec
from sccodec.entropy import labelmap
from sccodec.entropy.coder import Coder, Reader, Writer
from sccodec.entropy.priors import (
    LATENT_BITS,
    STEP_LIMIT,
    IntegerPriors,
    LatentCoder,
    PriorModel,
)
from sccodec.errors import BadInput, Corrupt, ModelMismatch
from sccodec.regions import Regions

FACTORS = (8, 4, 2)  # pixels of the working size to a sample of the label map
DETAIL_STRIDE = 32
BITSTREAM = 1

Floats = npt.NDArray[np.floating[Any]]


def traverse(
    coder: Any, priors: Any, found: Regions, cells: tuple[int, int], z: Any, t: Any, detail: Any
) -> tuple[Any, Any]:
    """Code hyperprior, textures and detail, in this order, with whichever coder is given.

    Writer and Estimator take the latents z [K, hyper], t [K, textures] and detail [cells, channels], the last two in
    quantisation steps; a Reader takes None for each. Gives the decoded textures and detail, in steps.
    """
    z_hat = coder.factorized("hyper", z, len(found.labels))
    parts: list[Any] = []
    for rows in found.passes:
        mean, scale = priors.texture(z_hat, rows, found.parents[rows], parts)
        parts.append(coder.gaussian("textures", None if t is None else t[rows], mean, scale))
    t_hat = priors.join(parts)
    mean, scale = priors.detail(t_hat, cells)
    return t_hat, coder.gaussian("detail", detail, mean, scale)


@dataclass(frozen=True)
class Setting:
    """What the parameter byte of a file says: the label map's scale and the quantisation step.

    factor: pixels of the working size a sample of the map. exponent: the step is scale_ratio() to this power.
    """

    factor: int
    exponent: int

    def to_byte(self) -> int:
        return FACTORS.index(self.factor) << 6 | (self.exponent + STEP_LIMIT + 1)

    @staticmethod
    def from_byte(value: int) -> Setting:
        """Raises Corrupt where the map's scale does not exist; every exponent does."""
        if value >> 6 >= len(FACTORS):
            raise Corrupt("the file is damaged: it states a scale of the label map that does not exist")
        return Setting(FACTORS[value >> 6], (value & 63) - STEP_LIMIT - 1)

    @staticmethod
    def of_quality(quality: float | None) -> Setting:
        """-q 0..100: finer steps and finer label maps; 50 is the default."""
        q = 50.0 if quality is None else quality
        exponent = round((50 - q) * (0.24 if q < 50 else 0.2))
        return Setting(8 if q < 70 else 4 if q < 90 else 2, exponent)


class Model:
    """A model file of this codec, and what its parts are for; ModelMismatch for one of another kind."""

    def __init__(self, opened: Bundle) -> None:
        if opened.bitstream != BITSTREAM:
            raise ModelMismatch(
                f"{opened.path} is of bitstream version {opened.bitstream}, this sccodec reads {BITSTREAM}: "
                "update sccodec"
            )
        self.bundle = opened
        self.config = opened.config
        try:
            self.size = int(self.config["working_size"])
            self.priors = PriorModel.from_arrays(opened.arrays("tables.") | opened.arrays("integer."), self.config)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelMismatch(f"{opened.path} has no configuration that can be used: {error}") from error
        self.label_model = labelmap.LabelModel.from_arrays(opened.arrays("labels."), "labels")

    @property
    def cells(self) -> tuple[int, int]:
        side = self.size // DETAIL_STRIDE
        return side, side

    def map_shape(self, setting: Setting) -> tuple[int, int]:
        side = self.size // setting.factor
        return side, side

    def analyse(self, picture: Picture, setting: Setting) -> tuple[npt.NDArray[np.uint8], Regions, Floats, Floats]:
        """Labels, regions, textures [K, textures] and detail [cells, channels] of a picture uint8 [S, S, 3]."""
        image = np.ascontiguousarray((picture.astype(np.float32) / 255).transpose(2, 0, 1)[None])
        (logits,) = self.bundle.network("segmenter").run({"image": image})
        labels = choose_labels(logits[0], self.map_shape(setting))
        found = regions.find_regions(labels[None], self.priors.parents)
        features, detail = self.bundle.network("encoder").run({"image": image, "labels": labels[None].astype(np.int64)})
        return (
            labels,
            found,
            pool(features[0], found),
            np.moveaxis(detail[0], 0, -1).reshape(-1, detail.shape[1]),
        )

    def hyper_analysis(self, t: Floats, found: Regions) -> Floats:
        """z [K, hyper], not yet rounded."""
        if not self.priors.hyper_channels:
            return np.zeros((len(t), 0))
        one_hot = np.eye(self.priors.classes, dtype=np.float32)[found.labels]
        (z,) = self.bundle.network("hyper_analysis").run({"rows": np.concatenate([t, one_hot], 1)})
        result: Floats = z
        return result

    def synthesise(self, found: Regions, t: Floats, detail: Floats) -> Picture:
        """The picture, uint8 [S, S, 3], of textures and detail in base units."""
        size = self.size
        planes = {f"noise{s}": regions.noise(size // s, size // s) for s in (4, 2, 1)}
        (image,) = self.bundle.network("generator").run(
            {
                "textures": t.astype(np.float32),
                "labels": found.labels,
                "index": found.index,
                "detail": np.ascontiguousarray(
                    np.moveaxis(detail.reshape(*self.cells, -1), -1, 0)[None].astype(np.float32)
                ),
                "coordinates": regions.coordinates(size // 16, size // 16),
                **planes,
            }
        )
        picture: Picture = np.rint(np.clip(image[0], 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
        return picture


class Conceptual:
    """The codec; see the module's docstring."""

    name = "conceptual"
    summary = "labels, a texture for each region and a generator; about 200 bytes for a face"

    def encode(self, image: Picture, spec: Spec, quality: float | None, notice: Notice, options: Options) -> bytes:
        spec.check_options()
        model = Model(bundle.default(self.name, spec.variant))
        setting = Setting.of_quality(quality)
        height, width = image.shape[:2]
        resized = Image.fromarray(image).resize((model.size, model.size), Image.Resampling.LANCZOS)
        labels, found, t, detail = model.analyse(np.asarray(resized), setting)
        if self.finds_no_subject(model, labels):
            notice("no face was found in the picture: this model knows faces only, expect little likeness")
        payload = self.write(model, setting, labels, found, t, detail)
        return container.serialise(container.Container(model.bundle.tag, width, height, setting.to_byte(), payload))

    def open(self, tag: bytes) -> Model:
        return Model(bundle.find(tag))

    def finds_no_subject(self, model: Model, labels: npt.NDArray[np.uint8]) -> bool:
        subject = model.config.get("subject")
        return subject is not None and bool(np.isin(labels, subject["labels"]).mean() < subject["least_share"])

    def write(
        self,
        model: Model,
        setting: Setting,
        labels: npt.NDArray[np.uint8],
        found: Regions,
        t: Floats,
        detail: Floats,
    ) -> bytes:
        writer = Writer()
        self.code_labels(writer, model, setting, labels)
        z = model.hyper_analysis(t, found).astype(np.float64)
        priors = IntegerPriors(model.priors, found, setting.exponent)
        step = np.float64(priors.step / 256)
        traverse(LatentCoder(writer, model.priors), priors, found, model.cells, z, t / step, detail / step)
        writer.check()
        return writer.finish()

    def code_labels(
        self, coder: Coder, model: Model, setting: Setting, labels: npt.NDArray[np.uint8] | None
    ) -> npt.NDArray[np.uint8]:
        return labelmap.code(coder, "labels", labels, model.map_shape(setting), model.label_model)

    def read(
        self, data: bytes, max_pixels: int = container.MAX_PIXELS
    ) -> tuple[container.Container, Model, Reader, Regions, Floats, Floats]:
        """Everything up to the generator: textures [K, textures] and detail [cells, channels] in base units."""
        file = container.parse(data, max_pixels)
        model = self.open(file.tag)
        setting = Setting.from_byte(file.params)
        reader = Reader(file.payload)
        labels = self.code_labels(reader, model, setting, None)
        found = regions.find_regions(labels[None], model.priors.parents)
        priors = IntegerPriors(model.priors, found, setting.exponent)
        t, detail = traverse(LatentCoder(reader, model.priors), priors, found, model.cells, None, None, None)
        reader.check()
        reader.finish()
        unit = float(1 << LATENT_BITS)
        return file, model, reader, found, priors.base(t) / unit, priors.base(detail) / unit

    def decode(self, data: bytes, options: Options) -> Picture:
        file, model, _, found, t, detail = self.read(data, options.max_pixels)
        picture = model.synthesise(found, t, detail)
        if picture.shape[:2] == (file.height, file.width):
            return picture
        size = (file.width, file.height)
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))

    def labels(self, data: bytes, options: Options) -> npt.NDArray[np.uint8]:
        """The map alone, without any network. All sections are read: the check symbol stands behind them."""
        found = self.read(data, options.max_pixels)[3]
        labels: npt.NDArray[np.uint8] = found.labels[found.index[0]].astype(np.uint8)
        return labels

    def info(self, data: bytes, options: Options) -> Info:
        file, model, reader, found, _, _ = self.read(data, options.max_pixels)
        setting = Setting.from_byte(file.params)
        details = {
            "working_size": model.size,
            "map_size": list(model.map_shape(setting)),
            "step_exponent": setting.exponent,
            "labels_present": sorted(found.labels.tolist()),
        }
        return Info.of_stream(self.name, model.bundle.variant, data, file, reader.bits, details)


def choose_labels(logits: Floats, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The most probable class of each sample of a map, uint8 [h, w], from logits [classes, H, W].

    The map is coarser by a whole factor (probabilities are averaged) or twice as fine (logits are interpolated).
    """
    classes, height, width = logits.shape
    h, w = shape
    if h <= height:
        odds = np.exp(logits - logits.max(0))
        odds /= odds.sum(0)
        scores = odds.reshape(classes, h, height // h, w, width // w).mean((2, 4))
    else:
        scores = double(double(logits, 1), 2)
    if scores.shape[1:] != shape:
        raise BadInput(f"the label map cannot be brought to {h}x{w}")
    chosen: npt.NDArray[np.uint8] = scores.argmax(0).astype(np.uint8)
    return chosen


def double(x: Floats, axis: int) -> Floats:
    """Twice as many samples along an axis, linearly interpolated, edges held."""
    x = np.moveaxis(x, axis, 0)
    before, after = np.concatenate([x[:1], x[:-1]]), np.concatenate([x[1:], x[-1:]])
    pairs = np.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], 1)
    return np.moveaxis(pairs.reshape(-1, *x.shape[1:]), 0, axis)


def pool(features: Floats, found: Regions) -> Floats:
    """Semantic-wise average pooling: the mean of features [C, H, W] over each region, float32 [K, C]."""
    channels, height, width = features.shape
    index = found.index[0]
    rows, columns = height // index.shape[0], width // index.shape[1]
    if rows == 0:
        features = features.repeat(index.shape[0] // height, 1).repeat(index.shape[1] // width, 2)
    else:
        index = index.repeat(rows, 0).repeat(columns, 1)
    member = (index.ravel() == np.arange(len(found.labels))[:, None]).astype(np.float32)
    means: Floats = (member @ features.reshape(channels, -1).T) / member.sum(1, keepdims=True)
    return means


def codec() -> Conceptual:
    return Conceptual()
