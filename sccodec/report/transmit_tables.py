"""The report on links as Markdown tables and as comma-separated values. Published figures stand apart."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from sccodec.bench.transmit_rows import AWGN, COSTS
from sccodec.metrics.table import METRICS
from sccodec.report.tables import cell, plain, safe, table
from sccodec.report.transmissions import Group, Point, Results, Setting, cost, failed_blocks
from sccodec.report.transmit_figures import Figure, names_of, ratio_text
from sccodec.report.transmit_reference import Published, is_of
from sccodec.report.words import counted

COLUMNS = (
    "dataset", "link", "channel", "tag", "device", "published", "ratio", "k_over_samples", "k_over_pixels", "snr_db",
    "transmitter_snr_db", "pictures", "seeds", "bits", "failed_blocks", "blocks",
)  # fmt: skip
DEFINITIONS = (
    "The ratio k/n is complex channel uses over the 3 H W samples of the source; k over pixels is three times it. SNR "
    "is Es/N0 in dB, of symbols of mean power 1. Every measurement compares the picture that arrived, 8 bits a sample, "
    "with the one that was sent: PSNR over all RGB samples, then the mean over pictures."
)
PUBLISHED = "Not measured here. Ratios are brought to k over 3 H W. Some were read off plots, as their lines say."


def as_csv(groups: Sequence[Group], published: Sequence[Published]) -> str:
    """A line a point, and a line a published one, which has yes under `published`."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, *METRICS, *COSTS, *(f"pictures_{key}" for key in METRICS), "source", "note"])
    for group in groups:
        for setting in group.settings:
            for p in setting.points:
                pictures = group.pictures & p.pictures
                failed, blocks = failed_blocks(group, p)
                bits = [row.bits for row in p.of(pictures) if row.bits is not None]
                row: list[object] = [group.dataset, setting.spec, setting.channel, setting.tag, setting.device, "no"]
                row += [str(p.ratio), plain(float(p.ratio)), plain(3 * float(p.ratio)), plain(p.snr)]
                row += [plain(p.transmitter_snr), len(pictures), len(p.seeds)]
                row += [plain(sum(bits) / len(bits)) if bits else "", failed if blocks else "", blocks or ""]
                row += [plain(group.mean(p, key)) for key in METRICS] + [plain(cost(group, p, key)) for key in COSTS]
                row += [len(group.having[key] & p.having(key)) if key in group.having else "" for key in METRICS]
                writer.writerow([text_of(value) for value in (*row, "", "")])
        for one in published:
            if is_of(one, group.dataset):
                row = [group.dataset, one.name, one.channel, "", "", "yes", "", plain(one.ratio), plain(3 * one.ratio)]
                row += [plain(one.snr), "", "", "", "", "", "", *(plain(one.figures.get(key)) for key in METRICS)]
                row += [""] * (len(COSTS) + len(METRICS))
                writer.writerow([text_of(value) for value in (*row, one.source, one.details)])
    return buffer.getvalue()


def text_of(value: object) -> str:
    """A cell of texts and numbers: only a text may be taken for a formula."""
    try:
        float(str(value))
    except ValueError:
        return safe(value)
    return str(value)


def as_markdown(
    title: str, groups: Sequence[Group], results: Results, figures: Sequence[Figure], published: Sequence[Published]
) -> str:
    """Tables for a README: every point, what figures would show, published figures, and what failed."""
    parts = [f"# {cell(title)}", DEFINITIONS]
    for group in groups:
        parts.append(f"## {cell(group.dataset)}")
        if group.settings:
            parts += [basis(group), table(*points_table(group), n_texts=2)]
        for figure in figures:
            if figure.dataset == group.dataset:
                parts += [f"### {cell(figure.title)}", table(*figure_table(figure), n_texts=1)]
        if beside := [one for one in published if is_of(one, group.dataset)]:
            parts += ["### Published figures", PUBLISHED, table(*published_table(beside), n_texts=2)]
        if group.failures:
            rows = [[f.label, f.picture, f.error or ""] for f in group.failures]
            parts.append(f"{counted(len(rows), 'measurement')} failed, in no figure:")
            parts.append(table(["link", "picture", "error"], rows, n_texts=3))
    if results.damaged:
        parts.append(f"{counted(len(results.damaged), 'damaged line')} skipped.")
    if results.n_changed:
        parts.append(f"{counted(results.n_changed, 'row')} of pictures that were changed since passed over.")
    return "\n\n".join(parts) + "\n"


