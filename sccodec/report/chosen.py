"""Which pictures a report shows, at which rates, in which codecs; found again by their SHA-256 in a data set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from sccodec import api, fit
from sccodec.bench import datasets
from sccodec.codec import Notice, Options
from sccodec.errors import BadInput
from sccodec.metrics.table import BRIEF
from sccodec.report import gallery
from sccodec.report.curves import Group, Series
from sccodec.report.gallery import Entry
from sccodec.report.results import Row

DEFAULT_PICTURES = 3
AGAIN = "Coded again for this page, by the models and libraries that were installed where it was written."


def pictures(groups: Sequence[Group], wanted: str | None) -> list[Row]:
    """The rows' pictures that are wanted: a number of them, spread evenly, or names with commas between.

    Raises BadInput for a name that no row has.
    """
    known = [row for group in groups[:1] for row in group.pictures.values()]
    if wanted is None or wanted.isdecimal():
        n = min(DEFAULT_PICTURES if wanted is None else int(wanted), len(known))
        return [known[i * len(known) // n] for i in range(n)]
    every = [row for group in groups for row in group.pictures.values()]
    found = []
    for name in (part.strip() for part in wanted.split(",")):
        row = next((r for r in every if name in (r.picture, stem(r.picture))), None)
        if row is None:
            raise BadInput(f"no row is of a picture named {name!r}")
        found.append(row)
    return found


def stem(name: str) -> str:
    """ "kodak/kodim04.png" -> "kodim04"."""
    return name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]


def rates(series: Sequence[Series], picture: str) -> list[float]:
    """Two rates that tell codecs apart: a quarter and two thirds, in the logarithm, of the range that most were run at.

    Where that is hardly a range, its middle. Codecs with one rate, as lossless ones have, are not asked where
    others have several. picture: its SHA-256.
    """
    measured = [[p.rows[picture].bpp for p in one.points if picture in p.rows] for one in series]
    spans = [(min(bpps), max(bpps)) for bpps in measured if bpps]
    spans = [span for span in spans if span[0] < span[1]] or spans
    if not spans:
        return []
    # The largest set of ranges that have a rate in common has the lower end of one of them in common.
    sharing = [[span for span in spans if span[0] <= low <= span[1]] for low, _ in sorted(spans, reverse=True)]
    most = max(sharing, key=len)
    low, high = max(span[0] for span in most), min(span[1] for span in most)
    if high < 2 * low:
        return [math.sqrt(low * high)]
    return [math.exp(math.log(low) + part * math.log(high / low)) for part in (1 / 4, 2 / 3)]


def specs(series: Sequence[Series]) -> dict[str, str]:
    """What to encode with, by name: each codec once, whatever model or machine measured it."""
    return {base: base for base in dict.fromkeys(one.base for one in series)}


def entries(
    groups: Sequence[Group],
    dataset: str,
    chosen: Sequence[Row],
    bpps: Sequence[float],
    megabytes: float,
    notice: Notice,
    options: Options,
    advance: Callable[[], None],
) -> list[Entry]:
    """Encode the chosen pictures again, for the page; raises BadInput for one that is not in the data set.

    Without bpps, rates are chosen. All copies together take about so many megabytes. advance: called for each picture.
    """
    files = contents(dataset, {row.sha256 for row in chosen}, {row.picture for row in chosen})
    found = []
    for row in chosen:
        data = files.get(row.sha256, files.get(row.picture))
        if data is None:
            raise BadInput(
                f"{dataset} holds no file with the SHA-256 of {row.picture} in the rows: name the same pictures"
            )
        picture = api.load_picture(data, notice, options)
        height, width = picture.shape[:2]
        series = next(g for g in groups if row.sha256 in g.pictures).series
        measure = gallery.gauge(picture, BRIEF)
        targets = []
        for bpp in bpps or rates(series, row.sha256):
            most = max(1, fit.bytes_of_bpp(bpp, width, height))
            targets.append(gallery.at_size(picture, specs(series), most, measure, notice, options))
        found.append(gallery.entry(row.picture, picture, targets, int(megabytes * 1e6 / len(chosen)), AGAIN))
        advance()
    return found


def contents(dataset: str, hashes: set[str], names: set[str]) -> Mapping[str, bytes]:
    """The files of a data set with those SHA-256, by them. Rows without one state the picture's name in its place."""
    found: dict[str, bytes] = {}
    for entry in datasets.find(dataset).entries:
        if len(found) == len(hashes):
            break
        data = entry.read()
        key = sha256(data).hexdigest()
        if key in hashes:
            found[key] = data
        elif entry.name in hashes & names:
            found[entry.name] = data
    return found
