"""A codec without a model, deflated samples that a quality coarsens, to test container and command line alone."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from sccodec import api
from sccodec.bundle import Installed
from sccodec.codec import Codec, Encoder, Info, Labelled, Notice, Options, Picture, Reading, Spec, Stream
from sccodec.container import Container

TAG = b"fake"
owner_of_others = api.named_by


def named_by(file: Container) -> tuple[str, Installed | None]:
    """In place of sccodec.api.named_by: the fake codec has a tag, and no model file."""
    return ("fake", None) if file.tag == TAG else owner_of_others(file)


@dataclass(frozen=True)
class FakeReading(Reading):
    stream: Stream

    def picture(self) -> Picture:
        c = self.stream.container
        return np.frombuffer(zlib.decompress(c.payload), np.uint8).reshape(c.height, c.width, 3)

    def info(self) -> Info:
        c, n = self.stream.container, self.stream.file_bytes
        sections = [("samples", float(len(c.payload)))]
        bpp, overhead = 8 * n / (c.width * c.height), n - len(c.payload)
        return Info("fake", "plain", c.tag.hex(), c.width, c.height, n, bpp, overhead, sections, {"quality": c.params})


class Fake(Codec[Stream], Labelled):
    name = "fake"
    summary = "deflated samples, for tests"

    def encoder(self, picture: Picture, spec: Spec, notice: Notice, options: Options) -> Encoder:
        self.check(spec)
        height, width = picture.shape[:2]

        def encode(quality: float | None) -> Container:
            if picture.max() == 0:
                notice("the picture is black\nall over")
            step = 1 if quality is None else 1 + int(100 - quality) // 2
            params = 50 if quality is None else int(quality)
            return Container(TAG, width, height, params, zlib.compress((picture // step * step).tobytes()))

        return encode

    def read(self, file: Stream, options: Options) -> FakeReading:
        return FakeReading(file)

    def labels(self, file: Stream, options: Options) -> Picture:
        return self.read(file, options).picture()[::4, ::4, 0] // 16


def codec() -> Fake:
    return Fake()
