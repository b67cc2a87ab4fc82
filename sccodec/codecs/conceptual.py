"""Conceptual coding with a semantic prior (Chang et al., "Thousand to One", 2021), by bitstreams.

    bitstream  model            what it takes
    1          faces            aligned portraits, at one working size (sccodec.codecs._conceptual_faces)

    picture -> segmenter -> labels ----------------------+-------------------> labels
       |                                                 |                       |
       +-> texture encoder -> mean of each region -> t -> Q -> t_hat ------------+-> generator -> picture
       |                                                                         |
       +-> a layer that knows places: detail ------------------------------------+

All code the label map, then a hyperprior and the texture of each region that occurs, then the layer that knows places,
in one range-coder stream. Which one a file is in follows from the model file that it names.
"""

from __future__ import annotations

from typing import Any, Protocol

from sccodec import bundle, container
from sccodec.bundle import Bundle
from sccodec.codec import Info, Notice, Options, Picture, Spec
from sccodec.codecs import _conceptual_faces
from sccodec.codecs._conceptual_textures import choose_labels, pool
from sccodec.container import Container
from sccodec.errors import ModelMismatch

__all__ = ["BITSTREAM", "Conceptual", "choose_labels", "codec", "model_of", "pool"]

BITSTREAM = _conceptual_faces.BITSTREAM
"""The latest."""


class Model(Protocol):
    """A model file, and what its bitstream does with it."""

    bundle: Bundle

    def encode(self, image: Picture, quality: float | None, notice: Notice) -> bytes: ...

    def decode(self, file: Container) -> Picture: ...

    def labels(self, file: Container) -> Picture: ...

    def info(self, file: Container) -> tuple[dict[str, float], dict[str, Any]]:
        """Bits by section, and further details."""
        ...


def model_of(opened: Bundle) -> Model:
    """The model in a file; raises ModelMismatch for one of another bitstream."""
    if opened.bitstream == _conceptual_faces.BITSTREAM:
        return _conceptual_faces.Model(opened)
    raise ModelMismatch(
        f"{opened.path} is of bitstream version {opened.bitstream}, this sccodec reads up to {BITSTREAM}: "
        "update sccodec"
    )


class Conceptual:
    """The codec; see the module's docstring."""

    name = "conceptual"
    summary = "labels, a texture for each region and a generator; about 200 bytes for a face"

    def encode(self, image: Picture, spec: Spec, quality: float | None, notice: Notice, options: Options) -> bytes:
        """Spec options: none."""
        spec.check_options()
        return model_of(bundle.default(self.name, spec.variant)).encode(image, quality, notice)

    def open(self, data: bytes, options: Options) -> tuple[Container, Model]:
        file = container.parse(data, options.max_pixels)
        return file, model_of(bundle.find(file.tag))

    def decode(self, data: bytes, options: Options) -> Picture:
        file, model = self.open(data, options)
        return model.decode(file)

    def labels(self, data: bytes, options: Options) -> Picture:
        file, model = self.open(data, options)
        return model.labels(file)

    def info(self, data: bytes, options: Options) -> Info:
        file, model = self.open(data, options)
        bits, details = model.info(file)
        return Info.of_stream(self.name, model.bundle.variant, data, file, bits, details)


def codec() -> Conceptual:
    return Conceptual()
