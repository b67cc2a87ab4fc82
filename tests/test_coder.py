"""The range coder's streams: round trips, exact lengths, golden bytes, damage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sccodec.entropy.coder import Reader, Writer
from sccodec.entropy.tables import gaussian_table, scales, table_from_probabilities
from sccodec.errors import BadInput, BadStream, Corrupt, Desync

TABLE = gaussian_table([0.11, 0.5, 2.0, 64.0])


def code(coder: Writer | Reader, rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """A small codec: both sides know rows, means and frequencies, the Writer the values."""
    rows = rng.integers(0, 4, n)
    mean = rng.integers(-100, 100, n)
    freq = rng.integers(1, 50, (n, 5))
    freq[:, 4] = 256 - freq[:, :4].sum(1)
    y = rng.normal(size=n) * np.array([0.11, 0.5, 2.0, 64.0])[rows] + mean / 16
    wild = np.where(rng.random(n) < 0.05, rng.integers(-50_000, 50_000, n), np.rint(y)).astype(int)
    symbols = rng.integers(0, 5, n)
    writing = isinstance(coder, Writer)
    out = [
        coder.gaussian("y", y if writing else None, mean, rows, TABLE),
        coder.symbols("wild", wild if writing else None, rows, TABLE),
        coder.frequencies("labels", symbols if writing else None, freq),
    ]
    coder.check()
    return out


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(0, 200))
def test_reads_what_was_written(seed: int, n: int) -> None:
    writer = Writer()
    written = code(writer, np.random.default_rng(seed), n)
    data = writer.finish()
    reader = Reader(data)
    for a, b in zip(written, code(reader, np.random.default_rng(seed), n), strict=True):
        np.testing.assert_array_equal(a, b)
    reader.finish()
    assert reader.bits == pytest.approx(writer.bits)
    total = sum(writer.bits.values())
    assert total / 8 - 1 - 1e-3 * total <= len(data) <= math.ceil(total / 8 + 1e-3 * total) + 1


@settings(max_examples=60, deadline=None)
@given(symbols=st.lists(st.sampled_from([0, 0, 0, 1, 2]), max_size=60), n_rows=st.integers(0, 3))
def test_stream_is_the_shortest_that_decodes(symbols: list[int], n_rows: int) -> None:
    freq = np.tile(np.array([[65000, 400, 136], [16, 65504, 16], [1, 1, 65534], [60000, 5000, 536]][n_rows]), (60, 1))
    writer = Writer()
    writer.frequencies("s", symbols, freq[: len(symbols)])
    data = writer.finish()
    assert not data.endswith(b"\0")
    if data:
        for last in range(256):
            shorter = data[:-2] + bytes([last]) if len(data) > 1 else b""
            try:
                got = Reader(shorter).frequencies("s", None, freq[: len(symbols)])
            except Corrupt:
                continue
            assert not np.array_equal(got, symbols)


def test_trailing_zero_bytes_are_not_stored() -> None:
    freq = np.tile(np.array([[1 << 15, 1 << 15]]), (4000, 1))
    symbols = np.zeros(4000, int)
    for first in (0, 1):
        symbols[3] = first
        writer = Writer()
        writer.frequencies("s", symbols, freq)
        data = writer.finish()
        assert len(data) <= 8 * first
        reader = Reader(data)
        np.testing.assert_array_equal(reader.frequencies("s", None, freq), symbols)
        reader.finish()


def test_a_stream_that_ends_long_before_its_symbols_is_refused_early() -> None:
    """A few bytes in a file cannot ask for memory and time without end, whatever size they state."""
    freq = np.tile(np.array([[1 << 15, 1 << 15]]), (1 << 18, 1))
    for data in (b"", b"\0\0\1"):
        reader = Reader(data)
        calls = 0
        with pytest.raises(Corrupt, match="long before"):
            while calls < 10:
                reader.frequencies("s", None, freq)  # 2^13 words at a time
                calls += 1
        assert 1 <= calls <= 2


def test_golden_bytes() -> None:
    """Guards the file format against a change of constriction's arithmetic."""
    table = table_from_probabilities(np.array([[1, 5, 60, 5, 1, 0.01], [3, 3, 3, 3, 3, 0.1]]), [-2, -2])
    writer = Writer()
    writer.symbols("s", [0, 1, -1, 2, -2, 0, 0, 7, -9, 1], [0, 1] * 5, table)
    writer.frequencies("f", [0, 2, 1], [[65534, 1, 1], [1000, 1000, 63536], [20000, 40000, 5536]])
    writer.check()
    assert writer.finish().hex() == "187b7e5ba7499c"


