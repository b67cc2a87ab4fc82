"""Figures of segmenters as tables for the terminal: plain text of at most summary.WIDTH columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sccodec.bench.segment_rows import SegmentRow
from sccodec.report.segments import Figures, Group, group_of, sort
from sccodec.report.summary import NONE, WIDTH, aligned, plain
from sccodec.report.words import counted

LONGEST_CLASS = 24


def lines(held: Sequence[SegmentRow], dataset: str, labels: Sequence[str], n_pictures: int) -> list[str]:
    """The tables, of the rows without error, the later of two counting; [] where there are none.

    labels: of the rows, in the order in which they are shown. n_pictures: how many the data set has.
    """
    place = {label: i for i, label in enumerate(labels)}
    found = sort(sorted(held, key=lambda row: place.get(row.label, len(place))))
    group = group_of(dataset, found.rows)
    if not group.settings:
        return []
    of = f" (of {n_pictures:,})" if len(group.pictures) < n_pictures else ""
    said = [f"{plain(dataset)}: {counted(len(group.pictures), 'picture')}{of}; IoU of all their pixels together", ""]
    said += settings_table(group)
    said += ["", *classes_table(group)]
    notes = remarks(group)
    return [*said, *([""] if notes else []), *notes]


def settings_table(group: Group) -> list[str]:
    """A line a setting, with its number, by which the table of classes calls it."""
    partial = [len(figures.iou) and figures.n_pictures < len(group.pictures) for figures in group.figures]
    coded = any(setting.through for setting in group.settings)
    head = ["segmenter", "#", *(["n"] if any(partial) else []), "mIoU", *(["lost", "bpp"] if coded else [])]
    head += ["pixels", "ms"]
    body = []
    for i, (setting, figures) in enumerate(zip(group.settings, group.figures, strict=True), 1):
        n = [str(figures.n_pictures) if partial[i - 1] else ""] if any(partial) else []
        codec = [number(figures.lost, 2), number(figures.bpp, 3)] if coded else []
        seconds = None if figures.seconds is None else 1000 * figures.seconds
        cells = [number(figures.miou, 4), *codec, number(figures.accuracy, 4), number(seconds, 1)]
        body.append([plain(setting.name), str(i), *n, *cells])
    return aligned(head, body, n_texts=1)


def classes_table(group: Group) -> list[str]:
    """IoU of every class, a line each, and a column a setting; where they are too many, further tables below."""
    names = {name: plain(name)[:LONGEST_CLASS] for name in group.classes}
    room = (WIDTH - max(map(len, (*names.values(), "IoU")))) // 8
    found: list[str] = []
    for start in range(0, len(group.settings), room):
        shown = group.figures[start : start + room]
        head = ["IoU", *(f"#{start + i + 1}" for i in range(len(shown)))]
        body = [[names[name], *(f"{number(f.iou.get(name), 4):>6}" for f in shown)] for name in group.classes]
        found += ([""] if found else []) + aligned(head, body, n_texts=1)
    return found


def remarks(group: Group) -> list[str]:
    """What is to be said below the tables."""
    notes = ["pixels: share of right ones" + void(group.figures)]
    if any(setting.through for setting in group.settings):
        notes.append("lost: points of mIoU, of 100, less than on the pictures as they are")
    absent = {tuple(figures.absent) for figures in group.figures if figures.absent}
    for names in sorted(absent):
        shown = ", ".join(map(plain, names))
        notes.append(f"in no mean, as they occur neither in the maps nor in what was predicted: {shown}")
    if any(figures.n_pictures < len(group.pictures) for figures in group.figures):
        notes.append("n: measured on so many pictures only, not to be compared with the other lines")
    return notes


def void(figures: Sequence[Figures]) -> str:
    most = max((f.void for f in figures), default=0.0)
    return f"; {100 * most:.1f} % of all are void, and left out" if most else ""


def number(value: float | None, digits: int) -> str:
    return NONE if value is None or math.isnan(value) else f"{value:.{digits}f}"
