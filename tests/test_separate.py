"""Separation without its LDPC package: plans, thresholds, the bound, belief propagation, what is refused."""

from __future__ import annotations

import io
import math
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from sccodec import api
from sccodec.codec import DEFAULT_OPTIONS, Picture
from sccodec.errors import BadInput, CodecUnavailable, UnknownCodec
from sccodec.metrics.image import psnr
from sccodec.notices import ignore
from sccodec.transmit import link as links
from sccodec.transmit import modulation
from sccodec.transmit.channels import Channel, mean_power
from sccodec.transmit.link import Arrived, Frame, Sent
from sccodec.transmit.run import transmit
from sccodec.transmit.separate import belief, capacity, ldpc, partial
from sccodec.transmit.separate import plan as planning
from sccodec.transmit.separate.link import link
from sccodec.transmit.separate.plan import Plan, choose
from sccodec.transmit.separate.thresholds import Table, tables

TABLE = Table((64, 256), (0.25, 0.5, 0.75), ((0.0, 3.0, 7.0), (-2.0, 1.0, None)), ((1.0, 1.0, 1.0), (0.2, 0.2, 0.2)))
SIZES = (60, 300, 1200, 9001, 98304, 1_000_000)


@pytest.fixture
def rough() -> Picture:
    """A picture of which no file of high quality is small, uint8 [24, 32, 3]."""
    return np.random.default_rng(9).integers(60, 180, (24, 32, 3), np.uint8)


def send(picture: Picture, spec: str, snr: float = 10) -> Sent:
    parsed = links.parse(spec)
    link().check(parsed)
    return link().send(picture, parsed, snr, ignore, DEFAULT_OPTIONS)


def arrive(sent: Sent, snr: float, channel: str = "awgn", seed: int = 0, said: list[str] | None = None) -> Arrived:
    got = Channel.parse(channel).send(sent.symbols, snr, np.random.default_rng(seed))
    assert sent.ideal is not None
    tell = ignore if said is None else said.append
    return link().receive_ideal(sent.ideal, got, sent.frame, tell, DEFAULT_OPTIONS)


def test_thresholds_are_those_of_the_table_and_linear_between() -> None:
    assert TABLE.needs(64, 0.5) == pytest.approx(3)
    assert TABLE.needs(128, 0.5) == pytest.approx(2)  # half way in the logarithm
    assert TABLE.needs(64, 0.625) == pytest.approx(5)
    assert TABLE.needs(32, 0.5) == TABLE.needs(64, 0.5) and TABLE.needs(999, 0.5) == TABLE.needs(256, 0.5)
    assert TABLE.needs(64, 0.125) == pytest.approx(0 - 10 * math.log10(2))  # each bit twice
    assert TABLE.needs(64, 0.5, 1e-4) == pytest.approx(3 + 1) and TABLE.needs(64, 0.5, 1e-2) == pytest.approx(3 - 1)
    assert TABLE.needs(64, 0.76) == math.inf and TABLE.needs(256, 0.7) == math.inf  # beyond it, and where None stands
    assert TABLE.needs(256, 0.5) == pytest.approx(1)


@pytest.mark.parametrize("order", modulation.ORDERS)
def test_no_threshold_is_below_what_shannon_allows(order: int) -> None:
    table = tables()[order]
    for i, length in enumerate(table.lengths):
        known = [(rate, snr) for rate, snr in zip(table.rates, table.snr[i], strict=True) if snr is not None]
        assert len(known) >= 7
        for rate, snr in known:
            per_symbol = order * rate * (1 - 0.5 / math.sqrt(length))
            assert snr > 10 * math.log10(2**per_symbol - 1), (order, length, rate)
        assert [snr for _, snr in known] == sorted(snr for _, snr in known), (order, length)
        assert all(0 < decade < 3 for decade in table.decade[i] if decade is not None)
    assert table.lengths == [*sorted(table.lengths)] and table.lengths[-1] == ldpc.MOST_BITS


def test_bpsk_needs_half_of_what_qpsk_needs() -> None:
    for bits, rate in ((40, 0.5), (1000, 0.3), (8000, 0.6)):
        assert tables()[1].needs(bits, rate) == pytest.approx(tables()[2].needs(bits, rate) - 3.0103, abs=2e-3)


