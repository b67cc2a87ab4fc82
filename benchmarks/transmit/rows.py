"""Rows of what was measured, as JSON lines: appended to a file while it goes on, then compressed beside it.

rows.jsonl, while it goes on -> rows.jsonl.gz, which is a result
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import write_lines

Row = dict[str, Any]


def packed_path(plain: Path) -> Path:
    return plain.with_name(plain.name + ".gz")


def read(plain: Path) -> list[Row]:
    """Of both files, as far as they are there."""
    packed = packed_path(plain)
    lines = gzip.decompress(packed.read_bytes()).decode().splitlines() if packed.exists() else []
    lines += plain.read_text(encoding="utf-8").splitlines() if plain.exists() else []
    return [json.loads(line) for line in lines]


def append(plain: Path, row: Mapping[str, Any]) -> None:
    plain.parent.mkdir(parents=True, exist_ok=True)
    with plain.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, allow_nan=False) + "\n")


def pack(plain: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write the result, and remove what was kept while it went on; gives the result's path."""
    write_lines(packed_path(plain), rows)
    plain.unlink(missing_ok=True)
    return packed_path(plain)
