"""Rows of links: one a picture, link and channel, in the same files and by the same rules as those of codecs.

`task` is "transmit" in their lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from sccodec.bench import lines, rows
from sccodec.bench.lines import CODE, TASK, TRANSMIT, Damaged, JudgedRow, Notice, OfAnotherKind, count, number, text
from sccodec.codec import Spec
from sccodec.errors import BadInput
from sccodec.transmit import link as links
from sccodec.transmit.channels import Channel

COSTS = ("send_seconds", "receive_seconds", "load_seconds", "peak_to_average_db")
AWGN = "awgn"
RATIO_TOLERANCE = 0.01
"""How far, relatively, a line's stated k over samples may be from k / n; one symbol more where a picture has few."""

Identity = tuple[str, float, float, str, int, str, str]


@dataclass
class TransmitRow(JudgedRow):
    """One measurement: a picture sent by a link over a channel, and what arrived.

    spec            link and options, with the ratio in lowest terms: "separate:bpg,code=capacity,ratio=1/24"
    encoder         the library or program that encoded, with its version, where the link sends a codec's file
    tag             of the link's model, or of that of the codec whose file it sends; empty without. Where several may
                    have been at work they stand in one text, with + between
    k               complex channel uses; n is 3 * width * height
    snr             Es/N0 of the channel in dB
    assumed         the SNR that the transmitter went by, where it is another one; otherwise None
    channel         its spec: "awgn", "rayleigh:csi=perfect,fading=block"
    seed            of what was drawn: fading and noise
    bits            that the symbols carry; None where they carry none
    failed, blocks  parts that could not be decoded, of how many; 0 of 0 where a link has no such parts
    details         what else the transmitter says, as JSON holds it

    COSTS: send_seconds and receive_seconds are medians of `repeats`, without what load_seconds has: the first
    transmission in its process, of a tiny picture. peak_to_average_db is of the symbols' power.
    """

    encoder: str = ""
    k: int = 0
    snr: float = 0.0
    assumed: float | None = None
    channel: str = AWGN
    seed: int = 0
    bits: int | None = None
    failed: int = 0
    blocks: int = 0
    details: dict[str, object] = field(default_factory=dict)

    @property
    def ratio(self) -> Fraction:
        """k / n as it was asked for."""
        return ratio_of(self.spec)

    @property
    def n(self) -> int:
        """Samples of the source, 3 H W."""
        return 3 * self.width * self.height

    @property
    def transmitter_snr(self) -> float:
        """What the transmitter went by, in dB."""
        return self.snr if self.assumed is None else self.assumed

    @property
    def label(self) -> str:
        """What was done, for a person."""
        return label(self.spec, self.snr, self.assumed, self.channel, self.seed)

    def as_dict(self) -> dict[str, object]:
        """The object of its line: every key, in the order of the file."""
        return {
            TASK: TRANSMIT,
            "spec": self.spec,
            "encoder": self.encoder or None,
            "tag": self.tag if self.k else None,
            **self.subject(),
            **self.size(),
            "ratio": str(self.ratio),
            "k": self.k or None,
            "n": self.n or None,
            "k_over_samples": self.k / self.n if self.k and self.n else None,
            "k_over_pixels": 3 * self.k / self.n if self.k and self.n else None,
            "snr_db": self.snr,
            "assumed_snr_db": self.assumed,
            "channel": self.channel,
            "seed": self.seed,
            "bits": self.bits,
            "failed_blocks": self.failed if self.blocks else None,
            "blocks": self.blocks or None,
            "peak_to_average_db": self.figure("peak_to_average_db"),
            "details": self.details,
            **self.judgement(),
            **{key: self.figure(key) for key in COSTS[:3]},
            **self.circumstances(),
        }


def label(spec: str, snr: float, assumed: float | None = None, channel: str = AWGN, seed: int = 0) -> str:
    """What was done, for a person: "deepjscc:ratio=1/24 at 7 dB, sent for 10 dB, over rayleigh:.., seed 3"."""
    parts = [f"{spec} at {snr:g} dB"]
    parts += [f"sent for {assumed:g} dB"] if assumed is not None else []
    parts += [f"over {channel}"] if channel != AWGN else []
    return ", ".join([*parts, *([f"seed {seed}"] if seed else [])])