def basis(group: Group) -> str:
    """Which pictures the figures are over."""
    points = [point for setting in group.settings for point in setting.points]
    partial = sum(not group.is_whole(point) for point in points)
    said = f"Means over {counted(len(group.pictures), 'picture')}."
    if partial:
        said += f" {counted(partial, 'point')} over fewer: the table says of how many, and no figure has them."
    for key in group.metrics:
        if len(group.having[key]) < len(group.pictures):
            said += f" {METRICS[key].label} is over the {len(group.having[key])} of them that have it everywhere."
    if any(len(point.seeds) > 1 for point in points):
        said += " Of a picture that was sent several times, with other noise, its mean counts."
    return said


def points_table(group: Group) -> tuple[list[str], list[list[str]]]:
    """Head and rows: a row a point."""
    points = [(setting, point) for setting in group.settings for point in setting.points]
    shown = Shown.of(group, [point for _, point in points])
    head = ["link", "k/n", "k/pixels", "SNR, dB", *(["sent for, dB"] if shown.assumed else [])]
    head += [METRICS[key].title for key in group.metrics]
    head += [*(["blocks failed"] if shown.blocks else []), "peak to average, dB", "send, s", "receive, s"]
    return head, [row_of(group, setting, point, shown) for setting, point in points]


class Shown:
    """Which columns there is something for."""

    def __init__(self, *, assumed: bool, blocks: bool) -> None:
        self.assumed, self.blocks = assumed, blocks

    @staticmethod
    def of(group: Group, points: Sequence[Point]) -> Shown:
        return Shown(
            assumed=any(not point.is_matched for point in points),
            blocks=any(failed_blocks(group, point)[1] for point in points),
        )


def row_of(group: Group, setting: Setting, point: Point, shown: Shown) -> list[str]:
    n = len(group.pictures & point.pictures)
    own = "" if group.is_whole(point) else f" ({counted(n, 'picture')})"
    failed, blocks = failed_blocks(group, point)
    cells = [named(setting) + own, ratio_text(float(point.ratio)), f"{3 * float(point.ratio):.4g}", f"{point.snr:g}"]
    cells += [f"{point.transmitter_snr:g}"] if shown.assumed else []
    cells += [METRICS[key].number(group.mean(point, key)) for key in group.metrics]
    cells += [f"{failed} of {blocks}" if blocks else "–"] if shown.blocks else []
    costs = [(cost(group, point, key), digits) for key, digits in (("peak_to_average_db", 1), *SECONDS)]
    return cells + ["–" if value is None else f"{value:.{digits}f}" for value, digits in costs]


SECONDS = (("send_seconds", 3), ("receive_seconds", 3))


def named(setting: Setting) -> str:
    """The link, and the channel where that is another than AWGN."""
    return setting.name + (f" over {setting.channel}" if setting.channel != AWGN else "")


def figure_table(figure: Figure) -> tuple[list[str], list[list[str]]]:
    """Head and rows: a row a line, a column an x at which something was measured."""
    found = METRICS[figure.metric]
    unit = "SNR, dB" if figure.is_over_snr else "k/n"
    shown = [line for line in figure.lines if any(x in line.points for x in figure.xs)]
    rows = [[line.name, *(found.number(line.points.get(x)) for x in figure.xs)] for line in shown]
    return [f"{found.title}; {unit}:", *map(figure.x_text, figure.xs)], rows


def published_table(published: Sequence[Published]) -> tuple[list[str], list[list[str]]]:
    """Head and rows: a row a point, by method, ratio and SNR."""
    metrics = [key for key in METRICS if any(key in one.figures for one in published)]
    head = [
        "method",
        "channel",
        "k/n",
        "SNR, dB",
        *(METRICS[key].title for key in metrics),
        "source",
        "what else is known",
    ]
    names = names_of(published)
    ordered = sorted(published, key=lambda one: (one.name, one.channel, one.ratio, one.snr))
    return head, [
        [names[one.name, one.source], one.channel or "any", f"{one.ratio:.4g}", f"{one.snr:g}"]
        + [METRICS[key].number(one.figures.get(key)) for key in metrics]
        + [one.source or "–", one.details or "–"]
        for one in ordered
    ]
