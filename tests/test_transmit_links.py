"""Links as the library has them: what every one keeps to, names and ratios, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

import sccodec
from sccodec.codec import Options
from sccodec.errors import BadInput, CodecUnavailable
from sccodec.transmit import Arrived, Channel, Frame, Received, Sent, Transmission, link, receive, send, transmit
from sccodec.transmit.channels import mean_power
from tests.fakes.transmit.plain import Plain

Picture = npt.NDArray[np.uint8]
SPECS = ("plain:ratio=1/6", "plain:ratio=1/7,text=1", "separate:webp,code=capacity,ratio=1/3")
"""One at least of each link that needs no model and no extra."""
pytestmark = pytest.mark.usefixtures("plain_link")


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("channel", ["awgn", "rayleigh:fading=fast"])
def test_what_every_link_keeps_to(picture: Picture, spec: str, channel: str) -> None:
    done = transmit(picture, spec, 12, channel=channel, seed=4, notice=lambda _: None)
    again = transmit(picture, spec, 12, channel=channel, seed=4, notice=lambda _: None)
    assert done.arrived.picture.shape == picture.shape and done.arrived.picture.dtype == np.uint8
    assert np.array_equal(done.arrived.picture, again.arrived.picture)
    frame = done.frame
    assert frame.k <= link.uses(frame.ratio, 24, 32) and frame.ratio == link.ratio_in(link.parse(spec))
    assert frame == Frame.of(frame.described()) and frame.link == str(link.parse(spec))
    sent = send(picture, spec, 12)
    assert len(sent.symbols) == frame.k and mean_power(sent.symbols) == pytest.approx(1, abs=1e-3)
    assert done.peak_to_average == pytest.approx(10 * np.log10(np.max(np.abs(sent.symbols)) ** 2), abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (37, 5)])
def test_odd_sizes_and_grey(size: tuple[int, int]) -> None:
    grey = np.arange(size[0] * size[1], dtype=np.uint8).reshape(size)
    assert transmit(grey, "plain:ratio=1/2", 30).arrived.picture.shape == (*size, 3)


def test_links_are_found_by_their_names() -> None:
    assert {"plain", "separate"} <= set(link.names()) and not set(link.names()) & set(link.PARTS)
    for name in link.names():
        assert link.load(name).name == name and link.load(name).summary


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("plain", "plain:ratio=1/12"),
        ("plain:text=1,ratio=2/48", "plain:ratio=1/24,text=1"),
        ("plain:ratio=0.040", "plain:ratio=1/25"),
        ("plain:ratio=1.0", "plain:ratio=1"),
        ("separate:webp,ratio=.25,q=50.0", "separate:webp,q=50,ratio=1/4"),
    ],
)
def test_specs_have_one_form(text: str, canonical: str) -> None:
    assert str(link.parse(text)) == canonical == str(link.parse(canonical))


def test_uses_are_the_whole_part() -> None:
    assert link.uses(Fraction(1, 24), 512, 768) == 49152 and link.uses(Fraction(1, 24), 5, 7) == 4


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 3.0])
def test_symbols_that_a_link_must_not_send(picture: Picture, monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    sent = send(picture, "plain")
    symbols = sent.symbols * np.float32(value) if value in (0, 3) else sent.symbols.copy()
    symbols[3] += np.float32(value)
    monkeypatch.setattr(Plain, "send", lambda *_: Sent(symbols, sent.frame))
    monkeypatch.setattr(link, "load", lambda name: Plain())
    with pytest.raises(BadInput, match="no finite numbers" if not np.isfinite(value) else "symbols of power"):
        transmit(picture, "plain")


def test_what_a_receiver_refuses(picture: Picture) -> None:
    sent = send(picture, "plain:ratio=1/6")
    got = Channel().send(sent.symbols, 10, np.random.default_rng(0))
    assert isinstance(receive(got, sent.frame), Arrived)
    short = Received(got.symbols[:-1], got.gains[:-1], 0.1)
    with pytest.raises(BadInput, match="there are 383 symbols, and the picture was sent as 384"):
        receive(short, sent.frame)
    broken = Received(got.symbols * np.float32(np.nan), got.gains, 0.1)
    with pytest.raises(BadInput, match="no finite numbers"):
        receive(broken, sent.frame)
    with pytest.raises(BadInput, match="32x24 pixels, the limit is 767"):
        receive(got, sent.frame, options=Options(max_pixels=767))
    with pytest.raises(BadInput, match="sends nothing but symbols"):
        receive(got, sent.frame, b"a file")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"snr": 31}, "plain covers SNRs from -10 to 30 dB, not 31"),
        ({"snr": float("nan")}, "plain covers SNRs"),
        ({"snr": 10, "assumed": -11}, "plain covers SNRs from -10 to 30 dB, not -11"),
        ({"snr": 200, "assumed": 10}, "an SNR goes from -60 to 100 dB, not 200"),
        ({"channel": "wire"}, "no channel is named 'wire'"),
        ({"options": Options(device="tpu")}, "device is 'tpu'"),
        ({"options": Options(max_pixels=100)}, "32x24 pixels, the limit is 100"),
    ],
)
def test_what_a_transmission_refuses(picture: Picture, options: dict[str, object], said: str) -> None:
    with pytest.raises((BadInput, CodecUnavailable), match=said):
        transmit(picture, "plain", **options)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="samples are float64"):
        transmit(picture / 255, "plain")


def test_the_names_of_the_library(picture: Picture) -> None:
    assert isinstance(sccodec.transmit.transmit(picture, "plain"), Transmission)
    assert {"transmit", "send", "receive"} < set(sccodec.transmit.__all__)
    with pytest.raises(AttributeError, match="no attribute 'transmission'"):
        _ = sccodec.transmit.transmission
    code = "import sys, sccodec; sccodec.transmit; print('numpy' in sys.modules, callable(sccodec.transmit.transmit))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"
