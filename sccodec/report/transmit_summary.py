"""Figures of links as a table for the terminal: plain text of at most summary.WIDTH columns."""

from __future__ import annotations

from collections.abc import Sequence

from sccodec.bench.transmit_rows import TransmitRow
from sccodec.metrics.table import METRICS
from sccodec.report.summary import NONE, aligned, plain
from sccodec.report.transmissions import Group, Point, Setting, cost, failed_blocks, group_of, sort
from sccodec.report.transmit_figures import ratio_text
from sccodec.report.transmit_tables import named
from sccodec.report.words import counted

SECONDS = {"send_seconds": "send, s", "receive_seconds": "recv, s"}


def lines(held: Sequence[TransmitRow], dataset: str, labels: Sequence[str], n_pictures: int) -> list[str]:
    """The table, of the rows without error, the later of two counting; [] where there are none.

    labels: of the rows, in the order in which they are shown. n_pictures: how many the data set has.
    """
    place = {label: i for i, label in enumerate(labels)}
    found = sort(sorted(held, key=lambda row: place.get(row.label, len(place))))
    group = group_of(dataset, found.rows)
    if not group.settings:
        return []
    points = [(setting, point) for setting in group.settings for point in setting.points]
    keys = columns(group)
    partial = any(not group.is_whole(point) for _, point in points)
    assumed = any(not point.is_matched for _, point in points)
    blocks = any(failed_blocks(group, point)[1] for _, point in points)
    head = ["link", "k/n", "dB", *(["for dB"] if assumed else []), *(["n"] if partial else [])]
    head += [METRICS[key].column for key in keys] + (["failed"] if blocks else []) + list(SECONDS.values())
    body = []
    for setting, point in points:
        places = [ratio_text(float(point.ratio)), f"{point.snr:g}"]
        places += [f"{point.transmitter_snr:g}" if not point.is_matched else ""] if assumed else []
        places += ["" if group.is_whole(point) else str(len(point.pictures))] if partial else []
        body.append([plain(named(setting)), *places, *cells(group, setting, point, keys, blocks=blocks)])
    of = f" (of {n_pictures:,})" if len(group.pictures) < n_pictures else ""
    notes = remarks(group, keys, partial=partial, assumed=assumed, blocks=blocks)
    said = f"{plain(dataset)}: means over {counted(len(group.pictures), 'picture')}{of}"
    return [said, "", *aligned(head, body, n_texts=1), "", *notes]


def columns(group: Group) -> list[str]:
    """The metrics that have a column: of each name there the first that was measured."""
    found: dict[str, str] = {}
    for key in group.metrics:
        if METRICS[key].column:
            found.setdefault(METRICS[key].column, key)
    return list(found.values())


def cells(group: Group, setting: Setting, point: Point, keys: Sequence[str], *, blocks: bool) -> list[str]:
    found = []
    for key in keys:
        value = group.mean(point, key)
        found.append(NONE if value is None else METRICS[key].number(value))
    failed, total = failed_blocks(group, point)
    found += [(f"{100 * failed / total:.1f}%" if total else NONE)] if blocks else []
    for key in SECONDS:
        seconds = cost(group, point, key)
        found.append(NONE if seconds is None else f"{seconds:.3f}")
    return found


def remarks(group: Group, keys: Sequence[str], *, partial: bool, assumed: bool, blocks: bool) -> list[str]:
    """What is to be said below the table."""
    notes = ["k/n: channel uses over 3 H W samples; over pixels it is 3 times that; dB: Es/N0"]
    if assumed:
        notes.append("for dB: the SNR that the transmitter went by, where it is another")
    if blocks:
        notes.append("failed: share of blocks that could not be decoded")
    for key in keys:
        if len(group.having[key]) < len(group.pictures):
            notes.append(f"{METRICS[key].column}: over {len(group.having[key])} of {len(group.pictures)} pictures")
    if partial:
        notes.append("n: measured on so many pictures only, not to be compared with the other lines")
    return notes
