"""Curves as files of compressai's results: a file a codec, as its own scripts write and plot them.

    {"name", "description", "meta": {...}, "results": {"bpp": [...], "psnr-rgb": [...], "encoding_time": [...]}}

Points are means over the pictures that all codecs of the data set have at all settings, by rising rate. Lists are of
equal length: a figure that one setting lacks, as a lossless one lacks PSNR, is not in the file.
"""

from __future__ import annotations

from collections.abc import Sequence

from sccodec import __version__
from sccodec.metrics.table import METRICS
from sccodec.report.codec_compare import dumped, file_name
from sccodec.report.curves import Group, Mean, Series, basis, mean, split
from sccodec.report.reference import TIMES
from sccodec.report.words import counted


def files(groups: Sequence[Group]) -> dict[str, bytes]:
    """The files by their names."""
    found: dict[str, bytes] = {}
    for group in groups:
        for series in group.series:
            means = means_of(group, series)
            if means:
                name = file_name(f"{group.dataset}-{series.name}" if len(groups) > 1 else series.name, found)
                found[name] = dumped(content(group, series, means))
    return found


def means_of(group: Group, series: Series) -> list[Mean]:
    """Of each setting, by rising rate; none where no picture has all settings."""
    pictures, having = basis(group, series)
    return sorted((mean(point, pictures, having) for point in series.points if pictures), key=lambda m: m.bpp)


def content(group: Group, series: Series, means: Sequence[Mean]) -> dict[str, object]:
    """The object of a file."""
    by = series.encoder or (f"model {series.tag}" if series.tag else "")
    description = [
        f"sccodec {__version__}",
        by,
        f"mean of {counted(means[0].n_pictures, 'picture')} of {group.dataset}",
    ]
    devices = sorted({row.device for point in series.points for row in point.rows.values() if row.device})
    return {
        "name": series.name,
        "description": ", ".join(part for part in description if part),
        "meta": {
            "source": "measured by sccodec bench",
            "type": "image",
            "dataset": group.dataset,
            "device": ", ".join(devices) or None,
            "settings": [split(m.spec)[1] or m.spec for m in means],
        },
        "results": {"bpp": [m.bpp for m in means], **figures(means)},
    }


def figures(means: Sequence[Mean]) -> dict[str, list[float]]:
    """The lists of metrics and times that every setting has, by their names there."""
    names = {key: (*metric.published, key)[0] for key, metric in METRICS.items()}
    names |= {ours: theirs for theirs, ours in TIMES.items()}
    return {
        theirs: [m.figures[ours] for m in means]
        for ours, theirs in names.items()
        if all(ours in m.figures for m in means)
    }


def lacking(groups: Sequence[Group]) -> list[str]:
    """What is to be said of figures that are in no file of their codec, though some settings have them."""
    found = []
    for group in groups:
        for series in group.series:
            means = means_of(group, series)
            for key, metric in METRICS.items():
                n = sum(key in m.figures for m in means)
                if 0 < n < len(means):
                    found.append(f"{series.name}: {metric.label} is left out: {n} of {len(means)} settings have it")
            if not means:
                found.append(f"{series.name}: is left out: no picture has all its settings")
    return found