@pytest.mark.parametrize("snr", [-12.0, -5.0, 1.0, 7.0, 13.0, 40.0])
@pytest.mark.parametrize("k", SIZES)
def test_plans_fit_and_no_block_could_be_longer(k: int, snr: float) -> None:
    try:
        plan = choose(k, snr)
    except BadInput:
        assert k * modulation.capacity(snr) < 120  # even the shortest block is more than that
        return
    assert Plan.of(plan.settings() | {"scale": 1.0}, k) == plan
    assert plan.blocks * plan.symbols + plan.spare == k and plan.bytes == plan.blocks * (plan.block_bits - 24) // 8
    needs = tables()[plan.order].needs
    failing = min(1e-3, 2e-3 / plan.blocks)
    assert needs(plan.block_bits, plan.rate, failing) <= snr
    longer = plan.block_bits + 8
    assert not planning.allowed(longer, plan.coded) or needs(longer, longer / plan.coded, failing) > snr
    assert 8 * plan.bytes <= k * modulation.capacity(snr)


@pytest.mark.parametrize("snr", [1.0, 4.0, 7.0, 10.0])
def test_plans_of_a_photograph_carry_what_capacity_does_2_db_below(snr: float) -> None:
    assert 8 * choose(98304, snr).bytes > 98304 * modulation.capacity(snr - 2)


def test_the_mean_colour_is_sent_where_it_costs_little() -> None:
    large, small = choose(98304, 10), choose(1000, 10)
    assert large.has_colour and large.spare < 98304 / 50
    reach = tables()[2].needs(40, 40 / (2 * large.spare))
    assert reach <= 0
    assert not small.has_colour and small.blocks == 1  # whose block carries all or nothing


@pytest.mark.parametrize("k", [1, 21, 60])
def test_too_few_symbols_are_refused_with_what_it_takes(k: int) -> None:
    with pytest.raises(BadInput, match=rf"^{k} symbols at -3 dB carry no block of 40 bits.*(dB|22 symbols or more)$"):
        choose(k, -3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"order": 3},
        {"order": 2.5},
        {"blocks": 0},
        {"blocks": 5},
        {"block_bits": 8449},
        {"block_bits": 32},
        {"block_bits": 8456},
        {"spare": -1},
        {"spare": 1e9},
        {"block_bits": 41},
    ],
)
def test_settings_that_cut_no_symbols_are_refused(wrong: dict[str, float]) -> None:
    plan = choose(9000, 10)
    whole = plan.settings() | {"scale": 1.0}
    assert Plan.of(whole, 9000) == plan
    with pytest.raises(BadInput, match="settings"):
        Plan.of(whole | wrong, 9000)
    for name in whole:
        with pytest.raises(BadInput, match=rf"lacks the settings {name}$"):
            Plan.of({key: value for key, value in whole.items() if key != name}, 9000)


def test_the_bound_charges_the_file_and_the_colour(rough: Picture) -> None:
    sent = send(rough, "separate:jpeg,code=capacity,ratio=1/2", 25)
    k, data = sent.frame.k, sent.ideal
    assert data is not None and k == 24 * 32 * 3 // 2 and sent.frame.ratio == Fraction(1, 2)
    carried = k * math.log2(1 + 10**2.5)
    assert 8 * len(data) <= carried and capacity.room(k, 25) == math.floor(carried) // 8 - 3
    assert sent.frame.bits == 8 * (len(data) - 3) and mean_power(sent.symbols) == pytest.approx(1, abs=1e-3)
    assert list(data[:3]) == np.rint(rough.reshape(-1, 3).mean(0)).astype(int).tolist()
    arrived = arrive(sent, 25)
    assert arrived.failed == (0, 1) and np.array_equal(arrived.picture, api.decode(data[3:]))


def test_below_what_the_bound_was_for_the_mean_colour_arrives(rough: Picture) -> None:
    sent = send(rough, "separate:jpeg,code=capacity,ratio=1/2", 25)
    said: list[str] = []
    worse = arrive(sent, 20, said=said)
    assert worse.failed == (1, 1) and len(said) == 1 and "mean colour" in said[0]
    mean = np.rint(rough.reshape(-1, 3).mean(0)).astype(np.uint8)
    assert np.array_equal(worse.picture, np.broadcast_to(mean, rough.shape))
    nothing = arrive(sent, -40)
    assert nothing.failed == (1, 1) and (nothing.picture == 128).all()  # 0.2 bits are no colour


