"""Where a benchmark's pictures come from: a folder, a glob, a tar archive, one file, or a data set by its name.

A data set with a name is one that `sccodec data add` has checked and remembered (sccodec.bench.registry).
"""

from __future__ import annotations

import glob
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from sccodec.bench import registry
from sccodec.bench.entries import Dataset, Entry
from sccodec.bench.registry import Known
from sccodec.errors import BadInput
from sccodec.image.folders import is_hidden

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".heic", ".heif", ".avif")
LABELS, ANNOTATIONS = "labels", "annot"
"""The folder of label maps, or what its name ends with behind that of the pictures' folder."""


@dataclass(frozen=True)
class Located:
    """Pictures, and where they lie. name: of the set.

    base: the folder that names are relative to; None in an archive. members: all pictures of the archive, by name.
    known: what is remembered of a set that has a name; within: where its pictures stand there, by their own names.
    """

    name: str
    entries: list[Entry]
    base: Path | None = None
    members: Mapping[Path, Entry] = field(default_factory=dict)
    known: Known | None = None
    within: Mapping[str, str] = field(default_factory=dict)


def find(text: str) -> Dataset:
    """The pictures that a path, a glob or a name stands for; raises BadInput where there are none."""
    found = locate(text)
    return Dataset(found.name, found.entries)


def locate(text: str) -> Located:
    """The same, with where they lie."""
    if not text or "\0" in text:
        raise BadInput("the data set has no name")
    path = Path(text)
    if path.is_dir():
        names = [p.relative_to(path) for p in sorted(path.rglob("*")) if is_file(p)]
        found = Located(path.resolve().name, in_folder(path, names), path)
    elif path.is_file() and tarfile.is_tarfile(path):
        members = in_archive(path)
        found = Located(path.name.partition(".")[0], members, members={Path(e.name): e for e in members})
    elif path.is_file():
        found = Located(path.stem, [Entry(path.name, path.read_bytes)], path.parent)
    elif glob.has_magic(text):
        # The part without wildcards is no part of the names: results say nothing of where the pictures lay.
        depth = next(i for i, part in enumerate(path.parts) if glob.has_magic(part))
        base = Path(*path.parts[:depth])
        matches = sorted(Path(match) for match in glob.glob(text, recursive=True))  # noqa: PTH207  # with its base
        found = Located(
            base.resolve().name, in_folder(base, [p.relative_to(base) for p in matches if is_file(p)]), base
        )
    else:
        return _registered(text)
    if not found.entries:
        raise BadInput(f"{text}: holds no pictures ({', '.join(SUFFIXES)})")
    return replace(found, name=found.name or "pictures")


def in_folder(base: Path, names: Iterable[Path]) -> list[Entry]:
    """Those of the files of a folder that are pictures."""
    return [Entry(str(n), (base / n).read_bytes) for n in names if is_picture(n)]


def is_label_map(name: Path) -> bool:
    """Whether a name within a set is a label map's, by its folder: ``labels/a.png``, or ``testannot/a.png``.

    ``images/`` below ``labels/`` would hold pictures again.
    """
    kinds = [part for part in name.parts[:-1] if part in ("images", LABELS) or part.endswith(ANNOTATIONS)]
    return bool(kinds) and kinds[-1] != "images"


def is_picture(name: Path) -> bool:
    """Whether a name within a set, folders and all, is a picture's by its suffix.

    Hidden files are none, nor are those in hidden folders, nor what systems put beside pictures (``._a.jpg``,
    ``__MACOSX``).
    """
    return name.suffix.lower() in SUFFIXES and not any(map(is_hidden, name.parts))


def is_file(path: Path) -> bool:
    """Whether it is a file, or a link that leads nowhere, which a row will say. Reading a pipe might never end."""
    return path.is_file() or (path.is_symlink() and not path.exists())


def in_archive(path: Path) -> list[Entry]:
    """The pictures of a tar archive, compressed or not; raises BadInput for one that cannot be read.

    As where it is unpacked, the later of two members of one name counts, and a hard link is what it is linked to.
    """
    places: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isreg() and not member.issparse():
                    places[member.name] = member.offset_data, member.size
                elif member.islnk() and member.linkname in places:
                    places[member.name] = places[member.linkname]
    except Exception as error:  # each kind of compression has errors of its own
        raise BadInput(f"{path}: the archive cannot be read: {error}") from None
    return [Entry(n, partial(read_member, path, *places[n])) for n in sorted(places) if is_picture(Path(n))]


def read_member(path: Path, offset: int, size: int) -> bytes:
    """A member's bytes by its place, so that the archive is not searched again for each; raises BadInput."""
    member = tarfile.TarInfo()
    member.offset_data, member.size = offset, size
    try:
        with tarfile.open(path) as archive:
            file = archive.extractfile(member)
            assert file is not None, "only regular files were listed"
            data = file.read()
    except MemoryError:
        raise
    except Exception as error:
        raise BadInput(f"the archive cannot be read: {error}") from None
    if len(data) != size:
        raise BadInput("the archive ends before the picture does")
    return data


def _registered(name: str) -> Located:
    """The pictures of a known set, by its own file names; raises BadInput where it is not known, or not there."""
    registered = registry.known()
    if name not in registered and name in registry.SETS:
        raise BadInput(
            f"the data set {name} is not here yet: `sccodec bench --dataset {name} --fetch` downloads it, and "
            f"`sccodec data add {name} PATH` makes a copy that you have known"
        )
    if name not in registered and name in registry.LABELLED:
        raise BadInput(
            f"the data set {name} is not here: `sccodec data add {name} PATH` makes a copy that you have known; "
            f"{registry.LABELLED[name].origin}"
        )
    if name not in registered:
        known = ", ".join(sorted(registered)) or "none; `sccodec data add kodak PATH` makes one known"
        raise BadInput(f"{name}: no such folder, file or archive, nor a data set known by that name ({known})")
    known_as = registered[name]
    source = known_as.path
    if not source.exists():
        raise BadInput(f"the data set {name} was at {source}, which is there no more: `sccodec data add {name} PATH`")
    place = locate(str(source.absolute()))
    skipped = is_label_map if known_as.maps else lambda path: False
    by_name = {Path(entry.name).name: entry for entry in place.entries if not skipped(Path(entry.name))}
    missing = sorted(set(known_as.files) - set(by_name))
    if missing:
        raise BadInput(f"the data set {name} at {source} lacks {missing[0]}: `sccodec data add {name} PATH`")
    places = {file: by_name[file] for file in sorted(known_as.files)}
    entries = [Entry(file, entry.read, known_as.files[file]) for file, entry in places.items()]
    return replace(place, name=name, entries=entries, known=known_as, within={f: e.name for f, e in places.items()})
