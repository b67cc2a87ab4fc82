"""Segmenters by name: which class each pixel of a picture is of.

    picture -> working size -> padded to multiples -> network, tile by tile -> logits, at 1/2, 1/4 or 1/16
    logits (-> ConvCRF) -> bilinearly to the picture's size -> the largest class

``photographs`` and ``faces`` are those that the conceptual codec encodes with. Any other is a model file
``segmenter-<name>-<tag>.safetensors`` that states its classes, their colours and its working size; it may hold what a
ConvCRF needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sccodec import bundle, engine
from sccodec.bundle import Bundle
from sccodec.codec import DEFAULT_OPTIONS, Options, Picture
from sccodec.errors import BadInput, ModelMismatch, ModelNotFound, SccodecError
from sccodec.image.arrays import as_picture
from sccodec.image.palette import RGB, apart
from sccodec.labels import working
from sccodec.labels.bilinear import classes_at
from sccodec.labels.choice import cell_evidence
from sccodec.labels.classes import FACE_COLOURS, FACES, REGIONS
from sccodec.labels.convcrf import ConvCrf, softmax
from sccodec.labels.models import CODEC, NETWORK, Traits, traits_of

Floats = npt.NDArray[np.float32]

FIRST = "street"
"""The segmenter that is taken, where it is installed, if none is named; then names() has the order."""
BUILT_IN = {
    "photographs": ("conceptual", "general", Traits(REGIONS, apart(len(REGIONS)), 1536, 16, cells=4)),
    "faces": ("conceptual", "faces", Traits(FACES, FACE_COLOURS, 256, 16, enlarge=True)),
}
"""Codec and variant of the model files whose segmenters have names of their own, and what those do not state.

