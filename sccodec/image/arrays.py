"""Pictures that callers have as arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sccodec.container import MAX_PIXELS, excess
from sccodec.errors import BadInput
from sccodec.image.colour import Picture


def as_picture(image: npt.ArrayLike, max_pixels: int = MAX_PIXELS) -> Picture:
    """uint8 [H, W, 3], contiguous, from uint8 [H, W], [H, W, 1] or [H, W, 3]; raises BadInput.

    So it does for a picture beyond the limits, which a decoder under the same limits would not take back.
    """
    array = np.asarray(image)
    if array.dtype != np.uint8:
        raise BadInput(f"the picture's samples are {array.dtype}, they must be uint8")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3) or 0 in array.shape:
        raise BadInput(f"the picture's shape is {np.shape(image)}, it must be [H, W], [H, W, 1] or [H, W, 3]")
    height, width = array.shape[:2]
    if too_much := excess(width, height, max_pixels):
        raise BadInput(f"the picture is {too_much}")
    return np.ascontiguousarray(np.broadcast_to(array, (height, width, 3)))
