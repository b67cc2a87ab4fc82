"""Which command made which result, with which models: benchmarks/results/manifest.json.

A result is named by its path below benchmarks/results. An entry stands under the first file that a command writes:

    script      the module that was run
    arguments   its command line; what lies elsewhere on every machine is a place in braces, {kodak} for example
    models      spec -> tag of the model that encoded for it then; null where it was not shipped, or nobody noted it
    sources     other results that it was made of -> hash of their content then
    also        the other files that the command wrote
    versions    of packages, where they were noted

Scripts call `record` when they have written a result. Imports little, because any script imports it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path

from sccodec import bundle

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results"
MANIFEST = "manifest.json"
# Options after which a path or command stands that every machine has elsewhere.
PLACES = (
    *("--kodak", "--faces", "--photos", "--anchors", "--state", "--model", "--segmenter", "--node", "--python"),
    *("--flif", "--rows", "--results", "--page", "--camvid", "--plain", "--gan", "--reference"),
)
# Those that change nothing in a result.
UNTOLD = ("--out", "--lpips", "--sheets", "--jobs")
# Places that differ from subject to subject: a state is of one model.
OF_A_SUBJECT = ("--state", "--model", "--segmenter")


@dataclass(frozen=True)
class Entry:
    """How a result was made; see the module."""

    script: str
    arguments: Sequence[str] = ()
    models: Mapping[str, str] | None = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    also: Sequence[str] = ()
    versions: Mapping[str, str | None] = field(default_factory=dict)


def module_of(script: str) -> str:
    """The dotted name of a script, by its __file__."""
    return ".".join(Path(script).resolve().relative_to(REPOSITORY).with_suffix("").parts)


def name_of(path: Path) -> str | None:
    """A file's name as a result; None outside benchmarks/results."""
    whole = path.resolve()
    return whole.relative_to(RESULTS).as_posix() if whole.is_relative_to(RESULTS) else None


def content_hash(path: Path) -> str:
    """Of what a file holds, whether it is compressed or not."""
    data = path.read_bytes()
    return hashlib.sha256(gzip.decompress(data) if path.suffix == ".gz" else data).hexdigest()[:16]


def read(folder: Path = RESULTS) -> dict[str, Entry]:
    """All entries of a folder of results, by the result's name."""
    path = folder / MANIFEST
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: Entry(**entry) for name, entry in found.items()}


def write(entries: Mapping[str, Entry], folder: Path = RESULTS) -> None:
    """Write all entries; what is empty is left out."""
    told = {
        name: {key: value for key, value in asdict(entries[name]).items() if value is None or len(value)}
        for name in sorted(entries)
    }
    (folder / MANIFEST).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def tags_of(specs: Iterable[str]) -> dict[str, str]:
    """spec, without its options -> tag of the installed model that encodes for it."""
    found = {}
    for spec in specs:
        base = spec.split(",")[0]
        found[base] = bundle.default(*base.split(":")).path.stem.rpartition("-")[2]
    return found


def portable(arguments: Sequence[str], subject: str) -> list[str]:
    """A command line with places in braces instead of paths, and without UNTOLD."""
    kept: list[str] = []
    option = ""
    joined = tuple(f"{name}=" for name in (*PLACES, *UNTOLD))
    words = [argument.split("=", 1) if argument.startswith(joined) else [argument] for argument in arguments]
    for word in chain.from_iterable(words):
        option = word if word.startswith("--") else option
        if option in UNTOLD:
            continue
        if word == option or option not in PLACES:
            kept.append(word)
        elif kept[-1] == option:  # several paths behind one option are one place
            name = option.removeprefix("--")
            kept.append(f"{{{subject}-{name}}}" if option in OF_A_SUBJECT else f"{{{name}}}")
    return kept


def record(
    out: Path,
    script: str,
    arguments: Sequence[str] | None,
    *,
    models: Iterable[str] | Mapping[str, str] | None = (),
    sources: Iterable[Path] = (),
    also: Iterable[Path] = (),
    versions: Mapping[str, str | None] | None = None,
) -> None:
    """Note how a result was made; nothing where it was written elsewhere, to try something.

    script: the __file__ of what wrote it. arguments: None for the command line's own. models: specs that the installed
    models encoded for, or the tags by spec; None where another model was measured.
    """
    name = name_of(out)
    if name is None:
        return
    given = sys.argv[1:] if arguments is None else arguments
    entry = Entry(
        module_of(script),
        portable(given, name.split("/")[0]),
        models if models is None or isinstance(models, Mapping) else tags_of(models),
        {source: content_hash(path) for path in sources if (source := name_of(path))},
        sorted(other for path in also if (other := name_of(path))),
        dict(versions or {}),
    )
    write(read() | {name: entry})
