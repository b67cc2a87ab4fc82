"""``sccodec train hyperprior``: the variable-rate hyperprior on photographs, by mean squared error.

A quality is drawn for each crop, and with it the weight of the distortion. The transforms begin as principal components
of the pictures' patches, so that what is learned from the first step on is everything beyond them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.codecs.hyperprior.coding import traverse
from sccodec.codecs.hyperprior.networks import (
    PATCH,
    SLICED,
    Analysis,
    Distributions,
    Gains,
    HyperAnalysis,
    HyperpriorConfig,
    Synthesis,
    rows_of_scale,
)
from sccodec.codecs.hyperprior.networks.detail import (
    DETAIL_ANCHOR,
    DETAIL_QUALITY,
    DetailAnalysis,
    DetailDistributions,
    DetailSynthesis,
)
from sccodec.errors import BadInput
from sccodec.training.estimator import EntropyModels
from sccodec.training.export import LICENCE
from sccodec.training.hyperprior.rate import FactorizedEstimator, FloatDistributions, GridEstimator
from sccodec.training.loop import Clock, Options, Task, device, place, sync_gradients, tiled
from sccodec.training.photos import LATE_CROP, Crops, load_crops
from sccodec.training.state import only_one, read_checkpoint

CROP, LATE = 128, 0.4
"""Pixels a side of the crops; those of LATE_CROP are drawn in the run's last part, which begins at this share of it."""
LAMBDAS = (0.0004, 0.1)
"""Weight of the mean squared error (of 8-bit samples) against bits per pixel, at qualities 0 and 100."""
HELD_QUALITIES = (0, 25, 50, 75, 100)
LEARNING_RATE = 2.5e-3
RATE_SHARES = {"linear": 0.1, "gains": 1.0, "others": 1.0}
TRANSFORMS = ("analysis", "synthesis", "detail_analysis", "detail_synthesis")
LINEAR = ("embed", "down", "up", "draw")
CALIBRATION_BATCHES, CALIBRATION_PICTURES = 11, 32


def kind(network: str, key: str) -> str:
    """The group of parameters that share a learning rate."""
    if network == "gains" or key in ("base", "log_step", "log_shrink") or key.endswith((".before", ".after")):
        return "gains"
    return "linear" if network in TRANSFORMS and key.split(".")[0] in LINEAR else "others"


def distortion_weight(q: Tensor, lambdas: tuple[float, float]) -> Tensor:
    """Qualities [B] -> lambda [B], log-spaced."""
    low, high = lambdas
    return low * (high / low) ** (q / 100)


def networks(config: HyperpriorConfig) -> dict[str, nn.Module]:
    """All networks of a configuration, by their names in checkpoints."""
    found: dict[str, nn.Module] = {
        "analysis": Analysis(config),
        "synthesis": Synthesis(config),
        "hyper_analysis": HyperAnalysis(config),
        "distributions": Distributions(config),
        "gains": Gains(config),
        "entropy": EntropyModels(config.hyper or config.latents),
    }
    if config.detail:
        found["detail_analysis"] = DetailAnalysis(config)
        found["detail_synthesis"] = DetailSynthesis(config)
        found["detail_distributions"] = DetailDistributions(config)
    return found


