"""Which results are stale against the models that are shipped, and what makes each; makes the stale ones anew.

    benchmarks/remake [--run] [--place NAME=PATH ...] [RESULT ...]

Lists every result below benchmarks/results, or those named: what made it, with which models, and whether it is fresh.
It is stale where one of its files is missing, where another model than that one is now in models/ to encode for the
same spec, where its model was not shipped or noted, and where a result that it was made of is another now, or stale
itself. A file that no entry of manifest.json knows is stale, too. Exit code 1 where something is stale, else 0. Takes a
second.

--run makes the stale ones anew, one after another, each before those that are made of it, and lists what is still stale
then. What a command line has in braces lies elsewhere on every machine: --place kodak=data/kodak says where; repeated
with one name, it gives several paths. `python -m benchmarks.write_results` then writes the documents.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from benchmarks import manifest
from benchmarks.manifest import REPOSITORY, RESULTS, Entry
from sccodec import bundle

# In the released package, models stand within sccodec/.
MODELS = REPOSITORY / ("models" if (REPOSITORY / "models").is_dir() else "sccodec/models")
PLACE = re.compile(r"\{([\w-]+)\}")
# What of an entry's versions is told.
TOLD = ("sccodec", "onnxruntime", "pillow", "torch")

Places = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Shelf:
    """A folder of results with its entries, and the folder of the models that are shipped."""

    entries: Mapping[str, Entry]
    results: Path = RESULTS
    models: Path = MODELS

    def owners(self) -> dict[str, str]:
        """Every file that an entry knows -> the entry's name."""
        return {file: name for name, entry in self.entries.items() for file in (name, *entry.also)}

    def in_order(self) -> list[str]:
        """The entries' names, each behind those that it was made of."""
        owners = self.owners()
        graph = {
            name: [owners[source] for source in entry.sources if source in owners]
            for name, entry in sorted(self.entries.items())
        }
        return list(TopologicalSorter(graph).static_order())

    def why_stale(self, name: str) -> list[str]:
        """The reasons why a result is stale; none where it is fresh."""
        entry = self.entries[name]
        reasons = [f"{file} is missing" for file in (name, *entry.also) if not (self.results / file).exists()]
        if entry.models is None:
            reasons.append("its model was not shipped, or nobody noted it")
        for spec, tag in (entry.models or {}).items():
            now = shipped(spec, self.models)
            if now != tag:
                reasons.append(f"{spec} was {tag}, and is {now} now" if now else f"no model of {spec} is shipped")
        for source, known in entry.sources.items():
            path, owner = self.results / source, self.owners().get(source)
            if not path.exists() or manifest.content_hash(path) != known:
                reasons.append(f"{source} is another now" if path.exists() else f"{source} is missing")
            elif owner is not None and self.why_stale(owner):
                reasons.append(f"{source} is stale")
        return reasons

    def unknown_files(self) -> list[str]:
        """Result files that no entry knows. Rows that an interrupted run left uncompressed are no result."""
        owners = self.owners()
        found = (path for path in self.results.rglob("*") if path.is_file() and path.suffix != ".jsonl")
        return sorted({path.relative_to(self.results).as_posix() for path in found} - {manifest.MANIFEST, *owners})


def shipped(spec: str, models: Path) -> str | None:
    """The tag of the model of a folder that encodes for a spec; None where there is none."""
    codec, _, variant = spec.partition(":")
    fitting = (m for m in bundle.list_folder(models) if m.codec == codec and variant in ("", m.variant))
    return next((model.tag.hex() for model in fitting), None)


def resolved(arguments: Sequence[str], places: Places) -> list[str]:
    """A command line with its places filled in; KeyError with the name of one that is not known."""
    found: list[str] = []
    for argument in arguments:
        place = PLACE.fullmatch(argument)
        found += [argument] if place is None else places[place[1]]
    return found


def told(name: str, entry: Entry, reasons: Sequence[str]) -> str:
    """What is listed of a result."""
    models = [f"{spec} {tag}" for spec, tag in (entry.models or {}).items()]
    versions = [f"{package} {entry.versions[package]}" for package in TOLD if entry.versions.get(package)]
    lines = [f"{'stale' if reasons else 'fresh'}  {' '.join((name, *entry.also))}", *(f"       ! {r}" for r in reasons)]
    lines.append(f"       {' '.join(('python -m', entry.script, *entry.arguments))}")
    lines += [f"       with {', '.join([*models, *versions])}"] if models or versions else []
    return "\n".join(lines)


def make(name: str, entry: Entry, places: Places) -> None:
    """Run the command of a result; says where it cannot, or where it fails."""
    try:
        command = [sys.executable, "-m", entry.script, *resolved(entry.arguments, places)]
    except KeyError as error:
        print(f"{name}: not made, needs --place {error.args[0]}=PATH", flush=True)
        return
    print(f"{name}: {shlex.join(command[1:])}", flush=True)
    code = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, check=False).returncode
    if code:
        print(f"{name}: failed with exit code {code}", flush=True)


def chosen(shelf: Shelf, names: Sequence[str]) -> list[str]:
    """The entries named, by any of their files, or all; each behind those that it was made of."""
    owners = shelf.owners()
    wanted = [name.removeprefix("benchmarks/results/") for name in names]
    if unknown := [name for name in wanted if name not in owners]:
        raise SystemExit(f"no script is known for {', '.join(unknown)}")
    kept = {owners[name] for name in wanted} if names else shelf.entries
    return [name for name in shelf.in_order() if name in kept]


def main(arguments: Sequence[str] | None = None, results: Path = RESULTS, models: Path = MODELS) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/remake", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", action="store_true", help="make the stale ones anew")
    parser.add_argument("--place", action="append", default=[], metavar="NAME=PATH", help="where {NAME} lies")
    parser.add_argument("names", nargs="*", metavar="RESULT", help="faces/saving.json, for example; all if left out")
    options = parser.parse_args(arguments)
    places: dict[str, list[str]] = {}
    for given in options.place:
        name, equals, path = given.partition("=")
        if not equals:
            parser.error(f"--place {given}: NAME=PATH is wanted")
        places.setdefault(name, []).append(path)

    shelf = Shelf(manifest.read(results), results, models)
    names = chosen(shelf, options.names)
    if options.run:
        for name in names:
            if shelf.why_stale(name):
                make(name, shelf.entries[name], places)
                shelf = Shelf(manifest.read(results), results, models)
    stale = 0
    for name in names:
        reasons = shelf.why_stale(name)
        stale += bool(reasons)
        print(told(name, shelf.entries[name], reasons))
    unknown = [] if options.names else shelf.unknown_files()
    for file in unknown:
        print(f"stale  {file}\n       ! no script is known that makes it")
    print(f"{stale + len(unknown)} stale of {len(names) + len(unknown)}")
    return int(stale + len(unknown) > 0)


if __name__ == "__main__":
    sys.exit(main())
