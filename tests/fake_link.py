"""A link whose pictures arrive with an error that its channel's noise alone decides, beside those that there are."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from sccodec.bench import transmit as measuring
from sccodec.bench.gauge import LocalGauge
from sccodec.codec import Notice, Options, Picture, Spec
from sccodec.errors import BadInput
from sccodec.transmit import link as links
from sccodec.transmit.channels import Received, normal, normalised
from sccodec.transmit.link import Arrived, Frame, Link, Sent, ratio_in, uses


def psnr(snr: float) -> float:
    """Of what arrives at an SNR in dB: every sample is off by offset(snr)."""
    return 20 * math.log10(255 / offset(snr))


def offset(snr: float) -> int:
    return max(1, round(32 * 10 ** (-snr / 20)))


@dataclass
class Fake(Link):
    """sent: SNRs that it was asked to send for. least: below which SNR of the channel it fails."""

    name: str = "fake"
    summary: str = "a link for tests"
    others: tuple[str, ...] = ("loud",)
    tag: str = ""
    least: float = -math.inf
    details: Mapping[str, object] = field(default_factory=lambda: {"gain": 2})
    sent: list[float] = field(default_factory=list)
    _picture: Picture | None = None

    def send(self, picture: Picture, spec: Spec, snr: float, notice: Notice, options: Options) -> Sent:
        if "loud" in dict(spec.options):
            notice("it is\nloud")
        self.sent.append(snr)
        self._picture = picture
        height, width = picture.shape[:2]
        k = uses(ratio_in(spec), height, width)
        symbols = normalised(normal(k, np.random.default_rng(1)))
        return Sent(symbols, Frame(str(spec), self.tag, width, height, ratio_in(spec), k, snr), self.details)

    def receive(self, got: Received, frame: Frame, notice: Notice, options: Options) -> Arrived:
        snr = -10 * math.log10(got.noise_power)
        if snr < self.least:
            raise BadInput(f"nothing is heard below {self.least:g} dB")
        assert self._picture is not None
        return Arrived((self._picture + offset(snr)).astype(np.uint8), (int(snr < 0), 1))


class NearGauge(LocalGauge):
    """In place of one in a process of its own, which, forked, would never hear that nobody asks any more."""

    def __init__(self, threads: int, device: str = "cpu") -> None:
        super().__init__(device)

    def close(self) -> None:
        """Nothing is to be ended."""


def install(monkeypatch: pytest.MonkeyPatch, fake: Fake) -> Fake:
    """Let it be there, in processes too, which are forked: what is started anew knows none."""
    monkeypatch.setattr(measuring, "RemoteGauge", NearGauge)
    names, load, get_context = links.names, links.load, multiprocessing.get_context
    there: Mapping[str, Link] = {fake.name: fake}
    monkeypatch.setattr(links, "names", lambda: sorted([*names(), *there]))
    monkeypatch.setattr(links, "load", lambda name: there[name] if name in there else load(name))
    monkeypatch.setattr(multiprocessing, "get_context", lambda method: get_context("fork"))
    return fake
