"""Separation by the LDPC code, where its package is installed: what arrives, what does not, and that thresholds hold.

.ci/run sets SCCODEC_NEEDS_LINK where it has installed the package: then nothing here may be skipped.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sccodec import api
from sccodec.codec import DEFAULT_OPTIONS, Picture, Spec
from sccodec.errors import BadInput
from sccodec.metrics.image import psnr
from sccodec.notices import ignore
from sccodec.transmit import link as links
from sccodec.transmit import modulation
from sccodec.transmit.channels import Channel, Received, mean_power
from sccodec.transmit.link import Arrived, Sent
from sccodec.transmit.separate import blocks, ldpc
from sccodec.transmit.separate.link import link
from sccodec.transmit.separate.plan import Plan, choose
from sccodec.transmit.separate.thresholds import FAILING, tables

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("sionna") is None and not os.environ.get("SCCODEC_NEEDS_LINK"),
    reason="sionna-no-rt is not installed",
)
PLANS = (
    Plan(1, 2, 320, 600, 40),
    Plan(2, 1, 40, 22, 0),
    Plan(2, 3, 40, 333, 7),  # repeated
    Plan(2, 2, 3824, 7000, 22),
    Plan(4, 2, 1000, 350, 90),
    Plan(4, 1, 8448, 2296, 0),
    Plan(6, 3, 4000, 800, 30),
)


@pytest.fixture(scope="module")
def photo() -> Picture:
    """Smooth, but nowhere the same: uint8 [96, 128, 3]."""
    small = np.random.default_rng(4).integers(0, 256, (7, 9, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((128, 96), Image.Resampling.BICUBIC))


def send(picture: Picture, spec: str, snr: float) -> Sent:
    return link().send(picture, links.parse(spec), snr, ignore, DEFAULT_OPTIONS)


def arrive(sent: Sent, snr: float, seed: int = 0, channel: str = "awgn", said: list[str] | None = None) -> Arrived:
    got = Channel.parse(channel).send(sent.symbols, snr, np.random.default_rng(seed))
    return link().receive(got, sent.frame, ignore if said is None else said.append, DEFAULT_OPTIONS)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("snr", [np.inf, 30.0])
def test_every_byte_arrives_over_a_clear_channel(plan: Plan, snr: float) -> None:
    k = plan.blocks * plan.symbols + plan.spare
    assert Plan.of(plan.settings() | {"scale": 1.0}, k) == plan
    file = np.random.default_rng(1).integers(0, 256, blocks.room(plan), np.uint8).tobytes()
    for data in (file, file[: len(file) // 2], file[:-1] + b"\x80", bytes(len(file)), b""):
        symbols, scale = blocks.send(data, (1, 200, 30), plan)
        assert symbols.shape == (k,) and mean_power(symbols) == pytest.approx(1, abs=1e-5)
        got = Channel().send(symbols, snr, np.random.default_rng(2))
        noise = np.full(k, got.noise_power / scale**2, np.float32)
        whole, arrived, colour = blocks.receive((got.symbols / np.float32(scale)), noise, plan)
        assert arrived.all() and blocks.file_of(whole) == data
        assert colour == ((1, 200, 30) if plan.spare >= 22 else None)


@pytest.mark.parametrize("snr", [1.0, 7.0, 13.0])
@pytest.mark.parametrize("ratio", ["1/6", "1/16"])
def test_at_the_snr_that_was_assumed_the_file_arrives(photo: Picture, snr: float, ratio: str) -> None:
    sent = send(photo, f"separate:hyperprior,code=ldpc,ratio={ratio}", snr)
    arrived = arrive(sent, snr)
    assert arrived.failed == (0, sent.details["blocks"])
    quality = sent.details["quality"]
    assert isinstance(quality, float)
    file = api.encode(photo, "hyperprior", quality)
    assert len(file) == sent.details["file_bytes"] and 8 * len(file) == sent.frame.bits
    assert len(file) <= int(str(sent.details["carried_bytes"])) < sent.frame.k * modulation.capacity(snr) / 8
    assert np.array_equal(arrived.picture, api.decode(file))
    assert sent.frame.k == 96 * 128 * 3 // int(ratio[2:]) == len(sent.symbols)
    assert links.Frame.of(sent.frame.described()) == sent.frame


def test_3_db_below_nothing_but_the_colour_arrives(photo: Picture) -> None:
    sent = send(photo, "separate:hyperprior,code=ldpc,ratio=1/6", 10)
    said: list[str] = []
    worse = arrive(sent, 7, said=said)
    assert worse.failed == (sent.details["blocks"], sent.details["blocks"]) and sent.details["colour_symbols"]
    assert np.array_equal(worse.picture, np.broadcast_to(np.rint(photo.mean((0, 1))).astype(np.uint8), photo.shape))
    assert said == [f"{worse.failed[0]} of {worse.failed[1]} blocks could not be decoded: the mean colour is shown"]
    nothing = arrive(sent, -25, said=said)
    assert (nothing.picture == 128).all() and said[1].endswith("nothing came with which to show more than grey")


def test_equal_seeds_give_equal_results(photo: Picture) -> None:
    first, again = (send(photo, "separate:jpeg,code=ldpc,ratio=1/6", 12) for _ in range(2))
    assert np.array_equal(first.symbols, again.symbols) and first.frame == again.frame
    assert first.frame.settings["scale"] == pytest.approx(1, abs=0.05)
    for snr in (9.0, 12.0):
        one, two = arrive(first, snr, 3), arrive(again, snr, 3)
        assert one.failed == two.failed and np.array_equal(one.picture, two.picture)


def test_threads_change_nothing(photo: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = choose(9000, 10)
    symbols, _ = blocks.send(b"some file" * 50, (9, 9, 9), plan)
    got = Channel().send(symbols, 9.2, np.random.default_rng(5))  # where some blocks arrive, and some do not
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("SCCODEC_THREADS", threads)
        found.append(blocks.receive(got.symbols, np.full(9000, got.noise_power, np.float32), plan))
    assert found[0][0] == found[1][0] and np.array_equal(found[0][1], found[1][1])


def test_before_a_block_that_failed_a_jpeg_shows_its_rows(photo: Picture) -> None:
    sent = send(photo, "separate:jpeg,code=ldpc,ratio=1/3", 14)
    plan = Plan.of(sent.frame.settings, sent.frame.k)
    assert plan.blocks > 3
    symbols = sent.symbols.copy()
    lost = (plan.blocks - 1) * plan.symbols - plan.symbols // 2  # the last but one, and the last: half of each
    symbols[lost : lost + plan.symbols] = 0
    got = Received(symbols, np.ones_like(symbols), 10**-1.4)
    said: list[str] = []
    arrived = link().receive(got, sent.frame, said.append, DEFAULT_OPTIONS)
    assert arrived.failed == (2, plan.blocks) and said[0].endswith("what came before them is shown")
    quality = sent.details["quality"]
    assert isinstance(quality, float)
    whole = api.decode(api.encode(photo, "jpeg", quality))
    assert np.array_equal(arrived.picture[:32], whole[:32]) and not np.array_equal(arrived.picture, whole)


def test_known_fading_is_undone(photo: Picture) -> None:
    sent = send(photo, "separate:jpeg,code=ldpc,ratio=1/4", 10)
    gain = np.complex64(0.9 * np.exp(2j))
    gains = np.full(sent.frame.k, gain, np.complex64)
    noise = Channel().send(np.zeros(sent.frame.k, np.complex64), 14, np.random.default_rng(1))
    got = Received(gains * sent.symbols + noise.symbols, gains, noise.noise_power)
    assert link().receive(got, sent.frame, ignore, DEFAULT_OPTIONS).failed[0] == 0
    blind = replace(got, gains=np.ones_like(gains))
    found = link().receive(blind, sent.frame, ignore, DEFAULT_OPTIONS)
    assert found.failed[0] == found.failed[1] and found.picture.shape == photo.shape
    fast = send(photo, "separate:jpeg,code=ldpc,ratio=1/4", 8)  # for less than the mean SNR
    assert arrive(fast, 16, channel="rayleigh:fading=fast").failed[0] == 0


def test_metadata_of_another_transmission_are_refused(photo: Picture) -> None:
    sent = send(photo, "separate:jpeg,code=ldpc,ratio=1/4", 10)
    got = Channel().send(sent.symbols, 10, np.random.default_rng(0))

    def received(**changed: float) -> Arrived:
        frame = replace(sent.frame, settings=dict(sent.frame.settings) | changed)
        return link().receive(got, frame, ignore, DEFAULT_OPTIONS)

    with pytest.raises(BadInput, match="scale is 0: expected"):
        received(scale=0.0)
    with pytest.raises(BadInput, match="settings"):
        received(blocks=sent.frame.settings["blocks"] + 0.5)
    with pytest.raises(BadInput, match="lacks the settings order"):
        link().receive(got, replace(sent.frame, settings={}), ignore, DEFAULT_OPTIONS)
    other = received(block_bits=sent.frame.settings["block_bits"] - 8)  # of the right form, but another code
    assert other.failed[0] == other.failed[1]


def test_a_channel_without_noise_needs_no_n0(photo: Picture) -> None:
    sent = send(photo, "separate:jpeg,code=ldpc,ratio=1/4", 12)
    assert arrive(sent, np.inf).failed[0] == 0
    for snr in (14, 18, 25):
        noisy = Channel().send(sent.symbols, snr, np.random.default_rng(0))
        found = link().receive(replace(noisy, noise_power=0.0), sent.frame, ignore, DEFAULT_OPTIONS)
        assert found.failed[0] == 0 and psnr(photo, found.picture) > 20


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (16, 16)])
def test_pictures_of_few_symbols_are_refused_in_a_line(size: tuple[int, int]) -> None:
    with pytest.raises(BadInput) as caught:
        send(np.zeros((*size, 3), np.uint8), "separate:hyperprior,code=ldpc,ratio=1/24", 4)
    said = str(caught.value)
    assert "\n" not in said and ("symbols at 4 dB carry" in said or "the smallest file" in said)


def test_decisions_are_those_of_sionnas_own_decoder() -> None:
    import torch

    from sccodec.transmit.separate.ldpc import part

    rng = np.random.default_rng(8)
    for bits, coded in ((320, 640), (2000, 2600)):
        code = ldpc.Code(bits, coded, 2)
        sent = rng.integers(0, 2, (6, bits), np.uint8)
        snr = tables()[2].needs(bits, bits / coded) + 0.5
        got = Channel().send(modulation.modulate(code.encode(sent).ravel(), 2), snr, rng)
        ratios = modulation.demodulate(got.symbols, got.noise_power, 2).reshape(6, -1)
        found, holds = code.decode(ratios)
        assert holds.all() and np.array_equal(found, sent)
        theirs = part("ldpc").LDPC5GDecoder(code.encoder, num_iter=30, device="cpu")
        word = ratios.reshape(6, -1, 2).transpose(0, 2, 1).reshape(6, -1)
        other = theirs(torch.from_numpy(-word.copy())).numpy().astype(np.uint8)
        assert np.array_equal(other, found)


@pytest.mark.parametrize(("order", "bits", "rate"), [(2, 320, 0.4), (4, 700, 0.55), (6, 320, 0.7)])
def test_thresholds_hold_between_the_measured_ones(order: int, bits: int, rate: float) -> None:
    coded = order * round(bits / rate / order)
    code, rng = ldpc.Code(bits, coded, order), np.random.default_rng(6)
    needs = tables()[order].needs(bits, bits / coded)

    def failing(snr: float, n: int) -> float:
        scrambled = rng.integers(0, 2, n * coded, np.uint8)
        got = Channel().send(modulation.modulate(scrambled, order), snr, rng)
        ratios = modulation.demodulate(got.symbols, got.noise_power, order) * (1 - 2.0 * scrambled)
        return float(code.decode(ratios.astype(np.float32).reshape(n, -1))[0].any(1).mean())

    assert failing(needs, 2000) <= 4 * FAILING
    assert failing(needs - 1.2, 200) >= 0.02


def test_the_spec_names_the_link() -> None:
    assert links.load("separate").name == "separate"
    links.load("separate").check(Spec.parse("separate:bpg,code=ldpc"))
