"""Classes that segmenters tell apart: their names, and colours to show them. A model file states its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

CAMVID = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
"""The classes of CamVid, by number; its maps have one more, for void."""

CAMVID_COLOURS: tuple[RGB, ...] = (
    (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0),
    (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
)  # fmt: skip
"""As the tables of Badrinarayanan et al. show them."""

REGIONS = tuple(f"region {number}" for number in range(24))
"""Of photographs: classes that were found without human labels have no names."""
