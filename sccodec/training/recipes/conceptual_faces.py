"""``sccodec train conceptual-faces``: texture encoder, priors, generator and discriminator of the conceptual codec.

Losses of the paper: rate, perceptual, feature matching, latent regression, adversarial; beside them a small absolute
difference, which steadies colours. The perceptual loss is LPIPS itself, on AlexNet and VGG16: it teaches the generator
a periodic pattern in hair, which the discriminator then removes. The rate's weight follows a target: it grows while the
latents take more than ``TARGET_BYTES`` at the default step, and falls while they take fewer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sccodec.codecs.conceptual import regions
from sccodec.codecs.conceptual.faces import traverse
from sccodec.codecs.conceptual.networks.faces import FACE_PARENTS, ConceptualConfig, Generator, TextureEncoder
from sccodec.codecs.conceptual.networks.priors import DetailPrior, TexturePrior
from sccodec.codecs.conceptual.planes import coordinates, noise
from sccodec.errors import BadInput
from sccodec.labels.maps import downsample_labels
from sccodec.metrics.perceptual import LPIPS
from sccodec.networks.discriminator import Discriminator, feature_matching, generator_loss
from sccodec.training import faces
from sccodec.training.conceptual import export_faces
from sccodec.training.conceptual.rate import FloatPriors, pool
from sccodec.training.estimator import SCALE_RATIO, EntropyModels, Estimator, hyper_table
from sccodec.training.export import LICENCE, describe
from sccodec.training.judge import train_judge
from sccodec.training.loop import Clock, Options, Task, device, place, sync_gradients

CONFIG = ConceptualConfig(parents=FACE_PARENTS)
SIZE = 256
CLASSES = 19
AFFINE = faces.Affine(rotation=8.0, zoom=0.1, shift=0.05, untouched=0.4)
TARGET_BYTES = 150.0
STEPS = (-10, 12)  # quantisation steps in training, as exponents of the scale table's ratio
WEIGHTS = {"alex": 1.5, "vgg": 0.6, "absolute": 0.5, "adversarial": 0.08, "matching": 0.3, "regression": 0.02}
ADVERSARIAL_FROM = 1000  # steps; before, the generator learns what the other losses teach
CROP = 96


class RateWeight(nn.Module):
    """The rate's weight, kept with the model so that a resumed run goes on where it was."""

    value: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("value", torch.tensor(3e-5))