def test_bits_follow_from_the_frequencies() -> None:
    writer = Writer()
    writer.frequencies("f", [0, 1], [[1 << 14, 3 << 14], [1 << 15, 1 << 15]])
    writer.check()
    assert writer.bits == {"f": pytest.approx(3.0), "check": 8.0}


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_damage_raises_bad_stream_only(seed: int, data: st.DataObject) -> None:
    writer = Writer()
    code(writer, np.random.default_rng(seed), 40)
    good = writer.finish()
    kind = data.draw(st.sampled_from(["change", "cut", "append", "replace"]))
    at = data.draw(st.integers(0, len(good) - 1))
    if kind == "change":
        bad = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    elif kind == "cut":
        bad = good[:at]
    elif kind == "append":
        bad = good + data.draw(st.binary(min_size=1, max_size=50))
    else:
        bad = data.draw(st.binary(max_size=300))
    reader = Reader(bad)
    try:
        got = code(reader, np.random.default_rng(seed), 40)
        reader.finish()
    except BadStream:
        return
    # One check symbol in 256 fits by chance. What was read is then a stream of its own, not the one written.
    written = code(Writer(), np.random.default_rng(seed), 40)
    assert bad != good and any(not np.array_equal(a, b) for a, b in zip(written, got, strict=True))


def test_the_check_symbol_refuses_nearly_all_damage() -> None:
    writer = Writer()
    code(writer, np.random.default_rng(1), 40)
    good = writer.finish()
    rng = np.random.default_rng(2)
    refused = 0
    for _ in range(300):
        at = int(rng.integers(len(good)))
        reader = Reader(good[:at] + bytes([good[at] ^ int(rng.integers(1, 256))]) + good[at + 1 :])
        try:
            code(reader, np.random.default_rng(1), 40)
            reader.finish()
        except BadStream:
            refused += 1
    assert refused >= 294


def test_reader_out_of_step_raises() -> None:
    """A reader that selects one wrong row notices."""
    rows, table, rng = np.full(500, 2), TABLE, np.random.default_rng(0)
    writer = Writer()
    writer.symbols("y", rng.normal(0, 2, 500).round(), rows, table)
    writer.check()
    data = writer.finish()
    refused = 0
    for at in range(0, 500, 10):
        wrong = rows.copy()
        wrong[at] = 1
        with pytest.raises((Desync, Corrupt)) as caught:
            reader = Reader(data)
            reader.symbols("y", None, wrong, table)
            reader.check()
            reader.finish()
        refused += caught.type is Desync
    assert refused > 30


def test_values_far_outside_are_refused() -> None:
    with pytest.raises(BadInput):
        Writer().symbols("y", [1 << 22], [0], TABLE)
    writer = Writer()
    far = np.array([2_000_000, -2_000_000])
    writer.symbols("y", far, [0, 3], TABLE)
    np.testing.assert_array_equal(Reader(writer.finish()).symbols("y", None, [0, 3], TABLE), far)


def test_nothing_takes_no_bytes() -> None:
    assert Writer().finish() == b""
    Reader(b"").finish()
    with pytest.raises(Corrupt):
        Reader(b"\0").finish()


def test_many_scales_round_trip_near_the_entropy() -> None:
    rng = np.random.default_rng(3)
    table, rows = gaussian_table(scales()), rng.integers(0, 64, 20_000)
    y = rng.normal(size=20_000) * scales()[rows]
    writer = Writer()
    y_hat = writer.gaussian("y", y, np.zeros(20_000, int), rows, table)
    data = writer.finish()
    np.testing.assert_array_equal(y_hat, 16 * np.rint(y))
    np.testing.assert_array_equal(Reader(data).gaussian("y", None, np.zeros(20_000, int), rows, table), y_hat)
    wide = scales()[rows] > 1
    ideal = np.log2(scales()[rows[wide]] * math.sqrt(2 * math.pi * math.e)).sum()
    narrow = writer.bits["y"] - ideal
    assert 0 < narrow < 2.1 * (~wide).sum()
    assert len(data) <= writer.bits["y"] / 8 + 1.1
