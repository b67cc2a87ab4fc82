"""Whether a picture is a portrait as the conceptual codec's faces are: told by the labels that the segmenter gives it.

The limits were set on a third of CelebAMask-HQ's faces here and 1649 squares of other photographs: some way outside of
what all but a few of the faces have. benchmarks/faces/variant_choice.py counts the errors on all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sccodec.codec import Picture
from sccodec.labels.classes import FACES

LABELS = FACES
"""The classes of CelebAMask-HQ, by number."""

SHAPES = (0.8, 1.25)
"""Width over height."""
LEAST = {"skin": 0.08, "nose": 0.008, "mouth": 0.001, "eyes": 0.0005}
"""Shares of the map."""
HEIGHTS = {"eyes": (0.32, 0.60), "nose": (0.44, 0.68), "mouth": (0.59, 0.87)}
"""Where the middle of a part is, from the top, 0..1."""
ASIDE = 0.12
"""How far it is from the middle, to the left or right, at most."""
GAPS = {("eyes", "nose"): 0.02, ("nose", "mouth"): 0.08}
"""How far at least one part is below another."""
MOST_BITS = 600.0
"""What the label model takes for a map of 32x32: 230 in the mean for faces, 430 for other photographs."""


def has_shape(image: Picture) -> bool:
    height, width = image.shape[:2]
    return bool(SHAPES[0] <= width / height <= SHAPES[1])


def is_aligned(labels: npt.NDArray[Any]) -> bool:
    """Whether a map [n, n] of LABELS has skin, eyes (or glasses), nose and mouth, of a size, in order, and in place."""
    parts = {"skin": ("skin",), "nose": ("nose",), "mouth": ("mouth", "upper_lip", "lower_lip"),
             "eyes": ("left_eye", "right_eye")}  # fmt: skip
    masks = {part: mask_of(labels, names) for part, names in parts.items()}
    if masks["eyes"].mean() < LEAST["eyes"]:
        masks["eyes"] = mask_of(labels, ("glasses",))
    if any(masks[part].mean() < least for part, least in LEAST.items()):
        return False
    middles = {part: middle(masks[part]) for part in HEIGHTS}
    return all(
        low <= middles[part][0] <= high and abs(middles[part][1] - 0.5) <= ASIDE
        for part, (low, high) in HEIGHTS.items()
    ) and all(middles[a][0] + gap <= middles[b][0] for (a, b), gap in GAPS.items())


def mask_of(labels: npt.NDArray[Any], names: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = np.isin(labels, [LABELS.index(name) for name in names])
    return mask


def middle(mask: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Mean position, from the top and from the left, 0..1."""
    y, x = np.nonzero(mask)
    return (float(y.mean()) + 0.5) / mask.shape[0], (float(x.mean()) + 0.5) / mask.shape[1]
