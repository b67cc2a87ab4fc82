"""Classes that segmenters tell apart and that are not stated in a model file: their names, and colours to show them."""

from __future__ import annotations

from sccodec.image.palette import RGB

FACES = (
    "background", "skin", "nose", "glasses", "left_eye", "right_eye", "left_brow", "right_brow", "left_ear",
    "right_ear", "mouth", "upper_lip", "lower_lip", "hair", "hat", "ear_ring", "necklace", "neck", "cloth",
)  # fmt: skip
"""The classes of CelebAMask-HQ, by number."""

FACE_COLOURS: tuple[RGB, ...] = (
    (0, 0, 0), (204, 0, 0), (76, 153, 0), (204, 204, 0), (51, 51, 255), (204, 0, 204), (0, 255, 255), (255, 204, 204),
    (102, 51, 0), (255, 0, 0), (102, 204, 0), (255, 255, 0), (0, 0, 153), (0, 0, 204), (255, 51, 153), (0, 204, 204),
    (0, 51, 0), (255, 153, 51), (0, 204, 0),
)  # fmt: skip
"""Those in which the data set's authors show its classes."""

REGIONS = tuple(f"region {number}" for number in range(24))
"""Of photographs: classes that were found without human labels have no names."""
