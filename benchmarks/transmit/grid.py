"""What the benchmarks of links share: transmissions of a folder's pictures, measured as `sccodec bench` does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import packed
from sccodec import bundle
from sccodec.bench import datasets, gauge, lines, processes, transmit_rows, transmit_specs
from sccodec.bench.entries import Dataset
from sccodec.bench.transmit_plan import Plan, Wish, label_of, make_plan
from sccodec.bench.transmit_rows import TransmitRow
from sccodec.bench.transmit_specs import Asked
from sccodec.codec import Options, Spec
from sccodec.errors import SccodecError
from sccodec.metrics.table import METRICS
from sccodec.report import transmissions, transmit_figures, transmit_plot, transmit_reference
from sccodec.report.transmissions import Group, Point, cost, failed_blocks
from sccodec.report.transmit_figures import Figure

LINKS = (
    "deepjscc",
    "separate:hyperprior,code=ldpc",
    "separate:hyperprior,code=capacity",
    "separate:bpg,code=capacity",
    "separate:jpeg,code=capacity",
)
"""What is measured where no link is named, as far as it is there."""


@dataclass(frozen=True)
class Measured:
    """The rows that were asked for, and what they come to."""

    plan: Plan
    rows: Sequence[TransmitRow]
    group: Group

    @property
    def what(self) -> str:
        """Which pictures they are of."""
        sizes = sorted({f"{max(r.width, r.height)}x{min(r.width, r.height)}" for r in self.rows})
        return f"the {len(self.plan.entries)} pictures of Kodak, {' and '.join(sizes)}"


def pictures(folder: Path, most: int | None) -> Dataset:
    """The pictures of a folder or an archive, the first so many; SystemExit where there are none."""
    try:
        found = datasets.find(str(folder))
    except SccodecError as error:
        raise SystemExit(str(error)) from None
    return Dataset("kodak", found.entries[:most])


def asked_of(named: Sequence[str], options: str) -> list[Asked]:
    """Every link with these ratios and SNRs; SystemExit for one that is named and not there.

    Of LINKS, those that are not there are left out, with a word.
    """
    found: list[Asked] = []
    for link in named or LINKS:
        try:
            found += transmit_specs.expand([f"{link}{',' if ':' in link else ':'}{options}"])
        except SccodecError as error:
            if named:
                raise SystemExit(str(error)) from None
            print(f"{link} is left out: {error}")
    return found


def measure(found: Dataset, asked: Sequence[Asked], path: Path, jobs: int) -> Measured:
    """Append the rows that the file lacks; SystemExit where all measurements failed.

    Where some did, their points are left out, with a word: a channel may be too bad for a picture's smallest file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    metrics = [name for name in METRICS if name not in gauge.missing()]
    plan = make_plan(found, Wish(asked, metrics, Options(), 1, jobs), transmit_rows.read(path, print), print)
    failed: list[str] = []

    def keep(row: TransmitRow) -> None:
        lines.append(path, row)
        if row.error is not None:
            failed.append(f"{row.label} on {row.picture}: {row.error}")

    processes.run(plan.setup, plan.chunks, jobs, keep)
    if failed:
        print(f"{len(failed)} measurements failed: {failed[0]}")
    rows = [row for row in transmit_rows.read(path, print) if plan.asks_for(row) and row.error is None]
    if not rows:
        raise SystemExit("no measurement succeeded")
    place = {label_of(one): i for i, one in enumerate(asked)}
    ordered = transmissions.sort(sorted(rows, key=lambda row: place[row.label])).rows
    return Measured(plan, ordered, transmissions.group_of(found.name, ordered))


def told(measured: Measured) -> dict[str, Any]:
    """Points by link, for JSON: ratio, SNR, the transmitter's, metrics, blocks, peak to average and seconds."""
    return {
        setting.name: [told_point(measured.group, p) for p in setting.points if measured.group.is_whole(p)]
        for setting in measured.group.settings
    }


def told_point(group: Group, point: Point) -> dict[str, Any]:
    failed, blocks = failed_blocks(group, point)
    figures = {key: rounded(group.mean(point, key)) for key in METRICS}
    costs = {key: rounded(cost(group, point, key)) for key in ("peak_to_average_db", "send_seconds", "receive_seconds")}
    at = {"ratio": str(point.ratio), "snr_db": point.snr, "transmitter_snr_db": point.transmitter_snr}
    return at | {"pictures": len(point.pictures), "failed_blocks": failed, "blocks": blocks} | figures | costs


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def models_of(asked: Sequence[Asked]) -> dict[str, str]:
    """What the manifest notes: the models behind links -> their tags."""
    found = {}
    for one in asked:
        spec = Spec.parse(one.spec)
        own = transmit_specs.codec_behind(spec) or Spec(spec.codec, spec.variant)
        if any(model.codec == own.codec for model in bundle.installed()):
            base = Spec(own.codec, own.variant)
            found[str(base)] = bundle.default(own.codec, own.variant).tag.hex()
    return found


def figures_of(group: Group, references: Sequence[Path]) -> list[Figure]:
    """PSNR over SNR and ratio, beside published figures."""
    return transmit_figures.figures(group, transmit_reference.read(references, print), ("psnr",))


def draw(title: str, figures: Sequence[Figure], path: Path) -> list[Path]:
    """The figures as a PNG; none, and a word, without matplotlib."""
    try:
        path.write_bytes(transmit_plot.png(title, figures))
    except SccodecError as error:
        print(f"{path.name} is not drawn: {error}")
        return []
    return [path]


def pack(plain: Path, rows: Sequence[TransmitRow]) -> Path:
    """The rows, compressed, in place of the file that they were collected in."""
    data = plain.with_suffix(".jsonl.gz")
    data.write_bytes(packed(b"".join(map(lines.line_of, rows))))
    plain.unlink()
    return data
