"""How well two label maps agree."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def confusion(predicted: NDArray[Any], truth: NDArray[Any], classes: int) -> NDArray[Any]:
    """Count pixels by (truth, predicted); both uint8 of one shape; gives int64 [classes, classes]."""
    index = truth.astype(np.int64).ravel() * classes + predicted.astype(np.int64).ravel()
    return np.bincount(index, minlength=classes * classes).reshape(classes, classes)


def mean_iou(counts: NDArray[Any]) -> tuple[float, NDArray[Any]]:
    """Mean intersection over union of the classes that occur in the truth or the prediction.

    Takes a confusion matrix summed over pictures; gives the mean and the value of each class (nan where absent).
    """
    hit = np.diag(counts).astype(float)
    union = counts.sum(0) + counts.sum(1) - hit
    iou = np.divide(hit, union, out=np.full_like(hit, np.nan), where=union > 0)
    return float(np.nanmean(iou)), iou
