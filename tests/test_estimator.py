"""Writer, Reader and Estimator drive one traversal: their bits agree. compressai is the oracle; without it, skipped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sccodec.training.compressai_priors", exc_type=ImportError)

from sccodec.codecs.conceptual import regions  # noqa: E402
from sccodec.codecs.conceptual.faces import traverse  # noqa: E402
from sccodec.codecs.conceptual.networks.faces import ConceptualConfig  # noqa: E402
from sccodec.codecs.conceptual.networks.priors import DetailPrior, TexturePrior  # noqa: E402
from sccodec.codecs.conceptual.priors import IntegerPriors, LatentCoder, step_factors  # noqa: E402
from sccodec.entropy.coder import Reader, Writer  # noqa: E402
from sccodec.training.conceptual import export_faces  # noqa: E402
from sccodec.training.conceptual.rate import FloatPriors  # noqa: E402
from sccodec.training.estimator import EntropyModels, Estimator, hyper_table  # noqa: E402

CONFIG = ConceptualConfig(
    classes=7, textures=24, hyper=3, detail=5, working_size=256, parents=((), (), (1,), (2, 1), (), (4,), (0,))
)
CELLS = (8, 8)


def networks(config: ConceptualConfig) -> tuple[TexturePrior, DetailPrior, EntropyModels]:
    """Priors that have something to say: weights as at the start of training, but larger."""
    torch.manual_seed(1)
    texture, detail, models = TexturePrior(config), DetailPrior(config), EntropyModels(config.hyper)
    for network in (texture, detail):
        for parameter in network.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
    return texture.eval(), detail.eval(), models.eval()


@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, hyper=0)], ids=["hyperprior", "gaussian"])
@pytest.mark.parametrize("exponent", [-10, 0, 9])
def test_the_stream_is_within_1_percent_and_64_bits_of_the_estimate(config: ConceptualConfig, exponent: int) -> None:
    texture, detail, models = networks(config)
    rng = np.random.default_rng(2)
    maps = rng.integers(0, config.classes, (1, 8, 8)).astype(np.uint8).repeat(4, 1).repeat(4, 2)
    found = regions.find_regions(maps, config.parents)
    step = step_factors(exponent)[0] / 256
    t = rng.normal(0, 2, (len(found.labels), config.textures))
    w = rng.normal(0, 2, (CELLS[0] * CELLS[1], config.detail))
    with torch.no_grad():
        z = texture.analyse(torch.from_numpy(t).float(), torch.from_numpy(found.labels))
        estimator = Estimator(models)
        floats = FloatPriors(texture, detail, torch.tensor([float(exponent)]), found)
        as_steps = (torch.from_numpy(v / step).float() for v in (t, w))
        t_float, w_float = traverse(estimator, floats, found, CELLS, z, *as_steps)
    estimate = sum(float(torch.cat(parts).sum()) for parts in estimator.bits.values())

    hyper = hyper_table(models, config.hyper)
    made = {"texture_prior": texture, "detail_prior": detail}
    model = export_faces.integer_priors(made, hyper, config, [(found, t, w)])
    writer = Writer()
    integers = IntegerPriors(model, found, exponent)
    sent = traverse(LatentCoder(writer, model), integers, found, CELLS, z.double().numpy(), t / step, w / step)
    writer.check()
    data = writer.finish()
    assert abs(8 * len(data) - estimate) <= 0.01 * estimate + 64
    assert abs(sum(writer.bits.values()) - 8 * len(data)) <= 16

    reader = Reader(data)
    got = traverse(LatentCoder(reader, model), integers, found, CELLS, None, None, None)
    reader.check()
    reader.finish()
    for a, b in zip(sent, got, strict=True):
        assert np.array_equal(a, b)
    # Integer and float priors lead to the same latents, up to the rounding of means and, rarely, of a symbol.
    assert np.mean(np.abs(t_float.numpy() - got[0] / 16) < 0.2) > 0.97
    assert np.mean(np.abs(w_float.numpy() - got[1] / 16) < 0.2) > 0.95


def test_rates_pass_gradients_to_latents_and_priors() -> None:
    texture, detail, models = networks(CONFIG)
    for network in (texture, detail, models):
        network.train()
    rng = np.random.default_rng(3)
    maps = rng.integers(0, CONFIG.classes, (2, 16, 16)).astype(np.uint8)
    found = regions.find_regions(maps, CONFIG.parents)
    t = torch.randn(len(found.labels), CONFIG.textures, requires_grad=True)
    w = torch.randn(2 * CELLS[0] * CELLS[1], CONFIG.detail, requires_grad=True)
    estimator = Estimator(models)
    floats = FloatPriors(texture, detail, torch.tensor([0.0, 4.0]), found)
    traverse(estimator, floats, found, CELLS, texture.analyse(t, floats.labels), t, w)
    owners = {"hyper": floats.picture, "textures": floats.picture, "detail": floats.cell_pictures(CELLS)}
    bits = estimator.by_picture(estimator.bits, owners, 2)
    assert {k: v.shape for k, v in bits.items()} == dict.fromkeys(("hyper", "textures", "detail"), (2,))
    torch.stack(list(bits.values())).sum().backward()
    for tensor in (t, w, *texture.synthesis.parameters(), *detail.parameters()):
        assert tensor.grad is not None and torch.isfinite(tensor.grad).all() and tensor.grad.abs().sum() > 0
