"""The hyperprior codec with toy models of its configurations: sizes, tiles, quality, determinism, damage."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sccodec
from sccodec import api, bundle, codec, container, engine
from sccodec.cli import main
from sccodec.codecs.hyperprior import latents
from sccodec.codecs.hyperprior.coding import HyperpriorModel
from sccodec.entropy.coder import Writer
from sccodec.errors import BadStream, Desync, ModelMismatch
from tests.decode_golden import GOLDEN

hyperprior = importlib.import_module("sccodec.codecs.hyperprior.codec")  # as an attribute, it is the function codec()
VARIANTS = ["tiny", "tiny_meanscale", "tiny_scale", "tiny_factorized"]
SIZES = [(1, 1), (15, 16), (17, 33), (1, 200), (200, 1), (64, 96)]


@pytest.fixture(autouse=True)
def toy_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models of the golden files: they need no torch."""
    monkeypatch.setenv("SCCODEC_MODELS", str(GOLDEN))


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Slow waves, faint stripes and a little noise, uint8 [height, width, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 120
    waves = np.stack([np.sin(3 * (x * a + y * b) + c) for a, b, c in rng.normal(size=(3, 3))], -1)
    waves[(2 * x + y) % 1.1 < 0.3] *= 0.95
    return (127 + 100 * waves + rng.normal(0, 2, waves.shape)).clip(0, 255).astype(np.uint8)


def latents_of(data: bytes, options: codec.Options = codec.DEFAULT_OPTIONS) -> np.ndarray:
    """The decoded latents of a file, [h, w, latents], in 16ths of a step."""
    reading = api.read(data, options=options)
    assert isinstance(reading, hyperprior.HyperpriorReading)
    return reading.y_hat


def model(variant: str, level: int) -> hyperprior.Model:
    return hyperprior.Model(bundle.default("hyperprior", variant), level)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((a.astype(float) - b) ** 2) / 255**2))


@pytest.mark.parametrize("tile", [4, 64])
@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_read_is_what_was_written(monkeypatch: pytest.MonkeyPatch, variant: str, tile: int) -> None:
    """Latents, not pixels, tile by tile: each within half a step of the analysis, but for those that are not coded."""
    monkeypatch.setattr(latents, "TILE", tile)
    image = picture(90, 170)
    written: list[np.ndarray] = []
    analysed: list[np.ndarray] = []
    code = hyperprior.Model.code

    def keep(self: Any, coder: Any, y: Any, shape: tuple[int, int]) -> Any:
        y_hat = code(self, coder, y, shape)
        if isinstance(coder, Writer):
            written.append(y_hat.copy())
            analysed.append(y)
        return y_hat

    monkeypatch.setattr(hyperprior.Model, "code", keep)
    data = sccodec.encode(image, f"hyperprior:{variant}", 100)
    got = latents_of(data)
    assert got.shape == (6, 11, 16) and got.dtype == np.int16
    if tile == 64:
        assert np.array_equal(got, written[0])
        assert np.abs(got / 16 - analysed[0]).max() <= 0.501
    else:
        assert len(written) == 2 * 3
        assert np.array_equal(got, np.concatenate([np.concatenate(written[k : k + 3], 1) for k in (0, 3)]))


def differing(a: np.ndarray, b: np.ndarray) -> float:
    """The share of samples more than one grey level apart."""
    return float(np.mean(np.abs(a.astype(int) - b) > 1))


