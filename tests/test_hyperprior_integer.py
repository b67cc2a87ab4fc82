"""The hyperprior's entropy stage: float and integer distributions agree, and a stream is as long as was estimated."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from torch import Tensor  # noqa: E402

from sccodec import bundle  # noqa: E402
from sccodec.codecs.hyperprior import networks as drawn  # noqa: E402
from sccodec.codecs.hyperprior.coding import (  # noqa: E402
    LATENT_BITS,
    MEAN_LIMIT,
    MOST_LATENTS,
    MOST_PSI_BITS,
    RESIDUAL_LIMIT,
    GridCoder,
    HyperpriorModel,
    IntegerDistributions,
    interpolate,
    lattice,
    put_lattice,
    traverse,
)
from sccodec.codecs.hyperprior.latents import tiles  # noqa: E402
from sccodec.entropy import tables  # noqa: E402
from sccodec.entropy.coder import Reader, Writer  # noqa: E402
from sccodec.errors import Corrupt, ModelMismatch  # noqa: E402
from sccodec.training.hyperprior import export  # noqa: E402
from sccodec.training.hyperprior.rate import (  # noqa: E402
    FactorizedEstimator,
    FloatDistributions,
    GridEstimator,
    learned_likelihood,
)
from tests import tiny_hyperprior  # noqa: E402
from tests.decode_golden import GOLDEN  # noqa: E402

CONFIGS = tiny_hyperprior.CONFIGS
QUALITIES = (0, 128, 255)
Case = tuple[dict[str, Any], HyperpriorModel]


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    """Float networks of each configuration, and what the exporter makes of them."""
    made = {variant: tiny_hyperprior.networks(config) for variant, config in CONFIGS.items()}
    return {variant: (networks, tiny_hyperprior.integer_model(networks)) for variant, networks in made.items()}


def latents(networks: dict[str, Any], quality: int, height: int = 8, width: int = 12) -> tuple[Tensor, Tensor, Tensor]:
    """z and y of a picture of height x width latents, and its quality [1]; quality: the byte."""
    picture = tiny_hyperprior.pictures(1, 16 * height, 16 * width, seed=7)[0]
    q = torch.tensor([quality / 2.55])
    with torch.no_grad():
        gain, _, factor, _ = networks["gains"](q)
        y = networks["analysis"](torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255, factor) * gain
        z = networks["hyper_analysis"](y) if networks["distributions"].config.hyper else None
    return z, y, q


def planes(x: Tensor | None) -> Any:
    """[1, C, h, w] -> float64 [h, w, C]."""
    return None if x is None else x[0].permute(1, 2, 0).double().numpy()


def write(model: HyperpriorModel, quality: int, z: Any, y: Any) -> tuple[bytes, Any, Writer]:
    """The stream of a tile, and its y_hat."""
    distributions = IntegerDistributions(model, quality, *y.shape[:2])
    writer = Writer()
    z = np.zeros(distributions.hyper_shape) if z is None else z
    y_hat = traverse(GridCoder(writer, model, distributions.hyper_shape), distributions, z, y)
    writer.check()
    return writer.finish(), np.array(y_hat), writer


def test_steps_take_every_latent_once() -> None:
    y = np.arange(6 * 8 * 12).reshape(6, 8, 12)
    parts = [lattice(y, step) for step in range(4)]
    assert all(part.shape == (3, 4, 12) for part in parts)
    assert np.array_equal(np.sort(np.concatenate(parts, None)), np.arange(y.size))
    again = np.zeros_like(y)
    for step, part in enumerate(parts):
        put_lattice(again, step, part)
    assert np.array_equal(again, y)
    for cell_row, cell_column in ((0, 0), (2, 3)):  # at each pixel of a cell, another quarter in each step
        pixels = [(2 * cell_row + p // 2, 2 * cell_column + p % 2) for p in range(4)]
        for step, part in enumerate(parts):
            found = part[cell_row, cell_column].reshape(4, 3)
            for p, (row, column) in enumerate(pixels):
                quarter = step ^ p
                assert np.array_equal(found[p], y[row, column, 3 * quarter : 3 * quarter + 3])


def test_both_forms_take_and_learn_alike(cases: dict[str, Case]) -> None:
    networks, model = cases["tiny"]
    y = torch.randint(-500, 500, (1, 16, 8, 12)).float()
    floats = FloatDistributions(networks["distributions"], networks["gains"], torch.tensor([50.0]))
    floats.begin(torch.zeros(1, 4, 2, 3))
    integers = IntegerDistributions(model, 128, 8, 12)
    for step in range(4):
        part = integers.take(planes(y), step)
        assert np.array_equal(part, planes(floats.take(y, step)))
        floats.learn(step, floats.take(y, step))
        integers.learn(step, part.astype(np.int32))
        assert np.array_equal(integers.known, planes(floats.known))
    assert np.array_equal(integers.known, planes(y))


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("variant", [v for v in CONFIGS if CONFIGS[v].hyper])
def test_integers_predict_what_floats_do(cases: dict[str, Case], variant: str, quality: int) -> None:
    """Given the same latents, 16ths of a step as both know them."""
    networks, model = cases[variant]
    z, y, q = latents(networks, quality)
    z, y = z.round(), (y * 16).round() / 16
    floats = FloatDistributions(networks["distributions"], networks["gains"], q)
    integers = IntegerDistributions(model, quality, 8, 12)
    rows, means = [], []
    with torch.no_grad():
        floats.begin(z)
        integers.begin(planes(z))
        for step in range(integers.steps):
            mean, row = (planes(v) for v in floats.predict(step))
            got_mean, got_row = integers.predict(step)
            assert got_mean.shape == got_row.shape == row.shape
            rows.append((got_row - row.clip(0, 63)).ravel())
            means.append((got_mean / 16 - mean).ravel())
            floats.learn(step, floats.take(y, step))
            integers.learn(step, np.rint(16 * integers.take(planes(y), step)).astype(np.int32))
    row_error, mean_error = (np.abs(np.concatenate(v)) for v in (rows, means))
    assert row_error.max() <= 1 and np.mean(row_error <= 0.55) > 0.99
    assert np.mean(mean_error <= 1 / 16) > 0.99 and mean_error.max() < 0.5
    if not CONFIGS[variant].means:
        assert mean_error.max() == 0


def test_predictions_depend_on_all_that_they_are_given(cases: dict[str, Case]) -> None:
    """Otherwise the test above would compare constants."""
    networks, model = cases["tiny"]
    z, y, _ = latents(networks, 128)

    def predict(quality: int, z: Tensor, known: Tensor) -> list[Any]:
        integers = IntegerDistributions(model, quality, 8, 12)
        integers.begin(planes(z.round()))
        found = []
        for step in range(4):
            found.append(np.stack(integers.predict(step)))
            integers.learn(step, np.rint(16 * integers.take(planes(known), step)).astype(np.int32))
        return found

    usual = predict(128, z, y)
    for changed in (predict(127, z, y), predict(128, 0 * z, y)):
        assert all(not np.array_equal(a, b) for a, b in zip(usual, changed, strict=True))
    other = predict(128, z, y.flip(3))
    assert np.array_equal(usual[0], other[0])
    assert all(not np.array_equal(a, b) for a, b in zip(usual[1:], other[1:], strict=True))


def test_the_factorized_prior_takes_the_rows_of_the_nearest_anchor(cases: dict[str, Case]) -> None:
    _, model = cases["tiny_factorized"]
    for quality, anchor in ((0, 0), (15, 0), (16, 1), (128, 4), (239, 7), (240, 8), (255, 8)):
        mean, row = IntegerDistributions(model, quality, 4, 4).predict(0)
        assert not mean.any() and np.array_equal(np.unique(row), np.arange(16) + 1 + 16 * anchor)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 9)])
@pytest.mark.parametrize("variant", CONFIGS)
def test_a_tile_of_any_size_is_read_as_it_was_written(
    cases: dict[str, Case], variant: str, size: tuple[int, int]
) -> None:
    networks, model = cases[variant]
    z, y, _ = latents(networks, 200)
    height, width = size
    distributions = IntegerDistributions(model, 200, height, width)
    hyper_rows, hyper_columns, channels = distributions.hyper_shape
    z = np.zeros((hyper_rows, hyper_columns, 0)) if z is None else planes(z)[:hyper_rows, :hyper_columns]
    inside = np.zeros((*distributions.padded, 16))
    inside[:height, :width] = planes(y)[:height, :width]
    writer = Writer()
    sent = np.array(traverse(GridCoder(writer, model, distributions.hyper_shape), distributions, z, inside))
    writer.check()
    reader, again = Reader(writer.finish()), IntegerDistributions(model, 200, height, width)
    got = traverse(GridCoder(reader, model, again.hyper_shape), again, None, None)
    reader.check()
    reader.finish()
    assert np.array_equal(sent, got) and channels == CONFIGS[variant].hyper
    assert not got[height:].any() and not got[:, width:].any(), "what lies outside the tile is not coded"
    coded = np.abs(got[:height, :width] / 16 - inside[:height, :width]) <= 0.5
    assert coded.mean() > 0.9


@pytest.fixture(params=["logistic", "compressai"])
def densities(request: pytest.FixtureRequest) -> Any:
    """Builds densities for a number of channels: those of the tests, and those that models are trained with."""
    if request.param == "logistic":
        return tiny_hyperprior.Densities
    pytest.importorskip("sccodec.training.compressai_priors", exc_type=ImportError, reason="needs compressai")
    from sccodec.training.estimator import EntropyModels

    def build(channels: int) -> Any:
        torch.manual_seed(3)
        return EntropyModels(channels).eval().requires_grad_(requires_grad=False)

    return build


class Sampler:
    """Verbs of the traversal that draw z and y from what is predicted: random weights fit no picture's latents."""

    def __init__(self, config: drawn.HyperpriorConfig, height: int, width: int) -> None:
        self.config, self.shape = config, (1, config.latents, height, width)
        self.generator = torch.Generator().manual_seed(5)

    def factorized(self, section: str, z: None) -> Tensor:
        shape = (1, self.config.hyper, self.shape[2] // 4, self.shape[3] // 4)
        self.z = (1.5 * torch.randn(shape, generator=self.generator)).round()
        return self.z

    def gaussian(self, section: str, y: None, mean: Tensor, row: Tensor) -> Tensor:
        if not self.config.hyper:
            return (3 * torch.randn(self.shape, generator=self.generator)).round()
        sigma = 0.11 * tables.scale_ratio() ** row.clamp(0, 63)
        return mean + (sigma * torch.randn(mean.shape, generator=self.generator)).round()


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("variant", CONFIGS)
def test_a_stream_is_as_long_as_was_estimated(
    cases: dict[str, Case], densities: Any, variant: str, quality: int
) -> None:
    """Within 0.5 % and 64 bits; a factorized prior's table is that of an anchor, which 128 is next to."""
    config = CONFIGS[variant]
    networks = cases[variant][0] | {"entropy": densities(config.hyper or config.latents).eval()}
    model = tiny_hyperprior.integer_model(networks)
    q = torch.tensor([quality / 2.55])

    def floats() -> FloatDistributions:
        found = FloatDistributions(networks["distributions"], networks["gains"], q)
        found.take = lambda y, step: y if y is None else FloatDistributions.take(found, y, step)  # a Sampler's is None
        return found

    sampler = Sampler(config, 16, 20)
    estimator = (GridEstimator if config.hyper else FactorizedEstimator)(networks["entropy"])
    with torch.no_grad():
        y = traverse(sampler, floats(), None, None)
        y_float = traverse(estimator, floats(), sampler.z, y)
    estimate = float(sum(bits.sum() for bits in estimator.bits.values()))
    data, y_hat, _ = write(model, quality, planes(sampler.z), planes(y))
    assert estimate > 3000
    assert abs(8 * len(data) - estimate) <= 0.005 * estimate + 64, (8 * len(data), estimate)
    assert np.abs(planes(y_float) - y_hat / 16).mean() < 0.1, "means are rounded to 16ths"


def test_compressai_agrees_with_the_tables_of_scales() -> None:
    pytest.importorskip("sccodec.training.compressai_priors", exc_type=ImportError, reason="needs compressai")
    from sccodec.training.compressai_priors import GaussianConditional

    table = tables.gaussian_table(tables.scales())
    for row, sigma in enumerate(tables.scales()):
        inside = int(table.sizes[row]) - 1
        values = torch.arange(inside, dtype=torch.float32)[None, None] + int(table.lowest[row])
        _, likelihood = GaussianConditional(None).eval()(values, torch.full_like(values, float(sigma)))
        stored = table.frequencies[row, :inside] / 2**16
        expected = likelihood[0, 0].double().numpy()
        assert np.abs(stored - expected).max() < 2.0**-13, row
        bits = float((expected * (np.log2(expected.clip(2.0**-30)) - np.log2(stored))).sum())
        assert abs(bits) < 2e-3, (row, "bits a symbol lost to whole frequencies")


def test_compressai_agrees_with_the_learned_tables() -> None:
    pytest.importorskip("sccodec.training.compressai_priors", exc_type=ImportError, reason="needs compressai")
    from sccodec.training.estimator import EntropyModels

    torch.manual_seed(0)
    models = EntropyModels(5).eval()
    values = torch.arange(-20, 21).float().expand(2, 5, -1)[..., None]
    with torch.no_grad():
        _, likelihood = models.bottleneck(values)
        mine = learned_likelihood(models.bottleneck, values, torch.ones(1, 5, 1, 1))
        table = export.learned_table(models, torch.tensor([[1.0] * 5, [0.25] * 5]))
        fine = learned_likelihood(models.bottleneck, values[:1], torch.full((1, 5, 1, 1), 0.25))
    torch.testing.assert_close(mine, likelihood, rtol=1e-4, atol=1e-7)
    columns = np.arange(-20, 21) + export.LEARNED_RANGE
    for anchor, expected in ((0, likelihood), (1, fine)):
        stored = table.frequencies[1 + 5 * anchor : 6 + 5 * anchor, columns] / 2**16
        # Rare values are raised to the smallest frequency, which takes from the others.
        assert np.abs(stored - expected[0, :, :, 0].numpy()).max() < 0.005


def test_a_density_about_zero_gives_its_middle_bin_the_most() -> None:
    logistic = tiny_hyperprior.Logistic(2)
    values = torch.tensor([-1.0, 0.0, 1.0]).view(1, 1, 3, 1).expand(1, 2, 3, 1)
    found = learned_likelihood(logistic, values, torch.ones(1, 2, 1, 1))
    torch.testing.assert_close(found, logistic(values, training=False)[1])
    assert (found[0, :, 1] > found[0, :, 0]).all()
    far = learned_likelihood(logistic, 1e6 * values, torch.ones(1, 2, 1, 1))
    assert torch.isfinite(far.log2()).all(), "a value far out has a rate too"


def test_no_sum_of_a_model_leaves_the_whole_numbers(cases: dict[str, Case]) -> None:
    """Known latents come in finer units than 16 bits hold; the widest mixing layer has room for the largest."""
    most = MEAN_LIMIT + 16 * RESIDUAL_LIMIT  # |y_hat|
    assert MOST_LATENTS * most * 2 ** (MOST_PSI_BITS - LATENT_BITS) * 2**15 + 2**20 * 2**30 + 2**51 + 2**49 < 2**53
    assert drawn.SLICED.latents <= MOST_LATENTS
    assert most < 2**15, "y_hat is kept in int16"
    _, model = cases["tiny"]
    integers = IntegerDistributions(model, 255, 8, 8)
    integers.begin(np.full(integers.hyper_shape, 1 << 21))  # as a damaged file may say
    for step, sign in enumerate((1, -1, 1, -1)):
        mean, row = integers.predict(step)
        assert row.min() >= 0 and row.max() < 64 and abs(mean).max() <= MEAN_LIMIT
        integers.learn(step, np.full(mean.shape, sign * most, np.int32))


def test_a_latent_beyond_all_limits_is_damage(cases: dict[str, Case]) -> None:
    _, model = cases["tiny_scale"]
    rows = np.full((4, 4, 16), 5)
    for value in (1000, -1000, 1001, -1001):
        writer = Writer()
        writer.symbols("latents", np.full(rows.size, value), rows.ravel(), model.y)
        coder = GridCoder(Reader(writer.finish()), model, (1, 1, 4))
        if abs(value) <= 1000:
            assert (coder.gaussian("latents", None, np.zeros(rows.shape, np.int32), rows) == 16 * value).all()
        else:
            with pytest.raises(Corrupt, match="limits"):
                coder.gaussian("latents", None, np.zeros(rows.shape, np.int32), rows)


def test_a_latent_far_from_its_mean_is_written_at_the_limit(cases: dict[str, Case]) -> None:
    _, model = cases["tiny_scale"]
    far = np.full((4, 4, 16), 1e9) * np.where(np.arange(16) % 2, 1, -1)
    zeros = np.zeros(far.shape, np.int32)
    y_hat = GridCoder(Writer(), model, (1, 1, 4)).gaussian("latents", far, zeros, zeros + 60)
    assert np.array_equal(y_hat, 16000 * np.sign(far))


def test_rows_that_are_not_coded_cost_nothing(cases: dict[str, Case]) -> None:
    _, model = cases["tiny"]
    row = np.array([[[-1, 0, 1, 30]]])
    mean = np.full(row.shape, 20, np.int32)
    writer = Writer()
    y_hat = GridCoder(writer, model, (1, 1, 4)).gaussian("latents", np.full(row.shape, 3.0), mean, row)
    assert y_hat.tolist() == [[[0, 20, 20 + 32, 20 + 32]]]
    alone = Writer()
    GridCoder(alone, model, (1, 1, 4)).gaussian("latents", np.full((1, 1, 2), 3.0), mean[..., 2:], row[..., 2:])
    assert writer.bits == alone.bits and writer.finish() == alone.finish()


def test_vectors_between_anchors_are_rounded_to_the_nearest() -> None:
    anchors = np.array([[0, -7, 1000], [100, 8, -3], [50, 9, -1001]])
    for quality in range(256):
        place = Fraction(2 * quality, 255)
        below = min(int(place), 1)
        exact = [a + (place - below) * (b - a) for a, b in zip(*anchors[below : below + 2].tolist(), strict=True)]
        got = interpolate(anchors, quality)
        assert all(abs(a - int(b)) <= Fraction(1, 2) for a, b in zip(exact, got.tolist(), strict=True))
    assert [interpolate(anchors, q).tolist() for q in (0, 255)] == [anchors[0].tolist(), anchors[2].tolist()]


@pytest.mark.parametrize("height", [1, 7, 8, 9, 16])
def test_tiles_cover_every_position_once(height: int) -> None:
    seen = np.zeros((height, 19), int)
    found = tiles(height, 19, 8)
    for rows, columns in found:
        assert rows.stop - rows.start <= 8 and columns.stop - columns.start <= 8
        seen[rows, columns] += 1
    assert (seen == 1).all() and len(found) == -(-height // 8) * 3


@pytest.mark.parametrize("variant", CONFIGS)
def test_a_model_file_gives_the_model_that_was_exported(cases: dict[str, Case], variant: str) -> None:
    """The golden models come from these networks: to the last integer, wherever they are exported alike."""
    _, model = cases[variant]
    config = {"hyper": CONFIGS[variant].hyper, "latents": 16, "features": 8, "steps": CONFIGS[variant].steps}
    config["means"] = CONFIGS[variant].means
    arrays = model.to_arrays()
    again = HyperpriorModel.from_arrays(arrays, config).to_arrays()
    assert again.keys() == arrays.keys()
    assert all(np.array_equal(again[name], value) for name, value in arrays.items())
    for name, value in arrays.items():
        with pytest.raises(ModelMismatch):
            HyperpriorModel.from_arrays({k: v for k, v in arrays.items() if k != name}, config)
        if name.endswith(".weight"):
            with pytest.raises(ModelMismatch, match="shape"):
                HyperpriorModel.from_arrays(arrays | {name: value[:, 1:]}, config)
    with pytest.raises(ModelMismatch):
        HyperpriorModel.from_arrays(arrays, config | {"latents": 20})
    for bits in (3, 16):
        with pytest.raises(ModelMismatch, match="room"):
            HyperpriorModel.from_arrays(arrays | {"integer.psi_bits": np.array([bits], np.int32)}, config)


@pytest.mark.parametrize("variant", CONFIGS)
def test_golden_models_hold_every_array(variant: str, monkeypatch: pytest.MonkeyPatch, cases: dict[str, Case]) -> None:
    monkeypatch.setenv("SCCODEC_MODELS", str(GOLDEN))
    opened = bundle.default("hyperprior", variant)
    names = {*opened.arrays("tables."), *opened.arrays("integer.")}
    assert names == cases[variant][1].to_arrays().keys()
    assert opened.path.parent == Path(GOLDEN)
