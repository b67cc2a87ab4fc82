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

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from sccodec import bundle
from sccodec.bundle import Bundle
from sccodec.codec import Codec, Editable, Encoder, Labelled, Notice, Options, Picture, Spec, Stream
from sccodec.codecs.conceptual import faces, photographs, portrait
from sccodec.codecs.conceptual.faces import DecodedFace, FacesModel
from sccodec.codecs.conceptual.model import ConceptualReading
from sccodec.codecs.conceptual.photographs import DecodedPhotograph, PhotographsModel
from sccodec.codecs.conceptual.regions import Regions
from sccodec.codecs.conceptual.textures import Texture
from sccodec.container import Container
from sccodec.errors import BadInput, BadStream, ModelMismatch, ModelNotFound

BITSTREAM = photographs.BITSTREAM
"""The latest."""
PORTRAITS, PHOTOGRAPHS = "faces", "general"
"""The variants of which the picture decides where none is asked for, and both are installed."""
DONOR = "the file that textures come from"


AnyModel = FacesModel | PhotographsModel


def model_of(opened: Bundle) -> AnyModel:
    """The model in a file; raises ModelMismatch for one of another bitstream."""
    if opened.bitstream == faces.BITSTREAM:
        return FacesModel(opened)
    if opened.bitstream == photographs.BITSTREAM:
        return PhotographsModel(opened)
    raise ModelMismatch(
        f"{opened.path} is of bitstream version {opened.bitstream}, this sccodec reads up to {BITSTREAM}: "
        "update sccodec"
    )


class Conceptual(Codec[Stream], Labelled, Editable):
    """The codec; see the module's docstring."""

    name = "conceptual"
    summary = "labels, a texture for each region and a generator; faces in about 200 bytes, and any photograph"

    def encoder(self, picture: Picture, spec: Spec, notice: Notice, options: Options) -> Encoder:
        """Spec options: none. Labels are found, and a variant is chosen, once."""
        self.check(spec)
        opened = bundle.default(self.name, spec.variant)
        if spec.variant is None and opened.variant in (PORTRAITS, PHOTOGRAPHS):
            try:
                portraits, photographs = (bundle.default(self.name, v) for v in (PORTRAITS, PHOTOGRAPHS))
            except ModelNotFound:
                pass  # there is no choice
            else:
                return choose_variant(picture, model_of(portraits), model_of(photographs), notice)
        return model_of(opened).encoder(picture, notice)

    def read(
        self, file: Stream, notice: Notice, options: Options
    ) -> ConceptualReading[DecodedFace] | ConceptualReading[DecodedPhotograph]:
        return model_of(bundle.open_model(file.model)).reading(file)

    def labels(self, file: Stream, options: Options) -> npt.NDArray[np.uint8]:
        """The map alone, without any network."""
        return model_of(bundle.open_model(file.model)).reading(file).got.labels

    def edit(self, file: Stream, donor: Stream, swaps: Sequence[tuple[str, str]], options: Options) -> Container:
        model = model_of(bundle.open_model(file.model))
        before = file.container
        if donor.container.tag != before.tag:
            raise BadInput(f"the files are of different models, {before.tag.hex()} and {donor.container.tag.hex()}")
        try:
            given = model.read(donor.container).textures
        except BadStream as error:
            raise type(error)(f"{DONOR}: {error}") from error

        def replace(found: Regions) -> dict[int, Texture]:
            present: list[int] = found.labels.tolist()
            replaced: dict[int, Texture] = {}
            for mine, theirs in swaps:
                here, there = find_label(mine, present, model, "the file"), find_label(theirs, given, model, DONOR)
                if present.index(here) in replaced:
                    raise BadInput(f"label {mine} is given twice")
                replaced[present.index(here)] = given[there]
            return replaced

        return Container(
            before.tag, before.width, before.height, before.params, model.edit(before, replace), before.extras
        )


def choose_variant(image: Picture, portraits: AnyModel, photographs: AnyModel, notice: Notice) -> Encoder:
    """The encoder of the model that suits the picture; notice says which, and how to have the other."""
    if isinstance(portraits, FacesModel) and portrait.has_shape(image):
        prepared = portraits.prepare(image)
        if portraits.is_portrait(prepared):
            notice(f"an aligned portrait: variant {PORTRAITS}; conceptual:{PHOTOGRAPHS} forces the other")
            return portraits.encoder_of(prepared, notice)
    notice(f"no aligned portrait: variant {PHOTOGRAPHS}; conceptual:{PORTRAITS} forces the other")
    return photographs.encoder(image, notice)


def find_label(label: str, present: Collection[int], model: AnyModel, which: str) -> int:
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
