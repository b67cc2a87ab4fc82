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

from dataclasses import dataclass
from typing import Generic

import numpy as np
import numpy.typing as npt
from PIL import Image

from sccodec.bundle import Bundle
from sccodec.codec import Encoder, Notice, Picture
from sccodec.codecs.conceptual import planes, portrait, regions
from sccodec.codecs.conceptual.model import Decoded, Model, Replace
from sccodec.codecs.conceptual.priors import LATENT_BITS, STEP_LIMIT, PriorModel, step_factors
from sccodec.codecs.conceptual.regions import Regions
from sccodec.codecs.conceptual.textures import (
    Driver,
    Editor,
    Floats,
    Ints,
    RegionPriors,
    Relay,
    StreamDriver,
    Tables,
    V,
    analyse_rows,
    choose_labels,
    pool,
    traverse_textures,
)
from sccodec.container import Container
from sccodec.entropy.coder import Reader, Writer
from sccodec.errors import Corrupt, ModelMismatch
from sccodec.labels import choice, coding

BITSTREAM = 1
FACTORS = (8, 4, 2)  # pixels of the working size to a sample of the label map
DETAIL_STRIDE = 32


def traverse(
    driver: Driver[V],
    priors: RegionPriors[V],
    found: Regions,
    cells: tuple[int, int],
    z: V | None,
    t: V | None,
    detail: V | None,
) -> tuple[V, V]:
    """Code hyperprior, textures and detail, in this order, with whichever driver is given.

    Writer and Estimator take the latents z [K, hyper], t [K, textures] and detail [cells, channels], the last two in
    quantisation steps; a Reader takes None for each. Gives the decoded textures and detail, in steps.
    """
    t_hat = traverse_textures(driver, priors, found, z, t)
    mean, scale = priors.detail(t_hat, cells)
    return t_hat, driver.gaussian("detail", detail, mean, scale)


@dataclass(frozen=True)
class Latents(Generic[V]):
    """What a Writer is given: the label map uint8 [h, w], and z, t and detail as ``traverse`` has them."""

    labels: npt.NDArray[np.uint8]
    z: V
    t: V
    detail: V


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
class DecodedFace(Decoded):
    """detail: [cells, channels], in base units like the textures."""

    setting: Setting
    detail: Floats


@dataclass(frozen=True)
class Prepared:
    """A picture of some height and width at the working size, float32 [1, 3, S, S] in 0..1.

    logits: [classes, S/4, S/4], the segmenter's.
    """

    height: int
    width: int
    planes: npt.NDArray[np.float32]
    logits: Floats


class FacesModel(Model[DecodedFace]):
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
        def encode(quality: float | None) -> Container:
            setting = Setting.of_quality(quality)
            labels, found, t, detail = self.analyse(prepared, setting)
            if self.finds_no_subject(labels):
                notice("no face was found in the picture: this model knows faces only, expect little likeness")
            payload = self.write(setting, labels, found, t, detail)
            return Container(self.bundle.tag, prepared.width, prepared.height, setting.to_byte(), payload)

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
        noise = {f"noise{s}": planes.noise(size // s, size // s) for s in (4, 2, 1)}
        (image,) = self.bundle.network("generator").run(
            {
                "textures": t.astype(np.float32),
                "labels": found.labels,
                "index": found.index,
                "detail": np.ascontiguousarray(
                    np.moveaxis(detail.reshape(*self.cells, -1), -1, 0)[None].astype(np.float32)
                ),
                "coordinates": planes.coordinates(size // 16, size // 16),
                **noise,
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
        step = np.float64(step_factors(setting.exponent)[0] / 256)
        latents = Latents(labels, self.hyper_analysis(t, found), t / step, detail / step)
        self.code_stream(Tables(writer, self.priors), setting, latents)
        return writer.finish()

    def code_stream(
        self, driver: StreamDriver[V], setting: Setting, latents: Latents[V] | None
    ) -> tuple[Regions, V, V]:
        """The order of this bitstream, for a Writer, which is given latents, a Reader and an Editor.

        Gives the regions, and as decoded the textures and the detail layer, in 16ths of a step.
        """
        given = None if latents is None else latents.labels
        labels = coding.code(driver.coder, "labels", given, self.map_shape(setting), self.label_model)
        found = regions.find_regions(labels[None], self.priors.parents)
        priors = driver.priors(found, setting.exponent)
        if latents is None:
            t_hat, detail = traverse(driver, priors, found, self.cells, None, None, None)
        else:
            t_hat, detail = traverse(driver, priors, found, self.cells, latents.z, latents.t, latents.detail)
        driver.coder.check()
        return found, t_hat, detail

    def read(self, file: Container) -> DecodedFace:
        setting = Setting.from_byte(file.params)
        reader = Reader(file.payload)
        driver = Tables(reader, self.priors)
        found, t_hat, detail = self.code_stream(driver, setting, None)
        reader.finish()
        unit = float(1 << LATENT_BITS)
        priors = driver.priors(found, setting.exponent)
        t, w = priors.base(t_hat) / unit, priors.base(detail) / unit
        return DecodedFace(found, driver.z, t, reader.bits, setting, w)

    def paint(self, got: DecodedFace, file: Container) -> Picture:
        picture = self.synthesise(got.found, got.t, got.detail)
        if picture.shape[:2] == (file.height, file.width):
            return picture
        size = (file.width, file.height)
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))

    def details(self, got: DecodedFace) -> dict[str, object]:
        present: list[int] = sorted(got.found.labels.tolist())
        details: dict[str, object] = {
            "working_size": self.size,
            "map_size": list(self.map_shape(got.setting)),
            "step_exponent": got.setting.exponent,
            "labels_present": present,
        }
        if names := self.label_names():
            details["labels_named"] = [names[n] for n in present]
        return details

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

    def edit(self, file: Container, replace: Replace) -> bytes:
        """The detail layer keeps what it says beyond labels and textures, so that it follows what they predict."""
        relay = Relay(Reader(file.payload), Writer())
        self.code_stream(Editor(relay, self.priors, replace), Setting.from_byte(file.params), None)
        return relay.finish()
