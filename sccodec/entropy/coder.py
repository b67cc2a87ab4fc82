"""One range-coded stream of integers: Writer and Reader have the same verbs, a codec describes it once.

Every verb takes a section name (bits are counted by section) and the values; a Reader is given ``None`` and
returns what the file holds, a Writer returns what it was given. Probabilities are integer frequencies with
power-of-two sums, which constriction's range coder takes as exact float64 multiples (``perfect=False``), so
all machines see the same intervals.

    Writer: values -> symbols(), gaussian(), frequencies(), check() -> finish() -> bytes
    Reader: bytes  -> symbols(), gaussian(), frequencies(), check() -> finish()

The stream is the shortest byte string inside the coder's final interval, read as a big-endian binary fraction
that goes on in zeros. A Reader codes again what it has read: its ``finish`` accepts only the bytes that a
Writer makes.
"""

from __future__ import annotations

import zlib
from typing import Any, Protocol

import numpy as np
from constriction import stream
from numpy.typing import ArrayLike, NDArray

from sccodec.entropy.tables import FREQUENCY_BITS, Table
from sccodec.errors import BadInput, Corrupt, Desync

Int32 = NDArray[np.int32]
Distribution = object
"""constriction's distribution, or family of them: made by it, and handed back to it."""


class RangeEncoder(Protocol):
    """What is used of constriction's encoder: the package states no types."""

    def encode(self, symbols: Int32, model: Distribution, *parameters: NDArray[np.float64]) -> None: ...

    def num_words(self) -> int: ...

    def pos(self) -> tuple[int, tuple[int, int]]:
        """Words so far; the low end of the interval modulo 2^64, and its width."""
        ...

    def get_compressed(self) -> NDArray[np.uint32]: ...


# An escaped value lies less than 2^21 outside its table: more bits in a damaged stream cannot be meant.
ESCAPE_BITS = 20
MEAN_STEPS = 16
# Frequencies of at most 2^20 stay well inside the coder's own 24 bits; rows are handed over in pieces to
# bound memory.
MOST_FREQUENCY_BITS = 20
PIECE = 1 << 21
# Zeros that end a stream are not stored: a few bytes would stand for any number of symbols, each the first of its
# distribution. No picture ends in as many as this, in words of 32 bits, and no Reader goes on beyond them.
MOST_ZERO_WORDS = 1 << 14