def run(modules: Mapping[str, Any], images: Tensor, q: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Pictures [B, 3, H, W] through encoder and decoder at qualities q [B]: pictures again, and bits [B] by section.

    Sides are multiples of 64.
    """
    gain, inverse, factor_a, factor_s = modules["gains"](q)
    lowered = torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=bool(modules["analysis"].training))
    with lowered:
        features = modules["analysis"].features(images, factor_a)
        y = modules["analysis"].latents(features)
    y = y.float() * gain
    distributions = FloatDistributions(modules["distributions"], modules["gains"], q)
    hyper = distributions.config.hyper
    estimator = (GridEstimator if hyper else FactorizedEstimator)(modules["entropy"])
    y_hat = traverse(estimator, distributions, modules["hyper_analysis"](y) if hyper else None, y)
    detail, bits = None, dict(estimator.bits)
    if "detail_analysis" in modules and bool((q >= DETAIL_QUALITY).any()):
        with lowered:
            detail, bits["detail"] = add_detail(modules, features, distributions.psi, y_hat, q)
    with lowered:
        x_hat = modules["synthesis"](y_hat * inverse, factor_s, detail)
    return x_hat.float(), bits


def add_detail(
    modules: Mapping[str, Any], features: Tensor, psi: Tensor, y_hat: Tensor, q: Tensor
) -> tuple[Tensor, Tensor]:
    """What the detail latents add within g_s, [B, 4 * channels, h, w], and their bits [B]: 0 below DETAIL_QUALITY."""
    rows = (q >= DETAIL_QUALITY).nonzero()[:, 0]
    network: DetailDistributions = modules["detail_distributions"]
    latents = modules["detail_analysis"](features[rows])
    with torch.autocast(q.device.type, enabled=False):
        log_step, log_inverse = network.steps(q[rows])
        estimator = GridEstimator(modules["entropy"])
        mean, row = network(psi[rows], y_hat[rows], log_step)
        decoded = estimator.gaussian("detail", latents.float() * (-log_step).exp(), mean, row) * log_inverse.exp()
    added = modules["detail_synthesis"](decoded)
    whole = added.new_zeros(len(q), *added.shape[1:]).index_add(0, rows, added)
    return whole, torch.zeros_like(q).index_add(0, rows, estimator.bits["detail"])


class HyperpriorTask(Task):
    """Rate + lambda(q) * squared error, every quality counting about alike. lambdas: see LAMBDAS."""

    def __init__(
        self, options: Options, config: HyperpriorConfig = SLICED, lambdas: tuple[float, float] = LAMBDAS
    ) -> None:
        self.device = device()
        self.lambdas = lambdas
        self.crops, self.held = load_crops(options.data)
        self.modules = networks(config)
        if not options.checkpoint.exists():  # from which a training goes on
            start_as_principal_components(self.modules, self.crops)
        for module in self.modules.values():
            place(module)
        self.averaged = tuple(self.modules)
        groups: dict[str, list[nn.Parameter]] = {"linear": [], "gains": [], "others": []}
        for name, module in self.modules.items():
            for key, p in module.named_parameters():
                if not key.endswith("quantiles"):
                    groups[kind(name, key)].append(p)
        self.parameters = [p for group in groups.values() for p in group]
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "all": torch.optim.Adam(
                [{"params": groups[k], "lr": LEARNING_RATE * share} for k, share in RATE_SHARES.items()],
                betas=(0.9, 0.98),
                fused=True,
            )
        }

    def step(self, batch: int, rng: np.random.Generator, clock: Clock) -> dict[str, float]:
        size = CROP
        if clock.progress() >= LATE:  # fewer crops, of about as many pixels in all
            size, batch = LATE_CROP, -(-batch * CROP**2 // LATE_CROP**2) + 1
        images = self.crops.draw(batch, size, rng).to(self.device, memory_format=torch.channels_last)
        # One quality from each of `batch` equal parts of the range.
        q = torch.from_numpy((rng.permutation(batch) + rng.random(batch)) * 100 / batch).float().to(self.device)
        for module in self.modules.values():
            module.train()
        x_hat, bits = run(self.modules, images, q)
        bpp = torch.stack(list(bits.values())).sum(0) / (images.shape[2] * images.shape[3])
        error = F.mse_loss(x_hat, images, reduction="none").flatten(1).mean(1) * 255**2
        weight = distortion_weight(q, self.lambdas)
        middle = math.sqrt(self.lambdas[0] * self.lambdas[1])
        losses = (bpp + weight * error) * (weight / middle) ** -0.5
        self.optimisers["all"].zero_grad(set_to_none=True)
        losses.mean().backward()
        sync_gradients(self.parameters)
        norm = nn.utils.clip_grad_norm_(self.parameters, 2.0)
        self.optimisers["all"].step()
        return {
            "loss": losses.mean().item(),
            "bpp": bpp.mean().item(),
            "psnr": (-10 * (error.detach() / 255**2).log10()).mean().item(),
            "norm": float(norm),
        }

    @torch.no_grad()
    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], NDArray[Any]]:
        for module in modules.values():
            module.eval()
        figures: dict[str, float] = {}
        rows = []
        for quality in HELD_QUALITIES:
            bpp, psnr = [], []
            for images in self.held.split(8):
                images = images.to(self.device)
                q = torch.full((len(images),), float(quality), device=self.device)
                x_hat, bits = run(modules, images, q)
                shown = (x_hat.clamp(0, 1) * 255).round() / 255
                bpp.append(torch.stack(list(bits.values())).sum(0) / (images.shape[2] * images.shape[3]))
                psnr.append(-10 * (shown - images).square().flatten(1).mean(1).log10())
            figures |= {f"bpp{quality}": torch.cat(bpp).mean().item(), f"psnr{quality}": torch.cat(psnr).mean().item()}
            rows.append(shown[:4])
        return figures, tiled((torch.stack([images[:4], *rows]) * 255).round().byte().cpu())


@torch.no_grad()
def start_as_principal_components(modules: Mapping[str, Any], crops: Crops) -> None:
    """Let both transforms begin as principal components: of 8x8 patches, then of 2x2 cells of those."""
    images = crops.draw(256, CROP, np.random.default_rng(0)) - 0.5
    analysis, synthesis, base = modules["analysis"], modules["synthesis"], modules["distributions"].base
    fine, deviations = components(F.pixel_unshuffle(images, PATCH), analysis.embed.out_channels)
    install(analysis.embed, synthesis.draw, fine)
    scale_blocks((*analysis.fine, *synthesis.fine), deviations)
    h = F.pixel_unshuffle(analysis.embed(F.pixel_unshuffle(images, PATCH)), 2)
    latents = analysis.down.out_channels
    detail = modules["detail_analysis"].down.out_channels if "detail_analysis" in modules else 0
    coarse, deviations = components(h, latents + detail)
    if detail:
        start_detail(modules, coarse[latents:], deviations[latents:])
    coarse, deviations = coarse[:latents], deviations[:latents]
    # Neighbours in the order of size go to different quarters, so that each step codes a fair share of them.
    order = torch.arange(len(coarse)).view(-1, 4).t().flatten()
    coarse, deviations = coarse[order], deviations[order]
    install(analysis.down, synthesis.up, coarse)
    scale_blocks((*analysis.coarse, *synthesis.coarse), deviations)
    base.copy_(rows_of_scale(deviations.log()))


def start_detail(modules: Mapping[str, Any], rows: Tensor, deviations: Tensor) -> None:
    """Let the detail latents begin as the principal components that follow the others', in the steps of those."""
    analysis, synthesis = modules["detail_analysis"], modules["detail_synthesis"]
    distributions: DetailDistributions = modules["detail_distributions"]
    install(analysis.down, synthesis.up, rows)
    scale_blocks((*analysis.coarse, *synthesis.coarse), deviations)
    distributions.base.copy_(rows_of_scale(deviations.log()))
    distributions.log_step.copy_(modules["gains"].log_step[DETAIL_ANCHOR:].mean(1, keepdim=True))


def components(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The first principal components [count, C] of x [B, C, h, w], and their standard deviations [count]."""
    rows = x.permute(0, 2, 3, 1).flatten(0, 2).double()
    values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
    return vectors.flip(1)[:, :count].T.float(), values.flip(0)[:count].clamp_min(1e-9).sqrt().float()


def install(forward: nn.Conv2d, back: nn.Conv2d, rows: Tensor) -> None:
    """Orthonormal rows as a 1x1 convolution, and their transpose as the one that undoes it."""
    forward.weight.copy_(rows[:, :, None, None])
    back.weight.copy_(rows.T[:, :, None, None])
    for layer in (forward, back):
        assert layer.bias is not None
        layer.bias.zero_()


def scale_blocks(blocks: tuple[Any, ...], deviations: Tensor) -> None:
    for block in blocks:
        block.before.copy_(1 / deviations.clamp_min(0.02))
        block.after.copy_(0.1 * deviations)


@torch.no_grad()
def examples(modules: Mapping[str, Any], crops: Crops) -> list[tuple[Tensor, Tensor]]:
    """Latents of pictures at qualities over the whole range, to calibrate integer networks with."""
    rng = np.random.default_rng(1)
    found = []
    for quality in np.linspace(0, 100, CALIBRATION_BATCHES):
        q = torch.full((CALIBRATION_PICTURES,), float(quality))
        gain, _, factor, _ = modules["gains"](q)
        found.append((modules["analysis"](crops.draw(CALIBRATION_PICTURES, CROP, rng), factor) * gain, q))
    return found


def export(checkpoints: list[Path], out: Path, data: Path | None) -> Path:
    """Write the model file, its integer networks calibrated on the training photographs of the folder data."""
    return export_configuration(checkpoints, out, data, SLICED, "photos", "hyperprior")


def export_configuration(
    checkpoints: list[Path], out: Path, data: Path | None, config: HyperpriorConfig, variant: str, recipe: str
) -> Path:
    """As ``export``; raises BadInput where another recipe made the checkpoint, or where there are several."""
    from sccodec.training.hyperprior.export import integer_model, largest_activations, write

    if data is None:
        raise BadInput("the hyperprior is calibrated with training pictures: give their folder with --data")
    checkpoint = only_one(checkpoints)
    state = read_checkpoint(checkpoint)
    modules = networks(config)
    for name, module in modules.items():
        try:
            module.load_state_dict(state["average"][name])
        except (KeyError, RuntimeError) as error:
            raise BadInput(f"{checkpoint} is another recipe's: it holds no network {name} of {recipe}") from error
        module.eval().requires_grad_(requires_grad=False)
    crops, _ = load_crops(data)
    largest = largest_activations(modules, examples(modules, crops)) if config.hyper else {}
    model = integer_model(modules, largest)
    minutes = round(state["seconds"] / 60, 1)
    training = {"recipe": recipe, "steps": state["steps"], "minutes": minutes, "lambda": LAMBDAS}
    return write(out, variant, config, modules, model, training, LICENCE)


def build(options: Options) -> HyperpriorTask:
    return HyperpriorTask(options)
