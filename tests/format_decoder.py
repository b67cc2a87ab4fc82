"""A decoder of .scc files that follows docs/format.md, step by step, and imports nothing of sccodec.

    python tests/format_decoder.py FILE.scc MODELS/ OUT.png

It is slow, and checks no limits. What it needs beside the text: numpy, onnxruntime, safetensors, Pillow.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open

Ints = NDArray[np.int64]
Rows = Sequence[tuple[int, list[int]]]
"""Of a table: lowest value, frequencies."""


# Range coder, and what is coded with it.


class Stream:
    """Reads symbols in Python's integers. low and value count 2^-(32 * words); neither is ever cut off."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.words = 2
        self.low, self.range = 0, (1 << 64) - 1
        self.value = self.first(2)
        self.digest = 0

    def first(self, words: int) -> int:
        return int.from_bytes(self.data[: 4 * words].ljust(4 * words, b"\0"), "big")

    def symbol(self, bounds: Sequence[int]) -> int:
        unit = self.range >> 24
        place = (self.value - self.low) // unit
        assert place < 1 << 24, "an impossible symbol"
        s = bisect_right(bounds, place) - 1
        self.low += unit * bounds[s]
        self.range = unit * (bounds[s + 1] - bounds[s])
        if self.range < 1 << 32:
            self.words += 1
            self.low, self.range, self.value = self.low << 32, self.range << 32, self.first(self.words)
        return s

    def bit(self) -> int:
        return self.symbol([0, 1 << 23, 1 << 24])

    def note(self, values: Sequence[int]) -> list[int]:
        self.digest = zlib.crc32(b"".join(v.to_bytes(4, "little", signed=True) for v in values), self.digest)
        return list(values)

    def symbols(self, rows: Sequence[int], table: Sequence[tuple[int, list[int]]]) -> list[int]:
        found = [0] * len(rows)
        for row, (lowest, frequencies) in enumerate(table):
            bounds = bounds_of(frequencies)
            for i in (i for i, r in enumerate(rows) if r == row):
                found[i] = lowest + self.symbol(bounds)
        tops = [table[r][0] + len(table[r][1]) - 1 for r in rows]
        escaped = [i for i, top in enumerate(tops) if found[i] == top]
        above = {i: self.bit() for i in escaped}
        width, active = dict.fromkeys(escaped, 0), escaped
        for _ in range(20):
            active = [i for i in active if self.bit()]
            width |= {i: width[i] + 1 for i in active}
        distance = dict.fromkeys(escaped, 1)
        for level in range(max(width.values(), default=0) - 1, -1, -1):
            for i in (i for i in escaped if width[i] > level):
                distance[i] = 2 * distance[i] + self.bit()
        for i in escaped:
            found[i] = tops[i] + distance[i] - 1 if above[i] else table[rows[i]][0] - distance[i]
        return self.note(found)

    def gaussian(self, means: Sequence[int], rows: Sequence[int], table: Sequence[tuple[int, list[int]]]) -> list[int]:
        return [16 * k + mean for k, mean in zip(self.symbols(rows, table), means, strict=True)]

    def frequencies(self, rows: Sequence[list[int]]) -> list[int]:
        return self.note([self.symbol(bounds_of(row)) for row in rows])

    def check(self) -> bool:
        return self.symbol([k << 16 for k in range(257)]) == self.digest & 255

    def shortest(self) -> bytes:
        """The only bytes that stand for what was read."""
        for length in range(4 * self.words + 1):
            unit = 8 * (4 * self.words - length)
            candidate = -(-self.low >> unit)
            if candidate << unit < self.low + self.range and candidate < 1 << 8 * length:
                return candidate.to_bytes(length, "big").rstrip(b"\0")
        raise AssertionError