def parse(line: str | bytes) -> TransmitRow:
    """The row that a line holds; raises Damaged, and OfAnotherKind for a row of another task.

    Keys may be missing, and others stand there, as in other versions. Sizes are checked against one another where the
    measurement did not fail.
    """
    found = lines.object_of(line)
    if (task := lines.task_of(found)) != TRANSMIT:
        if task == CODE:
            rows.parse(line)  # raises where it is no row at all
        raise OfAnotherKind(task)
    spec, picture = lines.names_of(found)
    try:
        row = TransmitRow(canonical(spec), picture, encoder=text(found.get("encoder")))
        row.channel = str(Channel.parse(text(found.get("channel")) or AWGN))
    except BadInput as error:
        raise Damaged(str(error)) from None
    row.take(found)
    row.take_figures(found, COSTS)
    row.snr, row.assumed = decibels(found, "snr_db"), None
    if found.get("assumed_snr_db") is not None:
        row.assumed = settled(row.snr, decibels(found, "assumed_snr_db"))
    row.seed = count(found.get("seed")) or 0
    row.bits = count(found.get("bits"))
    row.blocks = count(found.get("blocks")) or 0
    row.failed = min(count(found.get("failed_blocks")) or 0, row.blocks)
    details = found.get("details")
    row.details = {text(key): value for key, value in details.items()} if isinstance(details, dict) else {}
    row.k = row.sized(found, "k")
    if row.error is None:
        check_ratio(row, found)
    return row


def check_ratio(row: TransmitRow, found: Mapping[str, object]) -> None:
    """Raise Damaged where k is not that of its ratio and its picture, or where a line states another."""
    most = max(1, links.uses(row.ratio, row.height, row.width))
    if row.k > most:
        raise Damaged(f"{row.k} symbols are more than {row.ratio} of {row.n} samples, which are {most}")
    for key, value in (("n", float(row.n)), ("k_over_samples", row.k / row.n), ("k_over_pixels", 3 * row.k / row.n)):
        stated = number(found.get(key))
        if stated is not None and abs(stated - value) > RATIO_TOLERANCE * value:
            raise Damaged(f"states {key} {stated:g}, and it is {value:.6g}")


def decibels(found: Mapping[str, object], key: str) -> float:
    value = number(found.get(key))
    if value is None:
        raise Damaged(f"{key} is no number of decibels")
    return value


def settled(snr: float, assumed: float | None) -> float | None:
    """The SNR that the transmitter goes by, None where it is the channel's own."""
    return None if assumed is None or assumed == snr else assumed


def canonical(spec: str) -> str:
    """The spec in its canonical form, with its ratio; raises BadInput."""
    return str(links.parse(spec))


def without_ratio(spec: str) -> str:
    """A link's spec but for its ratio: equal for those that share what a process has to load."""
    parsed = Spec.parse(spec)
    return str(replace(parsed, options=tuple(option for option in parsed.options if option[0] != links.LABEL)))


def ratio_of(spec: str) -> Fraction:
    """The ratio that a canonical spec states."""
    return links.ratio_in(Spec.parse(spec))


def read(path: Path, notice: Notice) -> list[TransmitRow]:
    """The rows of a file that are of links, as sccodec.bench.lines.read_kind() has it."""
    return lines.read_kind(path, parse, notice)


def identity(row: TransmitRow) -> Identity:
    """What makes two rows measurements of the same; the model's tag is apart."""
    return row.spec, row.snr, row.transmitter_snr, row.channel, row.seed, row.device, row.sha256


def current(held: Sequence[TransmitRow]) -> dict[Identity, list[TransmitRow]]:
    """The rows without error by identity, the latest last."""
    found: dict[Identity, list[TransmitRow]] = {}
    for row in held:
        if row.error is None:
            found.setdefault(identity(row), []).append(row)
    return found
