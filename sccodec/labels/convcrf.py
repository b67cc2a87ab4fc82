"""ConvCRF at test time: mean-field steps in a local window, which sharpen what a segmenter says along edges.

    q = softmax(u); steps times: u' = u + C m(q), q = softmax(u')
    m(q)[p] = sum over kernels of weight * sum over d of k(p, p + d) q[p + d] / sum over d of k(p, p + d)
    k(p, p + d) = exp(-(|d|^2 position + |rgb[p] - rgb[p + d]|^2 colour))

d goes over the window without its centre, as far as the map goes. Messages are linear in q, so that all kernels make
one, which is computed once (Teichmann and Cipolla 2018, "Convolutional CRFs for semantic segmentation").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from sccodec.image.tiles import spans, widen

LEAST = np.float32(1e-12)
"""Of the sum that messages are divided by: where no neighbour is alike, they fade."""
STRIP_POSITIONS = 2**17
"""Worked on at a time, so that the kernel of a large picture is never held as a whole."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ConvCrf:
    """The parameters, with K kernels over some classes.

    window: positions a side, odd. steps: of mean field, 1 or more. position, colour: [K], what squared distances of
    places and of colours are multiplied by. weight: [K]. compatibility: [classes, classes], rows are classes that
    receive. unary: what logits are multiplied by.
    """

    window: int
    steps: int
    position: Floats
    colour: Floats
    weight: Floats
    compatibility: Floats
    unary: float

    def refine(self, logits: Floats, rgb: Floats) -> Floats:
        """Logits [classes, h, w] to log-odds of the last step, the same shape. rgb: float32 [3, h, w] in 0..1.

        Large maps are refined in strips of rows, each with as many others as messages come from: the result is the
        same.
        """
        _, height, width = logits.shape
        margin = self.steps * (self.window // 2)
        refined = np.empty(logits.shape, np.float32)
        for part in spans(height, max(STRIP_POSITIONS // width, 4 * margin), margin):
            top, down = widen(part, margin, height)
            strip = self._steps(logits[:, top:down] * np.float32(self.unary), rgb[:, top:down])
            refined[:, part] = strip[:, part.start - top : part.stop - top]
        return refined

    def _steps(self, unary: Floats, rgb: Floats) -> Floats:
        kernels = list(self._kernels(rgb))
        found = unary
        message, parts = (np.empty(unary.shape, np.float32) for _ in range(2))
        for _ in range(self.steps):
            q = softmax(found)
            message[:] = 0
            for here, there, kernel in kernels:
                part = parts[:, : kernel.shape[0], : kernel.shape[1]]
                np.multiply(q[:, there[0], there[1]], kernel, out=part)
                message[:, here[0], here[1]] += part
            # Not by numpy's product, which would start threads of its own that spin beside the networks'.
            found = unary + np.einsum("ij,jyx->iyx", self.compatibility, message)
        return found

    def _kernels(self, rgb: Floats) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice], Floats]]:
        """For each offset the positions that receive and that send within the map, and what the message is worth."""
        _, height, width = rgb.shape
        reach = self.window // 2
        offsets = [o for o in product(range(-reach, reach + 1), repeat=2) if o != (0, 0)]
        places, norms = [], np.zeros((len(self.weight), height, width), np.float32)
        for y, x in offsets:
            if abs(y) < height and abs(x) < width:
                here = slice(max(0, -y), height - max(0, y)), slice(max(0, -x), width - max(0, x))
                there = slice(max(0, y), height - max(0, -y)), slice(max(0, x), width - max(0, -x))
                far = np.square(rgb[:, here[0], here[1]] - rgb[:, there[0], there[1]]).sum(0)
                places.append((here, there, np.float32(y * y + x * x), far))
        for here, _, distance, far in places:
            norms[:, here[0], here[1]] += [self._strength(k, distance, far) for k in range(len(norms))]
        shares = self.weight[:, None, None] / np.maximum(norms, LEAST)
        for here, there, distance, far in places:
            parts = [self._strength(k, distance, far) * shares[k][here] for k in range(len(norms))]
            yield here, there, np.sum(parts, axis=0, dtype=np.float32)

    def _strength(self, kernel: int, distance: np.float32, far: Floats) -> Floats:
        """Of one kernel between positions: far is the squared distance of their colours, [h, w]."""
        strength: Floats = np.exp(-(self.position[kernel] * distance + self.colour[kernel] * far))
        return strength


def softmax(logits: Floats) -> Floats:
    """Over classes, which come first: [classes, h, w]."""
    q = np.exp(logits - logits.max(0))
    q /= q.sum(0)
    result: Floats = q
    return result
