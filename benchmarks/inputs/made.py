"""The 175 files of Willem van Schaik's PngSuite made anew: the same features under the same names, other pictures.

    name     first two or three characters: what is tested; n or i: interlaced; colour type and depth, as 2c08

Written chunk by chunk with zlib and struct, by no library that is tested. Those whose names begin with x are broken.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.uint16]
Chunk = tuple[bytes, bytes]

SIDE = 32
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = {"0g": 0, "2c": 2, "3p": 3, "4a": 4, "6a": 6}
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""Adam7: first row, first column, and the steps of both."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"
FORMATS = (
    "0g01",
    "0g02",
    "0g04",
    "0g08",
    "0g16",
    "2c08",
    "2c16",
    "3p01",
    "3p02",
    "3p04",
    "3p08",
    "4a08",
    "4a16",
    "6a08",
    "6a16",
)
GAMMAS = {"g03": 35000, "g04": 45000, "g05": 55000, "g07": 70000, "g10": 100000, "g25": 250000}


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def picture(kind: int, depth: int, height: int = SIDE, width: int = SIDE) -> Samples:
    """Ramps that use every sample of a depth: [height, width, channels]."""
    y, x = np.mgrid[0:height, 0:width]
    most = (1 << depth) - 1
    ramps = [x / max(1, width - 1), y / max(1, height - 1), (x + y) % 13 / 12, (x * y) % 17 / 16]
    order = {0: [0], 3: [0], 2: [0, 1, 2], 4: [0, 3], 6: [0, 1, 2, 3]}[kind]
    return np.rint(np.stack([ramps[i] for i in order], -1) * most).astype(np.uint16)


def packed(rows: Samples, depth: int) -> list[bytes]:
    """Rows as they are stored, without filters."""
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in rows]
    if depth == 8:
        return [row.astype(np.uint8).tobytes() for row in rows]
    bits = (rows.reshape(len(rows), -1, 1) >> np.arange(depth - 1, -1, -1)) & 1
    return [np.packbits(row.reshape(-1).astype(np.uint8)).tobytes() for row in bits]


def filtered(lines: Iterable[bytes], kinds: Iterator[int], step: int) -> bytes:
    """Lines behind their filters' numbers; step: bytes of a pixel, at least 1."""
    made, above = b"", b""
    for line in lines:
        now = np.frombuffer(line, np.uint8).astype(np.int32)
        up = np.frombuffer(above, np.uint8).astype(np.int32) if len(above) == len(line) else np.zeros_like(now)
        left, corner = (np.concatenate([np.zeros(step, np.int32), row])[: len(row)] for row in (now, up))
        guess = left + up - corner
        distances = np.stack([abs(guess - left), abs(guess - up), abs(guess - corner)])
        paeth = np.choose(distances.argmin(0), [left, up, corner])
        kind = next(kinds)
        predicted = (np.zeros_like(now), left, up, (left + up) // 2, paeth)[kind]
        made += bytes([kind]) + ((now - predicted) & 255).astype(np.uint8).tobytes()
        above = line
    return made


def coded(rows: Samples, depth: int, filters: tuple[int, ...], *, interlaced: bool) -> bytes:
    """All rows, in seven passes where they are interlaced."""
    step = max(1, rows.shape[2] * depth // 8)
    parts = [rows[top::down, left::right] for top, left, down, right in PASSES] if interlaced else [rows]
    made = b""
    for part in parts:
        if part.size:
            kinds = iter([filters[i % len(filters)] for i in range(len(part))])
            made += filtered(packed(part, depth), kinds, step)
    return made


def png(
    form: str,
    rows: Samples | None = None,
    before: Iterable[Chunk] = (),
    after: Iterable[Chunk] = (),
    *,
    interlaced: bool = False,
    filters: tuple[int, ...] = (0,),
    level: int = 9,
    pieces: int = 0,
    palette: bytes | None = None,
) -> bytes:
    """A file. form: as 2c08. before, after: chunks before and after the pixels. pieces: bytes of an IDAT, or 0."""
    kind, depth = KINDS[form[:2]], int(form[2:])
    samples = picture(kind, depth) if rows is None else rows
    height, width = samples.shape[:2]
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced)))]
    behind = (b"tRNS", b"hIST")  # a palette
    head, rest = [c for c in before if c[0] not in behind], [c for c in before if c[0] in behind]
    parts += [chunk(*c) for c in head]
    if kind == 3:
        parts.append(chunk(b"PLTE", palette or colours(1 << depth)))
    elif palette:
        parts.append(chunk(b"PLTE", palette))
    parts += [chunk(*c) for c in rest]
    stream = zlib.compress(coded(samples, depth, filters, interlaced=interlaced), level)
    pieces = pieces or len(stream)
    parts += [chunk(b"IDAT", stream[i : i + pieces]) for i in range(0, len(stream), pieces)]
    parts += [chunk(*c) for c in after]
    return SIGNATURE + b"".join(parts) + chunk(b"IEND", b"")


