"""The report on segmenters as Markdown tables and as comma-separated values. Published figures stand apart."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from sccodec.report.segment_reference import Published
from sccodec.report.segment_summary import void
from sccodec.report.segments import Figures, Group, Results, Setting
from sccodec.report.tables import cell, plain, safe, table
from sccodec.report.words import counted

COLUMNS = (
    "dataset", "segmenter", "through", "tag", "device", "published", "pictures", "miou", "stated", "points_lost",
    "pixel_accuracy", "void", "parameters", "seconds", "load_seconds", "bpp", "source", "note",
)  # fmt: skip
DEFINITION = (
    "IoU is of the pixels of all pictures together: those that are of a class in the maps and were predicted so, over "
    "those that are of it in either. mIoU is the mean over the classes that occur in either. Void pixels count nowhere."
)
LOST = "Points lost are those of mIoU, of a hundred, against the same segmenter on the pictures as they are."
PUBLISHED = "Not measured here, and not always on the same pictures, sizes or training data."


def as_csv(groups: Sequence[Group], published: Sequence[Published]) -> str:
    """A line a setting, and a line a published figure, which has `published` or `published, from memory` there.

    `iou_` and the class's name are its IoU; empty where the class occurs nowhere.
    """
    classes = list(dict.fromkeys(name for group in groups for name in group.classes))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, *(safe(f"iou_{name}") for name in classes)])
    for group in groups:
        for setting, f in zip(group.settings, group.figures, strict=True):
            line: list[object] = [group.dataset, setting.spec, setting.through, setting.tag, setting.device, "no"]
            line += [f.n_pictures, figure(f.miou), "", plain(f.lost), figure(f.accuracy), plain(f.void)]
            line += [f.parameters or "", plain(f.seconds), plain(f.load_seconds), plain(f.bpp), "", ""]
            writer.writerow([safe(value) for value in (*line, *(figure(f.iou.get(name)) for name in classes))])
        for one in of_group(group, published):
            line = [group.dataset, one.name, "", "", "", one.mark, "", figure(one.miou), one.stated, "", "", ""]
            line += [one.parameters, "", "", "", one.source, one.details]
            writer.writerow([safe(value) for value in (*line, *("" for _ in classes))])
    return buffer.getvalue()


def as_markdown(title: str, groups: Sequence[Group], results: Results, published: Sequence[Published]) -> str:
    """Tables for a README: figures, IoU of every class, published figures, and what failed."""
    parts = [f"# {cell(title)}", DEFINITION]
    for group in groups:
        parts.append(f"## {cell(group.dataset)}")
        if group.settings:
            parts.append(" ".join([basis(group), *([LOST] if is_coded(group) else [])]))
            parts.append(table(*settings_table(group), n_texts=1))
            parts += ["### IoU of every class", table(*classes_table(group), n_texts=1)]
        if beside := of_group(group, published):
            parts += ["### Published figures", PUBLISHED, table(*published_table(beside), n_texts=7)]
        if group.failures:
            rows = [[f.label, f.picture, f.error or ""] for f in group.failures]
            parts.append(f"{counted(len(rows), 'measurement')} failed, in no figure:")
            parts.append(table(["segmenter", "picture", "error"], rows, n_texts=3))
    if results.damaged:
        parts.append(f"{counted(len(results.damaged), 'damaged line')} skipped.")
    if results.n_changed:
        parts.append(f"{counted(results.n_changed, 'row')} of pictures or maps that were changed since passed over.")
    return "\n\n".join(parts) + "\n"


def basis(group: Group) -> str:
    """Which pictures the figures are over."""
    absent = sorted({name for f in group.figures for name in f.absent})
    said = f"{counted(len(group.pictures), 'picture')}{void(group.figures)}."
    if any(f.n_pictures < len(group.pictures) for f in group.figures):
        said += " Lines over fewer pictures say so, and do not compare with the others."
    if absent:
        said += f" In no mean of those that know them, as they occur nowhere: {', '.join(absent)}."
    return said


def is_coded(group: Group) -> bool:
    return any(setting.through for setting in group.settings)


def settings_table(group: Group) -> tuple[list[str], list[list[str]]]:
    """Head and rows: a row a setting."""
    head = ["segmenter", "parameters", "mIoU", *(["points lost", "bpp"] if is_coded(group) else [])]
    head += ["pixels right", "ms a picture", "load, s"]
    return head, [line(group, s, f) for s, f in zip(group.settings, group.figures, strict=True)]


def line(group: Group, setting: Setting, f: Figures) -> list[str]:
    own = f" ({counted(f.n_pictures, 'picture')})" if f.n_pictures < len(group.pictures) else ""
    codec = [dash(f.lost, 2), dash(f.bpp, 3)] if is_coded(group) else []
    seconds = None if f.seconds is None else 1000 * f.seconds
    parameters = millions(f.parameters) if f.parameters else "–"
    figures = [dash(f.miou, 4), *codec, dash(f.accuracy, 4), dash(seconds, 1), dash(f.load_seconds, 2)]
    return [setting.name + own, parameters, *figures]


def classes_table(group: Group) -> tuple[list[str], list[list[str]]]:
    """Head and rows: a row a class, a column a setting."""
    rows = [[name, *(dash(f.iou.get(name), 4) for f in group.figures)] for name in group.classes]
    return ["class", *(setting.name for setting in group.settings)], rows


def published_table(published: Sequence[Published]) -> tuple[list[str], list[list[str]]]:
    """Head and rows: the best first, those that are not one number last."""
    head = ["segmenter", "mIoU", "as stated", "", "parameters", "source", "what else is known"]
    ordered = sorted(published, key=lambda one: -1.0 if one.miou is None else one.miou, reverse=True)
    return head, [
        [
            one.name,
            dash(one.miou, 4),
            one.stated,
            one.mark,
            one.parameters or "–",
            one.source or "–",
            one.details or "–",
        ]
        for one in ordered
    ]


def of_group(group: Group, published: Sequence[Published]) -> list[Published]:
    """The published figures that go with a data set."""
    return [one for one in published if one.dataset in ("", group.dataset)]


def millions(parameters: int) -> str:
    return f"{parameters / 1e6:.2f} M"


def dash(value: float | None, digits: int) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def figure(value: float | None) -> str:
    """A share for a program; empty where there is none."""
    return "" if value is None or math.isnan(value) else f"{value:.6f}"
