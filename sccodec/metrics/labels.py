"""How well two label maps agree.

Pixels of the truth whose number is no class are void: they count nowhere. Figures of a set of pictures come from the
pixels of all of them, summed, and are no means of pictures' figures: a class that hardly occurs in a picture would
weigh as much there as one that fills it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sccodec.errors import BadInput


def confusion(predicted: NDArray[Any], truth: NDArray[Any], classes: int) -> NDArray[Any]:
    """Count pixels by (truth, predicted): int64 [classes, classes].

    Both are unsigned, of one shape. A truth of `classes` or above is void, and left out. Raises BadInput for other
    shapes, and where a class is predicted that there is not.
    """
    if predicted.shape != truth.shape:
        raise BadInput(f"a label map of shape {predicted.shape} is compared with one of {truth.shape}")
    known = truth < classes
    index = truth[known].astype(np.int64) * classes
    found = predicted[known].astype(np.int64)
    if found.size and int(found.max()) >= classes:
        raise BadInput(f"class {int(found.max())} was predicted, and there are {classes}, from 0")
    return np.bincount(index + found, minlength=classes * classes).reshape(classes, classes)


def mean_iou(counts: NDArray[Any]) -> tuple[float, NDArray[Any]]:
    """Mean intersection over union of the classes that occur in the truth or the prediction.

    Takes a confusion matrix summed over pictures; gives the mean and the value of each class (nan where absent; the
    mean is nan where all are).
    """
    hit = np.diag(counts).astype(float)
    union = counts.sum(0) + counts.sum(1) - hit
    iou = np.divide(hit, union, out=np.full_like(hit, np.nan), where=union > 0)
    return (float(np.nanmean(iou)) if (union > 0).any() else math.nan), iou


def pixel_accuracy(counts: NDArray[Any]) -> float:
    """The share of pixels whose class was predicted, of those that are not void; nan where all are."""
    total = int(counts.sum())
    return int(np.trace(counts)) / total if total else math.nan
