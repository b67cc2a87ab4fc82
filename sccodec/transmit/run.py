"""A picture from one end to the other: transmitter and receiver each for itself, or with a channel between, in memory.

transmit: picture -> send -> channel -> receive -> picture
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sccodec import engine
from sccodec.codec import DEFAULT_OPTIONS, Notice, Options, Spec
from sccodec.container import excess
from sccodec.errors import BadInput
from sccodec.image.arrays import as_picture
from sccodec.notices import once
from sccodec.transmit import link as links
from sccodec.transmit.channels import Channel, Received, checked, mean_power, peak_to_average
from sccodec.transmit.link import Arrived, Frame, Link, Sent

DEFAULT_SNR = 10.0
"""That a transmitter assumes where nothing is said, in dB."""
POWER_TOLERANCE = 1e-3
"""How far the mean power of a picture's symbols may be from 1."""


@dataclass(frozen=True)
class Transmission:
    """What was sent and what arrived.

    channel: its spec. snr: Es/N0 of the channel in dB. seed: of all that was drawn. peak_to_average: of the symbols'
    power, in dB. details: what the transmitter says beside the frame. Seconds are wall time, of each end.
    """

    frame: Frame
    channel: str
    snr: float
    seed: int
    arrived: Arrived
    peak_to_average: float
    details: Mapping[str, object]
    send_seconds: float
    receive_seconds: float


def settle(spec: Spec | str) -> tuple[Link, Spec]:
    """The link that a spec names, and the spec in canonical form; raises BadInput as Link.check() does."""
    parsed = links.parse(str(spec))
    link = links.load(parsed.codec)
    link.check(parsed)
    return link, parsed


def transmit(
    picture: npt.ArrayLike,
    spec: Spec | str,
    snr: float = DEFAULT_SNR,
    *,
    channel: Channel | str | None = None,
    assumed: float | None = None,
    seed: int = 0,
    notice: Notice | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> Transmission:
    """Send a picture, uint8 [H, W, 3] sRGB or [H, W] grey, by the link of a spec over a channel (AWGN) of an SNR in dB.

    channel: as Channel.parse() reads it. assumed: the SNR that the transmitter goes by, the channel's own where None.
    Equal seeds give equal noise. notice takes one-line warnings; without it they are Python warnings. Raises BadInput,
    ModelError, or CodecUnavailable where a part of the link is not installed.
    """
    over = channel_of(channel)
    began = time.perf_counter()
    sent = send(picture, spec, snr if assumed is None else assumed, notice=notice, options=options)
    seconds = time.perf_counter() - began
    done = deliver(sent, snr, channel=over, seed=seed, notice=notice, options=options)
    return replace(done, send_seconds=seconds)


def deliver(
    sent: Sent,
    snr: float,
    *,
    channel: Channel | str | None = None,
    seed: int = 0,
    notice: Notice | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> Transmission:
    """What becomes of symbols that were sent, as transmit() has it; its send_seconds are 0."""
    over = channel_of(channel)
    if sent.ideal is not None and over.kind != "awgn" and over.csi == "none":
        raise BadInput(f"what {over} carries at most is not known here: a bound needs csi=perfect")
    got = over.send(sent.symbols, snr, np.random.default_rng(seed))
    began = time.perf_counter()
    arrived = receive(got, sent.frame, sent.ideal, notice=notice, options=options)
    seconds = time.perf_counter() - began
    peak = peak_to_average(sent.symbols)
    return Transmission(sent.frame, str(over), snr, seed, arrived, peak, sent.details, 0.0, seconds)


def channel_of(channel: Channel | str | None) -> Channel:
    """A channel, by its spec too; raises BadInput."""
    return Channel.parse(channel) if isinstance(channel, str) else channel or Channel()


def send(
    picture: npt.ArrayLike,
    spec: Spec | str,
    snr: float = DEFAULT_SNR,
    *,
    notice: Notice | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> Sent:
    """The symbols of a picture, of mean power 1, for a channel of about that SNR in dB; raises as transmit()."""
    link, parsed = settle(spec)
    link.check_snr(snr)
    whole = as_picture(picture, options.max_pixels)
    sent = link.send(whole, parsed, snr, once(notice or warnings.warn), on_device(options))
    if len(checked(sent.symbols)) != sent.frame.k or abs(mean_power(sent.symbols) - 1) > POWER_TOLERANCE:
        raise BadInput(f"{parsed} sends {len(sent.symbols)} symbols of power {mean_power(sent.symbols):.4g}, and not 1")
    return sent


def receive(
    got: Received,
    frame: Frame,
    ideal: bytes | None = None,
    *,
    notice: Notice | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> Arrived:
    """What the link of a frame makes of what arrived; raises as transmit(), and BadInput where the two do not fit.

    ideal: of Sent, where it has such.
    """
    link, spec = settle(frame.link)
    tell, here = once(notice or warnings.warn), on_device(options)
    if too_much := excess(frame.width, frame.height, options.max_pixels):
        raise BadInput(f"the picture has {too_much}")
    if links.ratio_in(spec) != frame.ratio:
        raise BadInput(f"the frame's ratio is {frame.ratio}, and its link has {links.ratio_in(spec)}")
    if len(checked(got.symbols)) != frame.k or len(checked(got.gains)) != frame.k:
        raise BadInput(f"there are {len(got.symbols)} symbols, and the picture was sent as {frame.k}")
    if ideal is not None:
        arrived = link.receive_ideal(ideal, got, frame, tell, here)
    else:
        arrived = link.receive(got, frame, tell, here)
    if arrived.picture.shape != (frame.height, frame.width, 3):
        height, width = arrived.picture.shape[:2]
        raise BadInput(f"a picture of {width}x{height} pixels arrived, and {frame.width}x{frame.height} was sent")
    return arrived


def on_device(options: Options) -> Options:
    """The options with a device that is there; raises CodecUnavailable or BadInput."""
    return replace(options, device=engine.find_device(options.device))
