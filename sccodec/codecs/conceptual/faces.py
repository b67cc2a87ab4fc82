"""Bitstream 1 of the conceptual codec: aligned portraits at one working size, with a coarse detail layer.

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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sccodec import container
from sccodec.bundle import Bundle
from sccodec.codec import Notice, Picture
from sccodec.codecs.conceptual import portrait, regions
from sccodec.codecs.conceptual.planes import coordinates, noise
from sccodec.codecs.conceptual.priors import LATENT_BITS, STEP_LIMIT, IntegerPriors, LatentCoder, PriorModel
from sccodec.codecs.conceptual.regions import Regions
from sccodec.codecs.conceptual.textures import (
    Encoder,
    Floats,
    Ints,
    Recorder,
    Relay,
    Texture,
    analyse_rows,
    choose_labels,
    pool,
    replace_textures,
    traverse_textures,
)
from sccodec.container import Container
from sccodec.entropy.coder import MEAN_STEPS, Coder, Reader, Writer
from sccodec.errors import Corrupt, ModelMismatch
from sccodec.labels import choice, coding

BITSTREAM = 1
FACTORS = (8, 4, 2)  # pixels of the working size to a sample of the label map
DETAIL_STRIDE = 32


def traverse(
    coder: Any, priors: Any, found: Regions, cells: tuple[int, int], z: Any, t: Any, detail: Any
) -> tuple[Any, Any]:
    """Code hyperprior, textures and detail, in this order, with whichever coder is given.

    Writer and Estimator take the latents z [K, hyper], t [K, textures] and detail [cells, channels], the last two in
    quantisation steps; a Reader takes None for each. Gives the decoded textures and detail, in steps.
    """
    t_hat = traverse_textures(coder, priors, found, z, t)
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


@dataclass(frozen=True)
class Decoded:
    """Everything up to the generator: textures [K, textures] and detail [cells, channels] in base units."""

    setting: Setting
    reader: Reader
    found: Regions
    z: Ints
    t: Floats
    detail: Floats

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        labels: npt.NDArray[np.uint8] = self.found.labels[self.found.index[0]].astype(np.uint8)
        return labels


@dataclass(frozen=True)
class Prepared:
    """A picture of some height and width at the working size, float32 [1, 3, S, S] in 0..1.

    logits: [classes, S/4, S/4], the segmenter's.
    """

    height: int
    width: int
    planes: npt.NDArray[np.float32]
    logits: Floats


class Model:
    """A model file of this bitstream, and what its parts are for; ModelMismatch for one without a configuration."""

    def __init__(self, opened: Bundle) -> None:
        self.bundle = opened
        self.config = opened.config
        try:
            self.size = int(self.config["working_size"])
            self.priors = PriorModel.from_arrays(opened.arrays("tables.") | opened.arrays("integer."), self.config)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelMismatch(f"{opened.path} has no configuration that can be used: {error}") from error
        self.label_model = coding.LabelModel.from_arrays(opened.arrays("labels."), "labels")

    @property
    def cells(self) -> tuple[int, int]:
        side = self.size // DETAIL_STRIDE
        return side, side

    def map_shape(self, setting: Setting) -> tuple[int, int]:
        side = self.size // setting.factor
        return side, side

    def prepare(self, image: Picture) -> Prepared:
        resized = np.asarray(Image.fromarray(image).resize((self.size, self.size), Image.Resampling.LANCZOS))
        planes: npt.NDArray[np.float32] = (resized.astype(np.float32) / np.float32(255)).transpose(2, 0, 1)[None]
        planes = np.ascontiguousarray(planes)
        (logits,) = self.bundle.network("segmenter").run({"image": planes})
        return Prepared(image.shape[0], image.shape[1], planes, logits[0])

    def encoder(self, image: Picture, notice: Notice) -> Encoder:
        return self.encoder_of(self.prepare(image), notice)

    def encoder_of(self, prepared: Prepared, notice: Notice) -> Encoder:
        def encode(quality: float | None) -> bytes:
            setting = Setting.of_quality(quality)
            labels, found, t, detail = self.analyse(prepared, setting)
            if self.finds_no_subject(labels):
                notice("no face was found in the picture: this model knows faces only, expect little likeness")
            payload = self.write(setting, labels, found, t, detail)
            width, height = prepared.width, prepared.height
            return container.serialise(Container(self.bundle.tag, width, height, setting.to_byte(), payload))

        return encode

    def analyse(self, prepared: Prepared, setting: Setting) -> tuple[npt.NDArray[np.uint8], Regions, Floats, Floats]:
        """Labels, regions, textures [K, textures] and detail [cells, channels]."""
        labels = choose_labels(prepared.logits, self.map_shape(setting))
        found = regions.find_regions(labels[None], self.priors.parents)
        inputs: dict[str, Ints] = {"image": prepared.planes, "labels": labels[None].astype(np.int64)}
        features, detail = self.bundle.network("encoder").run(inputs)
        return (
            labels,
            found,
            pool(features[0], found),
            np.moveaxis(detail[0], 0, -1).reshape(-1, detail.shape[1]),
        )

    def hyper_analysis(self, t: Floats, found: Regions) -> npt.NDArray[np.float64]:
        """z [K, hyper], not yet rounded."""
        if not self.priors.hyper_channels:
            return np.zeros((len(t), 0))
        return analyse_rows(self.bundle.network("hyper_analysis"), t, found.labels, self.priors.classes)

    def synthesise(self, found: Regions, t: Floats, detail: Floats) -> Picture:
        """The picture, uint8 [S, S, 3], of textures and detail in base units."""
        size = self.size
        planes = {f"noise{s}": noise(size // s, size // s) for s in (4, 2, 1)}
        (image,) = self.bundle.network("generator").run(
            {
                "textures": t.astype(np.float32),
                "labels": found.labels,
                "index": found.index,
                "detail": np.ascontiguousarray(
                    np.moveaxis(detail.reshape(*self.cells, -1), -1, 0)[None].astype(np.float32)
                ),
                "coordinates": coordinates(size // 16, size // 16),
                **planes,
            }
        )
        picture: Picture = np.rint(np.clip(image[0], 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
        return picture

    def finds_no_subject(self, labels: npt.NDArray[np.uint8]) -> bool:
        subject = self.config.get("subject")
        return subject is not None and bool(np.isin(labels, subject["labels"]).mean() < subject["least_share"])

    def write(
        self, setting: Setting, labels: npt.NDArray[np.uint8], found: Regions, t: Floats, detail: Floats
    ) -> bytes:
        """The stream; textures and detail in base units."""
        writer = Writer()
        self.code_labels(writer, setting, labels)
        z = self.hyper_analysis(t, found)
        priors = IntegerPriors(self.priors, found, setting.exponent)
        step = np.float64(priors.step / 256)
        traverse(LatentCoder(writer, self.priors), priors, found, self.cells, z, t / step, detail / step)
        writer.check()
        return writer.finish()

    def code_labels(
        self, coder: Coder, setting: Setting, labels: npt.NDArray[np.uint8] | None
    ) -> npt.NDArray[np.uint8]:
        return coding.code(coder, "labels", labels, self.map_shape(setting), self.label_model)

    def read(self, file: Container) -> Decoded:
        setting = Setting.from_byte(file.params)
        reader = Reader(file.payload)
        found = regions.find_regions(self.code_labels(reader, setting, None)[None], self.priors.parents)
        priors = IntegerPriors(self.priors, found, setting.exponent)
        coder = Recorder(reader, self.priors)
        t, detail = traverse(coder, priors, found, self.cells, None, None, None)
        reader.check()
        reader.finish()
        unit = float(1 << LATENT_BITS)
        return Decoded(setting, reader, found, coder.z, priors.base(t) / unit, priors.base(detail) / unit)

    def decode(self, file: Container) -> Picture:
        got = self.read(file)
        picture = self.synthesise(got.found, got.t, got.detail)
        if picture.shape[:2] == (file.height, file.width):
            return picture
        size = (file.width, file.height)
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))

    def labels(self, file: Container) -> npt.NDArray[np.uint8]:
        """The map alone, without any network. All sections are read: the check symbol stands behind them."""
        return self.read(file).labels

    def info(self, file: Container) -> tuple[dict[str, float], dict[str, Any]]:
        """Bits by section, and what else there is to say."""
        got = self.read(file)
        details: dict[str, Any] = {
            "working_size": self.size,
            "map_size": list(self.map_shape(got.setting)),
            "step_exponent": got.setting.exponent,
            "labels_present": sorted(got.found.labels.tolist()),
        }
        if names := self.label_names():
            details["labels_named"] = [names[n] for n in details["labels_present"]]
        return got.reader.bits, details

    def is_portrait(self, prepared: Prepared) -> bool:
        """Whether the labels are those of an aligned portrait, and no stranger than a portrait's are to their model."""
        if not self.label_names() or not portrait.is_aligned(prepared.logits.argmax(0)):
            return False
        labels = choose_labels(prepared.logits, self.map_shape(Setting.of_quality(None)))
        bits = choice.sample_bits(labels, self.label_model).sum()
        return bool(bits <= portrait.MOST_BITS)

    def label_names(self) -> tuple[str, ...]:
        """Names of the classes, by number, where they have such."""
        names = portrait.LABELS
        return names if self.priors.classes == len(names) else ()

    def textures(self, file: Container) -> dict[int, Texture]:
        """By label."""
        got = self.read(file)
        return {int(n): Texture(z, t) for n, z, t in zip(got.found.labels, got.z, got.t, strict=True)}

    def replace_textures(self, file: Container, replaced: Mapping[int, Texture]) -> bytes:
        """The stream of a file with other textures for some of its labels.

        The detail layer keeps what it says beyond labels and textures, so that it follows what they predict.
        """
        setting = Setting.from_byte(file.params)
        relay = Relay(Reader(file.payload), Writer())
        found = regions.find_regions(self.code_labels(relay, setting, None)[None], self.priors.parents)
        before, after = replace_textures(relay, self.priors, found, setting.exponent, replaced)
        priors = IntegerPriors(self.priors, found, setting.exponent)
        mean, scale = priors.detail(before, self.cells)
        detail = LatentCoder(relay.reader, self.priors).gaussian("detail", None, mean, scale) - mean
        mean, scale = priors.detail(after, self.cells)
        LatentCoder(relay.writer, self.priors).gaussian("detail", (detail + mean) / MEAN_STEPS, mean, scale)
        return relay.finish()
