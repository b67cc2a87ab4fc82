"""Data sets that are known by name: which pictures belong to one, and where a checked copy of them lies.

A picture is told by the SHA-256 of what `PPM` holds of it ("P6", width, height, 255, samples): PNG files that were
written anew, without a changed pixel, are still the data set. The file's own SHA-256 is remembered too, so that a copy
that changes afterwards is noticed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from sccodec import userdata
from sccodec.errors import BadInput
from sccodec.labels import classes
from sccodec.notices import ignore
from sccodec.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sccodec.bench.entries import Entry
    from sccodec.codec import Picture

KODAK = {
    "kodim01.png": "998ccf0be59a31ed12dfc2296a957f5363e35043e47ee232932ca5f1039e8628",
    "kodim02.png": "914943215155443fbb1785afa6ae91f136a4d2608b426a670e1050d7d66681b4",
    "kodim03.png": "ee3721fc6e0f53b3bcc61bb0b7183962d3f31286619b5739954ab702d90ee5ae",
    "kodim04.png": "624321d37c4f3c9903011b4aa592bf4a89ad7038228aaec4441ce01b52ed97e5",
    "kodim05.png": "d3167a6d9f0461c33a48f18796c58a3b0e80a742ac41bffd4eba16355bc50c87",
    "kodim06.png": "088424c10db10cc87fcbf3c362f38511c9b6e55671e6d7c91bbc7b78f227a87b",
    "kodim07.png": "02a4fbc79d6e5ce4cc07726e6627da5573edb208982827404fa4d6be6cbbf635",
    "kodim08.png": "b9e248f779e67e75208db18da7cec9e18ae6f379800e8c9c38edca064d698252",
    "kodim09.png": "44bdce3851a934e8ce52895341c0f3c8815b124dd599d9bf1516fec94b65fe45",
    "kodim10.png": "85be383b7825c53a32d699d5f5cf520ac2a999c7df0006deea496bfbf8bd3909",
    "kodim11.png": "246f8c885cea96d9d12a8811e00e8a01dd65d097f4f8c133c0fff0342a4b29ba",
    "kodim12.png": "1ecbafe928b9c833f8bd8e7adfea72739ed5fcddd0a4a7765cd3c7025aee68a2",
    "kodim13.png": "b5bbd7da7e6a08f3bd93968b8c84801ae0973f1e627d9f6bbf5781f00d4025b0",
    "kodim14.png": "5148c95eed0f82c079854c797e19a3fa70f134ee4e05cfa958416a63ab715c9b",
    "kodim15.png": "4ec14eab8c3fded683abb6acc883b3b80a5964e38e83507db75d6d60e6bbb7a6",
    "kodim16.png": "360c57cb87479b3744835a0d09daeaf11b3ab5d07b8bfbe0837895ab75c57fa7",
    "kodim17.png": "95c6dc97d54e0c7df5ab9dc8449905386494cb36e857ca1e59340d0c8b811b34",
    "kodim18.png": "03faa4d4b71f73ff1c3808052ab500f7bdea5ef68b8ff9c8a369e33df9bc0ae4",
    "kodim19.png": "50aefc153e11b75f6df8e553ec9bb6bc032967ed12d1819087229fb60f53256f",
    "kodim20.png": "3af75bd5bbeefe1f40f5e3fbfb60b2ba72df1c1f7901aa4e2cd0caf473d53b8c",
    "kodim21.png": "cfe09809b382c1e1d8046400ec8509fd2021e1d2940ced66f225ad1eab40c73a",
    "kodim22.png": "503f80c1265f030484b2cf6e92f8dce664e8be971b0ae555f4a8fbe60fa6cd78",
    "kodim23.png": "a84c7740f69a5c4920b73dbd901882881bc0c0d94e1051f3bd9287dbd0dec4c6",
    "kodim24.png": "fe6f1bd2efbd8ca8568d4a3ba872bcbb26bd230fa88b954ec5f7e30aa57150ac",
}
SETS: Mapping[str, Mapping[str, str]] = {"kodak": KODAK}
"""File names, and the SHA-256 of the pictures as PPM."""


@dataclass(frozen=True)
class LabelledSet:
    """Pictures with label maps. Copies differ in how their pictures are packed: the maps tell the set.

    names: of the files, without suffixes. classes: by their numbers in the maps; numbers from there on are void.
    digest: SHA-256 of all maps in the order of names: of each its name, width and height, as ``"%s %d %d\\n"``, and its
    samples. origin: where such a set comes from, for a person.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    digest: str
    origin: str


