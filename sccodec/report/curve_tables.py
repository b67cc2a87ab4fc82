"""Published curves of links as their collectors write them down: tables whose names say what is the same for all.

    "witt_kodak_awgn_snr10": {"source": "..", "cbr": [0.02, 0.04], "WITT": [29.3, 31.9]}       over the ratio
    "witt_kodak_awgn_cbr1_16": {"source": "..", "snr": [1, 4], "WITT": [29.7, 31.3]}           over the SNR
    "swinjscc_kodak_awgn": {"source": "..", "cbr": [0.02, 0.04, 0.08], "snr_db": [1, 4], "psnr": [[26, 28], ...]}
    "ntscc_kodak_awgn_snr10": {"source": "..", "NTSCC": [[0.02, 28.3], [0.04, 30.9]]}          pairs: ratio, PSNR

The word before that of the channel is the data set; `snr10` is an SNR in dB, `cbr1_16` a ratio of 1/16. A curve called
psnr is that of the method which begins the table's name; `k/n=1/6` in a curve's name is its ratio. Where there are as
many ratios as SNRs, rows may be of either: `"axes": ["cbr", "snr_db"]` says that they are of ratios, and without it
such a table cannot be placed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sccodec.bench.lines import text

CHANNELS = ("awgn", "rayleigh", "rician")
RATIOS = ("cbr", "ratio")
SNR_WORD = re.compile(r"(?:^|_)snr(-?\d{1,3}(?:\.\d{1,3})?)(?:db)?(?=_|$)")
RATIO_WORD = re.compile(r"(?:^|_)(?:cbr|ratio)(\d{1,6})_(\d{1,6})(?=_|$)")
RATIO_IN_CURVE = re.compile(r"k/n\s*=\s*(\d{1,6}/\d{1,6})")
AXES, VALUE = "axes", "psnr_db"
UNREAD = ("source", "note", "ratio_definition", AXES)


class Unusable(Exception):
    """Why a published figure cannot be placed: nothing is wrong with the file."""


@dataclass(frozen=True)
class Fixed:
    """What a table's name says of all its curves; "" for what it does not say."""

    method: str
    dataset: str
    channel: str
    snr: str
    ratio: str


def fixed(name: str) -> Fixed:
    """What a table's name says."""
    lower = name.lower()
    words = lower.split("_")
    place = next((i for i, word in enumerate(words) if word in CHANNELS), None)
    snr, ratio = SNR_WORD.search(lower), RATIO_WORD.search(lower)
    return Fixed(
        method=" ".join(name.split("_")[: max(place - 1, 0)] if place else []) or name,
        dataset=words[place - 1] if place else "",
        channel=words[place] if place is not None else "",
        snr=snr[1] if snr else "",
        ratio=f"{ratio[1]}/{ratio[2]}" if ratio else "",
    )


def points(name: str, table: Mapping[str, object], convention: str) -> Iterator[dict[str, object]]:
    """The points of a table, with the names that single points have; raises Unusable.

    convention: what a ratio is divided by, where the table does not say.
    """
    said = fixed(name)
    if not said.dataset:
        raise Unusable("its name states no data set and channel")
    ratios = next((table[key] for key in RATIOS if key in table), None)
    snrs = next((table[key] for key in table if key.lower().startswith("snr")), None)
    axes = {key for key in table if key in RATIOS or key.lower().startswith("snr")}
    curves = {k: v for k, v in table.items() if isinstance(v, list) and k not in axes and k not in UNREAD}
    if not curves:
        raise Unusable("it has no curve")
    for key, values in curves.items():
        stated = RATIO_IN_CURVE.search(key)
        ratio = stated[1] if stated else said.ratio
        method = (
            said.method
            if key.lower() in (VALUE, VALUE.removesuffix("_db"))
            else f"{said.method}, {key}"
            if stated
            else key
        )
        common = {"method": method, "dataset": said.dataset, "channel": said.channel}
        common["source"] = text(table.get("source"))
        common["ratio_definition"] = text(table.get("ratio_definition")) or convention
        if isinstance(ratios, list) and isinstance(snrs, list):
            triples = grid(key, values, ratios, snrs, table.get(AXES))
        else:
            triples = placed(key, values, ratios, snrs, ratio, said.snr)
        for at, snr, value in triples:
            yield common | {"ratio": at, "snr_db": snr, VALUE: value}


def grid(
    key: str, values: object, ratios: list[object], snrs: list[object], axes: object
) -> Iterator[tuple[object, object, object]]:
    """Ratio, SNR and PSNR of each value of a table of both, whose rows are of ratios, or of SNRs; raises Unusable."""
    rows = [row for row in values if isinstance(row, list)] if isinstance(values, list) else []
    shape, widths = len(rows), {len(row) for row in rows}
    by_ratio, by_snr = shape == len(ratios) and widths == {len(snrs)}, shape == len(snrs) and widths == {len(ratios)}
    if not (by_ratio or by_snr):
        raise Unusable(f"{key} is no table of {len(ratios)} ratios and {len(snrs)} SNRs")
    if by_ratio and by_snr:
        first = axes[0] if isinstance(axes, list) and axes else None
        if not isinstance(first, str):
            raise Unusable(f'{key} has as many ratios as SNRs, and no "axes" that says of which its rows are')
        by_ratio = first in RATIOS
    for i, ratio in enumerate(ratios):
        for j, snr in enumerate(snrs):
            yield ratio, snr, rows[i][j] if by_ratio else rows[j][i]


def placed(
    key: str, values: object, ratios: object, snrs: object, ratio: str, snr: str
) -> Iterator[tuple[object, object, object]]:
    """Ratio, SNR and PSNR of each value of a curve; raises Unusable where they are not all there."""
    listed = values if isinstance(values, list) else []
    if isinstance(ratios, list):
        if len(listed) != len(ratios):
            raise Unusable(f"{key} has {len(listed)} values, and there are {len(ratios)} ratios")
        if not snr:
            raise Unusable("it states no SNR")
        yield from ((r, snr, value) for r, value in zip(ratios, listed, strict=True))
    elif isinstance(snrs, list):
        if len(listed) != len(snrs):
            raise Unusable(f"{key} has {len(listed)} values, and there are {len(snrs)} SNRs")
        if not ratio:
            raise Unusable("it states no ratio")
        yield from ((ratio, s, value) for s, value in zip(snrs, listed, strict=True))
    elif snr and all(isinstance(pair, list) and len(pair) == 2 for pair in listed):
        yield from ((pair[0], snr, pair[1]) for pair in listed)
    else:
        raise Unusable("it states neither ratios nor SNRs")
