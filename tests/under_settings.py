"""Write a file of each spec and read all files of a folder: `python -m tests.under_settings FOLDER NAME SPEC...`.

Run by tests/test_contract.py in processes that have other threads and optimisations. Prints a JSON object: for each
file, a digest of every symbol of its range-coded stream, or where it has none of the picture.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from sccodec import api
from sccodec.entropy.coder import Reader
from tests.cases import GOLDEN, name_of, picture, quiet

ENCODED = (90, 120)
QUALITY = 90


def digest(data: bytes) -> str:
    """Of what a file decodes to."""
    note, symbols = Reader.note, []

    def noted(self: Reader, values: Any) -> Any:
        symbols.append(note(self, values))
        return symbols[-1]

    with mock.patch.object(Reader, "note", noted):
        reading = api.read(data)
    read = symbols or [reading.picture()]
    return hashlib.sha256(b"".join(array.tobytes() for array in read)).hexdigest()


def main(folder: Path, name: str, specs: list[str]) -> None:
    os.environ["SCCODEC_MODELS"] = str(GOLDEN)
    for i, spec in enumerate(specs):
        data = api.encode(picture(*ENCODED, seed=5), spec, QUALITY, notice=quiet)
        (folder / f"{i}.{name}.file").write_bytes(data)
    print(json.dumps({path.name: digest(path.read_bytes()) for path in sorted(folder.glob("*.file"))}))


if __name__ == "__main__":
    if "fake" in map(name_of, sys.argv[3:]):
        import sccodec.codecs

        sccodec.codecs.__path__.append(str(Path(__file__).parent / "fakes" / "codecs"))
        from sccodec.codecs import fake

        api.named_by = fake.named_by
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
