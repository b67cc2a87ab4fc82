"""Conceptual coding with a semantic prior (Chang et al., "Thousand to One", 2021), in two bitstreams.

    bitstream  variant          what it takes
    1          faces            aligned portraits, at one working size (faces.py)
    2          general          any photograph, at its own size (photographs.py)

    picture -> segmenter -> labels ----------------------+-------------------> labels
       |                                                 |                       |
       +-> texture encoder -> mean of each region -> t -> Q -> t_hat ------------+-> generator -> picture
       |                                                                         |
       +-> a layer that knows places: detail (1) or coarse latents (2) ----------+

Both code the label map, then a hyperprior and the texture of each region that occurs, then the layer that knows places,
in one range-coder stream. Which one a file is in follows from the model file that it names. Where a spec names no
variant and both are installed, aligned portraits are encoded with the first, all other pictures with the second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sccodec import bundle, container
from sccodec.bundle import Bundle
from sccodec.codec import Info, Notice, Options, Picture, Spec
from sccodec.codecs.conceptual import faces, photographs, portrait
from sccodec.codecs.conceptual.textures import Encoder, Texture
from sccodec.container import Container
from sccodec.errors import BadInput, BadStream, ModelMismatch, ModelNotFound

BITSTREAM = photographs.BITSTREAM
"""The latest."""
PORTRAITS, PHOTOGRAPHS = "faces", "general"
"""The variants of which the picture decides where none is asked for, and both are installed."""
DONOR = "the file that textures come from"


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
    if opened.bitstream == faces.BITSTREAM:
        return faces.Model(opened)
    if opened.bitstream == photographs.BITSTREAM:
        return photographs.Model(opened)
    raise ModelMismatch(
        f"{opened.path} is of bitstream version {opened.bitstream}, this sccodec reads up to {BITSTREAM}: "
        "update sccodec"
    )


class Conceptual:
    """The codec; see the module's docstring."""

    name = "conceptual"
    summary = "labels, a texture for each region and a generator; faces in about 200 bytes, and any photograph"

    def encode(self, image: Picture, spec: Spec, quality: float | None, notice: Notice, options: Options) -> bytes:
        """Spec options: none."""
        return self.encoder(image, spec, notice, options)(quality)

    def encoder(self, image: Picture, spec: Spec, notice: Notice, options: Options) -> Encoder:
        """What encodes the picture at any quality; labels are found, and a variant is chosen, once."""
        spec.check_options()
        opened = bundle.default(self.name, spec.variant)
        if spec.variant is None and opened.variant in (PORTRAITS, PHOTOGRAPHS):
            try:
                portraits, photographs = (bundle.default(self.name, v) for v in (PORTRAITS, PHOTOGRAPHS))
            except ModelNotFound:
                pass  # there is no choice
            else:
                return choose_variant(image, model_of(portraits), model_of(photographs), notice)
        return model_of(opened).encoder(image, notice)

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
        present = model.textures(file)
        try:
            other = container.parse(donor, options.max_pixels)
            if other.tag != file.tag:
                raise BadInput(f"the files are of different models, {file.tag.hex()} and {other.tag.hex()}")
            given = model.textures(other)
        except BadStream as error:
            raise type(error)(f"{DONOR}: {error}") from error
        replaced: dict[int, Texture] = {}
        for mine, theirs in swaps:
            here, there = find_label(mine, present, model, "the file"), find_label(theirs, given, model, DONOR)
            if here in replaced:
                raise BadInput(f"label {mine} is given twice")
            replaced[here] = given[there]
        payload = model.replace_textures(file, replaced)
        return container.serialise(Container(file.tag, file.width, file.height, file.params, payload, file.extras))


def choose_variant(image: Picture, portraits: Model, photographs: Model, notice: Notice) -> Encoder:
    """The encoder of the model that suits the picture; notice says which, and how to have the other."""
    if isinstance(portraits, faces.Model) and portrait.has_shape(image):
        prepared = portraits.prepare(image)
        if portraits.is_portrait(prepared):
            notice(f"an aligned portrait: variant {PORTRAITS}; conceptual:{PHOTOGRAPHS} forces the other")
            return portraits.encoder_of(prepared, notice)
    notice(f"no aligned portrait: variant {PHOTOGRAPHS}; conceptual:{PORTRAITS} forces the other")
    return photographs.encoder(image, notice)


def find_label(label: str, present: Mapping[int, Texture], model: Model, which: str) -> int:
    """A label that is present, by its name or number; raises BadInput, which lists those that could be meant."""
    names = model.label_names()
    plain = label.replace("-", "_")
    if plain in names:
        number = names.index(plain)
    elif label.isascii() and label.isdigit() and len(label) <= 3:
        number = int(label)
    else:
        known = f"labels are {', '.join(names)}, or numbers" if names else "labels of this model are numbers"
        raise BadInput(f"no label is named {label!r}; {known}")
    if number not in present:
        has = ", ".join(names[n] if names else str(n) for n in sorted(present))
        raise BadInput(f"{which} has no region {label}; it has: {has}")
    return number


def codec() -> Conceptual:
    return Conceptual()
