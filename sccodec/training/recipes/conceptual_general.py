"""``sccodec train conceptual-general``: the conceptual codec for any photograph.

The transforms and distributions begin as those of a trained hyperprior (``--init``), at coarser steps; the painter and
the textures are new. Losses: rate; LPIPS on AlexNet and VGG16 and the absolute difference; adversarial and feature
matching, after a while. A quality is drawn for each pair of crops, and with it the weight of the rate. Pairs of crops
come from one photograph and share the textures of their regions, as the parts of a large picture do. Now and then the
coarse layer is left out, as it is in files of the lowest quality.

The label maps are those of a trained segmenter, which is read by ``--init`` too, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sccodec.codecs.conceptual import regions
from sccodec.codecs.conceptual.networks.photographs import (
    MAP_STRIDE,
    Painter,
    PhotographsConfig,
    TextureFeatures,
    scales_of,
)
from sccodec.codecs.conceptual.networks.priors import TexturePrior
from sccodec.codecs.conceptual.planes import noise
from sccodec.codecs.conceptual.textures import traverse_textures
from sccodec.codecs.hyperprior.coding import traverse
from sccodec.codecs.hyperprior.networks import ANCHORS, Analysis, Distributions, Gains, HyperAnalysis, Synthesis
from sccodec.errors import BadInput
from sccodec.labels.choice import cell_evidence, choose
from sccodec.metrics.perceptual import LPIPS
from sccodec.networks.discriminator import Discriminator, feature_matching, generator_loss
from sccodec.networks.segmenter import Segmenter, SegmenterConfig
from sccodec.training.conceptual.rate import FloatPriors, pool
from sccodec.training.estimator import EntropyModels, Estimator
from sccodec.training.export import LICENCE, describe
from sccodec.training.hyperprior.rate import FloatDistributions, GridEstimator
from sccodec.training.judge import train_judge
from sccodec.training.labels import context_of
from sccodec.training.loop import Clock, Options, Task, device, place, sync_gradients, tiled
from sccodec.training.photos import Photo, load_crops
from sccodec.training.state import read_weights, weight_of

CONFIG = PhotographsConfig()
CROP = 192
PAIR = 2
"""Crops of a photograph that share textures."""
STEPS = (1.3, -0.5)
"""Natural logarithms of the first quantisation steps at qualities 0 and 100, over those of the finest that the
hyperprior was trained with for its lowest rate."""
RATE_WEIGHTS = (12.0, 0.9)
"""What a bit a pixel costs, in units of the losses, at qualities 0 and 100."""
TEXTURE_SHARE = 0.2
"""A picture has about five times the pixels of a pair of crops, and not many more textures."""
LEFT_OUT = 0.15
"""Share of pairs without a coarse layer."""
WEIGHTS = {"alex": 1.5, "vgg": 0.6, "absolute": 0.7, "adversarial": 0.08, "matching": 0.3}
ADVERSARIAL_FROM = 1200
WINDOW = 96
"""Pixels a side of what VGG16 looks at, of half of the crops."""
HELD_QUALITIES = (0, 25, 50, 100)
CALIBRATION_PHOTOS, CALIBRATION_CROP = 48, 320
MODULES = ("analysis", "synthesis", "hyper_analysis", "distributions", "gains", "entropy",
           "texture_features", "painter", "texture_prior", "texture_entropy")  # fmt: skip


@dataclass(frozen=True)
class Decoded:
    """pictures [B, 3, H, W], not clipped; bits of the coarse layer [B], and of the textures of each pair [B / PAIR]."""

    pictures: Tensor
    coarse_bits: Tensor
    texture_bits: Tensor


def quality_weight(q: Tensor) -> Tensor:
    """Qualities [B] -> what a bit a pixel costs [B], log-spaced."""
    low, high = RATE_WEIGHTS
    return low * (high / low) ** (q / 100)


def networks(config: PhotographsConfig) -> dict[str, nn.Module]:
    """All networks that are trained with one another, by their names in checkpoints."""
    coarse = config.coarse
    return {
        "analysis": Analysis(coarse),
        "synthesis": Synthesis(coarse),
        "hyper_analysis": HyperAnalysis(coarse),
        "distributions": Distributions(coarse),
        "gains": Gains(coarse),
        "entropy": EntropyModels(coarse.hyper),
        "texture_features": TextureFeatures(config),
        "painter": Painter(config),
        "texture_prior": TexturePrior(config.priors()),
        "texture_entropy": EntropyModels(config.hyper),
    }


def code(modules: Mapping[str, Any], images: Tensor, maps: NDArray[Any], q: Tensor, kept: Tensor) -> Decoded:
    """Encode and decode a batch of pairs.

    images [B, 3, H, W], sides multiples of 64; maps uint8 [B, H/16, W/16]; q [B], equal in a pair; kept [B], 0 where
    the coarse layer is left out, otherwise 1.
    """
    b, h, w = maps.shape
    faster = bool(modules["analysis"].training)
    lowered = torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=faster)
    gain, inverse, factor_a, factor_s = modules["gains"](q)
    with lowered:
        features = modules["analysis"].features(images, factor_a)
        y = modules["analysis"].latents(features)
        texture_features = modules["texture_features"](features)
    # The maps of a pair are one, twice as high: their regions are the same.
    pairs = maps.reshape(b // PAIR, PAIR * h, w)
    prior = modules["texture_prior"]
    found = regions.find_regions(pairs, prior.config.parents)
    stacked = texture_features.float().unflatten(0, (b // PAIR, PAIR)).transpose(1, 2).flatten(2, 3)
    textures = pool(stacked, found)
    priors = FloatPriors(prior, None, torch.zeros(b // PAIR, device=q.device), found)
    estimator = Estimator(modules["texture_entropy"])
    z, t = prior.analyse(textures, priors.labels), textures / priors.step(priors.picture)[1]
    t_hat = priors.textures(traverse_textures(estimator, priors, found, z, t))
    owners = {"hyper": priors.picture, "textures": priors.picture}
    texture_bits = torch.stack(list(estimator.by_picture(estimator.bits, owners, b // PAIR).values())).sum(0)

    y = y.float() * gain
    grid = GridEstimator(modules["entropy"])
    distributions = FloatDistributions(modules["distributions"], modules["gains"], q)
    y_hat = traverse(grid, distributions, modules["hyper_analysis"](y), y) * kept[:, None, None, None]
    coarse_bits = torch.stack(list(grid.bits.values())).sum(0) * kept
    planes = [torch.from_numpy(noise(s * h, s * w)).to(images.device) for s in (4, 8, 16)]
    index = torch.from_numpy(found.index.reshape(maps.shape)).to(images.device)
    with lowered:
        h8 = modules["synthesis"].features(y_hat * inverse, factor_s)
        lacking = modules["painter"](h8, t_hat, priors.labels, index, *planes)
        pictures = modules["synthesis"].picture(h8) + lacking
    return Decoded(pictures.float(), coarse_bits, texture_bits)


class PhotographsTask(Task):
    averaged = MODULES
    least_batch = PAIR
    needed = ("analysis", "gains", "segmenter")

    def __init__(self, options: Options, config: PhotographsConfig = CONFIG) -> None:
        self.device = device()
        self.config = config
        self.crops, self.held = load_crops(options.data)
        self.maps: dict[int, NDArray[np.uint8]] = {}
        self.modules = networks(config)
        self.modules["discriminator"] = Discriminator(config.classes)
        self.modules["segmenter"] = Segmenter(SegmenterConfig(config.classes)).requires_grad_(requires_grad=False)
        self.init = options.init
        for module in self.modules.values():
            place(module)
        self.alex, self.vgg = place(LPIPS("alex")), place(LPIPS("vgg"))
        slow = [p for n in MODULES[:6] for k, p in self.modules[n].named_parameters() if not k.endswith("quantiles")]
        new = [p for n in MODULES[6:] for k, p in self.modules[n].named_parameters() if not k.endswith("quantiles")]
        self.parameters = slow + new
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "codec": torch.optim.Adam(
                [{"params": slow, "lr": 3e-4}, {"params": new, "lr": 8e-4}], betas=(0.8, 0.99), fused=True
            ),
            "discriminator": torch.optim.Adam(
                self.modules["discriminator"].parameters(), lr=4e-4, betas=(0.5, 0.99), fused=True
            ),
        }

    def prepare(self, steps: int) -> None:
        """How training begins, from the networks of --init."""
        if steps == 0 and self.init:
            begin(self.modules, self.init)

    def map_of(self, index: int) -> NDArray[np.uint8]:
        """The label map of a photograph, found when it is first drawn: there are hundreds."""
        if index not in self.maps:
            self.maps[index] = label_map(self.modules["segmenter"].eval(), self.crops.photos[index], self.device)
        return self.maps[index]

    def draw(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, NDArray[np.uint8]]:
        """Pairs of crops [B, 3, S, S] in 0..1, PAIR of them from each photograph, and their label maps."""
        side = CROP // MAP_STRIDE
        crops = np.empty((batch, CROP, CROP, 3), np.uint8)
        maps = np.empty((batch, side, side), np.uint8)
        for i, index in enumerate(rng.choice(len(self.crops.photos), batch // PAIR, p=self.crops.odds)):
            photo, labels = self.crops.photos[index], self.map_of(int(index))
            for j in range(PAIR * i, PAIR * i + PAIR):
                top = int(rng.integers((photo.shape[0] - CROP) // MAP_STRIDE + 1))
                left = int(rng.integers((photo.shape[1] - CROP) // MAP_STRIDE + 1))
                y, x = MAP_STRIDE * top, MAP_STRIDE * left
                crop, part = photo[y : y + CROP, x : x + CROP], labels[top : top + side, left : left + side]
                if rng.random() < 0.5:
                    crop, part = crop[:, ::-1], part[:, ::-1]
                crops[j], maps[j] = crop, part
        images = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
        return images.to(self.device, memory_format=torch.channels_last), maps

    def step(self, batch: int, rng: np.random.Generator, clock: Clock) -> dict[str, float]:
        batch -= batch % PAIR
        images, maps = self.draw(batch, rng)
        pairs = batch // PAIR
        pair_q = torch.from_numpy((rng.permutation(pairs) + rng.random(pairs)) * 100 / pairs).float()
        left_out = torch.from_numpy(rng.random(pairs) < LEFT_OUT)
        q = torch.where(left_out, 0, pair_q).repeat_interleave(PAIR).to(self.device)
        kept = (~left_out).float().repeat_interleave(PAIR).to(self.device)
        for name in MODULES:
            self.modules[name].train()
        decoded = code(self.modules, images, maps, q, kept)
        pixels = images.shape[2] * images.shape[3]
        coarse = decoded.coarse_bits / pixels
        textures = decoded.texture_bits.repeat_interleave(PAIR) * TEXTURE_SHARE / (PAIR * pixels)
        losses = self.distortion(decoded.pictures, images, rng)
        losses["rate"] = (quality_weight(q) * (coarse + textures)).mean()
        judge = self.modules["discriminator"]
        labels = torch.from_numpy(maps).long().to(self.device)
        if clock.steps >= ADVERSARIAL_FROM:
            judge.requires_grad_(requires_grad=False)
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                fake_logits, fake_features = judge(decoded.pictures, labels)
                with torch.no_grad():
                    _, real_features = judge(images, labels)
            losses["adversarial"] = WEIGHTS["adversarial"] * generator_loss(fake_logits)
            losses["matching"] = WEIGHTS["matching"] * feature_matching(real_features, fake_features)
            judge.requires_grad_(requires_grad=True)
        optimiser = self.optimisers["codec"]
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        sync_gradients(self.parameters)
        norm = nn.utils.clip_grad_norm_(self.parameters, 1.0)
        optimiser.step()
        if clock.steps >= ADVERSARIAL_FROM - 200:
            losses["judge"] = train_judge(judge, self.optimisers["discriminator"], images, decoded.pictures, labels)
        row = {k: v.item() for k, v in losses.items()} | {"norm": float(norm)}
        if kept.any():
            row["bpp"] = (coarse[kept > 0]).mean().item()
        return row | {"texture_bytes": decoded.texture_bits.mean().item() / 8}

    def distortion(self, decoded: Tensor, images: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
        """LPIPS of the crops by AlexNet, of windows in half of them by VGG16, and the absolute difference."""
        y, x = (int(v) for v in rng.integers(0, CROP - WINDOW + 1, 2))
        window = (slice(None, None, PAIR), slice(None), slice(y, y + WINDOW), slice(x, x + WINDOW))
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            alex = self.alex(decoded, images).mean()
            vgg = self.vgg(decoded[window], images[window]).mean()
        return {
            "alex": WEIGHTS["alex"] * alex.float(),
            "vgg": WEIGHTS["vgg"] * vgg.float(),
            "absolute": WEIGHTS["absolute"] * (decoded - images).abs().mean(),
        }

    @torch.no_grad()
    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], NDArray[Any]]:
        """LPIPS, PSNR (8-bit pictures) and estimated bits a pixel, labels apart, on the held-out middles."""
        for name in MODULES:
            modules[name].eval()
        figures: dict[str, float] = {}
        rows = []
        count = len(self.held) - len(self.held) % PAIR
        pictures = (self.held[:count] * 255).round().byte().permute(0, 2, 3, 1).numpy()
        segmenter = self.modules["segmenter"].eval()
        held_maps = np.stack([label_map(segmenter, picture, self.device) for picture in pictures])
        for quality in HELD_QUALITIES:
            values: dict[str, list[float]] = {"bpp": [], "alex": [], "psnr": []}
            shown = []
            for start in range(0, count, PAIR):
                images = self.held[start : start + PAIR].to(self.device)
                q = torch.full((PAIR,), float(quality), device=self.device)
                maps = held_maps[start : start + PAIR]
                # Pictures of their own, not pairs: each twice, so that it shares its textures with itself.
                for image, labels in zip(images.split(1), maps[:, None], strict=True):
                    twice, kept = image.repeat(PAIR, 1, 1, 1), torch.full((PAIR,), float(quality > 0))
                    decoded = code(modules, twice, labels.repeat(PAIR, 0), q, kept.to(self.device))
                    x = (decoded.pictures[:1].clamp(0, 1) * 255).round() / 255
                    bits = decoded.coarse_bits[0] + decoded.texture_bits[0]
                    values["bpp"].append(bits.item() / image[0, 0].numel())
                    values["alex"].append(self.alex(x, image).item())
                    values["psnr"].append(-10 * (x - image).square().mean().log10().item())
                    shown.append(x)
            figures |= {f"{name}{quality}": float(np.mean(v)) for name, v in values.items()}
            rows.append(torch.cat(shown[:6]))
        return figures, tiled((torch.stack([self.held[:count][:6], *rows]) * 255).round().byte().cpu())


def label_map(segmenter: nn.Module, picture: Photo, where: torch.device) -> NDArray[np.uint8]:
    """The map that a file would hold of uint8 [H, W, 3], its sides cut to multiples of 16: uint8 [H // 16, W // 16]."""
    h, w = picture.shape[0] // MAP_STRIDE, picture.shape[1] // MAP_STRIDE
    x = torch.from_numpy(picture[: MAP_STRIDE * h, : MAP_STRIDE * w].copy()).to(where).permute(2, 0, 1)[None]
    with torch.no_grad(), torch.autocast(where.type, dtype=torch.bfloat16):
        logits = segmenter(x.float() / 255)
    return choose(cell_evidence(logits[0].float().cpu().numpy()), None)


@torch.no_grad()
def begin(modules: Mapping[str, Any], paths: tuple[Path, ...]) -> None:
    """Make a hyperprior that ``--init`` has loaded one of coarser steps, and a faces' generator's upper part a painter.

    Raises BadInput where the files hold no hyperprior or no segmenter.
    """
    found: dict[str, Tensor] = {}
    for path in paths:
        found |= read_weights(path)
    if weight_of("painter.image.weight", found) is not None:
        return  # an earlier state of its own
    if "gains.log_step" not in found or "segmenter.classify.weight" not in found:
        raise BadInput("conceptual-general starts from a hyperprior and a segmenter-general: name both with --init")
    gains = modules["gains"]
    gains.log_step.copy_(gains.log_step[:1] + torch.linspace(*STEPS, ANCHORS)[:, None].to(gains.log_step.device))
    for vector in (gains.log_shrink, gains.log_analysis, gains.log_synthesis):
        vector.copy_(vector[:1].expand_as(vector).clone())
    modules["texture_features"].scale.copy_(scales_of(modules["analysis"].fine))
    painter: Painter = modules["painter"]
    painter.scale.copy_(scales_of(modules["synthesis"].fine))
    mine = painter.state_dict()
    for name, value in found.items():
        part, _, rest = name.removeprefix("generator.").partition(".")
        if not name.startswith("generator."):
            continue
        if part in ("levels", "ups") and int(rest[0]) >= 1:  # it has no level at 1/16
            here = f"{part}.{int(rest[0]) - 1}{rest[1:]}"
        elif part in ("leave", "noise", "image"):
            here = name.removeprefix("generator.")
        else:
            continue
        if here in mine and mine[here].shape == value.shape:
            # What it paints is added to a picture that is there already: it begins faintly.
            mine[here].copy_(value.float() * (0.1 if part == "image" else 1.0))


def export(checkpoints: list[Path], out: Path, data: Path | None, config: PhotographsConfig = CONFIG) -> Path:
    """Write the model file from the checkpoints of this recipe and of labels-general, in any order.

    data: the training photographs, which calibrate the integer networks. Raises BadInput where it is None, or where a
    network is in none of the checkpoints.
    """
    from sccodec.training.conceptual import export_photographs  # onnx is needed by exporting alone

    if data is None:
        raise BadInput("exporting conceptual-general needs --data, the photographs it was trained on")
    found: dict[str, Tensor] = {}
    for path in checkpoints:
        found |= read_weights(path)
    modules = networks(config) | {"segmenter": Segmenter(SegmenterConfig(config.classes))}
    for name, module in modules.items():
        weights = {k.removeprefix(f"{name}."): v.float() for k, v in found.items() if k.startswith(f"{name}.")}
        try:
            module.load_state_dict(weights)
        except RuntimeError as error:
            raise BadInput(f"none of the checkpoints holds the network {name} of conceptual-general") from error
    context = {k.removeprefix("label_context."): v for k, v in found.items() if k.startswith("label_context.")}
    if not context:
        raise BadInput("none of the checkpoints holds the network label_context: name labels-general's too")
    modules["label_context"] = context_of(context, config.classes, ", ".join(map(str, checkpoints)))
    for module in modules.values():
        module.eval().requires_grad_(requires_grad=False)
    crops, _ = load_crops(data)
    photos = [cut(photo) for photo in crops.photos[:: max(1, len(crops.photos) // CALIBRATION_PHOTOS)]]
    maps = [label_map(modules["segmenter"], photo, torch.device("cpu")) for photo in photos]
    calibration = export_photographs.examples(modules, photos, maps)
    training = {
        "data": "photographs: BSDS500, wallpapers under free licences, CamVid and CelebAMask-HQ's training parts",
        "losses": "rate, LPIPS v0.1 (AlexNet, VGG16), absolute, adversarial, feature matching",
        "runs": describe(checkpoints),
    }
    return export_photographs.write(out, "general", config, modules, calibration, training, LICENCE)


def cut(photo: Photo) -> Photo:
    """The upper left part that is enough to calibrate with."""
    return photo[:CALIBRATION_CROP, :CALIBRATION_CROP]


def build(options: Options) -> PhotographsTask:
    return PhotographsTask(options)
