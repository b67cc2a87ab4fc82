"""A picture from one end to the other, in memory: transmitter, channel, receiver."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sccodec.codec import DEFAULT_OPTIONS, Notice, Options, Picture, Spec
from sccodec.notices import ignore
from sccodec.transmit import link as links
from sccodec.transmit.channels import Channel, peak_to_average
from sccodec.transmit.link import Arrived, Frame


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


def transmit(
    picture: Picture,
    spec: Spec,
    snr: float,
    *,
    channel: Channel | None = None,
    assumed: float | None = None,
    seed: int = 0,
    notice: Notice = ignore,
    options: Options = DEFAULT_OPTIONS,
) -> Transmission:
    """Send a picture uint8 [H, W, 3] by the link of a spec over a channel (AWGN) of an SNR in dB.

    assumed: the SNR that the transmitter goes by, the channel's own where None. Equal seeds give equal noise. Raises
    BadInput, ModelError, or CodecUnavailable where a part of the link is not installed.
    """
    over = channel or Channel()
    link = links.load(spec.codec)
    link.check(spec)
    began = time.perf_counter()
    sent = link.send(picture, spec, snr if assumed is None else assumed, notice, options)
    between = time.perf_counter()
    got = over.send(sent.symbols, snr, np.random.default_rng(seed))
    arrival = time.perf_counter()
    if sent.ideal is None:
        arrived = link.receive(got, sent.frame, notice, options)
    else:
        arrived = link.receive_ideal(sent.ideal, got, sent.frame, notice, options)
    ended = time.perf_counter()
    peak = peak_to_average(sent.symbols)
    seconds = between - began, ended - arrival
    return Transmission(sent.frame, str(over), snr, seed, arrived, peak, sent.details, *seconds)