class Coder:
    """What Writer and Reader share: everything except the direction.

    ``bits`` is the exact information content of what was coded so far, by section.
    """

    def __init__(self) -> None:
        self.bits: dict[str, float] = {}
        self._digest = 0
        self._encoder: RangeEncoder = stream.queue.RangeEncoder()

    def symbols(self, section: str, values: ArrayLike | None, rows: ArrayLike, table: Table) -> Int32:
        """Code int values [n], element i by row ``rows[i]`` of the table; gives int32 [n].

        Elements are coded row by row, in their own order within a row; values outside a row's support follow
        as escapes. A Writer raises BadInput for a value 2^21 or more outside, a Reader Corrupt for damaged
        bytes.
        """
        rows = np.asarray(rows, np.int64).reshape(-1)
        assert rows.size == 0 or (rows.min() >= 0 and rows.max() < len(table.sizes)), "no such row"
        given = None if values is None else np.asarray(values, np.int64).reshape(-1)
        assert given is None or given.shape == rows.shape, "one row for each value"
        # numpy sorts 16-bit numbers by digits, several times faster than others.
        order = np.argsort(rows.astype(np.uint16) if len(table.sizes) <= 1 << 16 else rows, kind="stable")
        bounds = np.searchsorted(rows[order], np.arange(len(table.sizes) + 1))
        result = np.zeros(rows.shape, np.int64)
        for row in np.flatnonzero(np.diff(bounds)):
            index = order[bounds[row] : bounds[row + 1]]
            size, lowest = int(table.sizes[row]), int(table.lowest[row])
            frequencies = table.frequencies[row, :size]
            coded: Int32 | None = None
            if given is not None:
                offset = given[index] - lowest
                coded = np.where((offset < 0) | (offset >= size - 1), size - 1, offset).astype(np.int32)
            got = self._code(
                coded, stream.model.Categorical(frequencies * 2.0**-FREQUENCY_BITS, perfect=False), index.size
            )
            self._count(section, float((FREQUENCY_BITS - np.log2(frequencies))[got].sum()))
            result[index] = got.astype(np.int64) + lowest
        top = table.lowest[rows].astype(np.int64) + table.sizes[rows] - 1  # an escape stands at the row's end
        escaped = np.flatnonzero(result == top)
        if escaped.size:
            bottom = table.lowest[rows[escaped]].astype(np.int64)
            wanted = None if given is None else given[escaped]
            result[escaped] = self._escapes(section, wanted, bottom, top[escaped])
        return self.note(result)

    def gaussian(self, section: str, y: ArrayLike | None, mean: ArrayLike, scale: ArrayLike, table: Table) -> Int32:
        """Code float y [n] rounded about its mean; gives y_hat int32 [n] in units of 1/16.

        mean: int [n] in units of 1/16; scale: int [n], rows of the scale table. y_hat = 16 * round(y -
        mean/16) + mean.
        """
        mean = np.asarray(mean, np.int64).reshape(-1)
        residual = None
        if y is not None:
            residual = np.rint(np.asarray(y, np.float64).reshape(-1) - mean / MEAN_STEPS).astype(np.int64)
        coded = self.symbols(section, residual, scale, table)
        return (MEAN_STEPS * coded.astype(np.int64) + mean).astype(np.int32)

    def frequencies(self, section: str, values: ArrayLike | None, freq: ArrayLike) -> Int32:
        """Code symbols [n], each 0..K-1, by its own row of uint freq [n, K]; gives int32 [n].

        Every frequency is at least 1 and every row has the same sum, a power of two of at most 2^20.
        """
        rows = np.asarray(freq)
        n, classes = rows.shape
        if n == 0:
            return np.zeros(0, np.int32)
        total = int(rows[0].sum(dtype=np.int64))
        assert total & (total - 1) == 0 and total <= 1 << MOST_FREQUENCY_BITS, "rows sum to a power of two"
        given = None if values is None else np.asarray(values, np.int32).reshape(-1)
        family = stream.model.Categorical(perfect=False)
        result = np.empty(n, np.int32)
        piece = max(1, PIECE // classes)
        for start in range(0, n, piece):
            part = slice(start, start + piece)
            probability = rows[part] * (1.0 / total)
            got = self._code(None if given is None else given[part], family, probability)
            self._count(section, float(-np.log2(np.take_along_axis(probability, got[:, None], 1)).sum()))
            result[part] = got
        return self.note(result)

    def check(self) -> None:
        """Code an 8-bit check symbol over all values so far; a Reader raises Desync where it disagrees."""
        expected = self._digest & 255
        got = int(self._code(np.array([expected], np.int32), stream.model.Uniform(256), 1)[0])
        self._count("check", 8.0)
        if got != expected:
            raise Desync("the decoded symbols disagree with the file's check symbol: it was damaged or misread")

    def _escapes(
        self,
        section: str,
        values: NDArray[np.int64] | None,
        bottom: NDArray[np.int64],
        top: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Values below ``bottom`` or from ``top`` on: a side bit, then the distance by exp-Golomb."""
        n = bottom.size
        above = distance = None
        if values is not None:
            above = values >= top
            distance = np.where(above, values - top, bottom - 1 - values) + 1
            if int(distance.max()) >= 1 << (ESCAPE_BITS + 1):
                raise BadInput("a value lies too far outside its table to be coded")
        side = self._bits(section, above, n)
        width = np.zeros(n, np.int64)
        active = np.arange(n)
        for level in range(ESCAPE_BITS):
            if active.size == 0:
                break
            more = None if distance is None else distance[active] >= 2 << level
            active = active[self._bits(section, more, active.size)]
            width[active] += 1
        read = np.ones(n, np.int64)
        for level in range(int(width.max()) - 1, -1, -1):
            active = np.flatnonzero(width > level)
            bit = None if distance is None else (distance[active] >> level & 1).astype(bool)
            read[active] = 2 * read[active] + self._bits(section, bit, active.size)
        return np.where(side, top + read - 1, bottom - read)

    def _bits(self, section: str, values: NDArray[np.bool_] | None, n: int) -> NDArray[np.bool_]:
        self._count(section, float(n))
        return self._code(None if values is None else values.astype(np.int32), stream.model.Uniform(2), n).astype(bool)

    def _count(self, section: str, bits: float) -> None:
        self.bits[section] = self.bits.get(section, 0.0) + bits

    def note(self, values: NDArray[Any]) -> Int32:
        """Have the check symbol stand for these values too, which both sides know; gives them as int32."""
        result = values.astype(np.int32)
        self._digest = zlib.crc32(result.astype("<i4").tobytes(), self._digest)
        return result

    def _code(self, values: Int32 | None, distribution: Distribution, parameters: int | NDArray[np.float64]) -> Int32:
        """Code symbols with one distribution (parameters: their number) or a family (parameters: [n, K])."""
        raise NotImplementedError


class Writer(Coder):
    """Codes values into bytes."""

    def _code(self, values: Int32 | None, distribution: Distribution, parameters: int | NDArray[np.float64]) -> Int32:
        assert values is not None, "a Writer is given the values"
        encode(self._encoder, values, distribution, parameters)
        return values

    def finish(self) -> bytes:
        """The stream: the shortest byte string that a Reader cannot tell from the coder's final interval."""
        return shortest(self._encoder)


class Reader(Coder):
    """Reads values from bytes, ignoring those given to its verbs. Damage raises Corrupt or Desync."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data
        words = np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype(np.uint32)
        self._decoder = stream.queue.RangeDecoder(words)
        self._most_words = len(words) + MOST_ZERO_WORDS

    def _code(self, values: Int32 | None, distribution: Distribution, parameters: int | NDArray[np.float64]) -> Int32:
        # constriction reports impossible bytes by AssertionError, and might panic: all of it means a damaged
        # file.
        try:
            got: Int32 = self._decoder.decode(distribution, parameters)
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:
            raise Corrupt("the coded data is damaged: it holds an impossible symbol") from error
        encode(self._encoder, got, distribution, parameters)
        if self._encoder.num_words() > self._most_words:
            raise Corrupt("the coded data is damaged: it ends long before its symbols do")
        return got

    def finish(self) -> None:
        """Raise Corrupt unless a Writer of the same values makes exactly these bytes."""
        if shortest(self._encoder) != self._data:
            raise Corrupt("the coded data is damaged: it does not end where its symbols do")


class Ended(Exception):
    """Symbols were asked for that the beginning of a stream does not hold."""


class Beginning(Reader):
    """Reads the first bytes of a stream whose end is missing: what they do not hold is taken as 0.

    Each of symbols() and gaussian() gives all of its values or none: from the first that goes beyond the bytes, every
    value is 0 or its mean. Bytes are known to be right, so that nothing is checked.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        # A symbol is certain when the decoder's state, two words beyond what was coded so far, is of the bytes.
        self._known_words = len(data) // 4 - 2
        self._ended = False

    def symbols(self, section: str, values: ArrayLike | None, rows: ArrayLike, table: Table) -> Int32:
        if not self._ended:
            try:
                return super().symbols(section, values, rows, table)
            except (Ended, Corrupt):
                self._ended = True
        return np.zeros(np.asarray(rows).size, np.int32)

    def check(self) -> None:
        """Nothing: the check symbol stands at the end."""

    def finish(self) -> None:
        """Nothing."""

    def _code(self, values: Int32 | None, distribution: Distribution, parameters: int | NDArray[np.float64]) -> Int32:
        got = super()._code(values, distribution, parameters)
        if self._encoder.num_words() > self._known_words:
            raise Ended
        return got


def encode(
    encoder: RangeEncoder, values: Int32, distribution: Distribution, parameters: int | NDArray[np.float64]
) -> None:
    if isinstance(parameters, int):
        encoder.encode(values, distribution)
    else:
        encoder.encode(values, distribution, parameters)


def shortest(encoder: RangeEncoder) -> bytes:
    """The shortest byte string whose number, followed by zeros, lies in the coder's [low, low + width).

    constriction's own words hold one such number, padded to 32 bits; the coder's position gives the
    interval's low end modulo 2^64 and its width, which pin the whole interval down.
    """
    position, (low_part, width) = encoder.pos()
    position, low_part, width = int(position), int(low_part), int(width)
    words = encoder.get_compressed()
    n_bytes = 4 * (position + 2)
    inside = int.from_bytes(words.astype(">u4").tobytes().ljust(n_bytes, b"\0"), "big")
    low = inside - ((inside - low_part) % (1 << 64))
    assert low <= inside < low + width
    # Of the multiples of 2^128 at most one lies inside: strings shorter than that are it without its trailing
    # zeros.
    for length in range(max(0, n_bytes - 16), n_bytes + 1):
        unit = 8 * (n_bytes - length)
        candidate = -(-low >> unit)  # the first multiple of 2^unit at or above low
        if candidate << unit < low + width and candidate < 1 << (8 * length):
            return candidate.to_bytes(length, "big").rstrip(b"\0")
    raise AssertionError("an interval at least 2^32 wide holds a number of whole words")
