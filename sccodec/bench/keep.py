"""Files of a benchmark that are kept: what each measurement encoded, and what that decodes to.

    <folder>/<data set>/<picture>-<its SHA-256's start>/<spec>.<suffix of the codec>
                                                        <spec>.decoded.png

Names are such that every system takes them, whatever pictures and specs are called, and no two measurements share one:
what had to be changed in a name is told apart by a digest of the whole. A file that is there is an earlier run's, of
the same measurement: it is replaced by the latest, whole or not at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sccodec import api, image
from sccodec.bench.entries import Entry
from sccodec.codec import Picture
from sccodec.whole import write_whole

MOST = 80
"""Characters of a part of a name, before its digest."""
DIGEST = 8


@dataclass(frozen=True)
class Files:
    """Where the files of one measurement lie."""

    coded: Path
    decoded: Path

    def are_there(self) -> bool:
        return self.coded.is_file() and self.decoded.is_file()

    def write(self, data: bytes, picture: Picture) -> None:
        """Write both; raises OSError, which names the file."""
        self.coded.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.coded, data)
        write_whole(self.decoded, image.to_bytes(picture))


def files(folder: Path, dataset: str, entry: Entry, spec: str, device: str) -> Files:
    """The files of a spec on a picture. entry: with its SHA-256."""
    picture = f"{safe(Path(entry.name).stem)}-{(entry.sha256 or digest(entry.name))[:DIGEST]}"
    place = folder / safe(dataset) / picture
    name = safe(spec.replace(":", ",")) + ("" if device == "cpu" else f"-{safe(device)}")
    suffix = api.load(api.parse(spec).codec).suffix
    return Files(place / f"{name}{suffix}", place / f"{name}.decoded.png")


def safe(text: str) -> str:
    """The text as a part of a name; with a digest where it could not stay as it is, or where case tells it apart."""
    plain = re.sub(r"[^\w.,=+-]+", "_", text, flags=re.ASCII).strip(".")[:MOST]
    if plain == text and text == text.lower():
        return plain
    return f"{plain}-{digest(text)[:DIGEST]}".lstrip("-")


def digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
