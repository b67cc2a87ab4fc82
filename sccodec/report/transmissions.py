"""Rows of links as points and figures: means over stated pictures alone, quality over SNR and over the ratio.

A setting is a link with its options but for the ratio, its model, encoder and device, over one channel. A point of it
is a ratio, the channel's SNR, and the SNR that the transmitter went by. Of a picture that was sent with several seeds
the mean counts as its value. Points are compared over the same pictures: those that the one that was measured on most
has. One that lacks some of them is over those it has, says so, and is in no figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from statistics import fmean

from sccodec.bench import transmit_rows
from sccodec.bench.transmit_rows import AWGN, COSTS, TransmitRow
from sccodec.metrics.table import METRICS
from sccodec.report import sifting
from sccodec.report.words import counted

Results = sifting.Sifted[TransmitRow]


@dataclass(frozen=True)
class Point:
    """One setting at one ratio and one pair of SNRs, in dB. rows: by the picture's SHA-256 and the seed."""

    ratio: Fraction
    snr: float
    transmitter_snr: float
    rows: Mapping[tuple[str, int], TransmitRow]

    @property
    def is_matched(self) -> bool:
        """Whether the transmitter went by the channel's own SNR."""
        return self.snr == self.transmitter_snr

    @cached_property
    def pictures(self) -> frozenset[str]:
        return frozenset(picture for picture, _ in self.rows)

    @cached_property
    def seeds(self) -> frozenset[int]:
        return frozenset(seed for _, seed in self.rows)

    def having(self, metric: str) -> frozenset[str]:
        """The pictures for which the metric was measured."""
        return frozenset(picture for (picture, _), row in self.rows.items() if metric in row.figures)

    def of(self, pictures: Iterable[str]) -> list[TransmitRow]:
        wanted = frozenset(pictures)
        return [row for (picture, _), row in self.rows.items() if picture in wanted]

    def mean(self, figure: str, pictures: frozenset[str]) -> float | None:
        """The mean over those pictures of a metric or a cost, of each the mean over its seeds; None without any."""
        values: dict[str, list[float]] = {}
        for (picture, _), row in self.rows.items():
            if picture in pictures and figure in row.figures:
                values.setdefault(picture, []).append(row.figures[figure])
        return fmean(map(fmean, values.values())) if values else None


@dataclass(frozen=True)
class Setting:
    """One link over one channel; points by ratio and SNRs. spec: the link's, without a ratio."""

    spec: str
    channel: str
    tag: str
    device: str
    name: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Group:
    """What was measured on one data set. pictures: SHA-256 of those that points are over. metrics: that were measured.

    having: of each metric the pictures that have it at every point that is over all pictures.
    """

    dataset: str
    settings: Sequence[Setting]
    pictures: frozenset[str]
    metrics: Sequence[str]
    having: Mapping[str, frozenset[str]]
    failures: Sequence[TransmitRow] = field(default=())

    def is_whole(self, point: Point) -> bool:
        """Whether the point is over all pictures."""
        return self.pictures <= point.pictures

    def mean(self, point: Point, figure: str) -> float | None:
        """Of a metric or a cost, over the pictures that it is shown for; None where there is none."""
        return point.mean(figure, self.having.get(figure, self.pictures) & point.pictures)

    def channels(self) -> list[str]:
        """The channels that anything was sent over, AWGN first."""
        found = list(dict.fromkeys(setting.channel for setting in self.settings))
        return sorted(found, key=lambda channel: channel != AWGN)


def read(paths: Sequence[Path]) -> Results:
    """The rows of several files, in their order; raises BadInput for a file that cannot be read."""
    found = sifting.read(paths, transmit_rows.parse)
    return sort(found.rows, found.damaged)


def sort(every: Sequence[TransmitRow], damaged: Sequence[str] = ()) -> Results:
    """The rows that count, as sccodec.report.sifting has it."""
    return sifting.sift(every, SIEVE, damaged)


SIEVE: sifting.Sieve[TransmitRow] = sifting.Sieve(
    done=lambda row: (row.spec, row.snr, row.transmitter_snr, row.channel, row.seed, row.device),
    files=lambda row: (row.sha256,),
    known=lambda row: row.sha256 not in ("", row.picture),
    marks=lambda row: (row.tag, row.encoder),
)


def groups(results: Results) -> list[Group]:
    """The rows by data set, in their order."""
    return [group_of(name, held) for name, held in results.by_dataset().items()]


def group_of(dataset: str, held: Sequence[TransmitRow]) -> Group:
    settings = settings_of([row for row in held if row.error is None])
    points = [point for setting in settings for point in setting.points]
    pictures = max((point.pictures for point in points), key=len, default=frozenset[str]())
    metrics = [key for key in METRICS if any(point.having(key) for point in points)]
    whole = [point for point in points if pictures <= point.pictures]
    having = {key: pictures.intersection(*(p.having(key) for p in whole if p.having(key))) for key in metrics}
    return Group(dataset, settings, pictures, metrics, having, [row for row in held if row.error is not None])


def settings_of(held: Iterable[TransmitRow]) -> list[Setting]:
    """The rows by what was done; names say what tells settings apart beside their specs, where anything does."""
    found: dict[tuple[str, ...], dict[tuple[Fraction, float, float], dict[tuple[str, int], TransmitRow]]] = {}
    for row in held:
        points = found.setdefault(
            (transmit_rows.without_ratio(row.spec), row.channel, row.tag, row.encoder, row.device), {}
        )
        points.setdefault((row.ratio, row.snr, row.transmitter_snr), {})[row.sha256, row.seed] = row
    settings = []
    for key, points in found.items():
        spec, channel, tag, _, device = key
        alike = [other for other in found if other[:2] == key[:2]]
        telling = [key[i] for i in range(2, 5) if len({other[i] for other in alike}) > 1]
        name = spec + (f" ({', '.join(filter(None, telling)) or counted(len(points), 'point')})" if telling else "")
        ordered = [Point(*place, rows) for place, rows in sorted(points.items())]
        settings.append(Setting(spec, channel, tag, device, name, ordered))
    return settings


def cost(group: Group, point: Point, key: str) -> float | None:
    """The mean of one of COSTS, over the pictures that the point has."""
    assert key in COSTS
    return point.mean(key, group.pictures & point.pictures)


def failed_blocks(group: Group, point: Point) -> tuple[int, int]:
    """Parts that could not be decoded, of how many, over the pictures of the point; 0 of 0 where it has no parts."""
    rows = point.of(group.pictures)
    return sum(row.failed for row in rows), sum(row.blocks for row in rows)
