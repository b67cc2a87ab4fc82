"""Rows of segmenters as figures of a data set: from the counts of its pictures, summed, and of stated pictures alone.

A setting is a segmenter with its options, on the pictures themselves or on what a codec made of them. Settings are
compared over the same pictures: those that the one that was measured on most has. One that lacks some of them is over
those it has, and says so. A class that occurs neither in the maps nor in what was predicted has no figure, and is in no
mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import numpy as np

from sccodec.bench import segment_rows
from sccodec.bench.segment_rows import SegmentRow
from sccodec.metrics.labels import mean_iou, pixel_accuracy
from sccodec.report import sifting
from sccodec.report.words import counted

Results = sifting.Sifted[SegmentRow]

Picture = tuple[str, str]
"""SHA-256 of a picture and of its map."""


@dataclass(frozen=True)
class Setting:
    """What was measured on several pictures alike; rows by picture."""

    spec: str
    through: str
    tag: str
    device: str
    name: str
    rows: Mapping[Picture, SegmentRow]


@dataclass(frozen=True)
class Figures:
    """Of a setting, over n_pictures pictures.

    iou: by the class's name, without those that occur nowhere, which are absent. miou, accuracy: nan where all pixels
    are void. void: their share of all pixels. seconds, load_seconds: means; bpp: of what the codec made, None without.
    lost: points of mIoU, of a hundred, less than on the pictures themselves, over the pictures that both have.
    """

    n_pictures: int
    miou: float
    accuracy: float
    iou: Mapping[str, float]
    absent: Sequence[str]
    void: float
    parameters: int
    seconds: float | None
    load_seconds: float | None
    bpp: float | None = None
    lost: float | None = None


@dataclass(frozen=True)
class Group:
    """What was measured on one data set. classes: all that any setting knows, in order."""

    dataset: str
    settings: Sequence[Setting]
    figures: Sequence[Figures]
    pictures: frozenset[Picture]
    classes: Sequence[str]
    failures: Sequence[SegmentRow] = field(default=())


def read(paths: Sequence[Path]) -> Results:
    """The rows of several files, in their order; raises BadInput for a file that cannot be read."""
    found = sifting.read(paths, segment_rows.parse)
    return sort(found.rows, found.damaged)


def sort(every: Sequence[SegmentRow], damaged: Sequence[str] = ()) -> Results:
    """The rows that count, as sccodec.report.sifting has it."""
    return sifting.sift(every, SIEVE, damaged)


def has_files(row: SegmentRow) -> bool:
    """Whether picture and map could be read, so that the row knows them by their contents."""
    return bool(row.labels_sha256) and row.sha256 not in ("", row.picture)


def picture_of(row: SegmentRow) -> Picture:
    return row.sha256, row.labels_sha256


SIEVE: sifting.Sieve[SegmentRow] = sifting.Sieve(
    done=lambda row: (row.spec, row.through, row.device),
    files=picture_of,
    known=has_files,
    marks=lambda row: (row.tag, row.through_tag, row.through_encoder),
)


def groups(results: Results) -> list[Group]:
    """The rows by data set, in their order."""
    return [group_of(name, held) for name, held in results.by_dataset().items()]


def group_of(dataset: str, held: Sequence[SegmentRow]) -> Group:
    settings = settings_of([row for row in held if row.error is None])
    pictures = max((frozenset(setting.rows) for setting in settings), key=len, default=frozenset())
    figures = [figures_of(setting, pictures, plain_of(setting, settings)) for setting in settings]
    classes = dict.fromkeys(name for setting in settings for row in setting.rows.values() for name in row.classes)
    return Group(dataset, settings, figures, pictures, list(classes), [row for row in held if row.error is not None])


def settings_of(held: Iterable[SegmentRow]) -> list[Setting]:
    """The rows by what was done; names say what tells settings apart beside their specs, where anything does."""
    found: dict[tuple[object, ...], dict[Picture, SegmentRow]] = {}
    for row in held:
        # Classes belong to it: counts of others cannot be summed.
        marks = row.tag, row.through_tag, row.through_encoder, row.device, row.classes
        found.setdefault((row.spec, row.through, *marks), {})[picture_of(row)] = row
    labels = [segment_rows.label(str(key[0]), str(key[1])) for key in found]
    settings = []
    for key, own in found.items():
        spec, through, *telling_apart = key
        name = segment_rows.label(str(spec), str(through))
        if labels.count(name) > 1:
            alike = [other for other in found if other[:2] == key[:2]]
            telling = [str(m) for i, m in enumerate(telling_apart[:4]) if len({other[2 + i] for other in alike}) > 1]
            name += f" ({', '.join(filter(None, telling)) or counted(len(own), 'picture')})"
        settings.append(Setting(str(spec), str(through), str(telling_apart[0]), str(telling_apart[3]), name, own))
    return settings


def plain_of(setting: Setting, settings: Sequence[Setting]) -> Setting | None:
    """The same segmenter on the pictures themselves; None where the setting is that, or there is none."""
    if not setting.through:
        return None
    alike = (
        s for s in settings if (s.spec, s.tag, s.device, s.through) == (setting.spec, setting.tag, setting.device, "")
    )
    return next(alike, None)


def figures_of(setting: Setting, pictures: frozenset[Picture], plain: Setting | None) -> Figures:
    """The figures of a setting over those of the pictures that it has."""
    held = [row for key, row in setting.rows.items() if key in pictures] or list(setting.rows.values())
    names = held[0].classes
    counts = summed(held)
    miou, iou = mean_iou(counts)
    pixels = sum(row.width * row.height for row in held)
    lost = None
    if plain is not None:
        shared = set(setting.rows) & set(plain.rows)
        parts = [[s.rows[key] for key in sorted(shared)] for s in (plain, setting)]
        if shared and parts[0][0].classes == names:
            lost = 100 * (mean_iou(summed(parts[0]))[0] - mean_iou(summed(parts[1]))[0])
    coded = [8 * row.file_bytes / (row.width * row.height) for row in held if row.file_bytes]
    return Figures(
        n_pictures=len(held),
        miou=miou,
        accuracy=pixel_accuracy(counts),
        iou={name: float(value) for name, value in zip(names, iou, strict=True) if not math.isnan(value)},
        absent=[name for name, value in zip(names, iou, strict=True) if math.isnan(value)],
        void=sum(row.void for row in held) / pixels,
        parameters=max(row.parameters for row in held),
        seconds=mean([row.seconds for row in held]),
        load_seconds=mean([row.load_seconds for row in held]),
        bpp=fmean(coded) if coded else None,
        lost=None if lost is None or math.isnan(lost) else lost,
    )


def summed(held: Sequence[SegmentRow]) -> segment_rows.Counts:
    """The counts of several rows of the same classes."""
    counts = [row.counts for row in held if row.counts is not None]
    total: segment_rows.Counts = np.sum(counts, axis=0, dtype=np.int64)
    return total


def mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