class FacesTask(Task):
    averaged = ("encoder", "generator", "texture_prior", "detail_prior", "entropy")
    least_batch = 2  # VGG looks at half of them

    def __init__(self, options: Options, config: ConceptualConfig) -> None:
        self.device = device()
        self.config = config
        self.train = faces.load_labelled(faces.find_split(options.data, "faces", "train"), 512)
        self.held = faces.load_labelled(faces.find_split(options.data, "faces", "val"), SIZE)
        self.alex, self.vgg = place(LPIPS("alex")), place(LPIPS("vgg"))
        networks: dict[str, nn.Module] = {
            "encoder": TextureEncoder(self.config),
            "generator": Generator(self.config),
            "texture_prior": TexturePrior(self.config),
            "detail_prior": DetailPrior(self.config),
            "entropy": EntropyModels(self.config.hyper),
            "discriminator": Discriminator(CLASSES),
            "rate_weight": RateWeight(),
        }
        self.modules = {k: place(m) for k, m in networks.items()}
        codec = [p for name in self.averaged[:2] for p in self.modules[name].parameters()]
        priors = [p for name in self.averaged[2:] for p in self.modules[name].parameters()]
        self.mine = codec + priors
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "codec": torch.optim.Adam(
                [{"params": codec, "lr": 5e-4}, {"params": priors, "lr": 1e-3}], betas=(0.8, 0.99)
            ),
            "discriminator": torch.optim.Adam(self.modules["discriminator"].parameters(), lr=4e-4, betas=(0.5, 0.99)),
        }
        self.coordinates = torch.from_numpy(coordinates(SIZE // 16, SIZE // 16)).to(self.device)
        self.noise = [torch.from_numpy(noise(SIZE // s, SIZE // s)).to(self.device) for s in (4, 2, 1)]

    def code(
        self, modules: dict[str, nn.Module], images: Tensor, maps: NDArray[Any], steps: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """Encode, quantise and decode a batch.

        Gives pictures [B, 3, H, W], decoded textures [K, textures] in base units, and bits by section a picture
        [B], differentiable and of the rounded values.
        """
        labels = torch.from_numpy(maps).long().to(images.device)
        found = regions.find_regions(maps, self.config.parents)
        with torch.autocast(images.device.type, dtype=torch.bfloat16):
            features, detail = modules["encoder"](images, labels)
        textures = pool(features.float(), found)
        texture_prior, detail_prior = modules["texture_prior"], modules["detail_prior"]
        assert isinstance(texture_prior, TexturePrior) and isinstance(detail_prior, DetailPrior)
        entropy = modules["entropy"]
        assert isinstance(entropy, EntropyModels)
        priors = FloatPriors(texture_prior, detail_prior, steps, found)
        cells = (detail.shape[-2], detail.shape[-1])
        cell_rows = detail.float().permute(0, 2, 3, 1).flatten(0, 2)  # [B * rows * columns, detail]
        estimator = Estimator(entropy)
        z = texture_prior.analyse(textures, priors.labels)
        t_steps = textures / priors.step(priors.picture)[1]
        d_steps = cell_rows / priors.step(priors.cell_pictures(cells))[1]
        t_hat, d_hat = traverse(estimator, priors, found, cells, z, t_steps, d_steps)
        t_base = priors.textures(t_hat)
        d_base = d_hat * priors.step(priors.cell_pictures(cells))[1]
        d_map = d_base.view(len(images), *cells, -1).permute(0, 3, 1, 2)
        with torch.autocast(images.device.type, dtype=torch.bfloat16):
            decoded = modules["generator"](
                t_base, priors.labels, torch.from_numpy(found.index).to(images.device), d_map, self.coordinates,
                *self.noise,
            )  # fmt: skip
        owners = {"hyper": priors.picture, "textures": priors.picture, "detail": priors.cell_pictures(cells)}
        bits, rounded = (estimator.by_picture(b, owners, len(images)) for b in (estimator.bits, estimator.rounded))
        return decoded.float(), t_base, bits, rounded

    def step(self, batch: int, rng: np.random.Generator, clock: Clock) -> dict[str, float]:
        images, labels = faces.sample_batch(self.train, batch, SIZE, AFFINE, rng)
        factor = int(rng.choice([8, 4, 2], p=[0.45, 0.45, 0.1]))
        maps = reduce_maps(labels, factor)
        images = images.to(self.device, memory_format=torch.channels_last)
        exponents = np.where(rng.random(batch) < 0.5, 0, rng.integers(STEPS[0], STEPS[1] + 1, batch))
        steps = torch.from_numpy(exponents.astype(np.float32)).to(self.device)
        decoded, t_hat, bits, rounded = self.code(self.modules, images, maps, steps)
        weight = self.modules["rate_weight"].value
        assert isinstance(weight, Tensor)
        rate = torch.stack(list(bits.values())).sum(0) / 8  # bytes a picture
        losses = self.distortion(decoded, images, rng)
        losses["rate"] = weight * (rate * SCALE_RATIO**steps).mean()
        adversarial = clock.steps >= ADVERSARIAL_FROM
        judge = self.modules["discriminator"]
        device_labels = torch.from_numpy(maps).long().to(self.device)
        if adversarial:
            judge.requires_grad_(False)
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                fake_logits, fake_features = judge(decoded, device_labels)
                with torch.no_grad():
                    _, real_features = judge(images, device_labels)
            losses["adversarial"] = WEIGHTS["adversarial"] * generator_loss(fake_logits)
            losses["matching"] = WEIGHTS["matching"] * feature_matching(real_features, fake_features)
            judge.requires_grad_(True)
            if clock.steps % 4 == 0:
                losses["regression"] = 4 * WEIGHTS["regression"] * self.regression(decoded, maps, t_hat)
        total = torch.stack(list(losses.values())).sum()
        optimiser = self.optimisers["codec"]
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        sync_gradients(self.mine)
        nn.utils.clip_grad_norm_(self.mine, 1.0)
        optimiser.step()
        if clock.steps >= ADVERSARIAL_FROM - 300:
            losses["judge"] = train_judge(judge, self.optimisers["discriminator"], images, decoded, device_labels)
        at_default = torch.stack(list(rounded.values())).sum(0)[steps == 0] / 8
        if len(at_default) and clock.steps > 200:
            excess = (at_default.mean().item() - TARGET_BYTES) / TARGET_BYTES
            weight *= float(np.exp(0.008 * np.clip(excess, -1, 1)))
        row = {k: v.item() for k, v in losses.items()}
        if len(at_default):
            row |= {"bytes": at_default.mean().item()}
            row |= {f"{k}_bytes": (v[steps == 0].mean() / 8).item() for k, v in rounded.items()}
        return row | {"rate_weight": weight.item()}

    def distortion(self, decoded: Tensor, images: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
        """LPIPS of the whole picture by AlexNet, of crops of half the batch by VGG, and the absolute difference."""
        y, x = (int(v) for v in rng.integers(0, SIZE - CROP + 1, 2))
        window = (..., slice(y, y + CROP), slice(x, x + CROP))
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            alex = self.alex(decoded, images).mean()
            half = slice(0, len(images) // 2)
            vgg = self.vgg(decoded[half][window], images[half][window]).mean()
        return {
            "alex": WEIGHTS["alex"] * alex.float(),
            "vgg": WEIGHTS["vgg"] * vgg.float(),
            "absolute": WEIGHTS["absolute"] * (decoded - images).abs().mean(),
        }

    def regression(self, decoded: Tensor, maps: NDArray[Any], t_hat: Tensor) -> Tensor:
        """How far the textures of the decoded picture are from those it was made of."""
        labels = torch.from_numpy(maps).long().to(self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            features, _ = self.modules["encoder"](decoded, labels)
        again = pool(features.float(), regions.find_regions(maps, self.config.parents))
        return (again - t_hat.detach()).abs().mean()

    @torch.no_grad()
    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], NDArray[Any]]:
        """LPIPS, PSNR (8-bit pictures) and estimated bytes at map scales 8 and 4, given the true labels."""
        for name in self.averaged:
            modules[name].eval()
        figures: dict[str, list[float]] = {}
        rows: list[NDArray[Any]] = []
        for start in range(0, min(48, len(self.held)), 8):
            shown = self.held.images[start : start + 8]
            images = torch.from_numpy(shown).permute(0, 3, 1, 2).float().to(self.device) / 255
            images = images.to(memory_format=torch.channels_last)
            labels = torch.from_numpy(self.held.labels[start : start + 8]).long()
            views = [shown]
            for factor in (8, 4):
                maps = reduce_maps(labels, factor)
                steps = torch.zeros(len(shown), device=self.device)
                decoded, _, _, bits = self.code(modules, images, maps, steps)
                decoded = (decoded.clamp(0, 1) * 255).round() / 255
                for key, value in bits.items():
                    figures.setdefault(f"{key}{factor}", []).append(value.mean().item() / 8)
                error = (decoded - images).square().mean((1, 2, 3))
                figures.setdefault(f"psnr{factor}", []).append((-10 * error.log10()).mean().item())
                figures.setdefault(f"alex{factor}", []).append(self.alex(decoded, images).mean().item())
                views.append((decoded * 255).byte().permute(0, 2, 3, 1).cpu().numpy())
            if start < 16 and (not rows or len(shown) == 8):  # rows of a sheet are of one width
                rows += [np.concatenate(list(view), 1) for view in views]
        for name in self.averaged:
            modules[name].train()
        return {k: float(np.mean(v)) for k, v in figures.items()}, np.concatenate(rows, 0)


def reduce_maps(labels: Tensor, factor: int) -> NDArray[np.uint8]:
    """The most frequent label of each block, uint8 [B, H/factor, W/factor], from int64 [B, H, W]."""
    return np.stack([downsample_labels(m, factor, CLASSES) for m in labels.numpy().astype(np.uint8)])


def export(
    checkpoints: list[Path], out: Path, data: Path | None, config: ConceptualConfig = CONFIG, variant: str = "faces"
) -> Path:
    """Write the model file from the checkpoints of this recipe, segmenter-faces and labels-faces, in any order.

    data: the training faces, which calibrate the integer networks; raises BadInput where it is None.
    """
    if data is None:
        raise BadInput("exporting conceptual-faces needs --data, the faces it was trained on")
    networks = export_faces.load_networks(checkpoints, config)
    train = faces.load_labelled(faces.find_split(data, "faces", "train"), SIZE, limit=export_faces.CALIBRATION_PICTURES)
    maps = reduce_maps(torch.from_numpy(train.labels), 8)
    examples = export_faces.latents(networks["encoder"], train.images, maps, config)
    hyper = hyper_table(networks["entropy"], config.hyper)
    priors = export_faces.integer_priors(networks, hyper, config, examples)
    training = {
        "data": "CelebAMask-HQ subset, 800 training faces",
        "losses": "rate, LPIPS v0.1 (AlexNet, VGG16), absolute, adversarial, feature matching, latent regression",
        "runs": describe(checkpoints),
    }
    # Fewer samples than this in a hundred on skin: no face.
    subject = {"labels": [1], "least_share": 0.03}
    return export_faces.write(
        out,
        variant,
        config,
        networks,
        priors,
        subject,
        training,
        LICENCE,
    )


def build(options: Options) -> FacesTask:
    return FacesTask(options, CONFIG)