def test_the_bound_over_fading_is_that_of_the_gains(rough: Picture) -> None:
    sent = send(rough, "separate:jpeg,code=capacity,ratio=1/2", 25)
    over = Channel.parse("rayleigh:fading=fast")
    got = over.send(sent.symbols, 25, np.random.default_rng(2))
    expected = np.log2(1 + np.abs(got.gains.astype(np.complex128)) ** 2 * 10**2.5).sum()
    assert capacity.carried(got) == pytest.approx(expected, rel=1e-5)
    assert arrive(sent, 25, "rayleigh:fading=fast", 2).failed == (1, 1)  # the mean of the logarithm is less
    assert arrive(sent, 35, "rayleigh:fading=fast", 2).failed == (0, 1)


def test_a_bound_cannot_be_received(rough: Picture) -> None:
    sent = send(rough, "separate:jpeg,code=capacity,ratio=1/2", 25)
    got = Channel().send(sent.symbols, 25, np.random.default_rng(0))
    with pytest.raises(BadInput, match="code=capacity is a bound"):
        link().receive(got, sent.frame, ignore, DEFAULT_OPTIONS)


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ("separate", BadInput, "needs a codec"),
        ("separate:nosuch", UnknownCodec, "no codec is named 'nosuch'"),
        ("separate:jpeg,code=turbo", BadInput, "code is 'turbo', expected capacity or ldpc"),
        ("separate:jpeg,colour=red", BadInput, "jpeg has no option 'colour'"),
        ("separate:hyperprior,chroma=444", BadInput, "hyperprior has no option 'chroma'"),
        ("separate:jpeg,ratio=7", BadInput, "a ratio is '7'"),
    ],
)
def test_what_a_link_does_not_have_is_refused(spec: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        link().check(links.Spec.parse(spec))


def test_options_are_the_codecs(picture: Picture) -> None:
    rich, poor = (send(picture, f"separate:jpeg,chroma={c},q=60,ratio=1", 25).ideal for c in ("444", "420"))
    assert rich is not None and poor is not None
    for data, chroma in ((rich, "444"), (poor, "420")):
        assert data[3:] == api.encode(picture, f"jpeg:chroma={chroma}", 60)
    assert rich != poor
    with pytest.raises(BadInput, match=r"^at q=95 the file has \d+ bytes, and the channel carries \d+$"):
        send(picture, "separate:jpeg,q=95,ratio=1/9", 10)


def test_a_bound_is_of_a_channel_that_the_receiver_knows(picture: Picture) -> None:
    with pytest.raises(BadInput, match="a bound needs csi=perfect"):
        transmit(picture, "separate:jpeg,ratio=1", 25, channel="rayleigh:csi=none")
    assert transmit(picture, "separate:jpeg,ratio=1", 25, channel="awgn").arrived.failed == (0, 1)


def test_where_no_file_fits_the_mean_colour_is_sent(picture: Picture) -> None:
    notes: list[str] = []
    done = transmit(picture, "separate:jpeg,ratio=1/24", 10, notice=notes.append)
    assert "the smallest file that jpeg makes" in notes[0] and notes[0].endswith("the mean colour alone is sent")
    assert done.frame.bits == 0 and done.details["quality"] is None and done.arrived.failed == (0, 1)
    assert (done.arrived.picture == np.rint(picture.mean((0, 1)))).all()


def test_a_pixel_is_too_few_symbols() -> None:
    with pytest.raises(BadInput, match=r"^0 symbols at 10 dB carry 0 bytes of a file"):
        send(np.zeros((1, 1, 3), np.uint8), "separate:jpeg,code=capacity,ratio=1/12", 10)


def test_without_its_package_the_code_says_what_to_install(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "sionna"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sionna", None)
    with pytest.raises(CodecUnavailable, match=r"pip install 'sccodec\[link\]'") as caught:
        send(picture, "separate:jpeg,code=ldpc,ratio=1", 25)
    assert "\n" not in str(caught.value)
    frame = Frame("separate:jpeg,code=ldpc", "", 32, 24, Fraction(1, 12), 9000, 10.0, 8, choose(9000, 10).settings())
    frame = replace(frame, settings=frame.settings | {"scale": 1.0})
    got = Channel().send(np.ones(9000, np.complex64), 10, np.random.default_rng(0))
    with pytest.raises(CodecUnavailable, match="sionna-no-rt"):
        link().receive(got, frame, ignore, DEFAULT_OPTIONS)


HAMMING = [np.array([[0], [1], [2], [4]]), np.array([[0], [1], [3], [5]]), np.array([[0], [2], [3], [6]])]
"""The checks of the (7, 4) code, each a layer."""


def test_belief_mends_what_the_checks_can_tell() -> None:
    word = np.array([1, 0, 1, 1, 0, 0, 1], bool)
    assert belief.checked(HAMMING, word[:, None]).all()
    ratios = np.where(word, -4.0, 4.0).astype(np.float32)
    batch = np.repeat(ratios[:, None], 8, 1)
    for i in range(7):
        batch[i, i] *= -0.25  # weakly wrong
    found, holds = belief.decode(HAMMING, batch)
    assert holds.all() and np.array_equal(found, np.repeat(word[:, None], 8, 1))
    alone = [belief.decode(HAMMING, batch[:, i : i + 1])[0][:, 0] for i in range(8)]
    assert np.array_equal(np.stack(alone, 1), found)


def test_belief_says_where_checks_do_not_hold() -> None:
    torn = np.where(np.array([1, 0, 0, 0, 0, 0, 0], bool), -20.0, 20.0).astype(np.float32)[:, None]
    found, holds = belief.decode(HAMMING, np.concatenate([torn, np.full((7, 1), 9, np.float32)], 1), iterations=0)
    assert not holds.any()
    found, holds = belief.decode(HAMMING, np.full((7, 1), 9, np.float32))
    assert holds.all() and not found.any()


@pytest.mark.parametrize("order", modulation.ORDERS)
def test_noise_shows_in_how_far_symbols_are_from_points(order: int) -> None:
    rng = np.random.default_rng(3)
    symbols = modulation.modulate(rng.integers(0, 2, 12_000 * order).astype(np.uint8), order)
    assert modulation.spread(symbols, order) == pytest.approx(0, abs=1e-9)
    got = Channel().send(symbols, 25, rng)
    assert modulation.spread(got.symbols, order) == pytest.approx(got.noise_power, rel=0.05)


def test_ratios_stay_finite_whatever_arrives() -> None:
    odd = np.array([1e30, -1e30 + 1e30j, complex(np.inf, 0), complex(np.nan, 1), 0], np.complex64)
    for order in modulation.ORDERS:
        for noise in (0.0, 1e-30, 1.0, 1e12):
            ratios = modulation.demodulate(odd, noise, order)
            assert np.isfinite(ratios).all() and np.abs(ratios).max() <= modulation.LARGEST


def test_the_beginning_of_a_jpeg_file_shows_its_rows() -> None:
    rng = np.random.default_rng(3)
    small = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
    picture = np.asarray(small.resize((96, 96), Image.Resampling.BICUBIC))
    file = api.encode(picture, "jpeg", 90)
    whole = api.decode(file)
    found = partial.shown(file[: len(file) * 3 // 4], DEFAULT_OPTIONS)
    assert found is not None and found.shape == whole.shape
    assert np.array_equal(found[:48], whole[:48]) and not np.array_equal(found[80:], whole[80:])


def test_the_beginning_of_a_hyperprior_file_shows_what_it_predicts() -> None:
    rng = np.random.default_rng(3)
    small = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8))
    picture = np.asarray(small.resize((120, 136), Image.Resampling.BICUBIC))
    file = api.encode(picture, "hyperprior", 70)
    whole = api.decode(file)
    found = [partial.shown(file[: len(file) * part // 10], DEFAULT_OPTIONS) for part in range(1, 10)]
    near = [psnr(picture, each) for each in found if each is not None and each.shape == whole.shape]
    assert len(near) == 9 and near == sorted(near), near
    flat = np.broadcast_to(np.rint(picture.mean((0, 1))).astype(np.uint8), picture.shape)
    assert psnr(picture, flat) < near[4] < near[-1] < psnr(picture, whole)
    # What lies behind the last latents is their check symbol alone.
    assert np.array_equal(partial.shown(file + bytes(12), DEFAULT_OPTIONS), whole)
    assert partial.shown(file[:12], DEFAULT_OPTIONS) is None


def test_what_shows_nothing_without_its_end(picture: Picture) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG")
    assert partial.shown(buffer.getvalue()[:40], DEFAULT_OPTIONS) is None
    for spec in ("png", "webp", "jpeg2000", "conceptual:general"):
        data = api.encode(picture, spec)
        assert partial.shown(data[: len(data) // 2], DEFAULT_OPTIONS) is None
    assert partial.shown(b"", DEFAULT_OPTIONS) is None