CAMVID = LabelledSet(
    (*(f"0001TP_{8550 + 30 * i:06}" for i in range(62)), *(f"Seq05VD_f{30 * i:05}" for i in range(171))),
    classes.CAMVID,
    "38e130b2c62ed269e74ca86dde369e294422a0cc07e84b3cc3a7003dfef0011a",
    "it is for academic use, and its authors at the University of Cambridge give it out: what is wanted are the 233 "
    "pictures of the test split at 480x360, with maps of 11 classes",
)
LABELLED: Mapping[str, LabelledSet] = {"camvid": CAMVID}
"""Sets of pictures with label maps; sccodec.bench.labelled checks them."""


@dataclass(frozen=True)
class Known:
    """Where a data set lies, a folder or an archive, and the SHA-256 of its files by their names.

    maps: the SHA-256 of the files of label maps, by the names of their pictures.
    """

    path: Path
    files: Mapping[str, str]
    maps: Mapping[str, str] = field(default_factory=dict)


def remembered() -> Path:
    """The file that holds what known() gives."""
    return userdata.folder() / "datasets.json"


def known() -> dict[str, Known]:
    """Data sets by name, as they were remembered; raises BadInput where that file cannot be read."""
    path = remembered()
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: Known(Path(one["path"]), digests(one["files"]), digests(one.get("maps", {})))
            for name, one in held.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BadInput(f"{path}: is damaged; delete it, and add the data sets again") from None


def digests(held: Mapping[str, object]) -> dict[str, str]:
    return {str(file): str(digest) for file, digest in held.items()}


def remember(name: str, found: Known) -> None:
    """Keep where a data set lies, for known()."""
    held = {
        n: {"path": str(k.path), "files": dict(k.files)} | ({"maps": dict(k.maps)} if k.maps else {})
        for n, k in (known() | {name: found}).items()
    }
    path = remembered()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(held, indent=2) + "\n").encode())


def members(name: str) -> Mapping[str, str]:
    """The file names of a data set, and their pictures' SHA-256; raises BadInput for one that is not known."""
    if name not in SETS:
        raise BadInput(f"no data set is named {name!r}; there are: {', '.join((*SETS, *LABELLED))}")
    return SETS[name]


def check(name: str, entries: Iterable[Entry]) -> dict[str, str]:
    """The SHA-256 of each file of the data set; raises BadInput where one is missing, or is another picture.

    Other files beside them do not matter.
    """
    expected = members(name)
    by_name: dict[str, Entry] = {}
    for entry in entries:
        file = Path(entry.name).name
        if file in expected and file in by_name:
            raise BadInput(f"{file} is there twice, as {by_name[file].name} and as {entry.name}")
        by_name[file] = entry
    if missing := [file for file in expected if file not in by_name]:
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise BadInput(f"{missing[0]} of {name} is missing{more}")
    digests = {}
    for file in expected:
        data = by_name[file].read()
        check_file(name, file, data)
        digests[file] = sha256(data).hexdigest()
    return digests


def check_file(name: str, file: str, data: bytes) -> None:
    """Raise BadInput where a file's bytes do not hold the picture that has that name in the data set."""
    from sccodec import image

    try:
        picture = image.load(data, ignore)
    except BadInput as error:
        raise BadInput(f"{file}: {error}") from None
    if picture_digest(picture) != members(name)[file]:
        raise BadInput(f"{file}: is not the picture of that name in {name}: its pixels differ")


def picture_digest(picture: Picture) -> str:
    """SHA-256 of the picture's PPM file."""
    height, width = picture.shape[:2]
    digest = sha256(b"P6\n%d %d\n255\n" % (width, height))
    digest.update(picture.tobytes())
    return digest.hexdigest()