def colours(count: int) -> bytes:
    """A palette."""
    return b"".join(bytes([i * 255 // max(1, count - 1), i * 7919 % 256, 255 - i * 31 % 256]) for i in range(count))


def files() -> dict[str, bytes]:
    """Every file by its name, without suffix."""
    return {**plain(), **transparent(), **coloured(), **arranged(), **broken()}


def plain() -> dict[str, bytes]:
    """basn, basi: every format. s01 to s40: every size."""
    found = {}
    for form in FORMATS:
        for letter in "ni":
            found[f"bas{letter}{form}"] = png(form, interlaced=letter == "i")
    for side in (*range(1, 10), *range(32, 41)):
        form = "3p01" if side < 3 else "3p02" if side < 9 else "3p04"
        rows = picture(3, int(form[2:]), side, side)
        for letter in "ni":
            found[f"s{side:02}{letter}{form}"] = png(form, rows, interlaced=letter == "i")
    return found


def transparent() -> dict[str, bytes]:
    """bg: with bKGD. t: with tRNS."""
    found = {
        "bgai4a08": png("4a08", interlaced=True),
        "bgai4a16": png("4a16", interlaced=True),
        "bgan6a08": png("6a08"),
        "bgan6a16": png("6a16"),
        "bgbn4a08": png("4a08", before=[(b"bKGD", struct.pack(">H", 0))]),
        "bggn4a16": png("4a16", before=[(b"bKGD", struct.pack(">H", 43908))]),
        "bgwn6a08": png("6a08", before=[(b"bKGD", struct.pack(">3H", 255, 255, 255))]),
        "bgyn6a16": png("6a16", before=[(b"bKGD", struct.pack(">3H", 65535, 65535, 0))]),
        "tp0n0g08": png("0g08"),
        "tp0n2c08": png("2c08"),
        "tp0n3p08": png("3p08"),
        "tm3n3p02": png("3p02", before=[(b"tRNS", bytes([0, 85, 170, 255]))]),
    }
    for name in ("tbbn0g04", "tbwn0g16", "tbbn2c16", "tbgn2c16", "tbrn2c08"):
        key = picture(KINDS[name[4:6]], int(name[6:]))[3, 5]
        found[name] = png(name[4:], before=[(b"tRNS", struct.pack(f">{len(key)}H", *key.tolist()))])
    for name in ("tbbn3p08", "tbgn3p08", "tbwn3p08", "tbyn3p08", "tp1n3p08"):
        found[name] = png("3p08", before=[(b"tRNS", bytes(range(0, 256, 5)))])
    return found


def coloured() -> dict[str, bytes]:
    """g: gAMA. cc: cHRM. p: palettes that are suggested. exif: eXIf. c: other chunks."""
    found = {}
    for name, gamma in GAMMAS.items():
        for form in ("0g16", "2c08", "3p04"):
            found[f"{name}n{form}"] = png(form, before=[(b"gAMA", struct.pack(">I", gamma))])
    points = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    found |= {f"ccwn{form}": png(form, before=[points]) for form in ("2c08", "3p08")}
    found |= {"pp0n2c16": png("2c16", palette=colours(216)), "pp0n6a08": png("6a08", palette=colours(216))}
    for name, depth in (("ps1", 8), ("ps2", 16)):
        entry = (
            struct.pack(">5B" if depth == 8 else ">5H", 1, 2, 3, 4, 5) if depth == 16 else bytes([1, 2, 3, 255, 0, 5])
        )
        for form in ("0g08", "2c16"):
            found[f"{name}n{form}"] = png(form, before=[(b"sPLT", b"six\0" + bytes([depth]) + entry)])
    texts: Mapping[str, list[Chunk]] = {
        "ct0": [],
        "ct1": [(b"tEXt", b"Title\0PngSuite")],
        "cte": [(b"iTXt", b"Title\0\0\0en\0Title\0PngSuite")],
        "ctf": [(b"iTXt", b"Title\0\0\0fi\0Otsikko\0PngSuite")],
        "ctg": [(b"iTXt", b"Title\0\0\0el\0\xce\xa4\0PngSuite")],
        "cth": [(b"iTXt", b"Title\0\0\0hi\0\xe0\xa4\xb6\0PngSuite")],
        "ctj": [(b"iTXt", b"Title\0\0\0ja\0\xe3\x82\xbf\0PngSuite")],
        "ctz": [(b"zTXt", b"Title\0\0" + zlib.compress(b"PngSuite"))],
        "cm0": [(b"tIME", struct.pack(">HBBBBB", 2000, 1, 1, 12, 34, 56))],
        "cm7": [(b"tIME", struct.pack(">HBBBBB", 1970, 1, 1, 0, 0, 0))],
        "cm9": [(b"tIME", struct.pack(">HBBBBB", 1999, 12, 31, 23, 59, 59))],
    }
    found |= {f"{name}n0g04": png("0g04", before=chunks) for name, chunks in texts.items()}
    for name, size in (("cdf", (1, 4, 0)), ("cdh", (4, 1, 0)), ("cds", (1, 1, 0)), ("cdu", (1000, 1000, 1))):
        found[f"{name}n2c08"] = png("2c08", before=[(b"pHYs", struct.pack(">IIB", *size))])
    for name, bits in (("cs3", 3), ("cs5", 5), ("cs8", 8)):
        for form in ("2c16" if bits == 3 else "2c08", "3p08"):
            found[f"{name}n{form}"] = png(form, before=[(b"sBIT", bytes([bits] * 3))])
    counts = {"ch1n3p04": 16, "ch2n3p08": 256}
    found |= {name: png(name[4:], before=[(b"hIST", struct.pack(f">{n}H", *range(n)))]) for name, n in counts.items()}
    found["exif2c08"] = png("2c08", before=[(b"eXIf", b"MM\0\x2a\0\0\0\x08\0\0")])
    return found


def arranged() -> dict[str, bytes]:
    """f: filters. oi: pieces. z: levels."""
    found = {f"f{i:02}n{form}": png(form, filters=(i,)) for i in range(5) for form in ("0g08", "2c08")}
    found["f99n0g04"] = png("0g04", filters=(0, 1, 2, 3, 4))
    for name, pieces in (("oi1", 0), ("oi2", 700), ("oi4", 300), ("oi9", 1)):
        found |= {f"{name}n{form}": png(form, pieces=pieces) for form in ("0g16", "2c16")}
    return found | {f"z0{level}n2c08": png("2c08", level=level) for level in (0, 3, 6, 9)}


def broken() -> dict[str, bytes]:
    """x: signatures, headers, checksums and line ends that are wrong, and files without pixels."""

    def header(kind: int, depth: int) -> bytes:
        return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, depth, kind, 0, 0, 0))

    whole, small = png("0g08"), png("0g01")
    pixels = whole[whole.index(b"IDAT") - 4 :]
    wrong = bytearray(png("0g04"))
    wrong[29:33] = bytes(4)
    hashed = bytearray(png("0g01"))
    at = hashed.index(b"IEND") - 8
    hashed[at : at + 4] = bytes(4)
    early = bytearray(png("0g08"))
    early[29:33] = b"\0\1\2\3"
    return {
        "xc1n0g08": header(1, 8) + pixels,
        "xc9n2c08": header(9, 8) + pixels,
        "xd0n2c08": header(2, 0) + pixels,
        "xd3n2c08": header(2, 3) + pixels,
        "xd9n2c08": header(2, 99) + pixels,
        "xcrn0g04": png("0g04").replace(b"\r\n", b"\r", 1),
        "xlfn0g04": png("0g04").replace(b"\r\n", b"\n", 1),
        "xcsn0g01": bytes(hashed),
        "xhdn0g08": bytes(early),
        "xdtn0g01": small[: small.index(b"IDAT") - 4] + chunk(b"IEND", b""),
        "xs1n0g01": b"\x88" + small[1:],
        "xs2n0g01": small[:1] + b"Q" + small[2:],
        "xs4n0g01": small[:3] + b"n" + small[4:],
        "xs7n0g01": small[:6] + b"\x19" + small[7:],
    }