The working sizes are about those at which the codec itself asks them: maps of photographs stop growing at 1536x1024
pixels, faces are brought to 256x256.
"""


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A network, and what is known of its classes. names, colours: of the classes, by number. tag: of its model file.

    long_side: pixels that the longer side of larger pictures is brought to. stride: pixels of the working size to a
    sample of probabilities().
    """

    name: str
    tag: str
    opened: Bundle
    traits: Traits

    @property
    def names(self) -> tuple[str, ...]:
        return self.traits.names

    @property
    def colours(self) -> tuple[RGB, ...]:
        return self.traits.colours

    @property
    def long_side(self) -> int:
        return self.traits.long_side

    @property
    def stride(self) -> int:
        return self.traits.stride * self.traits.cells

    @property
    def can_refine(self) -> bool:
        """Whether its model file holds a ConvCRF."""
        return self.traits.crf is not None

    @property
    def parameters(self) -> int:
        """Of the network, without the ConvCRF's."""
        return sum(value.size for value in self.opened.weights(NETWORK).values())

    def segment(
        self,
        picture: npt.ArrayLike,
        *,
        refine: bool = False,
        long_side: int | None = None,
        max_pixels: int = DEFAULT_OPTIONS.max_pixels,
    ) -> Picture:
        """The class of each pixel, uint8 [H, W], of a picture uint8 [H, W, 3] in sRGB, or [H, W] grey.

        refine: by the ConvCRF of the model file. long_side: another working size, 0 for the picture's own. Raises
        BadInput for other arrays, for more than max_pixels, enlarged or not, and where there is no ConvCRF;
        ModelMismatch for a network that does not give what a segmenter gives.
        """
        whole = as_picture(picture, max_pixels)
        logits, size = self._logits(whole, refine=refine, long_side=long_side, max_pixels=max_pixels)
        height, width = whole.shape[:2]
        return classes_at(logits, (height, width), (size[0] / height / self.stride, size[1] / width / self.stride))

    def probabilities(
        self,
        picture: npt.ArrayLike,
        *,
        refine: bool = False,
        long_side: int | None = None,
        max_pixels: int = DEFAULT_OPTIONS.max_pixels,
    ) -> Floats:
        """float32 [classes, h, w] of blocks of stride x stride pixels of the working size, rounded up; as segment()."""
        whole = as_picture(picture, max_pixels)
        logits, size = self._logits(whole, refine=refine, long_side=long_side, max_pixels=max_pixels)
        rows, columns = (-(-side // self.stride) for side in size)
        return softmax(logits[:, :rows, :columns])

    def working_size(self, height: int, width: int, long_side: int | None = None) -> tuple[int, int]:
        """Height and width of the picture that the network sees, but for what is repeated at its edges."""
        return working.size_of(height, width, self._side(long_side), enlarge=self.traits.enlarge)

    def check_refines(self) -> ConvCrf:
        """The ConvCRF; raises BadInput where the model file holds none."""
        if self.traits.crf is None:
            raise BadInput(f"the segmenter {self.name!r} has no ConvCRF to refine its maps with")
        return self.traits.crf

    def _side(self, long_side: int | None) -> int:
        if long_side is None:
            return self.traits.long_side
        if isinstance(long_side, bool) or not isinstance(long_side, (int, np.integer)) or long_side < 0:
            raise BadInput(f"the long side is {long_side!r}, it must be a number of pixels, or 0 for the picture's own")
        return int(long_side)

    def _logits(
        self, whole: Picture, *, refine: bool, long_side: int | None, max_pixels: int
    ) -> tuple[Floats, tuple[int, int]]:
        """[classes, h, w] at 1/stride of the working size, repeated edges and all, and height and width of that."""
        crf = self.check_refines() if refine else None
        height, width = self.working_size(whole.shape[0], whole.shape[1], long_side)
        # Only what is enlarged: a small limit on pictures is none on the working size that a segmenter has unasked.
        if long_side is not None and height * width > max(max_pixels, whole.shape[0] * whole.shape[1]):
            raise BadInput(
                f"a long side of {long_side} makes it {width}x{height} pixels, and the limit is {max_pixels}"
            )
        seen = working.padded(working.resized(whole, height, width), self.traits.multiple)
        logits = working.tile_by_tile(self._run, seen, self.traits.multiple, self.stride, len(self.names))
        if crf is not None:
            with np.errstate(over="ignore", invalid="ignore"):  # is seen from what comes of it
                logits = crf.refine(logits, working.means(seen, self.stride))
            if not np.isfinite(logits).all():
                raise ModelMismatch(f"{self.opened.path}: its ConvCRF gives numbers that are not finite")
        return logits, (height, width)

    def _run(self, image: Floats) -> Floats:
        """The network's logits for float32 [3, H, W] in 0..1, for a stride of the whole."""
        network = self.opened.network(NETWORK, blocked=True)  # half the time, for depth-wise convolutions
        try:
            outputs = network.run({"image": image[None]})
        except (MemoryError, SccodecError):
            raise
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            raise ModelMismatch(f"{self.opened.path}: its segmenter does not run: {engine.one_line(error)}") from error
        expected = (1, len(self.names), *(side // self.traits.stride for side in image.shape[1:]))
        shapes = [output.shape for output in outputs]
        if shapes != [expected]:
            raise ModelMismatch(f"{self.opened.path}: its segmenter gives {shapes}, and not {[expected]}")
        logits: Floats = outputs[0][0].astype(np.float32, copy=False)
        if not np.isfinite(logits).all():
            raise ModelMismatch(f"{self.opened.path}: its segmenter gives numbers that are not finite")
        return logits if self.traits.cells == 1 else cell_evidence(logits, self.traits.cells)


def names() -> list[str]:
    """The segmenters that are installed: street, others that have a model file of their own, then BUILT_IN's."""
    installed = bundle.installed()
    own = dict.fromkeys(m.variant for m in installed if m.codec == CODEC and m.variant not in BUILT_IN)
    there = {(m.codec, m.variant) for m in installed}
    built_in = [name for name, (codec, variant, _) in BUILT_IN.items() if (codec, variant) in there]
    return [*sorted(own, key=lambda name: name != FIRST), *built_in]


def find(name: str | None = None, device: str = "cpu") -> Segmenter:
    """The segmenter of that name; None for the first of names(). device: as engine.find_device() gives it.

    Raises BadInput, which lists the known, for a name that there is not; ModelNotFound where its model file is not
    installed; ModelMismatch where that is damaged.
    """
    there = names()
    if name is None:
        if not there:
            raise ModelNotFound(f"no segmenter is installed; {bundle.where_looked()}")
        name = there[0]
    if name in BUILT_IN:
        codec, variant, traits = BUILT_IN[name]
        opened = bundle.default(codec, variant, device)
        return Segmenter(name, opened.tag.hex(), opened, traits)
    if name not in there and name != FIRST:
        known = ", ".join(there) or "none"
        raise BadInput(f"no segmenter is named {name!r}; there are: {known}; {bundle.where_looked()}")
    opened = bundle.default(CODEC, name, device)
    return Segmenter(name, opened.tag.hex(), opened, traits_of(opened))


def segmenter(name: str | None = None, *, options: Options = DEFAULT_OPTIONS) -> Segmenter:
    """The segmenter of that name, None for the first that is installed, on the device of the options; as find()."""
    return find(name, engine.find_device(options.device))


def segment(
    picture: npt.ArrayLike,
    name: str | None = None,
    *,
    refine: bool = False,
    long_side: int | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> Picture:
    """The class of each pixel, uint8 [H, W], by the segmenter of that name; as segmenter() and Segmenter.segment()."""
    found = segmenter(name, options=options)
    return found.segment(picture, refine=refine, long_side=long_side, max_pixels=options.max_pixels)


def shares(labels: Picture, classes: int) -> Sequence[float]:
    """Of the pixels, by class."""
    counts = np.bincount(labels.ravel(), minlength=classes)
    return [float(share) for share in counts / labels.size]