def bounds_of(frequencies: Sequence[int]) -> list[int]:
    total, n = sum(frequencies), len(frequencies)
    sums = accumulate(frequencies, initial=0)
    return [*[s * ((1 << 24) - n) // total + k for k, s in enumerate(sums)][:-1], 1 << 24]


# Integer networks and model files.


def clip(a: Ints, limit: int) -> Ints:
    return np.clip(a, -limit, limit)


def short(a: Ints) -> Ints:
    return clip(a, 32767)


def leaky(a: Ints) -> Ints:
    return short(np.maximum(a, a >> 3))


def spread(x: Ints) -> Ints:
    h, w, c = x.shape
    return x.reshape(h, w, 2, 2, c // 4).transpose(0, 2, 1, 3, 4).reshape(2 * h, 2 * w, c // 4)


@dataclass
class Model:
    path: Path
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with safe_open(self.path, "numpy") as file:
            self.about = dict(file.metadata())
            self.arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        self.config = json.loads(self.about["config"])

    def whole(self, name: str) -> Ints:
        return self.arrays[name].astype(np.int64)

    def table(self, name: str) -> Rows:
        rows = self.arrays[f"{name}.frequencies"].tolist()
        return [
            (low, [f for f in row if f]) for low, row in zip(self.whole(f"{name}.lowest").tolist(), rows, strict=True)
        ]

    def layer(self, name: str, x: Ints, shift: int | None = None) -> Ints:
        """[..., in] -> [..., out], pointwise."""
        s = int(self.arrays[f"{name}.shift"][0]) if shift is None else shift
        half = 1 << s >> 1
        return (x @ self.whole(f"{name}.weight").T + self.whole(f"{name}.bias") + half) >> s

    def around(self, name: str, x: Ints) -> Ints:
        """Depth-wise, [h, w, C]."""
        s, weight = int(self.arrays[f"{name}.shift"][0]), self.whole(f"{name}.weight")
        h, w, _ = x.shape
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        total = sum(padded[k // 3 : k // 3 + h, k % 3 : k % 3 + w] * weight[k] for k in range(9))
        return (total + self.whole(f"{name}.bias") + (1 << s >> 1)) >> s

    def integers(self, name: str, x: Ints) -> Ints:
        """A network of pointwise layers."""
        x = short(x)
        shifts = self.arrays[f"{name}.shifts"].tolist()
        for i, shift in enumerate(shifts):
            x = self.layer(f"{name}.{i}", x, shift)
            x = leaky(x) if i < len(shifts) - 1 else clip(x, 1 << 30)
        return x

    def run(self, name: str, inputs: dict[str, NDArray[Any]]) -> NDArray[Any]:
        """The first output of a network in floating point."""
        weights = {
            key.removeprefix(f"{name}."): onnxruntime.OrtValue.ortvalue_from_numpy(value.astype(np.float32))
            for key, value in self.arrays.items()
            if key.startswith(f"{name}.")
        }
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.add_external_initializers(list(weights), list(weights.values()))
        graph = self.arrays[f"graph.{name}"].tobytes()
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        output: NDArray[Any] = session.run(None, inputs)[0]
        return output

    def vector(self, name: str, q: int) -> NDArray[np.float32]:
        g = self.arrays[f"gains.{name}"].astype(np.float64)
        u = q * (len(g) - 1) / 255
        i = min(int(u), len(g) - 2)
        vector: NDArray[np.float32] = np.exp(g[i] + (u - i) * (g[i + 1] - g[i])).astype(np.float32)
        return vector


# hyperprior's latents.


def latents(stream: Stream, model: Model, config: dict[str, Any], q: int, height: int, width: int) -> Ints:
    """All tiles, [h, w, C] in 16ths of a step."""
    h, w = -(-height // 16), -(-width // 16)
    y_hat = np.zeros((h, w, config["latents"]), np.int64)
    for top in range(0, h, 64):
        for left in range(0, w, 64):
            part = y_hat[top : top + 64, left : left + 64]
            part[:] = tile(stream, model, config, q, part.shape[0], part.shape[1])
    return y_hat


def tile(stream: Stream, model: Model, config: dict[str, Any], q: int, th: int, tw: int) -> Ints:
    channels, steps = config["latents"], config["steps"] if config["hyper"] else 1
    ph, pw = -(-th // 4) * 4, -(-tw // 4) * 4
    z = read_z(stream, model.table("tables.z"), ph // 4 * (pw // 4), config["hyper"]).reshape(ph // 4, pw // 4, -1)
    anchors = len(model.arrays["tables.base"])
    i, r = divmod(q * (anchors - 1), 255)
    below, above = model.whole("tables.base")[[i, min(i + 1, anchors - 1)]]
    base = (below * (255 - r) + above * r + 127) // 255
    psi = np.zeros(0, np.int64)
    if config["hyper"]:
        x = np.concatenate([short(256 * z), np.full((*z.shape[:2], 1), q)], 2)
        x = spread(leaky(model.layer("integer.synthesis.enter", x)))
        x = leaky(model.layer("integer.synthesis.mix", short(model.around("integer.synthesis.spatial", x))))
        x = spread(leaky(model.layer("integer.synthesis.up", x)))
        psi = leaky(model.layer("integer.synthesis.leave", short(model.around("integer.synthesis.leave_spatial", x))))
    known = np.zeros((ph, pw, channels), np.int64)
    table = model.table("tables.y")
    for k in range(steps):
        mean, row = np.zeros_like(known), np.zeros_like(known)
        if config["hyper"]:
            predict(model, config, k, psi, known, base, mean, row)
        else:
            a = (2 * q * (anchors - 1) + 255) // 510
            row[:] = 1 + a * channels + np.arange(channels)
        places = elements(ph, pw, channels, k) if steps == 4 else [*np.ndindex(ph, pw, channels)]
        coded = [p for p in places if p[0] < th and p[1] < tw and row[p] > 0]
        got = stream.symbols([int(row[p]) for p in coded], table)
        decoded = {p: 0 if p[0] >= th or p[1] >= tw else int(mean[p]) for p in places}
        for p, value in zip(coded, got, strict=True):
            assert abs(value) <= 1000
            decoded[p] += 16 * value
        stream.note(list(decoded.values()))
        for p, value in decoded.items():
            known[p] = value
    return known[:th, :tw]


def predict(
    model: Model, config: dict[str, Any], k: int, psi: Ints, known: Ints, base: Ints, mean: Ints, row: Ints
) -> None:
    """Fill in means and rows of a step's elements."""
    name, steps = f"integer.step{k}", config["steps"]
    lifted = known << int(model.arrays["integer.psi_bits"][0]) - 4
    x = leaky(model.layer(f"{name}.mix", np.concatenate([psi, lifted], 2) if k else psi))
    if k:
        x = leaky(model.layer(f"{name}.mix_around", short(model.around(f"{name}.around", x))))
    group = config["latents"] // steps
    for p in range(steps):
        o = model.layer(f"{name}.head{p}", x if steps == 1 else x[p // 2 :: 2, p % 2 :: 2])
        first = (k ^ p) * group
        cells = (slice(None), slice(None)) if steps == 1 else (slice(p // 2, None, 2), slice(p % 2, None, 2))
        where = (*cells, slice(first, first + group))
        if config["means"]:
            mean[where] = clip((o[..., :group] + 8) >> 4, 16000)
            o = o[..., group:]
        row[where] = np.clip((o + base[first : first + group] + 128) >> 8, 0, 63)


def elements(ph: int, pw: int, channels: int, k: int) -> list[tuple[int, ...]]:
    group = channels // 4
    return [
        (y + p // 2, x + p % 2, (k ^ p) * group + c)
        for y in range(0, ph, 2)
        for x in range(0, pw, 2)
        for p in range(4)
        for c in range(group)
    ]


def read_z(stream: Stream, table: Rows, n: int, channels: int) -> Ints:
    return np.array(stream.symbols([*range(channels)] * n, table), np.int64).reshape(n, channels)


# Parts of conceptual.

LABEL, LEFT, UP, BEFORE, ABOVE = range(5)
NEAR = ((-1, 0), (-2, 0), (-3, 0), (-4, 0),
        (-3, -1), (-2, -1), (-1, -1), (0, -1), (1, -1), (2, -1),
        (-3, -2), (-2, -2), (-1, -2), (0, -2), (1, -2), (2, -2), (3, -2), (4, -2),
        (-1, -3), (0, -3), (1, -3), (3, -3), (5, -3))  # fmt: skip
FAR = ((-8, 0), (-4, 0), (-4, -4), (0, -4), (4, -4), (8, -4), (0, -8), (8, -8))
RUNS = ((LEFT, -1, 0), (LEFT, 0, -1), (LEFT, 2, -1), (LEFT, 0, -2), (LEFT, 2, -2),
        (UP, -1, 0), (UP, -1, -1), (UP, 0, -1), (UP, 1, -1), (UP, 2, -1),
        (BEFORE, -1, 0), (BEFORE, 0, -1), (BEFORE, 2, -1), (ABOVE, -1, 0), (ABOVE, 0, -1), (ABOVE, 2, -1))  # fmt: skip
BUCKETS = (1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 17, 21, 26, 33, 45, 65, 91, 129)


def label_map(stream: Stream, model: Model, h: int, w: int) -> Ints:
    n = int(model.arrays["labels.layout"][1])
    side = math.isqrt(h * w)
    unit = max(1, (side + 16) // 32)
    offsets = [(LABEL, *o) for o in NEAR] + [(LABEL, dx * unit, dy * unit) for dx, dy in FAR] + [*RUNS]
    counts = [19 if plane in (LEFT, UP) else n + 1 for plane, _, _ in offsets]
    starts = [*accumulate(counts, initial=0)]
    rows, seen_rows, exp = (model.whole(f"labels.{name}") for name in ("table", "seen", "exp"))
    bias = model.whole("labels.scale")[sum(bound <= side for bound in (45, 91, 181))]
    classes = np.full((h, w), -1, np.int64)
    seen: set[int] = set()
    for t in range(w + 3 * h):
        wave = [(y, t - 3 * y) for y in range(h) if 0 <= t - 3 * y < w]
        known = bias + sum(seen_rows[c] for c in seen)
        frequencies = []
        for y, x in wave:
            values = [plane_at(classes, n, plane, y + dy, x + dx) for plane, dx, dy in offsets]
            values.append(32 * (32 * y // h) + 32 * x // w)
            total = known + sum(rows[start + value] for start, value in zip(starts, values, strict=True))
            logits = model.integers("labels.network", leaky(total)[None])[0]
            e = exp[np.minimum(logits.max() - logits, 1536)]
            f = 1 + e * ((1 << 20) - n) // e.sum()
            f[logits.argmax()] += (1 << 20) - f.sum()
            frequencies.append(f.tolist())
        got = stream.frequencies(frequencies)
        for place, c in zip(wave, got, strict=True):
            classes[place] = c
        seen |= set(got)
    return classes


def plane_at(classes: Ints, n: int, plane: int, y: int, x: int) -> int:
    h, w = classes.shape
    if not (0 <= y < h and 0 <= x < w):
        return 0 if plane in (LEFT, UP) else n
    if plane == LABEL:
        return int(classes[y, x])
    run = classes[y, : x + 1] if plane in (LEFT, BEFORE) else classes[: y + 1, x]
    others = np.flatnonzero(run != run[-1])
    last = int(others[-1]) if others.size else -1
    if plane in (LEFT, UP):
        length = min(len(run) - 1 - last, 255)
        return sum(bound <= length for bound in BUCKETS)
    return n if last < 0 else int(run[last])


@dataclass
class Regions:
    labels: list[int]
    parents: list[int]
    depths: list[int]
    index: Ints

    @staticmethod
    def of(classes: Ints, parents: list[list[int]]) -> Regions:
        present = set(np.unique(classes).tolist())
        parent = {n: next((p for p in parents[n] if p in present), None) for n in present}

        def depth(n: int) -> int:
            up = parent[n]
            return 0 if up is None else 1 + depth(up)

        labels = sorted(present, key=lambda n: (depth(n), n))
        above = [labels.index(up) if (up := parent[n]) is not None else -1 for n in labels]
        index = np.vectorize(labels.index, otypes=[np.int64])(classes)
        return Regions(labels, above, [depth(n) for n in labels], index)


@dataclass
class Step:
    exponent: int

    def __post_init__(self) -> None:
        ratio = float((64 / 0.11) ** (1 / 63))
        self.step, self.inverse = round(256 * ratio**self.exponent), round(4096 / ratio**self.exponent)

    def base(self, y: Ints) -> Ints:
        return (y * self.step + 128) >> 8

    def gaussian(self, stream: Stream, model: Model, outputs: Ints) -> Ints:
        """What is decoded where a network of means and rows gave these outputs."""
        m, s = np.split(outputs, 2, axis=1)
        mean = (m * self.inverse + (1 << 15)) >> 16
        row = np.clip(((s + 128) >> 8) - self.exponent, 0, 63)
        table = model.table("tables.gaussian")
        return np.array(stream.gaussian(mean.ravel().tolist(), row.ravel().tolist(), table)).reshape(mean.shape)


def textures(stream: Stream, model: Model, found: Regions, step: Step) -> Ints:
    """base(t), [K, textures]."""
    config = model.config
    z = read_z(stream, model.table("tables.hyper"), len(found.labels), config["hyper"])
    t = np.zeros((len(found.labels), config["textures"]), np.int64)
    for depth in sorted(set(found.depths)):
        rows = [r for r, d in enumerate(found.depths) if d == depth]
        one_hot = 16 * np.eye(config["classes"], dtype=np.int64)[[found.labels[r] for r in rows]]
        above = np.array([t[found.parents[r]] if found.parents[r] >= 0 else 0 * t[0] for r in rows])
        outputs = model.integers("integer.texture", np.concatenate([16 * z[rows], one_hot, above], 1))
        t[rows] = step.base(step.gaussian(stream, model, outputs))
    return t


def detail(stream: Stream, model: Model, found: Regions, t: Ints, step: Step) -> Ints:
    """base(w), [rows, columns, detail]."""
    config, side = model.config, model.config["working_size"] // 32
    size = len(found.index) // side
    inputs = []
    for row, column in np.ndindex(side, side):
        samples = found.index[row * size : (row + 1) * size, column * size : (column + 1) * size]
        a = np.array([64 * int((samples == r).sum()) // samples.size for r in range(len(found.labels))])
        share = np.zeros(config["classes"], np.int64)
        share[found.labels] = a
        place = np.zeros(64, np.int64)
        place[8 * (8 * row // side) + 8 * column // side] = 64
        inputs.append(np.concatenate([share, (a @ t + 8) >> 4, place]))
    outputs = model.integers("integer.detail", np.array(inputs))
    return step.base(step.gaussian(stream, model, outputs)).reshape(side, side, -1)


def noise(height: int, width: int) -> NDArray[np.float32]:
    y, x = np.arange(height, dtype=np.uint32)[:, None], np.arange(width, dtype=np.uint32)
    v = y * np.uint32(0x9E3779B1) + x * np.uint32(0x85EBCA77) + np.uint32(0x27D4EB2F)
    v = (v ^ v >> 16) * np.uint32(0x85EBCA6B)
    v = (v ^ v >> 13) * np.uint32(0xC2B2AE35)
    v = v ^ v >> 16
    plane: NDArray[np.float32] = (((v + 0.5) / 2**32 - 0.5) * 12**0.5)[None, None].astype(np.float32)
    return plane


# Files.


@dataclass
class Decoded:
    """picture uint8 [H, W, 3]; labels and latents as the recorded hashes want them."""

    picture: NDArray[np.uint8]
    labels: NDArray[np.uint8] | None = None
    latents: NDArray[np.int16] | None = None


def decode(data: bytes, models: Path) -> Decoded:
    """A file without extras, of any codec with a model file."""
    assert data[0] == 0xC5 and data[1] >> 4 == 1 and not data[1] & 4
    if data[1] & 8:
        tag, q, payload = data[8:12], data[12], data[21:]
        width, height = (1 + int.from_bytes(data[i : i + 4], "big") for i in (13, 17))
    else:
        tag, q, sides, payload = data[5:9], data[9], int.from_bytes(data[10:13], "big"), data[13:]
        width, height = 1 + (sides >> 12), 1 + (sides & 0xFFF)
    (path,) = models.glob(f"*-{tag.hex()}.safetensors")
    model, stream = Model(path), Stream(payload)
    kind = model.about["codec"], model.about["bitstream"]
    decoder = {("hyperprior", "1"): hyperprior, ("conceptual", "1"): faces, ("conceptual", "2"): photographs}[kind]
    return decoder(stream, model, q, height, width)


def end(stream: Stream) -> None:
    assert stream.check() and stream.shortest() == stream.data


def hyperprior(stream: Stream, model: Model, q: int, height: int, width: int) -> Decoded:
    y_hat = latents(stream, model, model.config, q, height, width)
    end(stream)
    inputs = {"y_hat": (y_hat / 16).astype(np.float32)[None]}
    inputs |= {"step": model.vector("step", q), "factor": model.vector("synthesis", q)}
    image = model.run("synthesis", inputs)
    return Decoded(image[0, :height, :width], latents=y_hat.astype(np.int16))


def faces(stream: Stream, model: Model, byte: int, height: int, width: int) -> Decoded:
    size = model.config["working_size"]
    side, step = size // (8, 4, 2)[byte >> 6], Step((byte & 63) - 32)
    classes = label_map(stream, model, side, side)
    found = Regions.of(classes, model.config["parents"])
    t = textures(stream, model, found, step)
    w = detail(stream, model, found, t, step)
    end(stream)
    along = (np.arange(size // 16) + 0.5) / (size // 16) * 2 - 1
    x, y = np.meshgrid(along, along)
    pi = np.pi
    planes = [
        x,
        y,
        np.sin(pi * x),
        np.cos(pi * y),
        np.sin(2 * pi * x),
        np.cos(2 * pi * y),
        np.cos(pi * x),
        np.sin(pi * y),
    ]
    inputs = {
        "textures": (t / 16).astype(np.float32),
        "labels": np.array(found.labels),
        "index": found.index[None],
        "detail": (w / 16).astype(np.float32).transpose(2, 0, 1)[None],
        "coordinates": np.stack(planes)[None].astype(np.float32),
        **{f"noise{s}": noise(size // s, size // s) for s in (4, 2, 1)},
    }
    image = np.rint(255 * np.clip(model.run("generator", inputs)[0], 0, 1)).astype(np.uint8).transpose(1, 2, 0)
    if (height, width) != (size, size):
        image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
    return Decoded(image, labels=classes.astype(np.uint8))


def photographs(stream: Stream, model: Model, q: int, height: int, width: int) -> Decoded:
    h, w = -(-height // 16), -(-width // 16)
    k = next(k for k in range(64) if 256 * h * w <= 3 * 2**19 * 4**k)
    classes = label_map(stream, model, -(-h >> k), -(-w >> k))
    found = Regions.of(classes, model.config["parents"])
    t = textures(stream, model, found, Step(0))
    coarse = model.config["coarse"]
    y_hat = latents(stream, model, coarse, q, height, width) if q else np.zeros((h, w, coarse["latents"]), np.int64)
    end(stream)
    inputs = {
        "y_hat": (y_hat / 16).astype(np.float32)[None],
        "step": model.vector("step", q),
        "factor": model.vector("synthesis", q),
        "textures": (t / 16).astype(np.float32),
        "labels": np.array(found.labels),
        "index": found.index[np.arange(h)[:, None] >> k, np.arange(w) >> k][None],
        **{f"noise{16 // m}": noise(m * h, m * w) for m in (4, 8, 16)},
    }
    return Decoded(model.run("generator", inputs)[0, :height, :width], labels=classes.astype(np.uint8))


if __name__ == "__main__":
    source, folder, target = map(Path, sys.argv[1:])
    Image.fromarray(decode(source.read_bytes(), folder).picture).save(target)
