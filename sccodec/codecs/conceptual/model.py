"""What every bitstream of the conceptual codec is to the codec: a model file, and what is done with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from sccodec.bundle import Bundle
from sccodec.codec import Encoder, Info, Notice, Picture, Reading, Stream
from sccodec.codecs.conceptual.regions import Regions
from sccodec.codecs.conceptual.textures import Floats, Ints, Texture
from sccodec.container import Container

Replace = Callable[[Regions], Mapping[int, Texture]]
"""From the regions of a file to the textures that some of its rows get."""


@dataclass(frozen=True)
class Decoded:
    """Everything up to the generator. z: int [K, hyper]. t: textures [K, textures] in base units. bits: by section."""

    found: Regions
    z: Ints
    t: Floats
    bits: Mapping[str, float]

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        """The label map, uint8 [h, w]."""
        labels: npt.NDArray[np.uint8] = self.found.labels[self.found.index[0]].astype(np.uint8)
        return labels

    @property
    def textures(self) -> dict[int, Texture]:
        """By label."""
        return {int(n): Texture(z, t) for n, z, t in zip(self.found.labels, self.z, self.t, strict=True)}


D = TypeVar("D", bound=Decoded)


class Model(ABC, Generic[D]):
    """A model file of one bitstream."""

    bundle: Bundle

    @abstractmethod
    def encoder(self, image: Picture, notice: Notice) -> Encoder:
        """What encodes the picture at any quality; labels are found once."""

    @abstractmethod
    def read(self, file: Container) -> D:
        """All sections, without any network: the check symbol stands behind them. Raises BadStream."""

    @abstractmethod
    def paint(self, got: D, file: Container) -> Picture: ...

    @abstractmethod
    def details(self, got: D) -> dict[str, object]:
        """What `info` says beside the sections."""

    @abstractmethod
    def edit(self, file: Container, replace: Replace) -> bytes:
        """The stream of a file with other textures for some of its regions; all else stays as it is."""

    def reading(self, stream: Stream) -> ConceptualReading[D]:
        """A file, read to its end; raises BadStream."""
        return ConceptualReading(self, stream, self.read(stream.container))

    def label_names(self) -> tuple[str, ...]:
        """Names of the classes, by number; none where they have no names."""
        return ()


@dataclass(frozen=True)
class ConceptualReading(Reading, Generic[D]):
    """A file of the codec, up to its generator."""

    model: Model[D]
    stream: Stream
    got: D

    def info(self) -> Info:
        opened = self.model.bundle
        return Info.of_stream(opened.codec, opened.variant, self.stream, self.got.bits, self.model.details(self.got))

    def picture(self) -> Picture:
        return self.model.paint(self.got, self.stream.container)
