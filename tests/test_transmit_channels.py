"""Channels and modulation, against what their definitions say: powers, moments, labels, likelihoods."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sccodec.errors import BadInput
from sccodec.transmit import modulation
from sccodec.transmit.channels import Channel, Received, mean_power, normalised, peak_to_average

N = 400_000


def sent(n: int = N) -> np.ndarray:
    rng = np.random.default_rng(5)
    return normalised(rng.laplace(size=n) + 1j * rng.laplace(size=n))


@pytest.mark.parametrize("snr", [-5.0, 7.0, 21.5])
@pytest.mark.parametrize("spec", ["awgn", "rayleigh:fading=fast", "rician:k=3,fading=block"])
def test_noise_has_the_power_that_the_snr_states(spec: str, snr: float) -> None:
    x = sent()
    got = Channel.parse(spec).send(x, snr, np.random.default_rng(1))
    noise = got.symbols - got.gains * x
    assert 10 * math.log10(mean_power(x) / mean_power(noise)) == pytest.approx(snr, abs=0.05)
    assert got.noise_power == pytest.approx(10 ** (-snr / 10))
    for part in (noise.real, noise.imag):  # circular: half of it in each part, and nothing in common
        assert 2 * float(np.mean(part**2)) == pytest.approx(got.noise_power, rel=0.01)
    assert abs(float(np.mean(noise.real * noise.imag))) < 0.01 * got.noise_power


def test_symbols_are_brought_to_power_one() -> None:
    assert mean_power(sent()) == pytest.approx(1, abs=1e-3)
    assert mean_power(normalised(np.full(7, 1e-6 + 0j))) == pytest.approx(1, abs=1e-3)
    assert peak_to_average(normalised([1.0, 1.0, 1.0, 3.0])) == pytest.approx(10 * math.log10(9 / 3))


@pytest.mark.parametrize(("spec", "fourth"), [("rayleigh", 2.0), ("rician:k=0", 1.75), ("rician:k=10", 1.1736)])
def test_moments_of_fading(spec: str, fourth: float) -> None:
    """E|h|^2 = 1; E|h|^4 = 2 for Rayleigh, and (2 + 4 K + K^2) / (1 + K)^2 for Rician fading of the ratio K."""
    joined = f"{spec}{',' if ':' in spec else ':'}fading=fast"
    power = np.abs(Channel.parse(joined).gains(N, np.random.default_rng(2))) ** 2
    assert float(power.mean()) == pytest.approx(1, abs=0.01)
    assert float((power**2).mean()) == pytest.approx(fourth, rel=0.02)


def test_block_fading_is_one_gain_and_fast_fading_many() -> None:
    rng = np.random.default_rng(3)
    assert len(set(Channel.parse("rayleigh").gains(100, rng).tolist())) == 1
    assert len(set(Channel.parse("rayleigh:fading=fast").gains(100, rng).tolist())) == 100
    drawn = [abs(complex(Channel.parse("rayleigh").gains(1, rng)[0])) ** 2 for _ in range(4000)]
    assert np.mean(drawn) == pytest.approx(1, abs=0.06)


def test_what_the_receiver_knows() -> None:
    x = sent(1000)
    knows, not_ = (
        Channel.parse(f"rayleigh:fading=fast,csi={csi}").send(x, 30, np.random.default_rng(4))
        for csi in ("perfect", "none")
    )
    assert np.array_equal(knows.symbols, not_.symbols) and np.array_equal(not_.gains, np.ones(1000))
    equal, noise = knows.equalised()
    weak = noise > 1
    assert float(np.mean(np.abs((equal - x)[~weak]) ** 2 / noise[~weak])) == pytest.approx(1, abs=0.1)
    lost = Received(np.ones(1, np.complex64), np.zeros(1, np.complex64), 0.1).equalised()
    assert np.isfinite(lost[0]).all() and lost[1][0] == pytest.approx(1e11)


def test_the_same_generator_gives_the_same_and_no_noise_gives_all() -> None:
    x = sent(50)
    channel = Channel.parse("rician")
    first, again = (channel.send(x, 3, np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(first.symbols, again.symbols)
    assert not np.array_equal(first.symbols, channel.send(x, 3, np.random.default_rng(10)).symbols)
    clear = Channel().send(x, math.inf, np.random.default_rng(0))
    assert np.array_equal(clear.symbols, x) and clear.noise_power == 0


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [("awgn", "awgn"), ("rayleigh", "rayleigh:csi=perfect,fading=block"),
     ("rician:k=4.50,csi=none", "rician:csi=none,fading=block,k=4.5"),
     ("rician:k=3.1234567", "rician:csi=perfect,fading=block,k=3.1234567")],
)  # fmt: skip
def test_specs_have_one_form(spec: str, canonical: str) -> None:
    assert str(Channel.parse(spec)) == canonical and Channel.parse(canonical) == Channel.parse(spec)


@pytest.mark.parametrize(
    ("spec", "said"),
    [("wire", "no channel is named 'wire'"), ("awgn:csi=none", "has no option 'csi'"),
     ("rayleigh:k=3", "has no option 'k'"), ("rayleigh:fading=slow", "expected block or fast"),
     ("rician:k=nan", "expected decibels"), ("rayleigh:urban", "no variant 'urban'")],
)  # fmt: skip
def test_bad_specs(spec: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Channel.parse(spec)


@pytest.mark.parametrize(
    ("symbols", "snr", "said"),
    [([1 + 1j, math.nan], 10, "no finite numbers"), ([1e300, 1], 10, "no finite numbers"),
     ([], 10, "complex numbers"), ([[1j]], 10, "complex numbers"),
     ([1j], 1000, "goes from -60 to 100"), ([1j], math.nan, "goes from")],
)  # fmt: skip
def test_bad_symbols_and_snrs(symbols: list[complex], snr: float, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Channel().send(np.array(symbols, np.complex128), snr, np.random.default_rng(0))


@pytest.mark.parametrize("order", modulation.ORDERS)
def test_modulation_has_power_one_and_gray_labels(order: int) -> None:
    every = np.array([[n >> (order - 1 - i) & 1 for i in range(order)] for n in range(1 << order)], np.uint8)
    points = modulation.modulate(every.ravel(), order)
    assert mean_power(points) == pytest.approx(1, abs=1e-6) and len(set(points.tolist())) == 1 << order
    far = np.abs(points[:, None] - points[None])
    nearest = np.sort(far, 1)[:, 1].min()
    differ = (every[:, None] != every[None]).sum(2)
    assert (differ[(far > 0) & (far < 1.01 * nearest)] == 1).all()


def test_labels_are_those_of_5g_nr() -> None:
    """3GPP TS 38.211, 5.1.3 to 5.1.5: the point of all zeros, and one with the last bits set."""
    for order, zero, last in ((2, 1 + 1j, None), (4, 1 + 1j, 3 + 3j), (6, 3 + 3j, 1 + 1j)):
        scale = math.sqrt({2: 2, 4: 10, 6: 42}[order])
        bits = np.zeros(order, np.uint8)
        assert complex(modulation.modulate(bits, order)[0]) == pytest.approx(zero / scale, abs=1e-6)
        if last is not None:
            bits[-2:] = 1
            assert complex(modulation.modulate(bits, order)[0]) == pytest.approx(last / scale, abs=1e-6)


@pytest.mark.parametrize("order", modulation.ORDERS)
def test_ratios_are_the_likelihoods_of_all_points(order: int) -> None:
    rng = np.random.default_rng(6)
    bits = rng.integers(0, 2, 20 * order).astype(np.uint8)
    got = Channel().send(modulation.modulate(bits, order), 6, rng)
    ratios = modulation.demodulate(got.symbols, got.noise_power, order).reshape(-1, order)
    every = np.array([[n >> (order - 1 - i) & 1 for i in range(order)] for n in range(1 << order)], np.uint8)
    points = modulation.modulate(every.ravel(), order)
    for symbol, found in zip(got.symbols, ratios, strict=True):
        likelihood = np.exp(-(np.abs(symbol - points) ** 2) / got.noise_power)
        for i in range(order):
            expected = math.log(likelihood[every[:, i] == 0].sum() / likelihood[every[:, i] == 1].sum())
            assert found[i] == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("order", modulation.ORDERS)
def test_hard_decisions_of_a_clear_channel_are_the_bits(order: int) -> None:
    bits = np.random.default_rng(7).integers(0, 2, 60 * order).astype(np.uint8)
    ratios = modulation.demodulate(modulation.modulate(bits, order), 0.0, order)
    assert np.array_equal((ratios < 0).astype(np.uint8), bits)


def test_capacity() -> None:
    assert modulation.capacity(0) == pytest.approx(1) and modulation.capacity(10) == pytest.approx(math.log2(11))
