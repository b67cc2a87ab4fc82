"""Convolutional CRF (Teichmann and Cipolla 2018): a step of mean-field inference whose messages stay in a local window.

Of the labels' probabilities q at a position p, and the weights k(p, p + d) of its neighbours in a window:

    message_m(p) = sum over d of k_m(p, p + d) q(p + d) / sum over d of k_m(p, p + d)
    k_m(p, p + d) = exp(-a_m |d|^2 - b_m |guide(p) - guide(p + d)|^2)
    u'(p) = u(p) + compatibility (sum over m of w_m message_m(p)),   q' = softmax(u')

d runs over the window without its centre; what lies outside the map has no weight, and where all weights together are
below 1e-12, as where no neighbour is alike, the message fades. a, b, w and the compatibility are learned. The sums are
passes over shifted maps, with a gradient of their own: slices would each make a whole map on the way back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WINDOW = 7
LEAST = 1e-12
"""Of the sum of weights that messages are divided by."""
POSITION, COLOUR = (1 / 18, 1 / 2), (140.0, 0.0)
"""a and b that learning starts from: an appearance kernel as wide as the window, and a narrow one of place alone."""


def offsets(window: int) -> list[tuple[int, int]]:
    """(dy, dx) of the neighbours in a window, row by row."""
    reach = range(-(window // 2), window // 2 + 1)
    return [(dy, dx) for dy in reach for dx in reach if (dy, dx) != (0, 0)]


def shifted(padded: Tensor, window: int, height: int, width: int) -> Iterator[Tensor]:
    """Views of a map, padded by half a window, as each of the offsets finds it."""
    reach = window // 2
    for dy, dx in offsets(window):
        yield padded[..., reach + dy : reach + dy + height, reach + dx : reach + dx + width]


def padded(x: Tensor, window: int) -> Tensor:
    return F.pad(x, [window // 2] * 4)


class LocalSum(torch.autograd.Function):
    """The sum over a window: q [B, C, h, w] and weights [B, N, h, w] of the N offsets give [B, C, h, w]."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, weights: Tensor, window: int) -> Tensor:
        ctx.save_for_backward(q, weights)
        ctx.window = window
        result = torch.zeros_like(q)
        for i, view in enumerate(shifted(padded(q, window), window, *q.shape[-2:])):
            result.addcmul_(view, weights[:, i : i + 1])
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        q, weights = ctx.saved_tensors
        window, (height, width) = ctx.window, q.shape[-2:]
        (gradient,) = gradients
        of_q = of_weights = None
        if ctx.needs_input_grad[0]:
            wide = padded(torch.zeros_like(q), window)
            for i, view in enumerate(shifted(wide, window, height, width)):
                view.addcmul_(gradient, weights[:, i : i + 1])
            reach = window // 2
            of_q = wide[..., reach : reach + height, reach : reach + width]
        if ctx.needs_input_grad[1]:
            views = shifted(padded(q, window), window, height, width)
            of_weights = torch.stack([(gradient * view).sum(1) for view in views], 1)
        return of_q, of_weights, None


def local_sum(q: Tensor, weights: Tensor, window: int) -> Tensor:
    result: Tensor = LocalSum.apply(q, weights, window)  # type: ignore[no-untyped-call]
    return result


def distances(guide: Tensor, window: int = WINDOW) -> Tensor:
    """Squared differences of a guide [B, 3, h, w] to its neighbours [B, N, h, w]; infinite outside of the map."""
    height, width = guide.shape[-2:]
    inside = padded(torch.ones_like(guide[:1, :1]), window)
    found = [(view - guide).square().sum(1) for view in shifted(padded(guide, window), window, height, width)]
    outside = [view[0, 0] == 0 for view in shifted(inside, window, height, width)]
    return torch.stack([d.masked_fill(out, math.inf) for d, out in zip(found, outside, strict=True)], 1)


class ConvCRF(nn.Module):
    """One mean-field step; ``kernels`` of them share messages' window, each with its own a, b and weight.

    Takes unaries u [B, classes, h, w], q of their shape, and what distances() gives of the guide; gives u'.
    """

    place: Tensor

    def __init__(self, classes: int, window: int = WINDOW) -> None:
        super().__init__()
        self.window = window
        self.position = nn.Parameter(torch.tensor(POSITION).log())
        self.colour = nn.Parameter(torch.tensor([math.log(value) for value in COLOUR if value]))
        self.weight = nn.Parameter(torch.ones(len(POSITION)))
        self.compatibility = nn.Parameter(torch.eye(classes))
        squares = [float(dy * dy + dx * dx) for dy, dx in offsets(window)]
        self.register_buffer("place", torch.tensor(squares)[None, :, None, None], persistent=False)

    def kernel(self, of_guide: Tensor) -> Tensor:
        """The weights of the neighbours [B, N, h, w], of all kernels together."""
        inside = of_guide.isfinite()
        finite = of_guide.masked_fill(~inside, 0.0)
        total = torch.zeros_like(finite)
        for m, (position, weight) in enumerate(zip(self.position.exp(), self.weight, strict=True)):
            exponent = position * self.place
            if m < len(self.colour):
                exponent = exponent + self.colour[m].exp() * finite
            values = torch.exp(-exponent) * inside
            total = total + weight * values / values.sum(1, keepdim=True).clamp_min(LEAST)
        return total

    def forward(self, u: Tensor, q: Tensor, of_guide: Tensor) -> Tensor:
        messages = local_sum(q, self.kernel(of_guide), self.window)
        return u + F.conv2d(messages, self.compatibility[:, :, None, None])


class Refinement(nn.Module):
    """Several mean-field steps with the same weights, as after a segmenter: logits [B, classes, h, w] become others.

    guide: the picture at the logits' size, float [B, 3, h, w] in [0, 1].
    """

    def __init__(self, classes: int, steps: int = 5, window: int = WINDOW) -> None:
        super().__init__()
        self.steps = steps
        self.unary = nn.Parameter(torch.ones(()))
        self.crf = ConvCRF(classes, window)

    def forward(self, logits: Tensor, guide: Tensor) -> Tensor:
        of_guide = distances(guide, self.crf.window)
        u = logits * self.unary
        refined: Tensor = u
        for _ in range(self.steps):
            refined = self.crf(u, refined.softmax(1), of_guide)
        return refined
