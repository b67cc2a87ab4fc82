"""Published figures of links, from JSON. They are shown as such, apart from what was measured.

    {"rows": [{"method": "WITT", "dataset": "Kodak", "channel": "AWGN", "ratio": "1/24", "snr_db": 10, "psnr_db": 31.9,
               "ratio_definition": "k complex channel uses / (3*H*W) source samples", "source": "where from"}]}

or a list of such points. `ratio_definition` says what k was divided by: samples of the source, 3 H W, or pixels, H W,
which gives three times as much. Every ratio is brought to samples; a point that does not say, or names both, cannot be
placed. `name` is a method, too; metrics are `psnr_db` or `psnr`, `ssim`, `ms_ssim` or `ms_ssim_db`, and LPIPS by the
names that rows have. Without a data set or a channel a point goes with any. Tables of curves are read as well
(sccodec.report.curve_tables): the first sentence of a text beside them says what k was divided by. What cannot be
placed is named in a notice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from sccodec.bench.lines import number, text
from sccodec.errors import BadInput
from sccodec.metrics.table import METRICS
from sccodec.notices import ignore
from sccodec.report import curve_tables
from sccodec.report.curve_tables import Unusable

NAMES = ("method", "name")
SHAPE = (
    'published figures of links are {"rows": [{"method", "dataset", "channel", "ratio", "ratio_definition", "snr_db", '
    '"psnr_db", "source"}]}'
)
DECIBELS = "_db"
SOURCE = re.compile(r"3\s*[*·×x]?\s*H\s*[*·×x]?\s*W", re.I)
AREA = re.compile(r"\bH\s*[*·×x]?\s*W\b", re.I)
SHOWN = 3
"""Points or tables of a file that cannot be placed are named so often; the others are counted."""


@dataclass(frozen=True)
class Published:
    """A point that others state. ratio: k over 3 H W. figures: METRICS. how: where the figure is from, as a text.

    dataset, channel: as stated; "" where it goes with any.
    """

    name: str
    dataset: str
    channel: str
    ratio: float
    snr: float
    figures: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    how: str = ""
    note: str = ""

    @property
    def details(self) -> str:
        """All that is known of it beside name, place, figures and source."""
        return "; ".join(filter(None, (self.how, self.note)))


def read(paths: Sequence[Path], notice: Callable[[str], None] = ignore) -> list[Published]:
    """The points of several files, in their order; raises BadInput, which names the file and what is wrong.

    notice: takes a line for what a file holds and cannot be placed.
    """
    found: list[Published] = []
    for path in paths:
        try:
            content = json.loads(path.read_bytes())
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror or error}") from None
        except (ValueError, RecursionError):
            raise BadInput(f"{path}: is no JSON; {SHAPE}") from None
        here: list[Published] = []
        left_out: list[str] = []
        for name, entries in sources(content):
            try:
                for entry in entries:
                    here.append(parse(entry))
            except Unusable as why:
                left_out.append(f"{name}: {why}")
        if not here:
            first = f" ({left_out[0]})" if left_out else ""
            raise BadInput(f"{path}: holds no published figure that can be placed{first}; {SHAPE}")
        for said in left_out[:SHOWN]:
            notice(f"{path}: left out, {said}")
        if len(left_out) > SHOWN:
            notice(f"{path}: {len(left_out)} in all are left out")
        found += here
    return found


def sources(content: object) -> Iterator[tuple[str, Iterable[object]]]:
    """The points of a file by where they stand: each alone, or those of a table together."""
    if isinstance(content, dict) and "rows" not in content and not is_point(content):
        convention = next((first for value in content.values() if (first := definition_in(value))), "")
        for name, table in content.items():
            if isinstance(table, dict):
                yield text(name), curve_tables.points(text(name), table, convention)
        return
    listed = content.get("rows", content) if isinstance(content, dict) else content
    for i, entry in enumerate(listed if isinstance(listed, list) else [listed], 1):
        yield f"point {i}", [entry]


def is_point(content: Mapping[str, object]) -> bool:
    return any(isinstance(content.get(key), str) for key in NAMES)


def definition_in(value: object) -> str:
    """The first sentence of a text, where it says what a ratio is divided by; otherwise ""."""
    first = re.split(r"\.\s", value)[0] if isinstance(value, str) else ""
    try:
        over_samples(first)
    except Unusable:
        return ""
    return first


def parse(entry: object) -> Published:
    """A point of its JSON; raises Unusable."""
    if not isinstance(entry, dict):
        raise Unusable("it is no object")
    name = next((text(entry[key]) for key in NAMES if text(entry.get(key))), "")
    if not name:
        raise Unusable("it has no method")
    snr = number(entry.get("snr_db", entry.get("snr")))
    if snr is None:
        snr = number_of(text(entry.get("snr_db", entry.get("snr"))))
    if snr is None:
        raise Unusable(f"{name} states no SNR")
    figures = figures_of(entry)
    if not figures:
        raise Unusable(f"{name} at {snr:g} dB has no figure")
    return Published(
        name=plain(name),
        dataset=plain(text(entry.get("dataset"))),
        channel=plain(text(entry.get("channel"))),
        ratio=ratio_of(entry.get("ratio")) / over_samples(text(entry.get("ratio_definition"))),
        snr=snr,
        figures=figures,
        source=plain(text(entry.get("source"))),
        how=plain(text(entry.get("how"))),
        note=plain(text(entry.get("note"))),
    )


def figures_of(entry: Mapping[str, object]) -> dict[str, float]:
    """The metrics of a point, as rows have them. A similarity in decibels becomes a share; one above 1 is none."""
    found = {}
    for key, metric in METRICS.items():
        value, decibels = number(entry.get(key)), number(entry.get(key + DECIBELS))
        if metric.as_decibels:
            value = metric.unscaled(decibels) if decibels is not None else value
            value = value if value is not None and value <= 1 else None
        elif metric.unit and decibels is not None:
            value = decibels
        if value is not None:
            found[key] = value
    return found


def ratio_of(value: object) -> float:
    """A ratio as stated, a number or a fraction; raises Unusable."""
    found = number(value)
    if found is None:
        found = number_of(text(value))
    if found is None or not 0 < found <= 10:
        raise Unusable(f"a ratio is {json.dumps(value)[:40]}")
    return found


def number_of(written: str) -> float | None:
    """The number of a text, which may be a fraction; None for any other text."""
    if not re.fullmatch(r"-?\d{1,9}(\.\d{1,9}|/[1-9]\d{0,8})?", written.strip()):
        return None
    return float(Fraction(written.strip()))


def over_samples(definition: str) -> float:
    """By what a ratio of that definition is divided, to be complex channel uses over samples; raises Unusable."""
    without = SOURCE.sub(" ", definition)
    samples = without != definition or re.search(r"\bsamples?\b", definition, re.I) is not None
    pixels = re.search(r"\bpixels?\b", without, re.I) is not None or AREA.search(without) is not None
    if samples == pixels:
        said = "names both samples and pixels" if samples else "does not say whether of samples (3HW) or of pixels (HW)"
        raise Unusable(f"ratio_definition {definition[:60]!r} {said}")
    words = set(re.findall(r"[a-z]+", definition.lower()))
    halves = 2 if "real" in words and "complex" not in words else 1  # two real channel uses are a complex one
    return halves * (3 if pixels else 1)


def plain(written: str) -> str:
    return " ".join(written.split())


def is_of(one: Published, dataset: str) -> bool:
    """Whether a point goes with a data set, whose name others may write otherwise: "Kodak" and "kodak"."""
    return not one.dataset or simple(one.dataset) == simple(dataset)


def simple(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def is_over(one: Published, channel: str) -> bool:
    """Whether a point goes with a channel's spec; what it does not say of fading and knowledge is no reason."""
    words = set(re.findall(r"[a-z]+", one.channel.lower()))
    kind, _, options = channel.partition(":")
    if not words:
        return True
    if kind not in words:
        return False
    fading = {"fast"} & words or ({"block"} if {"block", "slow"} & words else set())
    unknown = "csi" in words and bool({"no", "none", "without", "blind"} & words)
    knowledge = {"none"} if unknown else {"perfect"} & words
    stated = [f"fading={word}" for word in fading] + [f"csi={word}" for word in knowledge]
    return all(option in options for option in stated)
