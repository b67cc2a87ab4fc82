"""Conceptual coding with a semantic prior (Chang et al., "Thousand to One", 2021), in two bitstreams.

    bitstream  variant          what it takes
    1          faces            aligned portraits, at one working size (sccodec.codecs._conceptual_faces)
    2          general          any photograph, at its own size (sccodec.codecs._conceptual_native)

    picture -> segmenter -> labels ----------------------+-------------------> labels
       |                                                 |                       |
       +-> texture encoder -> mean of each region -> t -> Q -> t_hat ------------+-> generator -> picture
       |                                                                         |
       +-> a layer that knows places: detail (1) or coarse latents (2) ----------+

Both code the label map, then a hyperprior and the texture of each region that occurs, then the layer that knows places,
in one range-coder stream. Which one a file is in follows from the model file that it names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sccodec import bundle, container
from sccodec.bundle import Bundle
from sccodec.codec import Info, Notice, Options, Picture, Spec
from sccodec.codecs import _conceptual_faces, _conceptual_native
from sccodec.codecs._conceptual_textures import Encoder, Texture
from sccodec.container import Container
from sccodec.errors import BadInput, BadStream, ModelMismatch

BITSTREAM = _conceptual_native.BITSTREAM
"""The latest."""


class Model(Protocol):
    """A model file, and what its bitstream does with it."""

    bundle: Bundle

    def encoder(self, image: Picture, notice: Notice) -> Encoder: ...

    def decode(self, file: Container) -> Picture: ...

    def labels(self, file: Container) -> Picture: ...

    def info(self, file: Container) -> tuple[dict[str, float], dict[str, Any]]:
        """Bits by section, and further details."""
        ...

    def label_names(self) -> tuple[str, ...]:
        """By number; empty where classes have no names."""
        ...

    def textures(self, file: Container) -> dict[int, Texture]:
        """By label."""
        ...

    def replace_textures(self, file: Container, replaced: Mapping[int, Texture]) -> bytes:
        """The stream of the file with other textures for some of its labels."""
        ...


def model_of(opened: Bundle) -> Model:
    """The model in a file; raises ModelMismatch for one of another bitstream."""
    if opened.bitstream == _conceptual_faces.BITSTREAM:
        return _conceptual_faces.Model(opened)
    if opened.bitstream == _conceptual_native.BITSTREAM:
        return _conceptual_native.Model(opened)
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
        return self.encoder(image, spec, notice, options)(quality)

    def encoder(self, image: Picture, spec: Spec, notice: Notice, options: Options) -> Encoder:
        """What encodes the picture at any quality; labels are found, and a variant is chosen, once."""
        spec.check_options()
        return model_of(bundle.default(self.name, spec.variant)).encoder(image, notice)

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

    def edit(self, data: bytes, donor: bytes, swaps: Sequence[tuple[str, str]], options: Options) -> bytes:
        """See sccodec.edit. swaps: labels of the file, and those of the donor whose textures they get."""
        file, model = self.open(data, options)
        try:
            other = container.parse(donor, options.max_pixels)
            if other.tag != file.tag:
                raise BadInput(f"the files are of different models, {file.tag.hex()} and {other.tag.hex()}")
            given = model.textures(other)
        except BadStream as error:
            raise type(error)(f"the file that textures come from: {error}") from error
        numbers = [(number_of(mine, model), number_of(theirs, model)) for mine, theirs in swaps]
        present = model.textures(file)
        for (mine, theirs), names in zip(numbers, swaps, strict=True):
            for number, name, has, which in (
                (mine, names[0], present, "the file"),
                (theirs, names[1], given, "the file that textures come from"),
            ):
                if number not in has:
                    raise BadInput(f"{which} has no region {name}; it has: {list_of(has, model)}")
        replaced = {mine: given[theirs] for mine, theirs in numbers}
        if len(replaced) < len(numbers):
            raise BadInput("a label is given twice")
        payload = model.replace_textures(file, replaced)
        return container.serialise(Container(file.tag, file.width, file.height, file.params, payload, file.extras))


def number_of(label: str, model: Model) -> int:
    """A label by its name or number; raises BadInput, which lists the names, for one that the model does not have."""
    names = model.label_names()
    if label.replace("-", "_") in names:
        return names.index(label.replace("-", "_"))
    if label.isascii() and label.isdigit() and len(label) <= 3:
        return int(label)
    known = f"labels are {', '.join(names)}, or numbers" if names else "labels of this model are numbers"
    raise BadInput(f"no label is named {label!r}; {known}")


def list_of(labels: Mapping[int, Any], model: Model) -> str:
    names = model.label_names()
    return ", ".join(names[n] if names else str(n) for n in sorted(labels))


def codec() -> Conceptual:
    return Conceptual()
