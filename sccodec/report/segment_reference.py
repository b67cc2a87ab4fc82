"""Published figures of segmenters, from a table or from JSON. They are shown as such, apart from what was measured.

    name <tab> miou <tab> parameters <tab> source <tab> note        a line a figure, under one of such names
    {"name": "ENet", "miou": 0.513, "parameters": "0.36 M", "source": "where from", "note": ""}

or a list of such objects. A name and a figure are needed. `method` is a name, too; any column that begins with `miou`
is the figure, as a share or in percent; `params_M` are parameters in millions. `how` says where a figure is from: one
"from memory", or with "(mem.)" behind it, is marked so. A figure may be a text with several numbers: it is shown as it
stands, and compared with nothing. `dataset` names the set that it is of; without, it goes with any. All other columns
are shown beside them.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sccodec.bench.lines import encodable
from sccodec.errors import BadInput
from sccodec.notices import ignore

NAMES = ("name", "method", "model")
PARAMETERS = ("parameters", "params")
MILLIONS = ("parameters_m", "params_m")
KNOWN = (*NAMES, *PARAMETERS, *MILLIONS, "source", "note", "how", "dataset")
SEPARATORS = {".tsv": "\t", ".csv": ","}
SINGLE = re.compile(r"[~≈]?\s*(\d{1,3}(?:\.\d{1,6})?)\s*%?")
SHAPE = 'a table with columns name and miou (.tsv or .csv), or JSON: {"name": "ENet", "miou": 0.513, "source": ".."}'


@dataclass(frozen=True)
class Published:
    """A figure that others state. miou: 0..1, None where the text is not one number; stated: the text.

    remembered: whether it was written down from memory. parameters: as stated, with its unit.
    """

    name: str
    stated: str
    miou: float | None
    parameters: str = ""
    source: str = ""
    note: str = ""
    how: str = ""
    dataset: str = ""
    remembered: bool = False
    others: tuple[tuple[str, str], ...] = ()

    @property
    def mark(self) -> str:
        """What a table says of it."""
        return "published, from memory" if self.remembered else "published"

    @property
    def details(self) -> str:
        """All that is known of it beside name, figure, parameters and source, in one text."""
        parts = [f"{key}: {value}" for key, value in self.others if value]
        return "; ".join([*parts, *filter(None, (self.note, self.how if self.how != "published" else ""))])


def read(paths: Sequence[Path], notice: Callable[[str], None] = ignore) -> list[Published]:
    """The figures of several files, in their order; raises BadInput, which names the file and what is wrong.

    notice: takes a line for entries without a figure.
    """
    found: list[Published] = []
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror or error}") from None
        try:
            entries = (
                table(data, SEPARATORS[path.suffix.lower()]) if path.suffix.lower() in SEPARATORS else objects(data)
            )
            read_here = [parse(entry) for entry in entries]
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        without = [one.name for one in read_here if not one.stated]
        if without:
            notice(f"{path}: without a figure, and left out: {', '.join(without)}")
        found += [one for one in read_here if one.stated]
    return found


def table(data: bytes, separator: str) -> list[dict[str, str]]:
    """The lines of a table, by its columns; raises BadInput."""
    try:
        text = data.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        lines = [line for line in reader if any(cell.strip() for cell in line)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"is no table: {error}") from None
    if not lines:
        raise BadInput(f"holds no figures; {SHAPE}")
    head = [name.strip() for name in lines[0]]
    for i, line in enumerate(lines[1:], 2):
        if len(line) > len(head):
            raise BadInput(f"line {i} has {len(line)} cells, and there are {len(head)} columns")
    return [dict(zip(head, (cell.strip() for cell in line), strict=False)) for line in lines[1:]]


def objects(data: bytes) -> list[dict[str, str]]:
    """The objects of JSON, their values as texts; raises BadInput."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise BadInput(f"is neither a table (.tsv, .csv) nor JSON; {SHAPE}") from None
    listed = content if isinstance(content, list) else [content]
    found = []
    for entry in listed:
        if not isinstance(entry, dict):
            raise BadInput(f"a published figure is an object; {SHAPE}")
        found.append({key: as_text(value) for key, value in entry.items() if value is not None})
    return found


def as_text(value: object) -> str:
    """What a table would have; raises BadInput for lists and objects."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadInput(f"holds {json.dumps(value)[:40]} where a text or a number is needed; {SHAPE}")
    return str(value)


def parse(entry: Mapping[str, str]) -> Published:
    """A figure of its columns; raises BadInput without a name, without a column of figures, for impossible figures."""
    plain = {" ".join(encodable(k).split()): " ".join(encodable(v).split()) for k, v in entry.items()}
    by_name = {key.lower(): value for key, value in plain.items()}
    name = next((by_name[key] for key in NAMES if by_name.get(key)), "")
    column = next((key for key in by_name if key.startswith("miou")), None)
    if not name or column is None:
        raise BadInput(f"an entry has no {'name' if column else 'mIoU'}; {SHAPE}")
    stated, how = by_name[column], by_name.get("how", "")
    millions = next((by_name[key] for key in MILLIONS if by_name.get(key)), "")
    parameters = next((by_name[key] for key in PARAMETERS if by_name.get(key)), "")
    others = [(k, v) for k, v in plain.items() if k.lower() not in KNOWN and k.lower() != column]
    return Published(
        name=name,
        stated=stated,
        miou=number(name, stated),
        parameters=in_millions(millions) if millions else parameters,
        source=by_name.get("source", ""),
        note=by_name.get("note", ""),
        how=how,
        dataset=by_name.get("dataset", ""),
        remembered="memory" in how.lower() or "mem." in stated.lower(),
        others=tuple(others),
    )


def in_millions(text: str) -> str:
    """The number with its unit behind it: "29.5 M (mem.)"."""
    return re.sub(r"^([~<>≈]?\s*[\d./]*\d)", r"\1 M", text)


def number(name: str, stated: str) -> float | None:
    """The share that a text states, in percent where it is above 1; None where it is not one number.

    What stands in parentheses says something about it. Raises BadInput for more than 100.
    """
    found = SINGLE.fullmatch(re.sub(r"\([^()]*\)", "", stated).strip())
    if found is None:
        return None
    value = float(found[1])
    if value > 100:
        raise BadInput(f"{name}: an mIoU of {stated!r} is above 100 %")
    return round(value / 100, 8) if value > 1 else value