@pytest.mark.parametrize("size", [(16, 16), (150, 330), (16, 400), (333, 90)])
def test_tiles_leave_no_seams(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    """The same latents drawn in tiles and whole; the same picture analysed in tiles and whole."""
    found = model("tiny", 200)
    image = picture(*size)
    rows, columns = (-(-side // 16) for side in size)
    whole = slice(0, rows), slice(0, columns)
    y = hyperprior.analyse_tile(found, image, *whole)
    y_hat = np.rint(y * 16).astype(np.int16)
    drawn = hyperprior.synthesise_tile(found, y_hat, *whole)
    assert drawn.shape == (16 * rows, 16 * columns, 3)

    def in_tiles() -> tuple[np.ndarray, np.ndarray]:
        analysed, picture = np.empty_like(y), np.empty_like(drawn)
        for r, c in hyperprior.tiles(rows, columns, 4):
            analysed[r, c] = hyperprior.analyse_tile(found, image, r, c)
            pixels = slice(16 * r.start, 16 * r.stop), slice(16 * c.start, 16 * c.stop)
            picture[pixels] = hyperprior.synthesise_tile(found, y_hat, r, c)
        return analysed, picture

    analysed, drawn_in_tiles = in_tiles()
    assert differing(drawn, drawn_in_tiles) <= 0.001
    assert np.abs(analysed - y).max() < 1e-3
    monkeypatch.setattr(found, "margins", (0, 0))
    if max(rows, columns) > 4:
        analysed, drawn_in_tiles = in_tiles()
        assert np.abs(analysed - y).max() > 1e-2, "the margins matter"
        assert not np.array_equal(drawn, drawn_in_tiles)


def test_margins_are_as_wide_as_the_networks_look() -> None:
    """Noise outside a tile and its margin changes nothing in it; one latent nearer it does."""
    found = model("tiny", 200)
    rng = np.random.default_rng(0)
    y_hat = rng.integers(-400, 400, (1, 16, 16)).astype(np.int16)
    reach = []
    for changed in range(16):
        other = y_hat.copy()
        other[:, changed] += 3000
        a, b = found.synthesise(y_hat), found.synthesise(other)
        columns = np.flatnonzero((a != b).any((0, 2))) // 16
        reach.append(max(abs(columns - changed)))
    assert max(reach[4:-4]) <= found.margins[1] and max(reach) >= 1
    image = picture(16, 256)
    for changed in range(4, 12):
        other = image.copy()
        other[:, 16 * changed : 16 * changed + 16] ^= 255
        difference = np.abs(found.analyse(image) - found.analyse(other)).max((0, 2))
        columns = np.flatnonzero(difference > 0)
        assert max(abs(columns - changed)) <= found.margins[0]


def test_pictures_of_several_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than 1024 pixels, and many small ones: about as good as in one piece."""
    tall = picture(1040, 24)
    assert psnr(sccodec.decode(sccodec.encode(tall, "hyperprior:tiny", 100)), tall) > 20
    image = picture(200, 280)
    whole = sccodec.encode(image, "hyperprior:tiny", 70)
    monkeypatch.setattr(latents, "TILE", 4)
    tiled = sccodec.encode(image, "hyperprior:tiny", 70)
    assert tiled != whole and abs(len(tiled) - len(whole)) < 0.1 * len(whole)
    quality = psnr(sccodec.decode(tiled), image)
    with pytest.raises(BadStream):
        sccodec.decode(whole)  # tiles are part of the format
    monkeypatch.setattr(latents, "TILE", 64)
    assert abs(quality - psnr(sccodec.decode(whole), image)) < 0.1


@pytest.mark.parametrize("variant", VARIANTS)
def test_rate_and_psnr_rise_with_quality(variant: str) -> None:
    """On a synthetic picture, in steps of 25: a toy model's principal components keep that much order."""
    image = picture(160, 224, seed=2)
    files = [sccodec.encode(image, f"hyperprior:{variant}", q) for q in (0, 25, 50, 75, 100)]
    sizes = [len(data) for data in files]
    assert sizes == sorted(set(sizes)) and sizes[-1] > 1.4 * sizes[0]
    decoded = [psnr(sccodec.decode(data), image) for data in files]
    assert decoded == sorted(decoded) and decoded[-1] > decoded[0] + 0.5


def test_rate_rises_over_all_qualities() -> None:
    """Neighbouring levels of the byte may change places; over ten of them the order holds."""
    image = picture(96, 128, seed=3)
    listed = hyperprior.codec().qualities()
    assert len(listed) == 256 and listed[0] == 0 and listed[-1] == 100
    sizes = [len(sccodec.encode(image, "hyperprior:tiny", q)) for q in listed[::10]]
    assert all(b >= a for a, b in zip(sizes, sizes[1:], strict=False))
    levels = {sccodec.encode(image[:16, :16], "hyperprior:tiny", q) for q in listed[100:110]}
    assert len(levels) == 10, "each level writes another file"


def run(args: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and standard error of a command."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(args)
    return int(stopped.value.code or 0), capfd.readouterr().err


def test_targets_through_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    image = picture(96, 128, seed=4)
    Image.fromarray(image).save("a.png")
    low, high = (len(sccodec.encode(image, "hyperprior:tiny", q)) for q in (0, 100))
    common = ["encode", "a.png", "-m", "hyperprior:tiny", "--force", "-o", "a.scc"]
    previous = 0
    for most in (low, (low + high) // 2, high - 1, high, 10 * high):
        assert run([*common, "--target-bytes", str(most)], capfd)[0] == 0
        n_bytes = Path("a.scc").stat().st_size
        assert previous <= n_bytes <= most and n_bytes > 0.9 * min(most, high)
        assert sccodec.decode(Path("a.scc").read_bytes()).shape == image.shape
        previous = n_bytes
    bpp = 8 * ((low + high) // 2) / (96 * 128)
    assert run([*common, "--target-bpp", repr(bpp)], capfd)[0] == 0
    assert 8 * Path("a.scc").stat().st_size / (96 * 128) <= bpp
    before = Path("a.scc").read_bytes()
    code, said = run([*common, "--target-bytes", str(low - 1)], capfd)
    assert code == 1 and f"{low} bytes" in said and said.count("\n") == 1
    assert Path("a.scc").read_bytes() == before


@pytest.mark.parametrize("device", ["cpu:0", "cuda"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_files_are_the_same_format_in_torch(monkeypatch: pytest.MonkeyPatch, variant: str, device: str) -> None:
    """Written and read by torch and by ONNX Runtime: the same symbols, and pictures within a grey level.

    torch's own CPU, by its other name, runs what a GPU does where there is none.
    """
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")
    monkeypatch.setattr(latents, "TILE", 8)
    monkeypatch.setattr(engine, "find_device", str)  # which knows no other name of the CPU
    there, here = codec.Options(device=device), codec.Options()
    image = picture(150, 200, seed=6)
    assert type(bundle.default("hyperprior", variant, device).network("synthesis")).__name__ == "TorchNetwork"
    spec = f"hyperprior:{variant}"
    files = [sccodec.encode(image, spec, q, options=options) for q in (30.0, 100.0) for options in (here, there)]
    for data in files:
        assert np.array_equal(latents_of(data, there), latents_of(data, here))
        assert differing(sccodec.decode(data, options=there), sccodec.decode(data, options=here)) <= 0.001
    for ours, theirs in (files[:2], files[2:]):
        assert abs(len(ours) - len(theirs)) <= 0.01 * len(ours) + 8
        assert differing(sccodec.decode(theirs, options=there), sccodec.decode(ours, options=here)) < 0.05


def change_model(monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    """From now on, arrays of the entropy stage differ from the model file's: change(arrays) sees to it, in place."""
    original = hyperprior.Model.__init__

    def init(self: hyperprior.Model, opened: bundle.Bundle, quality: int) -> None:
        original(self, opened, quality)
        arrays = {k: v.copy() for k, v in (opened.arrays("tables.") | opened.arrays("integer.")).items()}
        change(arrays)
        self.entropy = HyperpriorModel.from_arrays(arrays, opened.config)

    monkeypatch.setattr(hyperprior.Model, "__init__", init)


# A check symbol of 8 bits lets one in 256 pass: files that never change keep these tests from failing by chance.
KEPT = {"tiny": 3, "tiny_meanscale": 4, "tiny_scale": 5, "tiny_factorized": 6}


def kept(variant: str) -> bytes:
    return (GOLDEN / f"hyperprior-v1-{KEPT[variant]}.scc").read_bytes()


@pytest.mark.parametrize(
    ("variant", "name", "by"),
    [
        ("tiny", "integer.synthesis.enter.weight", 8000),
        ("tiny", "integer.synthesis.spatial.weight", 8000),
        ("tiny", "integer.synthesis.leave.bias", 1 << 26),
        ("tiny", "integer.step0.mix.weight", 8000),
        ("tiny", "integer.step3.around.weight", 8000),
        ("tiny", "integer.step2.head1.weight", 8000),
        ("tiny", "tables.base", 200),
        ("tiny_meanscale", "integer.step0.head0.weight", 8000),
        ("tiny_scale", "integer.synthesis.up.weight", 8000),
    ],
)
def test_one_other_number_in_a_model_is_noticed(
    monkeypatch: pytest.MonkeyPatch, variant: str, name: str, by: int
) -> None:
    """As machines that disagree would read a file: other latents are an error, not a picture."""
    data = kept(variant)
    expected = latents_of(data)
    stored = bundle.default("hyperprior", variant).arrays(name)[name]
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(24):
        at = int(rng.integers(stored.size))

        def change(arrays: dict[str, np.ndarray], at: int = at) -> None:
            arrays[name].flat[at] += -by if stored.flat[at] > 0 else by

        with monkeypatch.context() as patch:
            change_model(patch, change)
            try:
                got = latents_of(data)
            except BadStream:
                refused += 1
            else:
                assert np.array_equal(got, expected), (name, at)
    assert refused >= 3


def test_a_table_of_other_values_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same frequencies, for values one higher: only the check symbol tells."""
    data = kept("tiny_factorized")
    assert container.parse(data).params == 153, "whose nearest anchor is 5"
    for channel in range(16):

        def change(arrays: dict[str, np.ndarray], row: int = 1 + 5 * 16 + channel) -> None:
            arrays["tables.y.lowest"][row] += 1

        with monkeypatch.context() as patch:
            change_model(patch, change)
            with pytest.raises(Desync):
                sccodec.decode(data)


@pytest.mark.parametrize("variant", VARIANTS)
def test_other_frequencies_are_noticed(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    """A little of the most frequent value's given to its neighbour, in every row of the latents' table."""

    def change(arrays: dict[str, np.ndarray]) -> None:
        value = arrays["tables.y.frequencies"]
        rows, top = np.arange(len(value)), value.argmax(1)
        value[rows, top] -= 20
        value[rows, np.where(top > 0, top - 1, 1)] += 20

    data = kept(variant)
    latents_of(data)
    change_model(monkeypatch, change)
    with pytest.raises(BadStream):
        sccodec.decode(data)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_size_of_a_picture_is_that_of_its_latents(variant: str) -> None:
    file = container.parse(sccodec.encode(picture(70, 90), f"hyperprior:{variant}", 60))
    with pytest.raises(BadStream):
        sccodec.decode(container.serialise(replace(file, width=file.width + 16)))


def test_models_of_other_kinds_are_refused() -> None:
    good = bundle.default("hyperprior", "tiny")

    def like_it(**changes: Any) -> bundle.Bundle:
        opened = bundle.Bundle.__new__(bundle.Bundle)
        vars(opened).update(vars(good) | changes)
        return opened

    hyperprior.Model(like_it(), 0)
    with pytest.raises(ModelMismatch, match="bitstream version 99"):
        hyperprior.Model(like_it(bitstream=99), 0)
    without = {k: v for k, v in good.config.items() if k != "hyper"}
    others = [good.config | change for change in ({"latents": None}, {"steps": "four"}, {"analysis_blocks": 3})]
    for config in (without, *others):
        with pytest.raises(ModelMismatch, match="configuration"):
            hyperprior.Model(like_it(config=config), 0)
