"""The container: what is written is read, and every kind of damage is a BadStream."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sccodec.container import Container, overhead_bytes, parse, serialise
from sccodec.errors import BadStream, Corrupt, NotScc, TooLarge, Truncated, UnsupportedVersion

SMALL = st.integers(1, 4096)
CONTAINERS = st.builds(
    Container,
    tag=st.binary(min_size=4, max_size=4),
    width=SMALL | st.integers(1, 2**14),
    height=SMALL | st.integers(1, 2**14),
    params=st.integers(0, 255),
    payload=st.binary(max_size=600),
    extras=st.just(()) | st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=20)), max_size=3).map(tuple),
)
PLAIN = Container(b"\x01\x02\x03\x04", 256, 256, 7, bytes(range(180)))


@given(CONTAINERS)
def test_round_trip(c: Container) -> None:
    assert parse(serialise(c)) == c


@settings(max_examples=30)
@given(CONTAINERS)
def test_every_prefix_is_refused(c: Container) -> None:
    data = serialise(c)
    for n in range(len(data)):
        with pytest.raises(BadStream):
            parse(data[:n])


@settings(max_examples=15, deadline=None)
@given(CONTAINERS, st.data())
def test_every_single_byte_change_is_refused(c: Container, draw: st.DataObject) -> None:
    data = serialise(c)
    flips = draw.draw(st.lists(st.integers(1, 255), min_size=4, max_size=4, unique=True))
    for i in range(len(data)):
        for flip in flips:
            with pytest.raises(BadStream):
                parse(data[:i] + bytes([data[i] ^ flip]) + data[i + 1 :])


def test_every_value_of_every_byte_of_one_file() -> None:
    data = serialise(PLAIN)
    for i in range(len(data)):
        for flip in range(1, 256):
            with pytest.raises(BadStream):
                parse(data[:i] + bytes([data[i] ^ flip]) + data[i + 1 :])


def test_prefixes_of_long_files_by_construction() -> None:
    """Cuts by multiples of 256 bytes would pass a bare CRC once in 2^16: here never."""
    rng = random.Random(5)
    compact = 0
    for n in [256 * 1500 + 5] + [256 * 70] * 40:
        data = serialise(replace(PLAIN, payload=rng.randbytes(n)))
        compact += len(data) == n + 13
        for cut in range(256, len(data), 256):
            with pytest.raises(BadStream):
                parse(data[:-cut])
    assert compact >= 40


@given(st.binary(max_size=64))
def test_arbitrary_bytes(data: bytes) -> None:
    for start in (b"", b"\xc5\x10", b"\xc5\x1c"):
        with pytest.raises(BadStream):
            parse(start + data)


def test_overhead() -> None:
    assert overhead_bytes(PLAIN) == 13
    assert overhead_bytes(replace(PLAIN, width=4096, height=4096)) == 13
    assert overhead_bytes(replace(PLAIN, width=4097)) == 21
    assert overhead_bytes(replace(PLAIN, extras=((1, b"abc"),))) == 13 + 1 + 5 + 3


def test_layout() -> None:
    """The specification, byte for byte."""
    data = serialise(Container(b"\xde\xad\xbe\xef", 256, 3, 9, b"xy"))
    assert data.hex() == "c510" + data[2:4].hex() + "0f" + "deadbeef" + "09" + "0ff002" + "7879"
    wide = serialise(Container(b"\xde\xad\xbe\xef", 4097, 3, 9, b"xy"))
    assert wide.hex() == "c518" + wide[2:4].hex() + "00000017" + "deadbeef" + "09" + "0000100000000002" + "7879"
    assert data[2:4].hex() == "43de"


def test_errors_by_kind() -> None:
    data = serialise(PLAIN)
    with pytest.raises(NotScc):
        parse(b"")
    with pytest.raises(NotScc):
        parse(b"PK\x03\x04" + data)
    with pytest.raises(Truncated):
        parse(data[:5])
    with pytest.raises(Truncated):
        parse(data[:-1])
    with pytest.raises(Truncated):
        parse(data + b"\0")
    with pytest.raises(UnsupportedVersion):
        parse(data[:1] + b"\x20" + data[2:])
    with pytest.raises(Corrupt):
        parse(data[:-1] + bytes([data[-1] ^ 1]))


def test_dimensions_beyond_the_limit() -> None:
    huge = serialise(replace(PLAIN, width=2**31, height=2**31))
    with pytest.raises(TooLarge):
        parse(huge)
    with pytest.raises(TooLarge):
        parse(serialise(PLAIN), max_pixels=256 * 255)
    assert parse(huge, max_pixels=2**62, max_side=2**31).width == 2**31
    for width, height in ((2**28, 1), (1, 2**20 + 1)):  # few pixels, but resampling to them takes gigabytes
        with pytest.raises(TooLarge, match="a side"):
            parse(serialise(replace(PLAIN, width=width, height=height)))


def test_extras_that_lie_about_their_length() -> None:
    """The CRC may be right and the length wrong, in a file made to attack."""
    from binascii import crc_hqx

    good = serialise(replace(PLAIN, payload=b"", extras=((1, b"abc"),)))
    for body in (b"", b"\x01", b"\x01\x01\xff\xff\xff\xff", b"\x02\x01\x00\x00\x00\x00", b"\xff"):
        head = bytes([13 + len(body)]) + good[5:13]
        check = crc_hqx(head + body, crc_hqx(good[:2], 0xFFFF))
        bad = good[:2] + check.to_bytes(2, "big") + head + body
        with pytest.raises(Corrupt):
            parse(bad)
