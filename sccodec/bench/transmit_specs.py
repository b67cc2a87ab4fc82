"""Specs of links, with lists and ranges, and what a benchmark adds to them: SNRs, and what the transmitter assumes.

    deepjscc:ratio=1/48,1/24                two ratios
    deepjscc:ratio=1/48..1/6                four, each twice the one before: 1/48, 1/24, 1/12, 1/6
    deepjscc:ratio=0.02..0.1/0.02           five: with a step as ranges of other numbers have it
    separate:bpg,code=capacity,snr=1..13/3  five SNRs of the channel in dB: 1, 4, 7, 10, 13
    deepjscc:snr=-2..16,assumed=10          what was sent for 10 dB, over channels of other SNRs

`snr` and `assumed` are the benchmark's, and no options of a link.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sccodec import api
from sccodec.bench import specs
from sccodec.bench.transmit_rows import settled
from sccodec.codec import Spec
from sccodec.errors import BadInput
from sccodec.transmit import link as links
from sccodec.transmit.channels import SNRS, Channel, decibels

SNR, ASSUMED = "snr", "assumed"
DEFAULT_SNR = "10"
"""Of the channel, in dB, where nothing is said."""
MOST_SEED = 2**53
DOUBLING = re.compile(r"(\d{1,9}/\d{1,9}|\d{0,3}\.?\d{1,9})\.\.(\d{1,9}/\d{1,9}|\d{0,3}\.?\d{1,9})")


@dataclass(frozen=True)
class Asked:
    """One link over one channel. spec: canonical, of the link alone; snr, assumed: in dB, see TransmitRow."""

    spec: str
    snr: float
    assumed: float | None = None
    channel: str = "awgn"
    seed: int = 0


def names_link(text: str) -> bool:
    """Whether a spec is one of a link: its name tells, as no codec has that of a link."""
    return text.partition(":")[0] in links.names()


def expand(
    texts: Sequence[str], snrs: Sequence[str] = (), channels: Sequence[str] = (), seeds: Sequence[str] = ()
) -> list[Asked]:
    """What texts stand for, in their order, each once, over each of the channels, with each of the seeds.

    snrs: values, lists or ranges for the texts that state none. Raises BadInput, or what Link.check() raises, for what
    would fail with every picture.
    """
    over = list(dict.fromkeys(str(Channel.parse(text)) for text in channels)) or [str(Channel())]
    drawn = list(dict.fromkeys(seed for text in seeds for seed in seeds_of(text))) or [0]
    found: dict[Asked, None] = {}
    for text in texts:
        for spec in specs.variations(doubled(with_snrs(text, snrs))):
            asked, snr, assumed = taken_apart(spec)
            found |= dict.fromkeys(Asked(asked, snr, assumed, channel, seed) for channel in over for seed in drawn)
            if len(found) > specs.MOST_SPECS:
                raise BadInput(f"{text!r} stands for too many transmissions: the limit is {specs.MOST_SPECS}")
    return list(found)


def with_snrs(text: str, snrs: Sequence[str]) -> str:
    """The text with these SNRs, unless it states some."""
    items = text.partition(":")[2].split(",")
    if not snrs or any(item.partition("=")[0] == SNR for item in items):
        return text
    return f"{text}{',' if ':' in text else ':'}{SNR}={','.join(snrs)}"


def doubled(text: str) -> str:
    """The text with ranges of ratios that have no step as lists, each twice the one before; raises BadInput."""
    name, colon, rest = text.partition(":")
    items, key = [], ""
    for item in rest.split(",") if colon else []:
        stated, equals, value = item.partition("=")
        key, value = (stated, value) if equals else (key, item)
        found = DOUBLING.fullmatch(value) if key == links.LABEL else None
        listed = ratios(found[1], found[2], text) if found else [value]
        items.append((f"{stated}=" if equals else "") + ",".join(listed))
    return name + colon + ",".join(items)


def ratios(first: str, last: str, whole: str) -> list[str]:
    """The ratios of a range, from the first on, each twice the one before, none above the last; raises BadInput."""
    low, high = links.ratio_of(first), links.ratio_of(last)
    if low > high:
        raise BadInput(f"the range '{first}..{last}' in {whole!r} holds no values: it goes upwards")
    found = [low]
    while 2 * found[-1] <= high:
        found.append(2 * found[-1])
    return [str(ratio) for ratio in found]


def taken_apart(text: str) -> tuple[str, float, float | None]:
    """The link's spec, canonical, the channel's SNR, and what the transmitter assumes where that is another."""
    parsed = Spec.parse(text)
    options = dict(parsed.options)
    snr = decibels(options.pop(SNR, DEFAULT_SNR), SNR, SNRS) + 0.0  # no minus before 0
    stated = options.pop(ASSUMED, None)
    assumed = None if stated is None else decibels(stated, ASSUMED, SNRS)
    spec = links.canonical(Spec(parsed.codec, parsed.variant, tuple(options.items())))
    link = links.load(spec.codec)
    link.check(spec)
    return str(spec), snr, settled(snr, assumed)


def seeds_of(text: str) -> list[int]:
    """The seeds of a list, or of a range: "0..4", "1,2,7"; raises BadInput."""
    found = []
    for item in text.split(","):
        for value in specs.values(item.strip(), text):
            if not (value.isascii() and value.isdigit() and int(value[:20]) <= MOST_SEED):
                raise BadInput(f"a seed is {value!r}: expected whole numbers from 0 to {MOST_SEED}, as 3 or 0..4")
            found.append(int(value))
    return found


def codec_behind(spec: Spec) -> Spec | None:
    """The codec whose files a link sends, None for a link that sends none: "separate:bpg,.." names it as variant."""
    name = (spec.variant or "").partition(":")[0]
    return Spec.parse(spec.variant) if spec.variant and name in api.names() else None
