"""docs/format.md is enough: format_decoder.py, which follows its text, reads what sccodec writes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import format_decoder
import numpy as np
import pytest
from format_decoder import Stream
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sccodec.container import Container, serialise
from sccodec.entropy.coder import Writer
from sccodec.entropy.tables import Table, gaussian_table, table_from_probabilities

GOLDEN = Path(__file__).parent / "golden"


def plain(table: Table) -> list[tuple[int, list[int]]]:
    """Rows as (lowest, frequencies)."""
    parts = zip(table.lowest, table.frequencies, table.sizes, strict=True)
    return [(int(lowest), [int(f) for f in row[:size]]) for lowest, row, size in parts]


TABLE = gaussian_table([0.11, 0.3, 2.0, 64.0])
SKEWED = table_from_probabilities(np.array([[1e-9, 5, 60, 5, 1, 0.01], [1, 0, 0, 0, 0, 0]]), [-2, 7])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(0, 120), classes=st.integers(2, 40), bits=st.integers(8, 20))
def test_what_a_writer_writes_is_read_by_the_specification(seed: int, n: int, classes: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    rows, few = rng.integers(0, 4, n), rng.integers(0, 2, n)
    means = rng.integers(-20_000, 20_000, n)
    values = np.where(rng.random(n) < 0.1, rng.integers(-(2**20), 2**20, n), rng.integers(-3, 4, n))
    freq = 1 + rng.multinomial((1 << bits) - classes, rng.dirichlet(np.full(classes, 0.2)), n)
    labels = rng.integers(0, classes, n)
    writer = Writer()
    y_hat = writer.gaussian("y", values + means / 16, means, rows, TABLE)
    writer.symbols("s", values, few, SKEWED)
    writer.frequencies("f", labels, freq)
    writer.check()
    data = writer.finish()

    stream = Stream(data)
    assert stream.gaussian(means.tolist(), rows.tolist(), plain(TABLE)) == y_hat.tolist()
    assert stream.symbols(few.tolist(), plain(SKEWED)) == values.tolist()
    assert stream.frequencies(freq.tolist()) == labels.tolist()
    assert stream.check()
    assert stream.shortest() == data


@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 4000])
def test_zeros_at_the_end_are_not_stored(n: int) -> None:
    writer = Writer()
    writer.frequencies("f", np.zeros(n, int), np.full((n, 2), 1 << 15))
    data = writer.finish()
    stream = Stream(data)
    assert stream.frequencies([[1 << 15] * 2] * n) == [0] * n
    assert stream.shortest() == data == b""


@pytest.mark.parametrize(("width", "height"), [(1, 1), (4096, 3), (768, 4096), (4097, 1)])
def test_headers_are_as_the_specification_says(width: int, height: int) -> None:
    data = serialise(Container(b"\x12\x34\x56\x78", width, height, 200, b"payload", ((1, b"name"),)))
    extras = b"\1\1\0\0\0\4name"
    assert data[0] == 0xC5 and data[1] >> 4 == 1 and data[1] & 4
    if data[1] & 8:
        assert int.from_bytes(data[4:8], "big") == len(data)
        rest = b"\x12\x34\x56\x78\xc8" + (width - 1).to_bytes(4, "big") + (height - 1).to_bytes(4, "big")
        assert data[8:] == rest + extras + b"payload"
    else:
        assert max(width, height) <= 4096 and data[4] == len(data) % 256
        sides = ((width - 1) << 12 | height - 1).to_bytes(3, "big")
        assert data[5:] == b"\x12\x34\x56\x78\xc8" + sides + extras + b"payload"
    crc = 0xFFFF
    for byte in data[:2] + data[4:]:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    assert int.from_bytes(data[2:4], "big") == crc


FILES: dict[str, Any] = json.loads((GOLDEN / "golden.json").read_text(encoding="utf-8"))["files"]


@pytest.mark.parametrize("name", sorted(FILES))
def test_golden_files_are_decoded_by_the_specification(name: str) -> None:
    """Labels and latents exactly; pixels, which floating point makes, within 1."""
    got, want = format_decoder.decode((GOLDEN / name).read_bytes(), GOLDEN), FILES[name]
    for kind, form in (("labels", "u1"), ("latents", "<i2")):
        array = getattr(got, kind)
        if array is not None and kind in want:
            text = "x".join(map(str, array.shape)) + ":"
            assert hashlib.sha256(text.encode() + array.astype(form).tobytes()).hexdigest() == want[kind]
    recorded = np.asarray(Image.open(GOLDEN / want["picture"]).convert("RGB")).astype(int)
    assert np.abs(got.picture - recorded).max() <= 1
