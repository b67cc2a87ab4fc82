"""From a checkpoint to the model file of the hyperprior codec: graphs, integer distributions, tables, gains."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sccodec.codecs.hyperprior import BITSTREAM
from sccodec.codecs.hyperprior.coding import (
    LATENT_BITS,
    OUTPUT_BITS,
    Z_BITS,
    HyperpriorModel,
    StepLayers,
    SynthesisLayers,
    traverse,
)
from sccodec.codecs.hyperprior.networks import Decode, Distributions, Encode, Gains, HyperpriorConfig, fold
from sccodec.entropy import tables
from sccodec.entropy.integer import Depthwise, Layer, quantise_depthwise, quantise_layer, room
from sccodec.entropy.tables import scale_ratio
from sccodec.training import export
from sccodec.training.estimator import EntropyModels, hyper_table
from sccodec.training.export import Job, write_bundle
from sccodec.training.hyperprior.rate import FloatDistributions, GridEstimator, learned_likelihood

HEADROOM = 1.25  # hundreds of pictures calibrate; with twice the largest value, low rates lose 0.1 % more
LEARNED_RANGE = 127  # a factorized prior's table spans -127..127, the rest is escaped


def tensors(
    networks: Mapping[str, nn.Module], config: HyperpriorConfig, model: HyperpriorModel
) -> dict[str, NDArray[Any]]:
    """Everything a model file of this codec holds, by name."""
    analysis, synthesis, hyper_analysis = (fold(networks[n]) for n in ("analysis", "synthesis", "hyper_analysis"))
    h, w = 5, 7
    sides = {1: "height", 2: "width"}
    jobs = [
        Job(
            "analysis",
            Encode(cast(Any, analysis)),
            {
                "image": torch.zeros(1, 16 * h, 16 * w, 3, dtype=torch.uint8),
                "factor": torch.ones(config.channels),
                "gain": torch.ones(config.latents),
            },
            {"image": sides},
            ("y",),
        ),
        Job(
            "synthesis",
            Decode(cast(Any, synthesis)),
            {
                "y_hat": torch.zeros(1, h, w, config.latents),
                "step": torch.ones(config.latents),
                "factor": torch.ones(config.channels),
            },
            {"y_hat": sides},
            ("image",),
        ),
    ]
    if config.hyper:
        jobs.append(hyper_analysis_job(hyper_analysis, config))
    return model.to_arrays() | gain_vectors(cast(Gains, networks["gains"])) | export.graphs(jobs)


def hyper_analysis_job(hyper_analysis: nn.Module, config: HyperpriorConfig) -> Job:
    y = torch.zeros(1, config.latents, 20, 28)
    return Job("hyper_analysis", hyper_analysis, {"y": y}, {"y": {2: "height", 3: "width"}}, ("z",))


def gain_vectors(gains: Gains) -> dict[str, NDArray[Any]]:
    """Natural logarithms by anchor, float32: of the gain, of the step that decodes, of the factors at 1/8."""
    logs = {
        "gain": -gains.log_step,
        "step": gains.log_step + gains.log_shrink,
        "analysis": gains.log_analysis,
        "synthesis": gains.log_synthesis,
    }
    return {f"gains.{name}": value.detach().float().cpu().numpy() for name, value in logs.items()}


@torch.no_grad()
def largest_activations(networks: Mapping[str, Any], examples: Sequence[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """The largest size that the output of each layer of the distributions takes, by its name; heads are left out.

    examples: y [B, latents, h, w] in steps, and qualities [B].
    """
    distributions = networks["distributions"]
    largest: dict[str, float] = {}

    def watch(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def look(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            largest[name] = max(largest.get(name, 0.0), float(output.abs().max()))

        return look

    hooks = [m.register_forward_hook(watch(n)) for n, m in distributions.named_modules() if isinstance(m, nn.Conv2d)]
    for y, q in examples:
        floats = FloatDistributions(distributions, networks["gains"], q)
        traverse(GridEstimator(networks["entropy"]), floats, networks["hyper_analysis"](y), y)
    for hook in hooks:
        hook.remove()
    return largest


class Quantiser:
    """Layers of the distributions in integers, each with the bits that its largest output leaves room for."""

    def __init__(self, network: Distributions, largest: Mapping[str, float]) -> None:
        self.network, self.largest = network, largest

    def pointwise(self, name: str, bits: int, target: int | None = None, *, spread: bool = False) -> tuple[Layer, int]:
        """The layer, and the fractional bits of its output. spread: a pixel shuffle follows it."""
        weight, bias = self._values(name)
        weight = weight[:, :, 0, 0]
        if spread:  # torch's pixel shuffle has the cell's pixel in a channel's low digits, the integer one in its high
            weight, bias = (v.reshape(-1, 4, *v.shape[1:]).swapaxes(0, 1).reshape(v.shape) for v in (weight, bias))
        return quantise_layer(weight, bias, bits, self._room(name) if target is None else target)

    def depthwise(self, name: str, bits: int) -> tuple[Depthwise, int]:
        return quantise_depthwise(*self._values(name), bits, self._room(name))

    def _values(self, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        layer = cast(nn.Conv2d, self.network.get_submodule(name))
        return layer.weight.detach().double().numpy(), cast(Tensor, layer.bias).detach().double().numpy()

    def _room(self, name: str) -> int:
        return room(np.array([self.largest[name]]), HEADROOM)

    def synthesis(self) -> tuple[SynthesisLayers, int]:
        """h_s, and the fractional bits of psi."""
        enter, bits = self.pointwise("enter", Z_BITS, spread=True)
        spatial, bits = self.depthwise("spatial", bits)
        mix, bits = self.pointwise("mix", bits)
        up, bits = self.pointwise("up", bits, spread=True)
        leave_spatial, bits = self.depthwise("leave_spatial", bits)
        leave, bits = self.pointwise("leave", bits)
        assert bits >= LATENT_BITS
        return SynthesisLayers(enter, spatial, mix, up, leave_spatial, leave), bits

    def step(self, number: int, psi_bits: int) -> StepLayers:
        name = f"steps.{number}"
        mix, bits = self.pointwise(f"{name}.mix", psi_bits)
        around = None
        if number:
            spatial, bits = self.depthwise(f"{name}.around.0", bits)
            inner, bits = self.pointwise(f"{name}.around.1", bits)
            around = (spatial, inner)
        count = len(self.network.step(number).heads)
        heads = [self.pointwise(f"{name}.heads.{p}", bits, OUTPUT_BITS) for p in range(count)]
        assert all(found == OUTPUT_BITS for _, found in heads)
        return StepLayers(mix, around, tuple(head for head, _ in heads))


def integer_model(networks: Mapping[str, Any], largest: Mapping[str, float]) -> HyperpriorModel:
    """The entropy stage in integers; largest: of every layer, as ``largest_activations`` finds them."""
    network: Distributions = networks["distributions"]
    config = network.config
    log_step = networks["gains"].log_step.detach().double()
    base = network.base.detach().double() - log_step / np.log(scale_ratio())
    synthesis, psi_bits = None, LATENT_BITS
    steps: tuple[StepLayers, ...] = ()
    if config.hyper:
        quantiser = Quantiser(network, largest)
        synthesis, psi_bits = quantiser.synthesis()
        steps = tuple(quantiser.step(k, psi_bits) for k in range(config.steps))
        y = tables.gaussian_table(tables.scales())
    else:
        y = learned_table(networks["entropy"], log_step.exp().float())
    return HyperpriorModel(
        hyper_table(networks["entropy"], config.hyper),
        y,
        np.rint(base.numpy() * 2**OUTPUT_BITS).astype(np.int32),
        synthesis,
        steps,
        psi_bits,
        config.hyper,
        config.latents,
        config.means,
    )


@torch.no_grad()
def learned_table(models: EntropyModels, steps: Tensor) -> tables.Table:
    """A factorized prior's densities in bins of each anchor's steps [A, C]: an unused row, then A * C others."""
    values = torch.arange(-LEARNED_RANGE, LEARNED_RANGE + 1, dtype=torch.float32)
    rows = [np.full((1, 2 * LEARNED_RANGE + 2), 1.0)]
    for step in steps:
        grid = values[None, None, :, None].expand(1, len(step), -1, -1)
        inside = learned_likelihood(models.bottleneck, grid, step[None, :, None, None])[0, :, :, 0].double().numpy()
        escape = np.maximum(1 - inside.sum(1, keepdims=True), 2.0**-20)
        rows.append(np.concatenate([inside, escape], 1))
    p = np.concatenate(rows)
    return tables.table_from_probabilities(p, np.full(len(p), -LEARNED_RANGE))


def write(
    folder: Path,
    variant: str,
    config: HyperpriorConfig,
    networks: Mapping[str, nn.Module],
    model: HyperpriorModel,
    training: Mapping[str, Any],
    licence: str,
) -> Path:
    """Write the model file; gives its path."""
    metadata = {"bitstream": str(BITSTREAM), "training": json.dumps(training, sort_keys=True), "licence": licence}
    return write_bundle(folder, "hyperprior", variant, asdict(config), tensors(networks, config, model), metadata)
