"""Where a benchmark's pictures come from: a folder, a glob, a tar archive, one file, or a data set by its name.

A data set with a name is one that `sccodec data add` has checked and remembered (sccodec.bench.registry).
"""

from __future__ import annotations

import glob
import tarfile
from functools import partial
from pathlib import Path

from sccodec.bench import registry
from sccodec.bench.entries import Dataset, Entry
from sccodec.errors import BadInput
from sccodec.image.folders import is_hidden

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".heic", ".heif", ".avif")


def find(text: str) -> Dataset:
    """The pictures that a path, a glob or a name stands for; raises BadInput where there are none."""
    if not text or "\0" in text:
        raise BadInput("the data set has no name")
    path = Path(text)
    if path.is_dir():
        names = [p.relative_to(path) for p in sorted(path.rglob("*")) if is_file(p)]
        found = [Entry(str(n), (path / n).read_bytes) for n in names if is_picture(n)]
        name = path.resolve().name
    elif path.is_file() and tarfile.is_tarfile(path):
        found, name = in_archive(path), path.name.partition(".")[0]
    elif path.is_file():
        found, name = [Entry(path.name, path.read_bytes)], path.stem
    elif glob.has_magic(text):
        # The part without wildcards is no part of the names: results say nothing of where the pictures lay.
        depth = next(i for i, part in enumerate(path.parts) if glob.has_magic(part))
        base = Path(*path.parts[:depth])
        matches = sorted(Path(match) for match in glob.glob(text, recursive=True))  # noqa: PTH207  # with its base
        names = [p.relative_to(base) for p in matches if is_file(p)]
        found = [Entry(str(n), (base / n).read_bytes) for n in names if is_picture(n)]
        name = base.resolve().name
    else:
        return _registered(text)
    if not found:
        raise BadInput(f"{text}: holds no pictures ({', '.join(SUFFIXES)})")
    return Dataset(name or "pictures", found)


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


def _registered(name: str) -> Dataset:
    """The pictures of a known set, by its own file names; raises BadInput where it is not known, or not there."""
    registered = registry.known()
    if name not in registered and name in registry.SETS:
        raise BadInput(
            f"the data set {name} is not here yet: `sccodec bench --dataset {name} --fetch` downloads it, and "
            f"`sccodec data add {name} PATH` makes a copy that you have known"
        )
    if name not in registered:
        known = ", ".join(sorted(registered)) or "none; `sccodec data add kodak PATH` makes one known"
        raise BadInput(f"{name}: no such folder, file or archive, nor a data set known by that name ({known})")
    known_as = registered[name]
    source = known_as.path
    if not source.exists():
        raise BadInput(f"the data set {name} was at {source}, which is there no more: `sccodec data add {name} PATH`")
    by_name = {Path(entry.name).name: entry for entry in find(str(source.absolute())).entries}
    missing = sorted(set(known_as.files) - set(by_name))
    if missing:
        raise BadInput(f"the data set {name} at {source} lacks {missing[0]}: `sccodec data add {name} PATH`")
    return Dataset(name, [Entry(file, by_name[file].read, known_as.files[file]) for file in sorted(known_as.files)])
