"""What a run of segmenters has left to do: specs, times pictures, as they are and through codecs, less what is there.

A row counts for the same spec, codec before it, models, device, data set, and files of picture and map. It is stale
where another version of this package made it, or another version of the library or program that encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sccodec import __version__, api
from sccodec.bench import defaults, segment_rows, segment_specs
from sccodec.bench.entries import Dataset, Entry
from sccodec.bench.held import encoder_of, remarks
from sccodec.bench.labelled import Labelled, Pair
from sccodec.bench.measure import processor, tags_of
from sccodec.bench.processes import Chunk
from sccodec.bench.run import hashed, threads_of
from sccodec.bench.segment import Item, Setup, device_of
from sccodec.bench.segment_rows import Identity, SegmentRow
from sccodec.codec import Options, Spec
from sccodec.labels.segmenters import Segmenter

SECONDS, SECONDS_TO_REFINE = 0.3, 0.6
"""To segment a megapixel once, of which a network sees less in larger pictures, and for a ConvCRF beside that."""


@dataclass(frozen=True)
class Wish:
    """What is asked for. texts: specs of segmenters with lists, none for every one that fits. through: specs of codecs.

    redo: "stale" or "all" for what is measured again though its row is there, or "".
    """

    texts: Sequence[str]
    through: Sequence[str]
    options: Options
    repeats: int = 3
    jobs: int = 1
    redo: str = ""


@dataclass(frozen=True)
class Plan:
    """setup and chunks: the work; skipped: how many rows are there already, and stale: how many of them are stale.

    specs: all that are asked for, through: codecs, and "" for the pictures themselves. tags: of the segmenters, by
    spec. pairs: the pictures, each once; copies: how many more are equal to one of them, map and all. remarks: what is
    to be said about the rows that are there.
    """

    setup: Setup
    chunks: list[Chunk[Pair, Item]]
    skipped: int
    stale: int
    specs: tuple[str, ...]
    through: tuple[str, ...]
    tags: Mapping[str, str]
    device: str
    pairs: tuple[Pair, ...]
    copies: int = 0
    remarks: tuple[str, ...] = ()

    def seconds(self) -> dict[tuple[str, str], float]:
        """About how long each measurement takes, by what is done and the picture's name."""
        repeats = self.setup.repeats
        return {
            (segment_rows.label(item.spec, item.through), chunk.entry.name): seconds_of(item, chunk.entry, repeats)
            for chunk in self.chunks
            for item in chunk.items
        }

    def labels(self) -> list[str]:
        """What rows say of what is done, in its order."""
        return [segment_rows.label(spec, through) for spec in self.specs for through in self.through]

    def asks_for(self, row: SegmentRow) -> bool:
        """Whether the row is one of those that this run is about, measured in it or found."""
        own = row.dataset in ("", self.setup.dataset)
        asked = row.spec in self.specs and row.through in self.through and row.device == self.device
        pictures = {files_of(pair) for pair in self.pairs}
        return own and asked and row.tag == self.tags[row.spec] and (row.sha256, row.labels_sha256) in pictures


@dataclass
class Done:
    """Rows that are there, as a run that goes on counts them."""

    rows: Mapping[Identity, list[SegmentRow]]
    redo: str
    skipped: int = 0
    stale: int = 0
    _encoders: dict[str, str] = field(default_factory=dict)

    def has(self, key: Identity, tag: str, through_tags: frozenset[str] | None) -> bool:
        """Whether a measurement need not be made, which is counted."""
        found = [row for row in self.rows.get(key, []) if row.tag == tag]
        found = [row for row in found if through_tags is None or row.through_tag in through_tags]
        fresh = [row for row in found if not self.is_stale(row)]
        counting = {"": found, "stale": fresh, "all": []}[self.redo]
        if not counting:
            return False
        self.skipped += 1
        self.stale += not fresh
        return True

    def is_stale(self, row: SegmentRow) -> bool:
        """Whether another version than the one that is here made it; what a row does not say is no reason."""
        if row.versions.get("sccodec", __version__) != __version__:
            return True
        if row.through not in self._encoders:
            self._encoders[row.through] = encoder_of(row.through) if row.through else ""
        here = self._encoders[row.through]
        return bool(row.through_encoder and here and row.through_encoder != here)


def make_plan(found: Labelled, wish: Wish, held: Sequence[SegmentRow], notice: Callable[[str], None]) -> Plan:
    """What is left to do where the rows of `held` are there.

    Raises an SccodecError for what would fail with every picture.
    """
    device = device_of(wish.options)
    chosen = segment_specs.expand(wish.texts, found, device, notice)
    through = tuple(dict.fromkeys(("", *wish.through)))
    through_tags = {text: tags_of(api.parse(text)) if text else frozenset({""}) for text in through}
    setup = Setup(
        dataset=found.name,
        classes=found.classes,
        options=replace(wish.options, judge=False),
        repeats=wish.repeats,
        threads=threads_of(wish.jobs),
        processor=processor(),
    )
    every = [Pair(hashed(pair.picture), pair.labels and hashed(pair.labels)) for pair in found.pairs]
    pairs = distinct(every)
    done = Done(segment_rows.current([row for row in held if row.dataset in ("", found.name)]), wish.redo)
    chunks = []
    for name, specs in by_name(chosen).items():
        for pair in pairs:
            left = tuple(
                Item(spec, text, device)
                for spec in specs
                for text in through
                if not done.has((spec, text, device, *files_of(pair)), chosen[spec].tag, through_tags[text])
            )
            chunks += [Chunk(pair, left, name)] if left else []
    said = remarks(held, Dataset(found.name, [pair.picture for pair in every]))
    tags = {spec: segmenter.tag for spec, segmenter in chosen.items()}
    return Plan(
        setup, chunks, done.skipped, done.stale, tuple(chosen), through, tags, device,
        tuple(pairs), len(every) - len(pairs), tuple(said),
    )  # fmt: skip


def by_name(chosen: Mapping[str, Segmenter]) -> dict[str, list[str]]:
    """The specs of each segmenter."""
    found: dict[str, list[str]] = {}
    for spec in chosen:
        found.setdefault(Spec.parse(spec).codec, []).append(spec)
    return found


def files_of(pair: Pair) -> tuple[str, str]:
    """The SHA-256 of picture and map, as rows have them; "" for what cannot be read."""
    return digest_of(pair.picture), digest_of(pair.labels)


def digest_of(entry: Entry | None) -> str:
    return (entry.sha256 or "") if entry else ""


def distinct(pairs: Sequence[Pair]) -> list[Pair]:
    """One pair for each content of picture and map, the first by its place; what cannot be read is all kept."""
    found: dict[object, Pair] = {}
    for i, pair in enumerate(pairs):
        files = files_of(pair)
        found.setdefault(files if all(files) else i, pair)
    return list(found.values())


def seconds_of(item: Item, pair: Pair, repeats: int) -> float:
    """About how long one measurement takes; for a picture of unknown size, as for a small photograph."""
    coding = defaults.SECONDS.get(item.through.partition(":")[0], defaults.SECONDS_OF_OTHERS) if item.through else 0.0
    work = SECONDS + (SECONDS_TO_REFINE if "refine=yes" in item.spec else 0.0)
    return (coding + work * repeats) * (pair.picture.pixels or defaults.TYPICAL_PIXELS) / 1e6


def seconds_of_run(plan: Plan) -> float:
    """About how long a run takes."""
    return sum(plan.seconds().values()) + defaults.SECONDS_A_PROCESS * len({chunk.model for chunk in plan.chunks})
